"""CleanPrototypeClassifier: nets that learn from clean means of rows whose labels may be wrong (MetaCleaner)."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from sktech._validation import check_number
from sktech.classifiers.net import NetClassifier
from sktech.losses import cross_entropy
from sktech.modules import MLP
from sktech.sampling import ClassGroups
from sktech.training import Objective

# Units of the scoring net's hidden layer, and the learning rate of its optimiser, Adam.
_SCORING_UNITS, _SCORING_RATE = 32, 1e-3


@dataclass(kw_only=True, eq=False, repr=False)
class CleanPrototypeClassifier(NetClassifier):
    """Against wrong labels: what is classified in training is not a row, but a mean of several rows of one label.

    Where one label in three is wrong, a net learns it by heart; the mean of five rows with the same label still lies
    where that class is. It is a weighted mean: a small *scoring net*, trained at the same time, compares the rows of
    such a subset and says how much to trust each. Those with a wrong label stand apart from the others. Afterwards the
    net classifies rows one by one, like any other, and tells which of its training rows were trusted least::

        clf = CleanPrototypeClassifier().fit(X, y)
        suspects = clf.row_confidences_.argsort()[:20]

    Parameters
    ----------
    subset_size : int, default=5
        N of the paper: rows of a *noisy subset*. 1 is ordinary training; with 2 both count alike, and from 3 on
        confidences differ. More rows withstand more wrong labels, and make fewer means of a table.
    early_stopping : bool, default=False
        As in :class:`NetClassifier`, but off (see Notes).
    **params
        All other parameters of :class:`NetClassifier`, by name. A step has as many subsets as make about ``batch_size``
        rows.

    Attributes
    ----------
    row_confidences_ : ndarray of shape (n,), float64
        How far each row that was handed in last was trusted: the mean of N alpha over the subsets in which it was. 1 is
        as much as others of its label, and low is suspicious. NaN for a row that was in none: it had no weight, or all
        members held it out. Members of an ensemble do not have the attribute.
    classes_, net_, n_members_, history_, n_iter_, n_features_in_, feature_names_in_
        As in :class:`NetClassifier`.

    Raises
    ------
    ValueError, TypeError, FloatingPointError
        As in :class:`NetClassifier`; and from ``fit``, if ``y`` holds probabilities, as a subset is of one label, or if
        the net's output is not that of its last layer.

    Notes
    -----
    With f_1, ..., f_N the features of a subset (what the net's last layer sees) and m their mean, the confidences
    are alpha = softmax of g((f_n - m)^2) over the subset, the square taken of each unit; g is the scoring net. The
    clean prototype is sum of alpha_n f_n, and its cross-entropy with the subset's label is what net and scoring net
    minimise.

    Early stopping looks at the log-loss of rows one by one, and their labels are as wrong as the others. A net that was
    trained on means is too sure of single rows long before it predicts best, so that the epoch it stops at is far too
    early: in trials with two in five labels wrong it cost a quarter of the accuracy.

    It pays where many labels are wrong. Beside a net that learns from rows at a learning rate of its own choice it had
    the higher accuracy with two labels in five wrong, none with one in five, and 0.036 less with none. Unweighted means
    did as well in accuracy, and the probability that the fitted net gives a row's label ranked rows better than
    confidences did (``benchmarks/results/clean_prototypes.md``).

    A ``sample_weight`` of k is k copies of the row, of which each may be drawn. An epoch draws as many rows as there
    are to learn from, each about once. Each call of ``fit`` or ``partial_fit`` starts with a new scoring net.

    Departures from the paper: its scoring net sees the features of a subset one after the other, and gives N numbers;
    this one sees each row beside the mean, so that the order of rows does not matter and equal rows are trusted alike
    (rows with their mean in other forms were tried, and told less). And classes are drawn in proportion to the weight
    of their rows, not alike, so that probabilities keep to how frequent classes are; ``class_weight="balanced"`` draws
    them alike.

    References
    ----------
    W. Zhang, Y. Wang and Y. Qiao, "MetaCleaner: Learning to Hallucinate Clean Representations for Noisy-Labeled Visual
    Recognition", CVPR 2019, section 3 (*noisy weighting* and *clean hallucinating*)

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import CleanPrototypeClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> y[:10] = 2  # wrong
    >>> clf = CleanPrototypeClassifier(random_state=0).fit(X, y)
    >>> bool(clf.row_confidences_[:10].mean() < 0.5 * clf.row_confidences_[10:].mean())
    True
    """

    subset_size: int = field(default=5, kw_only=False)
    early_stopping: bool = False
    net: object = None

    _draws_its_own_rows = True

    def _check_params(self):
        super()._check_params()
        check_number("subset_size", self.subset_size, int, 1)

    def _training_sampler(self, copies, rows, length=None):
        if rows.labels.proba is not None:
            raise ValueError("y: expected labels, as rows are drawn by their label, got probabilities")
        n_rows = np.count_nonzero(copies, axis=-1).max()
        n_subsets = max(round(self._rows_per_step(n_rows) / self.subset_size), 1)
        n_steps = -(-n_rows // (n_subsets * self.subset_size))
        copies, codes = copies[0] if self.n_members_ == 1 else copies, rows.data.y.numpy()
        return ClassGroups(copies, codes, self.subset_size, n_subsets, n_steps, rows.label_weight)

    def _make_objective(self, rows):
        return CleanPrototypes(self.subset_size, len(rows.copies), partial(self._keep_confidences, rows.origin))

    def _keep_confidences(self, origin, confidences):
        if origin is not None:
            self.row_confidences_ = np.append(confidences, np.nan)[origin]


class CleanPrototypes(Objective):
    """Classifies means of subsets, weighted by confidences of a scoring net that is trained by its own optimiser.

    Parameters
    ----------
    subset_size : int
        A step is made of subsets of so many rows of one class.
    n_rows : int
        Rows of the training data.
    keep : callable
        Called at the end with the mean confidence of each row, (n_rows,), NaN for one that was never drawn.
    """

    def __init__(self, subset_size, n_rows, keep):
        super().__init__()
        self.subset_size = subset_size
        self.keep = keep
        self.scoring_net = None
        self.register_buffer("sums", torch.zeros(n_rows, dtype=torch.float64))
        self.register_buffer("draws", torch.zeros(n_rows, dtype=torch.float64))

    def rows(self, forward, batch):
        subsets = forward.features(batch.X).unflatten(-2, (-1, self.subset_size))
        confidences = self.confidences(subsets)
        prototypes = (confidences.unsqueeze(-2) @ subsets).squeeze(-2)
        loss = cross_entropy(forward.head(prototypes), batch.y[..., :: self.subset_size])
        drawn, values = batch.rows.flatten(), self.subset_size * confidences.detach().double().flatten()
        self.sums.index_add_(0, drawn, values)
        self.draws.index_add_(0, drawn, torch.ones_like(values))
        return loss.repeat_interleave(self.subset_size, dim=-1)

    def confidences(self, subsets):
        """alpha of each row, (..., n_subsets, N), given features (..., n_subsets, N, n_units)."""
        apart = (subsets - subsets.mean(-2, keepdim=True)).square()
        if self.scoring_net is None:  # now it is known what the net's features look like
            n_members = len(subsets) if subsets.ndim == 4 else None
            self.scoring_net = MLP(subsets.shape[-1], 1, (_SCORING_UNITS,), n_members=n_members).to(subsets)
            self.optimizer = torch.optim.Adam(self.scoring_net.parameters(), lr=_SCORING_RATE)
        scores = self.scoring_net(apart.flatten(-3, -2)).view(subsets.shape[:-1])
        return scores.softmax(-1)

    def after_step(self, forward):
        self.optimizer.step()
        self.optimizer.zero_grad()

    def finish(self, module):
        self.keep((self.sums / self.draws).cpu().numpy())
