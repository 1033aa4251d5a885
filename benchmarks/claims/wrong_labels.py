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
*trusted rows only*. The claims: learned weights have the higher accuracy and the lower log-loss than each control and
than each method that knows no trusted rows; with the right labels Learning to Reweight loses no more than half a point
of accuracy against stopping early; at 40 % the weights tell wrong labels from right ones with an area under the ROC
curve (*detection*) above 0.8.
"""

import sys
from functools import partial

import numpy as np
from _paired import (
    ACCURACY,
    DETECTION,
    LOG_LOSS,
    TABLES,
    Claim,
    collect,
    log_probabilities,
    main,
    scores,
    split,
)
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

print(collect, partial, TABLES)
