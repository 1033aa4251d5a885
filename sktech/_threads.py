"""How many threads a small net should use: one, and so should any net in a forked process.

A step of a small net lasts less than a millisecond. Waking a second thread for it gains 5 to 27 % on a quiet machine
and costs 10 to 100 times the whole fit beside a busy neighbour, because OpenMP's threads spin while they wait for
each other.

A fork copies one thread only, and OpenMP waits for ever for those that it had in the parent. So torch has one thread in
a process that was forked after this module was imported, as in the workers of its ``DataLoader``.
"""

import os
import threading
from contextlib import contextmanager

import torch

# Multiplications of one forward pass (parameters x rows) above which torch may use all the threads it was given: a
# pass that takes tens of milliseconds on one core. Below it, one thread.
MANY_MULTIPLICATIONS = 2**27


@contextmanager
def suitable_threads(module, n_rows):
    """Limits torch to one thread inside the block if the module is small; the caller's setting is restored.

    torch keeps the number per thread, so that a block here does not slow down other threads that use torch already; a
    thread whose first use of torch falls into the block starts with one.

    Parameters
    ----------
    module : torch.nn.Module
        Its parameters are counted.
    n_rows : int
        Rows that pass through the module at once.
    """
    multiplications = n_rows * sum(parameter.numel() for parameter in module.parameters())
    before = torch.get_num_threads()
    if multiplications > MANY_MULTIPLICATIONS or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def in_this_thread(hook):
    """A hook of a module for the passes of the thread that makes it: those of others go by as if it were not there.

    Parameters
    ----------
    hook : callable

    Returns
    -------
    hook : callable
        Returns None in other threads.
    """
    own = threading.get_ident()

    def hook_of_one(*args):
        return hook(*args) if threading.get_ident() == own else None

    return hook_of_one


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))
