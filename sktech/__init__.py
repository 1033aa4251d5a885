"""Deep-learning techniques with the manners of scikit-learn."""

from sktech import presets, smoothing
from sktech.classifiers import DecoupledLongTailClassifier, NetClassifier, SmoothedNetClassifier
from sktech.distillation import DistilledClassifier
from sktech.ensemble import BaggingVoteEnsemble, DisagreementEnsemble, OutputCodeEnsemble
from sktech.training import TensorNet

__all__ = [
    "BaggingVoteEnsemble",
    "DecoupledLongTailClassifier",
    "DisagreementEnsemble",
    "DistilledClassifier",
    "NetClassifier",
    "OutputCodeEnsemble",
    "SmoothedNetClassifier",
    "TensorNet",
    "presets",
    "smoothing",
]
