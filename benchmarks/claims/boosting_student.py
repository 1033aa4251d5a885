"""A net that learned from boosted trees, instead of the trees.

Run ``python benchmarks/claims/boosting_student.py`` (about 10 minutes; ``--quick`` for half a minute; ``--data FOLDER``
for further tables). Exits with 1 if a claim is contradicted. Results go to ``benchmarks/results/boosting_student.md``.

The claims (Bucila et al., 2006; Hinton et al., 2015): a single net that learns from boosted trees predicts at least ten
times as fast as they do, and has a lower log-loss than the same net that learns from the labels alone. The student is
`DistilledClassifier` by default: it learns the labels and the answers of trees that have not seen the row. Beside it:
no labels, rows made up in addition (`augment="munge"`), and, where they are installed, LightGBM and XGBoost of as many
trees. Nothing is tuned; the more trees there are, and the larger, the more is gained in time, and here they are three
times as many as scikit-learn's default.

Times are of the processor, for `predict_proba` of the same rows, the test rows over and over; after all fits of a table
the models take turns, and the shortest of their turns counts. *log10 time* is the logarithm of the seconds: -1 is a
tenth.
"""

import math
import sys
import time

import numpy as np
from _paired import LOG_LOSS, Claim, log_probabilities, main, scores, split
from sklearn.ensemble import HistGradientBoostingClassifier

from sktech import DistilledClassifier, NetClassifier

NAMES = ["breast_cancer", "classes", "friedman", "steps"]
MAX_TRAINING_ROWS, N_TREES, LEARNING_RATE, N_TIMED, N_TURNS = 1000, 300, 0.03, 5000, 5
TIME = "log10 time"
PLAIN, TREES, STUDENT = "plain", "trees", "student"
WITHOUT, MUNGED = "student, no labels", "student, made-up rows"


def others(seed, n_trees=N_TREES):
    """Boosted trees of other libraries, where installed."""
    params = {"n_estimators": n_trees, "learning_rate": LEARNING_RATE, "n_jobs": 1, "random_state": seed}
    found = {}
    try:
        from lightgbm import LGBMClassifier

        found["LightGBM"] = LGBMClassifier(**params, verbose=-1)
    except ImportError:
        pass
    try:
        from xgboost import XGBClassifier

        found["XGBoost"] = XGBClassifier(**params)
    except ImportError:
        pass
    return found


def shortest_times(models, X):
    """Processor seconds of the shortest of several turns of each model."""
    seconds = dict.fromkeys(models, math.inf)
    for _ in range(N_TURNS):
        for arm, model in models.items():
            started = time.process_time()
            model.predict_proba(X)
            seconds[arm] = min(seconds[arm], time.process_time() - started)
    return seconds


def arms(X, y, seed, n_trees=N_TREES, **changes):
    training, (X_test, y_test) = split(X, y, seed, MAX_TRAINING_ROWS, validates=False)
    net = NetClassifier(n_members=1, random_state=seed, **changes)
    trees = HistGradientBoostingClassifier(max_iter=n_trees, learning_rate=LEARNING_RATE, random_state=seed)
    models = {
        PLAIN: net,
        TREES: trees,
        STUDENT: DistilledClassifier(trees, net, random_state=seed),
        WITHOUT: DistilledClassifier(trees, net, hard_weight=0.0, random_state=seed),
        MUNGED: DistilledClassifier(trees, net, augment="munge", random_state=seed),
        **others(seed, n_trees),
    }
    for model in models.values():
        model.fit(*training)
    seconds = shortest_times(models, np.resize(X_test, (N_TIMED, X.shape[1])))
    for arm, model in models.items():
        yield arm, scores(log_probabilities(model, X_test), y_test) | {TIME: math.log10(seconds[arm])}


CLAIMS = [Claim(STUDENT, TREES, TIME, margin=1.0), Claim(STUDENT, PLAIN, LOG_LOSS)]
COMPARISONS = [
    (TREES, PLAIN),
    (WITHOUT, PLAIN),
    (WITHOUT, STUDENT),
    (MUNGED, PLAIN),
    (MUNGED, STUDENT),
    *((STUDENT, other) for other in others(None)),
]
SETTINGS = {
    "Rows": f"at most {MAX_TRAINING_ROWS} (60 %) train, all others test; {N_TIMED} are predicted for the time",
    "Net": f"`{NetClassifier(n_members=1)!r}`",
    "Trees": f"`{HistGradientBoostingClassifier(max_iter=N_TREES, learning_rate=LEARNING_RATE)!r}`",
}

if __name__ == "__main__":
    quick_changes = {"max_epochs": 8, "n_trees": 50}
    sys.exit(main(__file__, __doc__, [(NAMES, arms)], CLAIMS, COMPARISONS, SETTINGS, quick_changes=quick_changes))
