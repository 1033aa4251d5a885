"""Labels of training rows as numbers: certain ones, missing ones, and probabilities of a teacher."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import compute_class_weight

from sktech._weights import in_range

__all__ = ["UNLABELED", "Labels"]

# The code of a row without a label of its own.
UNLABELED = -1


@dataclass(eq=False, repr=False)
class Labels:
    """What is known of each row's class. Every net of sktech takes it as ``y``, besides labels and probabilities.

    A row may have a certain label, probabilities, both, or neither. With probabilities q, the label t and the model's
    p, the row's loss is ::

        (1 - hard_weight) T^2 CE(softmax(log(q) / T), softmax(log(p) / T)) + hard_weight CE(t, p)

    (Hinton, Vinyals and Dean, 2015, section 2). A row without a label has the first term alone, without its factor.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels that numbers stand for; they are sorted, and the rest with them.
    codes : ndarray of shape (n,), int
        Each row's label, as a position in ``classes``; -1 for a row without one.
    proba : ndarray of shape (n, n_classes), default=None
        Probabilities of the classes; None where only labels are known.
    hard_weight : float or ndarray of shape (n,), default=0.0
        Share of the certain label where there are probabilities too, in [0, 1].
    temperature : float or ndarray of shape (n,), default=1.0
        T above.

    References
    ----------
    G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015,
    https://arxiv.org/abs/1503.02531

    Examples
    --------
    >>> import numpy as np
    >>> from sktech import NetClassifier
    >>> from sktech.labels import Labels
    >>> X = np.random.default_rng(0).normal(size=(50, 3))
    >>> y = Labels(np.array(["no", "yes"]), codes=np.arange(50) % 2, proba=np.full((50, 2), 0.5), hard_weight=0.5)
    >>> NetClassifier(max_epochs=2).fit(X, y).classes_.tolist()
    ['no', 'yes']
    """

    classes: np.ndarray
    codes: np.ndarray
    proba: np.ndarray = None
    hard_weight: object = 0.0
    temperature: object = 1.0

    def __post_init__(self):
        self.classes, self.codes = np.asarray(self.classes), np.asarray(self.codes)
        n_classes = len(self.classes)
        whole = self.codes.ndim == 1 and (self.codes.dtype.kind in "iu" or not len(self.codes))
        if not whole or not ((self.codes >= UNLABELED) & (self.codes < n_classes)).all():
            raise ValueError(f"codes: expected whole numbers from -1 to {n_classes - 1}, (n,), got {self.codes}")
        if self.proba is not None:
            n, self.proba = len(self.codes), np.asarray(self.proba, dtype=np.float64)
            if self.proba.shape != (n, len(self.classes)):
                expected = (n, len(self.classes))
                raise ValueError(f"proba: expected shape {expected}, rows and classes, got {self.proba.shape}")
            if not (self.proba >= 0).all() or not np.abs(self.proba.sum(axis=1) - 1).max(initial=0) < 1e-3:
                raise ValueError("proba: expected numbers of at least 0 with sum 1 in each row, got others")
            self.hard_weight = np.where(self.labeled, _of_rows("hard_weight", self.hard_weight, n), 0.0)
            self.temperature = _of_rows("temperature", self.temperature, n)
            if not ((self.hard_weight >= 0) & (self.hard_weight <= 1)).all():
                raise ValueError("hard_weight: expected numbers in [0, 1], got others")
            if not ((self.temperature > 0) & (self.temperature < np.inf)).all():
                raise ValueError("temperature: expected positive numbers, got others")
        order = np.argsort(self.classes, kind="stable")
        if (order[:-1] > order[1:]).any():
            self.classes, self.codes = (
                self.classes[order],
                np.where(self.labeled, np.argsort(order)[self.codes], UNLABELED),
            )
            self.proba = None if self.proba is None else self.proba[:, order]

    @property
    def shape(self):
        return self.codes.shape

    def __len__(self):
        return len(self.codes)

    def __getitem__(self, rows):
        """Those of some rows."""
        if self.proba is None:
            return Labels(self.classes, self.codes[rows])
        return Labels(self.classes, self.codes[rows], self.proba[rows], self.hard_weight[rows], self.temperature[rows])

    @property
    def labeled(self):
        """Which rows have a label of their own, (n,) bool."""
        return self.codes != UNLABELED

    def mixture(self):
        """Labels and probabilities as one distribution for each row, (n, n_classes): what they say at T = 1.

        A row of which nothing is known has zeros.
        """
        certain = np.zeros((len(self), len(self.classes)))
        certain[self.labeled, self.codes[self.labeled]] = 1
        if self.proba is None:
            return certain
        # In this form equal probabilities stay what they are, to the last bit.
        soft = (1 - self.hard_weight)[:, None] * (self.proba - certain)
        return np.where(self.labeled[:, None], certain + soft, self.proba)

    def totals(self, weight):
        """Weight of each class, (n_classes,), where rows have weights (n,)."""
        if self.proba is None:
            return np.bincount(self.codes[self.labeled], weight[self.labeled], len(self.classes))
        return weight @ self.mixture()

    def keys(self, numbers=None):
        """Numbers that tell apart rows of which different things are known, (n, n_keys).

        Parameters
        ----------
        numbers : ndarray of shape (n_classes,), int, default=None
            What a net calls each class; -1 for one that it does not know, and that tells no rows apart. None for the
            positions in ``classes``.
        """
        numbers = np.arange(len(self.classes)) if numbers is None else numbers
        codes = np.where(self.labeled, numbers[self.codes], UNLABELED)
        if self.proba is None:
            return codes[:, None]
        return np.column_stack([codes, self.proba[:, numbers >= 0], self.hard_weight, self.temperature])

    def simplified(self):
        """The same labels, without probabilities where these say nothing but certain labels."""
        if self.proba is None:
            return self
        if (self.hard_weight == 1).all():
            return Labels(self.classes, self.codes)
        if (self.temperature == 1).all() and self.labeled.all():
            mixture = self.mixture()
            if (mixture.max(axis=1) == 1).all():
                return Labels(self.classes, mixture.argmax(axis=1))
        return self

    def weighted(self, class_weight, copies):
        """The effect of class weights w: they multiply the terms of the classes, sum over k of w_k q_k (-log p_k).

        A temperature acts on what they have made of the probabilities.

        Parameters
        ----------
        class_weight : None, "balanced" or dict of label to float
        copies : ndarray of shape (n,)
            How many rows each stands for.

        Returns
        -------
        labels : Labels
            Probabilities become w q / sum(w q).
        factor : ndarray of shape (n,)
            Weight of the row, sum(w q); 0 for a row of which nothing is known.

        Raises
        ------
        ValueError
            If a weight is negative or not finite.
        """
        if class_weight is None:
            known = self.labeled if self.proba is None else np.ones(len(self), dtype=bool)
            return self, known.astype(np.float64)
        if isinstance(class_weight, str) and class_weight == "balanced":
            total = self.totals(copies)
            factors = total.sum() / ((total > 0).sum() * np.where(total > 0, total, np.inf))
        else:
            factors = compute_class_weight(class_weight, classes=self.classes, y=self.classes)
            if not np.all(np.isfinite(factors) & (factors >= 0)):
                raise ValueError(f"class_weight: expected finite numbers of at least 0, got {class_weight!r}")
            factors = in_range(factors)
        certain = np.where(self.labeled, factors[self.codes], 0.0)
        if self.proba is None:
            return self, certain
        terms = self.proba * factors
        soft = terms.sum(axis=1)
        # Where the classes of the probabilities weigh nothing, the label is all there is.
        rest = np.eye(len(self.classes))[self.codes]
        proba = np.where((soft > 0)[:, None], terms / np.where(soft > 0, soft, 1.0)[:, None], rest)
        factor = (1 - self.hard_weight) * soft + self.hard_weight * certain
        share = self.hard_weight * certain / np.where(factor > 0, factor, 1.0)
        return Labels(self.classes, self.codes, proba, share, self.temperature), factor

    def numbered(self, numbers, n_classes):
        """With other numbers for the classes.

        Parameters
        ----------
        numbers : ndarray of shape (len(self.classes),), int
            The new number of each class; -1 for one that none of these rows may have.
        n_classes : int
            How many new numbers there are.

        Raises
        ------
        ValueError
            If a row has, or may have, a class without a number.
        """
        codes = np.where(self.labeled, numbers[self.codes], UNLABELED)
        strange = self.labeled & (codes == UNLABELED)
        proba = None
        if self.proba is not None:
            proba = np.zeros((len(self), n_classes))
            proba[:, numbers[numbers >= 0]] = self.proba[:, numbers >= 0]
            strange = strange & (self.hard_weight > 0) | self.proba[:, numbers < 0].any(axis=1)
        if strange.any():
            raise ValueError("y: expected labels that had weight in the first fit, got others: fit without warm_start")
        return Labels(np.arange(n_classes), codes, proba, self.hard_weight, self.temperature)


def _of_rows(name, value, n):
    """A number for each row, (n,)."""
    value = np.asarray(value, dtype=np.float64)
    if value.shape not in ((), (n,)):
        raise ValueError(f"{name}: expected one number, or one for each of {n} rows, got shape {value.shape}")
    return np.broadcast_to(value, n)
