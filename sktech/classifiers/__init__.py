"""Classifiers with one net inside, one technique per file."""

from sktech.classifiers.decoupled import DecoupledLongTailClassifier
from sktech.classifiers.net import NetClassifier
from sktech.classifiers.smoothed import SmoothedNetClassifier

__all__ = ["DecoupledLongTailClassifier", "NetClassifier", "SmoothedNetClassifier"]
