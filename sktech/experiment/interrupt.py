"""Control-C where it does no harm: not between the taking of a lock and its release, and not in other processes."""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def interrupts_wait():
    """An interrupt that comes while the block runs, which should be short, is raised at its end.

    Python raises KeyboardInterrupt between any two steps of the main thread, also when ``with`` has just taken a lock
    of a queue or a Future: the lock stays taken, and the thread on its other side waits for ever.

    Processes and threads that are started inside the block never get SIGINT, which a terminal sends to all processes:
    they would print a traceback each, in the middle of what the first one still has to say; it ends them itself.

    Only the main thread of a process may say what a signal does: in another one nothing is done.
    """
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is None:  # None: not set by Python
        yield
        return
    came = []
    signal.signal(signal.SIGINT, lambda *_: came.append(True))
    try:
        with _kept_from_children():
            yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _kept_from_children():
    """They inherit which signals are blocked; not so on Windows."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
