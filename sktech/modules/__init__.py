"""Modules for tables: tensors in, logits out."""

from sktech.modules.mlp import MLP

__all__ = ["MLP"]
