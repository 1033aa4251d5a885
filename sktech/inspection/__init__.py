"""Reading fitted nets, in scikit-learn's manner: functions, and displays that plot (with matplotlib)."""

from sktech.inspection.attribution import GradientAttribution
from sktech.inspection.bias_attribution import bias_attribution
from sktech.inspection.integrated_gradients import integrated_gradients
from sktech.inspection.weights import WeightDisplay, WeightFunctionDisplay

__all__ = ["GradientAttribution", "WeightDisplay", "WeightFunctionDisplay", "bias_attribution", "integrated_gradients"]
