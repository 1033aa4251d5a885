import gzip

import numpy as np
import pandas as pd
import pytest

from sktech.experiment import InputError
from sktech.experiment.data import BUNDLED, read_table

CSV = "number,flag,gap,word,code,y\n1,True,True,red,1,b\n2.5,False,,,2,a\n?,True,False,blue,1,NA\n"


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", CSV),
        ("t.csv.gz", gzip.compress(CSV.encode(), mtime=0)),
        ("T.CSV", CSV.replace(",", ";")),
        ("t.csv", CSV.replace(",", "\t")),
        ("t.csv", "\ufeff" + CSV),
    ],
    ids=["comma", "gzip", "semicolon", "tab", "byte order mark"],
)
def test_columns_keep_their_kind_and_empty_cells_are_missing(write, name, content):
    X, y = read_table(write(name, content), "y")
    assert [pd.api.types.is_numeric_dtype(dtype) for dtype in X.dtypes] == [True, True, False, False, True]
    assert X["flag"].dtype == bool
    assert X["gap"].tolist()[::2] == ["True", "False"]
    assert X.isna().sum().tolist() == [1, 0, 1, 1, 0]
    assert y.tolist() == ["b", "a", "NA"]


def test_semicolons_may_stand_beside_decimal_commas(write):
    X, _ = read_table(write("t.csv", "x;z;y\n0,5;1,a;no\n-1,25;2,b;yes\n"), "y")
    assert X["x"].tolist() == [0.5, -1.25]
    assert X["z"].tolist() == ["1,a", "2,b"]


def test_categories_that_look_like_numbers(write):
    X, _ = read_table(write("t.csv", CSV), "y", ["code"])
    assert X["code"].tolist() == ["1", "2", "1"]


def test_parquet(tmp_path):
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime(["1970-01-02", None, "1970-01-03"]),
            "word": pd.Categorical(["x", None, "y"]),
            "count": pd.array([1, None, 3], "Int64"),
            "flag": pd.array([True, None, False], "boolean"),
            "y": [1, 2, 1],
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    X, y = read_table(tmp_path / "t.parquet", "y")
    np.testing.assert_array_equal(X["day"], [1, np.nan, 2])
    np.testing.assert_array_equal(X["count"], [1, np.nan, 3])
    assert X["word"].tolist()[::2] == ["x", "y"]
    assert X["flag"].tolist()[::2] == ["True", "False"]
    assert X["flag"].isna().tolist() == [False, True, False]
    assert y.tolist() == [1, 2, 1]


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sets(name):
    X, y = read_table(f"sklearn:{name}")
    assert len(X) == len(y) > 100
    assert "target" not in X


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "expected a header and rows, but the file is empty"),
        ("t.csv", "x,y\n", "target 'y': expected rows, got none"),
        ("t.csv", "y\na\nb\n", "columns besides the target 'y', got none"),
        ("t.csv", "x,z\n1,a\n", "no column 'y'; there are x, z"),
        ("t.csv", "x,y\n1,a\n1,b,c,d\n", "cannot be read: .*Expected 2 fields in line 3, saw 4"),
        ("t.csv", b"x,y\n\xe9,a\n1,b\n", "expected UTF-8 text, got the byte 0xe9"),
        ("t.csv", "x,y\ninf,a\n1,b\n", "column 'x': expected finite numbers"),
        ("t.csv.gz", CSV, "expected a gzip file"),
        ("t.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-12], "expected a gzip file"),
        ("t.parquet", CSV, "cannot be read: .*Parquet"),
        ("t.xlsx", CSV, r"expected a file that ends in \.csv, \.csv\.gz, \.parquet, or sklearn:NAME"),
    ],
)
def test_what_is_no_table_is_refused(write, name, content, message):
    with pytest.raises(InputError, match=message) as refusal:
        read_table(write(name, content), "y")
    assert "\n" not in str(refusal.value)


def test_columns_are_named_where_one_is_missing(write, tmp_path):
    path = write("t.csv", ",".join(f"c{i}" for i in range(40)) + "\n")
    with pytest.raises(InputError, match=r"give it with --target; .* has c0, c1, .*, \.\.\. \(28 more\)"):
        read_table(path)
    with pytest.raises(InputError, match="no column 'c99'; there are c0"):
        read_table(path, "c1", ["c99"])
    with pytest.raises(InputError, match="'c1' is always read as classes"):
        read_table(path, "c1", ["c1"])
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "missing.csv", "y")
    with pytest.raises(InputError, match="known are sklearn:iris"):
        read_table("sklearn:mnist")


def test_lists_in_cells_are_refused(tmp_path):
    pd.DataFrame({"x": [[1, 2], [3]], "y": ["a", "b"]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="column 'x': expected one value per cell, got a list"):
        read_table(tmp_path / "t.parquet", "y")
