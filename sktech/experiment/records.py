"""A finished fold is one record. Everything that a comparison shows is computed from its records."""

from dataclasses import dataclass, fields

import numpy as np

SCORES = ("accuracy", "balanced_accuracy", "log_loss", "brier", "calibration_error", "roc_auc")
TIMES = ("fit_seconds", "predict_seconds")
ARRAYS = ("bins", "confusion")


@dataclass(frozen=True, eq=False, kw_only=True)
class FoldRecord:
    """What one model did on one fold of one table.

    Parameters
    ----------
    table, model : str
        Their names.
    family : {"sktech", "own", "baseline"}
        What the plots emphasise.
    repeat : int
        How often the folds had been drawn before.
    fold : int
        Number of the fold within its repeat, from 0.
    seed : int
        The ``random_state`` that the model was given.
    n_train, n_test : int
        Rows.
    status : str, default="ok"
        "ok", or why there are no scores.
    warnings : str, default=""
        What the model warned of.
    tuned : str, default=""
        The parameters that tuning chose, as JSON.
    accuracy, balanced_accuracy, log_loss, brier, calibration_error, roc_auc : float, default=NaN
        Scores on the test rows; NaN for what cannot be computed. ``log_loss`` is in nats.
    fit_seconds, predict_seconds : float, default=NaN
        Wall-clock time of ``fit``, with its tuning, and of one prediction for the test rows.
    bins : ndarray of shape (3, n_bins) or None
        As :func:`sktech.metrics.calibration_bins`.
    confusion : ndarray of shape (n_classes, n_classes) or None
        Test rows by true class (row) and predicted class (column).
    """

    table: str
    model: str
    family: str
    repeat: int
    fold: int
    seed: int
    n_train: int
    n_test: int
    status: str = "ok"
    warnings: str = ""
    tuned: str = ""
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
        """All but the arrays, as a dict."""
        return {name: getattr(self, name) for name in COLUMNS}


COLUMNS = tuple(field.name for field in fields(FoldRecord) if field.name not in ARRAYS)
