"""The contract between a technique and the training loop.

A technique is an :class:`Objective`. It has two parts. ``rows(forward, batch)`` is what the labels say, one value per
row: every weight, given or learned, multiplies this part alone. ``penalty(forward, batch)`` needs no label and comes
already reduced. The engine
minimises ::

    sum(batch.weight * rows) / n + penalty        (summed over members, if the module has a leading member axis)

in one backward pass. ``forward`` is the module of this step (:class:`Forward`). Three lines make a technique::

    class ConfidencePenalty(Objective):
        def penalty(self, forward, batch):
            return -0.1 * torch.distributions.Categorical(logits=forward(batch.X)).entropy().mean(-1)

Give it to a net as a factory (``TensorNet(Module, objective=ConfidencePenalty)``): it is made when training begins,
moves to the net's device, and is dropped when training ends. Objectives add (``a + b``), and a :class:`Reweighter`
wraps another one.
"""

from contextlib import contextmanager
from functools import partial

import torch
from torch import nn
from torch.func import functional_call, vmap
from torch.nn.modules.batchnorm import _BatchNorm

from sktech._streams import get_state, replayed
from sktech._threads import in_this_thread
from sktech.losses import negative_log_likelihood
from sktech.modules.members import BORROWED, Members, tensor_places


class Objective(nn.Module):
    """What a training minimises. Override ``rows``, ``penalty`` or both; the hooks only where needed.

    It is a torch module, so that its state (a moving average, scores per row, a net that weighs rows) is kept in
    buffers and submodules and follows the net to its device. The engine's optimiser does not train its parameters.
    """

    def rows(self, forward, batch):
        """What the labels say, one value per row, which depends on that row's logits alone: who learns weights for rows
        relies on it (:func:`sktech.training.row_gradients`). What goes beyond is a penalty.

        Parameters
        ----------
        forward : Forward
            The module of this step.
        batch : sktech.training.Batch

        Returns
        -------
        loss : Tensor of shape (..., n), or None
            None, the default, leaves the labels to the others; if nobody speaks for them, it is
            ``forward.label_loss(batch)``.
        """

    def penalty(self, forward, batch):
        """What needs no label.

        Parameters
        ----------
        forward : Forward
        batch : sktech.training.Batch

        Returns
        -------
        penalty : Tensor of shape (...), or None
            Already reduced over rows: one number, or one per member. None, the default, is no penalty.
        """

    def begin_epoch(self, module):
        """Called before the first step of each epoch, with the module in the state in which ``end_epoch`` left it."""

    def after_step(self, forward):
        """Called after each step of the optimiser, for moving averages and the like."""

    def end_epoch(self, module):
        """Called after the last step of each epoch, before the module is validated.

        What is written into the module here is what it is judged, kept and restored by: an average of its weights, a
        head that is computed. ``begin_epoch`` may put back what the training goes on from.
        """

    def finish(self, module):
        """Called once after the last epoch, with the trained module."""

    def __add__(self, other):
        return Sum(self, other) if isinstance(other, Objective) else NotImplemented


class Sum(Objective):
    """Objectives whose parts add up."""

    def __init__(self, *terms):
        super().__init__()
        self.terms = nn.ModuleList(terms)

    def rows(self, forward, batch):
        return _add(term.rows(forward, batch) for term in self.terms)

    def penalty(self, forward, batch):
        return _add(term.penalty(forward, batch) for term in self.terms)

    def begin_epoch(self, module):
        for term in self.terms:
            term.begin_epoch(module)

    def after_step(self, forward):
        for term in self.terms:
            term.after_step(forward)

    def end_epoch(self, module):
        for term in self.terms:
            term.end_epoch(module)

    def finish(self, module):
        for term in self.terms:
            term.finish(module)


def _add(parts):
    parts = [part for part in parts if part is not None]
    return sum(parts[1:], parts[0]) if parts else None


