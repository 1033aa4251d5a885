"""What stands before a teacher that knows nothing but numbers."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from sktech.table import TableReader

# Sums of numbers up to here are finite.
_LARGEST = 1e300


class AsNumbers(TransformerMixin, BaseEstimator):
    """Tables of any columns as floats that boosted trees can bin: categories are numbered, missing numbers stay NaN.

    A column that had none but missing ones is 0, and a number is at most 1e300 in size.
    """

    def __init__(self, categorical_features="from_dtype"):
        self.categorical_features = categorical_features

    def fit(self, X, y=None):
        self.reader_ = TableReader(self.categorical_features).fit(X)
        self.known_ = ~np.isnan(self.reader_.transform(X)).all(axis=0)
        return self

    def transform(self, X):
        Z = self.reader_.transform(X).astype(np.float64)
        return np.where(self.known_, Z.clip(-_LARGEST, _LARGEST), 0.0)
