"""A training whose numbers stop being finite has failed."""

import math
import warnings

import torch


def checked(net, loss, prefix, batch, step):
    """The loss, if the training can go on with it."""
    if math.isfinite(loss):
        return loss
    output = step["y_pred"][0] if isinstance(step["y_pred"], tuple) else step["y_pred"]
    if isinstance(net.criterion_, torch.nn.NLLLoss) and torch.isfinite(output).all() and (output < 0).any():
        # The logarithm of what is no probability: a wrong pair of module and criterion, not a training that
        # diverged.
        warnings.warn(
            "NLLLoss takes the logarithm of what the module returns: expected probabilities, got negative numbers. "
            "End the module with a softmax, or use criterion=torch.nn.CrossEntropyLoss",
            stacklevel=2,
        )
        return loss
    raise _not_finite(net, loss, prefix, batch)


def _not_finite(net, loss, prefix, batch):
    which = {"train": "training", "valid": "validation"}.get(prefix, prefix) + " loss"
    last = next(reversed(list.__getitem__(net.history, -1)["batches"]), {})
    losses = last.get(prefix + "_losses", torch.zeros(0))  # where several nets stand side by side
    lost = (torch.nonzero(~torch.isfinite(losses)).flatten() + 1).tolist()
    if lost:
        which += f" of net{'s' if len(lost) > 1 else ''} {', '.join(map(str, lost))} of {len(losses)}"
    return FloatingPointError(
        f"the {which} became {loss} in epoch {len(net.history)}, batch {batch}: try a smaller learning rate "
        f"(lr={net.lr} now), and scale the inputs to about unit size"
    )


def check_parameters(net):
    """Raises FloatingPointError if a parameter is not finite."""
    for _, parameter in net.get_all_learnable_params():
        if not torch.isfinite(parameter).all():
            raise _not_finite(net, math.nan, "train", list.__getitem__(net.history, -1).get("train_batch_count"))
