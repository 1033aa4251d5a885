"""Tasks -> records, wherever a backend has them done and whatever happens to one of them."""

from functools import partial
from itertools import islice
from queue import SimpleQueue

from sktech.experiment.errors import InputError
from sktech.experiment.interrupt import interrupts_wait
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
    for suspect in suspects:
        for task, future in _finished([suspect], backend):
            yield task, record_of(task, status=_KILLED) if _died(future, backend) else future.result()


def _finished(tasks, backend):
    """Each task with its future, when that is done."""
    tasks, n_under_way, done = iter(tasks), 0, SimpleQueue()
    while True:
        for task in islice(tasks, max(0, backend.n_workers() - n_under_way)):
            future = backend.submit(task)
            n_under_way += 1
            with interrupts_wait():
                future.add_done_callback(partial(_tell, done, task))
        if not n_under_way:
            return
        yield done.get()  # the only place where a run waits, and an interrupt can do no harm
        n_under_way -= 1


def _tell(done, task, future):
    done.put((task, future))


def _died(future, backend):
    if future.cancelled():  # by nobody here
        raise InputError("the cluster was lost")
    return isinstance(future.exception(), backend.DEATHS)
