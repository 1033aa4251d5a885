"""Classifiers with one net inside, one technique per file."""

from sktech.classifiers.clean_prototypes import CleanPrototypeClassifier
from sktech.classifiers.decoupled import DecoupledLongTailClassifier
from sktech.classifiers.net import NetClassifier
from sktech.classifiers.noise_tolerant import NoiseTolerantClassifier
from sktech.classifiers.prototypes import PrototypeClassifier
from sktech.classifiers.reweighted import ReweightedClassifier
from sktech.classifiers.smoothed import SmoothedNetClassifier

__all__ = [
    "CleanPrototypeClassifier",
    "DecoupledLongTailClassifier",
    "NetClassifier",
    "NoiseTolerantClassifier",
    "PrototypeClassifier",
    "ReweightedClassifier",
    "SmoothedNetClassifier",
]
