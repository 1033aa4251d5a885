import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import sktech.experiment.keys as keys
from sktech import NetClassifier, SmoothedNetClassifier
from sktech.experiment import InputError, Table
from sktech.experiment.conditions import Conditions
from sktech.experiment.folds import Fold
from sktech.experiment.keys import Keys, model_description, table_digest, version_of
from sktech.experiment.models import Model
from sktech.experiment.scoring import Task
from sktech.smoothing import LabelSmoothing


def table(**changes):
    X = pd.DataFrame({"size": [1.0, 2.0, np.nan, 4.0], "colour": ["red", None, "blue", "red"]})
    y = np.array(["a", "b", "a", "b"])
    return replace(Table("one", X, y), **changes)


def key(table=None, estimator=None, **changes):
    table = table or globals()["table"]()
    model = Model("model", estimator or NetClassifier(), "sktech")
    task = Task(table, model, Fold(0, 0, np.arange(3), np.array([3])), 7, Conditions(), 0)
    return Keys([table], [model])(replace(task, **changes))


def changed(column, row, value):
    X = table().X.copy()
    X.loc[row, column] = value
    return table(X=X)


@pytest.mark.parametrize(
    "other",
    [
        changed("size", 0, np.nextafter(1.0, 2)),
        changed("size", 2, 0.0),
        changed("colour", 1, "red"),
        table(X=table().X.rename(columns={"size": "weight"})),
        table(X=table().X.astype({"colour": "category"})),
        table(X=table().X.iloc[[1, 0, 2, 3]]),
        table(y=np.array(["a", "b", "a", "a"])),
        table(groups=np.arange(4)),
        table(time=np.arange(4)),
    ],
)
def test_another_table_is_another_key(other):
    assert table_digest(other) != table_digest(table())
    assert key(other) != key()


@pytest.mark.parametrize(
    "changes",
    [
        {"estimator": NetClassifier(max_epochs=31)},
        {"estimator": NetClassifier(hidden_layer_sizes=(128, 127))},
        {"estimator": NetClassifier(optimizer=torch.optim.SGD)},
        {"estimator": SmoothedNetClassifier()},
        {"estimator": SmoothedNetClassifier(LabelSmoothing(0.05))},
        {"estimator": make_pipeline(StandardScaler(), NetClassifier())},
        {"seed": 8},
        {"conditions": Conditions(noise=0.4)},
        {"n_candidates": 2},
        {"fold": Fold(0, 0, np.arange(2), np.array([3]))},
        {"fold": Fold(0, 0, np.arange(3), np.array([2]))},
    ],
)
def test_another_model_seed_condition_or_fold_is_another_key(changes):
    assert key(**changes) != key()


def test_another_version_is_another_key(monkeypatch):
    before = key()
    monkeypatch.setattr(torch, "__version__", "99.0")
    version_of.cache_clear()
    assert key() != before
    monkeypatch.undo()
    version_of.cache_clear()
    assert key() == before


def test_code_that_is_not_installed_is_known_by_its_content(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    digests = []
    for body in ("1", "2"):
        (tmp_path / "my_model_file.py").write_text(f"__version__ = '1.0'\nvalue = {body}\n")
        __import__("my_model_file")
        version_of.cache_clear()
        digests.append(version_of("my_model_file"))
        del sys.modules["my_model_file"]
    assert digests[0] != digests[1]


def test_names_do_not_matter():
    assert key(table(name="two")) == key()


def test_the_same_key_in_another_process():
    code = (
        "from sktech.experiment.keys import model_description as d\nfrom sktech import SmoothedNetClassifier as S\n"
        "from sktech.smoothing import LabelSmoothing\nprint(d(S([LabelSmoothing(0.05)]))['parameters'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == model_description(SmoothedNetClassifier([LabelSmoothing(0.05)]))["parameters"]


def test_cells_that_cannot_be_hashed_still_count():
    one, two = (table(X=pd.DataFrame({"list": [[1], [2], [3], [last]]})) for last in (4, 5))
    assert table_digest(one) != table_digest(two)


def test_what_cannot_be_described_is_refused():
    nameless = make_pipeline(FunctionTransformer(lambda X: X), LogisticRegression())
    with pytest.raises(InputError, match="results cannot be kept, because a parameter cannot be described"):
        model_description(nameless)


def test_the_versions_that_matter_are_named():
    assert {"python", "sklearn", "torch", "sktech", "skorch"} <= model_description(NetClassifier())["versions"].keys()
    assert keys.version_of("torch") == torch.__version__
