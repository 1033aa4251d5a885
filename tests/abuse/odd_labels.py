"""Labels and weights of every kind, and what holds them."""

import numpy as np
import pandas as pd
import polars as pl
from odd_columns import MAX, some

LABELS = {
    "numbers": lambda i: i,
    "negative": lambda i: i - 20,
    "minus one": lambda i: i - 1,
    "huge": lambda i: 2**62 + i,
    "floats": lambda i: float(i),
    "strings": lambda i: f"class {i}",
    "odd strings": lambda i: "" if i == 0 else "ø" * i,
    "digits": lambda i: str(i),
    "booleans": lambda i: i % 2 == 1,
}
BAD_LABELS = {
    "bytes": lambda i: f"class {i}".encode(),
    "tuples": lambda i: (i, i),
    "fractions": lambda i: i + 0.5,
    "missing": lambda i: np.nan if i == 0 else float(i),
    "None": lambda i: None if i == 0 else f"class {i}",
    "infinite": lambda i: np.inf if i == 0 else float(i),
    "two types": lambda i: i if i % 2 else f"class {i}",
    "dates": lambda i: pd.Timestamp(i, unit="D"),
    "complex": lambda i: complex(i),
    "lists": lambda i: [i] * (i + 1),
    "sets": lambda i: {i},
}


def as_objects(values):
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def as_probabilities(y):
    codes = np.unique(y, return_inverse=True)[1]
    proba = np.eye(codes.max() + 2)[codes] + 0.1 * (codes % 2)[:, None]
    return proba / proba.sum(axis=1, keepdims=True)


HOLDERS = {
    "array": np.asarray,
    "objects": as_objects,
    "list": list,
    "tuple": tuple,
    "series": lambda y: pd.Series(y, index=range(len(y), 0, -1)),
    "object series": lambda y: pd.Series(as_objects(y), index=[0] * len(y)),
    "nullable": lambda y: pd.Series(y).convert_dtypes(),
    "categorical": lambda y: pd.Categorical(y),
    "unused category": lambda y: pd.Series(pd.Categorical(y)).cat.add_categories(["never"]),
    "polars": lambda y: pl.Series(values=y),
    "column": lambda y: np.asarray(y)[:, None],
    "frame": lambda y: pd.DataFrame({"y": y}),
    "probabilities": as_probabilities,
}
WEIGHTS = {
    "none": None,
    "ones": lambda rng, n: np.ones(n),
    "whole": lambda rng, n: rng.integers(1, 4, n),
    "uniform": lambda rng, n: rng.uniform(0.1, 2, n),
    "some zeros": lambda rng, n: rng.integers(0, 2, n) + (np.arange(n) == 0),
    "far apart": lambda rng, n: some(rng, n, [1e-30, 1.0, 1e30]).astype(float),
    "farthest apart": lambda rng, n: some(rng, n, [5e-324, 1.0, MAX, 0.0]).astype(float) + (np.arange(n) == 0),
    "largest": lambda rng, n: np.full(n, MAX),
    "near the limit": lambda rng, n: MAX * rng.uniform(0.1, 1, n),
    "smallest": lambda rng, n: np.full(n, 5e-324),
    "denormal": lambda rng, n: rng.integers(1, 1000, n) * 5e-324,
    "float32": lambda rng, n: rng.uniform(size=n).astype(np.float32) + 1,
    "series": lambda rng, n: pd.Series(rng.uniform(size=n) + 1, index=[0] * n),
    "list": lambda rng, n: [1, 2.5, True, *[1] * n][:n],
}
BAD_WEIGHTS = {
    "zeros": lambda rng, n: np.zeros(n),
    "negative": lambda rng, n: np.arange(n) - 1.0,
    "missing": lambda rng, n: np.where(np.arange(n) == 0, np.nan, 1.0),
    "infinite": lambda rng, n: np.where(np.arange(n) == 0, np.inf, 1.0),
    "too many": lambda rng, n: np.ones(n + 1),
    "two columns": lambda rng, n: np.ones((n, 2)),
    "strings": lambda rng, n: ["heavy"] * n,
    "objects": lambda rng, n: as_objects([None] * n),
    "NA": lambda rng, n: pd.array([None, *[1.0] * n][:n], dtype="Float64"),
    "dates": lambda rng, n: np.zeros(n, dtype="M8[s]"),
    "complex": lambda rng, n: np.ones(n) + 1j,
    "one for all": lambda rng, n: "balanced",
}
