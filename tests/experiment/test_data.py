import gzip
from decimal import Decimal

import arff
import numpy as np
import pandas as pd
import pyarrow
import pytest
from pyarrow import feather

from sktech.experiment import InputError
from sktech.experiment.data import BUNDLED, read_table, told_apart

CSV = "number,flag,gap,word,code,y\n1,True,True,red,1,b\n2.5,False,,,2,a\n?,True,False,blue,1,NA\n"


def zstd(content):
    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content.encode())
    return sink.getvalue().to_pybytes()


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
        ("t.csv.zst", zstd(CSV)),
        ("T.CSV", CSV.replace(",", ";")),
        ("t.csv", CSV.replace(",", "\t")),
        ("t.csv", "\ufeff" + CSV),
        ("t.csv", CSV.replace("\n", "\r\n")),
        ("T.Tsv.Gz", gzip.compress(CSV.replace(",", "\t").encode(), mtime=0)),
    ],
    ids=["comma", "gzip", "zstd", "semicolon", "tab", "byte order mark", "windows", "tsv"],
)
def test_columns_keep_their_kind_and_empty_cells_are_missing(write, name, content):
    table = read_table(write(name, content), "y")
    X = table.X
    assert [pd.api.types.is_numeric_dtype(dtype) for dtype in X.dtypes] == [True, True, False, False, True]
    assert X["flag"].dtype == bool
    assert X["gap"].tolist()[::2] == ["True", "False"]
    assert X.isna().sum().tolist() == [1, 0, 1, 1, 0]
    assert table.y.tolist() == ["b", "a", "NA"]
    assert (table.name.lower(), table.target) == ("t", "y")
    assert table.groups is table.time is None


def test_every_format_reads_the_same_table(tmp_path, write):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size, in cm": np.where(rng.random(50) < 0.2, np.nan, rng.normal(size=50).round(3)),
            "word": np.where(rng.random(50) < 0.2, None, rng.choice(["red", "dark blue", "it's", "50%"], 50)),
            "y": rng.choice(["yes", "no"], 50),
        }
    )
    words = ["red", "dark blue", "it's", "50%"]
    kinds = {"size, in cm": "REAL", "word": words, "y": ["yes", "no"]}
    rows = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    content = arff.dumps({"relation": "r", "attributes": list(kinds.items()), "data": rows})
    write("a.arff", content)
    write("a.arff.gz", gzip.compress(content.encode(), mtime=0))
    for ending in (".csv", ".csv.gz"):
        frame.to_csv(tmp_path / f"a{ending}", index=False)
    write("a.csv.zst", zstd(frame.to_csv(index=False)))
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "a.parquet")
    feather.write_feather(frame, tmp_path / "a.feather")
    frame.astype({"word": "category"}).to_parquet(tmp_path / "a_category.parquet")
    first, *others = [read_table(path, "y") for path in sorted(tmp_path.iterdir())]
    assert len(others) == 8
    for table in others:
        pd.testing.assert_frame_equal(table.X, first.X)
        np.testing.assert_array_equal(table.y, first.y)
        assert table.name.startswith("a")


@pytest.mark.filterwarnings("ignore:Feather V1:DeprecationWarning")
def test_feather_of_both_versions(tmp_path):
    frame = pd.DataFrame({"x": [1.5, None], "y": ["a", "b"]})
    for version in (1, 2):
        feather.write_feather(frame, tmp_path / "t.feather", version=version)
        pd.testing.assert_frame_equal(read_table(tmp_path / "t.feather", "y").X, frame[["x"]])


def test_names_are_without_folder_and_endings(write):
    assert read_table(write("my.data.csv", CSV), "y").name == "my.data"
    assert read_table(write("my.data.csv.zst", zstd(CSV)), "y").name == "my.data"


@pytest.mark.parametrize(
    ("sources", "names"),
    [
        (["a/x.csv", "a/y.csv"], ["x", "y"]),
        (["a/x.csv", "b/x.csv", "b/y.csv"], ["a-x", "b-x", "y"]),
        (["a/c/x.csv", "b/c/x.csv", "x.csv"], ["a-c-x", "b-c-x", None]),
        (["a/x.csv", "b/x.csv", "c/a-x.csv"], [None, None, "a-x"]),
        (["/x.csv", "/a/x.csv"], ["x", "a-x"]),
        (["sklearn:iris", "data/iris.csv"], ["sklearn-iris", "data-iris"]),
        (["a/x.csv", "a/x.csv"], ["x", "x"]),
        ([], []),
    ],
)
def test_files_of_one_name_are_told_apart_by_their_folders(sources, names):
    stems = [source.removeprefix("sklearn:").rpartition("/")[2].removesuffix(".csv") for source in sources]
    told = told_apart(stems, sources)
    assert [name if expected else None for name, expected in zip(told, names, strict=True)] == names
    assert len(set(told)) == len(set(sources))


