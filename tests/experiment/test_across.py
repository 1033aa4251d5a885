import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from sktech.experiment.across import mean_ranks, score_matrix, wins_ties_losses
from sktech.experiment.errors import InputError
from sktech.experiment.significance import corrected_test


def test_matrix_is_the_means_over_folds(folds_of):
    scores = np.random.default_rng(0).normal(size=(3, 2, 5))
    matrix, left_out = score_matrix(folds_of(scores).sample(frac=1, random_state=0))
    np.testing.assert_allclose(matrix.loc[["table0", "table1", "table2"], ["model0", "model1"]], scores.mean(axis=2))
    assert left_out == {}


def test_tables_and_models_stay_in_order(folds_of):
    folds = folds_of(np.zeros((12, 11, 2)))
    matrix, _ = score_matrix(folds)
    assert list(matrix.index) == [f"table{i}" for i in range(12)]
    assert list(matrix.columns) == [f"model{i}" for i in range(11)]


def test_models_that_failed_are_left_out_and_unfinished_folds_do_not_count(folds_of):
    scores = np.random.default_rng(0).normal(size=(3, 3, 4))
    scores[1, 2, 0] = np.nan  # model2 failed once
    folds = folds_of(scores)
    unfinished = (folds["model"] == "model1") & ((folds["table"] == "table2") | (folds["fold"] == 3))
    matrix, left_out = score_matrix(folds[~unfinished])
    assert left_out == {"model2": ["table1"]}
    pd.testing.assert_frame_equal(
        matrix,
        pd.DataFrame(scores[:2, :2, :3].mean(axis=2), ["table0", "table1"], ["model0", "model1"]),
        check_names=False,
    )


@pytest.mark.parametrize("lower", [True, False])
def test_mean_ranks(lower):
    scores = np.random.default_rng(0).integers(0, 4, size=(9, 5)).astype(float)  # with ties
    matrix = pd.DataFrame(scores).add_prefix("model")
    ranks = mean_ranks(matrix, lower)
    expected = np.mean([rankdata(row if lower else -row) for row in scores], axis=0)
    np.testing.assert_allclose(ranks[matrix.columns], expected)
    assert ranks.is_monotonic_increasing
    assert ranks.mean() == pytest.approx((5 + 1) / 2)
    pd.testing.assert_series_equal(mean_ranks(-matrix, not lower), ranks)
    pd.testing.assert_series_equal(mean_ranks(matrix.sample(frac=1, random_state=0) * 7 + 3, lower), ranks)


@pytest.mark.parametrize("score", ["log_loss", "accuracy"])
def test_wins_are_what_the_corrected_test_finds(folds_of, score):
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(8, 4, 10)) + rng.normal(0, 2, size=(8, 4, 1))
    scores[0, 1] = np.nan
    counts = wins_ties_losses(folds_of(scores, score), score)
    assert len(counts) == 4 * 3
    sign = 1 if score == "log_loss" else -1
    for a, b in itertools.permutations(range(4), 2):
        tests = [corrected_test(sign * (t[a] - t[b]), 80, 20) for t in scores if not np.isnan([t[a], t[b]]).any()]
        wins, losses = sum(test.high < 0 for test in tests), sum(test.low > 0 for test in tests)
        row = counts.loc[f"model{a}", f"model{b}"]
        assert row.to_dict() == {"wins": wins, "ties": len(tests) - wins - losses, "losses": losses}
    assert counts.to_numpy().max() < 8
    assert (counts.sum() > 0).all()
    against = wins_ties_losses(folds_of(scores, score), score, reference="model2")
    pd.testing.assert_frame_equal(against, counts[counts.index.get_level_values("against") == "model2"])


def test_one_fold_is_a_tie(folds_of):
    counts = wins_ties_losses(folds_of([[[0.1], [0.9]]]))
    assert (counts[["wins", "ties", "losses"]] == [0, 1, 0]).all(axis=None)


def test_unknown_references_and_scores_are_refused(folds_of):
    folds = folds_of(np.zeros((1, 2, 3)))
    with pytest.raises(InputError, match="among model0 and model1, got 'nobody'"):
        wins_ties_losses(folds, reference="nobody")
    for function in (wins_ties_losses, score_matrix):
        with pytest.raises(InputError, match=r"one of the scores log_loss, .* got 'accuracy'"):
            function(folds, "accuracy")
