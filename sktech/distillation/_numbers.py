"""What stands before a teacher that knows nothing but numbers."""

from sklearn.base import BaseEstimator, TransformerMixin

from sktech.table import TableReader


class AsNumbers(TransformerMixin, BaseEstimator):
    """Tables of any columns as floats: categories are numbered, missing numbers stay NaN."""

    def __init__(self, categorical_features="from_dtype"):
        self.categorical_features = categorical_features

    def fit(self, X, y=None):
        self.reader_ = TableReader(self.categorical_features).fit(X)
        return self

    def transform(self, X):
        return self.reader_.transform(X)
