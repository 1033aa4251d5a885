import numpy as np
import pandas as pd
import pytest

from sktech.experiment.data import BUNDLED, read_table
from sktech.experiment.leaks import find_leaks

SEEDS = range(3)


def whole(X, y):
    return [leak.column for leak in find_leaks(X, y) if leak.whole]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_the_target_under_another_name_is_found_in_any_type(n_classes, seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(40) % n_classes)
    codes = rng.permutation(n_classes)[y]
    words = np.array([f"class {k}" for k in range(n_classes)])[codes]
    X = pd.DataFrame({"number": codes, "float": codes / 7, "text": words, "category": pd.Categorical(words)})
    X["missing"] = np.where(codes == 0, np.nan, codes)
    X["shuffled"] = rng.permutation(codes)
    assert whole(X, y) == ["number", "float", "text", "category", "missing"]


def test_few_rows_prove_nothing():
    y = np.arange(22) % 2
    assert whole(pd.DataFrame({"x": y}), y) == []
    assert whole(pd.DataFrame({"x": np.append(y, [0, 1])}), np.append(y, [0, 1])) == ["x"]
    rare = np.arange(1000) == 500
    assert whole(pd.DataFrame({"x": rare}), rare) == []  # one row of a thousand agrees by luck


@pytest.mark.parametrize("seed", SEEDS)
def test_a_column_that_is_empty_for_one_class_only_is_found(seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(["left", "stayed"], 60)
    X = pd.DataFrame({"date": np.where(y == "left", rng.random(60), np.nan), "age": rng.random(60)})
    X["some"] = np.where(rng.random(60) < 0.5, X["age"], np.nan)
    assert find_leaks(X, y) == [("date", "is empty exactly where the class is 'stayed'", True)]


@pytest.mark.parametrize("seed", SEEDS)
def test_numbers_of_rows_are_a_leak_where_the_rows_are_sorted_by_class(seed):
    rng = np.random.default_rng(seed)
    y = np.sort(rng.integers(0, 3, 100))
    X = pd.DataFrame({"id": np.arange(1000, 1100), "x": rng.random(100)})
    assert whole(X, y) == ["id"]
    order = rng.permutation(100)
    assert whole(X.iloc[order], y[order]) == ["id"]  # the order of the rows does not matter
    assert whole(X, y[order]) == []
    assert whole(X.assign(id=rng.permutation(X["id"])), y) == []
    assert whole(X.assign(id=X["id"] // 2), y) == []  # a number for two rows is no number of rows


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("share", [0.5, 0.005])
def test_a_column_that_is_hardly_ever_wrong_is_found_also_for_rare_classes(share, seed):
    rng = np.random.default_rng(seed)
    y = rng.random(100_000) < share
    score = y + rng.normal(scale=0.1, size=len(y))
    many = 1000 * y + rng.integers(0, 50, len(y))  # many values, each of one class
    X = pd.DataFrame({"score": score, "many": many, "text": many.astype(str), "other": rng.random(len(y))})
    assert whole(X, y) == ["score", "many", "text"]
    wrong = rng.random(len(y)) < 0.03
    assert whole(pd.DataFrame({"good": np.where(wrong, ~y, y)}), y) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_the_verdict_depends_on_the_order_of_values_only(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=2000)
    for scale, found in ((0.001, ["x"]), (0.5, [])):
        y = x + rng.normal(scale=scale, size=len(x)) > 0
        for values in (x, -x, np.exp(x), x**3):
            assert whole(pd.DataFrame({"x": values}), np.where(y, "b", "a")) == found


@pytest.mark.parametrize("seed", SEEDS)
def test_columns_that_determine_the_target_together_only_are_no_leaks(seed):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.integers(0, 2, (2000, 3)), columns=list("abc"))
    X["names"] = [f"person {i}" for i in range(len(X))]  # unique values say nothing about other rows
    X["constant"], X["empty"] = 1, np.nan
    assert find_leaks(X, (X["a"] ^ X["b"]).to_numpy()) == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_column_that_gives_one_class_away_is_a_hint(seed):
    rng = np.random.default_rng(seed)
    y = rng.choice(["dead", "hurt", "well"], 3000)
    X = pd.DataFrame(
        {"race": np.where(y == "dead", rng.choice(["a", "b"], 3000), "not asked"), "age": rng.random(3000)}
    )
    assert find_leaks(X, y) == [("race", "alone tells which rows are of class dead", False)]


@pytest.mark.parametrize("name", BUNDLED)
def test_honest_tables_have_none(name):
    table = read_table(f"sklearn:{name}")
    assert find_leaks(table.X, table.y) == []


def test_a_row_per_class_is_no_reason_to_fail():
    assert find_leaks(pd.DataFrame({"x": [1, 2, 3], "z": ["a", None, "b"]}), [5, 6, 7]) == []


def test_a_class_per_row_costs_neither_time_nor_memory():
    n = 200_000
    X = pd.DataFrame({"x": np.arange(n)[::-1] * 7, "z": np.arange(n) % 5})
    assert find_leaks(X, np.arange(n).astype(str)) == []


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("sizes", [(4000, 20), (9000, 40, 30)])
def test_a_column_of_chance_tells_nothing_of_a_class_that_nearly_all_rows_are_of(sizes, seed):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X = pd.DataFrame({"number": rng.normal(size=len(y)), "word": rng.choice(list("abc"), len(y)), "constant": 1})
    assert find_leaks(X, y) == []
