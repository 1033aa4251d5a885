import gzip
import hashlib
import json
from types import SimpleNamespace
from urllib.error import HTTPError, URLError

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import _openml

from sktech.experiment import InputError, openml
from sktech.experiment.data import read_table

ROWS = "1,red,2.5,yes\n2,?,?,no\n1,'dark blue',0.5,yes\n"


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """Puts sets into scikit-learn's cache, as if they had been downloaded."""
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))

    def put(number, targets=("bought",), sparse=False, missing=0):
        header = "@relation r\n@attribute id integer\n@attribute colour {red, 'dark blue'}\n@attribute size real\n"
        content = (header + "@attribute bought {yes, no}\n@data\n" + ROWS).encode()
        kinds = {"id": "numeric", "colour": "nominal", "size": "numeric", "bought": "nominal"}
        features = [
            {"name": name, "data_type": kind, "is_target": str(name in targets).lower(), "is_ignore": "false",
             "is_row_identifier": "false", "number_of_missing_values": str(missing)}
            for name, kind in kinds.items()
        ]  # fmt: skip
        description = {
            "name": "things", "version": "1", "status": "active", "format": "Sparse_ARFF" if sparse else "ARFF",
            "file_id": "7", "url": "https://www.openml.org/data/v1/download/7", "description": "",
            "md5_checksum": hashlib.md5(content).hexdigest(),
        }  # fmt: skip
        for path, answer in {
            f"api/v1/json/data/{number}": json.dumps({"data_set_description": description}).encode(),
            f"api/v1/json/data/features/{number}": json.dumps({"data_features": {"feature": features}}).encode(),
            f"api/v1/json/data/qualities/{number}": b"{}",
            "data/v1/download/7": content,
        }.items():
            file = tmp_path / "openml" / "openml.org" / f"{path}.gz"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(gzip.compress(answer))

    return put


def test_a_set_from_the_cache(cached):
    cached(31)
    table = read_table("openml:31")
    assert (table.name, table.target) == ("things", "bought")
    assert table.y.tolist() == ["yes", "no", "yes"]
    assert table.X["colour"].tolist()[::2] == ["red", "dark blue"]
    assert table.X.isna().sum().tolist() == [0, 1, 1]
    np.testing.assert_array_equal(table.X["size"], [2.5, np.nan, 0.5])
    assert table.X["colour"].dtype == read_table("openml:31", "id", drop=["size"]).X["colour"].dtype


def test_another_target(cached):
    cached(31, missing=1)
    table = read_table("openml:31", "id")
    assert table.y.tolist() == [1, 2, 1]
    assert list(table.X) == ["colour", "size", "bought"]
    with pytest.raises(InputError, match="Target column 'bought' has 1 missing values"):
        read_table("openml:31")
    with pytest.raises(InputError, match="openml:31: no column 'z'; there are id, colour, size, bought"):
        read_table("openml:31", "z")


@pytest.mark.parametrize("targets", [(), ("bought", "colour")])
def test_a_set_without_one_target_asks_for_it(cached, targets):
    cached(31, targets)
    with pytest.raises(InputError, match="give it with --target; openml:31 has id, colour, size, bought"):
        read_table("openml:31")


def test_a_sparse_set_is_refused(cached):
    cached(31, sparse=True)
    with pytest.raises(InputError, match="openml:31: expected a dense table, got a sparse one"):
        read_table("openml:31")


@pytest.mark.parametrize("source", ["openml:", "openml:iris", "openml:0", "openml:-1", "openml:1.5"])
def test_what_is_no_id_is_refused(source):
    with pytest.raises(InputError, match=r"expected the ID of a set on .*, such as openml:31"):
        read_table(source)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (URLError(OSError(-3, "Temporary failure in name resolution")), "could not be reached .*name resolution"),
        (TimeoutError("timed out"), r"could not be reached \(timed out\)"),
        (HTTPError("https://www.openml.org", 412, "Precondition Failed", {}, None), "data_id 99 not found"),
        (HTTPError("https://www.openml.org", 503, "Unavailable", {}, None), "openml.org answered 503: Unavailable"),
    ],
)
def test_without_an_answer_there_is_one_line(monkeypatch, tmp_path, error, message):
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    monkeypatch.setattr(_openml, "urlopen", lambda request: (_ for _ in ()).throw(error))
    monkeypatch.setattr(_openml, "time", SimpleNamespace(sleep=lambda seconds: None))
    with pytest.raises(InputError, match=f"openml:99: .*{message}") as refusal:
        read_table("openml:99")
    assert "\n" not in str(refusal.value)


def test_nullable_integers_and_categories_of_numbers(monkeypatch):
    frame = pd.DataFrame(
        {"n": pd.array([1, None, 3], "Int64"), "c": pd.Categorical([1, 2, None]), "y": pd.Categorical([0, 1, 0])}
    )
    bunch = SimpleNamespace(frame=frame, target_names=["y"], details={"name": "numbers"})
    monkeypatch.setattr(openml, "fetch_openml", lambda **options: bunch)
    table = read_table("openml:5")
    assert table.y.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(table.X["n"], [1, np.nan, 3])
    assert table.X["c"].tolist()[:2] == ["1", "2"]
