"""Many classifiers as one."""

from sktech.ensemble.bagging import BaggingVoteEnsemble, Uncertainty

__all__ = ["BaggingVoteEnsemble", "Uncertainty"]
