"""The order in which nets learn the rows of a table: recorded while many of them train, and drawn."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from joblib import effective_n_jobs
from sklearn.base import clone
from sklearn.utils.parallel import Parallel, delayed

from sktech._random import draw_seed, spawn_seed
from sktech._streams import get_state, replayed
from sktech._validation import (
    check_choice,
    check_labels,
    check_number,
    check_same_kind,
    check_table,
    check_targets,
    check_weights,
)
from sktech.classifiers._average import scores
from sktech.classifiers._members import fit_members
from sktech.classifiers._others import fitted, last_step
from sktech.classifiers.net import NetClassifier
from sktech.inspection._axes import check_axes, new_axes
from sktech.inspection._nets import evaluation
from sktech.inspection.agreement import accessibility, overdispersion
from sktech.modules import count_members
from sktech.training import Objective
from sktech.training.net import PREDICTED_ROWS

# Rows per pass of each net, at least, where many nets predict side by side.
_FEW_ROWS = 128


def learning_order(
    estimator,
    X,
    y,
    n_estimators=16,
    *,
    sample_weight=None,
    X_test=None,
    y_test=None,
    random_state=None,
    n_jobs=None,
    verbose=0,
):
    """Trains many nets that differ in their seeds alone, and records which rows they are right about after each epoch.

    ::

        order = learning_order(NetClassifier(n_members=1), X, y, n_jobs=2)
        first_learned = np.argsort(-order.accessibility)

    Nets learn easy rows first, and all of them the same ones. A row that is learned late, or never, is hard, rare or
    mislabelled. Rows that nothing is learned from (``X_test``) are not remembered, but understood or not.

    Parameters
    ----------
    estimator : net of sktech's, classifier with ``staged_predict``, or a pipeline that ends in one
        Cloned, with seeds of its own. ``NetClassifier(n_members=1)`` is one plain net; that of a committee is the
        answer of all its members together. The stages of a boosting are its epochs; it has to draw random numbers, as
        otherwise all are the same. What comes before in a pipeline is fitted once, and
        training rows are recorded as its ``fit_transform`` leaves them.
    X : data frame or array-like of shape (n_train, n_features)
    y : array-like of shape (n_train,)
        Labels of any one type.
    n_estimators : int, default=16
        N in the paper. 16 plain nets, on a table of 10,000 rows and 50 columns, take less than a minute of one core.
    sample_weight : array-like of shape (n_train,), default=None
        Non-negative; what rows weigh in the training. Each row is recorded alike.
    X_test : data frame or array-like of shape (n_test, n_features), default=None
        Rows to record that nothing is learned from; None records the training rows.
    y_test : array-like of shape (n_test,), default=None
        Their labels.
    random_state : None, int or numpy.random.RandomState, default=None
        Of the seeds.
    n_jobs : None or int, default=None
        Processes that share the work.
    verbose : int, default=0
        1 prints a line per epoch of nets that train side by side.

    Returns
    -------
    order : LearningOrder

    Raises
    ------
    TypeError
        If the estimator is none of these: what wraps a net or holds many has no epochs of its own.
    ValueError
        If the data are not as described, or a row to record has no label.

    Notes
    -----
    All nets learn from all rows for the same number of epochs: early stopping, and with it the choice of the best
    epoch, is switched off. One that ends early all the same (a callback, a boosting without errors left) keeps its last
    answers. Nets train side by side where that is possible and faster; the answers to the recorded rows are added up
    after each epoch, and no net's are kept. Recording changes nothing in the training: each net is, to the last bit,
    what it is without.

    That nets share an order does not say that there is something to learn: the paper finds none with random labels, but
    nets on small tables memorise these in a common order, too (``benchmarks/results/learning_order.md``).

    References
    ----------
    G. Hacohen, L. Choshen and D. Weinshall, "Let's Agree to Agree: Neural Networks Share Classification Order on Real
    Datasets", ICML 2020, section 2, https://arxiv.org/abs/1905.10854

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import NetClassifier
    >>> from sktech.inspection import learning_order
    >>> X, y = load_iris(return_X_y=True)
    >>> order = learning_order(NetClassifier(n_members=1, max_epochs=6), X, y, 5, random_state=0)
    >>> order.consistency.shape
    (6, 150)
    >>> bool(order.accessibility[y == 0].mean() > order.accessibility[y == 1].mean())  # setosa is easy
    True
    """
    check_number("n_estimators", n_estimators, int, 1)
    model = last_step(estimator)
    is_net = isinstance(model, NetClassifier)
    if isinstance(model, type) or not (is_net or hasattr(model, "staged_predict")):
        raise TypeError(
            "estimator: expected a net of sktech's, such as NetClassifier(n_members=1), a classifier with "
            f"staged_predict, or a pipeline that ends in one, got {model!r}"
        )
    labels = check_targets(model, X, y, unlabeled=is_net and model._learns_unlabeled())
    if not is_net and (labels.proba is not None or len(labels.classes) < 2):
        raise ValueError(f"y: expected labels of at least two classes, got {labels.classes.tolist()}")
    codes = _watched_codes(model, labels, X_test, y_test)
    weight, seed = check_weights(X, sample_weight), draw_seed(random_state)
    if model is not estimator and len(estimator) > 1:
        steps = clone(estimator[:-1])
        X = steps.fit_transform(X, y)
        X_test = None if X_test is None else steps.transform(X_test)
    groups = np.array_split(np.arange(n_estimators), min(effective_n_jobs(n_jobs), n_estimators))
    recorded = Parallel(n_jobs)(
        delayed(_record_nets if is_net else _record_stages)(
            model,
            (X, labels, weight),
            X if X_test is None else X_test,
            [spawn_seed(seed, k) for k in group],
            _Votes(len(labels.classes), codes, group, n_estimators, verbose),
        )
        for group in groups
    )
    n_epochs = max(map(len, recorded))
    votes = sum(np.concatenate([own, np.repeat(own[-1:], n_epochs - len(own), axis=0)]) for own in recorded)
    right = votes[:, np.arange(len(codes)), codes] * (codes >= 0)
    return LearningOrder(right / n_estimators, votes.max(axis=-1) / n_estimators, n_estimators)


@dataclass(eq=False)
class LearningOrder:
    """What many nets, or other classifiers, answered after each epoch; see :func:`learning_order`.

    Parameters
    ----------
    consistency : ndarray of shape (n_epochs, n)
        Share of the classifiers that are right about each row.
    consensus : ndarray of shape (n_epochs, n)
        Share of the classifiers that give the most frequent answer.
    n_estimators : int
        How many classifiers.
    """

    consistency: np.ndarray
    consensus: np.ndarray
    n_estimators: int

    @property
    def accessibility(self):
        """How early, and by how many, each row is learned, (n,): the mean of its consistency over the epochs."""
        return accessibility(self.consistency)

    @property
    def accuracy(self):
        """Mean accuracy of the classifiers, (n_epochs,): the mean consistency."""
        return self.consistency.mean(axis=1)

    @property
    def overdispersion(self):
        """How much more the consistencies of each epoch vary than those of independent classifiers, (n_epochs,); see
        :func:`sktech.inspection.overdispersion`."""
        return overdispersion(self.consistency, self.n_estimators)


def _watched_codes(model, labels, X_test, y_test):
    """For each row to record the number of its class, (n,); -1 where the classifiers do not know it."""
    if (X_test is None) != (y_test is None):
        names = ("X_test", "y_test") if y_test is None else ("y_test", "X_test")
        raise ValueError(f"{names[1]}: expected what belongs to {names[0]}, got None")
    if X_test is None:
        if not labels.labeled.all():
            raise ValueError(
                "y: expected a label for each row that is recorded, got -1, which is a row without one: hand in X_test "
                "and y_test"
            )
        return labels.codes
    classes, codes = check_labels(model, X_test, y_test)
    check_same_kind(y=labels.classes, y_test=classes)
    return np.where(np.isin(classes, labels.classes), np.searchsorted(labels.classes, classes), -1)[codes]


class _Votes:
    """How many of some classifiers give each answer, epoch by epoch.

    Parameters
    ----------
    n_classes : int
    codes : ndarray of shape (n,), int
        The right answers.
    group : ndarray of shape (n_in_group,), int
        The numbers of these classifiers, counted from 0.
    n_estimators : int
        How many there are, with those of other groups.
    verbose : int
    """

    def __init__(self, n_classes, codes, group, n_estimators, verbose):
        self.codes, self.number, self.n_estimators, self.verbose = codes, group[0], n_estimators, verbose
        self.counts = []
        # Last answers of those that have ended, which they keep while others go on.
        self.last = np.zeros((len(codes), n_classes), np.min_scalar_type(n_estimators))

    def add(self, epoch, answers):
        """Counts what further classifiers answer after an epoch, (n_further, n) numbers of classes."""
        if epoch == len(self.counts):
            self.counts.append(self.last.copy())
        _count(self.counts[epoch], answers)

    def finish(self, n_epochs, answers):
        """Their last answers, after so many epochs, are those to come."""
        for counts in [*self.counts[n_epochs:], self.last]:
            _count(counts, answers)
        self.number += len(answers)

    def tell(self, epoch, answers):
        if self.verbose:
            which = f"{self.number + 1} to {self.number + len(answers)} of {self.n_estimators}"
            accuracy = (answers == self.codes).mean()
            print(f"learning order of {which}: epoch {epoch + 1}, accuracy {accuracy:.4f}", flush=True)


def _count(counts, answers):
    for own in answers:
        counts[np.arange(len(counts)), own] += 1


def _record_stages(model, table, X, seeds, votes):
    """Counts of answers, (n_epochs, n, n_classes), of classifiers that were fitted in stages."""
    X_train, labels, weight = table
    for seed in seeds:
        clf = fitted(model, X_train, labels.classes[labels.codes], weight, seed, every_state=True)
        for stage, predicted in enumerate(clf.staged_predict(X)):
            answers = np.searchsorted(labels.classes, predicted)[None]
            votes.add(stage, answers)
        votes.tell(stage, answers)
        votes.finish(stage + 1, answers)
    return np.stack(votes.counts)


def _record_nets(model, table, X, seeds, votes):
    """Counts of answers, (n_epochs, n, n_classes), of nets that are watched while they train."""
    X_train, labels, weight = table
    nets = [clone(model).set_params(random_state=seed, early_stopping=False) for seed in seeds]
    shares = np.broadcast_to(weight, (len(nets), len(weight)))
    fit_members(nets, X_train, labels, weight, shares, extra=partial(_Recorder, nets[0], X, votes))
    return np.stack(votes.counts)


class _Recorder(Objective):
    """Counts what nets that train together answer after each epoch; adds nothing to what is minimised.

    Parameters
    ----------
    estimator : NetClassifier
        One of those that the nets belong to, which has read the table.
    X : data frame or array-like of shape (n, n_features)
        The rows to ask for.
    votes : _Votes
    """

    def __init__(self, estimator, X, votes):
        super().__init__()
        Z = estimator._reader.transform(check_table(estimator, X, reset=False))
        self.inputs = torch.from_numpy(estimator._encoder.transform(Z, estimator.dtype))
        self.classes, self.members = estimator._trained, estimator.n_members_
        self.gives_proba = getattr(estimator.net, "criterion", None) is torch.nn.NLLLoss
        self.votes, self.epoch = votes, 0

    def end_epoch(self, module):
        device = next(module.parameters()).device
        n_rows = max(PREDICTED_ROWS // (count_members(module) or 1), _FEW_ROWS)
        with evaluation(module), torch.no_grad(), replayed(get_state(device), device):
            answers = [self._answers(module(X.to(device))) for X in self.inputs.split(n_rows)]
        self.answers = self.classes[torch.cat(answers, dim=-1).cpu().numpy()]
        self.votes.add(self.epoch, self.answers)
        self.votes.tell(self.epoch, self.answers)
        self.epoch += 1

    def _answers(self, output):
        """The class that each net finds most probable, (n_nets, n); that of a committee in the mean of its members."""
        logits = output.log() if self.gives_proba else output
        members = () if self.members == 1 else (self.members,)
        nets = logits.reshape(-1, *members, *logits.shape[-2:])
        return torch.stack([scores(own).argmax(dim=-1) for own in nets])

    def finish(self, module):
        self.votes.finish(self.epoch, self.answers)


class LearningOrderDisplay:
    """Histograms of the consistency: how many rows are known by how many of the nets, epoch by epoch.

    Of real labels most rows are known by nearly none of the nets or by nearly all, and learning moves them from one
    side to the other. Nets that learned in orders of their own would make one hill that wanders.

    Parameters
    ----------
    order : LearningOrder
        Of :func:`learning_order`.

    Attributes
    ----------
    order : LearningOrder
    histograms : ndarray of shape (n_epochs, n_estimators + 1)
        Share of the rows that 0, 1, ..., n_estimators of the classifiers are right about, after each epoch.
    phases : ndarray of shape (4,), int
        Epochs, counted from 0, after which the mean accuracy has gone none, one third, two thirds and all of its way
        from the first epoch to its highest.
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.inspection import LearningOrder, LearningOrderDisplay
    >>> consistency = np.array([[0.0, 0.0, 0.5, 1.0], [0.5, 0.5, 1.0, 1.0]])  # of two nets, two epochs, four rows
    >>> LearningOrderDisplay(LearningOrder(consistency, np.ones((2, 4)), n_estimators=2)).histograms
    array([[0.5 , 0.25, 0.25],
           [0.  , 0.5 , 0.5 ]])
    """

    def __init__(self, order):
        self.order, n = order, order.n_estimators
        right = np.rint(order.consistency * n).astype(int)
        self.histograms = np.stack([np.bincount(own, minlength=n + 1) / len(own) for own in right])
        accuracy = order.accuracy
        goals = accuracy[0] + (accuracy.max() - accuracy[0]) * np.arange(4) / 3
        self.phases = (accuracy >= np.minimum(goals, accuracy.max())[:, None]).argmax(axis=1)

    @classmethod
    def from_estimator(cls, estimator, X, y, *, kind="phases", ax=None, **options):
        """Trains many nets and draws in which order they learn the rows.

        Parameters
        ----------
        estimator, X, y
            As for :func:`learning_order`.
        kind : "phases" or "epochs", default="phases"
            As for ``plot``.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        **options
            Others of :func:`learning_order`, such as ``X_test``.

        Returns
        -------
        display : LearningOrderDisplay
        """
        check_choice("kind", kind, ["phases", "epochs"])
        check_axes(ax)
        return cls(learning_order(estimator, X, y, **options)).plot(ax=ax, kind=kind)

    def plot(self, ax=None, *, kind="phases"):
        """Draws the histograms.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        kind : "phases" or "epochs", default="phases"
            The histograms of the four phases over each other; or those of all epochs side by side as an image, with the
            mean accuracy as a line.

        Returns
        -------
        self : LearningOrderDisplay
        """
        check_choice("kind", kind, ["phases", "epochs"])
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.figure
        n, n_epochs = self.order.n_estimators, len(self.order.consistency)
        edges = (np.arange(n + 2) - 0.5) / n
        if kind == "phases":
            for i, epoch in enumerate(dict.fromkeys(self.phases.tolist())):
                label = f"epoch {epoch + 1}, accuracy {self.order.accuracy[epoch]:.2f}"
                self.ax_.stairs(self.histograms[epoch], edges, label=label, color=f"C{i}", fill=True, alpha=0.25)
                self.ax_.stairs(self.histograms[epoch], edges, color=f"C{i}")
            self.ax_.legend()
            self.ax_.set(xlabel="consistency: share of classifiers that are right", ylabel="share of rows")
        else:
            shares = np.ma.masked_equal(self.histograms.T, 0)
            image = self.ax_.pcolormesh(np.arange(n_epochs + 1) + 0.5, edges, shares, norm="log")
            self.figure_.colorbar(image, ax=self.ax_, label="share of rows")
            self.ax_.plot(np.arange(n_epochs) + 1, self.order.accuracy, color="red", label="accuracy")
            self.ax_.legend(loc="lower right")
            self.ax_.set(xlabel="epoch", ylabel="consistency")
        return self
