import numpy as np
import pandas as pd
import pytest

from sktech.experiment.across import mean_ranks, score_matrix
from sktech.experiment.pairwise import cliques, pairwise_test, tables_needed
from sktech.experiment.significance import differences_to
from sktech.experiment.winners import in_words, leaders
from sktech.experiment.winners_across import across_in_words, groups


def some_scores(seed, n_tables=1, n_models=4, n_folds=10, spread=0.5):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_tables, n_models, n_folds)) + spread * np.arange(n_models)[:, None]


@pytest.mark.parametrize("score", ["log_loss", "accuracy"])
@pytest.mark.parametrize("spread", [0, 0.5, 2, 10])
@pytest.mark.parametrize("seed", range(3))
def test_nobody_wins_inside_the_noise(folds_of, seed, spread, score):
    sign = 1 if score == "log_loss" else -1
    folds = folds_of(sign * some_scores(seed, spread=spread), score)
    best, *close = leaders(folds, score)
    means = sign * folds.groupby("model")[score].mean()
    assert best == means.idxmin()
    verdicts = differences_to(folds, best, score)["verdict"]
    assert set(close) == set(verdicts.index[verdicts == "within the noise"])
    text = in_words(folds, score)
    assert text.startswith("No winner: " if close else f"{best} wins")
    assert best in text
    assert all(name in text for name in close[:2])
    assert len(close) < 3 or f"and {len(close) - 2} more are within the noise" in text
    if spread == 10:
        assert not close


def test_leaders_hold_the_best_model(folds_of):
    n, found, alone = 80, 0, 0
    for seed in range(n):  # folds of one table share rows, and so part of their noise
        rng = np.random.default_rng(seed)
        shared = rng.normal(size=(1, 4, 1)) * np.sqrt(0.2)
        names = leaders(folds_of(shared + rng.normal(size=(1, 4, 10)) * np.sqrt(0.8)))
        found += "model0" in names  # as good as any
        alone += len(names) == 1
    assert found / n >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / n)
    assert alone / n <= 0.05


def test_words_name_the_interval_and_its_confidence(folds_of):
    folds = folds_of(some_scores(0, n_models=2, spread=0))
    best, other = leaders(folds, confidence=0.9)
    row = differences_to(folds, best, confidence=0.9).loc[other]
    expected = (
        f"{other} ({row['mean']:+.4f}, 90 % interval {row['low']:+.4f} to {row['high']:+.4f}) is within the noise."
    )
    assert in_words(folds, confidence=0.9).endswith(expected)


def test_words_explain_an_interval_without_0_that_is_within_the_noise(folds_of):
    texts = [in_words(folds_of(some_scores(seed, n_models=8, spread=0.12))) for seed in range(10)]
    explained = ["allows for all 7" in text for text in texts]
    assert any(explained)
    assert not all(explained)


def test_words_where_nothing_can_be_tested(folds_of):
    one_fold = in_words(folds_of([[[0.25], [0.5]]]))
    assert one_fold == ("One fold only: differences cannot be tested. model0 has the lowest log-loss (0.2500).")
    assert in_words(folds_of([[[0.25, 0.25]]])).startswith("Nothing to compare: model0 is the only model")
    failed = folds_of([[[np.nan, 0.5], [np.nan, 0.5]]])
    assert leaders(failed) == []
    assert in_words(failed).startswith("Nothing to compare")
    assert in_words(failed).endswith("Left out, for want of log-loss in some fold: model0 and model1.")


def test_models_that_failed_cannot_win(folds_of):
    scores = some_scores(0, spread=10)
    scores[0, 0, 3] = np.nan
    folds = folds_of(scores)
    assert leaders(folds) == ["model1"]
    assert in_words(folds).startswith("model1 wins")
    assert in_words(folds).endswith("some fold: model0.")


def test_models_that_failed_do_not_count_as_comparisons(folds_of):
    scores = some_scores(0, n_models=6, spread=0.3)
    scores[0, ::2, 3] = np.nan
    folds = folds_of(scores)
    without = folds[folds["model"].isin(["model1", "model3", "model5"])]
    assert leaders(folds) == leaders(without)
    assert in_words(folds).startswith(in_words(without))


def test_only_folds_that_all_have_finished_count(folds_of):
    folds = folds_of(some_scores(0, n_folds=6))
    finished = folds[(folds["fold"] < 4) | (folds["model"] == "model3")]
    assert in_words(finished) == in_words(folds[folds["fold"] < 4])


