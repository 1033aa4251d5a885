"""What classes read while they take a state or arguments from a file: it is looked at before they do.

An attribute is only put down, whatever it is. But where a class turns one into an array, walks along it or calls it
while it loads, an object made for the purpose would be asked for memory that is not its own, for ever, or for a call.
"""

from functools import partial
from types import NoneType

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import DistanceMetric
from sklearn.metrics._dist_metrics import PyFuncDistance32, PyFuncDistance64
from sklearn.neighbors import BallTree, KDTree
from sklearn.tree._tree import Tree

from sktech.persistence._error import ModelFileError
from sktech.persistence._names import FUNCTIONS

# Names under which numpy and torch look for the address of numbers, on whatever object they are given.
ADDRESSES = frozenset(["__array_interface__", "__array_struct__", "__cuda_array_interface__"])
_ARGUMENTS = (NoneType, bool, int, float, str, np.generic, np.ndarray, DistanceMetric, type, partial, *FUNCTIONS)
_CALLING = (PyFuncDistance32, PyFuncDistance64)


def is_numbers(value):
    """Whether it is an array without Python objects."""
    return type(value) is np.ndarray and not value.dtype.hasobject


def _is_text_or_missing(value):
    return value is None or type(value) is str


def _is_numbers_or_missing(value):
    return value is None or is_numbers(value)


def _is_dict(value):
    return isinstance(value, dict)


def _are_tensors(value):
    return type(value) is list and all(isinstance(one, torch.Tensor) for one in value)


def _are_groups(value):
    return type(value) is list and all(type(group) is dict and _are_tensors(group.get("params")) for group in value)


def _are_lists_of_names(value):
    return type(value) is list and all(type(names) is list and all(type(n) is str for n in names) for names in value)


# Of classes that take a dictionary: what may stand in it under the names that they read at once; None is a missing one.
_READ = {
    BaseEstimator: {"_sklearn_version": _is_text_or_missing},
    IsotonicRegression: {"X_thresholds_": _is_numbers_or_missing, "y_thresholds_": _is_numbers_or_missing},
    TreePredictor: {"nodes": is_numbers},
    torch.nn.Module: {},
    torch.nn.RNNBase: {"_all_weights": _are_lists_of_names, "all_weights": lambda value: value is None},
    torch.optim.Optimizer: {"defaults": _is_dict, "state": _is_dict, "param_groups": _are_groups},
}
# What of it they copy.
_COPIED = {
    IsotonicRegression: ("X_thresholds_", "y_thresholds_"),
    TreePredictor: ("nodes",),
    Tree: ("nodes", "values"),
}


def check_state(obj, state):
    """Refuses a state that a known class would follow beyond what stands in the file.

    Parameters
    ----------
    obj : object
        Of a known class with a way of its own to take a state.
    state : object

    Returns
    -------
    copied : list of ndarray
        Arrays that it copies, and that only one object can therefore have.

    Raises
    ------
    ModelFileError
    """
    if hasattr(obj, "__dict__"):
        read = {name: is_right for kind in _READ if isinstance(obj, kind) for name, is_right in _READ[kind].items()}
        is_right = type(state) is dict or (type(state) in (list, tuple) and not isinstance(obj, tuple(_READ)))
        is_right = is_right and all(is_right_(state.get(name)) for name, is_right_ in read.items())
    elif isinstance(obj, Tree):
        is_right = type(state) is dict and state["node_count"] == len(state["nodes"])
    else:  # in C: it expects what it says itself
        own = obj.__getstate__()
        is_right = type(state) is type(own) is tuple and len(state) == len(own)
        is_right = is_right and all(map(_is_alike, state, own))
    if not is_right:
        raise ModelFileError(f"expected a state of {type(obj).__name__}, got another one")
    names = next((names for kind, names in _COPIED.items() if isinstance(obj, kind)), ())
    return [state[name] for name in names if name in state]


def _is_alike(part, own):
    if type(own) is np.ndarray:
        return type(part) is np.ndarray and part.dtype == own.dtype and part.ndim == own.ndim
    return own is None or type(part) is type(own)


def check_arguments(kind, args, is_trusted):
    """Refuses arguments that a known class should not be called with.

    Parameters
    ----------
    kind : type
    args : list
    is_trusted : callable
        Of a function: whether the user has named it.

    Returns
    -------
    copied : list of ndarray
        Arrays that it copies, and that only one object can therefore have.

    Raises
    ------
    ModelFileError
    """
    is_right = all(isinstance(arg, _ARGUMENTS) and not _has_objects(arg) for arg in args)
    if kind is Tree:  # it gets memory for as many outputs as it is told
        is_right = is_right and len(args) == 3 and args[2] == len(args[1])
    elif kind in (KDTree, BallTree):  # it is grown anew, which calls a distance of the user's
        is_right = is_right and len(args) == 4 and is_numbers(args[0]) and isinstance(args[2], DistanceMetric)
        is_right = is_right and (not isinstance(args[2], _CALLING) or is_trusted(args[2].__getstate__()[3]))
    elif kind.__name__ == "Index":  # pandas'
        is_right = is_right and len(args) == 4 and is_numbers(args[0]) and args[0].ndim == 1
        is_right = is_right and type(args[1]) is str and args[2] is False and isinstance(args[3], str | None)
    if not is_right:
        raise ModelFileError(f"expected what a {kind.__name__} is made of, got something else")
    return args[:1] if kind.__name__ == "Index" else []


def _has_objects(arg):
    return isinstance(arg, np.ndarray) and not is_numbers(arg)


def check_mask(data, mask, fill_value):
    """Refuses parts of a masked array that numpy would have to make arrays of."""
    is_right = type(data) is np.ndarray and isinstance(fill_value, (NoneType, bool, int, float, str, np.generic))
    if type(mask) is np.ndarray and is_right:
        is_right = mask.shape == data.shape and mask.dtype == np.ma.make_mask_descr(data.dtype)
    elif is_right:
        is_right = mask is np.ma.nomask
    if not is_right:
        raise ModelFileError("expected the numbers, the mask and the filling of a masked array, got something else")