def test_semicolons_may_stand_beside_decimal_commas(write):
    X = read_table(write("t.csv", "x;z;y\n0,5;1,a;no\n-1,25;2,b;yes\n"), "y").X
    assert X["x"].tolist() == [0.5, -1.25]
    assert X["z"].tolist() == ["1,a", "2,b"]


def test_categories_that_look_like_numbers(write, tmp_path):
    assert read_table(write("t.csv", CSV), "y", categorical=["code"]).X["code"].tolist() == ["1", "2", "1"]
    pd.DataFrame({"code": [1, 2], "y": ["a", "b"]}).to_parquet(tmp_path / "t.parquet")
    assert read_table(tmp_path / "t.parquet", "y", categorical=["code"]).X["code"].tolist() == ["1", "2"]


def test_dates_that_are_text(write):
    path = write(
        "t.csv",
        "day,moment,zone,word,not_all,no_such_day,empty,y\n"
        "1970-01-02,1970-01-02 12:00,1970-01-02T02:00:00+02:00,1970,1970-01-02,2023-02-28,,2024-01-01\n"
        ",1970-01-03T06:00:30,1970-01-02T00:00:00Z,1970-01,soon,2023-02-30,,2024-01-02\n"
        "1969-12-31,NA,,01.02.1970,1970-01-04,2023-03-01,,2024-01-01\n",
    )
    table = read_table(path, "y")
    np.testing.assert_array_equal(table.X["day"], [1, np.nan, -1])
    np.testing.assert_array_equal(table.X["moment"], [1.5, 2 + (6 * 3600 + 30) / 86_400, np.nan])
    np.testing.assert_array_equal(table.X["zone"], [1, 1, np.nan])
    assert table.X["word"].tolist() == ["1970", "1970-01", "01.02.1970"]
    assert table.X["not_all"].tolist() == ["1970-01-02", "soon", "1970-01-04"]
    assert table.X["no_such_day"].tolist() == ["2023-02-28", "2023-02-30", "2023-03-01"]
    assert table.X["empty"].isna().all()
    assert table.y.tolist() == ["2024-01-01", "2024-01-02", "2024-01-01"]
    assert read_table(path, "y", categorical=["day"]).X["day"].tolist()[::2] == ["1970-01-02", "1969-12-31"]