class Reweighter(Objective):
    """Multiplies the rows of another objective by weights; a subclass says which.

    Parameters
    ----------
    inner : Objective, default=None
        Whose rows are weighted; None for the plain loss. Its penalty is left as it is.

    Raises
    ------
    TypeError
        If ``inner`` holds a Reweighter: the derivatives that learned weights need do not nest.
    """

    def __init__(self, inner=None):
        super().__init__()
        self.inner = Objective() if inner is None else inner
        if any(isinstance(part, Reweighter) for part in self.inner.modules()):
            raise TypeError(
                f"{type(self).__name__} weighs the rows of an objective that does not weigh rows itself, "
                f"got {type(self.inner).__name__}, which holds a Reweighter"
            )

    def weights(self, forward, batch, rows):
        """Weights (..., n) of the batch's rows, given the inner objective's rows (..., n)."""
        raise TypeError(f"{type(self).__name__} does not say how it weighs rows: define weights(forward, batch, rows)")

    def rows(self, forward, batch):
        rows = label_rows(self.inner, forward, batch)
        return self.weights(forward, batch, rows) * rows

    def penalty(self, forward, batch):
        return self.inner.penalty(forward, batch)

    def begin_epoch(self, module):
        self.inner.begin_epoch(module)

    def after_step(self, forward):
        self.inner.after_step(forward)

    def end_epoch(self, module):
        self.inner.end_epoch(module)

    def finish(self, module):
        self.inner.finish(module)


def label_rows(objective, forward, batch):
    """The rows of an objective, (..., n), or the plain loss where it has none."""
    rows = objective.rows(forward, batch)
    return forward.label_loss(batch) if rows is None else rows


def backward(objective, forward, batch):
    """Adds the gradients of one step's loss to the parameters.

    The loss, ``sum(weight * rows) / n + penalty``, is never formed as a scalar to differentiate: the weights are what
    the backward pass starts from, which saves a small net a twentieth of its step.

    Parameters
    ----------
    objective : Objective
    forward : Forward
    batch : sktech.training.Batch

    Returns
    -------
    loss : Tensor of shape (...), detached
        One number, or one per member.

    Raises
    ------
    RuntimeError
        If the objective never asked for ``forward(batch.X)``, the one pass that trains BatchNorm's statistics.
    ValueError
        If ``rows`` is not one value per row, or ``penalty`` is not reduced over them.
    """
    rows = label_rows(objective, forward, batch)
    n = batch.n_rows
    if rows.shape[-1:] != (n,):
        name, shape = type(objective).__name__, tuple(rows.shape)
        raise ValueError(f"{name}.rows gives one value per row: expected shape (..., {n}), got {shape}")
    penalty = objective.penalty(forward, batch)
    if not forward.counted:
        raise RuntimeError(
            f"{type(objective).__name__} never called forward(batch.X): expected one counted pass per step, got none"
        )
    share = torch.full_like(rows, 1 / n) if batch.weight is None else (batch.weight / n).to(rows.dtype).expand_as(rows)
    loss = torch.linalg.vecdot(rows.detach(), share)
    if penalty is not None and penalty.ndim >= rows.ndim:
        name, shape = type(objective).__name__, tuple(penalty.shape)
        raise ValueError(f"{name}.penalty is reduced over rows: expected shape {tuple(rows.shape[:-1])}, got {shape}")
    parts = [(rows, share)] if penalty is None else [(rows, share), (penalty, torch.ones_like(penalty))]
    parts = [part for part in parts if part[0].requires_grad]  # from others there is nothing to learn
    if parts:
        torch.autograd.backward(*map(list, zip(*parts, strict=True)))
    if penalty is None:
        return loss
    return loss + penalty.detach() / (1 if penalty.ndim else loss.numel())


