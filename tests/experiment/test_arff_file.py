import numpy as np
import pandas as pd
import pytest

from sktech.experiment import InputError
from sktech.experiment.arff_file import read_arff

HEADER = """% comment
@RELATION 'of things'

@attribute\t'its size'  REAL
@attribute count integer
@attribute kind {small, 'very big'}
@attribute note string
@attribute born DATE "yyyy-MM-dd HH:mm"
@attribute date numeric
@data
"""


def read(rows, header=HEADER):
    return read_arff((header + rows).splitlines(keepends=True))


def test_attributes_are_what_the_header_says():
    frame = read('1.5, 2, small, "a, b", "2024-02-29 12:00", 1\n% comment\n\n?,?,\'very big\',?,?,?\n')
    assert list(frame) == ["its size", "count", "kind", "note", "born", "date"]
    assert frame.iloc[0, :4].tolist() == [1.5, 2, "small", "a, b"]
    assert frame["born"].iloc[0] == pd.Timestamp("2024-02-29 12:00", tz="UTC")
    assert frame.iloc[1].isna().tolist() == [True, True, False, True, True, True]
    assert all(pd.api.types.is_numeric_dtype(frame[name].dtype) for name in ("its size", "count", "date"))


def test_a_column_without_values_keeps_its_kind():
    frame = read("?,?,?,?,?,?\n")
    assert frame["its size"].dtype == np.float64
    assert frame["born"].dtype.kind == "M"


def test_sparse_rows_are_those_rows_with_zeros():
    header = "@relation r\n@attribute a real\n@attribute b {x, y}\n@attribute c real\n@data\n"
    sparse = read("{0 1.5}\n{1 y, 2 ?}\n{}\n", header)
    pd.testing.assert_frame_equal(sparse, read("1.5,x,0\n0,y,?\n0,x,0\n", header))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "Invalid layout of the ARFF file"),
        ("x,y\n1,2\n", "Invalid layout of the ARFF file, at line 2"),
        ("@relation\n@attribute a real\n@data\n1\n", "expected an ARFF file"),
        ("@relation r\n@attribute a relational\n@data\n1\n", "Bad @ATTRIBUTE type, at line 2"),
        ("@relation r\n@attribute a real\n@attribute a real\n@data\n1\n", "already in use"),
        ("@relation r\n@attribute a {x, y}\n@data\nx\nz\n", "value z not found .* at line 5"),
        ("@relation r\n@attribute a real\n@data\n1\nmany\n", "Invalid numerical value, at line 5"),
        ("@relation r\n@attribute a real\n@data\n1,50%d\n", "instance format in line 4: 1,50%d"),
    ],
)
def test_what_is_no_arff_is_refused(content, message):
    with pytest.raises(pd.errors.ParserError, match=message):
        read(content, header="")


def test_dates_that_are_ambiguous_are_refused():
    with pytest.raises(InputError, match="column 'born': expected dates such as 2024-12-31"):
        read("1,1,small,a,01/02/2024,1\n")
