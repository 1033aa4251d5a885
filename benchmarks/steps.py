"""What a technique adds to a training step, as ratios to the plain step of the same net, in one interleaved run.

Run ``python benchmarks/steps.py`` (about 8 minutes; ``--quick`` for one). The net is that of ``NetClassifier`` on 30
columns of numbers and 3 classes, one thread: the default committee, one such net, and one net without embeddings and
dropout, which is the cheapest and shows the costs most. In each round every contender makes the same number of steps; a
ratio is the median over rounds of the ratio within a round, in processor seconds. Exits with 1 if a goal is missed.
Results go to ``benchmarks/results/steps.md``.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.base import clone
from sklearn.datasets import make_classification

from sktech import NetClassifier, NoiseTolerantClassifier, SmoothedNetClassifier
from sktech.labels import Labels
from sktech.smoothing import Bootstrapping, ConfidencePenalty, DisturbLabel, LabelSmoothing, VirtualAdversarial

RESULTS = Path(__file__).parent / "results" / "steps.md"
NETS = {
    "committee of 4": {"n_members": 4},
    "one net": {"n_members": 1},
    "one net, bare": {"n_members": 1, "numeric_embedding": None, "dropout": 0.0},
}
# name -> (what stands beside the cross-entropy, goal)
TERMS = {
    "label smoothing": (LabelSmoothing(0.1), 1.2),
    "unigram label smoothing": (LabelSmoothing(0.1, prior="unigram"), 1.2),
    "confidence penalty": (ConfidencePenalty(0.1), 1.2),
    "thresholded confidence penalty": (ConfidencePenalty(0.1, threshold=0.5), 1.2),
    "soft bootstrapping": (Bootstrapping(), 1.2),
    "hard bootstrapping": (Bootstrapping(hard=True), 1.2),
    "DisturbLabel": (DisturbLabel(0.1), 1.2),
    "virtual adversarial": (VirtualAdversarial(), 3.5),
}
# name -> (estimator, goal): without a warm-up, in which steps cost less
TECHNIQUES = {
    "noise tolerant": (NoiseTolerantClassifier(warm_up=0.0), 5),
    "noise tolerant, two perturbations": (NoiseTolerantClassifier(n_perturbations=2, warm_up=0.0), 7.5),
}
N_ROWS, N_EPOCHS = 20_000, 1


def contenders(batch_size, params):
    """name -> (estimator, y): each to be fitted for the same number of steps."""
    X, y = make_classification(N_ROWS, 30, n_informative=15, n_classes=3, random_state=0)
    shared = params | {
        "batch_size": batch_size,
        "max_epochs": N_EPOCHS,
        "early_stopping": False,
        "merge_identical_rows": False,
        "random_state": 0,
    }
    soft = np.random.default_rng(0).dirichlet(np.ones(3), N_ROWS)
    hot = Labels(np.arange(3), y, soft, hard_weight=0.1, temperature=4.0)
    plain = {"plain": (NetClassifier(**shared), y)}
    terms = {name: (SmoothedNetClassifier(term, **shared), y) for name, (term, _) in TERMS.items()}
    techniques = {name: (clone(estimator).set_params(**shared), y) for name, (estimator, _) in TECHNIQUES.items()}
    labels = {"probabilities as labels": (NetClassifier(**shared), soft), "at T = 4": (NetClassifier(**shared), hot)}
    return X, plain | terms | techniques | labels


def ratios(batch_size, params, n_rounds):
    """name -> the median over rounds of its time over the plain one's."""
    X, models = contenders(batch_size, params)
    seconds = {name: [] for name in models}
    for round_number in range(n_rounds + 1):
        for name, (estimator, y) in models.items():
            start = time.process_time()
            estimator.fit(X, y)
            if round_number:  # the first round warms up
                seconds[name].append(time.process_time() - start)
    plain = np.array(seconds["plain"])
    return {name: float(np.median(times / plain)) for name, times in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, nothing written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    columns = [(batch_size, net) for batch_size in (128, 1024) for net in NETS]
    measured = {column: ratios(column[0], NETS[column[1]], 2 if quick else 9) for column in columns}
    lines = ["| " + " | ".join(["in plain steps", "goal", *(f"{net}, batch {size}" for size, net in columns)]) + " |"]
    lines.append("|---" * (len(columns) + 2) + "|")
    missed = []
    for name in measured[columns[0]]:
        _, goal = (TERMS | TECHNIQUES).get(name, (None, None))
        values = [measured[column][name] for column in columns]
        cells = [f"{value:.2f}" if goal is None or value <= goal else f"**{value:.2f}**" for value in values]
        lines.append(f"| {name} | {'' if goal is None else f'<= {goal}'} | " + " | ".join(cells) + " |")
        for (size, net), value in zip(columns, values, strict=True):
            if goal is not None and value > goal:
                missed.append(f"{name}: {net}, batch {size}")
    text = "\n".join(lines) + "\n"
    print(text)
    if not quick:
        RESULTS.write_text(
            f"# Steps\n\nWritten by `benchmarks/steps.py`: whole fits of {N_EPOCHS} epoch of {N_ROWS:,} rows, medians "
            "of ratios within rounds; bold where a goal is missed.\n\n" + text
        )
    for line in missed:
        print("missed:", line)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
