"""What the pictures of weights show is what was learned."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from sktech import CleanPrototypeClassifier, NetClassifier, ReweightedClassifier
from sktech.inspection import WeightDisplay, WeightFunctionDisplay


@pytest.fixture(scope="module")
def fitted():
    X, y = load_iris(return_X_y=True)
    y_noisy = np.where(np.arange(150) % 6 == 1, (y + 1) % 3, y)
    clf = ReweightedClassifier(NetClassifier(n_members=2, max_epochs=3), method="meta_weight_net", random_state=0)
    return clf.fit(X, y_noisy, is_clean=np.arange(150) % 6 == 0), y_noisy, y


def test_every_row_with_a_weight_is_in_the_histogram(fitted):
    clf, y, y_true = fitted
    display = WeightDisplay.from_estimator(clf, y, y_true, bins=7)
    assert sum(bar.get_height() for bar in display.ax_.patches) == np.isfinite(clf.row_weights_).sum() == 125
    assert display.is_wrong.sum() == 25
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == [
        "right label, 100 rows",
        "wrong label, 25 rows",
    ]
    alone = WeightDisplay.from_estimator(clf)
    assert sum(bar.get_height() for bar in alone.ax_.patches) == 125
    assert alone.roc_auc is None


def test_confidences_of_clean_prototypes_are_shown_alike():
    X, y = load_iris(return_X_y=True)
    clf = CleanPrototypeClassifier(n_members=1, max_epochs=2, random_state=0).fit(X, y)
    assert_array_equal(WeightDisplay.from_estimator(clf).weights, clf.row_confidences_)


def test_the_area_is_the_share_of_pairs_in_the_right_order():
    rng = np.random.default_rng(0)
    weights, wrong = rng.integers(0, 8, 60).astype(float), rng.uniform(size=60) < 0.4
    pairs = weights[~wrong][:, None] - weights[wrong]
    assert_allclose(WeightDisplay(weights, wrong).roc_auc, ((pairs > 0) + 0.5 * (pairs == 0)).mean())
    assert np.isnan(WeightDisplay(weights, np.zeros(60, bool)).roc_auc)


def test_the_curve_is_the_weight_function(fitted):
    clf, *_ = fitted
    figure, ax = plt.subplots()
    display = WeightFunctionDisplay.from_estimator(clf, max_loss=3.0, ax=ax)
    assert display.figure_ is figure
    (line,) = ax.lines
    assert_array_equal(line.get_ydata(), clf.weight_function(line.get_xdata()))
    assert line.get_xdata()[[0, -1]].tolist() == [0.0, 3.0]


def test_what_cannot_be_shown_is_refused(fitted):
    clf, _, y_true = fitted
    with pytest.raises(ValueError, match="y: expected the labels of the fit beside y_true, got None"):
        WeightDisplay.from_estimator(clf, y_true=y_true)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        WeightDisplay.from_estimator(clf, y_true, y_true[:5])
    with pytest.raises(ValueError, match=r"y and y_true: expected labels of one kind, got y like \['"):
        WeightDisplay.from_estimator(clf, y_true.astype(str), y_true)
    with pytest.raises(NotFittedError):
        WeightDisplay.from_estimator(ReweightedClassifier())
    with pytest.raises(
        TypeError, match="expected one with row_weights_ or row_confidences_, got NetClassifier without"
    ):
        WeightDisplay.from_estimator(clf.estimator_)
    with pytest.raises(ValueError, match="expected a weight for at least one row, got none in 3"):
        WeightDisplay([np.nan] * 3)
