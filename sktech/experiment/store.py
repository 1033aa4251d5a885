"""Finished folds in an SQLite file, each from the moment it is finished; what is there need not be computed again.

A row is found by its key (:mod:`sktech.experiment.keys`): table, rows, model, parameters, seed and versions.
"""

import json
import sqlite3
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from sktech.experiment.errors import InputError
from sktech.experiment.records import ARRAYS, COLUMNS, FoldRecord

_FORMAT = 1
_SECONDS_TO_WAIT = 60.0  # for another run that writes at the same moment
_SECONDS_BETWEEN = 0.02
_TYPES = {int: "INTEGER", float: "REAL", str: "TEXT"}


class ResultStore:
    """A file of finished folds; use it as a context.

    A record is on the disk, whole, when :meth:`add` returns: killing the process, or the power, loses nothing that was
    added and never leaves half a record. Several runs may use a file at a time. SQLite keeps what it has just written
    beside it, in ``PATH-wal``, and locks do not work on some network drives.

    Parameters
    ----------
    path : str or path-like
        The file; it is made where there is none, in a folder that exists.

    Raises
    ------
    InputError
        If the file cannot be opened, or is something else than results of this version.

    Examples
    --------
    >>> from sktech.experiment import FoldRecord, ResultStore
    >>> record = FoldRecord(table="iris", model="a", family="own", repeat=0, fold=0, seed=1, n_train=100, n_test=50)
    >>> with ResultStore("results.sqlite") as store:                                             # doctest: +SKIP
    ...     store.add("a key", record)
    ...     store.get("a key").model
    'a'
    """

    def __init__(self, path):
        self.path = Path(path)
        self._lock = threading.Lock()  # a thread of joblib's asks what is done
        try:
            self._connection = sqlite3.connect(self.path, timeout=_SECONDS_TO_WAIT, check_same_thread=False)
            self._open()
        except sqlite3.Error as error:
            raise InputError(f"{self.path}: expected a file for results (SQLite), but {error}") from error

    def _open(self):
        self._write_ahead()
        self._connection.execute("PRAGMA synchronous=FULL")  # also the power may fail
        columns = ", ".join(f'"{name}" {_TYPES[FoldRecord.__annotations__[name]]}' for name in COLUMNS)
        arrays = ", ".join(f"{name} TEXT" for name in ARRAYS)
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            found = self._connection.execute("PRAGMA user_version").fetchone()[0]
            is_empty = not self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if is_empty:
                self._connection.execute(
                    "CREATE TABLE folds (key TEXT PRIMARY KEY, finished TEXT NOT NULL, described TEXT NOT NULL, "
                    f"{columns}, {arrays})"
                )
                self._connection.execute(f"PRAGMA user_version = {_FORMAT}")
        if not is_empty and found != _FORMAT:
            self._connection.close()
            raise InputError(f"{self.path}: expected results in format {_FORMAT}, got {found}; give another file")

    def _write_ahead(self):
        """Keep what is written in a file beside it first; where two runs make the file, SQLite lets neither wait."""
        deadline = time.monotonic() + _SECONDS_TO_WAIT
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
            time.sleep(_SECONDS_BETWEEN)

    def get(self, key):
        """The record under a key, or None.

        Parameters
        ----------
        key : str

        Returns
        -------
        record : FoldRecord or None
        """
        names = (*COLUMNS, *ARRAYS)
        with self._lock:
            row = self._connection.execute(f"SELECT {_listed(names)} FROM folds WHERE key = ?", (key,)).fetchone()
        return None if row is None else _record(dict(zip(names, row, strict=True)))

    def add(self, key, record, described=""):
        """Keep a record. Where there is one without failure already, that one stays.

        Parameters
        ----------
        key : str
        record : FoldRecord
        described : str, default=""
            What the key was made of, for people who read the file.

        Returns
        -------
        kept : FoldRecord
            What is in the file now.
        """
        values = {"key": key, "finished": datetime.now(UTC).isoformat(timespec="seconds")}
        values |= {"described": described} | {name: _plain(value) for name, value in record.row().items()}
        values |= {name: _as_text(getattr(record, name)) for name in ARRAYS}
        replaced = ", ".join(f'"{name}" = excluded."{name}"' for name in values if name != "key")
        with self._lock, self._connection:
            self._connection.execute(
                f"INSERT INTO folds ({_listed(values)}) VALUES ({', '.join(':' + name for name in values)}) "
                f"ON CONFLICT (key) DO UPDATE SET {replaced} WHERE folds.status != 'ok'",
                values,
            )
        return self.get(key)

    def __len__(self):
        return self._connection.execute("SELECT count(*) FROM folds").fetchone()[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._connection.close()


def _listed(names):
    return ", ".join(f'"{name}"' for name in names)


def _plain(value):
    """What SQLite keeps; it has no NaN."""
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else float(value)
    return int(value) if isinstance(value, np.integer) else value


def _as_text(array):
    return None if array is None else json.dumps(np.asarray(array).tolist())


def _record(values):
    for name in COLUMNS:
        if values[name] is None:
            values[name] = float("nan")
    for name in ARRAYS:
        values[name] = None if values[name] is None else np.array(json.loads(values[name]))
    return FoldRecord(**values)
