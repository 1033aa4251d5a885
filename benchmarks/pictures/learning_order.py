"""Twenty nets learn handwritten digits: which share of them is right about a row, in four phases and in all epochs.

Run ``python benchmarks/pictures/learning_order.py`` (seconds); it writes ``benchmarks/results/learning_order.png``.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits

from sktech import NetClassifier
from sktech.inspection import LearningOrderDisplay, learning_order

RESULT = Path(__file__).parents[1] / "results" / "learning_order.png"


def picture():
    X, y = load_digits(return_X_y=True)
    net = NetClassifier(n_members=1, lr=2e-4, lr_schedule=None, max_epochs=16)
    display = LearningOrderDisplay(learning_order(net, X[::3], y[::3], 20, random_state=0))
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    display.plot(left).plot(right, kind="epochs")
    return figure


if __name__ == "__main__":
    picture().savefig(RESULT, dpi=100)
