"""Reading fitted nets, in scikit-learn's manner: functions, and displays that plot (with matplotlib)."""

from sktech.inspection.memorizer import Memorizer
from sktech.inspection.randomization import RandomizationDisplay, RandomizationResult, randomization_test
from sktech.inspection.weights import WeightDisplay, WeightFunctionDisplay

__all__ = [
    "Memorizer",
    "RandomizationDisplay",
    "RandomizationResult",
    "WeightDisplay",
    "WeightFunctionDisplay",
    "randomization_test",
]
