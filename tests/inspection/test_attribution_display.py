"""The bars of an attribution are its largest values."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import load_wine

from sktech import NetClassifier
from sktech.inspection import AttributionDisplay, gradient, gradient_times_input, integrated_gradients


@pytest.fixture(scope="module")
def fitted():
    X, y = load_wine(return_X_y=True, as_frame=True)
    return NetClassifier(n_members=2, max_epochs=5, random_state=0).fit(X, y), X


def lengths(display):
    return [bar.get_width() for bar in display.ax_.patches]


@pytest.mark.parametrize("function", [gradient, gradient_times_input, integrated_gradients])
def test_bars_are_mean_absolute_values(fitted, function):
    clf, X = fitted
    display = AttributionDisplay.from_estimator(clf, X, method=function.__name__, max_features=5, output="probability")
    expected = np.abs(function(clf, X, output="probability").values).mean(axis=0)
    order = np.argsort(-expected)[:5]
    assert_allclose(lengths(display), expected[order])
    assert_array_equal(display.lengths_, lengths(display))
    assert display.names_ == [X.columns[j] for j in order]
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == display.names_
    told = "gradient" if function is gradient else "attribution"
    assert display.ax_.get_xlabel() == f"mean absolute {told} (probability)"


def test_bars_of_a_row_sum_to_what_is_explained(fitted):
    clf, X = fitted
    attribution = integrated_gradients(clf, X[:9])
    display = AttributionDisplay(attribution).plot(row=-2, max_features=4)
    assert display.names_[-1] == "9 others"
    assert_allclose(sum(lengths(display)), attribution.explained[-2], atol=1e-6)
    values = dict(zip(X.columns, attribution.values[-2], strict=True))
    for name, length in zip(display.names_[:4], lengths(display), strict=False):
        assert length == values[name]
    assert display.ax_.get_title() == (
        f"answer {attribution.answer[-2]:.3g}, at the baseline {attribution.answer[-2] - attribution.explained[-2]:.3g}"
    )
    everything = AttributionDisplay(attribution).plot(row=0)
    assert sorted(everything.names_) == sorted(X.columns)  # no others
    colours = {(bar.get_width() < 0, bar.get_facecolor()) for bar in everything.ax_.patches}
    assert len(colours) == len({colour for _, colour in colours}) == 2
    slopes = AttributionDisplay.from_estimator(clf, X, method="gradient", row=0, max_features=4)
    assert len(slopes.names_) == 4  # sum to nothing
    assert slopes.ax_.get_title() == "answer 0"


def test_it_draws_where_it_is_told(fitted):
    clf, X = fitted
    figure, ax = plt.subplots()
    display = AttributionDisplay.from_estimator(clf, X[:3], method="gradient", ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is figure
    assert display.attribution.values.shape == (3, 13)


def test_bad_input_is_refused(fitted):
    clf, X = fitted
    with pytest.raises(ValueError, match=r"method: expected one of 'gradient', .*, got 'shap'"):
        AttributionDisplay.from_estimator(clf, X, method="shap")
    display = AttributionDisplay(gradient(clf, X[:3]))
    with pytest.raises(ValueError, match=r"row: expected an integer in \[-3, 2\], got 3"):
        display.plot(row=3)
    with pytest.raises(ValueError, match=r"max_features: expected an integer in \[1, inf\), got 0"):
        display.plot(max_features=0)
