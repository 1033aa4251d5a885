"""Two nets from other initial weights, layer by layer, as CKA and as canonical correlations see them.

Run ``python benchmarks/pictures/layer_similarity.py`` (seconds): it writes ``benchmarks/results/layer_similarity.png``.
"""

from io import BytesIO
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from PIL import Image
from sklearn.datasets import make_classification

from sktech import NetClassifier
from sktech.inspection import SimilarityDisplay, activations

RESULT = Path(__file__).parents[1] / "results" / "layer_similarity.png"


def picture():
    """The figure: six hidden layers and the logits of two nets, on rows that neither has seen."""
    X, y = make_classification(3000, n_informative=10, n_classes=3, random_state=0)
    net = NetClassifier(n_members=1, hidden_layer_sizes=(128,) * 6, numeric_embedding=None)
    layers = []
    for seed in (0, 1):
        found = activations(net.set_params(random_state=seed).fit(X[:1000], y[:1000]), X[1000:])
        names = [f"hidden {k}" for k in range(1, len(found))] + ["logits"]
        layers.append(dict(zip(names, found.values(), strict=True)))
    figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for ax, measure, title in zip(axes, ("cka", "cca"), ("linear CKA", "mean canonical correlation"), strict=True):
        display = SimilarityDisplay.from_estimators(*layers, measure=measure, ax=ax)
        display.ax_.set_title(title)
        display.im_.colorbar.set_label(None)
    return figure


if __name__ == "__main__":
    file = BytesIO()
    picture().savefig(file, dpi=100)
    Image.open(file).convert("RGB").quantize(128).save(RESULT, optimize=True)  # a third of the size
