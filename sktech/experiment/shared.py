"""Tables for several processes: written down once, and mapped into the memory of each."""

import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import joblib

from sktech.experiment.table import Table

_PREFIX = "sktech-tables-"


@dataclass(frozen=True)
class MappedTable:
    """Where a table lies; its numbers are mapped into memory, not read, and all processes of a machine share them.

    Parameters
    ----------
    path : str
        A file written by :func:`mapped_tables`.
    """

    path: str

    def load(self):
        """The table."""
        return _load(self.path)


@dataclass(frozen=True, eq=False)
class TableAtHand:
    """A table that is in memory anyway, or has to travel to another machine.

    Parameters
    ----------
    table : Table
    """

    table: Table

    def load(self):
        """The table."""
        return self.table


@contextmanager
def mapped_tables(tables):
    """Write tables down for other processes; the files are removed when the block ends.

    What a killed process has left is removed by the next one that comes here.

    Parameters
    ----------
    tables : list of Table

    Yields
    ------
    mapped : list of MappedTable
    """
    _remove_orphans()
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-") as folder:
        paths = [os.path.join(folder, f"{number}.joblib") for number in range(len(tables))]
        for table, path in zip(tables, paths, strict=True):
            joblib.dump(table, path)
        yield [MappedTable(path) for path in paths]


@lru_cache(maxsize=8)
def _load(path):
    return joblib.load(path, mmap_mode="r")


def _remove_orphans():
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = re.match(rf"{_PREFIX}(\d+)-", folder.name)
        if owner and not _is_alive(int(owner[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True