class _Losses:
    """What follows from the logits, ``self(X)``."""

    def log_proba(self, X):
        """Log-probabilities of shape (..., n, n_classes)."""
        return torch.log_softmax(self(X), dim=-1)

    def label_loss(self, batch):
        """The plain loss of each row, (..., n): cross-entropy with its label, or with what it has instead of one.

        A technique that changes the loss builds on this one, so that it works with probabilities as labels too.

        Parameters
        ----------
        batch : sktech.training.Batch
        """
        log_proba = self.log_proba(batch.X)
        if batch.soft is None:
            return negative_log_likelihood(log_proba, batch.y)
        return batch.soft.loss(log_proba, batch.y)


class Forward(_Losses):
    """The module of one training step, as an objective sees it.

    ``forward(batch.X)`` is the counted pass: it runs once, however often it is asked for, and it alone updates the
    buffers (BatchNorm's statistics). Every other pass works on copies of the buffers and replays the random state of
    the counted one, so that dropout is the same in both.

    Parameters
    ----------
    module : torch.nn.Module
    X : Tensor
        The batch's inputs, known by identity.
    to_logits : callable, default=None
        Turns the module's output into logits; None where it is logits.

    Attributes
    ----------
    module : torch.nn.Module
    output : Tensor or None
        What the module returned in the counted pass.
    counted : bool
        Whether the objective asked for the counted pass.
    """

    def __init__(self, module, X, to_logits=None):
        self.module = module
        self.output = None
        self.counted = False
        self._X = X
        self._to_logits = to_logits
        self._logits = None
        self._answers = {}
        self._features = None
        self._random_state = None

    @property
    def params(self):
        """The trainable parameters by name."""
        return {name: value for name, value in self.module.named_parameters() if value.requires_grad}

    def __call__(self, X):
        """Logits of shape (..., n, n_classes)."""
        if X is self._X:
            self.counted = True
            self._count()
            return self._logits
        return self.at({})(X)

    def log_proba(self, X):
        """Log-probabilities of shape (..., n, n_classes)."""
        return self._once("log_proba", X, X)

    def label_loss(self, batch):
        return self._once("label_loss", batch.X, batch)

    def _once(self, name, X, asked):
        """A method's answer, kept where it belongs to the counted pass."""
        answer = getattr(super(), name)
        if X is not self._X:
            return answer(asked)
        if name not in self._answers:
            self._answers[name] = answer(asked)
        return self._answers[name]

    def features(self, X):
        """What the module's last layer sees, (..., n, n_features): ``forward(X) ==
        forward.head(forward.features(X))``.

        The last layer is ``module.head``, or the module's last ``Linear``.

        Raises
        ------
        TypeError
            If the module's output is not that layer's output.
        """
        if X is self._X:
            self.counted = True
            if self.output is None:
                self._random_state = get_state(self._X.device)
                self.output, self._features = _output_and_features(self.module, lambda: self.module(self._X))
                self._logits = self._as_logits(self.output)
            if self._features is None:  # the counted pass came first, unwatched: the same again, without counting
                self._features = self.at({}).features(X)
            return self._features
        return self.at({}).features(X)

    def head(self, h):
        """Logits from features."""
        return self._as_logits(_run_layer(self.module, last_layer(self.module), h))

    def at(self, params):
        """The same module at other parameters: a function of X with ``features`` and ``head``.

        Parameters
        ----------
        params : dict of str to Tensor
            Values for some or all of the parameters; the others stay. Dual numbers and ``torch.func.vmap`` work
            through it.

        Returns
        -------
        forward : callable
            ``forward(X)``, ``forward.log_proba(X)``, ``forward.features(X)`` and ``forward.head(h)``; none counts.
        """
        self._count()  # its random state is the one to replay
        return _Elsewhere(self, params)

    def _count(self):
        if self.output is None:
            self._random_state = get_state(self._X.device)
            self.output = self.module(self._X)
            self._logits = self._as_logits(self.output)

    def _as_logits(self, output):
        return output if self._to_logits is None else self._to_logits(output)


