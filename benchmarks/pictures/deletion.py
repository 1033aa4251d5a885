"""How answers about digits fall as pixels are deleted, by several attributions, and how eights become threes.

Run ``python benchmarks/pictures/deletion.py`` (seconds): it writes ``benchmarks/results/deletion.png``.
"""

from io import BytesIO
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from sktech import NetClassifier
from sktech.inspection import DeletionDisplay, bias_attribution, class_flip_score, integrated_gradients

RESULT = Path(__file__).parents[1] / "results" / "deletion.png"


def picture():
    """A figure: deletion on the left, on the right flips from eights to threes.

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    X, y = load_digits(return_X_y=True)
    clf = NetClassifier(random_state=0).fit(X[:1000], y[:1000])
    X, baseline = X[1000:], np.median(X[:1000], axis=0)
    ways = {
        "integrated gradients": lambda X, label: (
            integrated_gradients(clf, X, baseline=baseline, target=label, n_steps=64).values
        ),
        "gradient x input + biases": lambda X, label: (
            bias_attribution(clf, X, alpha="proportional", target=label, with_gradient=True).values
        ),
        "biases, proportional": lambda X, label: bias_attribution(clf, X, alpha="proportional", target=label).values,
        "random": lambda X, label: "random",
    }
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    some = X[:200]
    told = {name: way(some, clf.predict(some)) for name, way in ways.items()}
    display = DeletionDisplay.from_estimator(clf, some, told, baseline=baseline, random_state=0, ax=left)
    left.get_legend().remove()
    figure.legend(handles=display.lines_, loc="outside lower center", ncols=2, fontsize="small")
    left.set_title("digits: pixels deleted one by one")
    eights, flips = X[clf.predict(X) == 8], []
    for way in ways.values():
        apart = "random" if isinstance(way(eights, 8), str) else way(eights, 8) - way(eights, 3)
        flips.append(class_flip_score(clf, eights, apart, 8, 3, baseline=baseline, random_state=0))
    right.boxplot(flips, orientation="horizontal", tick_labels=list(ways))
    right.invert_yaxis()
    right.set(title="8 -> 3: a fifth of the pixels deleted", xlabel="increase of log-odds (nats)")
    return figure


if __name__ == "__main__":
    file = BytesIO()
    picture().savefig(file, dpi=100)
    Image.open(file).convert("RGB").quantize(128).save(RESULT, optimize=True)  # a third of the size
