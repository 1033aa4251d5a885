import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import joblib
import numpy as np
import pytest

from sktech.experiment import FoldRecord, InputError, ResultStore
from sktech.experiment.records import COLUMNS

RECORD = FoldRecord(
    table="iris",
    model="net",
    family="sktech",
    repeat=0,
    fold=1,
    seed=2**62,
    n_train=100,
    n_test=50,
    accuracy=0.1 + 0.2,
    fit_seconds=1e-9,
    bins=np.array([[1, 2], [0.1, 0.7], [1 / 3, 2 / 3]]),
    confusion=np.array([[3, 0], [1, 2]]),
)


def same(one, other):
    np.testing.assert_equal([getattr(one, name) for name in COLUMNS], [getattr(other, name) for name in COLUMNS])
    np.testing.assert_array_equal(one.bins, other.bins)
    np.testing.assert_array_equal(one.confusion, other.confusion)
    return True


def test_a_record_comes_back_to_the_last_bit(tmp_path):
    with ResultStore(tmp_path / "store.sqlite") as store:
        assert same(store.add("key", RECORD, "all of it"), RECORD)
    with ResultStore(tmp_path / "store.sqlite") as store:
        assert same(store.get("key"), RECORD)
        assert store.get("other") is None
        assert store.get("key").confusion.dtype == RECORD.confusion.dtype


def test_the_first_result_stays_and_a_failure_gives_way(tmp_path):
    with ResultStore(tmp_path / "store.sqlite") as store:
        failed = replace(RECORD, status="RuntimeError: out of luck", accuracy=float("nan"), bins=None, confusion=None)
        assert store.add("key", failed).status == failed.status
        assert store.add("key", RECORD).ok
        assert store.add("key", replace(RECORD, accuracy=0.5)).accuracy == RECORD.accuracy
        assert store.add("key", failed).ok
        assert len(store) == 1


def _write(path, first):
    with ResultStore(path) as store:
        for number in range(30):
            store.add(f"{first + number}", replace(RECORD, fold=first + number))


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_several_runs_write_to_one_store_at_a_time(tmp_path, backend):
    path = tmp_path / "store.sqlite"
    joblib.Parallel(2, backend=backend)(joblib.delayed(_write)(path, first) for first in (0, 20))
    with ResultStore(path) as store:
        assert len(store) == 50
        assert all(store.get(str(number)).fold == number for number in range(50))


def test_several_runs_make_one_store_at_a_time(tmp_path):
    def n_kept(path, start):
        start.wait(20)
        with ResultStore(path) as store:
            return len(store)

    with ThreadPoolExecutor(4) as pool:
        for number in range(30):
            start = threading.Barrier(4)
            counts = [pool.submit(n_kept, tmp_path / f"{number}.sqlite", start) for _ in range(4)]
            assert [count.result() for count in counts] == [0] * 4


def test_one_store_in_several_threads(tmp_path):
    with ResultStore(tmp_path / "store.sqlite") as store, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: store.add(str(number), RECORD), range(40)))
        assert len(store) == 40


def test_other_files_are_refused_and_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a data base, but long enough to be looked at " * 100)
    with pytest.raises(InputError, match=r"notes.txt: expected a file for results \(SQLite\)"):
        ResultStore(text)
    assert text.read_text().startswith("not a data base")
    other = tmp_path / "other.sqlite"
    sqlite3.connect(other).execute("CREATE TABLE mine (a)")
    with pytest.raises(InputError, match="expected results in format 1, got 0"):
        ResultStore(other)
    with pytest.raises(InputError, match="expected a file for results"):
        ResultStore(tmp_path / "no such folder" / "store.sqlite")


def test_what_was_written_when_the_process_died_is_there_and_whole(tmp_path):
    path = tmp_path / "store.sqlite"
    store = ResultStore(path)
    store.add("key", RECORD)  # never closed: the write-ahead log holds it
    copy = tmp_path / "copy.sqlite"
    for suffix in ("", "-wal"):
        copy.with_name(copy.name + suffix).write_bytes(path.with_name(path.name + suffix).read_bytes())
    with ResultStore(copy) as saved:
        assert same(saved.get("key"), RECORD)


def test_a_log_that_was_cut_off_in_the_middle_of_a_write_loses_that_write_only(tmp_path):
    path = tmp_path / "store.sqlite"
    store = ResultStore(path)
    store.add("first", RECORD)
    whole = (tmp_path / "store.sqlite-wal").stat().st_size
    store.add("second", RECORD)
    log = (tmp_path / "store.sqlite-wal").read_bytes()
    for size in range(whole, len(log), 997):
        copy = tmp_path / f"{size}.sqlite"
        copy.write_bytes(path.read_bytes())
        copy.with_name(copy.name + "-wal").write_bytes(log[:size])
        with ResultStore(copy) as saved:
            assert same(saved.get("first"), RECORD)
            assert saved.get("second") is None
            assert same(saved.add("second", RECORD), RECORD)
