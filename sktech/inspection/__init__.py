"""Reading fitted nets, in scikit-learn's manner: functions, and displays that plot (with matplotlib)."""

from sktech.inspection.agreement import accessibility, consensus, consistency, overdispersion
from sktech.inspection.attribution import GradientAttribution
from sktech.inspection.attribution_display import AttributionDisplay
from sktech.inspection.bias_attribution import bias_attribution
from sktech.inspection.class_flip import class_flip_score
from sktech.inspection.deletion import DeletionCurve, DeletionDisplay, deletion_score
from sktech.inspection.gradients import gradient, gradient_times_input
from sktech.inspection.integrated_gradients import integrated_gradients
from sktech.inspection.learning_order import LearningOrder, LearningOrderDisplay, learning_order
from sktech.inspection.memorizer import Memorizer
from sktech.inspection.randomization import RandomizationDisplay, RandomizationResult, randomization_test
from sktech.inspection.similarity import (
    LayerSimilarity,
    SimilarityDisplay,
    activations,
    canonical_correlations,
    cca,
    cka,
    hsic,
    layer_similarity,
    minibatch_cka,
    pwcca,
    svcca,
)
from sktech.inspection.weights import WeightDisplay, WeightFunctionDisplay

__all__ = [
    "AttributionDisplay",
    "DeletionCurve",
    "DeletionDisplay",
    "GradientAttribution",
    "LayerSimilarity",
    "LearningOrder",
    "LearningOrderDisplay",
    "Memorizer",
    "RandomizationDisplay",
    "RandomizationResult",
    "SimilarityDisplay",
    "WeightDisplay",
    "WeightFunctionDisplay",
    "accessibility",
    "activations",
    "bias_attribution",
    "canonical_correlations",
    "cca",
    "cka",
    "class_flip_score",
    "consensus",
    "consistency",
    "deletion_score",
    "gradient",
    "gradient_times_input",
    "hsic",
    "integrated_gradients",
    "layer_similarity",
    "learning_order",
    "minibatch_cka",
    "overdispersion",
    "pwcca",
    "randomization_test",
    "svcca",
]
