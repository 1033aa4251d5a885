"""An estimator in a file, and back."""

from sktech._validation import check_sequence
from sktech.modules.members import BORROWED
from sktech.persistence._container import read, write
from sktech.persistence._decode import decode
from sktech.persistence._encode import encode
from sktech.persistence._error import ModelFileError


def save(estimator, path):
    """Saves an estimator in a file from which nothing is executed when it is loaded.

    What travels, and what does not, is told in :mod:`sktech.persistence`.

    Parameters
    ----------
    estimator : estimator
        Of sktech's, scikit-learn's or skorch's, or one of yours that derives from these; fitted or not. Whatever is
        inside (steps, members, modules, callbacks) travels with it, and so does the state of its optimiser.
    path : str or os.PathLike
        A file that is there is replaced, at once and only when the new one is complete, which gets its permissions.

    Raises
    ------
    TypeError
        If it is no estimator, if the path is none, or if there is something inside that no file without code can hold:
        a lambda or another function or class that does not stand at the top of a module, a generator, an object of a C
        library. The message says what, and in which parameter or attribute.
    OSError
        If the file cannot be written. What was there is still there.

    See Also
    --------
    load : The way back.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import sktech
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = sktech.NetClassifier(n_members=1, max_epochs=5, random_state=0).fit(X, y)
    >>> path = os.path.join(tempfile.mkdtemp(), "iris.sktech")
    >>> sktech.save(clf, path)
    >>> bool(np.all(sktech.load(path).predict_proba(X) == clf.predict_proba(X)))
    True
    """
    _check_estimator(estimator, TypeError, "estimator")
    with BORROWED:  # others may predict with the estimator
        nodes, arrays = encode(estimator)
    write(path, nodes, arrays.to_bytes())


def load(path, *, trusted=()):
    """Loads an estimator that :func:`save` has saved; nothing of the file is executed.

    Parameters
    ----------
    path : str or os.PathLike
    trusted : sequence of str, default=()
        Classes and functions that may be used besides those of scikit-learn, torch, skorch and sktech, as
        "package.module.Class". Their modules are imported and their objects given the state that the file holds: name
        only what you know, in files of people you trust.

    Returns
    -------
    estimator : estimator
        It predicts as the saved one did, to the last bit on the same machine with the same libraries.

    Raises
    ------
    ModelFileError
        A ValueError: if the file holds no such estimator, was changed or cut short, is of a newer format, or names
        classes that are neither known nor trusted; the message lists these. Nothing has been imported or made then that
        the list does not allow.
    OSError
        If there is no file, or if it cannot be read.

    Warns
    -----
    UserWarning
        If the net was on a device that is not here. Its tensors are put on the CPU, where it predicts; the parameter
        ``device`` of an estimator stays as it was, so that to fit it again one sets it to "cpu".
    sklearn.exceptions.InconsistentVersionWarning
        If there are objects inside that another version of scikit-learn has fitted.

    See Also
    --------
    save : It has an example.
    """
    check_sequence("trusted", trusted)
    nodes, arrays = read(path)
    estimator, devices = decode(nodes, arrays, trusted)
    _check_estimator(estimator, ModelFileError, "the file")
    devices.warn()
    return estimator


def _check_estimator(obj, error, where):
    if not (hasattr(type(obj), "fit") and hasattr(type(obj), "get_params")):
        raise error(f"{where}: expected an estimator, got {type(obj).__name__}")
