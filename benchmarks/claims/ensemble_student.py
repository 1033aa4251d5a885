"""One small student instead of an ensemble of nets.

Run ``python benchmarks/claims/ensemble_student.py`` (about 10 minutes; ``--quick`` for half a minute; ``--data FOLDER``
for further tables). Exits with 1 if a claim is contradicted. Results go to ``benchmarks/results/ensemble_student.md``.

All training rows (Hinton et al., 2015, section 5, on other data): a single net that learns an ensemble's probabilities
recovers at least half of what the ensemble gains in log-loss over a plain net like the student. *Half-way* is the mean
of the two log-losses. Ensembles: scikit-learn's bagging of nets that are trained to the end, and a committee whose
members stop early; the plain net and the student do as the members. The students learn nothing but the fitted
ensemble's answers to its own training rows. Beside them a student of the committee as `DistilledClassifier` has it by
default: answers out of fold, and the labels in equal parts.

A tenth of the rows (section 6 there): the committee has learned all training rows, and both nets see the same tenth,
one with its labels, one with the committee's probabilities alone. The claim: that one overfits less (the gaps of
log-loss and accuracy between the rows it learned and the test rows are smaller), and has the lower log-loss on test
rows. Neither stops early. A temperature of 4 is shown beside it. Nothing is tuned: all else are defaults.
"""

import sys

from _paired import ACCURACY, LOG_LOSS, Claim, log_probabilities, main, scores, split
from sklearn.ensemble import BaggingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split

from sktech import DistilledClassifier, NetClassifier

NAMES = ["digits", "classes", "friedman", "mixture"]
MAX_TRAINING_ROWS, N_BAGGED, N_COMMITTEE, TENTH, HOT = 800, 8, 12, 0.1, 4.0
LOSS_GAP, ACCURACY_GAP = "gap of log-loss", "gap of accuracy"
PLAIN, BAGGED, BAGGED_STUDENT = "plain", "bagging", "student of bagging"
STOPPED, COMMITTEE, COMMITTEE_STUDENT = "plain, early stopping", "committee", "student of committee"
DEFAULT = f"{COMMITTEE_STUDENT}, by default"
HALF_WAY = "half-way to {}".format
HARD, SOFT, SOFT_HOT = "a tenth, labels", "a tenth, probabilities", f"a tenth, probabilities at T = {HOT:g}"


def net(seed, **params):
    return NetClassifier(n_members=1, random_state=seed, **params)


def arms(X, y, seed, **changes):
    (X_train, y_train), (X_test, y_test) = split(X, y, seed, MAX_TRAINING_ROWS, validates=False)

    def outcomes(model):
        return scores(log_probabilities(model, X_test), y_test)

    def fitted(model):
        return model.fit(X_train, y_train)

    def student(teacher, of, **params):
        return DistilledClassifier(FrozenEstimator(teacher), of, hard_weight=0.0, random_state=seed, **params)

    to_the_end = net(seed, early_stopping=False, **changes)
    bagged = fitted(BaggingClassifier(net(None, early_stopping=False, **changes), N_BAGGED, random_state=seed))
    yield PLAIN, outcomes(fitted(to_the_end))
    yield BAGGED, outcomes(bagged)
    yield BAGGED_STUDENT, outcomes(fitted(student(bagged, to_the_end)))

    stopped = net(seed, **changes)
    committee = NetClassifier(n_members=N_COMMITTEE, random_state=seed, **changes)
    yield STOPPED, outcomes(fitted(stopped))
    yield COMMITTEE, outcomes(fitted(committee))
    yield COMMITTEE_STUDENT, outcomes(fitted(student(committee, stopped)))
    yield DEFAULT, outcomes(fitted(DistilledClassifier(committee, stopped, random_state=seed)))

    few, _, y_few, _ = train_test_split(X_train, y_train, train_size=TENTH, stratify=y_train, random_state=seed)
    for arm, model in (
        (HARD, to_the_end),
        (SOFT, student(committee, to_the_end)),
        (SOFT_HOT, student(committee, to_the_end, temperature=HOT)),
    ):
        model.fit(few, y_few)
        test, learned = outcomes(model), scores(log_probabilities(model, few), y_few)
        gaps = {LOSS_GAP: test[LOG_LOSS] - learned[LOG_LOSS], ACCURACY_GAP: learned[ACCURACY] - test[ACCURACY]}
        yield arm, test | gaps


CLAIMS = [
    Claim(BAGGED_STUDENT, HALF_WAY(BAGGED), LOG_LOSS),
    Claim(COMMITTEE_STUDENT, HALF_WAY(COMMITTEE), LOG_LOSS),
    *(Claim(SOFT, HARD, outcome) for outcome in (LOG_LOSS, LOSS_GAP, ACCURACY_GAP)),
]
COMPARISONS = [
    (BAGGED, PLAIN),
    (BAGGED_STUDENT, PLAIN),
    (COMMITTEE, STOPPED),
    (COMMITTEE_STUDENT, STOPPED),
    (COMMITTEE_STUDENT, COMMITTEE),
    (DEFAULT, STOPPED),
    (DEFAULT, HALF_WAY(COMMITTEE)),
    (SOFT_HOT, HARD),
    (SOFT_HOT, SOFT),
]
DERIVED = {HALF_WAY(BAGGED): (BAGGED, PLAIN), HALF_WAY(COMMITTEE): (COMMITTEE, STOPPED)}
SETTINGS = {
    "Rows": f"at most {MAX_TRAINING_ROWS} (60 %) train, all others test",
    "Bagging": f"{N_BAGGED} times `{net(None, early_stopping=False)!r}`",
    "Committee": f"`{NetClassifier(n_members=N_COMMITTEE)!r}`",
}


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, [(NAMES, arms)], CLAIMS, COMPARISONS, SETTINGS, DERIVED))
