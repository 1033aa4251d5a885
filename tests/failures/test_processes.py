"""Laws of processes: a fit comes out the same, to the last bit, wherever it runs and with any number of threads."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_fits import CASES, digest

import sktech

FOLDER = Path(__file__).parent


def worker(*task, threads=None):
    """What ``worker.py`` says in a process of its own."""
    paths = [str(Path(sktech.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment |= {"PYTHONPATH": os.pathsep.join(paths)}
    if threads is not None:
        environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    command = [sys.executable, str(FOLDER / "worker.py"), *map(str, task)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout)


@pytest.fixture(scope="module")
def here(data):
    return {name: digest(case().fit(*data), data[0]) for name, case in CASES.items()}


@pytest.mark.parametrize(
    ("n_threads", "outside"),
    [(2, 4), *(pytest.param(*numbers, marks=pytest.mark.slow) for numbers in [(1, 1), (1, 4), (2, 2), (3, 1)])],
)
def test_the_number_of_threads_makes_no_difference(n_threads, outside, here):
    assert worker("digest", n_threads, threads=outside) == here


@pytest.mark.slow
def test_a_large_net_comes_out_the_same_with_the_same_number_of_threads():
    for n_threads in (1, 2):
        assert worker("large", n_threads) == worker("large", n_threads)


METHODS = ["fork", pytest.param("spawn", marks=pytest.mark.slow), pytest.param("forkserver", marks=pytest.mark.slow)]


@pytest.mark.parametrize("method", METHODS)
def test_a_process_that_was_started_makes_the_same_models(method, here):
    """Also one that was forked when torch had used several threads and another thread was in the middle of a fit."""
    assert worker("start", method) == {"here": here, "there": here}


@pytest.mark.parametrize("backend", ["multiprocessing", "loky"])
@pytest.mark.slow
def test_workers_of_joblib_make_the_same_models(backend, here):
    assert worker("backend", backend) == {"here": here, "there": here}
