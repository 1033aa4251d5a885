"""Pictures of what a fitted model has learned, in scikit-learn's manner. They need matplotlib."""

from sktech.inspection.weights import WeightDisplay, WeightFunctionDisplay

__all__ = ["WeightDisplay", "WeightFunctionDisplay"]
