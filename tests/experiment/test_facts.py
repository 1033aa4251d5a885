from collections import Counter

import numpy as np
import pandas as pd
import pytest

from sktech.experiment.facts import TableFacts


@pytest.mark.parametrize("seed", range(3))
def test_twins_are_those_that_comparing_all_rows_finds(seed):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "number": rng.choice([1.5, 2.5, np.nan], 60),
            "count": rng.integers(0, 3, 60),
            "word": pd.Categorical(rng.choice(["a", "b"], 60)),
            "gap": pd.Series(rng.choice(["x", "y", None], 60), dtype="str"),
        }
    )
    y = rng.choice(["yes", "no"], 60)
    rows = [tuple(str(cell) for cell in row) for row in X.itertuples(index=False)]
    facts = TableFacts.of(X, y)
    assert facts.n_duplicates == sum(n - 1 for n in Counter(zip(rows, y, strict=True)).values()) > 0
    labels = {row: {y[j] for j in range(60) if rows[j] == row} for row in rows}
    assert facts.contradictory_share == sum(len(labels[row]) > 1 for row in rows) / 60 > 0
    shuffled = rng.permutation(60)
    assert TableFacts.of(X.iloc[shuffled], y[shuffled]) == facts


@pytest.mark.parametrize("seed", range(3))
def test_what_a_copy_of_every_row_adds(seed):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(50, 3)), rng.integers(0, 2, 50)
    once = TableFacts.of(X, y)
    assert (once.n_duplicates, once.contradictory_share) == (0, 0)
    twice = TableFacts.of(np.vstack([X, X]), np.append(y, y))
    assert (twice.n_duplicates, twice.contradictory_share) == (50, 0)
    against = TableFacts.of(np.vstack([X, X]), np.append(y, 1 - y))
    assert (against.n_duplicates, against.contradictory_share) == (0, 1)


def test_constant_columns_have_one_value_or_none():
    n = 3000
    X = pd.DataFrame({"one": 1, "empty": np.nan, "word": "a"}, index=range(n))
    late = np.zeros(n)
    late[-1] = 1  # differs in the last row only
    gap = np.append(np.zeros(n - 1), np.nan)
    X = X.assign(late=late, gap=gap, number=np.arange(n))
    assert TableFacts.of(X, np.arange(n) % 2).n_constant == 3


def test_shares_and_counts(mixed):
    X, y, _ = mixed
    facts = TableFacts.of(X, y)
    assert (facts.n_rows, facts.n_columns, facts.n_numeric) == (60, 6, 4)
    assert facts.missing_share == pytest.approx(X.isna().to_numpy().mean())
    assert facts.class_counts == {label: int((y == label).sum()) for label in ("no", "yes")}
