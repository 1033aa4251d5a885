"""Meta-Weight-Net: a row's weight is a function of its loss, and trusted rows say which."""

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from sktech.classifiers._row_weights import RowWeights
from sktech.modules import count_members
from sktech.modules.linear import dense

HIDDEN_UNITS = 100


class WeightNet(nn.Module):
    """V: the loss of a row -> its weight in (0, 1), by one hidden layer of ReLU.

    Parameters
    ----------
    n_members : int or None

    Shape
    -----
    input (n,) or (n_members, n), of losses -> output of the same shape
    """

    def __init__(self, n_members):
        super().__init__()
        self.layers = nn.Sequential(
            dense(1, HIDDEN_UNITS, n_members), nn.ReLU(), dense(HIDDEN_UNITS, 1, n_members), nn.Sigmoid()
        )

    def forward(self, losses: torch.Tensor) -> torch.Tensor:
        return self.layers(losses.unsqueeze(-1)).squeeze(-1)

    def mean_weight(self, losses):
        """Of all members, for losses as an array of any shape."""
        losses = np.asarray(losses)
        with torch.no_grad():
            weights = self(torch.as_tensor(losses.reshape(-1), dtype=self.layers[0].weight.dtype))
        return (weights if weights.ndim == 1 else weights.mean(0)).numpy().reshape(losses.shape)


class MetaWeightNet(RowWeights):
    """w_i = V(l_i), where V is trained so that a step with these weights lowers the trusted rows' loss.

    With theta' = theta - alpha (1/n) sum V(l_i) g_i, the gradient of the trusted loss at theta' with respect to V's
    parameters is -(alpha / n) sum <g', g_i> dV(l_i), with g' the trusted rows' gradient at theta'.

    Parameters
    ----------
    step : float
        alpha.
    *given
        As for :class:`RowWeights`; the result gets ``weight_net``, too.
    """

    def __init__(self, step, *given):
        super().__init__(*given)
        self.step = step
        self.weight_net = None

    def begin_epoch(self, module):
        super().begin_epoch(module)
        if self.weight_net is not None:
            return
        if self.n_trusted == 1 and any(isinstance(part, _BatchNorm) for part in module.modules()):
            raise ValueError("is_clean: BatchNorm cannot see a single row: expected two trusted rows or more, got 1")
        parameter = next(module.parameters())
        self.weight_net = WeightNet(count_members(module)).to(parameter.device, parameter.dtype)
        self.optimizer = torch.optim.Adam(self.weight_net.parameters(), lr=1e-3, weight_decay=1e-4)

    def row_weights(self, forward, batch, gradients, learned, trusted):
        """Weights (..., n) of the rows to learn from, twice."""
        losses = gradients.rows[..., learned].detach()
        copies = batch.weight[..., learned].to(losses.dtype)
        share = copies / copies.sum(-1, keepdim=True).clamp(min=torch.finfo(losses.dtype).tiny)
        weights = self.weight_net(losses)
        direction = gradients.sum(share * weights.detach(), learned)
        moved = {
            name: (param - self.step * direction[param]).detach().requires_grad_()
            for name, param in forward.params.items()
        }
        rows = batch.part(trusted)
        loss = forward.at(moved).label_loss(rows) * self.trusted_share(batch, trusted)
        slopes = torch.autograd.grad(loss.sum(), moved.values(), materialize_grads=True)
        towards = dict(zip(forward.params.values(), slopes, strict=True))
        agreement = gradients.products(towards, learned)
        self.optimizer.zero_grad()
        (-self.step * share * agreement * weights).sum().backward()
        self.optimizer.step()
        with torch.no_grad():
            weights = self.weight_net(losses)
        return weights, weights

    def finish(self, module):
        super().finish(module)
        self.result.weight_net = self.weight_net.cpu()
