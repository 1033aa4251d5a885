"""Laws of reading tables and of what a net gets to see of them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktech.table import MAX_LEVELS, MAX_SPREAD_LEVELS, N_BINS, TableEncoder, TableReader, is_frame, is_missing

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


@pytest.mark.parametrize("value", [[], [1, 2], np.arange(3), np.array([]), {}, ()], ids=repr)
def test_a_container_is_not_missing(value):
    assert not is_missing(value)


def test_objects_that_were_all_missing_may_be_anything_later():
    table = pd.DataFrame({"odd": pd.Series([None, np.nan], dtype=object), "size": [1.0, 2.0]})
    reader = TableReader().fit(table)
    for values in (["word", None], [1.5, True]):
        later = table.assign(odd=pd.Series(values, dtype=object))
        assert reader.transform(later)[0].tolist() == [1.0, -1]
    assert -1 not in reader.transform(table)


def test_large_numbers_are_read_without_a_fuss():
    largest = np.finfo(np.float64).max
    table = pd.DataFrame({"size": [largest, largest, -largest, -largest]})
    assert_array_equal(TableReader().fit(table).transform(table)[:, 0], table["size"])


# ------------------------------------------------------------ encoding


def unbend(inputs):
    return inputs / np.sqrt(1 - (inputs / 3) ** 2)


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    return rng.normal(size=(200, 4)) * [1, 1e-3, 1e4, 10] + [0, 5, -1e6, 3]


def weighted_quantile(values, weight, q):
    """The smallest value that at least a share q of the weight does not exceed."""
    return next(v for v in np.sort(values) if weight[values <= v].sum() >= q * weight.sum() * (1 - 1e-12))


def test_numbers_have_weighted_median_zero_and_quartile_distance_one_before_bending(numbers):
    weight = np.random.default_rng(1).random(200)
    inputs = unbend(TableEncoder(4).fit(numbers, weight).transform(numbers, np.float64))
    for column, raw in zip(inputs.T, numbers.T, strict=True):
        assert_allclose(weighted_quantile(column, weight, 0.5), 0, atol=1e-12)
        quartiles = [weighted_quantile(column, weight, q) for q in (0.25, 0.75)]
        assert_allclose(np.diff(quartiles), 1, rtol=1e-9)
        low, middle, high = (weighted_quantile(raw, weight, q) for q in (0.25, 0.5, 0.75))
        assert_allclose(column, (raw - middle) / (high - low), rtol=1e-9, atol=1e-9)


def test_where_quartiles_coincide_half_the_range_takes_the_place_of_their_distance():
    numbers = np.r_[np.zeros(90), -3.0, 1, 2, 4, 5, 1, 2, 3, 1, 1][:, None]
    inputs = unbend(TableEncoder(1).fit(numbers, np.ones(100)).transform(numbers, np.float64))
    assert_allclose(inputs, numbers / 4, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("values", [(0, 1), (-7, 5), (1e-30, 3e-30), (-1e30, 1e30)], ids=str)
def test_two_values_become_minus_one_and_one_before_bending_however_many_there_are_of_each(values, dtype):
    column = np.array(values, dtype=dtype)[np.r_[np.zeros(50, int), 1]][:, None]
    encoder = TableEncoder(1).fit(column, np.ones(51))
    assert_allclose(unbend(encoder.transform(column, np.float64)[[0, -1], 0]), [-1, 1], rtol=1e-5)


@pytest.mark.parametrize("embeds", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("factor", "shift"), [(1.0, 1000.0), (2.0**-20, 0.0), (2.0**30, -64.0), (0.25, 3.0)])
def test_unit_and_origin_of_a_column_do_not_matter(factor, shift, dtype, embeds):
    """Numbers on a coarse binary grid: shifts and powers of two are exact."""
    rng = np.random.default_rng(0)
    columns = [rng.integers(-200, 200, 300), rng.integers(0, 2, 300), rng.integers(0, 5, 300), np.ones(300)]
    numbers = np.column_stack(columns).astype(dtype) / 8
    moved = ((numbers + dtype_of(dtype)(shift)) * dtype_of(dtype)(factor)).astype(dtype)
    one, other = (TableEncoder(4, embeds).fit(Z, np.ones(300)) for Z in (numbers, moved))
    assert_array_equal(one.transform(numbers, dtype), other.transform(moved, dtype))
    for edges, moved_edges in zip(one.bin_edges_, other.bin_edges_, strict=True):
        assert_array_equal(edges, moved_edges)


def dtype_of(name):
    return np.dtype(name).type


def test_an_outlier_does_not_move_the_others(numbers):
    outlying = numbers.copy()
    outlying[outlying.argmax(axis=0), range(4)] *= np.array([1, 1, -1, 1]) * 1e6
    encoders = [TableEncoder(4).fit(Z, np.ones(200)) for Z in (numbers, outlying)]
    one, other = (encoder.transform(numbers, np.float64) for encoder in encoders)
    assert_array_equal(one, other)


@pytest.mark.parametrize("factor", [1e-300, 1.0, 1e15, 1e300])
def test_a_common_factor_of_the_weights_does_not_matter(factor, numbers):
    weight = np.random.default_rng(1).random(200)
    inputs = TableEncoder(4).fit(numbers, factor * weight).transform(numbers, np.float64)
    assert_allclose(inputs, TableEncoder(4).fit(numbers, weight).transform(numbers, np.float64), atol=1e-6)


def test_a_missing_number_is_the_median_and_raises_its_flag(numbers):
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


@pytest.mark.parametrize("value", [3.0, np.nan])
def test_a_column_that_told_nothing_in_training_tells_nothing_later(value, numbers):
    numbers[:, 2] = value
    encoder = TableEncoder(4).fit(numbers, np.ones(200))
    later = numbers[:3].copy()
    later[:, 2] = [2.0, 3.0, 1e6]
    assert_array_equal(encoder.transform(later, np.float64)[:, 2], 0)


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


@pytest.mark.parametrize("embeds", [False, True])
def test_a_weight_of_k_is_k_copies(numbers, embeds):
    rng = np.random.default_rng(0)
    numbers[::7, 0] = np.nan
    numbers[:, 1] = rng.poisson(3, 200)  # ties
    levels = [np.arange(200) % 5, rng.integers(0, 2, 200), rng.geometric(0.01, 200), rng.integers(0, 40, 200)]
    Z = np.column_stack([numbers, *levels]).astype(float)
    k = rng.integers(1, 4, 200)
    copies = np.repeat(np.arange(200), k)
    weighted = TableEncoder(4, embeds).fit(Z, k.astype(float))
    copied = TableEncoder(4, embeds).fit(Z[copies], np.ones(len(copies)))
    assert_array_equal(weighted.transform(Z, np.float64), copied.transform(Z, np.float64))
    assert len(weighted.bin_edges_) == len(copied.bin_edges_) == (4 if embeds else 0)
    for edges, expected in zip(weighted.bin_edges_, copied.bin_edges_, strict=True):
        assert_array_equal(edges, expected)
    assert weighted.n_levels_ == copied.n_levels_


def test_the_table_stays_as_it_was(numbers):
    before = numbers.copy()
    numbers.flags.writeable = False
    TableEncoder(4).fit(numbers, np.ones(200)).transform(numbers, np.float32)
    assert_array_equal(numbers, before)


def test_a_row_is_encoded_alike_alone_and_among_others(numbers):
    encoder = TableEncoder(4).fit(numbers, np.ones(200))
    alone = np.vstack([encoder.transform(numbers[[i]], np.float64) for i in range(10)])
    assert_array_equal(alone, encoder.transform(numbers, np.float64)[:10])


# ------------------------------------------------------------ encoding for nets that embed


def mixed_table(n=120):
    """All kinds of columns; numbers: two-valued, many values, constant, five values with gaps, none given."""
    rng = np.random.default_rng(0)
    gaps = np.where(rng.random(n) < 0.2, np.nan, np.arange(n) % 5)
    numbers = [np.arange(n) % 2, rng.normal(size=n), np.full(n, 7.0), gaps, np.full(n, np.nan)]
    levels = [np.arange(n) % 3, np.arange(n) % 2, np.arange(n) % 20, np.arange(n) % 8, np.arange(n) % 9 - 2]
    levels[-1] = np.where(levels[-1] == -1, 12, levels[-1])  # missing ones, but no unknown ones
    return np.column_stack([*numbers, *levels]).astype(float)


def test_inputs_are_numbers_to_embed_then_plain_ones_then_codes():
    Z = mixed_table()
    encoder, plain = (TableEncoder(5, embeds).fit(Z, np.ones(len(Z))) for embeds in (True, False))
    inputs, spread = encoder.transform(Z, np.float64), plain.transform(Z, np.float64)
    assert [len(edges) for edges in encoder.bin_edges_] == [17, 5]
    assert encoder.n_levels_ == [20, 9]
    assert encoder.n_plain_ == 3 + 2 + 3 + 1 + 8
    assert encoder.n_outputs_ == inputs.shape[1] == 2 + encoder.n_plain_ + 2
    assert_array_equal(inputs[:, :5], spread[:, [1, 3, 0, 2, 4]])
    assert_array_equal(inputs[:, 5:7], np.isnan(Z[:, [3, 4]]))
    assert_array_equal(inputs[:, 7:10], spread[:, 7:10])  # three levels, an input each
    assert_array_equal(inputs[:, 10], 2 * Z[:, 6] - 1)  # two levels
    assert_array_equal(inputs[:, 11:19], np.eye(8)[Z[:, 8].astype(int)])  # eight
    for codes, levels in [(inputs[:, 19], Z[:, 7]), (inputs[:, 20], Z[:, 9])]:
        assert_array_equal(codes, np.unique(levels, return_inverse=True)[1] + 1)


def test_a_net_that_does_not_embed_is_told_that_all_inputs_are_plain():
    encoder = TableEncoder(5).fit(mixed_table(), np.ones(120))
    assert (encoder.bin_edges_, encoder.n_levels_) == ([], [])
    assert encoder.n_plain_ == encoder.n_outputs_ == 5 + 2 + 3 + 2 + 20 + 8 + 9


def test_unknown_levels_have_no_input_or_code_zero():
    Z = mixed_table()
    encoder = TableEncoder(5, embeds=True).fit(Z, np.ones(len(Z)))
    unknown = np.repeat(Z[:1], 3, axis=0)
    unknown[0, 5:], unknown[1, 5:], unknown[2, 5:] = -1, 99, [-2, -2, -2, -2, 1]
    inputs = encoder.transform(unknown, np.float64)
    assert not inputs[:2, 7:].any()
    assert not inputs[2, 7:20].any(), "missing ones were not seen in training"
    assert encoder.transform(Z[Z[:, 9] == -2], np.float64)[:, -1].all(), "and here they were"


@pytest.mark.parametrize(("n_levels", "expected"), [(1, 1), (2, 1), (3, 3), (MAX_SPREAD_LEVELS, MAX_SPREAD_LEVELS)])
def test_few_levels_are_spread_out(n_levels, expected):
    codes = (np.arange(60.0) % n_levels)[:, None]
    encoder = TableEncoder(0, embeds=True).fit(codes, np.ones(60))
    assert (encoder.n_plain_, encoder.n_levels_) == (expected, [])
    inputs = encoder.transform(codes, np.float64)
    assert len(np.unique(inputs, axis=0)) == n_levels
    assert_array_equal(np.abs(inputs).sum(axis=1), 1)


def test_the_heaviest_levels_get_the_codes():
    codes = np.arange(MAX_LEVELS + 50.0)[:, None]
    weight = np.where(codes[:, 0] < 50, 1.0, 2.0)
    encoder = TableEncoder(0, embeds=True).fit(codes, weight)
    assert encoder.n_levels_ == [MAX_LEVELS]
    assert_array_equal(encoder.transform(codes, np.float64)[:, 0], np.r_[np.zeros(50), np.arange(1, MAX_LEVELS + 1)])


def raw_edges(encoder, edges):
    """The edges in the numbers' own unit, by undoing the encoder's scale in its first column."""
    probe = np.array([[-1.0], [1.0]])
    low, high = unbend(encoder.transform(probe, np.float64))[:, 0]
    return (unbend(edges) - (low + high) / 2) / ((high - low) / 2)


@pytest.mark.parametrize("kind", ["normal", "ties", "lognormal", "uniform", "weights"])
def test_bins_are_quantiles(kind):
    rng = np.random.default_rng(0)
    made = {"lognormal": rng.lognormal(size=999), "uniform": rng.random(999), "ties": rng.integers(0, 60, 999) / 8}
    column = made.get(kind, rng.normal(size=999))
    weight = rng.random(999) if kind == "weights" else np.ones(999)
    encoder = TableEncoder(1, embeds=True).fit(column[:, None], weight)
    (edges,) = encoder.bin_edges_
    steps = np.linspace(0, 1, N_BINS + 1)
    expected = [column.min(), *(weighted_quantile(column, weight, q) for q in steps[1:])]
    assert len(set(expected)) == N_BINS + 1
    assert_allclose(raw_edges(encoder, edges), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n_values", [3, 4, 16, 17])
def test_few_values_are_the_edges_themselves(n_values):
    values = np.sort(np.random.default_rng(n_values).normal(size=n_values))
    column = values[np.r_[np.arange(n_values), np.zeros(50, int)]][:, None]
    encoder = TableEncoder(1, embeds=True).fit(column, np.ones(len(column)))
    assert_array_equal(encoder.bin_edges_[0], np.unique(encoder.transform(column, np.float64)))


def rare_values(share):
    """Zeros, but for a share that is normal."""
    rng = np.random.default_rng(0)
    return np.where(rng.random(500) < share, rng.normal(size=500), 0.0)


COLUMNS = {
    "normal": np.random.default_rng(0).normal(size=500),
    "mostly_zero": rare_values(0.1),
    "half_zero": rare_values(0.5),
    "heavy_tails": np.random.default_rng(0).standard_cauchy(500),
    "counts": np.random.default_rng(0).poisson(30, 500).astype(float),
    "eighteen_values": np.arange(500.0) % 18,
    "an_outlier": np.r_[np.random.default_rng(0).normal(size=499), 1e300],
    "huge": np.random.default_rng(0).normal(size=500) * 1e307,
    "tiny": np.random.default_rng(0).normal(size=500) * 1e-300,
    "far_off": 1e9 + np.arange(500.0),
    "gaps": np.where(np.arange(500) % 3 == 0, np.nan, np.random.default_rng(0).normal(size=500)),
}


@pytest.mark.parametrize("column", COLUMNS.values(), ids=COLUMNS)
def test_edges_increase_and_cover_the_training_values(column):
    encoder = TableEncoder(1, embeds=True).fit(column[:, None], np.ones(500))
    (edges,) = encoder.bin_edges_
    inputs = encoder.transform(column[:, None], np.float64)[:, 0]
    assert 2 <= len(edges) <= N_BINS + 1
    assert (np.diff(edges) > 1e-5).all()
    assert inputs.max() == edges[-1]
    assert 0 <= edges[0] - inputs.min() <= N_BINS * 1e-5


@pytest.mark.parametrize("name", ["normal", "mostly_zero", "half_zero", "heavy_tails", "eighteen_values", "far_off"])
def test_ties_do_not_cost_bins(name):
    encoder = TableEncoder(1, embeds=True).fit(COLUMNS[name][:, None], np.ones(500))
    (edges,) = encoder.bin_edges_
    assert len(edges) == N_BINS + 1
    values = encoder.transform(COLUMNS[name][:, None], np.float64)[:, 0]
    assert np.isin(edges, values).all(), "an edge is a value"
    assert np.histogram(values, edges)[0].all(), "a bin is empty"


@pytest.mark.parametrize("far_out", [1e3, 1e12])
def test_edges_that_are_not_apart_become_the_last_of_them(far_out):
    column = np.r_[np.random.default_rng(0).normal(size=400), far_out + np.arange(100)][:, None]
    encoder = TableEncoder(1, embeds=True).fit(column, np.ones(500))
    (edges,) = encoder.bin_edges_
    assert len(edges) < N_BINS + 1
    assert (np.diff(edges) > 1e-5).all()
    assert edges[-1] == encoder.transform(column, np.float64).max()


@pytest.mark.parametrize(
    "column", [np.full(60, np.nan), np.full(60, 3.0), np.arange(60.0) % 2], ids=["nan", "one", "two"]
)
def test_numbers_of_less_than_three_values_are_plain(column):
    encoder = TableEncoder(1, embeds=True).fit(column[:, None], np.ones(60))
    assert encoder.bin_edges_ == []
    assert encoder.n_plain_ == encoder.n_outputs_ == 1 + np.isnan(column).any()


@pytest.mark.parametrize("embeds", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_whatever_comes_inputs_are_finite_and_within_three(dtype, embeds):
    Z = mixed_table()
    encoder = TableEncoder(5, embeds).fit(Z, np.ones(len(Z)))
    later = np.repeat(Z[:4], 1, axis=0)
    later[0, :5], later[1, :5], later[2, :5], later[3, :5] = np.nan, 1e308, -1e308, 5e-324
    inputs = encoder.transform(later, dtype)
    assert inputs.dtype == dtype
    assert np.isfinite(inputs).all()
    assert (np.abs(inputs[:, :5]) <= 3).all()


@pytest.mark.parametrize("factor", [1e-300, 0.1, 0.7, 1e15, 1e300])
@pytest.mark.parametrize("weight", [np.ones(120), np.random.default_rng(1).random(120)], ids=["ones", "random"])
def test_a_common_factor_of_the_weights_does_not_matter_to_bins_and_levels(factor, weight):
    Z = mixed_table()
    one, other = (TableEncoder(5, embeds=True).fit(Z, f * weight) for f in (1.0, factor))
    assert_allclose(one.transform(Z, np.float64), other.transform(Z, np.float64), rtol=1e-12)
    for edges, expected in zip(one.bin_edges_, other.bin_edges_, strict=True):
        assert_allclose(edges, expected, rtol=1e-12)
    assert one.n_levels_ == other.n_levels_


@pytest.mark.parametrize("embeds", [False, True])
def test_the_order_of_the_rows_does_not_matter(embeds):
    Z, weight = mixed_table(), np.arange(1.0, 121)
    order = np.random.default_rng(0).permutation(120)
    one, other = TableEncoder(5, embeds).fit(Z, weight), TableEncoder(5, embeds).fit(Z[order], weight[order])
    assert_array_equal(one.transform(Z, np.float64), other.transform(Z, np.float64))
    for edges, expected in zip(one.bin_edges_, other.bin_edges_, strict=True):
        assert_array_equal(edges, expected)


def test_columns_are_encoded_apart():
    Z = mixed_table()
    encoder = TableEncoder(5, embeds=True).fit(Z, np.ones(120))
    alone = TableEncoder(1, embeds=True).fit(Z[:, [1]], np.ones(120))
    assert_array_equal(alone.bin_edges_[0], encoder.bin_edges_[0])
    assert_array_equal(alone.transform(Z[:, [1]], np.float64)[:, 0], encoder.transform(Z, np.float64)[:, 0])


def test_large_tables_are_summarised_by_some_of_their_rows():
    """To within what the share of the rows lets expect."""
    column = np.random.default_rng(0).normal(size=(100_000, 1))
    encoder = TableEncoder(1, embeds=True).fit(column, np.ones(len(column)))
    inputs = unbend(encoder.transform(column, np.float64)[:, 0])
    edges = unbend(encoder.bin_edges_[0])
    assert abs(np.median(inputs)) < 0.05
    assert abs(np.diff(np.quantile(inputs, [0.25, 0.75]))[0] - 1) < 0.05
    shares = np.histogram(inputs, edges)[0] / len(inputs)
    assert_allclose(shares, 1 / N_BINS, atol=5 * np.sqrt(2 / N_BINS / 20_000))
