"""Label smoothing and the confidence penalty against a net that is too sure.

Run ``python benchmarks/claims/overconfidence.py`` (about 10 minutes; ``--quick`` for half a minute; ``--data FOLDER``
for further tables). Exits with 1 if a claim is contradicted. Results go to ``benchmarks/results/overconfidence.md``.

A single net without dropout, weight decay and early stopping learns its rows by heart. The claims (Szegedy et al.,
2016; Pereyra et al., 2017): label smoothing and the confidence penalty lower its log-loss and its calibration error on
test rows. Each form has one number to tune, from a grid of the same length: the net with the least log-loss on the
validation rows is tested as it is. Beside them: the annealed and the thresholded penalty (tuned is its threshold, as a
share of the entropy of the uniform distribution), and, as controls, weight decay tuned alike, early stopping, and the
plain net with a temperature fitted on the validation rows.
"""

import math
import sys

import numpy as np
from _paired import (
    CALIBRATION,
    LOG_LOSS,
    TUNED,
    Claim,
    log_probabilities,
    main,
    scores,
    split,
)
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from sktech import NetClassifier, SmoothedNetClassifier
from sktech.smoothing import ConfidencePenalty, LabelSmoothing

SURE = {
    "n_members": 1,
    "dropout": 0.0,
    "weight_decay": 0.0,
    "early_stopping": False,
    "max_epochs": 48,
    "batch_size": 64,
}
NAMES = ["breast_cancer", "digits", "classes", "friedman", "mixture"]
AMOUNTS = [0.01, 0.03, 0.1, 0.3]
STRENGTHS = [0.1, 0.25, 0.6, 1.5]
SHARES = [0.03, 0.1, 0.2, 0.4]
DECAYS = [0.1, 0.3, 1.0, 3.0]
PLAIN, SMOOTHED, PENALISED = "plain", "label smoothing", "confidence penalty"
LINEAR, COSINE, THRESHOLD = (f"{PENALISED}, {form}" for form in ("linear", "cosine", "threshold"))
DECAYED, STOPPED, TEMPERED = "weight decay", "early stopping", "plain, temperature"


def forms(n_classes):
    """Arm -> number -> term."""
    most = math.log(n_classes)
    return {
        SMOOTHED: {amount: LabelSmoothing(amount) for amount in AMOUNTS},
        PENALISED: {strength: ConfidencePenalty(strength) for strength in STRENGTHS},
        LINEAR: {strength: ConfidencePenalty(strength, anneal="linear") for strength in STRENGTHS},
        COSINE: {strength: ConfidencePenalty(strength, anneal="cosine") for strength in STRENGTHS},
        THRESHOLD: {share: ConfidencePenalty(1.0, threshold=share * most) for share in SHARES},
    }


def temperature(log_p, y):
    def loss(log_t):
        return scores(log_softmax(log_p / np.exp(log_t), axis=1), y)[LOG_LOSS]

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 5), method="bounded").x))


def arms(X, y, seed, **changes):
    training, (X_valid, y_valid), (X_test, y_test) = split(X, y, seed)
    common = SURE | {"random_state": seed} | changes

    def fitted(model):
        return model.fit(*training)

    def best(models):
        """Number and predictions of the model with the least log-loss on the validation rows."""
        nets = {number: fitted(model) for number, model in models.items()}
        losses = {number: scores(log_probabilities(net, X_valid), y_valid)[LOG_LOSS] for number, net in nets.items()}
        chosen = min(losses, key=losses.get)
        return {**scores(log_probabilities(nets[chosen], X_test), y_test), TUNED: chosen}

    plain = fitted(NetClassifier(**common))
    log_p = log_probabilities(plain, X_test)
    yield PLAIN, scores(log_p, y_test)
    for arm, terms in forms(y.max() + 1).items():
        yield arm, best({number: SmoothedNetClassifier(term, **common) for number, term in terms.items()})
    yield DECAYED, best({decay: NetClassifier(**common | {"weight_decay": decay}) for decay in DECAYS})
    stopped = fitted(NetClassifier(**common | {"early_stopping": True}))
    yield STOPPED, scores(log_probabilities(stopped, X_test), y_test)
    t = temperature(log_probabilities(plain, X_valid), y_valid)
    yield TEMPERED, {**scores(log_softmax(log_p / t, axis=1), y_test), TUNED: t}


CLAIMS = [Claim(arm, PLAIN, outcome) for arm in (SMOOTHED, PENALISED) for outcome in (LOG_LOSS, CALIBRATION)]
COMPARISONS = [
    *((form, PENALISED) for form in (LINEAR, COSINE, THRESHOLD)),
    *((arm, PLAIN) for arm in (LINEAR, COSINE, THRESHOLD, DECAYED, STOPPED, TEMPERED)),
    *((arm, control) for control in (DECAYED, TEMPERED) for arm in (SMOOTHED, THRESHOLD)),
]
SETTINGS = {
    "Net": f"`{NetClassifier(**SURE)!r}`",
    "Tuned among": f"amounts {AMOUNTS}, strengths {STRENGTHS}, thresholds {SHARES} log n_classes at strength 1, "
    f"weight decay {DECAYS}",
    "Rows": "at most 600 (60 %) train, half of the others validate, half test",
}


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, [(NAMES, arms)], CLAIMS, COMPARISONS, SETTINGS))
