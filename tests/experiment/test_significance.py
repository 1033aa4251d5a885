import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t, ttest_1samp
from statsmodels.stats.multitest import multipletests

from sktech.experiment.errors import InputError
from sktech.experiment.paired import common_folds
from sktech.experiment.significance import corrected_test, differences_to, holm

seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=25, deadline=None)


def some_differences(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(rng.normal(), rng.uniform(0.1, 3), size=rng.integers(2, 31))


@few
@given(seeds, st.floats(0.5, 0.999))
def test_corrected_test_is_the_formula(seed, confidence):
    d = some_differences(seed)
    n_train, n_test = np.random.default_rng(seed).integers(5, 100, size=(2, len(d)))
    mean = sum(d) / len(d)
    s2 = sum((value - mean) ** 2 for value in d) / (len(d) - 1)
    error = ((1 / len(d) + sum(n_test) / sum(n_train)) * s2) ** 0.5
    quantile = t(len(d) - 1).ppf(1 - (1 - confidence) / 2)
    expected = mean, mean - quantile * error, mean + quantile * error, 2 * t(len(d) - 1).sf(abs(mean) / error)
    np.testing.assert_allclose(corrected_test(d, n_train, n_test, confidence), expected, rtol=1e-10, atol=1e-13)


@few
@given(seeds)
def test_without_shared_training_rows_it_is_the_ordinary_t_test(seed):
    d = some_differences(seed)
    plain = ttest_1samp(d, 0)
    test = corrected_test(d, n_train=1e30, n_test=1)
    np.testing.assert_allclose(test.p_value, plain.pvalue, rtol=1e-9)
    np.testing.assert_allclose(test[1:3], plain.confidence_interval(0.95), rtol=1e-9, atol=1e-13)


@few
@given(seeds, st.floats(-5, 5), st.floats(0.001, 1000))
def test_swapping_shifting_scaling_and_reordering(seed, shift, scale):
    d = some_differences(seed)
    test = corrected_test(d, 80, 20)
    swapped = corrected_test(-d, 80, 20)
    np.testing.assert_allclose(swapped, [-test.mean, -test.high, -test.low, test.p_value])
    np.testing.assert_allclose(corrected_test(d * scale, 80, 20), [*(scale * np.array(test[:3])), test.p_value])
    np.testing.assert_allclose(corrected_test(d + shift, 80, 20)[:3], np.array(test[:3]) + shift, atol=1e-12)
    np.testing.assert_allclose(corrected_test(d[::-1], 80, 20), test)


@few
@given(seeds, st.floats(0.5, 0.999))
def test_the_interval_leaves_out_0_when_p_is_below_the_level(seed, confidence):
    test = corrected_test(some_differences(seed), 80, 20, confidence)
    assert (test.low > 0 or test.high < 0) == (test.p_value < 1 - confidence)


def test_one_fold_tells_nothing_of_the_noise():
    test = corrected_test([0.3], 80, 20)
    assert test.mean == 0.3
    assert np.isnan(test[1:]).all()


@pytest.mark.parametrize("n", [2, 5, 30])
def test_folds_without_spread(n):
    assert corrected_test(np.zeros(n), 80, 20) == (0, 0, 0, 1)
    same = corrected_test(np.arange(n) + 0.7 - np.arange(n), 80, 20)  # the same but for rounding
    assert same.p_value == 2.0 ** (1 - n)  # all signs alike
    assert np.isnan([same.low, same.high]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 80, 20), "finite differences"),
        (([0.1, np.nan], 80, 20), "finite differences"),
        (([[0.1, 0.2]], 80, 20), "finite differences"),
        (([0.1, 0.2], 0, 20), "training and test rows, got 0 and 20"),
        (([0.1, 0.2], 80, 20, 95), "between 0 and 1, got 95"),
    ],
)
def test_bad_input(arguments, message):
    with pytest.raises(InputError, match=message):
        corrected_test(*arguments)


