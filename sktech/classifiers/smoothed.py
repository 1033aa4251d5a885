"""SmoothedNetClassifier: nets that are kept from being too sure of their labels."""

from dataclasses import dataclass, field

import numpy as np

from sktech.classifiers.net import NetClassifier
from sktech.smoothing import (
    Bootstrapping,
    ConfidencePenalty,
    DisturbLabel,
    LabelSmoothing,
    SmoothingTerm,
    TrainingTable,
    VirtualAdversarial,
)
from sktech.training import Objective

_NAMED = {
    "confidence_penalty": ConfidencePenalty,
    "label_smoothing": LabelSmoothing,
    "bootstrapping": Bootstrapping,
    "disturb_label": DisturbLabel,
    "virtual_adversarial": VirtualAdversarial,
}


@dataclass(kw_only=True, eq=False, repr=False)
class SmoothedNetClassifier(NetClassifier):
    """:class:`NetClassifier` with output regularisers: against over-confidence, wrong labels, or a lack of labels.

    Parameters
    ----------
    smoothing : str, SmoothingTerm or list of them, default="confidence_penalty"
        What is added to the loss; terms of a list add up. One of :mod:`sktech.smoothing`, or its name, for its
        defaults: "confidence_penalty", "label_smoothing", "bootstrapping", "disturb_label", "virtual_adversarial".
    **params
        All parameters of :class:`NetClassifier`, by name.

    Attributes
    ----------
    classes_, net_, n_members_, history_, n_iter_, n_features_in_, feature_names_in_
        As in :class:`NetClassifier`.

    Raises
    ------
    ValueError, TypeError, FloatingPointError
        As in :class:`NetClassifier`.

    Notes
    -----
    A grid reaches the parameters of a term, such as ``smoothing__strength``, where ``smoothing`` is an object; names
    and lists go into a grid as a whole.

    With :class:`sktech.smoothing.VirtualAdversarial`, and only with it, rows with the label -1 are taken for rows
    without a label, which are learned from, too; they are not held out for early stopping. Beside a single other label
    -1 is a class like any other, and so it is if ``partial_fit`` is told. ``score`` knows no such rows.

    Early stopping looks at the plain log-loss of the rows held out, whatever is minimised.

    For self-distillation, which smooths by an earlier net's predictions, see ``generations`` of
    :class:`sktech.DistilledClassifier`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sktech import SmoothedNetClassifier
    >>> from sktech.smoothing import ConfidencePenalty, LabelSmoothing
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedNetClassifier([LabelSmoothing(0.05), ConfidencePenalty(0.1)], random_state=0).fit(X, y)
    >>> clf.score(X, y) > 0.9
    True
    >>> grid = {"smoothing__strength": [0.03, 0.3]}
    >>> search = GridSearchCV(SmoothedNetClassifier(ConfidencePenalty(), max_epochs=2), grid, cv=2).fit(X, y)
    >>> sorted(search.best_params_)
    ['smoothing__strength']
    """

    smoothing: object = field(default="confidence_penalty", kw_only=False)
    net: object = None

    def _terms(self):
        terms = self.smoothing if isinstance(self.smoothing, list | tuple) else [self.smoothing]
        return [_NAMED[term]() if isinstance(term, str) and term in _NAMED else term for term in terms]

    def _check_params(self):
        super()._check_params()
        for term in self._terms():
            if not isinstance(term, SmoothingTerm):
                raise ValueError(
                    f"smoothing: expected {', '.join(map(repr, _NAMED))}, an object of sktech.smoothing, or a list of "
                    f"those, got {term!r}"
                )
            term.check()

    def _learns_unlabeled(self):
        return any(term.uses_unlabeled for term in self._terms())

    def _make_objective(self, rows):
        totals = rows.totals()
        shares = np.zeros((*totals.shape[:-1], len(self.classes_)))
        shares[..., self._trained] = totals / totals.sum(axis=-1, keepdims=True)
        table = TrainingTable(shares, self._trained, len(self._encoder.n_levels_))
        return sum((term.make(table) for term in self._terms()), _Plain())


class _Plain(Objective):
    def rows(self, forward, batch):
        return forward.label_loss(batch)
