"""Records -> one row per model: mean and standard deviation over its folds, the lowest log-loss first."""

import numpy as np
import pandas as pd

from sktech.experiment.records import COLUMNS, SCORES, TIMES

LABELS = {
    "log_loss": "log-loss",
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced acc.",
    "brier": "Brier",
    "calibration_error": "calib. error",
    "roc_auc": "ROC AUC",
    "fit_seconds": "fit s",
    "predict_seconds": "predict s",
}
# What is better: less of it, or more.
LOWER_IS_BETTER = {
    "log_loss": True,
    "accuracy": False,
    "balanced_accuracy": False,
    "brier": True,
    "calibration_error": True,
    "roc_auc": False,
    "fit_seconds": True,
    "predict_seconds": True,
}


def fold_table(records):
    """One row per finished fold and model.

    Parameters
    ----------
    records : list of FoldRecord

    Returns
    -------
    frame : DataFrame of shape (n_records, n_fields)
        As in ``results.csv``, sorted by fold.
    """
    rows = [record.row() for record in sorted(records, key=lambda record: (record.repeat, record.fold))]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def model_table(records, models, n_folds):
    """One row per model.

    Parameters
    ----------
    records : list of FoldRecord
    models : list of Model
        Those that were to take part.
    n_folds : int
        How many folds each was to have.

    Returns
    -------
    frame : DataFrame of shape (n_models, n_columns)
        Index ``model``. Per score and time its mean under its name and its standard deviation under ``NAME_std`` (NaN
        for one fold), ``folds`` that were scored, and ``status``: "ok", or why there is less than that. Sorted by
        log-loss, then accuracy; what has neither comes last.
    """
    rows = [_row(model, [r for r in records if r.model == model.name], n_folds) for model in models]
    frame = pd.DataFrame(rows, index=pd.Index([model.name for model in models], name="model"))
    order = np.lexsort([-frame["accuracy"], frame["log_loss"]])  # NaN comes last
    return frame.iloc[order]


def best_models(frame):
    """Per score and time the models with the best mean, among those with all their folds.

    Parameters
    ----------
    frame : DataFrame
        As returned by :func:`model_table`.

    Returns
    -------
    best : dict of str to set of str
        Names of the models; a tie has several.
    """
    comparable = frame[frame["folds"] == frame["folds"].max()] if frame["folds"].max() > 0 else frame.iloc[:0]
    best = {}
    for name, lower in LOWER_IS_BETTER.items():
        extreme = comparable[name].min() if lower else comparable[name].max()
        best[name] = set(comparable.index[comparable[name] == extreme])
    return best


def _row(model, records, n_folds):
    scored = [record for record in records if record.ok]
    row = {"family": model.family, "folds": len(scored)}
    for name in (*SCORES, *TIMES):
        values = np.array([getattr(record, name) for record in scored])
        row[name] = values.mean() if len(values) else np.nan
        row[f"{name}_std"] = values.std(ddof=1) if len(values) > 1 else np.nan
    return row | {"status": _status(records, n_folds)}


def _status(records, n_folds):
    failed = [record for record in records if not record.ok]
    unfinished = n_folds - len(records)
    parts = []
    if failed:
        share = "" if len(failed) == n_folds else f" in {len(failed)} of {n_folds} folds"
        parts.append(f"failed{share}: {failed[0].status}")
    if unfinished:
        parts.append(f"{len(records)} of {n_folds} folds finished")
    if kinds := _kinds_of_warnings(records):
        parts.append(f"warned: {kinds}")
    if not failed and not unfinished:
        parts.insert(0, "ok")
    return "; ".join(parts)


def _kinds_of_warnings(records):
    texts = [text for record in records if record.warnings for text in record.warnings.split("; ")]
    kinds = {text.partition(":")[0] for text in texts if text.partition(":")[0].endswith("Warning")}
    return ", ".join(sorted(kinds))


def in_figures(name, value):
    """A score with four decimals, a time to the millisecond or with three digits, nothing for NaN.

    Parameters
    ----------
    name : str
        A score or a time.
    value : float

    Returns
    -------
    text : str

    Examples
    --------
    >>> from sktech.experiment.summary import in_figures
    >>> in_figures("accuracy", 0.98765), in_figures("fit_seconds", 0.012345), in_figures("fit_seconds", 1234.5)
    ('0.9877', '0.012', '1234')
    """
    if np.isnan(value):
        return ""
    if name in SCORES:
        return f"{value:.4f}"
    return f"{value:.3f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:.0f}"
