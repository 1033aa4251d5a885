"""An epoch without the overhead of skorch's."""

import torch
from skorch.dataset import get_len

from sktech.modules import count_members
from sktech.training._finite import checked
from sktech.training.batches import Batch


def run_lean_epoch(net, iterator, training, prefix, step_fn, **fit_params):
    """skorch's own epoch, with hooks only for those who listen."""
    beginners, enders = net._listeners("on_batch_begin"), net._listeners("on_batch_end")
    # Reading a loss waits for the GPU: once per epoch will do if nobody looks earlier.
    readers = [callback for callback in beginners + enders if getattr(callback, "reads_losses", True)]
    reads_late = net.device != "cpu" and not readers
    batches = list.__getitem__(net.history, -1)["batches"]
    number, unread = 0, []
    for number, batch in enumerate(iterator, 1):
        record = {}
        batches.append(record)
        for callback in beginners:
            callback.on_batch_begin(net, batch=batch, training=training)
        step = step_fn(batch, **fit_params)
        if reads_late:
            unread.append((number, record, step["loss"].detach()))
        else:
            record[prefix + "_loss"] = checked(net, step["loss"].item(), prefix, number, step)
        record[prefix + "_batch_size"] = _batch_size(batch)
        if enders:
            batch, step = _shown(net, batch, step)
        for callback in enders:
            callback.on_batch_end(net, batch=batch, training=training, **step)
    if unread:
        losses = torch.stack([loss for _, _, loss in unread]).tolist()
        for (late, record, _), loss in zip(unread, losses, strict=True):
            record[prefix + "_loss"] = checked(net, loss, prefix, late, step)
    net.history.record(prefix + "_batch_count", number)


def _shown(net, batch, step):
    """A step of a committee as callbacks see it: the rows of all members as rows of one table, each predicted by
    its member."""
    n_members = count_members(net.module_)
    if n_members is None or not isinstance(batch, Batch):
        return batch, step
    X, y = (part if batch.rows.ndim == 2 else part.expand(n_members, *part.shape) for part in batch)
    flat = Batch((X.flatten(0, 1), y.flatten(0, 1)), batch.rows, batch.weight, batch.progress)
    return flat, step | {"y_pred": step["y_pred"].flatten(0, 1)}


def _batch_size(batch):
    if isinstance(batch, Batch):
        return batch.n_rows
    return get_len(batch[0]) if isinstance(batch, (tuple, list)) else get_len(batch)
