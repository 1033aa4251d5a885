"""The law: valid probabilities, or one clear refusal and no trace."""

import re
import signal
import warnings
from contextlib import contextmanager
from inspect import signature

import numpy as np

TIME_LIMIT = 60  # seconds for all that happens to one case
# What a refusal names: an argument, a column, or how much of something there is.
AT_FAULT = re.compile(
    r"\bX\b|\by\b|column|feature|X_unlabeled|sample_weight|n_samples|sample\(s\)|classes|is_clean|labels?\b|"
    r"^(estimator|teacher|student): "
)
SCARCE = re.compile(
    r"n_samples|at least two (classes|rows|distinct)|distinct|-1 is a row without|BatchNorm|one class|n_way|"
    r"a label and a positive weight|a single class"
)


@contextmanager
def limited_in_time():
    def stop(*_):
        raise AssertionError(f"still running after {TIME_LIMIT} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(TIME_LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def few_warnings():
    """At most three, and none of the kinds that say that a computation went astray."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    ours = [str(warning.message) for warning in caught]
    assert len(caught) <= 3, ours
    assert not [warning for warning in caught if issubclass(warning.category, RuntimeWarning | DeprecationWarning)], (
        ours
    )
    assert not [warning.filename for warning in caught if "/torch/" in warning.filename], ours


def answer(function, *args, **kwargs):
    """What a function returns, or the message with which it refuses."""
    with few_warnings():
        try:
            return function(*args, **kwargs), None
        except (ValueError, TypeError) as error:
            refused = str(error)
    assert AT_FAULT.search(refused), f"names nothing: {refused}"
    return None, refused


def check(estimator, case):
    """An estimator works with valid probabilities, or refuses in a sentence and is left as it was."""
    taken = signature(estimator.fit).parameters.keys()
    data = {"sample_weight": case.weight, **case.extras}
    data = {name: value for name, value in data.items() if name in taken and value is not None}
    with limited_in_time():
        refused = fit_or_leave(estimator, case.X, case.y, data)
        if refused is not None:
            assert not case.sound or SCARCE.search(refused), refused
            return
        check_classes(estimator.classes_, case.y)
        check_predictions(estimator, case.X, must=case.sound)
        check_predictions(estimator, case.X_new)
        fit_or_leave(estimator, case.X_new, case.y, data)


def fit_or_leave(estimator, X, y, data):
    """Why a fit is refused, or None; a refused one leaves no trace."""
    before = dict(vars(estimator))
    _, refused = answer(estimator.fit, X, y, **data)
    if refused is not None:
        assert vars(estimator).keys() == before.keys()
        assert all(vars(estimator)[name] is before[name] for name in before)
    return refused


def check_classes(classes, y):
    if np.ndim(y) == 1 and classes.dtype.kind != "M":  # times come back in another form
        given = set(y.tolist() if hasattr(y, "tolist") else y)
        assert given - {-1} <= set(classes.tolist()) <= given
        assert set(map(type, classes.tolist())) <= set(map(type, given))
    assert (classes[:-1] < classes[1:]).all()


def check_predictions(estimator, X, must=False):
    proba, refused = answer(estimator.predict_proba, X)
    labels, refused_too = answer(estimator.predict, X)
    assert (refused is None) == (refused_too is None)
    if refused is not None:
        assert not must, refused
        return
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    assert proba.shape == (n, len(estimator.classes_))
    assert np.isfinite(proba).all()
    assert ((proba >= 0) & (proba <= 1)).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
    assert labels.dtype == estimator.classes_.dtype
    assert labels.shape == (n,)
    places = np.searchsorted(estimator.classes_, labels)
    assert (estimator.classes_[places] == labels).all()
    np.testing.assert_allclose(proba[np.arange(n), places], proba.max(axis=1), atol=1e-5)
    log_proba, _ = answer(estimator.predict_log_proba, X)
    np.testing.assert_allclose(np.exp(log_proba), proba, atol=1e-5)
    if hasattr(estimator, "decision_function"):
        assert not np.isnan(answer(estimator.decision_function, X)[0]).any()
