"""Many classifiers as one."""

from sktech.ensemble._base import Uncertainty
from sktech.ensemble.bagging import BaggingVoteEnsemble
from sktech.ensemble.disagreement import Disagreement, DisagreementEnsemble
from sktech.ensemble.output_code import OutputCodeEnsemble

__all__ = ["BaggingVoteEnsemble", "Disagreement", "DisagreementEnsemble", "OutputCodeEnsemble", "Uncertainty"]
