"""Laws of the door: what is let in, and a sentence for what is not."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator

from sktech._validation import check_choice, check_labels, check_number, check_table, check_weights, naming


class Estimator(BaseEstimator):
    def __init__(self, categorical_features="from_dtype"):
        self.categorical_features = categorical_features


def test_an_error_names_the_argument_once_whatever_its_kind():
    for error, kind in ((OverflowError("too large"), ValueError), (UnicodeError("odd"), ValueError)):
        with pytest.raises(kind, match=r"^size: (too large|odd)$"), naming("size"):
            raise error
    with pytest.raises(TypeError, match=r"^size: no number$"), naming("size"):
        raise TypeError("no number")
    with pytest.raises(ValueError, match=r"^odd size$"), naming("size"):
        raise ValueError("odd size")
    with pytest.raises(KeyError), naming("size"):
        raise KeyError("another matter")


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (pd.Series([2, 1], dtype="Int64"), [1, 2]),
        (pd.Series([2**62, 2**62 + 1], dtype="Int64"), [2**62, 2**62 + 1]),
        (pd.array([True, False], dtype="boolean"), [False, True]),
        (pd.Series([True, False], dtype="category"), [False, True]),
        (pd.Series(["b", "a"], dtype="string"), ["a", "b"]),
        (pd.Categorical(["b", "a"], categories=["a", "b", "never"]), ["a", "b"]),
        (np.array([True, False], dtype=object), [False, True]),
        (np.array([2, 1], dtype=object), [1, 2]),
        (pl.Series([2**62, 2**62 + 1]), [2**62, 2**62 + 1]),
    ],
    ids=repr,
)
def test_labels_keep_their_type(y, classes):
    found, codes = check_labels(Estimator(), np.zeros((2, 1)), y)
    assert found.tolist() == classes
    assert list(map(type, found.tolist())) == list(map(type, classes))
    assert [classes[code] for code in codes] == list(y)


@pytest.mark.parametrize("value", ["auto", -1, np.int64(-1), np.str_("auto")])
def test_what_a_number_may_be_besides(value):
    check_number("n", value, int, 1, others=("auto", -1))
    with pytest.raises((TypeError, ValueError), match=r"n: expected an integer"):
        check_number("n", value, int, 1)


@pytest.mark.parametrize("value", ["max", 0.5, True, None, np.array([1, 2]), np.array(["auto"])])
def test_the_others_are_named(value):
    with pytest.raises(TypeError, match=r"n: expected 'auto' or -1 or an integer, got"):
        check_number("n", value, int, 1, others=("auto", -1))


@pytest.mark.parametrize(
    ("value", "kind"), [(0, int), (1, int), (np.int8(1), int), (0.5, float), (1, float), (np.float32(0.5), float)]
)
def test_numbers_in_the_interval_are_let_in(value, kind):
    check_number("share", value, kind, 0, 1)


@pytest.mark.parametrize("value", ["1", None, [1], True, np.True_, 1j])
@pytest.mark.parametrize("kind", [int, float])
def test_what_is_no_number_is_a_type_error(value, kind):
    with pytest.raises(TypeError, match=r"^share: expected a.*got"):
        check_number("share", value, kind, 0, 1)


def test_a_float_is_no_integer_even_if_it_is_whole():
    with pytest.raises(TypeError, match=r"^n: expected an integer, got 2\.0"):
        check_number("n", 2.0, int)


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf, -np.inf])
def test_numbers_outside_are_a_value_error(value):
    with pytest.raises(ValueError, match=r"^share: expected a number in \[0, 1\], got"):
        check_number("share", value, float, 0, 1)


@pytest.mark.parametrize(("bound", "option", "interval"), [(0, "open_low", r"\(0, 1\]"), (1, "open_high", r"\[0, 1\)")])
def test_an_open_bound_is_outside(bound, option, interval):
    check_number("share", bound, float, 0, 1)
    with pytest.raises(ValueError, match=interval):
        check_number("share", bound, float, 0, 1, **{option: True})


def test_without_bounds_every_number_is_let_in():
    for value in [-1e300, 1e300]:
        check_number("share", value, float)


def test_one_of_the_choices_is_let_in_and_nothing_else():
    check_choice("mode", "a", ["a", None])
    check_choice("mode", None, ["a", None])
    with pytest.raises(ValueError, match=r"^mode: expected one of 'a', None, got 'b'"):
        check_choice("mode", "b", ["a", None])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_a_frame_passes_as_it_is_and_its_names_are_remembered(make):
    table, estimator = make({"a": ["x", None], "b": [1, 2]}), Estimator()
    assert check_table(estimator, table, reset=True) is table
    assert estimator.feature_names_in_.tolist() == ["a", "b"]
    assert estimator.n_features_in_ == 2


@pytest.mark.parametrize("X", [[[1, 2], [3, 4]], np.ones((2, 2), dtype="float16"), np.ones((2, 2), dtype=object)])
def test_arrays_become_floats(X):
    checked = check_table(Estimator(), X, reset=True)
    assert checked.dtype == np.float64
    assert_array_equal(checked, np.asarray(X, dtype=float))


def test_float32_and_missing_values_stay():
    X = np.array([[1, np.nan]], dtype=np.float32)
    checked = check_table(Estimator(), X, reset=True)
    assert checked.dtype == np.float32
    assert_array_equal(checked, X)


def test_strings_in_an_array_need_to_be_named_as_categories():
    X = np.array([["x", 1.0], ["y", 2.0]], dtype=object)
    assert_array_equal(check_table(Estimator([0]), X, reset=True), X)
    with pytest.raises(ValueError, match="could not convert string to float"):
        check_table(Estimator(), X, reset=True)


def test_the_number_of_columns_is_asked_for_again():
    estimator = Estimator()
    check_table(estimator, np.ones((2, 2)), reset=True)
    with pytest.raises(ValueError, match=r"3 features.*expecting 2"):
        check_table(estimator, np.ones((2, 3)), reset=False)


@pytest.mark.parametrize("labels", [[3, 1, 3], ["b", "a", "b"], [True, False, True], [2.0, 1.0, 2.0]], ids=str)
def test_labels_are_sorted_classes_and_their_positions(labels):
    classes, codes = check_labels(Estimator(), np.ones((3, 1)), labels)
    assert_array_equal(classes[codes], labels)
    assert_array_equal(classes, np.unique(labels))


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=str)
def test_missing_labels_are_counted(missing):
    y = np.array(["a", missing, "b", missing], dtype=object)
    with pytest.raises(ValueError, match=r"y: expected a class label in each row, got 2 missing among 4"):
        check_labels(Estimator(), np.ones((4, 1)), y)


@pytest.mark.parametrize("y", [["a", 1], [1, "a"]], ids=str)
def test_labels_of_several_types_are_refused(y):
    with pytest.raises(ValueError, match=r"y: expected labels of one type, got int and str"):
        check_labels(Estimator(), np.ones((2, 1)), np.array(y, dtype=object))


@pytest.mark.parametrize(
    "X", [np.ones((3, 1)), pd.DataFrame({"a": [1, 2, 3]}), pl.DataFrame({"a": [1, 2, 3]})], ids=type
)
def test_no_weights_are_one_each(X):
    weight = check_weights(X, None)
    assert weight.dtype == np.float64
    assert_array_equal(weight, np.ones(3))


def test_weights_become_floats_of_the_rows():
    X = pl.DataFrame({"a": [1, 2, 3]})
    assert_array_equal(check_weights(X, pd.Series([0, 1, 2], index=[7, 8, 9])), [0.0, 1.0, 2.0])
    assert_array_equal(check_weights(X, 2), [2.0, 2.0, 2.0])


@pytest.mark.parametrize("weight", [[0, 0, 0], [-1, 1, 1], [np.nan, 1, 1], [1, 1]], ids=str)
def test_weights_that_make_no_sense_are_refused(weight):
    with pytest.raises(ValueError, match=r"[Ss]ample.weight"):
        check_weights(np.ones((3, 1)), weight)
