"""Reading fitted nets, in scikit-learn's manner: functions, and displays that plot (with matplotlib)."""

from sktech.inspection.attribution import GradientAttribution
from sktech.inspection.attribution_display import AttributionDisplay
from sktech.inspection.gradients import gradient, gradient_times_input
from sktech.inspection.integrated_gradients import integrated_gradients
from sktech.inspection.weights import WeightDisplay, WeightFunctionDisplay

__all__ = [
    "AttributionDisplay",
    "GradientAttribution",
    "WeightDisplay",
    "WeightFunctionDisplay",
    "gradient",
    "gradient_times_input",
    "integrated_gradients",
]
