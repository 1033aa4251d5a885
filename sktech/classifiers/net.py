"""NetClassifier: a neural net that scikit-learn cannot tell from its own classifiers."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNetClassifier

from sktech._compat import CallbackSupportMixin, with_callbacks
from sktech._random import draw_seed, seeded_torch, spawn_seed
from sktech._threads import suitable_threads
from sktech._undo import all_or_nothing
from sktech._validation import check_choice, check_number, check_sequence, check_table
from sktech.classifiers._average import log_probabilities, probabilities, scores
from sktech.classifiers._best import BestEpochs
from sktech.classifiers._build import check_module, check_net, embeds, feed, learning, make_net
from sktech.classifiers._earlier import go_on_from
from sktech.classifiers._holdout import stratified_holdout
from sktech.classifiers._progress import EpochTasks
from sktech.classifiers._read import read_rows
from sktech.classifiers._recipe import Recipe
from sktech.sampling import MemberRows
from sktech.table import TableEncoder
from sktech.training import LearningRateSchedule, Objective
from sktech.training.net import PREDICTED_ROWS
from sktech.training.schedules import linear

# What a seed is spawned for.
HOLDOUT, BATCHES, TRAINING = range(3)


@dataclass(kw_only=True, eq=False, repr=False)
class NetClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):
    """Neural nets as a classifier for tables: data frames in, probabilities out, and no preprocessing step needed.

    By default a committee of small nets is trained at once, side by side in one module. Each holds out other rows,
    keeps the weights of its best epoch there, and the probabilities are averaged. Numbers are scaled robustly and
    embedded piecewise linearly, categories become indicators or learned vectors, missing values are allowed
    everywhere, and a level that was not seen in training is no error.

    Parameters
    ----------
    net : None, torch.nn.Module class or skorch.NeuralNetClassifier, default=None
        None is the built-in :class:`sktech.modules.TableNet`. A class (or another callable) makes a module that
        returns logits of shape (n, n_classes) for inputs of shape (n, n_features_in); if its signature names
        ``n_features_in`` and ``n_classes``, it is told, and so for what describes inputs to embed (``bin_edges``,
        ``n_plain`` and ``n_levels``, as in ``TableNet``). An unfitted skorch net brings its own ``lr``, ``max_epochs``,
        ``batch_size``, ``optimizer`` and ``device``, to be set as ``net__lr`` and so on; ``weight_decay`` and
        ``lr_schedule`` do not apply to it.
    n_members : "auto" or int, default="auto"
        Nets in the committee; 1 is one plain net. "auto" is 4, or 8 with fewer than 1,000 distinct training rows, where
        nets are cheap and differ most; and 1 for a ``net`` of yours. Members of a module of yours run through
        ``torch.vmap``.
    hidden_layer_sizes : sequence of int, default=(128, 128)
        Units of each hidden layer of the built-in module.
    numeric_embedding : "piecewise_linear", "periodic" or None, default="piecewise_linear"
        How the built-in module sees numbers of more than two values: :class:`sktech.modules.PiecewiseLinearEmbedding`,
        :class:`sktech.modules.PeriodicEmbedding`, or as they are, as in tables of more than 256 such columns.
    dropout : float or "jumpout", default=0.1
        Share of the built-in module's hidden units that is silenced in each step, in [0, 1); or
        :class:`sktech.modules.Jumpout`.
    lr : float, default=0.01
        Highest learning rate.
    lr_schedule : "linear", None or callable, default="linear"
        "linear" rises to ``lr`` in the first tenth of the training and falls to 0 at ``max_epochs``; None is ``lr``
        throughout, as ``partial_fit`` has it and callbacks that set the rate need it; a callable maps the progress in
        [0, 1) to a factor of ``lr``.
    weight_decay : float, default=0.03
        For optimisers that know it.
    max_epochs : int, default=32
        Passes over the training rows, at most.
    batch_size : "auto" or int, default="auto"
        Rows per step of each member; -1 for all. "auto" is 128; in smaller tables the power of two, at least 8,
        that makes about 20 steps an epoch, in larger ones that which makes about 400, at most 512.
    optimizer : torch.optim.Optimizer class, default=torch.optim.AdamW
    early_stopping : bool, default=True
        Each member holds out rows and gets the weights of its epoch with the lowest weighted log-loss there. Training
        stops when no member has improved for ``patience`` epochs.
    validation_fraction : float, default=0.1
        Share of the rows of each class that a member holds out, in (0, 1); members hold out different ones. Copies of a
        row may part ways, and a row whose weight is a whole number counts as so many copies (see Notes).
    patience : int, default=16
        Epochs without improvement that early stopping waits.
    class_weight : None, "balanced" or dict of label to float, default=None
        Multiplies the weights of the rows. "balanced" gives each class the same total weight (in
        ``partial_fit``, among the rows of each call).
    categorical_features : "from_dtype", None, or array-like of bool, int or str, default="from_dtype"
        Which columns are categories: those of a data frame that hold strings, categories or objects; none; or the
        given ones.
    callbacks : list of skorch callbacks, default=None
        Called as skorch would; they see class numbers instead of labels, and in each batch the rows of all members.
    dtype : "float32" or "float64", default="float32"
        What the net computes in.
    device : str, default="cpu"
        Where the net trains and predicts, such as "cuda".
    warm_start : bool, default=False
        Whether ``fit`` goes on from the present net (for ``max_epochs`` more) instead of a new one.
    merge_identical_rows : bool, default=True
        Make one row of identical rows, adding their weights, and order rows by content before training. Then a weight
        of k is exactly k copies, and the order of the rows does not matter. It takes about 0.2 s for 200,000 rows of
        30 columns.
    random_state : None, int or numpy.random.RandomState, default=None
        Same seed, same data: same model, to the last bit, in any thread or process of one machine (see Notes). The
        global generators of torch and numpy are left as they were, also with None.
    verbose : int, default=0
        1 prints a line per epoch.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    net_ : sktech.TensorNet
        The trained net; it knows the classes that had weight, as numbers. With members, its parameters and its logits
        have a leading member axis.
    n_members_ : int
        Nets in the committee.
    history_ : list of dict
        One record per epoch: ``epoch``, ``train_loss``, ``valid_loss`` if rows were held out (nats, means over
        members), ``train_losses`` and ``valid_losses`` (of each member, with more than one), ``dur`` (seconds), and
        what callbacks recorded.
    n_iter_ : int
        Epochs trained.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X was a data frame whose columns have strings as names.

    Raises
    ------
    ValueError, TypeError
        From ``fit``, if a parameter or the data are not as described; the message says what was expected and what
        came.
    FloatingPointError
        From ``fit``, if the loss stops being finite. Whatever was fitted before is still there.

    Notes
    -----
    A row's weight multiplies its loss; weights are scaled to mean 1 over the training rows, so that a common factor
    does not matter, except to the hold-out of early stopping: weights that are all whole numbers, or all multiples of
    the smallest, count copies there (up to 2^53). They may lie anywhere in float64's range; one below 3e-151 (2^-500)
    of the largest is none. Identical rows with different labels stay two rows. Probabilities are float32
    unless ``dtype="float64"``. A fit that fails or is interrupted leaves the model as it was before; with
    ``warm_start=True`` one interrupted by the keyboard keeps the epochs that were done, so that ``fit`` goes on.

    The same seed and data give the same model, to the last bit, in any thread, in processes started by fork or spawn,
    and with any number of torch threads, as nets use one thread on the CPU, whatever there are, where a step takes at
    most 2**27 multiplications (parameters x rows, of all members together; so do predictions, for 2,048 rows). Larger
    nets use all of torch's threads; with another number of them sums may be rounded otherwise. Nothing is
    promised for another processor, another version of torch, or a GPU. A fitted model may be asked by many
    threads at once. A process that was forked has one torch thread, as more would wait for ever.

    References
    ----------
    The parts are those of Gorishniy et al. (2022, https://arxiv.org/abs/2203.05556; 2025,
    https://arxiv.org/abs/2410.24210) and Holzmüller et al. (2024, https://arxiv.org/abs/2407.04491); which of them
    earned its place was measured, see ``benchmarks/results/tabular.md``.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import NetClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> clf = NetClassifier(random_state=0).fit(X, y)
    >>> clf.predict_proba(X.iloc[:2]).shape
    (2, 3)
    >>> clf.score(X, y) > 0.9
    True
    """

    net: object = field(default=None, kw_only=False)
    n_members: object = "auto"
    hidden_layer_sizes: tuple = (128, 128)
    numeric_embedding: str = "piecewise_linear"
    dropout: object = 0.1
    lr: float = 1e-2
    lr_schedule: object = "linear"
    weight_decay: float = 0.03
    max_epochs: int = 32
    batch_size: object = "auto"
    optimizer: type = torch.optim.AdamW
    early_stopping: bool = True
    validation_fraction: float = 0.1
    patience: int = 16
    class_weight: object = None
    categorical_features: object = "from_dtype"
    callbacks: list = None
    dtype: str = "float32"
    device: str = "cpu"
    warm_start: bool = False
    merge_identical_rows: bool = True
    random_state: object = None
    verbose: int = 0

    # ------------------------------------------------------------ what a technique overrides

    def _make_objective(self, rows):
        """The objective to minimise on some Rows; a technique returns its own. The plain loss here."""
        return Objective()

    def _learns_unlabeled(self):
        """Whether rows with the label -1 are taken for rows without one; a technique that uses them says so."""
        return False

    def _training_sampler(self, copies, rows, length=None):
        """Who is in an epoch of the training, given how often each row counts, (n_members, n); a technique that needs
        others in each step returns its own, and says so by ``_draws_its_own_rows``. The rows in a random order here."""
        return self._sampler(copies, rows, length=length)

    #: Whether a technique decides who is in a step: such nets do not train side by side, nor inside others that decide.
    _draws_its_own_rows = False

    def _check_params(self):
        """Refuses parameters that make no sense; a technique adds its own."""
        check_net(self)
        check_sequence("hidden_layer_sizes", self.hidden_layer_sizes)
        for size in self.hidden_layer_sizes:
            check_number("hidden_layer_sizes", size, int, 1)
        check_choice("numeric_embedding", self.numeric_embedding, ["piecewise_linear", "periodic", None])
        check_number("dropout", self.dropout, float, 0, 1, open_high=True, others=("jumpout",))
        check_number("n_members", self.n_members, int, 1, others=("auto",))
        check_number("lr", self.lr, float, 0, np.inf, open_low=True, open_high=True)
        if not callable(self.lr_schedule):
            check_choice("lr_schedule", self.lr_schedule, ["linear", None])
        check_number("weight_decay", self.weight_decay, float, 0)
        check_number("max_epochs", self.max_epochs, int, 1)
        check_number("batch_size", self.batch_size, int, 1, others=("auto", -1))
        check_number("validation_fraction", self.validation_fraction, float, 0, 1, open_low=True, open_high=True)
        check_number("patience", self.patience, int, 1)
        check_choice("dtype", self.dtype, ["float32", "float64"])
        for name in ("early_stopping", "warm_start", "merge_identical_rows"):
            check_choice(name, getattr(self, name), [True, False])

    # ------------------------------------------------------------ fit

    def fit(self, X, y, sample_weight=None):
        """Trains the net.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)
            May hold missing values; infinity is refused.
        y : array-like of shape (n,), or array-like or data frame of shape (n, n_classes)
            Labels of any one type; or probabilities of the classes, which are then 0, 1, ..., or what the columns of a
            data frame are named after.
        sample_weight : array-like of shape (n,), default=None
            Non-negative; a weight of k is k copies of the row, 0 is none.

        Returns
        -------
        self : NetClassifier
        """
        return self._fit(X, y, sample_weight)

    @with_callbacks
    def _fit(self, X, y, sample_weight, recipe=None):
        """``fit``, perhaps by the Recipe of a technique that wraps the net."""
        self._check_params()
        data = {"X": X, "y": y, "metadata": None if sample_weight is None else {"sample_weight": sample_weight}}
        context = self._init_callback_context(max_subtasks=self._planned_epochs())
        watchers = []
        if context is not None:
            context.call_on_fit_task_begin(estimator=self, **data)
            watchers = [EpochTasks(context, self, data, lambda net: vars(self) | {"net_": net})]
        fresh = not (self.warm_start and hasattr(self, "net_"))
        with self._all_or_nothing():
            self._train(X, y, sample_weight, fresh=fresh, watchers=watchers, recipe=recipe)
            if context is not None:
                context.call_on_fit_task_end(estimator=self, **data, reconstruction_attributes=lambda: vars(self))
            return self

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Goes on with one epoch over these rows.

        Encoders are fitted on the rows of the first call, and so is what "auto" means: a number that is constant there
        is not looked at later either.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)
        y : array-like of shape (n,), or array-like or data frame of shape (n, n_classes)
            As in ``fit``.
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed in the first call.
        sample_weight : array-like of shape (n,), default=None

        Returns
        -------
        self : NetClassifier
        """
        self._check_params()
        fresh = not hasattr(self, "net_")
        if fresh and classes is None:
            raise ValueError("classes: expected all labels in the first call to partial_fit, got None")
        with self._all_or_nothing():
            self._train(X, y, sample_weight, fresh=fresh, classes=classes, n_epochs=1)
            return self

    def _all_or_nothing(self):
        """With ``warm_start`` an interrupted fit keeps the epochs that were done."""
        return all_or_nothing(
            self,
            keeps=lambda error: isinstance(error, KeyboardInterrupt) and self.warm_start and hasattr(self, "net_"),
        )

    def _train(self, X, y, sample_weight, *, fresh, classes=None, n_epochs=None, watchers=(), recipe=None):
        recipe = Recipe() if recipe is None else recipe
        rows = read_rows(self, X, y, sample_weight, fresh=fresh, classes=classes, marks=recipe.marks)
        seed, n_done = draw_seed(self.random_state), 0 if fresh else len(self.history_)
        if fresh:
            self.n_members_ = self._choose_members(len(rows.copies))
        elif self.n_members not in ("auto", self.n_members_):
            raise ValueError(f"warm_start: expected n_members={self.n_members_} as before, got {self.n_members!r}")
        if n_epochs is None:
            watchers = [*watchers, *self._watchers()]
        held_out = recipe.held_out(self, rows, seed, self.early_stopping and n_epochs is None)
        learned = rows.learned = rows.copies - held_out
        if fresh:
            encoder = TableEncoder(self._reader.n_numbers_, embeds(self.net))
            self._encoder = encoder.fit(rows.Z, rows.importance(learned.mean(axis=0)))
        rows.data = rows.tensors(self._encoder.transform(rows.Z, self.dtype))
        self._learn(
            rows.data,
            recipe.sampler(self, learned, rows),
            recipe.validation(self, held_out, rows),
            partial(recipe.objective, self, rows),
            seed,
            n_done=n_done,
            n_epochs=n_epochs,
            watchers=watchers,
        )

    def _learn(self, data, train, valid, objective, seed, *, n_done=0, n_epochs=None, watchers=()):
        """Trains a new net, or goes on from the present one where epochs are done, and keeps it."""
        with seeded_torch(spawn_seed(seed, TRAINING, n_done), self._device()), learning():
            # The net that is there is not touched: it is what remains if the training fails.
            net = make_net(self, self._encoder, len(self._trained), self.n_members_, self._choose_batch(len(train)))
            if n_done:
                go_on_from(net, self.net_)
            check_module(net, data, len(train), len(self._trained), self.n_members_)
            with suitable_threads(net.module_, len(train) if net.batch_size == -1 else net.batch_size):
                try:
                    feed(
                        net,
                        data,
                        train,
                        valid,
                        objective=objective,
                        seed=spawn_seed(seed, BATCHES, n_done),
                        callbacks=watchers,
                        n_epochs=net.max_epochs if n_epochs is None else n_epochs,
                    )
                finally:
                    self._keep(net, n_done)

    def _watchers(self):
        """Callbacks of a training from its first epoch to its last."""
        schedule, watchers = linear if self.lr_schedule == "linear" else self.lr_schedule, []
        if schedule is not None and not isinstance(self.net, NeuralNetClassifier):
            watchers.append(LearningRateSchedule(schedule))
        if self.early_stopping:
            watchers.append(BestEpochs(self.patience))
        return watchers

    def _held_out(self, rows, copies, seed, any_at_all):
        """How much of each row's copies, (n,), each member holds out, (n_members, n)."""
        held_out = np.zeros((self.n_members_, len(copies)))
        if any_at_all:
            own = np.flatnonzero(rows.labels.labeled & (copies > 0))
            codes, seed = rows.labels.codes[own], spawn_seed(seed, HOLDOUT)
            held_out[:, own] = stratified_holdout(codes, copies[own], self.validation_fraction, seed, self.n_members_)
        return held_out

    def _sampler(self, copies, rows, shuffle=True, length=None):
        """Who is in an epoch, given how often each row counts, (n_members, n); None for no row at all."""
        if not copies.any():
            return None
        copies = copies[0] if self.n_members_ == 1 else copies
        return MemberRows(copies, rows.label_weight, getattr(torch, self.dtype), shuffle, length)

    def _choose_members(self, n_rows):
        if self.n_members != "auto":
            return self.n_members
        if self.net is not None:
            return 1
        return 8 if n_rows < 1000 else 4

    def _choose_batch(self, n_rows):
        if self.batch_size != "auto":
            return self.batch_size
        # About 20 steps an epoch in a small table, 400 in a large one, and batches of 128 between.
        small, large = (2 ** round(np.log2(n_rows / n_steps)) for n_steps in (20, 400))
        return int(np.clip(large, np.clip(small, 8, 128), 512))

    def _rows_per_step(self, n_rows):
        """Of each member, given how many it learns from."""
        is_skorch = isinstance(self.net, NeuralNetClassifier)
        batch_size = self.net.batch_size if is_skorch else self._choose_batch(n_rows)
        return n_rows if batch_size == -1 else min(batch_size, n_rows)

    def _keep(self, net, n_done=0):
        """The net with the epochs it has finished, if there are more than were done before."""
        if not net.initialized_:
            return
        while net.history and "train_loss" not in net.history[-1]:
            del net.history[-1]
        if len(net.history) > n_done:
            net.module_.eval()
            dull = {"batches", "train_batch_count", "valid_batch_count", "train_loss_best", "valid_loss_best"}
            history = [{key: r[key] for key in r if key not in dull} for r in net.history.to_list()]
            vars(self).update(net_=net, history_=history, n_iter_=len(history))

    def _planned_epochs(self):
        return self.net.max_epochs if isinstance(self.net, NeuralNetClassifier) else self.max_epochs

    def _device(self):
        return self.net.device if isinstance(self.net, NeuralNetClassifier) else self.device

    # ------------------------------------------------------------ predict

    def _nets(self):
        """The nets whose probabilities make those of this estimator: what each counts, and the columns that it sees,
        None for all."""
        check_is_fitted(self)
        return [(self, 1.0, None)]

    def _inputs(self, X):
        """What the net sees of rows, chunk by chunk."""
        Z = self._reader.transform(check_table(self, X, reset=False))
        n = max(PREDICTED_ROWS // self.n_members_, 1)
        dtype = "float64" if next(self.net_.module_.parameters()).dtype == torch.float64 else "float32"
        for start in range(0, len(Z), n):
            yield torch.from_numpy(self._encoder.transform(Z[start : start + n], dtype))

    def _logits(self, chunks, function):
        """A function of the logits (..., n, n_trained_classes), row by row."""
        check_is_fitted(self)
        with suitable_threads(self.net_.module_, max(PREDICTED_ROWS // self.n_members_, 1)):
            return torch.cat([function(self.net_.logits(rows)) for rows in chunks])

    def _proba(self, chunks):
        return self._spread(self._logits(chunks, probabilities).numpy(), 0.0)

    def _spread(self, values, missing):
        """Columns of the net's classes as columns of all classes."""
        if len(self._trained) == len(self.classes_):
            return values
        spread = np.full((len(values), len(self.classes_)), missing, dtype=values.dtype)
        spread[:, self._trained] = values
        return spread

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        proba : ndarray of shape (n, n_classes), float of the net's ``dtype``
            Columns in the order of ``classes_``; 0 for a class that had no weight.
        """
        return self._proba(self._inputs(X))

    def predict_log_proba(self, X):
        """Logarithms of the probabilities, in nats, exact where the probabilities themselves round to 0.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        log_proba : ndarray of shape (n, n_classes)
            -inf for a class that had no weight.
        """
        return self._spread(self._logits(self._inputs(X), log_probabilities).numpy(), -np.inf)

    def decision_function(self, X):
        """Logits, or their difference for two classes.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        score : ndarray of shape (n, n_classes), or (n,) for two classes
            With two classes the log-odds of the second. The logits of a committee are the logarithms of its
            probabilities. A class that had no weight gets the lowest finite number.
        """
        logits = self._logits(self._inputs(X), scores).numpy()
        spread = self._spread(logits, np.finfo(logits.dtype).min)
        return spread[:, 1] - spread[:, 0] if len(self.classes_) == 2 else spread

    def predict(self, X):
        """The most probable label of each row.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        y : ndarray of shape (n,)
        """
        best = self._logits(self._inputs(X), scores).argmax(dim=-1).numpy()
        return self.classes_[self._trained][best]

    def __sklearn_is_fitted__(self):
        return hasattr(self, "net_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
