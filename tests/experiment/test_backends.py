import logging
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

import sktech.experiment.backends as backends
from sktech.__main__ import main
from sktech.experiment import InputError, compare

TIMES = ["fit_seconds", "predict_seconds"]
ONE_FOLD = [(np.arange(0, 150, 2), np.arange(1, 150, 2))]
no_signals = pytest.mark.skipif(os.name == "nt", reason="signals differ")


class Deadly(DummyClassifier):
    """Kills its process, as the system does where memory runs out."""

    def fit(self, X, y):
        os.kill(os.getpid(), signal.SIGKILL)


class DeadlyOnce(DummyClassifier):
    """Kills its process the first time, wherever that is."""

    def __init__(self, flag, strategy="prior"):
        super().__init__(strategy=strategy)
        self.flag = flag

    def fit(self, X, y):
        if Path(self.flag).exists():
            Path(self.flag).unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().fit(X, y)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True, as_frame=True)


@contextmanager
def this_machine():
    yield {"n_jobs": 2}


@contextmanager
def dask_cluster():
    """Two workers that somebody else has started."""
    distributed = pytest.importorskip("distributed")
    settings = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": logging.CRITICAL, "memory_limit": 0}
    with distributed.LocalCluster(n_workers=2, **settings, scheduler_kwargs={"allowed_failures": 0}) as cluster:
        yield {"backend": "dask", "address": cluster.scheduler_address}
        assert cluster.status.name == "running"


@contextmanager
def ray_cluster():
    pytest.importorskip("ray")
    yield {"backend": "ray", "n_jobs": 2}


def in_order(comparison):
    return comparison.folds().drop(columns=TIMES).sort_values(["model", "repeat", "fold"], ignore_index=True)


@no_signals
@pytest.mark.parametrize("processes", [this_machine, dask_cluster, ray_cluster])
def test_killed_processes_change_nothing(processes, iris, tmp_path):
    flag = tmp_path / "alive"
    flag.touch()
    models = {
        "once": DeadlyOnce(flag),  # with a worker goes its copy of the table
        "dummy_prior": DummyClassifier(),
        "deadly": Deadly(),  # and with both go all copies
        "dummy_uniform": DummyClassifier(strategy="uniform"),
        "logistic_regression": LogisticRegression(),
    }
    with processes() as options:
        killed = compare(*iris, models, cv=ONE_FOLD, store=tmp_path / "store.sqlite", **options)
    assert not flag.exists()
    status = killed.to_frame()["status"]
    assert status.pop("deadly") == "failed: killed: the process was killed, perhaps because memory ran out"
    del models["deadly"]
    others = in_order(killed).query("model != 'deadly'").reset_index(drop=True)
    pd.testing.assert_frame_equal(others, in_order(compare(*iris, models, cv=ONE_FOLD)), check_exact=True)


@no_signals
@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_control_c_ends_the_processes_too(backend, n_kept, tmp_path):
    pytest.importorskip({"loky": "joblib", "dask": "distributed"}[backend])
    out = tmp_path / "out"
    options = ["--models", "dummy_prior", "--repeats", "5000", "--jobs", "2", "--backend", backend, "--out", str(out)]
    command = [sys.executable, "-m", "sktech", "compare", "sklearn:iris", *options]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and not n_kept(out / "results.sqlite"):
        time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGINT)  # by one who is impatient
    shown, errors = process.communicate(timeout=100)  # not before all that hold its streams have ended
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "interrupted after" in errors
    assert "folds finished" in shown
    assert "</html>" in (out / "report.html").read_text()


INTERRUPTED_WITH_A_LOCK = """
import faulthandler, signal, sys, threading
from sklearn.datasets import load_iris
from sktech.experiment import compare

enter, left, main, times = threading.Condition.__enter__, 0, threading.get_ident(), map(int, sys.argv[2:])

def enter_and_interrupt(condition):
    global left
    entered = enter(condition)
    if threading.get_ident() == main and left:
        left -= 1
        if not left:
            signal.raise_signal(signal.SIGINT)
    return entered

if __name__ == "__main__":
    threading.Condition.__enter__ = enter_and_interrupt
    for left in times:
        faulthandler.dump_traceback_later(100, exit=True)
        try:
            compare(*load_iris(return_X_y=True), ["dummy_prior"], cv=3, n_repeats=4, n_jobs=2, backend=sys.argv[1])
        except KeyboardInterrupt:
            print("interrupted", flush=True)
        left = 0
"""


