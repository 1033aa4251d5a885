"""Modules for tables: tensors in, logits out; each for one net, or for many side by side."""

from sktech.modules.categories import CategoryEmbedding
from sktech.modules.committee import Committee, count_members, member_tensors
from sktech.modules.dropout import Dropout
from sktech.modules.jumpout import Jumpout
from sktech.modules.linear import StackedLinear
from sktech.modules.members import Members
from sktech.modules.mlp import MLP
from sktech.modules.numbers import PeriodicEmbedding, PiecewiseLinearEmbedding
from sktech.modules.row_wise import row_wise_layers
from sktech.modules.table_net import TableNet

__all__ = [
    "MLP",
    "CategoryEmbedding",
    "Committee",
    "Dropout",
    "Jumpout",
    "Members",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "StackedLinear",
    "TableNet",
    "count_members",
    "member_tensors",
    "row_wise_layers",
]
