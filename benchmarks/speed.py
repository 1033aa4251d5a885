"""What the engine costs: whole fits and predictions, as ratios to a hand-written torch loop, in one interleaved run.

Run ``python benchmarks/speed.py`` (15 minutes or more; ``--quick`` for 2). Every contender trains the same perceptron
(30 inputs, two hidden layers of 128, 3 classes; float32, fused AdamW, one thread) on the same rows for the same number
of epochs; in each round every contender runs once, and a ratio is the median over rounds of the ratio within a round.
Seconds are those of the processor, which leave out what other programs take of it meanwhile.
Exits with 1 if a goal is missed. Results go to ``benchmarks/results/speed.md``.
"""

import argparse
import platform
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import sklearn
import skorch
import torch
from sklearn.datasets import make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits
from torch import nn

from sktech import NetClassifier, TensorNet
from sktech.modules import MLP

RESULTS = Path(__file__).parent / "results" / "speed.md"
# One net without the parts that the hand-written loop does not have.
PLAIN = {"n_members": 1, "numeric_embedding": None, "dropout": 0.0, "lr_schedule": None}
LR, WEIGHT_DECAY, VALIDATION, PATIENCE = 1e-3, 1e-2, 0.2, 1000

# (name, compared with, goal at 20k rows and above, goal at 2k rows)
FIT_GOALS = [
    ("TensorNet, bare", "hand loop", 1.05, 1.3),
    ("TensorNet, callbacks and history", "hand loop", None, None),
    ("NetClassifier, whole fit", "hand loop", 1.10, 1.3),
    ("NetClassifier, early stopping and callback", "hand loop with validation", 1.2, 1.3),
    ("skorch, callbacks and history", "hand loop", None, None),
    ("scikit-learn MLPClassifier", "hand loop", None, None),
]
PREDICT_GOALS = [
    ("TensorNet", "direct chunks", 1.1),
    ("NetClassifier", "direct chunks", 1.1),
    ("skorch", "direct chunks", None),
]


def make_data(n_rows):
    X, y = make_classification(n_rows, 30, n_informative=15, n_classes=3, random_state=0)
    return X.astype(np.float32), y.astype(np.int64)


def hand_loop(X, y, batch_size, n_epochs):
    """What one would write by hand: a random order per epoch, slices of it, one fused step each."""
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    module = MLP(30, 3)
    optimizer = torch.optim.AdamW(module.parameters(), lr=LR, weight_decay=WEIGHT_DECAY, fused=True)
    for _ in range(n_epochs):
        train_epoch(module, optimizer, X, y, batch_size)
    return module


def train_epoch(module, optimizer, X, y, batch_size):
    order = torch.randperm(len(X))
    X, y = X[order], y[order]
    for start in range(0, len(X), batch_size):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(X[start : start + batch_size]), y[start : start + batch_size])
        loss.backward()
        optimizer.step()


def hand_loop_with_validation(X, y, batch_size, n_epochs):
    """The same on 80 % of the rows, with the loss of the others after each epoch and the best weights kept."""
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    n_train = int((1 - VALIDATION) * len(X))
    module = MLP(30, 3)
    optimizer = torch.optim.AdamW(module.parameters(), lr=LR, weight_decay=WEIGHT_DECAY, fused=True)
    best, best_loss = None, np.inf
    for _ in range(n_epochs):
        module.train()
        train_epoch(module, optimizer, X[:n_train], y[:n_train], batch_size)
        module.eval()
        with torch.no_grad():
            losses = [
                nn.functional.cross_entropy(module(rows), labels, reduction="sum").item()
                for rows, labels in zip(X[n_train:].split(4096), y[n_train:].split(4096), strict=True)
            ]
        if sum(losses) < best_loss:
            best_loss, best = sum(losses), {name: value.clone() for name, value in module.state_dict().items()}
    module.load_state_dict(best)
    return module


def skorch_net(kind, batch_size, n_epochs, **params):
    return kind(
        MLP,
        module__n_features_in=30,
        module__n_classes=3,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.AdamW,
        optimizer__weight_decay=WEIGHT_DECAY,
        lr=LR,
        batch_size=batch_size,
        max_epochs=n_epochs,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
        **params,
    )


class CountEpochs(skorch.callbacks.Callback):
    """A user's callback that does next to nothing."""

    def on_epoch_end(self, net, **kwargs):
        self.count_ = len(net.history)