def test_parquet(tmp_path):
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime(["1970-01-02", None, "1970-01-03"]),
            "date": [pd.Timestamp("1970-01-02").date(), None, pd.Timestamp("1970-01-03").date()],
            "word": pd.Categorical(["x", None, "y"]),
            "count": pd.array([1, None, 3], "Int64"),
            "flag": pd.array([True, None, False], "boolean"),
            "y": [1, 2, 1],
        }
    )
    (tmp_path / "year=2024").mkdir()
    frame.to_parquet(tmp_path / "year=2024" / "t.parquet")
    table = read_table(tmp_path / "year=2024" / "t.parquet", "y")
    X = table.X
    assert list(X) == ["day", "date", "word", "count", "flag"]
    np.testing.assert_array_equal(X["day"], [1, np.nan, 2])
    np.testing.assert_array_equal(X["date"], [1, np.nan, 2])
    np.testing.assert_array_equal(X["count"], [1, np.nan, 3])
    assert X["word"].tolist()[::2] == ["x", "y"]
    assert X["flag"].tolist()[::2] == ["True", "False"]
    assert X["flag"].isna().tolist() == [False, True, False]
    assert table.y.tolist() == [1, 2, 1]


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_sets(name):
    table = read_table(f"sklearn:{name}")
    assert len(table.X) == len(table.y) > 100
    assert "target" not in table.X
    assert (table.name, table.target, table.leaks) == (name, "target", ())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "expected a header and rows, but the file is empty"),
        ("t.csv", "x,y\n", "target 'y': expected rows, got none"),
        ("t.csv", "y\na\nb\n", "columns besides the target 'y', got none"),
        ("t.csv", "x,z\n1,a\n", "no column 'y'; there are x, z"),
        ("t.csv", "x,y\n1,a\n1,b,c,d\n", "cannot be read: .*Expected 2 fields in line 3, saw 4"),
        ("t.csv", "x,y\n1,a,2\n1,b,2\n", "expected a name for each column, got 2 names above rows of 3 cells"),
        ("t.csv", "x,y\n1,a,,\n1,b\n", "got 2 names above rows of 4 cells"),
        ("t.csv", b"x,y\n\xe9,a\n1,b\n", "expected UTF-8 text, got the byte 0xe9"),
        ("t.csv", "x,y\ninf,a\n1,b\n", "column 'x': expected finite numbers"),
        ("t.csv.gz", CSV, "expected a gzip file, but it cannot be unpacked"),
        ("t.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-12], "expected a gzip file"),
        ("t.csv.zst", CSV, "expected a zstd file, but it cannot be unpacked"),
        ("t.csv.zst", zstd(CSV * 100)[:-12], "expected a zstd file"),
        ("t.parquet", CSV, "cannot be read: .*Parquet"),
        ("t.feather", CSV, "cannot be read: Not a Feather"),
        ("t.arff", CSV, "cannot be read: Invalid layout of the ARFF file, at line 4"),
        ("t.arff.gz", CSV, "expected a gzip file"),
        ("t.parquet.gz", CSV, "expected a file that ends in"),
        (
            "t.xlsx",
            CSV,
            r"expected a file that ends in \.csv, .* or \.feather, or one of sklearn:iris, .*, or openml:ID",
        ),
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
    for role in ({"categorical": ["c99"]}, {"drop": ["c99"]}, {"groups": "c99"}, {"time": "c99"}):
        with pytest.raises(InputError, match="no column 'c99'; there are c0"):
            read_table(path, "c1", **role)
    with pytest.raises(InputError, match=r"no column 'y'; there are a, 'two\\nlines', x  ø$"):
        read_table(write("t.csv", 'a,"two\nlines",x  ø\n1,2,3\n'), "y")
    with pytest.raises(InputError, match="no such file"):
        read_table(tmp_path / "missing.csv", "y")
    with pytest.raises(InputError, match="known are sklearn:iris"):
        read_table("sklearn:mnist")


@pytest.mark.parametrize(
    ("roles", "options"),
    [
        ({"drop": ["y"]}, "--target and --drop"),
        ({"groups": "y"}, "--target and --groups"),
        ({"categorical": ["y"]}, "--target and --categorical"),
        ({"groups": "x", "time": "x"}, "--groups and --time"),
        ({"time": "x", "drop": ["z", "x"]}, "--time and --drop"),
        ({"drop": ["x"], "categorical": ["x"]}, "--drop and --categorical"),
        ({"drop": ["x"], "ignore_leaks": ["x"]}, "--drop and --ignore-leaks"),
    ],
)
def test_two_roles_for_one_column_are_refused(write, roles, options):
    path = write("t.csv", "x,z,y\n1,2,a\n2,3,b\n")
    with pytest.raises(InputError, match=f"is given to {options}; expected only one of them"):
        read_table(path, "y", **roles)
    read_table(path, "y", categorical=["x"], ignore_leaks=["x"], drop=["z", "z"])


def test_names_that_come_twice_are_refused(tmp_path):
    table = pyarrow.Table.from_arrays([pyarrow.array([1, 2])] * 3, names=["x", "x", "y"])
    feather.write_feather(table, tmp_path / "t.feather")
    with pytest.raises(InputError, match="two that are called 'x'"):
        read_table(tmp_path / "t.feather", "y")


def test_an_index_is_no_feature(tmp_path):
    frame = pd.DataFrame({"x": [1, 2, 3], "y": ["a", "b", "a"]}, index=pd.Index([7, 7, 8], name="id"))
    frame.to_parquet(tmp_path / "t.parquet")
    X = read_table(tmp_path / "t.parquet", "y").X
    pd.testing.assert_frame_equal(X, pd.DataFrame({"x": [1, 2, 3]}))


def test_lists_in_cells_are_refused(tmp_path):
    pd.DataFrame({"x": [[1, 2], [3]], "z": [1, 2], "y": ["a", "b"]}).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(InputError, match="column 'x': expected one value per cell, got a list"):
        read_table(tmp_path / "t.parquet", "y")
    with pytest.raises(InputError, match="column 'x': expected one value per cell, got a list"):
        read_table(tmp_path / "t.parquet", "y", groups="x")


@pytest.mark.parametrize("ending", [".parquet", ".feather"])
def test_decimal_numbers_are_numbers(tmp_path, ending):
    values = np.random.default_rng(0).integers(-9999, 9999, 40) / 100
    frame = pd.DataFrame({"x": values, "when": values, "who": range(40), "y": np.arange(40) % 3})
    as_decimals = frame.map(lambda value: Decimal(str(value)))
    as_decimals.loc[3, "x"] = frame.loc[3, "x"] = None
    path = tmp_path / f"t{ending}"
    getattr(as_decimals, f"to_{ending[1:]}")(path)
    pd.testing.assert_frame_equal(read_table(path, "y").X[["x", "when"]], frame[["x", "when"]])
    table = read_table(path, "y", time="when")
    np.testing.assert_array_equal(table.time, values)
    np.testing.assert_array_equal(table.y, frame["y"])  # labels stay whole numbers


def test_large_decimal_numbers_name_different_groups(tmp_path):
    who = [Decimal(10**20 + k) for k in range(6)]
    pd.DataFrame({"x": range(6), "who": who, "y": list("ababab")}).to_parquet(tmp_path / "t.parquet")
    assert len(set(read_table(tmp_path / "t.parquet", "y", groups="who").groups)) == 6


def test_dropped_columns_groups_and_times_are_no_features(write):
    rows = "x,z,who,when,y\n1,2,07,2024-01-01,a\n2,3,7,2024-01-01 12:00,b\n3,4,07,2023-12-31T06:00:00Z,b\n"
    table = read_table(write("t.csv", rows), "y", drop=["z"], groups="who", time="when")
    assert list(table.X) == ["x"]
    assert table.groups.tolist() == [0, 1, 0]
    assert table.groups.dtype == np.int64
    np.testing.assert_allclose(table.time - table.time[0], [0, 0.5, -0.75])


def test_groups_are_equal_where_the_column_is(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.random(40), "who": rng.integers(0, 9, 40), "y": rng.integers(0, 2, 40)})
    frame.to_parquet(tmp_path / "t.parquet")
    groups = read_table(tmp_path / "t.parquet", "y", groups="who").groups
    who = frame["who"].to_numpy()
    np.testing.assert_array_equal(groups[:, None] == groups, who[:, None] == who)


