"""Born-again nets: each generation learns from the one before.

Run ``python benchmarks/claims/born_again.py`` (about 10 minutes; ``--quick`` for half a minute; ``--data FOLDER`` for
further tables). Exits with 1 if a claim is contradicted. Results go to ``benchmarks/results/born_again.md``.

The claims (Furlanello et al., 2018): the second generation, the third, and the mean of the probabilities of all three
have a lower log-loss than the first, which learned from the labels alone. All are the same single net, with the same
initial weights, batches, epochs and held-out rows, which stops early; from the second on they learn the labels and the
answers of the generation before in equal parts. Answers are out of fold, as `DistilledClassifier` has it by default.

Beside them: answers in sample, as in the paper, and, as a control for the mean of three generations, the mean of three
plain nets that differ in their seeds. Nothing is tuned: all else are defaults.
"""

import sys

import numpy as np
from _paired import LOG_LOSS, Claim, log_probabilities, main, scores, split

from sktech import DistilledClassifier, NetClassifier

NAMES = ["breast_cancer", "digits", "classes", "friedman", "mixture"]
MAX_TRAINING_ROWS = 1000
FIRST, SECOND, THIRD, TOGETHER = "first", "second generation", "third generation", "mean of three generations"
LATER, SEEDS = "mean of second and third", "mean of three seeds"
IN_SAMPLE = "{}, in sample".format


def arms(X, y, seed, **changes):
    training, (X_test, y_test) = split(X, y, seed, MAX_TRAINING_ROWS, validates=False)

    def net(own_seed):
        return NetClassifier(n_members=1, random_state=own_seed, **changes)

    def outcomes(*models):
        proba = np.mean([np.exp(log_probabilities(model, X_test)) for model in models], axis=0)
        return scores(np.log(proba), y_test)

    first = net(seed).fit(*training)
    yield FIRST, outcomes(first)
    yield SEEDS, outcomes(first, *(net(1000 * k + seed).fit(*training) for k in (1, 2)))
    for name, cv in ((str, 5), (IN_SAMPLE, None)):
        born = DistilledClassifier(net(seed), net(seed), cv=cv, generations=2, random_state=seed).fit(*training)
        for generation, student in zip((SECOND, THIRD), born.students_, strict=True):
            yield name(generation), outcomes(student)
        yield name(LATER), outcomes(*born.students_)
        yield name(TOGETHER), outcomes(first, *born.students_)


CLAIMS = [Claim(arm, FIRST, LOG_LOSS) for arm in (SECOND, THIRD, TOGETHER)]
COMPARISONS = [
    (THIRD, SECOND),
    (LATER, FIRST),
    (SEEDS, FIRST),
    (TOGETHER, SEEDS),
    *((IN_SAMPLE(arm), FIRST) for arm in (SECOND, THIRD, TOGETHER)),
    (IN_SAMPLE(TOGETHER), SEEDS),
]
SETTINGS = {
    "Rows": f"at most {MAX_TRAINING_ROWS} (60 %) train, all others test",
    "Net": f"`{NetClassifier(n_members=1)!r}`",
    "Generations": f"`{DistilledClassifier(NetClassifier(n_members=1), NetClassifier(n_members=1), generations=2)!r}`",
}

if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, [(NAMES, arms)], CLAIMS, COMPARISONS, SETTINGS))
