"""A fit that succeeds or leaves no trace."""

from contextlib import contextmanager


@contextmanager
def all_or_nothing(estimator, keeps=None):
    """Gives an estimator back the attributes that it had, if the block fails or is interrupted.

    Parameters
    ----------
    estimator : object
    keeps : callable, default=None
        ``keeps(error)`` says whether the estimator is left as it is after an error; None: after none.
    """
    before = dict(vars(estimator))
    try:
        yield
    except BaseException as error:
        if keeps is None or not keeps(error):
            vars(estimator).clear()
            vars(estimator).update(before)
        raise
