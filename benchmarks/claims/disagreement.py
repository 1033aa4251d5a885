"""Diversity by disagreement: a second net that survives when a shortcut stops working.

Run ``python benchmarks/claims/disagreement.py`` (about 10 minutes; ``--quick`` for half a minute). Exits with 1 if a
claim is contradicted. Results go to ``benchmarks/results/disagreement.md``.

Each table of two classes gets one more column, a shortcut: the number of the class with a little noise, which tells the
classes apart without error. In the test rows it is shuffled, so that it says nothing (accuracy, log-loss), or left as
it is ("error with the shortcut"). A net that relies on the shortcut is lost where it is shuffled; the best that can be
hoped for is what a net learns without that column, which is shown as well.

The claims (Pagliardini et al., 2023): the second member of a DisagreementEnsemble has a higher accuracy on rows with a
shuffled shortcut than the second member of a deep ensemble, which is the same with alpha = 0; with rows to disagree on
that are made up of the training rows' shuffled columns, and with rows given from elsewhere, whose shortcut is shuffled.
As in the paper, the claims are about tables whose other columns tell the classes apart nearly as well; on "friedman"
they do not, which shows what happens then. Nothing is tuned: all else are defaults.
"""

import sys

import numpy as np
from _paired import ACCURACY, LOG_LOSS, Claim, log_probabilities, made_friedman, main, scores, split
from sklearn.datasets import load_breast_cancer, load_digits

from sktech import DisagreementEnsemble, NetClassifier

MAX_TRAINING_ROWS = 1000
WITH_SHORTCUT = "error with the shortcut"
SECOND, FIRST, MEAN = "second member, {}".format, "first member, {}".format, "mean of both, {}".format
PLAIN, MADE_UP, GIVEN = "deep ensemble", "D-BAT, made-up rows", "D-BAT, rows from elsewhere"
WITHOUT = "one net without the shortcut's column"


def made_slabs(seed, n_rows=3000, n_noise=0):
    """Two classes in five slabs, one after the other along a column, as in the paper's toy; and columns of noise."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=n_rows)
    slab = np.where(y == 1, rng.choice([-2, 0, 2], n_rows), rng.choice([-1, 1], n_rows))
    return np.column_stack([slab + rng.uniform(-0.2, 0.2, n_rows), rng.normal(size=(n_rows, n_noise))]), y


def odd_digits(seed):
    X, y = load_digits(return_X_y=True)
    return X, y % 2


TABLES = {
    "slabs": made_slabs,
    "slabs among noise": lambda seed: made_slabs(seed, n_noise=8),
    "odd digits": odd_digits,
    "breast_cancer": lambda seed: load_breast_cancer(return_X_y=True),
}
NOISY = {"friedman": made_friedman}


def arms(X, y, seed, **changes):
    rng = np.random.default_rng(seed)
    shortcut = y + rng.normal(scale=0.1, size=len(y))
    together = np.column_stack([X, shortcut])
    training, elsewhere, test = split(together, y, seed, MAX_TRAINING_ROWS)

    def shuffled(rows):
        return np.column_stack([rows[:, :-1], rng.permutation(rows[:, -1])])

    X_shuffled, X_elsewhere = shuffled(test[0]), shuffled(elsewhere[0])

    def outcomes(model, columns=slice(None)):
        found = scores(log_probabilities(model, X_shuffled[:, columns]), test[1])
        return {
            ACCURACY: found[ACCURACY],
            LOG_LOSS: found[LOG_LOSS],
            WITH_SHORTCUT: 1 - model.score(test[0][:, columns], test[1]),
        }

    def net(**params):
        return NetClassifier(n_members=1, **params, **changes)

    for name, alpha, unlabeled in ((PLAIN, 0, None), (MADE_UP, 0.1, None), (GIVEN, 0.1, X_elsewhere)):
        ensemble = DisagreementEnsemble(net(), alpha=alpha, random_state=seed).fit(*training, X_unlabeled=unlabeled)
        yield FIRST(name), outcomes(ensemble.estimators_[0])
        yield SECOND(name), outcomes(ensemble.estimators_[1])
        yield MEAN(name), outcomes(ensemble)
    own = slice(X.shape[1])
    yield WITHOUT, outcomes(net(random_state=seed).fit(training[0][:, own], training[1]), own)


CLAIMS = [Claim(SECOND(name), SECOND(PLAIN), ACCURACY) for name in (MADE_UP, GIVEN)]
COMPARISONS = [
    *((SECOND(name), WITHOUT) for name in (MADE_UP, GIVEN)),
    *((SECOND(name), FIRST(name)) for name in (MADE_UP, GIVEN)),
    *((MEAN(name), MEAN(PLAIN)) for name in (MADE_UP, GIVEN)),
]
SETTINGS = {
    "Rows": f"at most {MAX_TRAINING_ROWS} (60 %) train; half of the others are from elsewhere, half test",
    "Ensembles": f"`{DisagreementEnsemble(NetClassifier(n_members=1))!r}`",
}

if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, [(TABLES | NOISY, arms)], CLAIMS, COMPARISONS, SETTINGS))
