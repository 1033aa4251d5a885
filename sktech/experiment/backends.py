"""Where fits are done: in this process, in others of this machine, or on a cluster of Dask or Ray.

A backend takes a task and gives a ``concurrent.futures.Future`` of its record. The words are joblib's, but not its
``Parallel``: with Ray that cannot tell of a result before all are there, and with Dask it waits for ever for a task
whose worker was killed.
"""

import importlib
import logging
import os
import socket
import threading
import time
import warnings
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from multiprocessing import resource_tracker
from urllib.parse import urlsplit

from joblib import effective_n_jobs
from joblib.externals.loky import ProcessPoolExecutor

from sktech.experiment.errors import InputError, one_line
from sktech.experiment.interrupt import interrupts_wait
from sktech.experiment.scoring import score_fold
from sktech.experiment.shared import mapped_table, mapped_tables

BACKENDS = ("loky", "dask", "ray")
_SECONDS_TO_CONNECT = 10
_SECONDS_TO_START = 120  # a worker, which may have to import everything first
_SECONDS_BETWEEN_LOOKS = 1
_SECONDS_TO_TAKE_A_CALL = 10
_IGNORE_INTERRUPTS = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
_one_at_a_time = threading.Lock()


@contextmanager
def open_backend(name, n_jobs, address, tables):
    """Start or find what fits are done by; what was started is ended with the block.

    Parameters
    ----------
    name : {"loky", "dask", "ray"}
        loky has the processes of this machine.
    n_jobs : int
        Processes to start, as joblib counts them. With loky, 1 is this process. Of a cluster that runs already, all
        workers are used.
    address : str or None
        A cluster that runs already, such as ``"tcp://10.0.0.1:8786"`` of Dask or ``"10.0.0.1:6379"`` of Ray.
    tables : list of Table
        What tasks are about.

    Yields
    ------
    backend : backend
        Has ``n_workers()``, the tasks that it can do at a time; ``submit(task)``, a Future; and ``DEATHS``, the
        exceptions of a Future whose worker died, be it by this task or another one.

    Raises
    ------
    InputError
        If a package is missing, or there is no cluster at the address.
    """
    if name not in BACKENDS:
        raise InputError(f"backend: expected one of {', '.join(BACKENDS)}, got {name!r}")
    if name == "loky" and address is not None:
        raise InputError(f"address: expected none with the backend loky, got {address!r}")
    with _OPENERS[name](effective_n_jobs(n_jobs), address, tables) as backend:
        yield backend


class _ThisProcess:
    """Does a task while it is submitted."""

    DEATHS = ()

    def n_workers(self):
        return 1

    def submit(self, task):
        future = Future()
        future.set_result(score_fold(task))
        return future


class _Processes:
    """Processes of this machine, into which tables are mapped."""

    DEATHS = (BrokenProcessPool,)

    def __init__(self, n_processes, paths):
        self._processes = [_Process() for _ in range(n_processes)]
        self._paths = paths

    def n_workers(self):
        return len(self._processes)

    def submit(self, task):
        with interrupts_wait():
            idle = next(process for process in self._processes if process.is_idle)
            return idle.submit(_score, replace(task, table=None), self._paths[task.table])

    def close(self):
        for process in self._processes:
            process.close()


class _Process:
    """A process, and another one when it has died; a pool of its own, so that no other process breaks with it."""

    def __init__(self):
        self._pool = self._latest = None

    @property
    def is_idle(self):
        return self._latest is None or self._latest.done()

    def submit(self, *call):
        if self._pool is None or self._latest.exception() is not None:
            self.close()
            self._pool = ProcessPoolExecutor(1, initializer=_end_with, initargs=(os.getpid(),))
            if os.name == "posix":
                resource_tracker.ensure_running()  # its start ends what keeps interrupts from new processes ...
        with interrupts_wait():  # ... and would come with that of the first one
            self._latest = self._pool.submit(*call)
        return self._latest

    def close(self):
        if self._pool is None:
            return
        deadline = time.monotonic() + _SECONDS_TO_TAKE_A_CALL
        while not (self.is_idle or self._latest.running()) and time.monotonic() < deadline:
            time.sleep(0.001)  # loky's thread fails with a KeyError where it hears of a call and of the end together
        self._pool.shutdown(kill_workers=True)


class _DaskCluster:
    """Workers of a Dask cluster; each does one task at a time, however many threads it has."""

    def __init__(self, client, tables, deaths):
        self.DEATHS = deaths
        self._client, self._tables = client, tables
        self._executor = client.get_executor(pure=False)

    def n_workers(self):
        with interrupts_wait():
            return max(1, len(self._client.ncores()))

    def submit(self, task):
        with interrupts_wait(), _quiet_about_size():
            return self._executor.submit(_score, replace(task, table=None), self._tables[task.table])


