"""Random numbers for nets that train side by side: each draws from a stream of its own, as if it trained alone.

Whatever is random in a training step asks :func:`draw`. Outside :func:`streams` that is torch's global generator.
Inside, the leading axis of what is drawn belongs to several nets, and each part comes from the generator of its net.
"""

import math
import threading
from contextlib import contextmanager

import torch

_LOCAL = threading.local()


@contextmanager
def streams(generators):
    """Lets nets that train side by side in this thread draw from these generators.

    Parameters
    ----------
    generators : list of torch.Generator or None
        One for each net, in the order of the nets along the leading axis; all on the device of the training. None
        stands for torch's global generator.
    """
    before, _LOCAL.generators = _current(), generators
    try:
        yield
    finally:
        _LOCAL.generators = before


def _current():
    return getattr(_LOCAL, "generators", None)


def draw(sample, shape, device):
    """Random numbers of one net, or of several with a leading axis.

    Parameters
    ----------
    sample : callable
        ``sample(shape, device=device, generator=generator)``, such as ``torch.rand``.
    shape : tuple of int
        Inside :func:`streams` the first number is a multiple of that of the streams.
    device : torch.device

    Returns
    -------
    numbers : Tensor of that shape

    Raises
    ------
    ValueError
        If the first number is no such multiple.
    """
    generators = _current()
    if generators is None:
        return sample(shape, device=device, generator=None)
    part = (shape[0] // _check_share(shape), *shape[1:])
    return torch.cat([sample(part, device=device, generator=generator) for generator in generators])


def draw_bytes(shape, device):
    """Independent uniform bytes, uint8, as :func:`draw` draws numbers: eight from each random 64-bit number.

    Parameters
    ----------
    shape : tuple of int
        Inside :func:`streams` the first number is a multiple of that of the streams.
    device : torch.device

    Returns
    -------
    bytes : Tensor of that shape

    Raises
    ------
    ValueError
        If the first number is no such multiple.
    """
    n_nets = _check_share(shape)
    n_each = math.prod(shape) // n_nets
    words = draw(_random_words, (n_nets, -(-n_each // 8)), device)
    return words.view(torch.uint8)[:, :n_each].reshape(shape)


def _random_words(shape, device, generator):
    limit = 2**63
    # The top value never comes: its probability would be 2^-64.
    return torch.randint(-limit, limit - 1, shape, device=device, generator=generator)


def _check_share(shape):
    """How many nets share the leading axis; 1 outside of streams, where it may be missing."""
    generators = _current()
    if generators is None:
        return 1
    if not shape or shape[0] % len(generators):
        raise ValueError(f"expected a leading axis shared by {len(generators)} nets, got shape {tuple(shape)}")
    return len(generators)


def run_in_streams(function, n_members, device, *, at_once=True):
    """Calls what draws from torch's global generator if it draws at all, and gives each net its own stream for it.

    Parameters
    ----------
    function : callable
        ``function(members)`` for a slice of the members; in it :func:`draw` asks the global generator, too.
    n_members : int
    device : torch.device
    at_once : bool, default=True
        Whether to try all members in one call first; its result counts if no random number was drawn.

    Returns
    -------
    results : list
        What the function returned, for slices that together are all members.
    """
    generators = _current()
    if generators is None:
        return [function(slice(0, n_members))]
    before, share = get_global_state(device), n_members // len(generators)
    try:
        with streams(None):
            if at_once:
                result = function(slice(0, n_members))
                if torch.equal(before, get_global_state(device)):
                    return [result]
            results = []
            for i, generator in enumerate(generators):
                set_global_state(generator.get_state(), device)
                results.append(function(slice(i * share, (i + 1) * share)))
                generator.set_state(get_global_state(device))
            return results
    finally:
        set_global_state(before, device)


def get_state(device):
    """The states of all generators that a training step draws from, to be given to :func:`replayed`."""
    return get_global_state(device), [generator.get_state() for generator in _current() or []]


@contextmanager
def replayed(state, device):
    """The generators at an earlier state inside the block, and where they were after it."""
    now = get_state(device)
    _set_state(state, device)
    try:
        yield
    finally:
        _set_state(now, device)


def _set_state(state, device):
    own, of_streams = state
    set_global_state(own, device)
    for generator, value in zip(_current() or [], of_streams, strict=True):
        generator.set_state(value)


def get_global_state(device):
    """The state of torch's global generator for a device."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def set_global_state(state, device):
    """Sets the state of torch's global generator for a device."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
