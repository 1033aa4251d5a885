"""NoiseTolerantClassifier: nets that are trained not to learn wrong labels (MLNT)."""

import math
from dataclasses import dataclass

import numpy as np
import torch

from sktech._streams import draw
from sktech._validation import check_number
from sktech.classifiers.net import NetClassifier
from sktech.losses import kl_divergence, negative_log_likelihood
from sktech.modules.members import tensor_places
from sktech.training import Objective

# Rows among which neighbours are looked for; larger batches are so many times these, so that it costs the same per row.
_COMPARED_ROWS = 128


@dataclass(kw_only=True, eq=False, repr=False)
class NoiseTolerantClassifier(NetClassifier):
    """:class:`NetClassifier` for tables with wrong labels: what a step on more of them would do to the net is punished.

    A net that trains for long learns wrong labels by heart. Here some labels of each batch are replaced by those of
    other rows, a step on them is tried, and the net after that step shall still predict what a *teacher* predicts, the
    moving average of the net's own weights. So training turns to where wrong labels pull the net little. ::

        NoiseTolerantClassifier().fit(X, y_of_which_some_are_wrong)

    It is the teacher that predicts. A step costs about four plain ones.

    Parameters
    ----------
    n_perturbations : int, default=1
        M of the paper, at least 1: how many times each batch's labels are perturbed, each with a step of its own, which
        adds about two plain steps to the costs.
    perturbed_fraction : float, default=0.5
        rho of the paper, in [0, 1]: the probability that a row's label is replaced.
    n_neighbors : int, default=128
        From how many near rows the new label may come, at least 1. They are looked for among 128 rows of the batch,
        so that the default is any of these rows; 10 are those of the authors' code.
    meta_lr : float, default=0.2
        Length of the step that is tried, as a multiple of the gradient of the mean loss; at least 0, which is a step of
        none: then the net shall predict what the teacher does, whatever the labels. Long steps make the training
        unstable, most where the learning rate falls and the loss becomes sharply curved.
    consistency : float, default=5.0
        Weight of the divergence from the teacher in the loss, at least 0. At 0 the net trains as ever, and its moving
        average predicts.
    ema_decay : float, default=0.99
        gamma of the paper, in [0, 1): the share of the teacher's weights that stays in each step. In the first steps
        less does: t / (t + 9) after t of them.
    warm_up : float, default=0.2
        Share of the training, in [0, 1], in which the consistency sets in: in its first quarter there is none, then its
        weight rises as exp(-5 (1 - u)^2), with u from 0 to 1.
    **params
        All parameters of :class:`NetClassifier`, by name.

    Attributes
    ----------
    classes_, net_, n_members_, history_, n_iter_, n_features_in_, feature_names_in_
        As in :class:`NetClassifier`; ``net_`` is the teacher.

    Raises
    ------
    ValueError, TypeError, FloatingPointError
        As in :class:`NetClassifier`.

    Notes
    -----
    The loss of a batch is its cross-entropy with the given labels, and ``consistency`` times

        J = (1/M) sum_m KL(p_teacher(x) || p(x; theta - meta_lr g_m)),    g_m the gradient of the cross-entropy with the
                                                                          m-th perturbed labels at theta,

    as the mean over rows, in nats. Its gradient is the whole one, through g_m, with second derivatives. J judges no
    prediction by a label: class weights and missing labels do not weigh it, copies of a row do; they all weigh g_m, as
    they do the loss. Early stopping, callbacks and an interrupted fit see and keep the teacher. Where training goes on,
    with ``warm_start`` or ``partial_fit``, it starts from the teacher, and from a warm-up.

    Departures from the paper, each for tables. Labels come from any row by default, not from the ten nearest: nets
    learned fewer wrong labels so, also where each class was mistaken for one other, and more neighbours were better
    throughout. Near rows are those of the table, in the scale in which the net sees them and with a coordinate for each
    level of a category, where the paper has features of a net that was trained before: such features know the labels,
    and the wrong ones among them. They are looked for in the batch, so that rows held out stay out. A label is
    replaced with probability rho, where the paper replaces a share rho of them. One perturbation did as well as two and
    four, where the paper has ten. The divergence is a mean over rows, not over rows and classes as in the authors'
    code, and weighs more. The teacher begins with the training and forgets the initial weights sooner, as trainings are
    short; BatchNorm's statistics are averaged as the weights are. The paper's further rounds, in which a trained
    teacher filters the rows, are left out.

    References
    ----------
    J. Li, Y. Wong, Q. Zhao and M. S. Kankanhalli, "Learning to Learn from Noisy Labeled Data", CVPR 2019, section 3 and
    algorithm 1, https://arxiv.org/abs/1812.05214; code: https://github.com/LiJunnan1992/MLNT

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sktech import NoiseTolerantClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> wrong = np.random.default_rng(0).random(len(y)) < 0.3
    >>> y_noisy = np.where(wrong, (y + 1) % 3, y)
    >>> NoiseTolerantClassifier(random_state=0).fit(X, y_noisy).score(X, y) > 0.85
    True
    """

    n_perturbations: int = 1
    perturbed_fraction: float = 0.5
    n_neighbors: int = 128
    meta_lr: float = 0.2
    consistency: float = 5.0
    ema_decay: float = 0.99
    warm_up: float = 0.2

    def _check_params(self):
        super()._check_params()
        check_number("n_perturbations", self.n_perturbations, int, 1)
        check_number("perturbed_fraction", self.perturbed_fraction, float, 0, 1)
        check_number("n_neighbors", self.n_neighbors, int, 1)
        check_number("meta_lr", self.meta_lr, float, 0, np.inf, open_high=True)
        check_number("consistency", self.consistency, float, 0, np.inf, open_high=True)
        check_number("ema_decay", self.ema_decay, float, 0, 1, open_high=True)
        check_number("warm_up", self.warm_up, float, 0, 1)

    def _make_objective(self, rows):
        noise = NeighbourNoise(
            self.n_perturbations,
            self.perturbed_fraction,
            self.n_neighbors,
            n_codes=len(self._encoder.n_levels_),
            soft=rows.data.soft,
        )
        return MetaConsistency(noise, self.meta_lr, self.consistency, self.ema_decay, self.warm_up)


