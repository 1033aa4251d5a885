"""What the units of a fitted net say to each row, layer by layer."""

from contextlib import ExitStack, contextmanager
from functools import partial

import numpy as np
import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from sktech._threads import in_this_thread
from sktech._validation import check_number
from sktech.inspection._answers import chunks
from sktech.inspection._nets import read_net
from sktech.modules import Members, count_members
from sktech.modules.members import BORROWED

_FUNCTIONS = tuple(getattr(nn, name) for name in nn.modules.activation.__all__ if name != "MultiheadAttention")


def activations(estimator, X, *, member=None):
    """The activations of each layer of a fitted net.

    Parameters
    ----------
    estimator : estimator or torch.nn.Module
        A fitted net of sktech's, what wraps one, or an ensemble of such; a skorch net; a search that has found one of
        these, or a pipeline that ends in one; a torch module, whatever it returns.
    X : data frame or array-like of shape (n, n_features)
        Rows that it predicts. For a skorch net or a module a tensor or an array of floats, of any shape (n, ...).
    member : int, default=None
        Which net of a committee or an ensemble. None puts the units of all nets side by side.

    Returns
    -------
    layers : dict of str to ndarray of shape (n, n_units)
        In the order in which they are computed, and in the net's own precision; (n, n_nets * n_units) for several nets.
        Channels and places of a layer are units alike.

    Raises
    ------
    TypeError
        If the estimator is no such model, or has no layer.
    ValueError
        If there is no such member.
    sklearn.exceptions.NotFittedError
        If the estimator is not fitted.

    Notes ----- The layers are the outputs of activation functions, such as ``torch.nn.ReLU``, and that of the last part
    with parameters that is called, as a rule the logits. They are named after the module's parts, as ``get_submodule``
    knows them: "hidden.1" is the second part of ``module.hidden``. A part that is called several times has ":2" and so
    on behind its name. In a module without such functions among its parts, as it calls them itself, the outputs of all
    parts with parameters are given. A part whose output is not one tensor (n, ...) is left out.

    The net is in evaluation mode: no dropout.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import NetClassifier
    >>> from sktech.inspection import activations
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = NetClassifier(n_members=2, hidden_layer_sizes=(32, 16), max_epochs=2, random_state=0).fit(X, y)
    >>> {name: layer.shape for name, layer in activations(clf, X).items()}
    {'mlp.hidden.1': (150, 64), 'mlp.hidden.4': (150, 32), 'mlp.head': (150, 6)}
    >>> activations(clf, X, member=1)["mlp.head"].shape
    (150, 3)
    """
    net, found = read_net(estimator, X), {}
    if member is not None:
        check_number("member", member, int, 0, len(net.weights) - 1)
    with net.evaluating(), torch.no_grad(), ExitStack() as stack:
        traces = [stack.enter_context(_traced(module)) for module in net.modules]
        for rows in chunks(net, net.points(X)):
            for trace, _ in traces:
                trace.clear()
            net.run(rows)
            for name, values in _side_by_side(traces, net.modules, rows[0].shape[-2], member).items():
                found.setdefault(name, []).append(values)
    if not found:
        names = ", ".join(sorted({type(module).__name__ for module in net.modules}))
        raise TypeError(f"estimator: expected layers that give (n, ...) for n rows, got none of them in {names}")
    return {name: np.concatenate(parts) for name, parts in found.items()}


def _parts(module):
    """The parts of a module that may be layers, by name: functions, and others that have parameters."""
    parts = {name or type(part).__name__: part for name, part in module.named_modules()}
    parts = {name: part for name, part in parts.items() if "parametrizations" not in name.split(".")}
    functions = {name: part for name, part in parts.items() if isinstance(part, _FUNCTIONS)}
    others = {
        name: part
        for name, part in parts.items()
        if name not in functions and ([*part.parameters(recurse=False)] or is_parametrized(part))
    }
    return functions, others


def _drop_inner(trace, functions):
    """Leaves functions among the layers, and the last part with parameters that was called; all where there are no
    functions."""
    called = [name for name in trace if name.split(":")[0] not in functions]
    if len(called) < len(trace):
        for name in called[:-1]:
            del trace[name]


@contextmanager
def _traced(module):
    """Keeps the outputs of a module's layers in a dict, in the order of their calls.

    What one of many members sees exists in its pass alone: its layers get out behind the columns of its output.
    """
    inner, trace, widths = module.module if isinstance(module, Members) else module, {}, []

    def note(name, _, inputs, output):
        if isinstance(output, torch.Tensor):
            calls = sum(key.split(":")[0] == name for key in trace)
            trace[f"{name}:{calls + 1}" if calls else name] = output.clone()

    def begin(*_):
        trace.clear()

    def pack(_, inputs, output):
        _drop_inner(trace, functions)
        told = {
            name: value.reshape(len(output), -1) for name, value in trace.items() if value.shape[:1] == output.shape[:1]
        }
        trace.clear()
        trace.update(dict.fromkeys(told))
        widths[:] = [value.shape[1] for value in (output, *told.values())]
        return torch.cat([output, *told.values()], dim=1)

    def unpack(_, inputs, output):
        output, *layers = output.split(widths, dim=2)
        trace.update(zip(trace, layers, strict=True))
        return output

    functions, others = _parts(inner)
    after = [(part, partial(note, name)) for name, part in (functions | others).items()]
    if inner is not module:
        after += [(inner, pack), (module, unpack)]
    with BORROWED:  # nobody copies a module that is watched
        hooks = [] if inner is module else [inner.register_forward_pre_hook(in_this_thread(begin))]
        hooks += [part.register_forward_hook(in_this_thread(hook)) for part, hook in after]
        try:
            yield trace, functions
        finally:
            for hook in hooks:
                hook.remove()


def _side_by_side(traces, modules, n, member):
    """The layers of n rows, (n, n_units) or (n, n_nets * n_units), of all nets or of one."""
    layers, first = {}, 0
    for (trace, functions), module in zip(traces, modules, strict=True):
        _drop_inner(trace, functions)
        n_members = count_members(module)
        nets = range(first, first + (n_members or 1))
        first = nets.stop
        if member is not None and member not in nets:
            continue
        chosen = slice(None) if member is None else [member - nets.start]
        for name, output in trace.items():
            if n_members and output.shape[:2] == (n_members, n):
                values = output.flatten(2)
            elif output.shape[:1] == (n,):  # the same for all members
                values = output.reshape(n, -1).expand(len(nets), -1, -1)
            else:
                continue
            layers.setdefault(name, []).append(values[chosen].transpose(0, 1).flatten(1))
    return {name: torch.cat(parts, dim=1).cpu().numpy() for name, parts in layers.items()}