@no_signals
@pytest.mark.parametrize(("backend", "times"), [("loky", (1, 2, 3, 4, 5, 6, 7, 10, 16, 20)), ("dask", (1, 6, 9, 20))])
def test_an_interrupt_that_comes_when_a_lock_is_taken_ends_the_run(backend, times, tmp_path):
    pytest.importorskip({"loky": "joblib", "dask": "distributed"}[backend])
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED_WITH_A_LOCK)
    command = [sys.executable, str(script), backend, *map(str, times)]
    done = subprocess.run(command, capture_output=True, text=True, start_new_session=True)
    assert done.stdout == "interrupted\n" * len(times), done.stderr
    assert "Traceback" not in done.stderr


class WithPid(DummyClassifier):
    """Tells which process fits it, and takes its time."""

    def __init__(self, folder, strategy="prior"):
        super().__init__(strategy=strategy)
        self.folder = folder

    def fit(self, X, y):
        (Path(self.folder) / str(os.getpid())).touch()
        time.sleep(60)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="processes are looked for in /proc")
def test_killed_as_a_whole_no_process_is_left(iris, tmp_path):
    process = os.fork()
    if not process:
        compare(*iris, {"slow": WithPid(tmp_path)}, cv=ONE_FOLD, n_jobs=2)
        os._exit(0)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not list(tmp_path.iterdir()):
        time.sleep(0.05)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    (worker,) = tmp_path.iterdir()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and Path(f"/proc/{worker.name}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{worker.name}").exists()


def test_one_process_needs_no_other(iris):
    with backends.open_backend("loky", 1, None, []) as backend:
        assert backend.n_workers() == 1
        assert isinstance(backend, backends._ThisProcess)


@pytest.mark.parametrize("name", ["dask", "ray"])
def test_missing_packages_are_one_line(name, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, {"dask": "distributed"}.get(name, name), None)
    command = ["compare", "sklearn:iris", "--models", "dummy_prior", "--out", str(tmp_path), "--backend", name]
    assert main(command) == 2
    message = f"sktech compare: backend {name}: needs {name}: pip install 'sktech[{name}]'\n"
    assert capsys.readouterr().err == message


@pytest.fixture
def deaf_port():
    """A port where somebody listens who never answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return server.getsockname()[1]


def test_addresses_where_no_cluster_is(closed_port, deaf_port, iris, monkeypatch, tmp_path, capsys):
    pytest.importorskip("distributed")
    command = ["compare", "sklearn:iris", "--models", "dummy_prior", "--out", str(tmp_path), "--backend", "dask"]
    monkeypatch.setattr(backends, "_SECONDS_TO_CONNECT", 1)
    for address, message in [
        (f"tcp://127.0.0.1:{closed_port}", "expected HOST:PORT of a cluster that runs, but"),
        (f"tcp://127.0.0.1:{deaf_port}", "expected HOST:PORT of a cluster that runs, but timed out"),
        ("nowhere", "expected HOST:PORT of a cluster that runs, but there is no port"),
    ]:
        assert main([*command, "--address", address]) == 2
        errors = capsys.readouterr().err
        assert errors.startswith(f"sktech compare: address {address}: {message}")
        assert errors.count("\n") == 1
    with pytest.raises(InputError, match="expected none with the backend loky, got 'tcp://127"):
        compare(*iris, ["dummy_prior"], address="tcp://127.0.0.1:8786")
    with pytest.raises(InputError, match="expected one of loky, dask, ray, got 'spark'"):
        compare(*iris, ["dummy_prior"], backend="spark")
