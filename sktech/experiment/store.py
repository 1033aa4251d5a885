"""A finished fold is one record; records are kept in a CSV file, one row each, from the moment they are finished.

Everything a comparison shows is computed from its records.
"""

import csv
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

import numpy as np

SCORES = ("accuracy", "balanced_accuracy", "log_loss", "brier", "calibration_error", "roc_auc")
TIMES = ("fit_seconds", "predict_seconds")


@dataclass(frozen=True, eq=False, kw_only=True)
class FoldRecord:
    """What one model did on one fold.

    Parameters
    ----------
    model : str
        The model's name.
    family : {"sktech", "own", "baseline"}
        What the plots emphasise.
    fold : int
        Number of the fold, from 0, counted through all repeats.
    seed : int
        The ``random_state`` that the model was given.
    n_train, n_test : int
        Rows.
    status : str, default="ok"
        "ok", or why there are no scores.
    warnings : str, default=""
        What the model warned of.
    accuracy, balanced_accuracy, log_loss, brier, calibration_error, roc_auc : float, default=NaN
        Scores on the test rows; NaN for what cannot be computed. ``log_loss`` is in nats.
    fit_seconds, predict_seconds : float, default=NaN
        Wall-clock time of ``fit`` and of one prediction for the test rows.
    bins : ndarray of shape (3, n_bins) or None
        As :func:`sktech.metrics.calibration_bins`; not kept in the file.
    confusion : ndarray of shape (n_classes, n_classes) or None
        Test rows by true class (row) and predicted class (column); not kept in the file.
    """

    model: str
    family: str
    fold: int
    seed: int
    n_train: int
    n_test: int
    status: str = "ok"
    warnings: str = ""
    accuracy: float = float("nan")
    balanced_accuracy: float = float("nan")
    log_loss: float = float("nan")
    brier: float = float("nan")
    calibration_error: float = float("nan")
    roc_auc: float = float("nan")
    fit_seconds: float = float("nan")
    predict_seconds: float = float("nan")
    bins: np.ndarray | None = None
    confusion: np.ndarray | None = None

    @property
    def ok(self):
        """Whether the model was fitted and scored."""
        return self.status == "ok"

    def row(self):
        """What is kept in the file, as a dict."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(field.name for field in fields(FoldRecord) if field.name not in ("bins", "confusion"))


class CsvStore:
    """A CSV file that grows by one row per record and is complete on disk after each.

    Parameters
    ----------
    path : str or path-like
        The file. One that exists is renamed after the time of its last change, never lost.

    Examples
    --------
    >>> with CsvStore("results.csv") as store:                                                   # doctest: +SKIP
    ...     store.append(record)
    """

    def __init__(self, path):
        path = Path(path)
        if path.exists():
            changed = datetime.fromtimestamp(path.stat().st_mtime)
            path.rename(path.with_name(f"{path.stem}-{changed:%Y%m%d-%H%M%S}{path.suffix}"))
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, COLUMNS)
        self._writer.writeheader()

    def append(self, record):
        """Write one record through to the file."""
        self._writer.writerow(record.row())
        self._file.flush()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
