"""What learned weights add to a training step, as ratios to the plain step of the same net, in one interleaved run.

Run ``python benchmarks/reweighting.py`` (about 8 minutes; ``--quick`` for one). The nets are that of ``NetClassifier``
on 30 columns of numbers and 3 classes, one thread: the default committee, one such net, and one net without embeddings
and dropout, which is the cheapest and shows the costs most; and a module of which sktech knows nothing, trained in
forward mode, and one for which there is none, trained in second order. In each round every contender makes the same
number of steps on the same rows, and validates on the same trusted ones; a ratio is the median over rounds of the ratio
within a round, in processor seconds. Exits with 1 if a goal is missed. Results go to
``benchmarks/results/reweighting.md``.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import make_classification
from torch import nn

from sktech import NetClassifier, ReweightedClassifier

RESULTS = Path(__file__).parent / "results" / "reweighting.md"
N_ROWS, N_TRUSTED = 20_000, 1_000
METHODS = ["random", "learn_to_reweight", "meta_weight_net"]


class Layers(nn.Module):
    """A perceptron that does not tell what it is made of."""

    activation = staticmethod(torch.relu)

    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.first, self.second = nn.Linear(n_features_in, 128), nn.Linear(128, 128)
        self.head = nn.Linear(128, n_classes)

    def forward(self, X):
        return self.head(self.activation(self.second(self.activation(self.first(X)))))


class _Relu(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, slope):
        return slope * (ctx.saved_tensors[0] > 0)


class BackwardOnly(Layers):
    """The same without forward mode."""

    activation = staticmethod(_Relu.apply)


# name -> (parameters, goals of learning to reweight and of the Meta-Weight-Net)
NETS = {
    "committee of 4": ({"n_members": 4}, (2.0, 6.0)),
    "one net": ({"n_members": 1}, (2.0, 6.0)),
    "one net, bare": ({"n_members": 1, "numeric_embedding": None, "dropout": 0.0}, (2.0, 6.0)),
    "any module": ({"net": Layers}, (4.0, 6.0)),
    "any module, second order": ({"net": BackwardOnly}, (None, None)),
}


def contenders(batch_size, params):
    """method -> estimator, and the rows: each to be fitted for the same number of steps."""
    X, y = make_classification(N_ROWS + N_TRUSTED, 30, n_informative=15, n_classes=3, random_state=0)
    net = NetClassifier(
        **params, batch_size=batch_size, max_epochs=1, early_stopping=False, merge_identical_rows=False, random_state=0
    )
    models = {method: ReweightedClassifier(net, method=method) for method in ["uniform", *METHODS]}
    return X, y, np.arange(len(y)) < N_TRUSTED, models


def ratios(batch_size, params, n_rounds):
    """method -> the median over rounds of its time over that of plain training."""
    X, y, is_clean, models = contenders(batch_size, params)
    seconds = {name: [] for name in models}
    for round_number in range(n_rounds + 1):
        for name, model in models.items():
            start = time.process_time()
            model.fit(X, y, is_clean=is_clean)
            if round_number:  # the first round warms up
                seconds[name].append(time.process_time() - start)
    plain = np.array(seconds["uniform"])
    return {name: float(np.median(seconds[name] / plain)) for name in METHODS}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, nothing written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    lines = ["| " + " | ".join(["in plain steps", "batch", *METHODS, "goals"]) + " |", "|---" * 6 + "|"]
    missed = []
    for name, (params, goals) in NETS.items():
        for batch_size in (128, 1024):
            measured = ratios(batch_size, params, 2 if quick else 9)
            cells = [f"{measured['random']:.2f}"]
            for method, goal in zip(METHODS[1:], goals, strict=True):
                over = goal is not None and measured[method] > goal
                cells.append(f"**{measured[method]:.2f}**" if over else f"{measured[method]:.2f}")
                if over:
                    missed.append(f"{method}: {name}, batch {batch_size}")
            told = "" if goals[0] is None else " / ".join(f"<= {goal:g}" for goal in goals)
            lines.append("| " + " | ".join([name, str(batch_size), *cells, told]) + " |")
            print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    if not quick:
        RESULTS.write_text(
            f"# Learned weights\n\nWritten by `benchmarks/reweighting.py`: whole fits of one epoch of {N_ROWS:,} rows "
            f"beside {N_TRUSTED:,} trusted ones, medians of ratios within rounds; bold where a goal is missed.\n\n"
            + text
        )
    for line in missed:
        print("missed:", line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
