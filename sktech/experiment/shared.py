"""Tables for several processes of a machine: written down once, and mapped into the memory of each."""

import os
import pickle
import re
import shutil
import tempfile
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np

_PREFIX = "sktech-tables-"
_ALIGNMENT = 64  # bytes, as Arrow and numpy like it


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
        paths = {table: os.path.join(folder, f"{number}.pickle") for number, table in enumerate(tables)}
        for table, path in paths.items():
            _write(table, path)
        yield paths


@lru_cache(maxsize=8)
def mapped_table(path):
    """A table whose numbers and strings are mapped into memory, not read: all processes of a machine share them.

    Parameters
    ----------
    path : str
        A file written by :func:`mapped_tables`.

    Returns
    -------
    table : Table
    """
    with open(path, "rb") as file:
        pickled, spans = pickle.load(file)
    mapped = np.memmap(f"{path}.buffers", mode="r")
    return pickle.loads(pickled, buffers=[mapped[span] for span in spans])


def _write(table, path):
    """What numpy and Arrow hold in one piece goes into a file of its own, to be mapped, and the rest into a pickle."""
    buffers, spans = [], []
    pickled = pickle.dumps(table, protocol=5, buffer_callback=buffers.append)
    with open(f"{path}.buffers", "wb") as file:
        for buffer in buffers:
            file.write(bytes(-file.tell() % _ALIGNMENT))
            start = file.tell()
            file.write(buffer.raw())
            spans.append(slice(start, file.tell()))
    with open(path, "wb") as file:
        pickle.dump((pickled, spans), file)


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
