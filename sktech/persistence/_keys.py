"""Keys of dictionaries and members of sets: those whose hash may take for ever are in no file."""

import functools

import numpy as np
import torch

from sktech.persistence._names import FUNCTIONS, is_known_class, name_of

MAX_PARTS = 1000  # of a key that is a tuple: its hash is computed each time anew
_QUICK = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    np.generic,
    np.dtype,
    torch.dtype,
    torch.device,
    range,
    type,
)
_QUICK += (functools.partial, *FUNCTIONS)
_NESTED = (tuple, frozenset, slice, np.void)


def is_quick(key):
    """Whether a key has a hash that is told at once.

    Parameters
    ----------
    key : object
        Tuples and frozensets are looked into; one inside another may share its parts many times over.
    """
    parts = key if isinstance(key, (tuple, frozenset)) else (key,)
    return len(parts) <= MAX_PARTS and all(map(_is_quick, parts))


def _is_quick(part):
    if isinstance(part, _NESTED):
        return False
    if isinstance(part, _QUICK) or type(part).__hash__ in (object.__hash__, torch.Tensor.__hash__):
        return True
    return not is_known_class(name_of(type(part)))
