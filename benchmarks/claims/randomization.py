"""Randomised labels and inputs: what nets, forests, boosting and logistic regression memorise.

Run ``python benchmarks/claims/randomization.py`` (about 14 minutes; ``--quick`` for half of one; ``--data FOLDER`` for
further tables). Exits with 1 if a claim is contradicted. Results go to ``benchmarks/results/randomization.md``.

The claims (Zhang et al., 2017, figure 1): a net of some 20,000 weights, without any regularisation, fits 600 training
rows whose labels are random (training error below 0.01), and is at chance on others (within 0.03 of it); it fits
permuted cells and Gaussian inputs as well. The more labels are random, the longer it takes, and the wider the gap
between the errors on training and test rows. The order of the columns, which is the control, changes nothing (test
error within 0.01). Labels of test rows are always true, and inputs are randomised in training and test rows alike, see
``sktech.inspection.randomization_test``.

Beside them: what other models memorise of true and of random labels, and how much of that early stopping, weight decay
and dropout, a committee, and label smoothing prevent. All arms have the same training rows and the same random labels.
Nothing is tuned. The *net*'s epochs were chosen on seeds that are not among these, to be enough for random labels;
where 0.99 of the training rows are never right, its last epoch counts as the one that fitted them. *Gap* is the test
error minus the training error.
"""

import sys
from functools import partial
from itertools import pairwise

import numpy as np
from _paired import Claim, main
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktech import NetClassifier, SmoothedNetClassifier
from sktech.inspection import randomization_test

TABLES = ["digits", "classes", "friedman", "mixture"]
MAX_TRAINING_ROWS, TEST_SHARE, EPOCHS = 600, 0.4, 120
LEVELS = (0.25, 0.5, 0.75)
TRAINING, TEST, GAP, EPOCHS_TO_FIT = "training error", "test error", "gap", "epochs to fit"

PLAIN = {"early_stopping": False, "dropout": 0.0, "weight_decay": 0.0, "numeric_embedding": None}
NET = partial(NetClassifier, n_members=1, lr_schedule=None, lr=1e-3, **PLAIN)
OTHERS = {
    "NetClassifier": NetClassifier,
    "NetClassifier, no early stopping": partial(NetClassifier, early_stopping=False),
    "label smoothing, no early stopping": partial(SmoothedNetClassifier, "label_smoothing", early_stopping=False),
    "random forest": RandomForestClassifier,
    "gradient boosting": partial(HistGradientBoostingClassifier, early_stopping=False),
    "logistic regression": lambda: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
}


def arm_of(model, kind):
    return f"{model}, {kind.replace('_', ' ').replace('labels', 'random labels').replace('true', 'true data')}"


def arms(X, y, seed, **changes):
    """Each model on each kind of data, and what chance is."""
    n_rows = min(len(y), round(MAX_TRAINING_ROWS / (1 - TEST_SHARE)))
    if n_rows < len(y):
        X, _, y, _ = train_test_split(X, y, train_size=n_rows, stratify=y, random_state=seed)
    test = partial(randomization_test, X=X, y=y, test_size=TEST_SHARE, random_state=seed)
    epochs = changes.get("max_epochs", EPOCHS)
    found = {"net": test(NET(max_epochs=epochs), corruption=LEVELS)}
    found |= {name: test(make(), kinds=["labels"]) for name, make in OTHERS.items()}
    for model, result in found.items():
        for kind, train, score, gap, until in zip(
            result.kinds, result.train_scores, result.test_scores, result.gaps, result.epochs_to_fit, strict=True
        ):
            outcomes = {TRAINING: 1 - train[0], TEST: 1 - score[0], GAP: gap[0]}
            if model == "net":
                outcomes[EPOCHS_TO_FIT] = min(until[0], epochs)
            yield arm_of(model, kind), outcomes
    yield CHANCE, {TEST: 1 - 1 / len(np.unique(y))}
    yield FITTED, {TRAINING: 0.01}


CHANCE, FITTED = "chance", "one row in a hundred"
TRUE, RANDOM, SHUFFLED, PERMUTED, GAUSSIAN = (
    arm_of("net", kind) for kind in ("true", "labels", "shuffled_columns", "permuted_cells", "gaussian")
)
BY_CORRUPTION = [TRUE, *(arm_of("net", f"corrupted {share:g}") for share in LEVELS), RANDOM]

CLAIMS = [
    *(Claim(arm, FITTED, TRAINING) for arm in (RANDOM, PERMUTED, GAUSSIAN)),
    Claim(RANDOM, CHANCE, TEST, margin=-0.03),
    Claim(CHANCE, RANDOM, TEST, margin=-0.03),
    *(Claim(less, more, outcome) for outcome in (EPOCHS_TO_FIT, GAP) for less, more in pairwise(BY_CORRUPTION)),
    Claim(SHUFFLED, TRUE, TEST, margin=-0.01),
    Claim(TRUE, SHUFFLED, TEST, margin=-0.01),
]
COMPARISONS = [
    *((arm_of(model, kind), arm_of("net", kind)) for kind in ("labels", "true") for model in OTHERS),
]
SETTINGS = {
    "Rows": f"at most {MAX_TRAINING_ROWS} ({1 - TEST_SHARE:.0%}) train, at most {TEST_SHARE:.0%} test",
    "Net": f"`{NET(max_epochs=EPOCHS)!r}`",
    **{name: f"`{make()!r}`" for name, make in OTHERS.items() if name != "NetClassifier"},
}


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, [(TABLES, arms)], CLAIMS, COMPARISONS, SETTINGS))