class _RayCluster:
    """The cores of a Ray cluster."""

    def __init__(self, ray, tables):
        errors = ray.exceptions
        self.DEATHS = (errors.WorkerCrashedError, errors.OutOfMemoryError, errors.NodeDiedError)
        self._ray, self._tables = ray, tables
        self._score = ray.remote(num_cpus=1, max_retries=0)(_score)

    def n_workers(self):
        with interrupts_wait():
            return max(1, int(self._ray.cluster_resources().get("CPU", 1)))

    def submit(self, task):
        with interrupts_wait():
            return self._score.remote(replace(task, table=None), self._tables[task.table]).future()


def _end_with(parent):
    """Have this process end when the one that has started it is killed."""

    def watch():
        while os.getppid() == parent:
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _score(task, table):
    """Score a task that has left its table behind; table : str or Table, a str is where one lies."""
    with _one_at_a_time:  # warnings and numbers of threads are the whole process's
        return score_fold(replace(task, table=mapped_table(table) if isinstance(table, str) else table))


@contextmanager
def _loky(n_jobs, address, tables):
    if n_jobs == 1:
        yield _ThisProcess()
        return
    with mapped_tables(tables) as paths, _whole(lambda: closing(_Processes(n_jobs, paths))) as processes:
        yield processes


@contextmanager
def _whole(make):
    """What ``make()`` gives is entered and left as a context, and no interrupt comes in the middle of either."""
    with ExitStack() as stack:
        try:
            with interrupts_wait():
                entered = stack.enter_context(make())
            yield entered
        finally:
            with interrupts_wait():
                stack.close()


@contextmanager
def _dask(n_jobs, address, tables):
    distributed = _needed("distributed", "dask")
    deaths = (distributed.scheduler.KilledWorker,)
    if address is None:
        # A worker that dies is replaced, and its tasks come back. What a worker may have of the memory is not limited:
        # the tables are mapped into all of them and count once.
        settings = {"threads_per_worker": 1, "memory_limit": 0, "dashboard_address": None}
        settings |= {"preload": _IGNORE_INTERRUPTS, "scheduler_kwargs": {"allowed_failures": 0}}
        settings |= {"silence_logs": logging.CRITICAL}
        with (
            mapped_tables(tables) as paths,
            _whole(lambda: distributed.LocalCluster(n_workers=n_jobs, **settings)) as cluster,
            _whole(lambda: distributed.Client(cluster, set_as_default=False)) as client,
        ):
            yield _DaskCluster(client, paths, deaths)
        return
    _check_connection(address, speaks_first=not address.startswith("tls:"))

    def connect():
        try:
            return distributed.Client(address, timeout=_SECONDS_TO_CONNECT, set_as_default=False)
        except Exception as error:  # of many kinds, by protocol and reason
            raise InputError(f"address {address}: expected a Dask scheduler, but {one_line(error)}") from error

    with _whole(connect) as client:
        try:
            client.submit(_imports, pure=False).result(_SECONDS_TO_START)
        except Exception as error:
            raise InputError(f"address {address}: no worker can do this: {one_line(error)}") from error
        # A table is a task's result, sent to the scheduler once and not with each fit: workers get it from each other,
        # and when all that had it have died the scheduler has it made again.
        with interrupts_wait(), _quiet_about_size():
            futures = {table: client.submit(_same, table, pure=False) for table in tables}
        yield _DaskCluster(client, futures, deaths)


@contextmanager
def _ray(n_jobs, address, tables):
    ray = _needed("ray", "ray")
    settings = {"logging_level": logging.CRITICAL, "log_to_driver": False}
    if address is None:
        settings |= {"num_cpus": n_jobs, "include_dashboard": False}

    def start():
        try:
            return ray.init(address, **settings)
        except Exception as error:  # of many kinds, by reason
            raise InputError(f"address {address}: expected a Ray cluster, but {one_line(error)}") from error

    with ExitStack() as stack:
        if not ray.is_initialized():
            if address not in (None, "auto"):
                _check_connection(address)
            stack.enter_context(_whole(start))
        yield _RayCluster(ray, {table: ray.put(table) for table in tables})


_OPENERS = {"loky": _loky, "dask": _dask, "ray": _ray}


def _needed(module, extra):
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"backend {extra}: needs {extra}: pip install 'sktech[{extra}]'") from error


def _check_connection(address, speaks_first=False):
    """Refuse soon where nobody listens, or nobody speaks who should speak first."""
    place = urlsplit(address if "://" in address else f"//{address}")
    try:
        if place.port is None:
            raise ValueError("there is no port")
        with socket.create_connection((place.hostname, place.port), _SECONDS_TO_CONNECT) as connection:
            if speaks_first and not connection.recv(1):
                raise ConnectionError("the connection was closed")
    except (OSError, ValueError) as error:
        reason = f"expected HOST:PORT of a cluster that runs, but {one_line(error)}"
        raise InputError(f"address {address}: {reason}") from error


@contextmanager
def _quiet_about_size():
    """Tables, and row numbers of long ones, are large; they are sent no more often than needed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
        yield


def _same(table):
    return table


def _imports():
    """Found by a worker only if it can import this module."""
