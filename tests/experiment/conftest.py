import signal
import sqlite3
from contextlib import closing

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def mixed():
    """A frame with everything a table may hold, labels that are strings, and later rows with unseen categories."""
    rng = np.random.default_rng(0)
    n = 60
    number = rng.normal(size=n)
    X = pd.DataFrame(
        {
            "size [cm]": np.where(rng.random(n) < 0.2, np.nan, number),
            "count": rng.integers(0, 9, n),
            "smoker": rng.random(n) < 0.5,
            "colour": np.where(rng.random(n) < 0.2, None, rng.choice(["red", "blue", "green"], n)),
            "city": pd.Categorical(rng.choice(["Rome", "Oslo"], n)),
            "empty": np.full(n, np.nan),
        }
    )
    y = np.where(number + X["smoker"] > 0.5, "yes", "no")
    later = X.head(4).assign(colour=["violet", "red", None, "black"], city=["Cairo", "Rome", None, "Oslo"])
    return X, y, later


@pytest.fixture
def interruptible():
    """A process that was started in the background may ignore interrupts, and its children then do."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def n_kept():
    """How many finished folds there are in a store, which another process may be writing."""

    def count(path):
        try:
            with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
                return connection.execute("SELECT count(*) FROM folds").fetchone()[0]
        except sqlite3.OperationalError:  # not there yet
            return 0

    return count


@pytest.fixture
def folds_of():
    """A function that turns scores of shape (n_tables, n_models, n_folds) into the rows of a comparison."""

    def folds_of(scores, score="log_loss", n_train=80, n_test=20):
        cells = np.ndindex(np.shape(scores))
        rows = [(f"table{t}", f"model{m}", f // 5, f, scores[t][m][f]) for t, m, f in cells]
        frame = pd.DataFrame(rows, columns=["table", "model", "repeat", "fold", score])
        status = np.where(frame[score].isna(), "ValueError: no", "ok")
        return frame.assign(family="own", n_train=n_train, n_test=n_test, status=status)

    return folds_of
