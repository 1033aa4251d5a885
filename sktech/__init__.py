"""Deep-learning techniques with the manners of scikit-learn."""

from sktech import presets, smoothing
from sktech._version import __version__ as __version__
from sktech.classifiers import (
    CleanPrototypeClassifier,
    DecoupledLongTailClassifier,
    NetClassifier,
    NoiseTolerantClassifier,
    PrototypeClassifier,
    ReweightedClassifier,
    SmoothedNetClassifier,
)
from sktech.distillation import DistilledClassifier
from sktech.ensemble import BaggingVoteEnsemble, DisagreementEnsemble, OutputCodeEnsemble
from sktech.persistence import load, save
from sktech.training import TensorNet

__all__ = [
    "BaggingVoteEnsemble",
    "CleanPrototypeClassifier",
    "DecoupledLongTailClassifier",
    "DisagreementEnsemble",
    "DistilledClassifier",
    "NetClassifier",
    "NoiseTolerantClassifier",
    "OutputCodeEnsemble",
    "PrototypeClassifier",
    "ReweightedClassifier",
    "SmoothedNetClassifier",
    "TensorNet",
    "load",
    "presets",
    "save",
    "smoothing",
]
