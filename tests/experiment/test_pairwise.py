import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scikit_posthocs import posthoc_nemenyi_friedman, posthoc_wilcoxon
from scipy.stats import friedmanchisquare, rankdata

from sktech.experiment.errors import InputError
from sktech.experiment.friedman import friedman
from sktech.experiment.pairwise import cliques, nemenyi, pairwise_test, tables_needed, wilcoxon_holm


def some_matrix(seed, n_tables=None, n_models=None, ties=False):
    rng = np.random.default_rng(seed)
    shape = n_tables or rng.integers(4, 20), n_models or rng.integers(3, 7)
    scores = rng.normal(size=shape) + np.linspace(0, rng.uniform(0, 2), shape[1])
    return pd.DataFrame(scores.round(0) if ties else scores).add_prefix("model").set_axis(range(100, 100 + shape[0]))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_friedman_is_scipys_and_iman_davenports(seed, ties):
    matrix = some_matrix(seed, ties=ties)
    n, k = matrix.shape
    test = friedman(matrix)
    expected = friedmanchisquare(*matrix.to_numpy().T)
    np.testing.assert_allclose([test.chi2, test.chi2_p_value], expected)
    # Iman and Davenport's statistic is that of an analysis of variance of the ranks, by models and tables.
    ranks = matrix.rank(axis=1).to_numpy()
    between = n * ((ranks.mean(axis=0) - ranks.mean()) ** 2).sum()
    rest = ((ranks - ranks.mean(axis=0)) ** 2).sum()
    np.testing.assert_allclose(test.f, (between / (k - 1)) / (rest / ((k - 1) * (n - 1))))


def test_friedman_where_all_tables_agree_or_all_models_are_equal():
    agreed = pd.DataFrame(np.tile([0.1, 0.2, 0.3, 0.4], (6, 1)))
    assert friedman(agreed).f == math.inf
    assert friedman(agreed).p_value == pytest.approx(math.factorial(4) ** -5.0)
    assert friedman(agreed * 0).p_value == 1


@pytest.mark.parametrize(("n_tables", "n_models"), [(3, 3), (4, 4), (5, 4), (12, 6)])
def test_friedman_keeps_its_level(n_tables, n_models):
    n = 400
    rng = np.random.default_rng(0)
    found = [friedman(pd.DataFrame(rng.normal(size=(n_tables, n_models)))).p_value <= 0.05 for _ in range(n)]
    assert np.mean(found) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)


@pytest.mark.parametrize("seed", range(3))
def test_nemenyi_is_that_of_scikit_posthocs(seed):
    matrix = some_matrix(seed)
    critical_difference, p_values = nemenyi(matrix)
    expected = posthoc_nemenyi_friedman(matrix.to_numpy())
    np.testing.assert_allclose(p_values, expected, atol=1e-9)
    ranks = matrix.rank(axis=1).mean()
    for a, b in itertools.combinations(matrix, 2):
        assert (abs(ranks[a] - ranks[b]) >= critical_difference) == (p_values.loc[a, b] <= 0.05)


def test_critical_difference_is_that_of_demsars_table():
    # Demsar (2006), table 5a: q at 0.05 for 2, 5 and 10 classifiers.
    for k, q in [(2, 1.960), (5, 2.728), (10, 3.164)]:
        critical_difference, _ = nemenyi(some_matrix(0, n_tables=30, n_models=k))
        assert critical_difference == pytest.approx(q * np.sqrt(k * (k + 1) / (6 * 30)), rel=3e-4)


@pytest.mark.parametrize(("n_tables", "ties"), [(6, True), (8, True), (12, False), (60, False)])
def test_wilcoxon_is_that_of_scikit_posthocs(n_tables, ties):
    matrix = some_matrix(n_tables, n_tables, n_models=3, ties=ties)
    expected = posthoc_wilcoxon(list(matrix.to_numpy().T), p_adjust="holm")
    np.testing.assert_allclose(wilcoxon_holm(matrix), expected)


