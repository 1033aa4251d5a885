"""A file or the name of a set -> a table, or one line that says what is wrong with it."""

import os
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_datetime64_any_dtype
from sklearn import datasets

from sktech.experiment.cells import as_feature, as_groups, as_text, as_time
from sktech.experiment.errors import InputError, shortened
from sktech.experiment.formats import TableFile
from sktech.experiment.leaks import find_leaks
from sktech.experiment.openml import read_openml
from sktech.experiment.roles import Roles
from sktech.experiment.table import Table
from sktech.experiment.target import check_target

BUNDLED = {name: getattr(datasets, f"load_{name}") for name in ("iris", "digits", "wine", "breast_cancer")}
_BUNDLED_PREFIX = "sklearn:"
_OPENML_PREFIX = "openml:"


def read_table(source, target=None, *, categorical=(), drop=(), groups=None, time=None, ignore_leaks=()):
    """Read a table and split it into features, labels, groups and times.

    Parameters
    ----------
    source : str or path-like
        A file that ends in .csv, .tsv or .arff (each also with .gz or .zst), .parquet or .feather; "sklearn:iris",
        "sklearn:digits", "sklearn:wine" or "sklearn:breast_cancer"; or "openml:ID", a set of openml.org. The columns
        of a CSV file may be separated by comma, semicolon or tab; one in which all cells are dates of ISO 8601, such as
        2024-12-31 or 2024-12-31 18:30, is read as days since 1970, like the dates of other formats.
    target : str, default=None
        The column to predict. None is good for the sets only, which name one.
    categorical : iterable of str, default=()
        Columns that hold categories although they look like numbers or dates.
    drop : iterable of str, default=()
        Columns to leave out.
    groups : str, default=None
        The column that says which rows belong together. It is no feature.
    time : str, default=None
        The column of numbers or dates that says which rows are later. It is no feature. Dates that are text are
        written as in ISO 8601: 2024-12-31 or 2024-12-31 18:30.
    ignore_leaks : iterable of str, default=()
        Columns that stay although they seem to give the target away.

    Returns
    -------
    table : Table

    Raises
    ------
    InputError
        If the file, the set or a column is not as expected, or :func:`~sktech.experiment.leaks.find_leaks` finds
        columns that give the whole target away and are not in ``ignore_leaks``. Those that give single classes away
        are told in ``table.leaks``.

    Examples
    --------
    >>> from sktech.experiment.data import read_table
    >>> table = read_table("sklearn:iris", drop=["petal width (cm)"])
    >>> table
    Table iris: 150 rows, 3 columns, target 'target'
    >>> table.y[0].item()
    'setosa'
    """
    source = str(source)
    roles = Roles(target, tuple(categorical), tuple(drop), groups, time, tuple(ignore_leaks))
    name, frame, target = _read(source, roles)
    roles = replace(roles, target=target)
    roles.check(source, frame.columns)
    frame.index = pd.RangeIndex(len(frame))  # what a file keeps as an index is no feature
    no_features = {target, groups, time, *roles.drop}
    features = {
        column: as_text(cells) if column in roles.categorical else as_feature(cells)
        for column, cells in frame.items()
        if column not in no_features
    }
    if not features:
        raise InputError(f"{source}: expected columns besides the target {target!r}, got none")
    X = pd.DataFrame(features, copy=False)
    if is_datetime64_any_dtype(frame[target]):
        raise InputError(f"target {target!r}: expected classes, got moments; choose another target")
    y = check_target(frame[target], target)
    group_of_rows = None if groups is None else as_groups(frame[groups])
    time_of_rows = None if time is None else as_time(frame[time])
    leaks = find_leaks(X, y)
    _refuse_leaks(source, [leak for leak in leaks if leak.whole and leak.column not in roles.ignore_leaks])
    told = tuple((leak.column, leak.reason) for leak in leaks)
    return Table(name, X, y, target, groups=group_of_rows, time=time_of_rows, leaks=told)


def told_apart(names, sources):
    """Names of tables; where several are the same, with as many of their folders as make them different.

    Parameters
    ----------
    names : list of str
        What the tables are called.
    sources : list of str
        Where they came from, as of :func:`read_table`.

    Returns
    -------
    names : list of str
        The same names if nothing makes them different.

    Examples
    --------
    >>> from sktech.experiment.data import told_apart
    >>> told_apart(["iris", "train", "train"], ["sklearn:iris", "data/adult/train.csv", "data/bank/train.csv"])
    ['iris', 'adult-train', 'bank-train']
    """
    folders = [_folders(source) for source in sources]
    shared = {name for name in names if names.count(name) > 1}
    for depth in range(1, max(map(len, folders), default=0) + 1):
        longer = [
            "-".join([*of_file[-depth:], name]) if name in shared else name
            for name, of_file in zip(names, folders, strict=True)
        ]
        if len(set(longer)) == len(longer):
            return longer
    return names


def _folders(source):
    for prefix in (_BUNDLED_PREFIX, _OPENML_PREFIX):
        if source.startswith(prefix):
            return [prefix.rstrip(":")]
    return Path(os.path.abspath(source)).parent.parts[1:]  # not the root


def _read(source, roles):
    """The name of a table, its columns, and what is to be predicted."""
    if source.startswith(_BUNDLED_PREFIX):
        name = source.removeprefix(_BUNDLED_PREFIX)
        if name not in BUNDLED:
            raise InputError(f"unknown set {source!r}; known are {_bundled_sets()}")
        bunch = BUNDLED[name](as_frame=True)
        classes = np.asarray(bunch.target_names).astype(str)
        return name, bunch.data.assign(target=classes[bunch.target]), roles.target or "target"
    if source.startswith(_OPENML_PREFIX):
        return read_openml(source.removeprefix(_OPENML_PREFIX), roles.target)
    file = TableFile(Path(source))
    if not file.path.exists():
        raise InputError(f"{source}: no such file")
    if not file.is_known:
        raise InputError(
            f"{source}: expected a file that ends in {file.ENDINGS}, or one of {_bundled_sets()}, or openml:ID"
        )
    return file.name, file.read(roles), roles.target


def _bundled_sets():
    return shortened(_BUNDLED_PREFIX + name for name in BUNDLED)


def _refuse_leaks(source, leaks):
    if not leaks:
        return
    found = "; ".join(f"column {leak.column!r} {leak.reason}" for leak in leaks)
    names = shlex.join(leak.column for leak in leaks)
    raise InputError(
        f"{source}: {found}. Leave out what is not known before the target is with --drop {names}, "
        f"or keep it with --ignore-leaks {names}"
    )
