"""What methods that learn a weight for each row have in common: trusted rows in each step, and the mean weights."""

import torch

from sktech._streams import draw
from sktech.training import Objective, Reweighter, row_gradients


class RowWeights(Reweighter):
    """A subclass says what the rows to learn from weigh, and what of that is remembered of each row:
    ``row_weights(forward, batch, gradients, learned, trusted)`` -> weights, marks.

    The last ``n_trusted`` rows of each batch are trusted ones, as :class:`sktech.sampling.WithTrusted` adds them. What
    they say is their plain loss, whatever else is minimised.

    Parameters
    ----------
    inner : Objective
        Whose rows are weighted.
    n_trusted : int
        Trusted rows in a batch.
    trusted_weight : Tensor of shape (n_rows,)
        What the labels of the trusted rows of the table weigh.
    result : object
        Gets ``weights``, the mean over the training of what is remembered of each row, (n_rows,), NaN for rows that
        were in no step.
    """

    def __init__(self, inner, n_trusted, trusted_weight, result):
        super().__init__(inner)
        self.n_trusted = n_trusted
        self.result = result
        self.order = "first"
        self.seen = []  # of the epoch: rows, marks, copies
        self.plain_on_trusted = _PlainOnTrusted(self.inner, n_trusted)
        self.register_buffer("trusted_weight", trusted_weight)
        self.register_buffer("sums", torch.zeros(2, len(trusted_weight), dtype=torch.float64))

    def rows(self, forward, batch):
        n = batch.n_rows - self.n_trusted
        learned, trusted = slice(0, n), slice(n, None)
        gradients = row_gradients(self.plain_on_trusted, forward, batch, self.order)
        weights, marks = self.row_weights(forward, batch, gradients, learned, trusted)
        self.order = gradients.order
        self.seen.append((batch.rows[..., learned], marks, batch.weight[..., learned]))
        rows = weights * gradients.rows_of(learned)
        return torch.cat([rows, rows.new_zeros(*rows.shape[:-1], self.n_trusted)], dim=-1)

    def trusted_share(self, batch, trusted):
        """Weights (..., n_trusted) that make a mean of what the trusted rows of a batch say."""
        share = self.trusted_weight[batch.rows[..., trusted]]
        return share / _positive(share.sum(-1, keepdim=True))

    def end_epoch(self, module):
        super().end_epoch(module)
        if self.seen:
            rows, marks, copies = (torch.cat(parts, dim=-1) for parts in zip(*self.seen, strict=True))
            present = (copies > 0).expand(marks.shape)
            both = torch.stack([marks * present, present]).to(self.sums.dtype)
            self.sums.index_add_(1, rows.expand(present.shape).flatten(), both.flatten(1))
            self.seen.clear()

    def finish(self, module):
        super().finish(module)
        self.result.weights = (self.sums[0] / self.sums[1]).cpu().numpy()


class _PlainOnTrusted(Objective):
    def __init__(self, inner, n_trusted):
        super().__init__()
        self.inner = inner
        self.n_trusted = n_trusted

    def rows(self, forward, batch):
        rows = self.inner.rows(forward, batch)
        if rows is None:
            return None
        n = batch.n_rows - self.n_trusted
        return torch.cat([rows[..., :n], forward.label_loss(batch)[..., n:]], dim=-1)


class RandomWeights(Reweighter):
    """w_i ~ max(0, standard normal): what learned weights have to be better than."""

    def weights(self, forward, batch, rows):
        drawn = draw(torch.randn, rows.shape, rows.device).clamp(min=0).to(rows.dtype)
        return mean_one(
            drawn, torch.ones_like(rows) if batch.weight is None else batch.weight.to(rows.dtype), torch.inf
        )


def mean_one(weights, copies, cap):
    """Weights (..., n) of at least 0, scaled to mean 1 over the copies of the rows, after those above ``cap`` times the
    mean have been cut there.

    Those of a net all of whose rows weigh nothing stay 0.
    """
    share = copies / _positive(copies.sum(-1, keepdim=True))
    weights = weights * (copies > 0)
    weights = (weights / _positive(torch.linalg.vecdot(weights, share).unsqueeze(-1))).clamp(max=cap)
    return weights / _positive(torch.linalg.vecdot(weights, share).unsqueeze(-1))


def _positive(values):
    """Values of at least 0, to divide by."""
    return values.clamp(min=torch.finfo(values.dtype).tiny)
