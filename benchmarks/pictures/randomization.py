"""What a net memorises when it trains to the end, and what when it stops early.

Run ``python benchmarks/pictures/randomization.py`` (half a minute): it writes ``benchmarks/results/randomization.png``.
"""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from sklearn.datasets import make_classification

from sktech import NetClassifier
from sktech.inspection import RandomizationDisplay

RESULT = Path(__file__).parents[1] / "results" / "randomization.png"


def picture():
    """The figure: scores on the training rows and on others, by what was randomised; three repeats."""
    X, y = make_classification(1000, 20, n_informative=10, n_classes=3, flip_y=0.05, random_state=0)
    net = NetClassifier(n_members=1, numeric_embedding=None)
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharex=True, sharey=True)
    for ax, stops, title in zip(axes, (False, True), ("trained to the end", "with early stopping"), strict=True):
        net.set_params(early_stopping=stops)
        RandomizationDisplay.from_estimator(net, X, y, corruption=(0.25, 0.5), n_repeats=3, random_state=0, ax=ax)
        ax.set_title(title)
    axes[0].get_legend().remove()
    return figure


if __name__ == "__main__":
    picture().savefig(RESULT, dpi=100, pil_kwargs={"optimize": True})
