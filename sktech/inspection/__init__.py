"""Reading fitted nets, in scikit-learn's manner: functions, and displays that plot (with matplotlib)."""

from sktech.inspection.agreement import accessibility, consensus, consistency, overdispersion
from sktech.inspection.order_of_learning import LearningOrder, LearningOrderDisplay, learning_order
from sktech.inspection.weights import WeightDisplay, WeightFunctionDisplay

__all__ = [
    "LearningOrder",
    "LearningOrderDisplay",
    "WeightDisplay",
    "WeightFunctionDisplay",
    "accessibility",
    "consensus",
    "consistency",
    "learning_order",
    "overdispersion",
]
