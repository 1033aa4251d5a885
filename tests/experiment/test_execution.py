import os
import signal
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pytest
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier

from sktech.experiment import InputError, ResultStore, Table, compare, compare_tables
from sktech.experiment.backends import open_backend
from sktech.experiment.compare import plan
from sktech.experiment.conditions import Conditions
from sktech.experiment.shared import _PREFIX, mapped_table, mapped_tables


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True, as_frame=True)


def test_tables_are_mapped_and_the_files_removed(iris):
    X, y = iris
    X = X.assign(kind=pd.array(np.where(y > 1, "rare", None), dtype="str"), shelf=pd.Categorical(y), some=y > 0)
    with mapped_tables([Table("iris", X, y.to_numpy().astype(str))]) as paths:
        (path,) = paths.values()
        loaded = mapped_table(path)
        pd.testing.assert_frame_equal(loaded.X, X)
        assert np.array_equal(loaded.y, y.astype(str))
        columns = {name: column.array for name, column in loaded.X.items()}
        strings = [buffer.address for buffer in pyarrow.array(columns.pop("kind")).buffers()]
        codes = columns.pop("shelf").codes
        numbers = [np.asarray(column).ctypes.data for column in (codes, loaded.y, *columns.values())]
        whole = base_of(loaded.y)
        assert all(0 <= address - whole.ctypes.data < whole.nbytes for address in (*strings, *numbers))
        assert mapped_table(path) is loaded
    assert not Path(path).parent.exists()


def base_of(array):
    """The memory map that an array is a part of."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    assert isinstance(array, np.memmap)
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
    with pytest.raises(InputError, match=r"expected tables with different names, got none"):
        compare_tables({}, ["dummy_prior"])
    with pytest.raises(InputError, match=r"with different names, got a, a"):
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


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_table(iris, n_kept, tmp_path):
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
    whole, resumed = (frame.drop(columns=["fit_seconds", "predict_seconds"]) for frame in (whole, resumed))
    pd.testing.assert_frame_equal(whole, resumed, check_exact=True)
    assert n_kept(path) == 24


@pytest.mark.skipif(os.name == "nt", reason="processes differ")
def test_two_processes_use_one_store_at_a_time(iris, n_kept, tmp_path):
    path = tmp_path / "shared.sqlite"
    processes = [_compare_in_a_fork(iris, path) for _ in range(2)]
    assert [os.waitpid(process, 0)[1] for process in processes] == [0, 0]
    assert n_kept(path) == 24


def test_a_run_does_not_do_what_another_has_finished_meanwhile(iris, tmp_path):
    X, y = iris
    how = {"cv": 3, "n_repeats": 2, "conditions": Conditions(), "n_candidates": 0, "random_state": 0}
    experiment = plan([Table("iris", X, y.to_numpy())], ["dummy_prior", "k_nearest_neighbours"], **how)
    path = tmp_path / "shared.sqlite"
    with ResultStore(path) as one, ResultStore(path) as other, open_backend("loky", 1, None, []) as backend:
        first, second = experiment.run(backend, one), experiment.run(backend, other)
        done_by_first = [next(first)]  # it has looked for what is there: nothing
        done_by_second = list(second)
        done_by_first += first
    assert [sum(not finished.reused for finished in done) for done in (done_by_first, done_by_second)] == [1, 11]
    one, other = (
        experiment.study([finished.record for finished in done]).folds() for done in (done_by_first, done_by_second)
    )
    pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("seed", range(3))
def test_nothing_depends_on_the_order_in_which_fits_are_finished(iris, seed):
    X, y = iris
    how = {"cv": 3, "n_repeats": 2, "conditions": Conditions(), "n_candidates": 0, "random_state": 0}
    models = {name: DummyClassifier() for name in ("b", "a", "c")}  # all the same, so that the order decides
    experiment = plan([Table("iris", X, y.to_numpy()), Table("again", X, y.to_numpy())], models, **how)
    with open_backend("loky", 1, None, []) as backend:
        records = [finished.record for finished in experiment.run(backend)]
    shuffled = [records[i] for i in np.random.default_rng(seed).permutation(len(records))]
    one, other = experiment.study(records), experiment.study(shuffled)
    pd.testing.assert_frame_equal(one.folds(), other.folds())
    assert one.verdict() == other.verdict()
    assert [made.verdict() for made in one] == [made.verdict() for made in other]
    assert one["iris"].verdict().startswith("No winner: b has")
