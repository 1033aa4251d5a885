"""What a result depends on, in one key: another table, parameter, seed or version is another key."""

import hashlib
import inspect
import json
import platform
import sys
import uuid
from dataclasses import asdict
from functools import cache
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from sktech.experiment.errors import InputError

_ALWAYS = ("numpy", "pandas", "scipy", "sklearn", "skorch", "torch", "sktech")
_INSTALLED = {"site-packages", "dist-packages"}


def table_digest(table):
    """A digest of the names, types and values of a table, and of what its folds must respect.

    Parameters
    ----------
    table : Table

    Returns
    -------
    digest : str
    """
    frame = pd.DataFrame(table.X)
    try:
        rows = pd.util.hash_pandas_object(frame, index=False).to_numpy()
    except TypeError:  # cells that cannot be hashed
        rows = joblib.hash(frame)
    columns = [(str(name), str(dtype)) for name, dtype in frame.dtypes.items()]
    constraints = [part for part in (table.groups, table.time) if part is not None]
    return _digest(json.dumps(columns), rows, str(table.y.dtype), table.y, *constraints)


def model_description(estimator):
    """What an estimator is: its class, its parameters, and the versions of the packages that they come from.

    Parameters
    ----------
    estimator : estimator
        Unfitted.

    Returns
    -------
    description : dict
        Can be written as JSON.

    Raises
    ------
    InputError
        If a parameter cannot be described, such as a function without a name.
    """
    try:
        parameters = joblib.hash(estimator)
    except Exception as error:  # whatever pickle meets
        raise InputError(
            f"model {estimator!r}: results cannot be kept, because a parameter cannot be described: {error}"
        ) from error
    parts = [estimator, *(value for value in estimator.get_params().values() if hasattr(value, "get_params"))]
    kinds = {part if inspect.isclass(part) else type(part) for part in parts}
    packages = sorted({kind.__module__.partition(".")[0] for kind in kinds} | set(_ALWAYS))
    return {
        "class": f"{type(estimator).__module__}.{type(estimator).__qualname__}",
        "parameters": parameters,
        "versions": {"python": platform.python_version()} | {package: version_of(package) for package in packages},
    }


class Keys:
    """The keys of an experiment's tasks.

    Parameters
    ----------
    tables : list of Table
    models : list of Model

    Raises
    ------
    InputError
        If a model cannot be described.
    """

    def __init__(self, tables, models):
        self._tables = {table: table_digest(table) for table in tables}
        self._models = {model.name: model_description(model.estimator) for model in models}

    def __call__(self, task):
        """The key of a task's result."""
        return _digest(self.described(task), task.fold.train, task.fold.test)

    def described(self, task):
        """What the key is made of, but for the rows, as JSON."""
        parts = {"table": self._tables[task.table], "model": self._models[task.model.name], "seed": task.seed}
        parts |= {"conditions": asdict(task.conditions), "n_candidates": task.n_candidates}
        return json.dumps(parts, sort_keys=True)


@cache
def version_of(package):
    """What distinguishes the code of an imported package from other states of it.

    Parameters
    ----------
    package : str
        The name that it is imported by.

    Returns
    -------
    version : str
        Of an installed package its version; of other code, which may change without a new version, a digest of its
        files; of what was typed into a session, a name that never comes again.
    """
    module = sys.modules[package]
    source, version = getattr(module, "__file__", None), getattr(module, "__version__", None)
    if version is not None and (source is None or _INSTALLED & set(Path(source).parts)):
        return str(version)
    if source is None:
        return uuid.uuid4().hex
    files = sorted(Path(source).parent.rglob("*.py")) if Path(source).name == "__init__.py" else [Path(source)]
    return _digest(*(file.read_bytes() for file in files))[:12]


def _digest(*parts):
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part if isinstance(part, bytes) else _bytes(part)
        total.update(f"{len(data)}:".encode())
        total.update(data)
    return total.hexdigest()


def _bytes(array):
    return np.ascontiguousarray(array).tobytes()
