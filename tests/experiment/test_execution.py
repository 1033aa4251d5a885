import os
import signal
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier

from sktech.experiment import InputError, ResultStore, Table, compare, compare_tables
from sktech.experiment.shared import _PREFIX, mapped_table, mapped_tables


class Deadly(DummyClassifier):
    """Kills its process, as the system does where memory runs out."""

    def fit(self, X, y):
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True, as_frame=True)


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_a_model_that_kills_its_process_is_a_row_and_the_others_go_on(iris, tmp_path):
    models = {"deadly": Deadly(), "dummy_prior": DummyClassifier(), "dummy_uniform": DummyClassifier(strategy="uniform")}
    one_fold = [(np.arange(0, 150, 2), np.arange(1, 150, 2))]
    comparison = compare(*iris, models, cv=one_fold, n_jobs=2, store=tmp_path / "store.sqlite")
    frame = comparison.to_frame()
    assert frame["folds"].to_dict() == {"dummy_prior": 1, "dummy_uniform": 1, "deadly": 0}
    assert frame.loc["deadly", "status"] == "failed: killed: the process was killed, perhaps because memory ran out"
    alone = compare(*iris, {name: models[name] for name in ("dummy_prior", "dummy_uniform")}, cv=one_fold).to_frame()
    pd.testing.assert_series_equal(frame["log_loss"].dropna(), alone["log_loss"])


def test_tables_are_mapped_and_the_files_removed(iris):
    X, y = iris
    with mapped_tables([Table("iris", X, y.to_numpy())]) as paths:
        (path,) = paths.values()
        loaded = mapped_table(path)
        pd.testing.assert_frame_equal(loaded.X, X)
        blocks = [loaded.X.iloc[:, i].to_numpy() for i in range(4)]
        assert all(isinstance(base_of(block), np.memmap) for block in blocks)
        assert mapped_table(path) is loaded
    assert not Path(path).exists()


def base_of(array):
    while not isinstance(array, np.memmap) and isinstance(array.base, np.ndarray):
        array = array.base
    return array


@pytest.mark.skipif(os.name == "nt", reason="processes differ")
def test_what_a_dead_process_has_left_is_removed(iris):
    process = os.fork()
    if not process:
        os._exit(0)
    os.waitpid(process, 0)
    orphan = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{process}-"))
    (orphan / "0.joblib").write_bytes(b"numbers")
    other = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getppid()}-"))
    try:
        with mapped_tables([]):
            assert not orphan.exists()
            assert other.exists()
    finally:
        other.rmdir()


def test_several_tables_share_seeds_and_models(iris):
    X, y = iris
    tables = {"all": (X, y), "half": (X[::2], y[::2])}
    study = compare_tables(tables, ["dummy_prior", "random_forest"], cv=2, n_repeats=2)
    assert [len(comparison.records) for comparison in study] == [8, 8]
    assert len(study.folds()) == 16
    for name, (X, y) in tables.items():
        pd.testing.assert_series_equal(
            study[name].to_frame()["log_loss"],
            compare(X, y, ["dummy_prior", "random_forest"], cv=2, n_repeats=2).to_frame()["log_loss"],
        )


def test_bad_tables_are_refused(iris):
    X, y = iris
    with pytest.raises(InputError, match="expected tables with different names, got none"):
        compare_tables({}, ["dummy_prior"])
    with pytest.raises(InputError, match="with different names, got a, a"):
        compare_tables([Table("a", X, y.to_numpy())] * 2, ["dummy_prior"])
    with pytest.raises(InputError, match="0 or at least 2 candidates, got -1"):
        compare(X, y, ["dummy_prior"], tune=-1)
    with pytest.raises(InputError, match="as many rows as groups, got 150 rows and 3 groups"):
        compare(X, y, ["dummy_prior"], groups=[1, 2, 3])


def _compare_in_a_fork(iris, path):
    process = os.fork()
    if not process:
        compare(*iris, ["random_forest", "logistic_regression"], cv=3, n_repeats=4, store=path)
        os._exit(0)
    return process


def n_kept(path):
    """Finished folds in a store that another process may be writing."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT count(*) FROM folds").fetchone()[0]
    except sqlite3.OperationalError:  # not there yet
        return 0


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_table(iris, tmp_path):
    models = ["random_forest", "logistic_regression"]
    path = tmp_path / "killed.sqlite"
    counts = []
    for least in (1, 5, 6, 14, 20):
        process = _compare_in_a_fork(iris, path)
        while n_kept(path) < least:
            time.sleep(0.001)
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        counts.append(n_kept(path))
    assert counts == sorted(counts)
    assert counts[0] < 24
    whole = compare(*iris, models, cv=3, n_repeats=4).folds()
    resumed = compare(*iris, models, cv=3, n_repeats=4, store=path).folds()
    by, times = ["model", "repeat", "fold"], ["fit_seconds", "predict_seconds"]
    whole, resumed = (frame.drop(columns=times).sort_values(by, ignore_index=True) for frame in (whole, resumed))
    pd.testing.assert_frame_equal(whole, resumed, check_exact=True)
    assert n_kept(path) == 24


@pytest.mark.skipif(os.name == "nt", reason="processes differ")
def test_two_runs_on_one_store_at_a_time_share_the_work(iris, tmp_path):
    path = tmp_path / "shared.sqlite"
    processes = [_compare_in_a_fork(iris, path) for _ in range(2)]
    assert [os.waitpid(process, 0)[1] for process in processes] == [0, 0]
    assert n_kept(path) == 24
    with ResultStore(path) as store:
        assert len(store) == 24
