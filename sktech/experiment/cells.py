"""Columns as they were read -> numbers, truth values, strings, group numbers, sort keys."""

import re

import numpy as np
import pandas as pd
from pandas.api.types import (
    infer_dtype,
    is_bool_dtype,
    is_datetime64_any_dtype,
    is_integer_dtype,
    is_numeric_dtype,
    is_object_dtype,
)

from sktech.experiment.errors import InputError

_SECONDS_PER_DAY = 86_400
_DATE = r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)?)?"


def as_feature(column):
    """Numbers and truth values as they are, days since 1970 for points in time, strings for the rest.

    Parameters
    ----------
    column : Series of shape (n,)

    Returns
    -------
    column : Series of shape (n,)
        The same object where nothing has to change. Missing values are NaN, decimal numbers float64.

    Raises
    ------
    InputError
        If numbers are infinite, or cells hold lists.
    """
    column = _with_floats(column)
    if is_datetime64_any_dtype(column.dtype):
        return _days(column)
    if is_bool_dtype(column.dtype) and not column.isna().any():
        return column.astype(bool)
    if is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype):
        _check_finite(column)
        return column.astype("float64") if column.isna().any() else column
    return as_text(column)


def as_text(column):
    """Strings, NaN where a value is missing.

    Parameters
    ----------
    column : Series of shape (n,)

    Returns
    -------
    column : Series of shape (n,)

    Raises
    ------
    InputError
        If cells hold lists.
    """
    _check_single(column)
    if not isinstance(column.dtype, pd.StringDtype):
        column = column.map(str, na_action="ignore")
    return column.astype(pd.StringDtype(na_value=np.nan))


def as_groups(column):
    """Numbers from 0 on, in the order in which the groups appear.

    Parameters
    ----------
    column : Series of shape (n,)

    Returns
    -------
    groups : ndarray of shape (n,), int64

    Raises
    ------
    InputError
        If a value is missing, or cells hold lists.
    """
    _check_complete(column, "groups")
    _check_single(column)
    return pd.factorize(column)[0].astype("int64")


def as_time(column):
    """Numbers that sort the rows: those of the column, or days since 1970 for dates (ISO 8601 where they are text).

    Parameters
    ----------
    column : Series of shape (n,)

    Returns
    -------
    time : ndarray of shape (n,), int64 or float64

    Raises
    ------
    InputError
        If a value is missing, or is neither a finite number nor a date.
    """
    _check_complete(column, "time")
    column = _with_floats(column)
    if is_numeric_dtype(column.dtype) and not is_bool_dtype(column.dtype):
        _check_finite(column)
        return column.to_numpy("int64" if is_integer_dtype(column.dtype) else "float64")
    return _days(as_dates(column)).to_numpy("float64")


def as_dates(column):
    """Points in time, read from ISO 8601 where they are text; other ways to write them are ambiguous.

    Parameters
    ----------
    column : Series of shape (n,)

    Returns
    -------
    dates : Series of shape (n,), datetime64
        NaT where a value is missing.

    Raises
    ------
    InputError
        If a value is no date.
    """
    if is_datetime64_any_dtype(column.dtype):
        return column
    dates = pd.to_datetime(column.map(str, na_action="ignore"), format="ISO8601", utc=True, errors="coerce")
    wrong = column[dates.isna() & column.notna()]
    if len(wrong):
        raise InputError(
            f"column {column.name!r}: expected dates such as 2024-12-31 or 2024-12-31 18:30, got {str(wrong.iloc[0])!r}"
        )
    return dates


def text_as_dates(column):
    """Points in time where each cell is empty or a date of ISO 8601, at least a day; else the column as it is.

    Parameters
    ----------
    column : Series of shape (n,)

    Returns
    -------
    column : Series of shape (n,)
    """
    cells = column.dropna()
    if is_numeric_dtype(column.dtype) or not all(map(_looks_like_a_date, cells)) or cells.empty:
        return column
    try:
        return as_dates(column)
    except InputError:  # there is no such day
        return column


def _looks_like_a_date(cell):
    return isinstance(cell, str) and re.fullmatch(_DATE, cell) is not None


def _days(column):
    return (column - pd.Timestamp(0, tz=column.dt.tz)).dt.total_seconds() / _SECONDS_PER_DAY


def _with_floats(column):
    """Decimal numbers as floats; what is no decimal number stays as it is."""
    return pd.to_numeric(column) if infer_dtype(column) == "decimal" else column


def _check_single(column):
    if is_object_dtype(column.dtype) and column.map(lambda value: isinstance(value, list | dict | np.ndarray)).any():
        raise InputError(f"column {column.name!r}: expected one value per cell, got a list")


def _check_finite(column):
    if np.isinf(column.to_numpy(dtype=float, na_value=np.nan)).any():
        raise InputError(f"column {column.name!r}: expected finite numbers, got infinite ones")


def _check_complete(column, role):
    if missing := int(column.isna().sum()):
        raise InputError(f"{role} {column.name!r}: {missing:,} of {len(column):,} values are missing; expected none")
