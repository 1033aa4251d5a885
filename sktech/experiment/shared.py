"""Tables for several processes of a machine: written down once, and mapped into the memory of each."""

import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import joblib

_PREFIX = "sktech-tables-"


@contextmanager
def mapped_tables(tables):
    """Write tables down for other processes; the files are removed when the block ends.

    What a killed process has left is removed by the next one that comes here.

    Parameters
    ----------
    tables : list of Table

    Yields
    ------
    paths : dict of Table to str
        What :func:`mapped_table` takes.
    """
    _remove_orphans()
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-") as folder:
        paths = {table: os.path.join(folder, f"{number}.joblib") for number, table in enumerate(tables)}
        for table, path in paths.items():
            joblib.dump(table, path)
        yield paths


@lru_cache(maxsize=8)
def mapped_table(path):
    """A table whose numbers are mapped into memory, not read: all processes of a machine share them.

    Parameters
    ----------
    path : str
        A file written by :func:`mapped_tables`.

    Returns
    -------
    table : Table
    """
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
