"""Laws of the scores of probabilities."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score

from sktech.metrics import (
    brier_score,
    calibration_bins,
    expected_calibration_error,
    macro_roc_auc,
    shot_accuracy,
)

SCORES = [expected_calibration_error, brier_score, macro_roc_auc]


@pytest.fixture
def forecast():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(4), size=300)
    return np.array(["a", "b", "c", "d"])[rng.integers(4, size=300)], proba


def accuracy(y, proba, classes):
    return np.mean(classes[proba.argmax(axis=1)] == y)


@pytest.mark.parametrize("confidence", [0.55, 0.8, 1.0])
def test_calibration_error_is_zero_where_confidence_is_accuracy(confidence):
    hits = round(confidence * 100)
    y = np.r_[np.zeros(hits, int), np.ones(100 - hits, int)]
    proba = np.tile([confidence, 1 - confidence], (100, 1))
    assert expected_calibration_error(y, proba, classes=[0, 1]) == pytest.approx(0)


def test_calibration_error_of_one_bin_is_accuracy_minus_mean_confidence(forecast):
    y, proba = forecast
    expected = abs(accuracy(y, proba, np.unique(y)) - proba.max(axis=1).mean())
    assert expected_calibration_error(y, proba, n_bins=1) == pytest.approx(expected)


@pytest.mark.parametrize("n_bins", [1, 2, 15, 1000])
def test_calibration_error_is_a_share_and_never_below_one_bin(forecast, n_bins):
    error = expected_calibration_error(*forecast, n_bins=n_bins)
    assert 0 <= expected_calibration_error(*forecast, n_bins=1) <= error + 1e-12
    assert error <= 1


def test_calibration_error_of_sure_and_wrong_is_one():
    assert expected_calibration_error([1, 0], [[1.0, 0.0], [0.0, 1.0]]) == 1


def test_bins_are_closed_on_the_right():
    confidences = np.array([0.5, 0.50001, 0.75, 1.0])
    count, _, _ = calibration_bins([0, 0, 0, 1], np.c_[confidences, 1 - confidences], n_bins=4)
    np.testing.assert_array_equal(count, [0, 1, 2, 1])


def test_bins_of_parts_add_up_to_the_whole(forecast):
    y, proba = forecast
    classes = np.unique(y)
    parts = [calibration_bins(y[rows], proba[rows], classes=classes) for rows in (slice(0, 99), slice(99, None))]
    np.testing.assert_allclose(sum(parts), calibration_bins(y, proba))


@pytest.mark.parametrize("score", SCORES)
def test_order_of_rows_and_columns_does_not_matter(score, forecast):
    y, proba = forecast
    classes = np.unique(y)
    rng = np.random.default_rng(1)
    rows, columns = rng.permutation(len(y)), rng.permutation(4)
    shuffled = score(y[rows], proba[rows][:, columns], classes=classes[columns])
    assert shuffled == pytest.approx(score(y, proba))


@pytest.mark.parametrize("score", SCORES)
def test_precision_of_the_probabilities_hardly_matters(score, forecast):
    y, proba = forecast
    assert score(y, proba.astype(np.float32)) == pytest.approx(score(y, proba), abs=1e-6)


def test_two_classes_agree_with_scikit_learn():
    rng = np.random.default_rng(2)
    y, p = rng.integers(2, size=50), rng.random(50)
    proba = np.c_[1 - p, p]
    assert brier_score(y, proba) == pytest.approx(2 * brier_score_loss(y, p))
    assert macro_roc_auc(y, proba) == pytest.approx(roc_auc_score(y, p))


def test_many_classes_agree_with_scikit_learn(forecast):
    y, proba = forecast
    assert macro_roc_auc(y, proba) == pytest.approx(roc_auc_score(y, proba, multi_class="ovr"))


def test_brier_score_is_zero_for_the_truth_and_two_for_its_opposite():
    assert brier_score([0, 1], np.eye(2)) == 0
    assert brier_score([1, 0], np.eye(2)) == 2


def test_roc_auc_leaves_out_classes_without_rows(forecast):
    y, proba = forecast
    few = np.isin(y, ["a", "b"])
    area = macro_roc_auc(y[few], proba[few], classes=np.unique(y))
    expected = np.mean([roc_auc_score(y[few] == label, proba[few][:, k]) for k, label in enumerate("ab")])
    assert area == pytest.approx(expected)
    assert np.isnan(macro_roc_auc(["a"], [[0.5, 0.5]], classes=["a", "b"]))


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("y", "proba", "classes", "message"),
    [
        ([0, 1], [[0.5, 0.5]], [0, 1], "inconsistent numbers of samples"),
        ([0, 1], [0.5, 0.5], [0, 1], r"shape \(n, 2\).*got \(2,\)"),
        ([0, 2], [[0.5, 0.5]] * 2, [0, 1], r"among the classes \[0, 1\], got also \[2\]"),
        ([0, 1], [[0.9, 0.9]] * 2, [0, 1], "sum to 1"),
        ([0, 1], [[1.5, -0.5]] * 2, [0, 1], "sum to 1"),
        ([0, 1], [[np.nan, 0.5]] * 2, [0, 1], "sum to 1"),
        ([], np.empty((0, 2)), [0, 1], "at least one row"),
    ],
)
def test_what_is_no_forecast_is_refused(score, y, proba, classes, message):
    with pytest.raises(ValueError, match=message):
        score(y, proba, classes=classes)


def test_no_bins_are_refused():
    with pytest.raises(ValueError, match="n_bins must be at least 1, got 0"):
        expected_calibration_error([0, 1], [[0.5, 0.5]] * 2, n_bins=0)


# ---------------------------------------------------------------- rare classes


@pytest.fixture
def tail():
    """True and predicted labels, and training labels whose classes have 200, 100, 20 and 19 rows."""
    rng = np.random.default_rng(0)
    y_true = rng.integers(4, size=300)
    y_pred = np.where(rng.uniform(size=300) < 0.6, y_true, rng.integers(4, size=300))
    return y_true, y_pred, np.repeat([0, 1, 2, 3], [200, 100, 20, 19])


def recall(y_true, y_pred, label):
    return np.mean(y_pred[y_true == label] == label)


def test_shots_are_means_over_classes_and_the_middle_includes_its_bounds(tail):
    y_true, y_pred, _ = tail
    own = [recall(y_true, y_pred, label) for label in range(4)]
    found = shot_accuracy(*tail)
    np.testing.assert_allclose(found, [own[0], np.mean(own[1:3]), own[3], np.mean(own)], rtol=1e-12)
    assert found.balanced == pytest.approx(balanced_accuracy_score(y_true, y_pred))


def test_shots_move_with_their_thresholds(tail):
    y_true, y_pred, y_train = tail
    own = [recall(y_true, y_pred, label) for label in range(4)]
    found = shot_accuracy(y_true, y_pred, y_train, many=99, few=99)
    np.testing.assert_allclose(found[:3], [np.mean(own[:2]), np.nan, np.mean(own[2:])], rtol=1e-12)


def test_groups_without_classes_are_nan_and_never_seen_classes_are_few(tail):
    y_true, y_pred, _ = tail
    found = shot_accuracy(y_true, y_pred, y_train=[0] * 200)
    assert np.isnan(found.medium)
    assert found.few == pytest.approx(np.mean([recall(y_true, y_pred, label) for label in (1, 2, 3)]))


def test_shots_know_any_labels(tail):
    names = np.array(["d", "b", "a", "c"])
    np.testing.assert_array_equal(shot_accuracy(*(names[y] for y in tail)), shot_accuracy(*tail))


@pytest.mark.parametrize(
    ("given", "params", "message"),
    [
        (([0, 1], [0], [0, 1]), {}, "inconsistent numbers of samples"),
        (([], [], [0]), {}, "y_true: expected at least one row"),
        (([0], [0], [0]), {"many": 10, "few": 11}, "few: expected at most many=10, got 11"),
    ],
)
def test_what_has_no_shots_is_refused(given, params, message):
    with pytest.raises(ValueError, match=message):
        shot_accuracy(*given, **params)


def test_labels_that_can_never_be_equal_are_refused():
    with pytest.raises(ValueError, match="y_true and y_pred and y_train: expected labels of one kind, got y_true like"):
        shot_accuracy(["a", "b"], ["a", "b"], [0, 1])
    with pytest.raises(ValueError, match="y_train: expected at least one row, got none"):
        shot_accuracy(["a"], ["a"], [])
