"""The door: what a user hands in is checked here once, and refused in a sentence: what was expected, what came."""

import re
from contextlib import contextmanager
from numbers import Integral, Number, Real

import numpy as np
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, assert_all_finite, check_consistent_length, validate_data

from sktech._weights import in_range
from sktech.labels import UNLABELED, Labels
from sktech.table import is_frame, is_missing


def check_number(name, value, kind, low=None, high=None, *, open_low=False, open_high=False, others=()):
    """A parameter that must be a number in an interval.

    Parameters
    ----------
    name : str
    value : object
    kind : type
        ``int`` or ``float``.
    low, high : number, default=None
        Bounds of the interval; None for none.
    open_low, open_high : bool, default=False
        Whether a bound is left out of the interval.
    others : tuple, default=()
        What else the parameter may be, such as ``("auto",)``.

    Raises
    ------
    TypeError
        If it is not such a number.
    ValueError
        If it lies outside.
    """
    if isinstance(value, str | Real) and value in others:
        return
    expected = " or ".join([*map(repr, others), "an integer" if kind is int else "a number"])
    if not isinstance(value, Integral if kind is int else Real) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}: expected {expected}, got {value!r}")
    below = low is not None and (value <= low if open_low else value < low)
    above = high is not None and (value >= high if open_high else value > high)
    if below or above or np.isnan(value):
        left = "(-inf" if low is None else f"{'(' if open_low else '['}{low}"
        right = "inf)" if high is None else f"{high}{')' if open_high else ']'}"
        raise ValueError(f"{name}: expected {expected} in {left}, {right}, got {value!r}")


def check_sequence(name, value):
    """A parameter that must be a sequence of things.

    Raises
    ------
    TypeError
        If it is none, or a string.
    """
    if isinstance(value, str | bytes) or not hasattr(value, "__len__") or not hasattr(value, "__getitem__"):
        raise TypeError(f"{name}: expected a sequence such as a list or a tuple, got {value!r}")


def check_choice(name, value, choices):
    """A parameter that must be one of a few values.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if not any(value is choice or value == choice for choice in choices):
        raise ValueError(f"{name}: expected one of {', '.join(map(repr, choices))}, got {value!r}")


@contextmanager
def naming(*names):
    """Errors of the block say which argument is at fault; large numbers in it, such as sums in a check, are none.

    Those that say it themselves, or name a column, or begin as messages of this package do, are left as they are.
    """
    try:
        with np.errstate(over="ignore", invalid="ignore"):
            yield
    except (TypeError, ValueError, OverflowError) as error:
        says = rf"\b({'|'.join(names)})\b|\bcolumn ['\d]|^\w+: expected"
        if isinstance(error, TypeError | ValueError) and re.search(says, str(error)):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{', '.join(names)}: {error}") from error


@naming("X")
def check_table(estimator, X, *, reset, categorical_features=None):
    """X as a data frame, left as it is, or as an array of floats; the names and the number of columns are checked or
    remembered.

    Parameters
    ----------
    estimator : BaseEstimator
        Gets ``n_features_in_`` and ``feature_names_in_`` if ``reset``, and is asked for them otherwise.
    X : array-like or data frame of shape (n, n_features)
    reset : bool
    categorical_features : default=None
        As in ``NetClassifier``; None for the estimator's.

    Returns
    -------
    X : data frame or ndarray of shape (n, n_features)
        An array is float64 or float32, unless it has strings or other objects and the user says which columns are
        categories; it may hold NaN.

    Raises
    ------
    ValueError, TypeError
        As scikit-learn's ``validate_data`` does.
    """
    if not is_frame(X):
        # Strings and other objects are left as they are where the user says which columns are categories.
        kind = getattr(getattr(X, "dtype", None), "kind", "O")
        named = estimator.categorical_features if categorical_features is None else categorical_features
        mixed = kind in "OUS" and not isinstance(named, str | None)
        return validate_data(
            estimator,
            X,
            reset=reset,
            dtype=object if mixed else [np.float64, np.float32],
            ensure_all_finite=False if mixed else "allow-nan",
            order="C",
        )
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if min(X.shape) == 0:
        raise ValueError(
            f"X: expected at least one row and one column, got {X.shape[0]} sample(s) and {X.shape[1]} feature(s)"
        )
    return X


@naming("y")
def check_labels(estimator, X, y):
    """y as class labels.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        The distinct labels, sorted.
    codes : ndarray of shape (n,), int
        The position of each row's label in ``classes``.

    Raises
    ------
    ValueError
        If y is missing, has another length than X, missing values, or numbers that are no classes.
    """
    if y is None:
        raise ValueError(
            f"{type(estimator).__name__} requires y to be passed, but the target y is None: expected a label per row"
        )
    y = _one_column(y)
    if y.dtype == object:
        missing = sum(is_missing(label) for label in y)
        if missing:
            raise ValueError(f"y: expected a class label in each row, got {missing} missing among {len(y)}")
        _check_one_type("y: expected labels of one type", y)
        if isinstance(y[0], Number):
            y = np.array(y.tolist())
    assert_all_finite(y, input_name="y")
    check_consistent_length(X, y)
    check_classification_targets(y)
    return np.unique(y, return_inverse=True)


@naming("y")
def check_targets(estimator, X, y, *, unlabeled=False, known_classes=None):
    """y as labels, whatever form it comes in.

    Parameters
    ----------
    estimator : BaseEstimator
    X : array or data frame of shape (n, n_features)
    y : array-like of shape (n,), array-like or data frame of shape (n, n_classes), or Labels
        Labels of any one type; or probabilities of the classes 0, 1, ..., or of those that the columns of a data frame
        are named after.
    unlabeled : bool, default=False
        Whether -1 among labels may mean that there is none: unless it is among the known classes or, where these are
        not known, beside fewer than two others.
    known_classes : array-like of shape (n_classes,), default=None

    Returns
    -------
    labels : sktech.labels.Labels
        A row that comes with probabilities has the most probable class as its label.

    Raises
    ------
    ValueError
        As ``check_labels``; or if y has several columns that are not probabilities, or no row has a label.
    """
    if isinstance(y, Labels):
        check_consistent_length(X, y)
        return y
    if unlabeled and isinstance(y, list | tuple) and any(isinstance(label, str) for label in y):
        y = np.array(y, dtype=object)  # -1 stays a number beside strings
    if y is not None and not is_frame(y) and not hasattr(y, "shape"):
        y = np.asarray(y)
    if y is not None and len(y.shape) == 2 and y.shape[1] > 1:
        check_consistent_length(X, y)
        return _check_probabilities(y)
    if not unlabeled or y is None:
        return Labels(*check_labels(estimator, X, y))
    y = _one_column(y)
    check_consistent_length(X, y)
    if y.dtype.kind in "US" and str(UNLABELED) in y:
        raise ValueError("y: expected the number -1 for rows without a label, in an object array, got the string '-1'")
    missing = np.array(list(map(_is_minus_one, y.tolist())), dtype=bool)
    if known_classes is None:
        is_class = missing.any() and len({label for label in y.tolist() if not _is_minus_one(label)}) == 1
    else:
        is_class = any(map(_is_minus_one, known_classes))
    if is_class:
        return Labels(*check_labels(estimator, X, y))
    if missing.all():
        raise ValueError(
            f"y: -1 is a row without a label here: expected labels besides, got none in {len(y)} rows; if -1 is one of "
            "your classes, name it otherwise"
        )
    classes, known = check_labels(estimator, y[~missing], y[~missing])
    codes = np.full(len(y), UNLABELED)
    codes[~missing] = known
    return Labels(classes, codes)


def _one_column(y):
    """As an array of shape (n,), where booleans and whole numbers of pandas' own types stay what they are."""
    if hasattr(y, "isna") and y.ndim == 1 and not y.isna().any():
        y = np.asarray(y)
    return column_or_1d(y, warn=True)


