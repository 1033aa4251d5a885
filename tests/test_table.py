"""Laws of reading tables and of what a net gets to see of them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktech.table import MAX_LEVELS, TableEncoder, TableReader, is_frame

MAKE = {"pandas": pd.DataFrame, "polars": pl.DataFrame}


@pytest.fixture(params=MAKE.values(), ids=MAKE)
def make(request):
    return request.param


@pytest.fixture
def columns():
    return {
        "x": [0.5, None, 2.0, -1.0],
        "k": ["b", None, "a", "b"],
        "n": [3, 1, 4, 1],
        "flag": [True, False, None, True],
    }


# ------------------------------------------------------------ reading


def test_a_frame_is_known_by_its_columns(make, columns):
    assert is_frame(make(columns))
    for other in [np.ones((2, 2)), [[1, 2]], pd.Series([1, 2])]:
        assert not is_frame(other)


def test_numbers_come_first_and_levels_last(make, columns):
    table = make(columns)
    reader = TableReader().fit(table)
    Z = reader.transform(table)
    assert reader.is_category_.tolist() == [False, True, False, False]
    assert reader.n_numbers_ == 3
    assert_array_equal(Z[:, :3].astype(float), [[0.5, 3, 1], [np.nan, 1, 0], [2, 4, np.nan], [-1, 1, 1]])
    assert Z[0, 3] == Z[3, 3]
    assert len(set(Z[:, 3])) == 3


def test_pandas_and_polars_are_read_alike(columns):
    one, other = (TableReader().fit(make(columns)).transform(make(columns)) for make in MAKE.values())
    assert_array_equal(one, other)


def test_an_unknown_level_is_minus_one_and_a_missing_one_is_not(make):
    reader = TableReader().fit(make({"k": ["a", "b", None]}))
    codes = reader.transform(make({"k": ["a", "new", None, "newer", "b"]}))[:, 0]
    assert codes[1] == codes[3] == -1
    assert len(set(codes)) == 4


@pytest.mark.parametrize("written", [[1, 2], [1.0, 2.0], ["1", "2"]], ids=str)
def test_a_level_is_known_by_its_text(make, written):
    reader = TableReader(["k"]).fit(make({"k": [1, 2]}))
    assert_array_equal(reader.transform(make({"k": written})), reader.transform(make({"k": [1, 2]})))


def test_one_row_is_read_as_it_is_among_others(make, columns):
    reader = TableReader().fit(make(columns))
    rows = [reader.transform(make({name: values[i : i + 1] for name, values in columns.items()})) for i in (0, 2, 3)]
    assert_array_equal(np.vstack(rows), reader.transform(make(columns))[[0, 2, 3]])


def test_an_array_of_numbers_passes_as_it_is():
    X = np.array([[1.0, np.nan]], dtype=np.float32)
    assert TableReader().fit(X).transform(X) is X


def test_objects_that_are_all_numbers_are_numbers():
    table = pd.DataFrame(
        {"a": pd.Series([1, 2.5, None, True], dtype=object), "b": pd.Series([1, "x", 2, 3], dtype=object)}
    )
    assert TableReader().fit(table).is_category_.tolist() == [False, True]


@pytest.mark.parametrize(
    "chosen", [["k", "n"], [1, 2], [False, True, True, False], ("n", "k"), np.array([2, 1])], ids=str
)
def test_chosen_columns_are_categories_and_no_others(make, columns, chosen):
    assert TableReader(chosen).fit(make(columns)).is_category_.tolist() == [False, True, True, False]


@pytest.mark.parametrize("chosen", [None, [], np.array([], dtype=int)], ids=str)
def test_nothing_chosen_is_no_category(make, chosen):
    assert not TableReader(chosen).fit(make({"a": [1, 2]})).is_category_.any()


@pytest.mark.parametrize("chosen", ["k", ["nowhere"], [4], [-1], [True, False], [0.5], ["k", 0]], ids=str)
def test_a_choice_that_does_not_fit_is_refused(make, columns, chosen):
    with pytest.raises(ValueError, match=r"^categorical_features: expected"):
        TableReader(chosen).fit(make(columns))


def test_changing_ones_mask_later_changes_nothing(columns):
    mask = np.array([False, True, False, False])
    reader = TableReader(mask).fit(pd.DataFrame(columns))
    mask[1] = False
    assert reader.is_category_.tolist() == [False, True, False, False]


@pytest.mark.parametrize("value", ["word", np.inf])
def test_what_is_no_finite_number_is_refused_by_name(make, value):
    reader = TableReader().fit(make({"size": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="size"):
        reader.transform(make({"size": [value, value]}))


@pytest.mark.parametrize(
    "column", [pd.Series([1j, 2j]), pd.Series(pd.to_datetime(["2020", "2021"])), pd.Series([[1], [2]])]
)
def test_what_is_neither_number_nor_level_is_refused_by_name(column):
    with pytest.raises((TypeError, ValueError), match="odd"):
        TableReader().fit(pd.DataFrame({"odd": column})).transform(pd.DataFrame({"odd": column}))


# ------------------------------------------------------------ encoding


def unbend(inputs):
    return inputs / np.sqrt(1 - (inputs / 3) ** 2)


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 4)) * [1, 1e-3, 1e4, 10] + [0, 5, -1e6, 3]


def test_numbers_have_weighted_mean_zero_and_variance_one_before_bending(numbers):
    weight = np.random.default_rng(1).random(200)
    inputs = unbend(TableEncoder(4).fit(numbers, weight).transform(numbers, np.float64))
    assert_allclose(np.average(inputs, axis=0, weights=weight), 0, atol=1e-6)
    assert_allclose(np.average(inputs**2, axis=0, weights=weight), 1, rtol=1e-6)


@pytest.mark.parametrize("factor", [1e-300, 1.0, 1e15, 1e300])
def test_a_common_factor_of_the_weights_does_not_matter(factor, numbers):
    weight = np.random.default_rng(1).random(200)
    inputs = TableEncoder(4).fit(numbers, factor * weight).transform(numbers, np.float64)
    assert_allclose(inputs, TableEncoder(4).fit(numbers, weight).transform(numbers, np.float64), atol=1e-6)


def test_a_missing_number_is_the_mean_and_raises_its_flag(numbers):
    numbers[::3, 1] = np.nan
    inputs = TableEncoder(4).fit(numbers, np.ones(200)).transform(numbers, np.float64)
    assert inputs.shape == (200, 5)
    assert_array_equal(inputs[::3, 1], 0)
    assert_array_equal(inputs[:, 4], np.isnan(numbers[:, 1]))


def test_missing_numbers_do_not_move_the_scale(numbers):
    weight = np.arange(200) % 4 + 1.0
    holes = numbers.copy()
    holes[::3, 0] = np.nan
    known = np.arange(200) % 3 != 0
    alone = TableEncoder(4).fit(numbers[known], weight[known]).transform(numbers, np.float64)
    assert_allclose(TableEncoder(4).fit(holes, weight).transform(numbers, np.float64)[:, 0], alone[:, 0], atol=1e-6)


def test_a_number_that_was_never_missing_has_no_flag(numbers):
    encoder = TableEncoder(4).fit(numbers, np.ones(200))
    assert encoder.n_outputs_ == 4
    assert_array_equal(encoder.transform(np.full((1, 4), np.nan), np.float64), np.zeros((1, 4)))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_inputs_never_exceed_three_and_keep_their_order(dtype, numbers):
    encoder = TableEncoder(4).fit(numbers.astype(dtype), np.ones(200))
    huge = np.finfo(dtype).max
    ladder = np.array([-huge, -1e30, -1e3, -1, 0, 1, 1e3, 1e30, huge], dtype=dtype)
    inputs = encoder.transform(np.repeat(ladder[:, None], 4, axis=1), dtype)
    assert inputs.dtype == dtype
    assert (np.abs(inputs) <= 3).all()
    assert (np.diff(inputs, axis=0) >= 0).all()


@pytest.mark.parametrize("value", [0.0, 3.0, -1e12, 1e-200])
def test_a_constant_column_is_zero(value, numbers):
    numbers[:, 2] = value
    inputs = TableEncoder(4).fit(numbers, np.random.default_rng(0).random(200)).transform(numbers, np.float64)
    assert_allclose(inputs[:, 2], 0, atol=1e-3)


def test_a_column_without_any_number_is_finite(numbers):
    numbers[:, 2] = np.nan
    encoder = TableEncoder(4).fit(numbers, np.ones(200))
    assert np.isfinite(encoder.transform(np.vstack([numbers, np.ones((1, 4))]), np.float64)).all()


def test_each_level_has_an_input_and_an_unknown_one_none():
    codes = np.array([[0.0, 5], [1, 5], [2, -2], [0, 6]])
    encoder = TableEncoder(0).fit(codes, np.ones(4))
    assert encoder.n_outputs_ == 6
    assert_array_equal(encoder.transform(codes, np.float64).sum(axis=1), 2)
    assert_array_equal(np.unique(encoder.transform(codes, np.float64)), [0, 1])
    assert_array_equal(encoder.transform(np.array([[7.0, -1], [-1, 9]]), np.float64), np.zeros((2, 6)))


def test_a_missing_level_has_an_input_only_if_it_was_seen():
    seen = TableEncoder(0).fit(np.array([[0.0], [-2]]), np.ones(2))
    unseen = TableEncoder(0).fit(np.array([[0.0], [1]]), np.ones(2))
    assert seen.transform(np.array([[-2.0]]), np.float64).sum() == 1
    assert unseen.transform(np.array([[-2.0]]), np.float64).sum() == 0


def test_the_heaviest_levels_get_the_inputs():
    codes = np.arange(MAX_LEVELS + 50.0)[:, None]
    weight = np.where(codes[:, 0] < 50, 1.0, 2.0)
    encoder = TableEncoder(0).fit(codes, weight)
    assert encoder.n_outputs_ == MAX_LEVELS
    assert_array_equal(encoder.transform(codes, np.float64).sum(axis=1), weight - 1)


def test_a_weight_of_k_is_k_copies(numbers):
    numbers[::7, 0] = np.nan
    Z = np.column_stack([numbers, np.arange(200.0) % 5])
    k = np.random.default_rng(0).integers(1, 4, 200)
    copies = np.repeat(np.arange(200), k)
    weighted, copied = TableEncoder(4).fit(Z, k.astype(float)), TableEncoder(4).fit(Z[copies], np.ones(len(copies)))
    assert_allclose(weighted.transform(Z, np.float64), copied.transform(Z, np.float64), atol=1e-7)


def test_the_table_stays_as_it_was(numbers):
    before = numbers.copy()
    numbers.flags.writeable = False
    TableEncoder(4).fit(numbers, np.ones(200)).transform(numbers, np.float32)
    assert_array_equal(numbers, before)


def test_a_row_is_encoded_alike_alone_and_among_others(numbers):
    encoder = TableEncoder(4).fit(numbers, np.ones(200))
    alone = np.vstack([encoder.transform(numbers[[i]], np.float64) for i in range(10)])
    assert_array_equal(alone, encoder.transform(numbers, np.float64)[:10])
