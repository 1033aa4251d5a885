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
def folds_of():
    """A function that turns scores of shape (n_tables, n_models, n_folds) into the rows of a comparison."""

    def folds_of(scores, score="log_loss", n_train=80, n_test=20):
        cells = np.ndindex(np.shape(scores))
        rows = [(f"table{t}", f"model{m}", f // 5, f, scores[t][m][f]) for t, m, f in cells]
        frame = pd.DataFrame(rows, columns=["table", "model", "repeat", "fold", score])
        status = np.where(frame[score].isna(), "ValueError: no", "ok")
        return frame.assign(family="own", n_train=n_train, n_test=n_test, status=status)

    return folds_of
