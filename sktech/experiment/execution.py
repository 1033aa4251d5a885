"""Tasks -> records, in this process or in several, whatever happens to one of them."""

import threading
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing

import joblib
from joblib.externals.loky import ProcessPoolExecutor

from sktech.experiment.interrupt import interrupts_stay_here
from sktech.experiment.scoring import record_of, score_fold

_KILLED = "the process was killed, perhaps because memory ran out"


def run_tasks(tasks, n_jobs=1):
    """Score tasks, and tell of each as soon as it is done: a generator.

    A process that dies takes a task with it. The tasks that were under way are then tried again, each in a process of
    its own, and the one that kills its process gets a record that says so.

    Parameters
    ----------
    tasks : iterable of Task
        Taken one by one, as processes become free; maybe in another thread.
    n_jobs : int, default=1
        Processes, as joblib counts them; 1 is this one.

    Yields
    ------
    task : Task
    record : FoldRecord
    """
    if n_jobs == 1:
        yield from ((task, score_fold(task)) for task in tasks)
        return
    waiting = _Waiting(tasks)
    while not waiting.exhausted:
        try:
            parallel = joblib.Parallel(n_jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="n_jobs")
            with interrupts_stay_here():  # the call starts the processes
                finished = parallel(waiting)
            with closing(finished):
                for number, record in finished:
                    yield waiting.under_way.pop(number), record
        except BrokenProcessPool:
            suspects, waiting.under_way = waiting.under_way, {}
            for task in suspects.values():
                yield task, _score_alone(task)


class _Waiting:
    """An iterator over calls for joblib that outlives the pool that makes them, and knows which are under way."""

    def __init__(self, tasks):
        self._tasks = enumerate(tasks)
        self._lock = threading.Lock()
        self.under_way = {}
        self.exhausted = False

    def __iter__(self):
        return self

    def __next__(self):
        with self._lock:
            try:
                number, task = next(self._tasks)
            except StopIteration:
                self.exhausted = True
                raise
            self.under_way[number] = task
        return joblib.delayed(_numbered)(number, task)


def _numbered(number, task):
    return number, score_fold(task)


def _score_alone(task):
    with interrupts_stay_here():
        pool = ProcessPoolExecutor(1)
        future = pool.submit(score_fold, task)
    try:
        return future.result()
    except BrokenProcessPool:
        return record_of(task, status=f"killed: {_KILLED}")
    finally:
        pool.shutdown(kill_workers=True)
