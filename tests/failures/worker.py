"""Fits in a process of its own and prints what came out, for test_processes.py.

python worker.py digest THREADS         how each small fit comes out with so many torch threads
python worker.py start METHOD           the same in this process, and then in one that it starts
python worker.py backend NAME           the same in workers of joblib's
python worker.py lock METHOD            a fit in a process that was started in the middle of one
"""

import multiprocessing
import sys
import threading

import torch
from joblib import Parallel, delayed
from small_fits import CASES, digest, table

from sktech._random import seeded_torch


def digests(names=CASES):
    X, y = table()
    return {name: digest(CASES[name]().fit(X, y), X) for name in names}


def _answer(queue, function):
    queue.put(function())


def elsewhere(method, function):
    """What a function returns in another process; None if that does not end."""
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=_answer, args=(queue, function))
    process.start()
    process.join(120)
    hangs = process.is_alive()
    process.kill()
    return None if hangs else queue.get()


def started_in_the_middle_of_a_fit(method):
    """What comes out in a process that is started while a thread of this one holds torch's generators."""
    inside, done = threading.Event(), threading.Event()

    def hold():
        with seeded_torch(0):
            inside.set()
            done.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    inside.wait()
    there = elsewhere(method, digests)
    done.set()
    thread.join()
    return there


if __name__ == "__main__":
    task, how = sys.argv[1:]
    torch.set_num_threads(2 if task != "digest" else int(how))
    if task != "digest":
        torch.randn(1000, 1000).exp().sum()  # OpenMP has threads now
    if task == "digest":
        print(digests())
    elif task == "start":
        print({"here": digests(), "there": started_in_the_middle_of_a_fit(how)})
    elif task == "backend":
        there = Parallel(n_jobs=2, backend=how)(delayed(digests)([name]) for name in CASES)
        print({"here": digests(), "there": {name: value for part in there for name, value in part.items()}})