@pytest.mark.parametrize("seed", range(5))
def test_wilcoxon_with_ties_counts_all_signs(seed):
    gaps = np.random.default_rng(seed).integers(-3, 5, 12).astype(float)
    ranks = rankdata(np.abs(gaps[gaps != 0]))
    signs = np.array(list(itertools.product([-1, 1], repeat=len(ranks))))
    found = abs((ranks * np.sign(gaps[gaps != 0])).sum())
    expected = np.mean(np.abs(signs @ ranks) >= found)
    assert wilcoxon_holm(pd.DataFrame({"a": gaps, "b": 0.0})).loc["a", "b"] == pytest.approx(expected)


def test_models_that_are_equal_on_all_tables_are_not_told_apart():
    matrix = some_matrix(0, n_tables=12, n_models=3)
    matrix["model2"] = matrix["model0"]
    assert wilcoxon_holm(matrix).loc["model0", "model2"] == 1


@pytest.mark.parametrize("test", [lambda m: nemenyi(m)[1], wilcoxon_holm])
@pytest.mark.parametrize("seed", range(3))
def test_neither_order_nor_direction_nor_scale_matters(test, seed):
    matrix = some_matrix(seed)
    expected = test(matrix)
    rng = np.random.default_rng(seed)
    tables, models = rng.permutation(matrix.index), rng.permutation(matrix.columns)
    turned = -3 * matrix.loc[tables, models]
    pd.testing.assert_frame_equal(test(turned).loc[matrix.columns, matrix.columns], expected)
    np.testing.assert_allclose(friedman(turned), friedman(matrix))
    assert np.array_equal(expected, expected.T)


@pytest.mark.parametrize("n_models", [2, 3, 5])
def test_tables_needed_are_just_enough(n_models):
    n = tables_needed(n_models)
    clear = pd.DataFrame(np.arange(n)[:, None] + np.arange(n_models) * np.arange(1, n + 1)[:, None] * 10.0)
    assert wilcoxon_holm(clear).loc[0, 1] <= 0.05
    assert wilcoxon_holm(clear.head(n - 1)).loc[0, 1] > 0.05


def test_the_test_of_pairs_is_wilcoxons_where_it_can_find_something():
    enough = some_matrix(0, n_tables=tables_needed(4), n_models=4)
    p_values, critical_difference = pairwise_test(enough)
    assert critical_difference is None
    pd.testing.assert_frame_equal(p_values, wilcoxon_holm(enough))
    few = enough.iloc[1:]
    p_values, critical_difference = pairwise_test(few)
    assert critical_difference == nemenyi(few)[0]
    pd.testing.assert_frame_equal(p_values, nemenyi(few)[1])


def test_what_two_models_won_on_all_of_few_tables_is_no_finding():
    # With four tables the normal approximation behind Nemenyi's test calls 4 wins of 4 significant; p is 1 / 8.
    p_values, _ = pairwise_test(pd.DataFrame({"a": [0, 0, 0, 0.0], "b": [1, 2, 3, 4.0]}))
    assert p_values.loc["a", "b"] == 0.125


@pytest.mark.parametrize("seed", range(20))
def test_cliques_are_all_the_groups_that_cannot_be_made_larger(seed):
    rng = np.random.default_rng(seed)
    n = 7
    names = list("gcafbed")
    ranks = pd.Series(rng.uniform(1, n, n), index=names)
    upper = np.triu(rng.random((n, n)) ** 2, 1)
    p_values = pd.DataFrame(upper + upper.T + np.eye(n), names, names)
    order = list(ranks.sort_values().index)
    runs = [order[i:j] for i in range(n) for j in range(i + 2, n + 1)]
    alike = [run for run in runs if all(p_values.loc[a, b] > 0.05 for a, b in itertools.combinations(run, 2))]
    largest = [run for run in alike if not any(set(run) < set(other) for other in alike)]
    assert cliques(ranks, p_values) == largest


@pytest.mark.parametrize("test", [friedman, nemenyi, wilcoxon_holm])
def test_bad_matrices(test):
    matrix = some_matrix(0)
    with pytest.raises(InputError, match="expected two tables"):
        test(matrix.head(1))
    with pytest.raises(InputError, match=r"models at least, got \d+ and 1"):
        test(matrix[["model0"]])
    with pytest.raises(InputError, match="got NaN"):
        test(matrix.mask(matrix == matrix.iloc[0, 0]))
