"""Learning rates that change in the course of a training: functions of its progress."""

from skorch.callbacks import Callback

WARM_UP = 0.1


def linear(progress):
    """From 0.1 up to 1 in the first tenth of the training, then down to 0, along straight lines.

    Parameters
    ----------
    progress : float
        Steps done / steps planned, in [0, 1).

    Returns
    -------
    factor : float
        What the learning rate is multiplied by.

    Examples
    --------
    >>> from sktech.training.schedules import linear
    >>> linear(0.0), linear(0.1), linear(1.0)
    (0.1, 1.0, 0.0)
    """
    return 0.1 + 0.9 * progress / WARM_UP if progress < WARM_UP else (1 - progress) / (1 - WARM_UP)


class LearningRateSchedule(Callback):
    """Multiplies the learning rate of each parameter group by a function of the progress, step by step.

    Parameters
    ----------
    schedule : callable
        ``schedule(progress)`` -> factor, with the progress in [0, 1) over the epochs of one training.
    """

    reads_losses = False  # a callback that says so does not make a GPU wait for each of them

    def __init__(self, schedule):
        self.schedule = schedule

    def on_train_begin(self, net, **kwargs):
        self.rates = [group["lr"] for group in net.optimizer_.param_groups]

    def on_batch_begin(self, net, batch=None, training=False, **kwargs):
        if training:
            factor = self.schedule(batch.progress)
            for group, rate in zip(net.optimizer_.param_groups, self.rates, strict=True):
                group["lr"] = rate * factor

    def on_train_end(self, net, **kwargs):
        for group, rate in zip(net.optimizer_.param_groups, self.rates, strict=True):
            group["lr"] = rate
