"""A set of openml.org -> a data frame."""

import warnings
from http.client import HTTPException
from urllib.error import HTTPError, URLError

from sklearn.datasets import fetch_openml, get_data_home

from sktech.experiment.errors import InputError


def read_openml(number, target=None):
    """Download a set, or read it from scikit-learn's cache.

    Parameters
    ----------
    number : str
        The set's ID on openml.org.
    target : str, default=None
        The column to predict. None leaves it to the set.

    Returns
    -------
    name : str
        What the set is called.
    frame : DataFrame of shape (n, n_columns)
    target : str or None
        The column to predict; None where the set names none, or several.

    Raises
    ------
    InputError
        If there is no such set, it is sparse, or openml.org cannot be reached.
    """
    source = f"openml:{number}"
    if not number.isdecimal() or int(number) == 0:
        raise InputError(f"{source}: expected the ID of a set on openml.org, such as openml:31")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", "A network error occurred|Invalid cache"
            )  # what comes of it is told below
            # The set's own target may have missing values, which scikit-learn refuses; another one is not looked at.
            column = "default-target" if target is None else None
            bunch = fetch_openml(data_id=int(number), target_column=column, as_frame=True, parser="auto")
    except HTTPError as error:
        raise InputError(f"{source}: openml.org answered {error.code}: {error.reason}") from error
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise InputError(
            f"{source}: openml.org could not be reached ({getattr(error, 'reason', error)}); a table that was "
            f"downloaded before is read from scikit-learn's cache, {get_data_home()}"
        ) from error
    except ValueError as error:
        reason = "expected a dense table, got a sparse one" if "Sparse" in str(error) else " ".join(str(error).split())
        raise InputError(f"{source}: {reason}") from error
    if target is None and len(bunch.target_names) == 1:
        target = bunch.target_names[0]
    return bunch.details["name"], bunch.frame, target
