"""A fit that succeeds or leaves no trace, and that says where it failed."""

from contextlib import contextmanager


class all_or_nothing:
    """Gives an estimator back the attributes that it had, if the block fails or is interrupted.

    Parameters
    ----------
    estimator : object
    keeps : callable, default=None
        ``keeps(error)`` says whether the estimator is left as it is after an error; None: after none.
    """

    # No generator: one that an interruption cuts off would undo its block when it is collected, whenever that is.

    def __init__(self, estimator, keeps=None):
        self.estimator = estimator
        self.keeps = keeps

    def __enter__(self):
        self.before = dict(vars(self.estimator))

    def __exit__(self, kind, error, traceback):
        if error is not None and (self.keeps is None or not self.keeps(error)):
            self.estimator.__dict__ = self.before  # in one step, which nothing can interrupt half-way


@contextmanager
def noting(what):
    """Adds to an error, or to an interruption, what was going on: a line below its message.

    Parameters
    ----------
    what : str
        Such as "while fitting member 3 of 10".
    """
    try:
        yield
    except BaseException as error:
        error.add_note(what)
        raise