def test_equal_differences_are_told_as_such(folds_of):
    text = in_words(folds_of([[[0.5] * 4, [0.75] * 4]]))
    assert text == (
        "No winner: model0 has the lowest log-loss (0.5000), "
        "but model1 (+0.2500 in each of 4 folds) is within the noise."
    )


@pytest.mark.parametrize("score", ["log_loss", "accuracy"])
@pytest.mark.parametrize("n_tables", [3, 5, 20])
@pytest.mark.parametrize("spread", [0, 0.2, 1])
def test_nobody_wins_over_tables_inside_the_noise(folds_of, n_tables, spread, score):
    sign = 1 if score == "log_loss" else -1
    folds = folds_of(sign * some_scores(1, n_tables=n_tables, spread=spread), score)
    matrix, _ = score_matrix(folds, score)
    ranks = mean_ranks(matrix, score == "log_loss")
    joined, critical_difference = groups(matrix, score == "log_loss")
    text = across_in_words(folds, score)
    best = ranks.index[0]
    close = {name for group in joined if best in group for name in group} - {best}
    assert text.startswith("No winner: " if close else f"{best} wins")
    assert (critical_difference is None) == (n_tables >= tables_needed(4))
    if "Friedman's test does not find a difference" in text:
        assert spread < 1
        assert joined == [list(ranks.index)]
    else:
        assert joined == cliques(ranks, pairwise_test(matrix)[0])
        assert all(f"{name} ({ranks[name]:.2f})" in text for name in close)
    assert spread > 0 or len(close) == 3
    assert (n_tables, spread) != (20, 1) or not close


def test_friedmans_verdict_bars_the_way_to_pairs(folds_of):
    """Of many comparisons among equal models some pairs look different; no winner may come of that."""
    winners = 0
    for seed in range(40):
        folds = folds_of(np.random.default_rng(seed).normal(size=(8, 4, 1)))
        winners += not across_in_words(folds).startswith("No winner")
    assert winners <= 0.05 * 40 + 3 * np.sqrt(0.05 * 0.95 * 40)


def test_the_diagram_joins_all_where_friedmans_test_finds_nothing():
    # model0 is a little better on 31 tables and much worse on 30, which only the signed ranks can tell.
    gaps = np.r_[-np.linspace(0.01, 0.02, 31), np.linspace(1, 2, 30)]
    other = np.resize([-5.0, 5.0], 61)
    matrix = pd.DataFrame({"model0": gaps, "model1": 0.0, "model2": other})
    assert pairwise_test(matrix)[0].loc["model0", "model1"] <= 0.05
    joined, critical_difference = groups(matrix, lower_is_better=True)
    assert [sorted(group) for group in joined] == [["model0", "model1", "model2"]]
    assert critical_difference is None


@pytest.mark.parametrize("n_tables", [3, 6])
def test_two_models_over_tables(folds_of, n_tables):
    text = across_in_words(folds_of(some_scores(0, n_tables, n_models=2, spread=10)))
    assert text.startswith("model0 wins" if n_tables >= 6 else "No winner")
    assert n_tables >= 6 or "takes 6 tables" in text


def test_more_tables_won_but_by_less_is_no_win(folds_of):
    # model0 is a little better on 21 tables, model1 much better on 20: the signed ranks are for model1.
    gaps = np.r_[-np.linspace(0.01, 0.02, 21), np.linspace(1, 2, 20)]
    folds = folds_of(np.stack([gaps, np.zeros(41)], axis=1)[:, :, None])
    matrix, _ = score_matrix(folds)
    assert mean_ranks(matrix, lower_is_better=True).index[0] == "model0"
    assert pairwise_test(matrix)[0].loc["model0", "model1"] <= 0.05
    assert across_in_words(folds).startswith("No winner")


def test_words_over_tables_say_what_did_not_count(folds_of):
    scores = some_scores(0, n_tables=12, spread=10)
    scores[4, 2, 1] = np.nan
    folds = folds_of(scores)
    folds = folds[(folds["table"] != "table11") | (folds["model"] == "model0")]
    text = across_in_words(folds)
    assert "among 3 models over 11 tables" in text
    assert "in some fold: model2 (on table4)." in text
    assert text.endswith("finished by all models: table11.")
    assert across_in_words(folds[folds["table"] == "table0"]).startswith("Nothing to rank: 4 models on 1 table")
