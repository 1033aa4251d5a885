import numpy as np
import pandas as pd
import pytest

from sktech.experiment.columns import TidyColumns


def test_every_column_becomes_a_number_or_a_category(mixed):
    X, _, later = mixed
    tidy = TidyColumns().fit(X)
    for rows in (X, later):
        kinds = [str(dtype) for dtype in tidy.transform(rows).dtypes]
        assert kinds == ["float64", "float64", "float64", "category", "category"]


def test_missing_stays_missing_and_unseen_becomes_missing(mixed):
    X, _, later = mixed
    tidy = TidyColumns().fit(X)
    np.testing.assert_array_equal(tidy.transform(X).isna().to_numpy(), X.drop(columns="empty").isna())
    assert tidy.transform(later)["x3"].isna().tolist() == [True, False, True, True]


def test_rows_are_transformed_one_by_one(mixed):
    X, _, _ = mixed
    tidy = TidyColumns().fit(X)
    pd.testing.assert_frame_equal(tidy.transform(X).iloc[5:9].reset_index(drop=True), tidy.transform(X.iloc[5:9]))


def test_only_the_most_frequent_categories_are_kept():
    column = pd.DataFrame({"c": ["a"] * 3 + ["b"] * 2 + ["d"]})
    tidy = TidyColumns(max_categories=2).fit(column)
    assert tidy.categories_ == {0: ["a", "b"]}
    assert tidy.transform(column)["x0"].isna().sum() == 1


def test_nullable_dtypes_and_arrays():
    frame = pd.DataFrame({"i": pd.array([1, None], "Int64"), "b": pd.array([True, None], "boolean")})
    np.testing.assert_array_equal(TidyColumns().fit_transform(frame), [[1, 1], [np.nan, np.nan]])
    np.testing.assert_array_equal(TidyColumns().fit_transform(np.eye(2)), np.eye(2))


def test_another_number_of_columns_is_refused(mixed):
    X, _, _ = mixed
    with pytest.raises(ValueError, match="expected 6 columns as in training, got 5"):
        TidyColumns().fit(X).transform(X.iloc[:, 1:])
