"""Wrong labels: learned weights, and what else is done about them.

Run ``python benchmarks/claims/wrong_labels.py`` (about an hour; ``--quick`` for two minutes; ``--data FOLDER`` for
further tables). Exits with 1 if a claim is contradicted. Results go to ``benchmarks/results/wrong_labels.md``. The arm
of cleanlab needs ``pip install cleanlab``; without it that arm is left out.

20, 40 and 60 % of the training labels are flipped: *symmetric*, to another class, all alike, or as *pairs*, to the next
class (with two classes both are the same, and are run once). A tenth of the training rows is checked and has the right
labels; which they are is known. All arms have one net of the default shape and as many epochs, and nobody tunes
anything. Arms that do not look at trusted rows learn from them like from any others.

Controls: *plain* training at a constant rate to the last epoch, the same with a *cosine* schedule, *stopped early* by
the log-loss of the trusted rows (with the default schedule), *random weights* stopped alike, and a net that has seen
*trusted rows only*. The claims: learned weights have the higher accuracy and the lower log-loss than each control; with
the right labels they lose no more than half a point of accuracy against stopping early; at 40 % the weights tell wrong
labels from right ones with an area under the ROC curve (*detection*) above 0.8. Methods that know no trusted rows stand
beside them without a claim.
"""

import sys
from functools import partial

import numpy as np
from _paired import ACCURACY, HIGHER_IS_BETTER, LOG_LOSS, Claim, chosen_tables, log_probabilities, main, scores, split
from sklearn.metrics import roc_auc_score

from sktech import (
    CleanPrototypeClassifier,
    NetClassifier,
    NoiseTolerantClassifier,
    ReweightedClassifier,
    SmoothedNetClassifier,
)
from sktech.smoothing import Bootstrapping

try:
    from cleanlab.classification import CleanLearning
except ImportError:
    CleanLearning = None

NAMES = ["digits", "classes", "mixture", "steps"]
TWO_CLASSES = {"steps"}
KINDS, RATES = ["symmetric", "pairs"], [0.2, 0.4, 0.6]
MAX_TRAINING_ROWS, TRUSTED_SHARE = 600, 0.1
SINGLE = {"n_members": 1}

PLAIN, COSINE, STOPPED, RANDOM, ONLY = "plain", "cosine", "stopped early", "random weights", "trusted rows only"
LEARNED, META = "Learning to Reweight", "Meta-Weight-Net"
TOLERANT, CLEAN, BOOTSTRAPPED, CLEANLAB = "MLNT", "MetaCleaner", "hard bootstrapping", "CleanLearning"
# An area under the ROC curve: how well wrong labels are told from right ones.
DETECTION = "detection at {:.0%}".format
RIGHT = "{}, right labels".format
HIGHER_IS_BETTER |= {RIGHT(ACCURACY), *map(DETECTION, RATES)}
CONTROLS = [PLAIN, COSINE, STOPPED, RANDOM, ONLY]
OTHERS = [TOLERANT, CLEAN, BOOTSTRAPPED, *([CLEANLAB] if CleanLearning else [])]
METHODS = {STOPPED: "uniform", RANDOM: "random", LEARNED: "learn_to_reweight", META: "meta_weight_net"}


def flipped(y, kind, rate, rng):
    """Labels of which a share is that of another class."""
    n_classes = y.max() + 1
    step = rng.integers(1, n_classes, len(y)) if kind == "symmetric" else 1
    return np.where(rng.uniform(size=len(y)) < rate, (y + step) % n_classes, y)


def cosine(progress):
    return (1 + np.cos(np.pi * progress)) / 2


