"""Control-C is for the process that was started, not for those that it starts."""

import signal
import threading
from contextlib import contextmanager


@contextmanager
def interrupts_stay_here():
    """Processes started inside the block ignore SIGINT, which a terminal sends to all of them.

    They would print a traceback each, in the middle of what the first one still has to say; it ends them itself. An
    interrupt that comes while the block runs, which should be short, is ignored here too. Only the main thread of a
    process may say what a signal does: in another one nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
