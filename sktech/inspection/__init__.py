"""Reading fitted nets, in scikit-learn's manner: functions, and displays that plot (with matplotlib)."""

from sktech.inspection.weights import WeightDisplay, WeightFunctionDisplay

__all__ = ["WeightDisplay", "WeightFunctionDisplay"]
