"""The training loop: the only floor that knows skorch."""

from sktech.training.batches import Batch, TensorBatches, WeightedRows
from sktech.training.net import StopTraining, TensorNet
from sktech.training.objective import Forward, Objective, Reweighter, cross_entropy
from sktech.training.schedules import LearningRateSchedule

__all__ = [
    "Batch",
    "Forward",
    "LearningRateSchedule",
    "Objective",
    "Reweighter",
    "StopTraining",
    "TensorBatches",
    "TensorNet",
    "WeightedRows",
    "cross_entropy",
]