def _is_minus_one(label):
    return isinstance(label, Number) and label == UNLABELED


def _check_probabilities(y):
    classes = np.asarray(y.columns) if is_frame(y) else np.arange(y.shape[1])
    if classes.dtype == object:
        _check_one_type("y: expected columns named after labels of one type", classes)
    classes, order = np.unique(classes, return_index=True)
    if len(classes) < y.shape[1]:
        raise ValueError(f"y: expected one column for each class, got {y.shape[1]} columns of {len(classes)} names")
    try:
        proba = np.asarray(y, dtype=np.float64)[:, order]
    except (TypeError, ValueError):
        proba = np.full(y.shape, np.nan)
    sums = proba.sum(axis=1, keepdims=True)
    if not (proba.min() >= 0 and np.abs(sums - 1).max() < 1e-3):
        raise ValueError(
            "y: expected labels of shape (n,), or probabilities of the classes, (n, n_classes), of at least 0 and with "
            f"sum 1 in each row, got other values of shape {proba.shape} (y should be a 1d array of labels)"
        )
    proba = proba / sums
    return Labels(classes, proba.argmax(axis=1), proba)


def _check_one_type(expectation, labels):
    kinds = {
        str if isinstance(label, str) else Number if isinstance(label, Number) else type(label) for label in labels
    }
    if len(kinds) > 1:
        names = sorted({type(label).__name__ for label in labels})
        raise ValueError(f"{expectation}, got {' and '.join(names)}")


def check_mask(name, X, mask):
    """Which rows are meant, bool of shape (n,).

    Raises
    ------
    ValueError
        If it is no yes or no for each row.
    """
    mask = np.asarray(mask)
    if mask.ndim != 1:
        raise ValueError(f"{name}: expected True or False for each row, (n,), got shape {mask.shape}")
    with naming(name):
        check_consistent_length(X, mask)
    strange = sorted({str(value) for value in mask.tolist() if value not in (0, 1)})  # as False and True are, too
    if strange:
        raise ValueError(f"{name}: expected True or False for each row, got {', '.join(strange[:3])}")
    return mask.astype(bool)


def check_same_kind(**labels):
    """Labels, by the name of the parameter, that can be equal at all: texts, or no texts, all of them.

    Raises
    ------
    ValueError
        If some are texts and others are not.
    """
    kinds = {name: values.dtype.kind in "US" or isinstance(values[0], str) for name, values in labels.items()}
    if len(set(kinds.values())) > 1:
        got = ", ".join(f"{name} like {labels[name][:1].tolist()}" for name in kinds)
        raise ValueError(f"{' and '.join(kinds)}: expected labels of one kind, got {got}")


@naming("sample_weight")
def check_weights(X, sample_weight):
    """Weights of the rows, float64 of shape (n,), such that they can be computed with; None is one each.

    Raises
    ------
    ValueError
        If a weight is negative or missing, or all are zero.
    """
    if sample_weight is None:
        return np.ones(len(X))
    weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    if not weight.any():
        raise ValueError("sample_weight: expected a positive weight for at least one row, got zeros only")
    return in_range(weight)
