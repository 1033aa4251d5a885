"""random_state -> seeds, and a place where torch's generators may be used freely.

scikit-learn hands out randomness through ``random_state``; torch and many users' modules draw from torch's
process-wide generators. These two functions bridge the gap without a trace: whoever draws random numbers before and
after a fit sees the same stream as if the fit had not happened.
"""

import os
import threading
from contextlib import contextmanager
from numbers import Integral

import numpy as np
import torch
from sklearn.utils import check_random_state

_SEED_LIMIT = 2**31 - 1


def process_lock():
    """A lock for what only one thread may do at a time; its thread may take it again, a forked process finds it free.

    It is one of Python's own, as an interruption could come before the ``__exit__`` of a class written in Python.
    """
    lock = threading.RLock()
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)
    return lock


_TORCH_GENERATORS = process_lock()  # torch's generators belong to the process: one seeded training at a time


def draw_seed(random_state):
    """One seed from a scikit-learn ``random_state``.

    Parameters
    ----------
    random_state : None, int or numpy.random.RandomState
        An int gives the same seed every time, a RandomState is advanced by one draw, and None asks the operating
        system (not numpy's global generator, which stays untouched).

    Returns
    -------
    seed : int
        In [0, 2**31 - 1).
    """
    if random_state is None:
        return int(np.random.SeedSequence().generate_state(1)[0]) % _SEED_LIMIT
    return int(check_random_state(random_state).randint(_SEED_LIMIT))


def spawn_seed(seed, *path):
    """The seed of one purpose among several, such as ``spawn_seed(seed, BATCH_ORDER, n_epochs_done)``.

    Parameters
    ----------
    seed : int
        A seed as given by :func:`draw_seed`.
    *path : int
        Non-negative numbers that name the purpose. Different paths give independent seeds.

    Returns
    -------
    seed : int
        In [0, 2**31 - 1).
    """
    if not all(isinstance(step, Integral) and step >= 0 for step in path):
        raise ValueError(f"a seed's path is made of non-negative integers, got {path!r}")
    return int(np.random.SeedSequence(seed, spawn_key=path).generate_state(1)[0]) % _SEED_LIMIT


@contextmanager
def seeded_torch(seed, device="cpu"):
    """Torch's global generators, seeded inside the block and as they were after it.

    The generators are shared by all threads, so that only one block at a time runs in a process.

    Parameters
    ----------
    seed : int
        Seeds the generator of the CPU and, if ``device`` is a CUDA device, that device's.
    device : str or torch.device, default="cpu"
        The device that the block draws random numbers on.
    """
    device = torch.device(device)
    devices = []
    if device.type == "cuda":
        devices = [torch.cuda.current_device() if device.index is None else device.index]
    with _TORCH_GENERATORS, torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        for index in devices:
            with torch.cuda.device(index):
                torch.cuda.manual_seed(seed)
        yield
