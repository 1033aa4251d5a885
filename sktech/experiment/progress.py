"""How far a comparison is and how long it still takes: a live line in a terminal, now and then a line elsewhere."""

import sys
import time
from collections import Counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as LiveBar

_SECONDS_BETWEEN_LINES = 15


class Progress:
    """Shows on stderr what is finished; use it as a context.

    The remaining time is the elapsed time, scaled by the work that is left: the mean time of each model's finished
    folds, times the folds it has left. It is good once all models have had a fold, however different they are.

    Parameters
    ----------
    planned : dict of (str, str) to int
        Fits per table and model.
    enabled : bool, default=True
        False shows nothing.
    """

    def __init__(self, planned, enabled=True):
        self._left = Counter(planned)
        self._total = self._left.total()
        self._finished, self._work = Counter(), Counter()
        self._reused_work = 0.0
        self._enabled = enabled
        self._start = self._spoke_at = time.monotonic()
        console = Console(stderr=True)
        self._bar = None
        if enabled and console.is_terminal:
            columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn("{task.description}"))
            self._bar = LiveBar(*columns, console=console, transient=True)

    def __enter__(self):
        if self._bar:
            self._bar.start()
            self._task = self._bar.add_task("fits of models to folds", total=self._total)
        return self

    def __exit__(self, *_):
        if self._bar:
            self._bar.stop()

    def advance(self, record, reused=False):
        """One more record is there; ``reused`` where it took no time now."""
        kind = record.table, record.model
        work = record.fit_seconds + record.predict_seconds if record.ok else 0
        self._left[kind] -= 1
        self._finished[kind] += 1
        self._work[kind] += work
        self._reused_work += work if reused else 0
        now = time.monotonic()
        if self._bar:
            self._bar.update(self._task, advance=1, description=f"{self.remaining()} left · {record.model} done")
        elif self._enabled and (now - self._spoke_at > _SECONDS_BETWEEN_LINES or not self._n_left()):
            self._spoke_at = now
            left = f", {self.remaining()} left" if self._n_left() else ""
            print(f"{self._total - self._n_left()} of {self._total} fits done{left}", file=sys.stderr, flush=True)

    def remaining(self):
        """The time that is left, in words."""
        done = sum(self._work.values())
        usual = done / sum(self._finished.values())
        means = {kind: self._work[kind] / n for kind, n in self._finished.items()}
        left = sum(n * means.get(kind, usual) for kind, n in self._left.items())
        done_now = done - self._reused_work
        return in_words((time.monotonic() - self._start) * left / done_now if done_now else left)

    def _n_left(self):
        return self._left.total()


def in_words(seconds):
    """A duration such as "40 s", "3 min" or "1 h 20 min".

    Parameters
    ----------
    seconds : float

    Returns
    -------
    words : str

    Examples
    --------
    >>> from sktech.experiment.progress import in_words
    >>> in_words(42), in_words(200), in_words(4800)
    ('42 s', '3 min', '1 h 20 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
