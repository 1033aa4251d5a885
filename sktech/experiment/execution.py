"""Tasks -> records, wherever a backend has them done and whatever happens to one of them."""

from concurrent.futures import FIRST_COMPLETED, wait
from itertools import islice

from sktech.experiment.errors import InputError
from sktech.experiment.scoring import record_of

_KILLED = "killed: the process was killed, perhaps because memory ran out"


def run_tasks(tasks, backend):
    """Have tasks scored, and tell of each as soon as it is done: a generator.

    A process that dies takes its own task with it, and on some clusters those that were to come next. Such a task is
    tried again when all others are done and it has the machines for itself; if that kills its process too, it gets a
    record that says so.

    Parameters
    ----------
    tasks : iterable of Task
        Taken one by one, as there is room for them.
    backend : backend
        From :func:`sktech.experiment.backends.open_backend`.

    Yields
    ------
    task : Task
    record : FoldRecord

    Raises
    ------
    InputError
        If a cluster is lost.
    """
    suspects = []
    for task, future in _finished(tasks, backend):
        if not _died(future, backend):
            yield task, future.result()
        else:
            suspects.append(task)
    for task in suspects:
        future = backend.submit(task)
        yield task, record_of(task, status=_KILLED) if _died(future, backend) else future.result()


def _finished(tasks, backend):
    """Each task with its future, when that is done."""
    tasks, under_way = iter(tasks), {}
    while True:
        room = max(0, backend.n_workers() - len(under_way))
        under_way |= {backend.submit(task): task for task in islice(tasks, room)}
        if not under_way:
            return
        for future in wait(under_way, return_when=FIRST_COMPLETED).done:
            yield under_way.pop(future), future


def _died(future, backend):
    wait([future])
    if future.cancelled():  # by nobody here
        raise InputError("the cluster was lost")
    return isinstance(future.exception(), backend.DEATHS)
