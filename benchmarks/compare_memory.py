"""What `sktech compare` needs of the memory for a table of 500,000 rows and 50 columns, ten of them strings.

Run ``python benchmarks/compare_memory.py [FRACTION]`` (about five minutes for FRACTION = 1, the share of the training
rows that models learn from; the table is the same). Memory is the proportional set size: what processes share counts
once. Exits with 1 if all processes together need more than 8 GiB. Results go to
``benchmarks/results/compare_memory.md``.
"""

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from sktech.experiment.data import read_table

N_ROWS, N_NUMBERS, N_STRINGS = 500_000, 40, 10
RUNS = {
    "dummy_prior alone": ["dummy_prior"],
    "four models": ["dummy_prior", "logistic_regression", "hist_gradient_boosting", "NetClassifier"],
}
MOST_GIB = 8
_SECONDS_BETWEEN = 0.2
RESULTS = Path(__file__).parent / "results" / "compare_memory.md"


def main(fraction="1"):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        write_table(path)
        X = read_table(path, "y").X
        sizes = X.memory_usage(index=False)
        strings = sum(sizes[name] for name in X if name.startswith("kind"))
        lines = [
            "| models | all processes, GiB | command, GiB | largest worker, GiB | seconds |",
            "|---|---|---|---|---|",
        ]
        peaks = []
        for name, models in RUNS.items():
            options = ["--models", *models, "--jobs", "2", "--folds", "2", "--fraction", fraction, "--out", folder]
            seconds, total, command, worker = watched(["compare", str(path), "--target", "y", *options])
            peaks.append(total)
            lines.append(f"| {name} | {total:.2f} | {command:.2f} | {worker:.2f} | {seconds:.0f} |")
            print(lines[-1], flush=True)
    head = (
        f"Written by `benchmarks/compare_memory.py {fraction}`: {N_ROWS:,} rows, {N_NUMBERS} columns of numbers "
        f"({(sizes.sum() - strings) / 2**30:.2f} GiB) and {N_STRINGS} of strings ({strings / 2**30:.2f} GiB), two "
        "folds, two processes. The highest proportional set size, looked at every 0.2 s; goal: at most "
        f"{MOST_GIB} GiB for all processes together."
    )
    RESULTS.write_text("\n".join(["# Memory of a comparison", "", head, "", *lines, ""]))
    return 1 if max(peaks) > MOST_GIB else 0


def write_table(path):
    rng = np.random.default_rng(0)
    numbers = {f"number{i}": rng.normal(size=N_ROWS) for i in range(N_NUMBERS)}
    kinds = np.array([f"kind {i}" for i in range(30)])
    strings = {f"kind{i}": kinds[rng.integers(0, len(kinds), N_ROWS)] for i in range(N_STRINGS)}
    score = numbers["number0"] - numbers["number1"] + (strings["kind0"] < "kind 2") + rng.normal(size=N_ROWS)
    y = np.where(score > 0.5, "yes", "no")
    pd.DataFrame(numbers | strings | {"y": y}, copy=False).to_parquet(path)


def watched(arguments):
    """Seconds, and the highest GiB of all processes together, of the first one and of another one."""
    start, peaks = time.perf_counter(), np.zeros(3)
    process = subprocess.Popen([sys.executable, "-m", "sktech", *arguments], stdout=subprocess.DEVNULL)
    while process.poll() is None:
        first, others = memory(psutil.Process(process.pid)), []
        with suppress(psutil.NoSuchProcess):
            others = [memory(child) for child in psutil.Process(process.pid).children(recursive=True)]
        peaks = np.maximum(peaks, [first + sum(others), first, max(others, default=0)])
        time.sleep(_SECONDS_BETWEEN)
    if process.returncode:
        raise RuntimeError(f"sktech {' '.join(arguments)}: expected the exit code 0, got {process.returncode}")
    return time.perf_counter() - start, *peaks / 2**30


def memory(process):
    """Proportional set size in bytes; 0 of a process that has ended."""
    with suppress(psutil.Error):
        return process.memory_full_info().pss
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