class MovingAverage(Objective):
    """The net that is validated, kept and predicts is a moving average of the one that learns.

    Between two epochs the average stands in the module, and the learner's weights wait here.

    Parameters
    ----------
    decay : float
        Share of the average that stays in each step; after t steps at most t / (t + 9), so that the start is forgotten.
    """

    def __init__(self, decay):
        super().__init__()
        self.decay = decay
        self.n_steps = 0
        self.average = self.learner = None

    def begin_epoch(self, module):
        if self.average is None:
            self.average = _copies(module)
        else:
            _write(self.learner, module)

    def after_step(self, forward):
        self.n_steps += 1
        decay = min(self.decay, self.n_steps / (self.n_steps + 9))
        for name, value in _tensors(forward.module):
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:  # a count
                self.average[name].copy_(value)

    def end_epoch(self, module):
        self.learner = _copies(module)
        _write(self.average, module)


def _tensors(module):
    """Pairs of the name of each parameter and buffer and its value."""
    parameters, buffers = tensor_places(module)
    return [(name, value.detach()) for name, value in (parameters | buffers).items()]


def _copies(module):
    return {name: value.clone() for name, value in _tensors(module)}


def _write(values, module):
    for name, value in _tensors(module):
        value.copy_(values[name])


class NeighbourNoise:
    """Synthetic noise: some labels are replaced by those of near rows.

    Parameters
    ----------
    n_perturbations, perturbed_fraction, n_neighbors
        As in :class:`NoiseTolerantClassifier`.
    n_codes : int, default=0
        How many of the last inputs are numbers of levels, which are alike or not.
    soft : SoftTargets, default=None
        Of all training rows, where labels are probabilities.
    """

    def __init__(self, n_perturbations, perturbed_fraction, n_neighbors, n_codes=0, soft=None):
        self.n_perturbations = n_perturbations
        self.perturbed_fraction = perturbed_fraction
        self.n_neighbors = n_neighbors
        self.n_codes = n_codes
        self.soft = soft

    def sources(self, batch, members):
        """Whose label each row has in each perturbation, positions in the batch of shape (n_perturbations, ..., n).

        Parameters
        ----------
        batch : sktech.training.Batch
        members : tuple of int
            The leading axes, (n_members,) or ().
        """
        n, device = batch.n_rows, batch.X.device
        shape = (*members, self.n_perturbations, n)
        sources = torch.arange(n, device=device).expand(shape)
        distance, nearest = self.neighbors(batch)
        if nearest.shape[-1]:
            n_found = distance.isfinite().sum(-1).unsqueeze(-2)
            which = (draw(torch.rand, shape, device) * n_found).long().unsqueeze(-1)
            drawn = nearest.unsqueeze(-3).expand(*shape, -1).gather(-1, which).squeeze(-1)
            replaced = draw(torch.rand, shape, device) < self.perturbed_fraction
            sources = torch.where(replaced & (n_found > 0), drawn, sources)
        return sources.movedim(-2, 0)

    def neighbors(self, batch):
        """Squared distances to each row's nearest others and their positions in the batch, (..., n, n_found) each; the
        distance is infinite where there are no more others that have a label."""
        n, device = batch.n_rows, batch.X.device
        unfit = torch.zeros(n, dtype=torch.bool, device=device) if batch.weight is None else batch.weight == 0
        n_parts = -(-n // _COMPARED_ROWS)
        k, found = min(self.n_neighbors, n // n_parts - 1), []
        for rows in torch.arange(n, device=device).tensor_split(n_parts):
            X = batch.X[..., rows, :]
            # Who is near does not matter where all are asked.
            distance = self._distances(X) if k < len(rows) - 1 else X.new_zeros(*X.shape[:-1], len(rows))
            distance = distance.masked_fill(torch.eye(len(rows), dtype=torch.bool, device=device), torch.inf)
            distance, nearest = distance.masked_fill(unfit[..., None, rows], torch.inf).topk(k, largest=False)
            found.append((distance, rows[nearest]))
        return tuple(torch.cat(parts, dim=-2) for parts in zip(*found, strict=True))

    def _distances(self, X):
        numbers, codes = X.split([X.shape[-1] - self.n_codes, self.n_codes], dim=-1)
        # Not by a matrix product: its rounding, which may decide who is nearer, depends on the other rows.
        distances = torch.cdist(numbers, numbers, compute_mode="donot_use_mm_for_euclid_dist").square()
        if self.n_codes:  # as if each level had an input of its own
            distances = distances + 2 * torch.cdist(codes, codes, p=0)
        return distances

    def loss(self, log_proba, batch, source):
        """Cross-entropy with the labels of others, (..., n)."""
        y = batch.y.expand(source.shape).gather(-1, source)
        if self.soft is None:
            return negative_log_likelihood(log_proba, y)
        return self.soft[batch.rows.expand(source.shape).gather(-1, source)].loss(log_proba, y)


class MetaConsistency(MovingAverage):
    """After a step on wrong labels the net shall still say what its moving average, the teacher, says.

    Parameters
    ----------
    noise : NeighbourNoise
    meta_lr, consistency, ema_decay, warm_up : float
        As in :class:`NoiseTolerantClassifier`.
    """

    def __init__(self, noise, meta_lr, consistency, ema_decay, warm_up):
        super().__init__(ema_decay)
        self.noise = noise
        self.meta_lr = meta_lr
        self.consistency = consistency
        self.warm_up = warm_up

    def penalty(self, forward, batch):
        strength = self.consistency * ramp(batch.progress, self.warm_up)
        if strength == 0:
            return None
        log_proba, params = forward.log_proba(batch.X), forward.params
        with torch.no_grad():
            taught = forward.at(self.average).log_proba(batch.X)
        divergences = []
        for source in self.noise.sources(batch, log_proba.shape[:-2]):
            rows = self.noise.loss(log_proba, batch, source)
            loss = (rows if batch.weight is None else batch.weight * rows).sum() / batch.n_rows
            slopes = torch.autograd.grad(loss, params.values(), create_graph=True, materialize_grads=True)
            moved = {
                name: value - self.meta_lr * slope for (name, value), slope in zip(params.items(), slopes, strict=True)
            }
            divergences.append(kl_divergence(taught, forward.at(moved).log_proba(batch.X)))
        return strength * batch.mean(sum(divergences) / len(divergences))


def ramp(progress, warm_up):
    """How much of the consistency counts, from 0 to 1: none in the first quarter of the warm-up.

    Parameters
    ----------
    progress, warm_up : float
        Shares of the training.

    Returns
    -------
    factor : float

    Examples
    --------
    >>> from sktech.classifiers.noise_tolerant import ramp
    >>> [round(ramp(progress, warm_up=0.4), 4) for progress in (0.0, 0.1, 0.25, 0.4)]
    [0.0, 0.0067, 0.2865, 1.0]
    """
    if progress >= warm_up:
        return 1.0
    start = warm_up / 4
    return math.exp(-5 * (1 - (progress - start) / (warm_up - start)) ** 2) if progress >= start else 0.0
