"""Deep-learning techniques with the manners of scikit-learn."""

from sktech.training import TensorNet

__all__ = ["TensorNet"]
