"""Deep-learning techniques with the manners of scikit-learn."""

from sktech import presets
from sktech.classifiers import NetClassifier
from sktech.training import TensorNet

__all__ = ["NetClassifier", "TensorNet", "presets"]
