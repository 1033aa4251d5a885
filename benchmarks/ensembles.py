"""What many nets cost beside one: whole fits of BaggingVoteEnsemble, as ratios within one interleaved run.

Run ``python benchmarks/ensembles.py`` (about 10 minutes; ``--quick`` for one, nothing written). The table has 20,000
rows, 30 columns of numbers and 3 classes. One member is an ensemble of one: a net on one bootstrap. A ratio is the
median over rounds of the ratio within a round, in seconds that passed, and all contenders have the same epochs. Memory
is the highest of a process of its own. Exits with 1 if a goal is missed. Results go to
``benchmarks/results/ensembles.md``.
"""

import argparse
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import make_classification
from sklearn.ensemble import BaggingClassifier
from skorch import NeuralNetClassifier
from speed import cpu_name

from sktech import BaggingVoteEnsemble, NetClassifier
from sktech.modules import MLP

RESULTS = Path(__file__).parent / "results" / "ensembles.md"
N_ROWS, N_EPOCHS, BATCH_SIZE = 20_000, 8, 128
NETS = {"default": {}, "bare": {"numeric_embedding": None, "dropout": 0.0}}
SIDE_BY_SIDE = [1, 2, 5, 10, 20]
BATCH_SIZES = [32, 128, 512]


def data():
    return make_classification(N_ROWS, 30, n_informative=15, n_classes=3, random_state=0)


def ensemble(n, n_epochs, *, stacked=True, n_jobs=None, **params):
    net = NetClassifier(**{"n_members": 1, "batch_size": BATCH_SIZE, "max_epochs": n_epochs} | params)
    return BaggingVoteEnsemble(net, n, stacked=stacked, n_jobs=n_jobs, random_state=0)


def skorch_bagging(n_epochs):
    net = NeuralNetClassifier(
        MLP,
        module__n_features_in=30,
        module__n_classes=3,
        criterion=torch.nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        max_epochs=n_epochs,
        batch_size=BATCH_SIZE,
        train_split=None,
        verbose=0,
    )
    return BaggingClassifier(net, 10, n_jobs=2, random_state=0)


def interleaved(contenders, n_rounds):
    """name -> seconds of each round, of functions without arguments; a first round does not count."""
    seconds = {name: [] for name in contenders}
    for number in range(n_rounds + 1):
        for name, run in contenders.items():
            start = time.perf_counter()
            run()
            if number:
                seconds[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in seconds.items()}


def goals(n_epochs, n_rounds):
    """Rows of the first table: name, ratio, goal, whether it is met."""
    X, y = data()
    rows = []
    for kind, params in NETS.items():
        contenders = {
            "one": partial(ensemble(1, n_epochs, **params).fit, X, y),
            "ten": partial(ensemble(10, n_epochs, **params).fit, X, y),
            "two": partial(ensemble(10, n_epochs, n_jobs=2, **params).fit, X, y),
            "after": partial(ensemble(10, n_epochs, stacked=False, **params).fit, X, y),
        }
        if kind == "bare":
            contenders["skorch"] = partial(skorch_bagging(n_epochs).fit, X.astype("float32"), y)
        seconds = interleaved(contenders, n_rounds)
        ratio = {name: np.median(values / seconds["one"]) for name, values in seconds.items()}
        rows += [
            (f"{kind} nets: ten side by side / one", ratio["ten"], "<= 5", ratio["ten"] <= 5),
            (f"{kind} nets: ten in two processes, side by side / one", ratio["two"], "<= 3.5", ratio["two"] <= 3.5),
            (f"{kind} nets: ten one after the other / one", ratio["after"], "", True),
        ]
        if kind == "bare":
            for name, label in (("ten", "side by side"), ("two", "in two processes, side by side")):
                times = np.median(seconds["skorch"] / seconds[name])
                goal = ">= 5" if name == "two" else ""
                rows.append(
                    (f"BaggingClassifier(skorch net, n_jobs=2) / ten {label}", times, goal, times >= 5 or not goal)
                )
    return rows


def crossover(n_epochs, n_rounds):
    """Rows of the second table: time per net in that of one alone."""
    X, y = data()
    for kind, params in NETS.items():
        for batch_size in BATCH_SIZES:
            contenders = {
                n: partial(ensemble(n, n_epochs, batch_size=batch_size, **params).fit, X, y) for n in SIDE_BY_SIDE
            }
            seconds = interleaved(contenders, n_rounds)
            yield kind, batch_size, [np.median(seconds[n] / n / seconds[1]) for n in SIDE_BY_SIDE]


def megabytes(n):
    """The highest memory of a process that fits n nets."""
    code = f"import ensembles; ensembles.fit_and_tell({n})"
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, check=True, capture_output=True, text=True
    )
    return float(told.stdout)


def fit_and_tell(n):
    """Fits n nets, and prints the highest memory of this process in MB."""
    torch.set_num_threads(1)
    ensemble(n, 1, stacked="auto").fit(*data())
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def on_cuda(n_epochs, n_rounds):
    X, y = data()
    contenders = {n: partial(ensemble(n, n_epochs, device="cuda").fit, X, y) for n in (1, 10, 100)}
    seconds = interleaved(contenders, n_rounds)
    for n in (10, 100):
        ratio = np.median(seconds[n] / seconds[1])
        yield f"CUDA: {n} side by side / one", ratio, "<= 3" if n == 100 else "", n < 100 or ratio <= 3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few epochs and rounds, nothing written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    n_epochs, n_rounds = (2, 1) if quick else (N_EPOCHS, 4)
    rows = goals(n_epochs, n_rounds)
    more = megabytes(100) - megabytes(1)
    rows.append(("memory of 100 nets beyond that of one, MB", more, "<= 150", more <= 150))
    if torch.cuda.is_available():
        rows += on_cuda(n_epochs, n_rounds)
    lines = [
        "# Ensembles",
        "",
        f"Written by `benchmarks/ensembles.py` on {cpu_name()}: whole fits of {n_epochs} epochs, batch {BATCH_SIZE}, "
        f"{N_ROWS:,} rows, medians of {n_rounds} ratios, one thread per process; bold where a goal is missed. Bare "
        "nets have neither embeddings nor dropout, as skorch's here."
        + ("" if torch.cuda.is_available() else " No CUDA."),
        "",
        "| | ratio | goal |",
        "|---|---|---|",
        *(f"| {name} | {f'{value:.2f}' if met else f'**{value:.2f}**'} | {goal} |" for name, value, goal, met in rows),
        "",
        "Time per net in that of one alone, by how many train side by side (2 epochs):",
        "",
        f"| nets | batch size | {' | '.join(map(str, SIDE_BY_SIDE))} |",
        "|---" * (2 + len(SIDE_BY_SIDE)) + "|",
    ]
    for kind, batch_size, ratios in crossover(2, 1 if quick else 2):
        lines.append(f"| {kind} | {batch_size} | {' | '.join(f'{ratio:.2f}' for ratio in ratios)} |")
    print("\n".join(lines))
    if not quick:
        RESULTS.write_text("\n".join([*lines, ""]))
    return int(not all(met for *_, met in rows))


if __name__ == "__main__":
    sys.exit(main())
