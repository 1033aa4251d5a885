"""Draws what answers about wines owe to their measurements: of one wine, and in the mean over all."""

from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

from sktech import NetClassifier
from sktech.inspection import AttributionDisplay, integrated_gradients


def picture():
    """A figure: mean absolute attributions on the left, those of one row on the right.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    X, y = load_wine(return_X_y=True, as_frame=True)
    X.columns = [name.split("/")[0].replace("_", " ") for name in X.columns]
    X_train, X_test, y_train, _ = train_test_split(X, "wine " + y.astype(str), random_state=0)
    clf = NetClassifier(random_state=0).fit(X_train, y_train)
    attribution = integrated_gradients(clf, X_test, output="probability")
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    AttributionDisplay(attribution).plot(left, max_features=10)
    left.set_title(f"mean over {len(X_test)} wines")
    AttributionDisplay(attribution).plot(right, row=0, max_features=9)
    return figure


if __name__ == "__main__":
    picture().savefig(Path(__file__).parents[1] / "results" / "attributions.png", dpi=100)
