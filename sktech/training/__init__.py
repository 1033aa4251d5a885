"""The training loop: the only floor that knows skorch."""

from sktech.losses import cross_entropy
from sktech.training._callbacks import StopTraining
from sktech.training.batches import Batch, TensorBatches, WeightedRows
from sktech.training.net import TensorNet
from sktech.training.objective import Forward, Objective, Reweighter
from sktech.training.row_gradients import row_gradients
from sktech.training.schedules import LearningRateSchedule
from sktech.training.soft import SoftTargets

__all__ = [
    "Batch",
    "Forward",
    "LearningRateSchedule",
    "Objective",
    "Reweighter",
    "SoftTargets",
    "StopTraining",
    "TensorBatches",
    "TensorNet",
    "WeightedRows",
    "cross_entropy",
    "row_gradients",
]