class _Elsewhere(_Losses):
    """A module at other parameters and with copies of its buffers."""

    def __init__(self, forward, params):
        self._forward = forward
        self._params = params

    def __call__(self, X):
        return self._forward._as_logits(self._run(X))

    def _run(self, X):
        module = self._forward.module
        parameters, buffers = tensor_places(module)
        given = {value: self._params[name] for name, value in module.named_parameters() if name in self._params}
        state = {name: given.get(value, value) for name, value in parameters.items()}
        state |= {name: value.clone() for name, value in buffers.items()}
        with replayed(self._forward._random_state, X.device), _no_statistics(module):
            return functional_call(module, state, (X,), tie_weights=False)

    def features(self, X):
        return _output_and_features(self._forward.module, lambda: self._run(X))[1]

    def head(self, h):
        module = self._forward.module
        layer = last_layer(module)
        prefix = next(name for name, part in module.named_modules() if part is layer)
        own = {
            name.removeprefix(prefix).lstrip("."): value
            for name, value in self._params.items()
            if name.startswith(prefix)
        }
        return self._forward._as_logits(_run_layer(module, layer, h, own))


def last_layer(module):
    """``module.head`` where it is a module, else the last ``Linear`` that the module holds; that of each member, with
    the parameters of all, where a module was not written for members.

    Raises
    ------
    TypeError
        If there is neither.
    """
    module = module.module if isinstance(module, Members) else module
    head = getattr(module, "head", None)
    if isinstance(head, nn.Module):
        return head
    layers = [part for part in module.modules() if isinstance(part, nn.Linear)]
    if not layers:
        raise TypeError(
            f"the features of a module are what its last layer sees: expected an attribute 'head' or a Linear, "
            f"got {type(module).__name__} with neither"
        )
    return layers[-1]


def module_features(module, X):
    """What the last layer of a module sees, by a plain pass of the module; see :meth:`Forward.features`.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode where nothing random is wanted.
    X : Tensor of shape (n, n_inputs)

    Returns
    -------
    features : Tensor of shape (n, n_features), or (n_members, n, n_features)

    Raises
    ------
    TypeError
        If the module's output is not that layer's output.
    """
    with BORROWED:  # nobody copies a module that is watched
        return _output_and_features(module, lambda: module(X))[1]


@contextmanager
def _no_statistics(module):
    """BatchNorm as in training, but without its running statistics: vmap cannot update them in place."""
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm) and part.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def _output_and_features(module, run):
    """What a pass returns, and what the last layer saw in it.

    Parameters
    ----------
    module : torch.nn.Module
    run : callable
        Makes the pass.

    Raises
    ------
    TypeError
        If the output is not that layer's.
    """
    layer, calls, fits = last_layer(module), [], []
    inner = module.module if isinstance(module, Members) else module

    def begin(*_):
        calls.clear()

    def watch(_, inputs, output):
        calls.append((inputs[0], output))

    def end(_, inputs, output):
        fits.append(len(calls) == 1 and output is calls[0][1])
        # What one of many members sees exists in its pass alone; it gets out in the place of the output.
        return calls[0][0] if fits[-1] and inner is not module else None

    hooks = [inner.register_forward_pre_hook(in_this_thread(begin))]
    hooks += [layer.register_forward_hook(in_this_thread(watch)), inner.register_forward_hook(in_this_thread(end))]
    try:
        output = run()
    finally:
        for hook in hooks:
            hook.remove()
    if not all(fits):
        raise TypeError(
            f"the features of a module are what its last layer sees: expected {type(inner).__name__} to return the "
            f"output of {type(layer).__name__}, its head or the last one defined, called once; it was called "
            f"{len(calls)} time(s), and what is returned is something else"
        )
    return (output, calls[0][0]) if inner is module else (_run_layer(module, layer, output), output)


def _run_layer(module, layer, h, parameters=None):
    """The output of a module's last layer, perhaps at other parameters, for features h."""
    if isinstance(module, Members):
        run = vmap(partial(functional_call, layer, tie_weights=False), randomness="different")
        with BORROWED:
            own, buffers = tensor_places(layer)
            return run(own | buffers | (parameters or {}), (h,))
    return layer(h) if parameters is None else functional_call(layer, parameters, (h,))
