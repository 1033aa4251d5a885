"""Which column of a table each output of a transformer tells of."""

import copy
import re

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils._indexing import _get_column_indices

# A name that stands for column j among the names of outputs: no name of a column or level is like it.
_TOKEN = "\x1f{}\x1f"
# Steps that make each output of several columns, and name it after one.
_MIXING = {"IterativeImputer", "KNNImputer", "Normalizer"}
# What an output gets that tells of several columns, or of nobody knows which.
MIXED = -1


def origin(transformer, X):
    """The column of X that each output of a fitted transformer tells of.

    Pipelines, ColumnTransformers and FeatureUnions are looked into; other transformers say it by
    ``get_feature_names_out``, and are believed, but for those of scikit-learn's that name outputs after one of several
    columns.

    Parameters
    ----------
    transformer : transformer, or "passthrough"
        Fitted.
    X : data frame or ndarray of shape (n, n_features)
        What it transforms; one row will do.

    Returns
    -------
    columns : ndarray of shape (n_outputs,), int
        -1 for an output of several columns, or of a transformer that does not say.
    """
    n_features = X.shape[1]
    if transformer in ("passthrough", None):
        return np.arange(n_features)
    if isinstance(transformer, Pipeline):
        columns = np.arange(n_features)
        for _, step in transformer.steps:
            columns = _chained(columns, origin(step, X))
            X = X if step in ("passthrough", None) else step.transform(X)
        return columns
    if isinstance(transformer, FeatureUnion):
        return np.concatenate([origin(part, X) for _, part in transformer.transformer_list if part != "drop"])
    if isinstance(transformer, ColumnTransformer):
        outputs = np.full(_n_outputs(transformer, X), MIXED)
        for name, part, chosen in transformer.transformers_:
            place = transformer.output_indices_[name]
            if place.stop > place.start:
                chosen = np.asarray(_get_column_indices(X, chosen))
                outputs[place] = _chained(chosen, origin(part, _columns(X, chosen)))
        return outputs
    return _told_by_names(transformer, X)


def _chained(first, second):
    """The origin of outputs of a second transformer, which sees those of a first."""
    return np.where(second == MIXED, MIXED, first[second])


def _columns(X, chosen):
    return X.iloc[:, chosen] if hasattr(X, "iloc") else X[:, chosen.tolist()]


def _n_outputs(transformer, X):
    return transformer.transform(X).shape[1]


def _told_by_names(transformer, X):
    """Outputs are named after columns that are named after their numbers."""
    if _MIXING & {kind.__name__ for kind in type(transformer).__mro__}:
        return np.full(_n_outputs(transformer, X), MIXED)
    nameless = copy.copy(transformer)
    vars(nameless).pop("feature_names_in_", None)
    try:
        names = nameless.get_feature_names_out([_TOKEN.format(j) for j in range(X.shape[1])])
    except (AttributeError, ValueError, TypeError):  # it does not say
        return np.full(_n_outputs(transformer, X), MIXED)
    told = [set(re.findall(_TOKEN.format(r"(\d+)"), str(name))) for name in names]
    return np.array([int(*columns) if len(columns) == 1 else MIXED for columns in told], dtype=np.intp)
