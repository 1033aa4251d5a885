"""A file or the name of a bundled set -> a data frame and labels, or one line that says what is wrong with it."""

import gzip
import re
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype
from sklearn import datasets

from sktech.experiment.errors import InputError, shortened
from sktech.experiment.table import Table
from sktech.experiment.target import check_target

BUNDLED = {name: getattr(datasets, f"load_{name}") for name in ("iris", "digits", "wine", "breast_cancer")}
_PREFIX = "sklearn:"
_ENDINGS = (".csv", ".csv.gz", ".parquet")
# A cell of a feature that says one of these is missing; of a label, only an empty cell is.
_MISSING = ["", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "<NA>", "#N/A", "?"]
_SECONDS_PER_DAY = 86_400


def read_table(source, target=None, *, categorical=(), drop=(), groups=None, time=None, ignore_leaks=()):
    categories = categorical
    """Read a table and split off the target.

    Parameters
    ----------
    source : str or path-like
        A .csv, .csv.gz or .parquet file, or "sklearn:iris", "sklearn:digits", "sklearn:wine",
        "sklearn:breast_cancer". The columns of a CSV file may be separated by comma, semicolon or tab.
    target : str, default=None
        The column to predict. None is good for bundled sets only.
    categories : iterable of str, default=()
        Columns that hold categories although they look like numbers.

    Returns
    -------
    X : DataFrame of shape (n, n_columns)
        Numbers, truth values, and strings for everything else.
    y : ndarray of shape (n,), int64 or str
        Labels.

    Raises
    ------
    InputError
        If the file or the target is not as expected.

    Examples
    --------
    >>> from sktech.experiment.data import read_table
    >>> X, y = read_table("sklearn:iris")
    >>> X.shape, y[0].item()
    ((150, 4), 'setosa')
    """
    source = str(source)
    if source.startswith(_PREFIX):
        frame, target = _bundled(source), target or "target"
        _check_names(source, frame.columns, target, categories)
    else:
        frame = _read_file(Path(source), target, categories)
    X = frame.drop(columns=target)
    if X.shape[1] == 0:
        raise InputError(f"{source}: expected columns besides the target {target!r}, got none")
    y = check_target(frame[target], target)
    return Table(Path(source).name.partition(".")[0].removeprefix("sklearn:"), X.apply(_plain), y, target=target)


def _bundled(source):
    name = source.removeprefix(_PREFIX)
    if name not in BUNDLED:
        raise InputError(f"unknown set {source!r}; known are {shortened(_PREFIX + known for known in BUNDLED)}")
    bunch = BUNDLED[name](as_frame=True)
    return bunch.data.assign(target=np.asarray(bunch.target_names).astype(str)[bunch.target])


def _read_file(path, target, categories):
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if not path.name.lower().endswith(_ENDINGS) or path.is_dir():
        raise InputError(
            f"{path}: expected a file that ends in {', '.join(_ENDINGS)}, or {_PREFIX}NAME with NAME one of "
            f"{', '.join(BUNDLED)}"
        )
    try:
        if path.name.lower().endswith(".parquet"):
            frame = pd.read_parquet(path)
            _check_names(path, frame.columns, target, categories)
            return frame.astype(dict.fromkeys(categories, object))
        return _read_csv(path, target, categories)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: expected UTF-8 text, got the byte 0x{error.object[error.start]:02x} "
            f"({error.reason}); save the file as UTF-8"
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: expected a gzip file, but it cannot be unpacked: {error}") from error
    except pd.errors.EmptyDataError as error:
        raise InputError(f"{path}: expected a header and rows, but the file is empty") from error
    except (pd.errors.ParserError, pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error


def _read_csv(path, target, categories):
    options = {"sep": _separator(path), "encoding": "utf-8-sig", "skipinitialspace": True}
    names = pd.read_csv(path, nrows=0, **options).columns
    _check_names(path, names, target, categories)
    missing = {name: [""] if name == target else _MISSING for name in names}
    texts = dict.fromkeys([target, *categories], str)
    frame = pd.read_csv(path, dtype=texts, na_values=missing, keep_default_na=False, low_memory=False, **options)
    if options["sep"] == ";":  # then commas often separate decimals
        return frame.apply(lambda column: column if column.name in texts else _with_decimal_points(column))
    return frame


def _with_decimal_points(column):
    if is_numeric_dtype(column.dtype) or not column.dropna().astype(str).str.fullmatch(r"[-+]?\d+(,\d+)?").all():
        return column
    return pd.to_numeric(column.str.replace(",", "."))


def _separator(path):
    opened = gzip.open if path.name.lower().endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig") as file:
        header = re.sub(r'"[^"]*"', "", file.readline())
    return max(",;\t", key=header.count)


def _check_names(source, names, target, categories):
    known = shortened(names)
    if target is None:
        raise InputError(f"which column is to be predicted? give it with --target; {source} has {known}")
    for name in (target, *categories):
        if name not in names:
            raise InputError(f"{source}: no column {name!r}; there are {known}")
    if target in categories:
        raise InputError(f"the target {target!r} is always read as classes; leave it out of the categories")


def _plain(column):
    """Numbers and truth values as they are, days for points in time, strings for the rest."""
    if is_datetime64_any_dtype(column.dtype):
        since = pd.Timestamp(0, tz=column.dt.tz)
        return (column - since).dt.total_seconds() / _SECONDS_PER_DAY
    if is_bool_dtype(column.dtype) and not column.isna().any():
        return column.astype(bool)
    if is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype):
        if np.isinf(column.to_numpy(dtype=float, na_value=np.nan)).any():
            raise InputError(f"column {column.name!r}: expected finite numbers, got infinite ones")
        return column.astype("float64") if column.isna().any() else column
    nested = column.map(lambda value: isinstance(value, list | dict | np.ndarray))
    if nested.any():
        raise InputError(f"column {column.name!r}: expected one value per cell, got a list")
    return column.map(str, na_action="ignore").astype(pd.StringDtype(na_value=np.nan))
