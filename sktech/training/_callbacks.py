"""What callbacks of skorch's say to a training: where they listen, and that it may end."""

import traceback

from skorch.callbacks import Callback, EarlyStopping


class StopTraining(KeyboardInterrupt):
    """Raised by a callback to end the training quietly, with the net as it is (skorch understands it too)."""


def listens(callback, hook):
    """Whether a callback has a hook of its own."""
    own = getattr(callback, "__dict__", {})
    return hook in own or getattr(type(callback), hook, None) is not getattr(Callback, hook)


def ends_quietly(interrupt):
    """Whether a KeyboardInterrupt is a callback's way to end the training, and no interruption."""
    if isinstance(interrupt, StopTraining):
        return True
    *_, (frame, _) = traceback.walk_tb(interrupt.__traceback__)
    raiser = frame.f_locals.get("self")
    return isinstance(raiser, EarlyStopping) and raiser.misses_ == raiser.patience
