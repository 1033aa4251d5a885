"""Terms of :class:`sktech.SmoothedNetClassifier`: what keeps a net from being too sure of its labels.

Each is an object with parameters, so that ``smoothing__strength`` goes into a grid:

    >>> from sktech import SmoothedNetClassifier
    >>> from sktech.smoothing import ConfidencePenalty
    >>> clf = SmoothedNetClassifier(ConfidencePenalty(strength=0.3, anneal="linear"))
    >>> clf.set_params(smoothing__strength=0.1).smoothing
    ConfidencePenalty(anneal='linear')
"""

from sktech.smoothing.bootstrapping import Bootstrapping
from sktech.smoothing.confidence_penalty import ConfidencePenalty
from sktech.smoothing.disturb_label import DisturbLabel
from sktech.smoothing.label_smoothing import LabelSmoothing
from sktech.smoothing.term import SmoothingTerm, TrainingTable
from sktech.smoothing.virtual_adversarial import VirtualAdversarial

__all__ = [
    "Bootstrapping",
    "ConfidencePenalty",
    "DisturbLabel",
    "LabelSmoothing",
    "SmoothingTerm",
    "TrainingTable",
    "VirtualAdversarial",
]