@pytest.mark.parametrize(
    "when",
    [
        [3, 1, 2],
        [0.5, -0.25, 0.0],
        pd.array([3, 1, 2], "Int64"),
        pd.to_datetime(["2024-03-01", "1969-12-31", "2024-02-29"]),
        pd.to_datetime(["2024-03-01", "1969-12-31", "2024-02-29"]).tz_localize("Europe/Oslo"),
        ["2024-03-01", "1969-12-31 23:59", "2024-02-29T12:00:00"],
    ],
    ids=["int", "float", "nullable", "dates", "dates with a zone", "text"],
)
def test_times_sort_the_rows(tmp_path, when):
    pd.DataFrame({"x": [1, 2, 3], "when": when, "y": ["a", "b", "a"]}).to_parquet(tmp_path / "t.parquet")
    time = read_table(tmp_path / "t.parquet", "y", time="when").time
    assert time.dtype in (np.int64, np.float64)
    assert np.argsort(time).tolist() == [1, 2, 0]


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("31.12.2024", r"'when': expected dates such as 2024-12-31 .*, got '31\.12\.2024'"),
        ("", "time 'when': 1 of 2 values are missing; expected none"),
        ("soon", "got 'soon'"),
    ],
)
def test_what_is_no_time_is_refused(write, when, message):
    path = write("t.csv", f"x,when,y\n1,2024-01-01,a\n2,{when},b\n")
    with pytest.raises(InputError, match=message):
        read_table(path, "y", time="when")


def test_rows_without_a_group_are_refused(write):
    with pytest.raises(InputError, match="groups 'who': 1 of 2 values are missing"):
        read_table(write("t.csv", "x,who,y\n1,a,a\n2,,b\n"), "y", groups="who")


def test_a_leak_is_refused_until_it_is_dropped_or_ignored(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.random(60), "y": rng.choice(["yes", "no"], 60)})
    frame["the day"] = np.where(frame["y"] == "yes", rng.random(60), np.nan)
    frame["copy"] = frame["y"].map({"yes": 1, "no": 0})
    path = tmp_path / "t.csv"
    frame.to_csv(path, index=False)
    with pytest.raises(InputError, match="column 'the day' is empty exactly where the class is 'no'; column 'copy' ha"):
        read_table(path, "y")
    with pytest.raises(InputError, match="--drop 'the day', or keep it with --ignore-leaks 'the day'"):
        read_table(path, "y", drop=["copy"])
    table = read_table(path, "y", drop=["copy"], ignore_leaks=["the day"])
    assert list(table.X) == ["x", "the day"]
    assert [column for column, _ in table.leaks] == ["the day"]
    assert read_table(path, "y", drop=["copy", "the day"]).leaks == ()
    assert read_table(path, "y", groups="copy", drop=["the day"]).leaks == ()


def test_moments_are_no_classes(tmp_path):
    path = tmp_path / "visits.parquet"
    pd.DataFrame({"a": range(40), "when": pd.date_range("2024-01-01", periods=2).repeat(20)}).to_parquet(path)
    with pytest.raises(InputError, match="target 'when': expected classes, got moments; choose another target"):
        read_table(path, "when")
