"""What attributions cost: seconds for a table of 10,000 rows and 50 columns, and how well the chunks are chosen.

Run ``python benchmarks/attribution.py`` (about 8 minutes; ``--quick`` for one). Times are processor seconds of one
thread and, for integrated gradients, seconds that pass with ``n_jobs=2``, which a busy machine prolongs. The goal is a
minute with two threads, or with one where there is no second. Integrated gradients go through a net in passes of so
many rows of all members together; the second table tells how much longer the built-in rule takes than the best of
several numbers, as medians over rounds in which each has its turn. Exits with 1 if a goal is missed. Results go to
``benchmarks/results/attribution.md``.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import make_classification
from torch import nn

from sktech import NetClassifier
from sktech.inspection import _answers, bias_attribution, gradient, gradient_times_input, integrated_gradients

RESULTS = Path(__file__).parent / "results" / "attribution.md"
N_ROWS, N_COLUMNS, N_CATEGORIES = 10_000, 50, 10
MOST_SECONDS, WORST_RATIO = 60, 1.3
SIZES = [512, 1024, 2048, 4096, 8192, 16384]
WIDTHS = [5, 50, 300, 1000]
N_MULTIPLICATIONS = 2**31  # of a timing, forth


def table(n_columns, n_categories, n_rows):
    """Numbers, and categories of 3 to 20 levels, some of which the net spreads out and some of which it embeds."""
    X, y = make_classification(
        n_rows, n_columns, n_informative=max(n_columns // 3, 3), n_redundant=0, n_classes=3, random_state=0
    )
    X = pd.DataFrame(X, columns=[f"x{j}" for j in range(n_columns)])
    for j, n_levels in enumerate(np.linspace(3, 20, n_categories).astype(int)):
        X[f"x{j}"] = pd.qcut(X[f"x{j}"], n_levels, labels=False).astype(str)
    return X, y


def trained_module(X, y):
    """A perceptron of two hidden layers, as a plain torch module."""
    torch.manual_seed(0)
    X, y = torch.from_numpy(X), torch.from_numpy(y)
    module = nn.Sequential(nn.Linear(X.shape[1], 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 3))
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3)
    for _ in range(10):
        for rows in torch.randperm(len(X)).split(128):
            optimizer.zero_grad()
            nn.functional.cross_entropy(module(X[rows]), y[rows]).backward()
            optimizer.step()
    return module


def models(n_columns, n_categories, n_rows, **params):
    """name -> a fitted model and the table it is asked about."""
    X, y = table(n_columns, n_categories, n_rows)
    numbers = np.random.default_rng(0).normal(size=X.shape).astype(np.float32)
    numbers[:, : n_columns - n_categories] = X.select_dtypes("number")
    return {
        "default committee": (NetClassifier(random_state=0, **params).fit(X, y), X),
        "one net": (NetClassifier(n_members=1, random_state=0, **params).fit(X, y), X),
        "torch module": (trained_module(numbers, y), numbers),
    }


def seconds(function, *args, **asked):
    start = time.process_time()
    attribution = function(*args, **asked)
    return time.process_time() - start, attribution


def times():
    """Lines of the table of times, and goals missed."""
    head = ["attribution", "output", "gradients per row", "processor seconds", "seconds of two threads", "goal"]
    lines, missed = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"], []
    for name, (model, X) in models(N_COLUMNS, N_CATEGORIES, N_ROWS, max_epochs=20).items():
        asked = [
            (function, {"output": output})
            for function in (integrated_gradients, gradient_times_input, gradient)
            for output in ("logit", "probability")
        ]
        for function, options in [*asked, (bias_attribution, {})]:
            took, attribution = seconds(function, model, X, **options)
            counted, shared = took, ""
            if function is integrated_gradients:
                start = time.perf_counter()
                function(model, X, n_jobs=2, **options)
                counted = time.perf_counter() - start
                shared = f"**{counted:.1f}**" if counted > MOST_SECONDS else f"{counted:.1f}"
            cells = [f"{function.__name__}, {name}", attribution.output, f"{attribution.n_steps.mean():.0f}"]
            lines.append("| " + " | ".join([*cells, f"{took:.1f}", shared, f"<= {MOST_SECONDS}"]) + " |")
            print(lines[-1], flush=True)
            if counted > MOST_SECONDS:
                missed.append(f"{cells[0]}, {cells[1]}: {counted:.1f} s")
    return lines, missed


def chunk_ratios(model, X, n_rounds):
    """Time of the built-in rule, and of several numbers of rows per pass, over that of the best number."""
    built_in, taken = (_answers.ROWS_PER_PASS, _answers.NUMBERS_PER_PASS), {size: [] for size in ["built-in", *SIZES]}
    net = getattr(model, "net_", None)
    n_parameters = sum(parameter.numel() for parameter in (model if net is None else net.module_).parameters())
    X = X[: max(N_MULTIPLICATIONS // (33 * n_parameters), 20)]
    try:
        for round_number in range(n_rounds + 1):
            for size, own in taken.items():
                rule = built_in if size == "built-in" else (size, 2**40)
                _answers.ROWS_PER_PASS, _answers.NUMBERS_PER_PASS = rule
                took, _ = seconds(integrated_gradients, model, X, n_steps=32)
                if round_number:  # the first round warms up
                    own.append(took)
    finally:
        _answers.ROWS_PER_PASS, _answers.NUMBERS_PER_PASS = built_in
    middle = {size: float(np.median(own)) for size, own in taken.items()}
    best = min(middle[size] for size in SIZES)
    return {size: value / best for size, value in middle.items()}


def chunks(n_rounds):
    """Lines of the table of ratios, and goals missed."""
    head = ["rows per pass", "columns", "built-in", *map(str, SIZES), "goal"]
    lines, missed = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"], []
    for width in WIDTHS:
        for name, (model, X) in models(width, width // 5, 2_000, max_epochs=1).items():
            ratios = chunk_ratios(model, X, n_rounds)
            cells = [f"{ratio:.2f}" for ratio in ratios.values()]
            if ratios["built-in"] > WORST_RATIO:
                cells[0] = f"**{cells[0]}**"
                missed.append(f"chunks of {name}, {width} columns: {ratios['built-in']:.2f}")
            lines.append("| " + " | ".join([name, str(width), *cells, f"<= {WORST_RATIO}"]) + " |")
            print(lines[-1], flush=True)
    return lines, missed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="chunks only, in fewer rounds, nothing written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    first, slow = ([], []) if quick else times()
    second, uneven = chunks(2 if quick else 4)
    if not quick:
        RESULTS.write_text(
            f"# Attribution\n\nWritten by `benchmarks/attribution.py`: {N_ROWS:,} rows and {N_COLUMNS} columns, of "
            f"which {N_CATEGORIES} are categories for the classifiers.\n\n"
            + "\n".join(first)
            + "\n\nTime by the number of rows per pass, over that of the best: 32 steps, classifiers with a fifth of "
            "the columns categories.\n\n" + "\n".join(second) + "\n"
        )
    for line in slow + uneven:
        print("missed:", line)
    return 1 if slow or uneven else 0


if __name__ == "__main__":
    sys.exit(main())
