"""Reading fitted nets, in scikit-learn's manner: functions, and displays that plot (with matplotlib)."""

from sktech.inspection.attribution import GradientAttribution
from sktech.inspection.attribution_display import AttributionDisplay
from sktech.inspection.bias_attribution import bias_attribution
from sktech.inspection.class_flip import class_flip_score
from sktech.inspection.deletion import DeletionCurve, DeletionDisplay, deletion_score
from sktech.inspection.gradients import gradient, gradient_times_input
from sktech.inspection.integrated_gradients import integrated_gradients
from sktech.inspection.weights import WeightDisplay, WeightFunctionDisplay

__all__ = [
    "AttributionDisplay",
    "DeletionCurve",
    "DeletionDisplay",
    "GradientAttribution",
    "WeightDisplay",
    "WeightFunctionDisplay",
    "bias_attribution",
    "class_flip_score",
    "deletion_score",
    "gradient",
    "gradient_times_input",
    "integrated_gradients",
]