def arms(X, y, seed, kind, rate, **changes):
    rng = np.random.default_rng(seed)
    (X_train, y_true), (X_test, y_test) = split(X, y, seed, MAX_TRAINING_ROWS, validates=False)
    is_clean = np.zeros(len(y_true), dtype=bool)
    is_clean[rng.choice(len(y_true), round(TRUSTED_SHARE * len(y_true)), replace=False)] = True
    for k in range(y.max() + 1):  # at least one of each class
        is_clean[np.flatnonzero(y_true == k)[:1]] = True
    y_train = np.where(is_clean, y_true, flipped(y_true, kind, rate, rng))
    params = SINGLE | {"random_state": seed} | changes

    def outcomes(model, believed=None):
        found = scores(log_probabilities(model, X_test), y_test)
        if rate == 0:
            return {RIGHT(name): found[name] for name in (ACCURACY, LOG_LOSS)}
        if believed is not None:
            right, believed = (y_train == y_true)[~is_clean], believed[~is_clean]
            seen = np.isfinite(believed)  # those held out for early stopping are not judged by every method
            found[DETECTION(rate)] = roc_auc_score(right[seen], believed[seen])
        return found

    last = params | {"early_stopping": False}
    yield PLAIN, outcomes(NetClassifier(**last, lr_schedule=None).fit(X_train, y_train))
    yield COSINE, outcomes(NetClassifier(**last, lr_schedule=cosine).fit(X_train, y_train))
    yield ONLY, outcomes(NetClassifier(**params).fit(X_train[is_clean], y_train[is_clean]))
    for arm, method in METHODS.items():
        model = ReweightedClassifier(NetClassifier(**params), method=method, random_state=seed)
        model.fit(X_train, y_train, is_clean=is_clean)
        yield arm, outcomes(model, model.row_weights_)
    yield TOLERANT, outcomes(NoiseTolerantClassifier(**params).fit(X_train, y_train))
    model = CleanPrototypeClassifier(**params).fit(X_train, y_train)
    yield CLEAN, outcomes(model, model.row_confidences_)
    yield BOOTSTRAPPED, outcomes(SmoothedNetClassifier(Bootstrapping(hard=True), **params).fit(X_train, y_train))
    if CleanLearning:
        model = CleanLearning(NetClassifier(**params), seed=seed, find_label_issues_kwargs={"n_jobs": 1})
        model.fit(X_train, y_train)
        quality = model.get_label_issues()["label_quality"].to_numpy()
        yield CLEANLAB, outcomes(model, quality)


def flips(name):
    """Kinds and rates of wrong labels for a table."""
    kinds = KINDS[:1] if name in TWO_CLASSES else KINDS
    return [("symmetric", 0.0), *((kind, rate) for kind in kinds for rate in RATES)]


def with_flips(args, kind, rate):
    """The tables for one kind and rate of wrong labels."""
    ending = "right labels" if rate == 0 else f"{rate:.0%} {kind}"
    tables = chosen_tables(NAMES, args)
    return {f"{name}, {ending}": load for name, load in tables.items() if (kind, rate) in flips(name)}


PARTS = [
    (partial(with_flips, kind=kind, rate=rate), partial(arms, kind=kind, rate=rate))
    for kind, rate in flips("any table")
]
CLAIMS = [
    *(
        Claim(learned, other, outcome)
        for learned in (LEARNED, META)
        for other in CONTROLS
        for outcome in (ACCURACY, LOG_LOSS)
    ),
    *(Claim(learned, STOPPED, DETECTION(0.4), margin=0.3) for learned in (LEARNED, META)),
    *(Claim(learned, STOPPED, RIGHT(ACCURACY), margin=-0.005) for learned in (LEARNED, META)),
]
COMPARISONS = [
    (META, LEARNED),
    (RANDOM, STOPPED),
    (COSINE, PLAIN),
    (STOPPED, COSINE),
    *((LEARNED, other) for other in OTHERS),
    *((other, PLAIN) for other in OTHERS),
]
SETTINGS = {
    "Rows": f"at most {MAX_TRAINING_ROWS} (60 %) train, {TRUSTED_SHARE:.0%} of them trusted, all others test",
    "Net": f"`{NetClassifier(**SINGLE)!r}`",
}

if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, PARTS, CLAIMS, COMPARISONS, SETTINGS))
