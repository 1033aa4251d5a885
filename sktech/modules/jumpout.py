"""Jumpout: dropout with a rate that changes from batch to batch, for layers of rectifiers."""

import torch
from torch import nn

from sktech._streams import draw


class Jumpout(nn.Module):
    """Dropout with three modifications, to stand after a ReLU. In evaluation mode it does nothing.

    For the units h >= 0 of a layer, in each training step:

    1. the rate is drawn anew, p = min(p_min + |N(0, sigma^2)|, p_max): mostly small, so that the net is smoothed
       between nearby linear pieces rather than distant ones;
    2. it is divided by the fraction of active units, p' = p / q+ with q+ = mean(h > 0), because dropping a silent unit
       changes nothing: so the share p of all units is switched off, however many are active;
    3. kept units are multiplied by (1 - p')^-0.75, between dropout's own factor (1 - p')^-1, which keeps the mean, and
       (1 - p')^-0.5, which keeps the second moment: a compromise that lets it go along with BatchNorm. The mean is
       therefore not preserved: it is multiplied by (1 - p')^0.25.

    With a leading member axis, each member has a rate and a fraction of its own.

    Parameters
    ----------
    sigma : float, default=0.1
        Scale of the half-normal distribution of the rate; the mean rate is about ``p_min`` + 0.8 ``sigma``.
    p_min : float, default=0.01
        Lowest rate.
    p_max : float, default=0.6
        Highest rate.

    Shape
    -----
    input (n, units) or (n_members, n, units) -> output of the same shape

    Notes
    -----
    The paper does not say what happens where so few units are active that p' would reach 1; here p' is at most 0.95.

    References
    ----------
    Wang, Zhou, Bilmes (2019). Jumpout: Improved Dropout for Deep Neural Networks with ReLUs. ICML, section 3.

    Examples
    --------
    >>> import torch
    >>> from sktech.modules import Jumpout
    >>> h = torch.relu(torch.randn(8, 100))
    >>> torch.equal(Jumpout().eval()(h), h)
    True
    """

    highest_rate = 0.95  # of the active units

    def __init__(self, sigma=0.1, p_min=0.01, p_max=0.6):
        super().__init__()
        self.sigma = sigma
        self.p_min = p_min
        self.p_max = p_max

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        if not self.training:
            return h
        normal = draw(torch.randn, (*h.shape[:-2], 1, 1), h.device)
        p = (self.p_min + self.sigma * normal.abs()).clamp(max=self.p_max)
        active = (h > 0).to(p.dtype).mean(dim=(-2, -1), keepdim=True)
        few = torch.finfo(p.dtype).tiny  # where no unit is active, there is nothing to drop
        rate = (p / active.clamp(min=few)).clamp(max=self.highest_rate)  # p' of the paper
        keep = draw(torch.rand, h.shape, h.device) >= rate
        return h * (keep * (1 - rate) ** -0.75).to(h.dtype)

    def extra_repr(self):
        return f"sigma={self.sigma}, p_min={self.p_min}, p_max={self.p_max}"
