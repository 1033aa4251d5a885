"""Columns of every kind, and what holds a table of them."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse

MAX = np.finfo(np.float64).max

# ---------------------------------------------------------------- columns: what makes one, and what a refusal names

LEVELS = np.array(["a", "b", "", "ø", "a\x00", "1", "1.0", "nan", "-2", "long" * 9], dtype=object)


def some(rng, n, values):
    values = np.array([*values, None], dtype=object)[:-1]  # tuples and lists stay what they are
    return values[rng.integers(len(values), size=n)]


def integers(kind):
    info = np.iinfo(kind)
    return lambda rng, n: some(rng, n, [info.min, info.max, info.max - 1, 0, 1, 7]).astype(kind)


def nullable(kind, *values):
    return lambda rng, n: pd.array(some(rng, n, [*values, None]), dtype=kind)


def categories(*levels, n_used=None, **how):
    return lambda rng, n: pd.Categorical(some(rng, n, [*levels[:n_used], None]), categories=list(levels), **how)


def floats(*values):
    return lambda rng, n: some(rng, n, values).astype(float)


def objects(*values):
    return lambda rng, n: some(rng, n, values)


GOOD_COLUMNS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "far from zero": lambda rng, n: 1e9 + rng.normal(size=n),
    "heavy tail": lambda rng, n: rng.standard_cauchy(n) ** 15,
    "huge": lambda rng, n: rng.normal(size=n) * 1e300,
    "float32's limit": lambda rng, n: rng.normal(size=n) * 1e38,
    "float64's limit": floats(MAX, -MAX, 0.0),
    "near the limit": lambda rng, n: MAX * rng.uniform(-1, 1, n),
    "two huge": floats(1e300, -1e300),
    "tiny": lambda rng, n: rng.normal(size=n) * 1e-300,
    "denormal": floats(5e-324, 1e-320, -1e-310, 0.0, -0.0),
    "huge and tiny": floats(MAX, 1e300, 5e-324, 1.0, -1e-300, np.nan),
    "missing": floats(np.nan, 1.0, 2.5),
    "all missing": floats(np.nan),
    "constant": floats(3.0),
    "constant or missing": floats(MAX, np.nan),
    "float16": lambda rng, n: rng.normal(size=n).astype(np.float16),
    "float32": lambda rng, n: some(rng, n, [3.4e38, -3.4e38, 1e-45, 1.0]).astype(np.float32),
    **{kind: integers(kind) for kind in ("int8", "uint8", "int32", "int64", "uint64")},
    "Int64": nullable("Int64", 2**62, -(2**62), 0),
    "Float64": nullable("Float64", 1.5, MAX),
    "bool": lambda rng, n: rng.uniform(size=n) < 0.5,
    "boolean": nullable("boolean", True, False),
    "object bool": objects(True, False, None),
    "object numbers": objects(1, 2.5, np.float32(3), None, float("nan"), True, Decimal("1.5")),
    "object missing": objects(None, float("nan")),
    "object NA": objects(pd.NA, None),
    "strings": objects(*LEVELS),
    "strings or missing": objects("a", "b", None, float("nan")),
    "many strings": lambda rng, n: rng.integers(10**6, size=n).astype(str).astype(object),
    "string": nullable("string", "a", "b", ""),
    "category": categories("a", "b", "c"),
    "ordered": categories("low", "mid", "high", ordered=True),
    "unused": categories(*"abcdefghijkl", n_used=2),
    "numeric categories": categories(1, 2, 30),
    "float categories": categories(0.5, 1.0, MAX),
    "empty categories": categories("a", "b", n_used=0),
    "strings and numbers": objects("a", 1, 2.5, None, True),
    "date categories": lambda rng, n: pd.Categorical(pd.to_datetime(some(rng, n, ["2020-01-01", "2021-01-01"]))),
    "tuples": objects((1, 2), (1,), (), None),
    "bytes": objects(b"a", b"b"),
}
BAD_COLUMNS = {
    "infinite": floats(np.inf, 1.0, -np.inf),
    "object infinite": objects(float("inf"), 1, None),
    "huge int": objects(10**400, 1),
    "complex": lambda rng, n: rng.normal(size=n) + 1j,
    "object complex": objects(1j, 2.0),
    "dates": lambda rng, n: pd.to_datetime(rng.integers(10**9, size=n), unit="s"),
    "zones": lambda rng, n: pd.to_datetime(rng.integers(10**9, size=n), unit="s", utc=True),
    "durations": lambda rng, n: pd.to_timedelta(rng.integers(10**9, size=n), unit="s"),
    "periods": lambda rng, n: pd.PeriodIndex(["2020-01"] * n, freq="M"),
    "lists": objects([1, 2], [3], []),
    "arrays": objects(np.arange(2), np.arange(3)),
    "dicts": objects({"a": 1}, {}),
    "sparse": lambda rng, n: pd.arrays.SparseArray(np.zeros(n)),
}
COLUMNS = GOOD_COLUMNS | BAD_COLUMNS


NAMES = {
    "plain": lambda i: f"x{i}",
    "twice": lambda i: f"x{i // 2}",
    "numbers": lambda i: i,
    "mixed": lambda i: i if i % 2 else f"x{i}",
    "odd": lambda i: ("", None, "x\n", 1.5, pd.Timestamp(0))[i] if i < 5 else i,
    "two levels": lambda i: ("x", i),
}
INDICES = {
    "plain": lambda i: i,
    "alike": lambda i: 0,
    "missing": lambda i: None,
    "two levels": lambda i: (i % 2, -i),
}


def made(kinds, n, seed, names="plain", index="plain"):
    """A data frame of such columns."""
    rng = np.random.default_rng(seed)
    rows = pd.Index([INDICES[index](i) for i in range(n)])
    columns = [pd.Series(COLUMNS[kind](rng, n), index=rows) for kind in kinds]
    # By hand, as concat orders an index that it takes for another.
    frame = pd.DataFrame({i: column.array for i, column in enumerate(columns)}, index=rows)
    labels = [NAMES[names](i) for i in range(len(kinds))]
    return frame.set_axis(pd.MultiIndex.from_tuples(labels) if names == "two levels" and labels else labels, axis=1)


# ---------------------------------------------------------------- what holds a table


def numbers_of(frame):
    own = [frame.iloc[:, i] for i in range(frame.shape[1]) if frame.dtypes.iloc[i].kind in "fiub"]
    own = [column.to_numpy(np.float64, na_value=np.nan) for column in own]
    return np.column_stack([np.zeros((len(frame), 0)), *own])


def as_polars(frame):
    columns = {}
    for i in range(frame.shape[1]):
        column = frame.iloc[:, i]
        values = column.astype(object).where(column.notna(), None).tolist()
        try:
            column = pl.Series(values=values)
        except (TypeError, OverflowError):
            column = pl.Series(values=[None if value is None else str(value) for value in values])
        columns[f"x{i}"] = column.cast(pl.Categorical) if column.dtype == pl.String and i % 2 else column
    return pl.DataFrame(columns)


def read_only(frame):
    values = numbers_of(frame)
    values.setflags(write=False)
    return values


CONTAINERS = {
    "pandas": lambda frame: frame,
    "polars": as_polars,
    "array": numbers_of,
    "float32": lambda frame: np.clip(numbers_of(frame), -3e38, 3e38).astype(np.float32),
    "backwards": lambda frame: np.asfortranarray(numbers_of(frame))[::-1, ::-1],
    "read-only": read_only,
    "integers": lambda frame: np.nan_to_num(numbers_of(frame)).clip(-1e9, 1e9).astype(np.int64),
    "list": lambda frame: numbers_of(frame).tolist(),
    "objects": lambda frame: frame.to_numpy(dtype=object),
    "text": lambda frame: frame.astype(str).to_numpy(dtype=str),
    "sparse": lambda frame: scipy.sparse.csr_array(np.nan_to_num(numbers_of(frame))),
    "three axes": lambda frame: numbers_of(frame)[:, :, None],
    "series": lambda frame: pd.Series(np.arange(len(frame))),
    "nothing": lambda frame: None,
}
SOUND = ["pandas", "polars", "array", "float32", "backwards", "read-only", "integers", "list"]
