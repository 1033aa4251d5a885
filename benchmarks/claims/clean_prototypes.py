"""Clean prototypes where labels are wrong.

Run ``python benchmarks/claims/clean_prototypes.py`` (about 10 minutes; ``--quick`` for half of one; ``--data FOLDER``
for further tables). Exits with 1 if a claim is contradicted. Results go to ``benchmarks/results/clean_prototypes.md``.

One or two in five training and validation labels are replaced by another class, all others alike; test labels are
clean. The claims (Zhang, Wang and Qiao, 2019): a net that learns from means of five rows, weighted by confidences
(*clean prototypes*), has a higher accuracy and a lower log-loss than one that learns from rows (*plain*: subsets of one
row, drawn the same way, as many rows in a step and in an epoch); so it has beside one that learns from unweighted means
(*plain means*), or the scoring net would be for nothing; and the confidences rank rows with a wrong label below the
others: the area under the ROC curve is higher than that of chance by more than 0.1.

Every arm tunes its learning rate, by the accuracy on the validation rows, whose labels are as wrong as those of the
training rows. Early stopping is off but in *plain, early stopping*. The size of subsets, what the scoring net sees, its
size and its learning rate were chosen on other tables and on made ones of other seeds, by accuracy and by that area.

Beside them: what it costs where all labels are right; and another ranking of rows, by the *probability of the label*
that the fitted net itself gives, of clean prototypes or of plain training.
"""

import sys

import numpy as np
from _paired import ACCURACY, HIGHER_IS_BETTER, LOG_LOSS, TUNED, Claim, log_probabilities, main, scores, split
from sklearn.metrics import roc_auc_score

from sktech import CleanPrototypeClassifier
from sktech.classifiers.clean_prototypes import CleanPrototypes

NAMES = ["digits", "classes", "mixture"]
WRONG, RATES, MAX_TRAINING_ROWS = (0.2, 0.4), [1e-3, 1e-2], 600
PLAIN, STOPPED, MEANS, CLEAN = "plain", "plain, early stopping", "plain means", "clean prototypes"
CONFIDENCES, CHANCE = "confidences", "chance"
BY_CLEAN, BY_PLAIN = "probability of the label, clean prototypes", "probability of the label, plain"
AREA = "area under the ROC curve"
HIGHER_IS_BETTER.add(AREA)


def at(arm, wrong):
    return f"{arm}, {wrong:.0%} wrong"


class PlainMeans(CleanPrototypes):
    def confidences(self, subsets):
        return subsets.new_full(subsets.shape[:-1], 1 / self.subset_size)

    def after_step(self, forward):
        pass  # there is no scoring net


class PlainMeanClassifier(CleanPrototypeClassifier):
    def _make_objective(self, rows):
        return PlainMeans(self.subset_size, len(rows.copies), lambda confidences: None)


ARMS = {
    PLAIN: CleanPrototypeClassifier(1, n_members=1),
    STOPPED: CleanPrototypeClassifier(1, n_members=1, early_stopping=True),
    MEANS: PlainMeanClassifier(n_members=1),
    CLEAN: CleanPrototypeClassifier(n_members=1),
}


def with_noise(y, wrong, rng):
    """Labels of which a share is another class, and which those are."""
    other = (y + rng.integers(1, y.max() + 1, len(y))) % (y.max() + 1)
    flipped = rng.uniform(size=len(y)) < wrong
    return np.where(flipped, other, y), flipped


def arms(X, y, seed, **changes):
    (X_train, y_train), (X_valid, y_valid), (X_test, y_test) = split(X, y, seed, MAX_TRAINING_ROWS)
    for wrong in (*WRONG, 0.0):
        rng = np.random.default_rng(seed)
        given, flipped = with_noise(y_train, wrong, rng)
        valid, _ = with_noise(y_valid, wrong, rng)
        fitted = {}
        for arm in ARMS if wrong else (PLAIN, CLEAN):
            params = ARMS[arm].get_params(deep=False) | {"random_state": seed} | changes
            nets = [type(ARMS[arm])(**params | {"lr": lr}).fit(X_train, given) for lr in RATES]
            best = fitted[arm] = max(nets, key=lambda net: net.score(X_valid, valid))
            yield at(arm, wrong), scores(log_probabilities(best, X_test), y_test) | {TUNED: best.lr}
        if not wrong:
            continue
        rankings = {CONFIDENCES: fitted[CLEAN].row_confidences_, CHANCE: np.zeros(len(given))}
        for name, arm in ((BY_CLEAN, CLEAN), (BY_PLAIN, PLAIN)):
            rankings[name] = log_probabilities(fitted[arm], X_train)[np.arange(len(given)), given]
        for name, ranking in rankings.items():
            yield at(name, wrong), {AREA: roc_auc_score(~flipped, ranking)}


CLAIMS = [
    *(
        Claim(at(CLEAN, wrong), at(other, wrong), outcome)
        for wrong in WRONG
        for other in (PLAIN, MEANS)
        for outcome in (ACCURACY, LOG_LOSS)
    ),
    *(Claim(at(CONFIDENCES, wrong), at(CHANCE, wrong), AREA, margin=0.1) for wrong in WRONG),
]
COMPARISONS = [
    *((at(left, wrong), at(right, wrong)) for wrong in WRONG for left, right in ((MEANS, PLAIN), (CLEAN, STOPPED))),
    (at(CLEAN, 0), at(PLAIN, 0)),
    *((at(CONFIDENCES, wrong), at(other, wrong)) for wrong in WRONG for other in (BY_CLEAN, BY_PLAIN)),
]
SETTINGS = {
    "Rows": f"at most {MAX_TRAINING_ROWS} (60 %) train, half of the others validate, half test",
    "Net": f"`{ARMS[CLEAN]!r}`, learning rate among {RATES}",
}

if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, [(NAMES, arms)], CLAIMS, COMPARISONS, SETTINGS))
