"""Laws of made-up rows."""

from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal

from sktech.augmentation import munge


def columns(n=60, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "size": rng.normal(size=n),
        "count": rng.integers(0, 200, n),
        "flag": rng.random(n) < 0.5,
        "colour": rng.choice(list("rgb"), n),
    }


@pytest.fixture(params=["pandas", "polars", "array"])
def table(request):
    if request.param == "array":
        return np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    return (pd.DataFrame if request.param == "pandas" else pl.DataFrame)(columns())


@pytest.mark.parametrize("n_rows", [1, 60, 150])
def test_rows_are_of_the_same_kind(table, n_rows):
    new = munge(table, n_rows, random_state=0)
    assert type(new) is type(table)
    assert new.shape == (n_rows, 4)
    if isinstance(table, np.ndarray):
        assert new.dtype == table.dtype
    else:
        assert list(new.columns) == list(table.columns)
        assert list(new.dtypes) == list(table.dtypes)


def test_without_swaps_rows_are_those_of_the_table():
    X = np.random.default_rng(0).normal(size=(30, 3))
    new = munge(X, 60, swap_probability=0.0, random_state=0)
    assert_array_equal(np.sort(new, axis=0), np.sort(np.r_[X, X], axis=0))
    assert {row.tobytes() for row in new} == {row.tobytes() for row in X}


def test_a_category_is_the_rows_own_or_its_nearest_neighbours():
    X = pd.DataFrame({"place": [0.0, 1.0, 10.0, 11.0], "name": list("abcd")})
    new = munge(X, 200, random_state=0)
    near = np.where(new["place"] < 5, "ab", "cd")
    # The nearest neighbour of a is b and of c is d: names never travel between the two groups.
    assert all(name in names for name, names in zip(new["name"], near, strict=True))
    assert set(new["name"]) == set("abcd")


def test_every_value_is_changed_with_the_given_probability():
    X = np.random.default_rng(0).normal(size=(500, 4))
    for seed in range(3):
        new = munge(X, 4000, swap_probability=0.3, random_state=seed)
        kept = np.mean([np.isin(new[:, j], X[:, j]).mean() for j in range(4)])
        assert abs(kept - 0.7) < 5 * np.sqrt(0.21 / 16000) + 0.03  # some noise is cut at the ends of the range


def test_numbers_gather_around_the_neighbours_value():
    X = np.array([[0.0, 0.0], [1.0, 0.2], [50.0, 9.0], [51.0, 9.3]])
    narrow, wide = (munge(X, 3000, swap_probability=1.0, local_variance=s, random_state=0)[:, 0] for s in (10.0, 1.0))
    for low in (0, 50):
        own = narrow[(narrow > low - 5) & (narrow < low + 6)] - low
        assert np.minimum(np.abs(own), np.abs(own - 1)).max() < 0.6
    assert np.std(wide[wide < 25]) > np.std(narrow[narrow < 25])


def test_columns_keep_their_range_and_whole_numbers():
    X = pd.DataFrame({"byte": np.array([0, 5, 250, 255] * 5, dtype="uint8"), "size": np.arange(20.0)})
    new = munge(X, 500, random_state=0)
    assert new["size"].between(0, 19).all()
    assert new["byte"].dtype == np.uint8
    assert new["byte"].between(0, 255).all()
    near = (new["byte"] < 60) | (new["byte"] > 190)  # not wrapped around into the middle
    assert near.mean() > 0.6


@pytest.mark.parametrize(
    "values",
    [
        np.array([-(2**63), 2**63 - 1, 2**63 - 600, 0], dtype=np.int64),
        np.array([0, 2**64 - 1, 2**63], dtype=np.uint64),
        np.array([-128, 127, 0], dtype=np.int8),
        np.array([-1, 1, 0.3]) * np.finfo(np.float64).max,
        np.array([-1, 1, 0.3]) * 1e300,
        np.array([5e-324, 0, -1e-310]),
        np.array([65504, -65504, 1], dtype=np.float16),
    ],
    ids=lambda values: f"{values.dtype}, {values.max():.1e}",
)
def test_a_range_at_the_limits_of_its_type_is_kept(values):
    X = pd.DataFrame({"x": np.resize(values, 40), "other": np.random.default_rng(0).normal(size=40)})
    made = [munge(X, 200, local_variance=1e-300, random_state=0)["x"].to_numpy()]
    made.append(munge(X[["x"]].to_numpy(), 200, local_variance=1e-300, random_state=0))
    for new in made:
        assert new.dtype == values.dtype
        assert values.min() <= new.min()
        assert new.max() <= values.max()


def test_numbers_among_objects_are_numbers():
    x = np.array([1, 2.5, Decimal("1.7"), None, 3, 2.2], dtype=object)
    new = munge(pd.DataFrame({"x": x}), 100, random_state=0)["x"]
    assert new.dtype == object
    assert new.dropna().between(1, 3).all()
    assert 0 < new.isna().mean() < 1
    assert not new.isin(x).all()


def test_missing_values_stay_possible():
    X = pd.DataFrame(columns())
    X.loc[::3, "size"] = np.nan
    X["count"] = X["count"].astype("Int64").mask(X.index % 4 == 0)
    new = munge(X, 300, random_state=0)
    assert 0 < new["size"].isna().mean() < 1
    assert 0 < new["count"].isna().mean() < 1


def test_a_seed_decides(table):
    one, again, other = (np.asarray(munge(table, 50, random_state=seed), dtype=object) for seed in (0, 0, 1))
    assert_array_equal(one, again)
    assert (one != other).any()


def test_positions_of_categories_may_be_named():
    X = 1.1 * np.random.default_rng(0).integers(0, 9, (100, 2))
    new = munge(X, 200, categorical_features=[0], random_state=0)
    assert np.isin(new[:, 0], X[:, 0]).all()
    assert not np.isin(new[:, 1], X[:, 1]).all()


def test_a_single_row_has_no_neighbour():
    with pytest.raises(ValueError, match="at least two rows"):
        munge(np.ones((1, 2)), 3)