def cross_validated_losses(seed, n_models, n_rows=60, n_splits=5, n_repeats=4):
    """Folds x models -> the loss of models that are equally good: each predicts the mean of numbers of its own."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n_models, n_rows, 10))
    losses = []
    for _ in range(n_repeats):
        for test in np.array_split(rng.permutation(n_rows), n_splits):
            train = np.setdiff1d(np.arange(n_rows), test)
            error = rows[:, test] - rows[:, train].mean(axis=1, keepdims=True)
            losses.append((error**2).mean(axis=(1, 2)))
    return np.array(losses)


def test_models_that_are_equal_are_rarely_told_apart_and_an_ordinary_test_often_does():
    n, corrected, ordinary = 600, 0, 0
    for seed in range(n):
        a, b = cross_validated_losses(seed, 2).T
        corrected += corrected_test(a - b, 48, 12).p_value <= 0.05
        ordinary += ttest_1samp(a - b, 0).pvalue <= 0.05
    assert corrected / n <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
    assert ordinary / n > 0.2


def test_models_that_differ_are_told_apart():
    found = [corrected_test(np.subtract(*cross_validated_losses(seed, 2).T) - 0.5, 48, 12) for seed in range(50)]
    assert np.mean([test.high < 0 for test in found]) > 0.9


@pytest.mark.parametrize("seed", range(4))  # the other library is slow
def test_holm_is_that_of_statsmodels(seed):
    rng = np.random.default_rng(seed)
    p_values = rng.choice([*(rng.random(8) / 10), 0.01, 0.04, np.nan], size=12)  # with ties
    known = ~np.isnan(p_values)
    adjusted = holm(p_values)
    assert (np.isnan(adjusted) == ~known).all()
    np.testing.assert_allclose(adjusted[known], multipletests(p_values[known], method="holm")[1])


@pytest.mark.parametrize("seed", range(5))
def test_differences_are_those_of_pairs(folds_of, seed):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(4, 10))
    folds = folds_of([scores])
    frame = differences_to(folds, "model2").loc[["model0", "model1", "model3"]]
    expected = [corrected_test(scores[m] - scores[2], 80, 20) for m in (0, 1, 3)]
    np.testing.assert_allclose(frame[["mean", "low", "high", "p_value"]], expected)
    np.testing.assert_allclose(frame["p_adjusted"], holm(frame["p_value"]))
    shuffled = differences_to(folds.sample(frac=1, random_state=seed), "model2")
    pd.testing.assert_frame_equal(shuffled, differences_to(folds, "model2"), check_names=False)
    back = differences_to(folds, "model0").loc["model2"]
    np.testing.assert_allclose(back[["mean", "low", "high"]].tolist(), -frame.loc["model0", ["mean", "high", "low"]])


@pytest.mark.parametrize(("score", "order"), [("log_loss", "better worse"), ("accuracy", "worse better")])
def test_verdicts_know_what_is_better(folds_of, score, order):
    noise = np.random.default_rng(0).normal(0, 0.01, size=(4, 10))
    level = np.array([[0.2], [0.5], [0.5], [0.8]])
    folds = folds_of([level + noise], score)
    frame = differences_to(folds, "model1", score)
    assert frame.loc[["model0", "model3"], "verdict"].tolist() == order.split()
    assert frame.loc["model2", "verdict"] == "within the noise"
    assert frame["verdict"].tolist() == ["better", "within the noise", "worse"]  # the best first


def test_verdicts_go_by_the_adjusted_p_value(folds_of):
    rng = np.random.default_rng(0)
    for _ in range(20):
        frame = differences_to(folds_of([rng.normal(size=(6, 10)) + rng.uniform(0, 2, size=(6, 1))]), "model0")
        assert ((frame["p_adjusted"] <= 0.05) == (frame["verdict"] != "within the noise")).all()


def test_models_are_compared_on_the_folds_that_both_have(folds_of):
    scores = np.random.default_rng(0).normal(size=(4, 6))
    scores[0, 2] = scores[1, 4] = np.nan
    scores[2] = np.nan
    scores[3, 1:] = np.nan
    frame = differences_to(folds_of([scores]), "model0")
    assert frame["folds"].to_dict() == {"model1": 4, "model2": 0, "model3": 1}
    both = [0, 1, 3, 5]
    expected = corrected_test(scores[1, both] - scores[0, both], 80, 20)
    np.testing.assert_allclose(frame.loc["model1", ["mean", "low", "high", "p_value"]].tolist(), expected)
    assert (frame.loc[["model2", "model3"], "verdict"] == "not comparable").all()
    assert frame.index[-1] == "model2"


def test_what_cannot_be_compared_is_refused(folds_of):
    folds = folds_of(np.zeros((2, 2, 3)))
    with pytest.raises(InputError, match="one table, got those of table0 and table1"):
        differences_to(folds, "model0")
    one = folds[folds["table"] == "table0"]
    with pytest.raises(InputError, match="among model0 and model1, got 'nobody'"):
        differences_to(one, "nobody")
    with pytest.raises(InputError, match="got 'f1'"):
        differences_to(one, "model0", "f1")


def test_common_folds(folds_of):
    scores = np.arange(2 * 3 * 5, dtype=float).reshape(2, 3, 5)
    scores[1, 2, 3] = np.nan
    folds = folds_of(scores).drop(index=[0, 19])  # two that are not finished: fold 0 of the one table, 4 of the other
    common, left_out = common_folds(folds, "log_loss")
    assert left_out == {"model2": ["table1"]}
    assert list(common.columns) == ["model0", "model1"]
    assert [(table, fold) for table, _, fold in common.index] == [
        *(("table0", fold) for fold in (1, 2, 3, 4)),
        *(("table1", fold) for fold in (0, 1, 2, 3)),
    ]
    np.testing.assert_array_equal(common["model1"], [*scores[0, 1, 1:], *scores[1, 1, :4]])
