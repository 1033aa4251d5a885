"""Reading fitted nets, in scikit-learn's manner: functions, and displays that plot (with matplotlib)."""

from sktech.inspection.agreement import accessibility, consensus, consistency, overdispersion
from sktech.inspection.attribution import GradientAttribution
from sktech.inspection.integrated_gradients import integrated_gradients
from sktech.inspection.learning_order import LearningOrder, LearningOrderDisplay, learning_order
from sktech.inspection.weights import WeightDisplay, WeightFunctionDisplay

__all__ = [
    "GradientAttribution",
    "LearningOrder",
    "LearningOrderDisplay",
    "WeightDisplay",
    "WeightFunctionDisplay",
    "accessibility",
    "consensus",
    "consistency",
    "integrated_gradients",
    "learning_order",
    "overdispersion",
]
