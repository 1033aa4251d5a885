"""Classifiers with one net inside, one technique per file."""

from sktech.classifiers.net import NetClassifier
from sktech.classifiers.noise_tolerant import NoiseTolerantClassifier
from sktech.classifiers.reweighted import ReweightedClassifier
from sktech.classifiers.smoothed import SmoothedNetClassifier

__all__ = [
    "NetClassifier",
    "NoiseTolerantClassifier",
    "ReweightedClassifier",
    "SmoothedNetClassifier",
]
