"""Classifiers with one net inside, one technique per file."""

from sktech.classifiers.net import NetClassifier

__all__ = ["NetClassifier"]
