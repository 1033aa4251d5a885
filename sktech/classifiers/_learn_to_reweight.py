"""Learning to Reweight: a row weighs as much as its gradient agrees with that of trusted rows."""

from sktech.classifiers._row_weights import RowWeights, mean_one


class LearnToReweight(RowWeights):
    """w_i ~ max(0, <g, g_i>), with g_i the gradient of row i's loss and g that of the trusted rows' mean loss.

    This is the paper's w_i ~ max(0, -d/d eps_i of the trusted loss at theta - eta sum eps_i g_i), at eps = 0, in closed
    form: the step size eta only scales all weights alike.

    Parameters
    ----------
    cap : float
        Highest weight of a row before the weights of a batch are scaled to mean 1, in multiples of their mean.
    *given
        As for :class:`RowWeights`.
    """

    def __init__(self, cap, *given):
        super().__init__(*given)
        self.cap = cap

    def row_weights(self, forward, batch, gradients, learned, trusted):
        """Weights (..., n) of the rows to learn from, and which weigh anything."""
        direction = gradients.sum(
            self.trusted_share(batch, trusted).expand(gradients.rows[..., trusted].shape), trusted
        )
        agreement = gradients.products(direction, learned)
        weights = mean_one(agreement.clamp(min=0), batch.weight[..., learned].to(agreement.dtype), self.cap)
        return weights, agreement > 0
