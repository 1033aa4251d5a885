"""Reading fitted nets, in scikit-learn's manner: functions, and displays that plot (with matplotlib)."""

from sktech.inspection.attribution import GradientAttribution
from sktech.inspection.integrated_gradients import integrated_gradients
from sktech.inspection.memorizer import Memorizer
from sktech.inspection.randomization import RandomizationDisplay, RandomizationResult, randomization_test
from sktech.inspection.weights import WeightDisplay, WeightFunctionDisplay

__all__ = [
    "GradientAttribution",
    "Memorizer",
    "RandomizationDisplay",
    "RandomizationResult",
    "WeightDisplay",
    "WeightFunctionDisplay",
    "integrated_gradients",
    "randomization_test",
]
