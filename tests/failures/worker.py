"""Fits in a process of its own and prints what came out, for test_processes.py.

python worker.py digest THREADS     how each small fit comes out with so many torch threads
python worker.py large THREADS      how a net comes out that is large enough for several threads
python worker.py start METHOD       the small fits in this process, and in one that it starts in the middle of a fit
python worker.py backend NAME       the small fits in this process, and in workers of joblib's
"""

import multiprocessing
import sys
import threading

import torch
from joblib import Parallel, delayed
from small_fits import CASES, digest, single, table

from sktech._random import seeded_torch


def digests(names=CASES):
    X, y = table()
    return {name: digest(CASES[name]().fit(X, y), X) for name in names}


def large():
    X, y = table(1000)
    net = single(hidden_layer_sizes=(1024, 1024), batch_size=256, max_epochs=1)
    return {torch.get_num_threads(): digest(net.fit(X, y), X)}


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


def in_workers(backend):
    parts = Parallel(n_jobs=2, backend=backend)(delayed(digests)([name]) for name in CASES)
    return {name: value for part in parts for name, value in part.items()}


if __name__ == "__main__":
    task, how = sys.argv[1:]
    if task in ("digest", "large"):
        torch.set_num_threads(int(how))
        print(digests() if task == "digest" else large())
    else:
        torch.set_num_threads(2)
        torch.randn(1000, 1000).exp().sum()  # OpenMP has threads now
        there = started_in_the_middle_of_a_fit if task == "start" else in_workers
        print({"here": digests(), "there": there(how)})
