"""What it costs to read a fitted net, beside attributions: seconds for a table of 10,000 rows and 50 columns.

Run ``python benchmarks/inspection.py`` (about 3 minutes). Times are seconds that pass, which a busy machine prolongs.
Exits with 1 if one is over a minute. Results go to ``benchmarks/results/inspection.md``.
"""

import sys
import time
from functools import partial
from pathlib import Path

from attribution import MOST_SECONDS, N_CATEGORIES, N_COLUMNS, N_ROWS, table

from sktech import NetClassifier, presets
from sktech.inspection import deletion_score, layer_similarity, learning_order, randomization_test

RESULTS = Path(__file__).parent / "results" / "inspection.md"


def main():
    X, y = table(N_COLUMNS, N_CATEGORIES, N_ROWS)
    clf = NetClassifier(max_epochs=5, random_state=0).fit(X, y)
    tasks = {
        "layer_similarity": partial(layer_similarity, clf, clf, X),
        'layer_similarity, measure="cca"': partial(layer_similarity, clf, clf, X, measure="cca"),
        'layer_similarity, kernel="rbf"': partial(layer_similarity, clf, clf, X, kernel="rbf"),
        "deletion_score": partial(deletion_score, clf, X, "random", random_state=0),
        "learning_order of 16 plain nets, n_jobs=2": partial(
            learning_order, NetClassifier(n_members=1), X, y, random_state=0, n_jobs=2
        ),
        "randomization_test of a plain net, n_jobs=2": partial(
            randomization_test, NetClassifier(**presets.FAST), X, y, random_state=0, n_jobs=2
        ),
    }
    lines, slow = ["| function | seconds | goal |", "|---|---|---|"], []
    for name, task in tasks.items():
        start = time.perf_counter()
        task()
        took = time.perf_counter() - start
        lines.append(f"| {name} | {took:.1f} | <= {MOST_SECONDS} |")
        print(lines[-1], flush=True)
        slow += [name] * (took > MOST_SECONDS)
    head = f"Written by `benchmarks/inspection.py`: {N_ROWS:,} rows and {N_COLUMNS} columns, a committee of four nets."
    RESULTS.write_text("\n".join(["# Reading a fitted net", "", head, "", *lines, ""]))
    print("missed:", ", ".join(slow) or "nothing")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