def fits(X, y, batch_size, n_epochs):
    """The contenders by name, each a function that fits once."""
    shared = PLAIN | {"lr": LR, "weight_decay": WEIGHT_DECAY, "batch_size": batch_size, "max_epochs": n_epochs}
    shared["random_state"] = 0
    return {
        "hand loop": lambda: hand_loop(X, y, batch_size, n_epochs),
        "hand loop with validation": lambda: hand_loop_with_validation(X, y, batch_size, n_epochs),
        "TensorNet, bare": lambda: skorch_net(TensorNet, batch_size, n_epochs, callbacks="disable").fit(X, y),
        "TensorNet, callbacks and history": lambda: skorch_net(TensorNet, batch_size, n_epochs).fit(X, y),
        "NetClassifier, whole fit": lambda: NetClassifier(early_stopping=False, **shared).fit(X, y),
        "NetClassifier, early stopping and callback": lambda: NetClassifier(
            validation_fraction=VALIDATION, patience=PATIENCE, callbacks=[CountEpochs()], **shared
        ).fit(X, y),
        "skorch, callbacks and history": lambda: skorch_net(skorch.NeuralNetClassifier, batch_size, n_epochs).fit(X, y),
        "scikit-learn MLPClassifier": lambda: MLPClassifier(
            (128, 128), batch_size=batch_size, max_iter=n_epochs, learning_rate_init=LR, n_iter_no_change=n_epochs + 1
        ).fit(X, y),
    }


def predictions(X, y):
    """Ways to predict the probabilities of all rows, by name."""
    module = MLP(30, 3).eval()
    net = skorch_net(TensorNet, 128, 1).fit(X[:2000], y[:2000])
    stock = skorch_net(skorch.NeuralNetClassifier, 128, 1).fit(X[:2000], y[:2000])
    classifier = NetClassifier(**PLAIN, max_epochs=1, random_state=0).fit(X[:2000], y[:2000])

    def direct():
        with torch.inference_mode():
            return torch.cat([module(rows).softmax(-1) for rows in torch.from_numpy(X).split(4096)]).numpy()

    return {
        "direct chunks": direct,
        "TensorNet": lambda: net.predict_proba(X),
        "NetClassifier": lambda: classifier.predict_proba(X),
        "skorch": lambda: stock.predict_proba(X),
    }


def interleaved(contenders, n_rounds):
    """Seconds of each contender in each round, (n_rounds,) by name."""
    seconds = {name: [] for name in contenders}
    for round_number in range(n_rounds + 1):
        for name, run in contenders.items():
            start = time.process_time()
            run()
            if round_number:  # the first round warms up
                seconds[name].append(time.process_time() - start)
    return {name: np.array(times) for name, times in seconds.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no 200k rows, nothing written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    threadpool_limits(1)  # numpy's, for MLPClassifier
    warnings.simplefilter("ignore", ConvergenceWarning)
    sizes = {2000: (20, 9), 20000: (5, 5)} if quick else {2000: (20, 15), 20000: (10, 7), 200000: (10, 3)}
    lines, missed = [], []
    for n_rows, (n_epochs, n_rounds) in sizes.items():
        X, y = make_data(n_rows)
        for batch_size in (128, 1024):
            seconds = interleaved(fits(X, y, batch_size, n_epochs), n_rounds)
            for name, base, goal, small_goal in FIT_GOALS:
                goal = small_goal if n_rows < 20000 else goal
                report(lines, missed, f"fit, {n_epochs} epochs, batch {batch_size}", n_rows, name, base, seconds, goal)
        seconds = interleaved(predictions(X, y), 3 * n_rounds)
        for name, base, goal in PREDICT_GOALS:
            report(lines, missed, "predict_proba", n_rows, name, base, seconds, goal if n_rows >= 20000 else None)
    if not quick:
        write(lines)
    for line in missed:
        print("missed:", line)
    return 1 if missed else 0


def report(lines, missed, what, n_rows, name, base, seconds, goal):
    ratio = np.median(seconds[name] / seconds[base])
    verdict = "" if goal is None else f"<= {goal}" if ratio <= goal else f"<= {goal}, missed"
    line = f"| {what} | {n_rows:,} | {name} | {base} | {np.median(seconds[name]):.3f} | {ratio:.2f} | {verdict} |"
    print(line, flush=True)
    lines.append(line)
    if verdict.endswith("missed"):
        missed.append(line)


def write(lines):
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, skorch {skorch.__version__}"
    machine = f"{cpu_name()}, one thread; {versions}, scikit-learn {sklearn.__version__}, numpy {np.__version__}"
    head = [
        "# Speed",
        "",
        f"Machine: {machine}.",
        "Medians of the ratios within each round of one interleaved run of `benchmarks/speed.py`; processor seconds.",
    ]
    head += [
        "",
        "| what | rows | contender | compared with | seconds | ratio | goal |",
        "|---|---|---|---|---|---|---|",
    ]
    RESULTS.write_text("\n".join(head + lines) + "\n")


def cpu_name():
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    sys.exit(main())
