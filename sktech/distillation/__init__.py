"""A small net that has learned from a big model."""

from sktech.distillation.classifier import DistilledClassifier

__all__ = ["DistilledClassifier"]
