import numpy as np
import pandas as pd
import pytest

from sktech.experiment import InputError
from sktech.experiment.target import check_class_sizes, check_target


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        (["b", "a"], ["b", "a"]),
        (["2", "-1", "0"], [2, -1, 0]),
        (["01", "1"], ["01", "1"]),
        ([0.5, 1.5], ["0.5", "1.5"]),
        (pd.Series([True, False], index=[7, 8]), ["True", "False"]),
        (pd.Categorical(["x", "y"]), ["x", "y"]),
    ],
)
def test_integers_stay_and_the_rest_becomes_text(y, expected):
    assert check_target(y).tolist() == expected


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([], "expected rows, got none"),
        (["a", None, "b", np.nan], "2 of 4 values are missing"),
        (["a", "a"], "at least two classes, got only 'a'"),
        (np.linspace(0, 1, 50), r"a quantity \(50 distinct numbers in 50 rows\)"),
        ([str(i) for i in range(1000)], r"a quantity \(1,000 distinct numbers"),
    ],
)
def test_what_is_no_class_is_refused(y, message):
    with pytest.raises(InputError, match=f"target 'price': .*{message}"):
        check_target(y, "price")


def test_small_classes_are_named_with_a_way_on():
    y = np.repeat(["a", "b", "c"], [9, 2, 1])
    check_class_sizes(y[y == "a"], 5, "cv=")
    with pytest.raises(InputError, match=r"'b' \(2 rows\) has fewer rows than the 5 folds; use --folds 2, or drop"):
        check_class_sizes(y[y != "c"], 5, "--folds ")
    with pytest.raises(InputError, match=r"classes 'c' \(1 row\), 'b' \(2 rows\) have .*; drop or merge them"):
        check_class_sizes(y, 5, "--folds ")
