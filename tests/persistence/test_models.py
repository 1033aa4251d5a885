"""Every estimator travels: saved here, it gives the same answers in another process, to the last bit."""

import functools
import importlib
import re
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV, HalvingGridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping, EpochScoring, GradientNormClipping, LRScheduler
from skorch.dataset import Dataset
from skorch.helper import predefined_split

import sktech
from sktech import (
    BaggingVoteEnsemble,
    CleanPrototypeClassifier,
    DecoupledLongTailClassifier,
    DisagreementEnsemble,
    DistilledClassifier,
    NetClassifier,
    NoiseTolerantClassifier,
    OutputCodeEnsemble,
    PrototypeClassifier,
    ReweightedClassifier,
    SmoothedNetClassifier,
    TensorNet,
    load,
    save,
)
from sktech.inspection import Memorizer, integrated_gradients
from sktech.persistence import ModelFileError
from sktech.persistence._names import may_be_made, name_of
from sktech.smoothing import ConfidencePenalty, LabelSmoothing

rng = np.random.default_rng(0)
N = 80
X = rng.normal(size=(N, 4))
X32 = X.astype(np.float32)
Y = np.arange(N) % 3
X[:, 0] += Y
NAMES = np.array(["a", "bb", "ccc"])[Y]
TABLE = pd.DataFrame(X, columns=list("pqrs")).assign(
    city=np.where(X[:, 1] > 0, "Oslo", "Bodø"),
    plan=pd.Categorical(np.where(X[:, 2] > 0, "pro", "free")),
    on=X[:, 3] > 0,
)
TABLE.loc[3, "p"] = np.nan
TABLE.loc[[4, 7], "city"] = None
ROWS = {"array": X, "float32": X32, "table": TABLE}
NUMERIC = list("pqrs")

SMALL = {"hidden_layer_sizes": (8,), "max_epochs": 2, "random_state": 0}
ONE = NetClassifier(n_members=1, **SMALL)
PREPARED = make_column_transformer(
    (make_pipeline(SimpleImputer(), StandardScaler()), NUMERIC),
    (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
    ("passthrough", ["on"]),
)
LINEAR = {"module": torch.nn.Linear, "module__in_features": 4, "module__out_features": 3}
LINEAR |= {"criterion": torch.nn.CrossEntropyLoss, "max_epochs": 2, "verbose": 0}
WATCHED = [("scoring", EpochScoring("accuracy")), EarlyStopping(), GradientNormClipping(1.0)]

USERS_MODULE = """
import torch
from sktech import NetClassifier

class Net(torch.nn.Module):
    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(n_features_in, 8), torch.nn.BatchNorm1d(8), torch.nn.Tanh())
        self.out = torch.nn.Linear(8, n_classes)

    def forward(self, X):
        return self.out(self.body(X))

class Recurrent(torch.nn.Module):
    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.memory, self.out = torch.nn.GRU(1, 4, batch_first=True), torch.nn.Linear(4, n_classes)
        self.body = torch.nn.Linear(n_features_in, 1)

    def forward(self, X):
        return self.out(self.memory(X[..., None])[0][:, -1])

class Classifier(NetClassifier):
    pass

def halved(progress):
    return 0.5

def distance(a, b):
    return float(abs(a - b).sum())
"""


@functools.cache
def users():
    return importlib.import_module("sktech_test_users_module")


# What is fitted, and on which rows and labels.
MODELS = {
    "NetClassifier": lambda: NetClassifier(**SMALL).fit(TABLE, NAMES),
    "SmoothedNetClassifier": lambda: SmoothedNetClassifier(
        [LabelSmoothing(0.1), ConfidencePenalty()], n_members=2, **SMALL
    ).fit(TABLE, NAMES.astype(object)),
    "NoiseTolerantClassifier": lambda: NoiseTolerantClassifier(n_members=1, **SMALL).fit(TABLE, Y - 1),
    "CleanPrototypeClassifier": lambda: CleanPrototypeClassifier(3, n_members=1, **SMALL).fit(TABLE, Y > 0),
    "PrototypeClassifier": lambda: PrototypeClassifier(n_members=1, **SMALL).fit(TABLE, Y * 2.0),
    "DecoupledLongTailClassifier": lambda: DecoupledLongTailClassifier(ONE).fit(TABLE, NAMES),
    "ReweightedClassifier": lambda: ReweightedClassifier(ONE).fit(TABLE, NAMES, is_clean=np.arange(N) % 4 == 0),
    "BaggingVoteEnsemble": lambda: BaggingVoteEnsemble(ONE, 3, random_state=0).fit(TABLE, NAMES),
    "OutputCodeEnsemble": lambda: OutputCodeEnsemble(ONE, random_state=0).fit(TABLE, NAMES),
    "DisagreementEnsemble": lambda: DisagreementEnsemble(ONE, random_state=0).fit(
        TABLE[:60], NAMES[:60], X_unlabeled=TABLE[60:]
    ),
    "DistilledClassifier": lambda: DistilledClassifier(
        HistGradientBoostingClassifier(max_iter=3), ONE, compression_report=True
    ).fit(X, NAMES),
    "TensorNet": lambda: TensorNet(**LINEAR, callbacks=[*WATCHED, LRScheduler("StepLR", step_size=1)]).fit(X32, Y),
    "Memorizer": lambda: Memorizer(random_state=0).fit(X, Y),
    "other settings": lambda: NetClassifier(
        n_members=1,
        numeric_embedding="periodic",
        dropout="jumpout",
        dtype="float64",
        callbacks=WATCHED,
        class_weight={"a": 1.0, "bb": 2.0, "ccc": np.float32(3)},
        **SMALL | {"random_state": np.random.RandomState(0)},
    ).fit(TABLE, NAMES),
    "own module": lambda: NetClassifier(users().Net, max_epochs=2).fit(TABLE, NAMES),
    "members of an own module": lambda: NetClassifier(users().Net, n_members=3, max_epochs=2).fit(TABLE, NAMES),
    "own recurrent module": lambda: NetClassifier(users().Recurrent, max_epochs=2).fit(TABLE, NAMES),
    "own class": lambda: users().Classifier(lr_schedule=users().halved, n_members=1, **SMALL).fit(TABLE, NAMES),
    "skorch net": lambda: NeuralNetClassifier(
        **LINEAR, optimizer=torch.optim.Adam, train_split=predefined_split(Dataset(X32, Y))
    ).fit(X32, Y),
    "skorch net inside": lambda: NetClassifier(
        NeuralNetClassifier(users().Net, criterion=torch.nn.CrossEntropyLoss, max_epochs=2, callbacks=WATCHED)
    ).fit(TABLE, NAMES),
    "pipeline": lambda: make_pipeline(PREPARED, SelectKBest(f_classif, k=4), FunctionTransformer(np.cbrt), ONE).fit(
        TABLE, NAMES
    ),
    "GridSearchCV": lambda: GridSearchCV(
        ONE,
        {"lr": [0.01, 0.1]},
        cv=StratifiedKFold(2, shuffle=True),
        scoring=["neg_log_loss", "accuracy"],
        refit="accuracy",
    ).fit(TABLE, NAMES),
    "BaggingClassifier": lambda: BaggingClassifier(ONE, 2).fit(X, NAMES),
    "VotingClassifier": lambda: VotingClassifier(
        [("net", ONE), ("tree", DecisionTreeClassifier()), ("forest", RandomForestClassifier(3))], voting="soft"
    ).fit(X, NAMES),
    "CalibratedClassifierCV": lambda: CalibratedClassifierCV(ONE, cv=2).fit(TABLE, NAMES),
    "StackingClassifier": lambda: StackingClassifier([("net", ONE), ("svc", SVC())], cv=2).fit(X, NAMES),
    "AdaBoostClassifier": lambda: AdaBoostClassifier(ONE, n_estimators=2, random_state=0).fit(X, NAMES),
    "bagged trees": lambda: BaggingVoteEnsemble(DecisionTreeClassifier(), 3).fit(X, Y),
    "bagged pipelines": lambda: BaggingVoteEnsemble(make_pipeline(PREPARED, LogisticRegression()), 3).fit(TABLE, NAMES),
    "columns of a frame": lambda: make_pipeline(
        make_column_transformer(
            (SimpleImputer(), TABLE.columns[:2]), (OneHotEncoder(), TABLE.select_dtypes("category").columns)
        ),
        LogisticRegression(),
    ).fit(TABLE, NAMES),
    "IterativeImputer": lambda: make_pipeline(IterativeImputer(max_iter=2, random_state=0), SVC()).fit(X, NAMES),
    "HalvingGridSearchCV": lambda: HalvingGridSearchCV(ONE, {"lr": [0.01, 0.1]}, cv=2, random_state=0).fit(X, NAMES),
    "own distance": lambda: VotingClassifier(
        [(str(k), KNeighborsClassifier(k, algorithm="ball_tree", metric=users().distance)) for k in (1, 2)]
    ).fit(X, NAMES),
    "MLPClassifier": lambda: MLPClassifier((5,), tol=0.1).fit(X, NAMES),
    "KNeighborsClassifier": lambda: KNeighborsClassifier(algorithm="kd_tree").fit(X, NAMES),
    "GradientBoostingClassifier": lambda: GradientBoostingClassifier(n_estimators=3).fit(X, NAMES),
    "SGDClassifier": lambda: SGDClassifier(loss="log_loss").fit(X, NAMES),
    "GaussianProcessClassifier": lambda: GaussianProcessClassifier(RBF() + WhiteKernel(), optimizer=None).fit(X, NAMES),
}
TRUSTED = {
    "own module": ["Net"],
    "members of an own module": ["Net"],
    "own recurrent module": ["Recurrent"],
    "own class": ["Classifier", "halved"],
    "skorch net inside": ["Net"],
    "own distance": ["distance"],
}
TRUSTED = {name: [f"sktech_test_users_module.{kind}" for kind in kinds] for name, kinds in TRUSTED.items()}

# The same lines here and in the other process.
ANSWERS = """
import numpy as np

def answers(model, rows):
    rows = rows["table" if hasattr(model, "feature_names_in_") else "float32" if hasattr(model, "module_") else "array"]
    names = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform", "uncertainty")
    return {name: np.asarray(getattr(model, name)(rows)) for name in names if hasattr(model, name)}
"""
ELSEWHERE = (
    ANSWERS
    + """
import sys
import joblib, sktech

rows, files = joblib.load(sys.argv[1])
joblib.dump({name: answers(sktech.load(path, trusted=trusted), rows) for name, path, trusted in files}, sys.argv[2])
"""
)
exec(ANSWERS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    (folder / "sktech_test_users_module.py").write_text(USERS_MODULE)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))
    sys.modules.pop("sktech_test_users_module", None)
    users.cache_clear()


@pytest.fixture(scope="module")
def models(folder):
    return {name: make() for name, make in MODELS.items()}


@pytest.fixture(scope="module")
def saved(models, folder):
    paths = {name: folder / f"{k}.sktech" for k, name in enumerate(models)}
    for name, model in models.items():
        assert save(model, paths[name]) is None
    return paths


@pytest.fixture(scope="module")
def elsewhere(saved, folder):
    files = [(name, str(path), TRUSTED.get(name, [])) for name, path in saved.items()]
    joblib.dump((ROWS, files), folder / "rows")
    command = [sys.executable, "-W", "error", "-c", ELSEWHERE, folder / "rows", folder / "answers"]
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": ":".join(sys.path)})
    assert done.returncode == 0, done.stderr
    return joblib.load(folder / "answers")


def shown(estimator):
    """Its parameters, without the addresses of what is inside, and without the order of sets, which have none."""
    params = {name: sorted(value) if type(value) is set else value for name, value in estimator.get_params().items()}
    return re.sub("0x[0-9A-Fa-f]+", "", str(params))


def test_every_public_estimator_is_among_them():
    kinds = {name for name in sktech.__all__ if isinstance(getattr(sktech, name), type)}
    assert kinds <= MODELS.keys()


def test_every_estimator_of_scikit_learns_is_known():
    assert not [kind for _, kind in all_estimators() if not may_be_made(name_of(kind))]


@pytest.mark.parametrize("name", MODELS)
def test_the_same_answers_in_another_process(models, elsewhere, name):
    expected = answers(models[name], ROWS)  # noqa: F821
    assert expected.keys() == elsewhere[name].keys()
    for method, values in expected.items():
        assert values.dtype == elsewhere[name][method].dtype, method
        assert np.array_equal(values, elsewhere[name][method], equal_nan=values.dtype.kind == "f"), method


@pytest.mark.parametrize("name", MODELS)
def test_the_same_parameters_and_attributes(models, saved, name):
    model, loaded = models[name], load(saved[name], trusted=TRUSTED.get(name, ()))
    assert type(loaded) is type(model)
    assert shown(loaded) == shown(model)
    assert shown(clone(loaded)) == shown(clone(model))
    assert loaded.get_params().keys() == model.get_params().keys()
    assert vars(loaded).keys() == vars(model).keys()
    if hasattr(model, "classes_"):
        assert loaded.classes_.dtype == model.classes_.dtype
        assert np.array_equal(loaded.classes_, model.classes_)
    for history in ("history_", "history"):
        assert getattr(loaded, history, None) == getattr(model, history, None)


@pytest.mark.parametrize("name", TRUSTED)
def test_types_of_others_are_named_and_not_imported(saved, name, monkeypatch):
    monkeypatch.delitem(sys.modules, "sktech_test_users_module")
    with pytest.raises(ModelFileError, match="trusted=") as refused:
        load(saved[name])
    assert all(kind in str(refused.value) for kind in TRUSTED[name])
    assert "sktech_test_users_module" not in sys.modules


@pytest.mark.parametrize("name", [name for name in MODELS if name not in TRUSTED])
def test_unfitted_estimators_travel(models, tmp_path, name):
    unfitted = clone(models[name])
    save(unfitted, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert shown(loaded) == shown(unfitted)
    if name in ("NetClassifier", "pipeline"):
        assert np.array_equal(loaded.fit(TABLE, NAMES).predict_proba(TABLE), models[name].predict_proba(TABLE))


def test_a_saved_file_is_the_same_each_time(models, saved, tmp_path):
    save(models["NetClassifier"], tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == saved["NetClassifier"].read_bytes()


def test_training_goes_on_as_it_would_have(tmp_path):
    for go_on in (
        lambda clf: clf.set_params(warm_start=True).fit(TABLE, NAMES),
        lambda clf: clf.partial_fit(TABLE, NAMES),
    ):
        clf = NetClassifier(n_members=2, early_stopping=False, optimizer=torch.optim.NAdam, **SMALL).fit(TABLE, NAMES)
        save(clf, tmp_path / "model")
        loaded = load(tmp_path / "model")
        assert loaded.n_iter_ == 2
        expected = go_on(clf).predict_proba(TABLE)
        assert np.array_equal(go_on(loaded).predict_proba(TABLE), expected)
        assert not np.array_equal(load(tmp_path / "model").predict_proba(TABLE), expected)
    net = TensorNet(**LINEAR, optimizer=torch.optim.Adam, callbacks=WATCHED).fit(X32, Y)
    save(net, tmp_path / "model")
    torch.manual_seed(0)
    expected = net.partial_fit(X32, Y).predict_proba(X32)
    torch.manual_seed(0)
    assert np.array_equal(load(tmp_path / "model").partial_fit(X32, Y).predict_proba(X32), expected)


def test_classes_join_a_loaded_model(tmp_path):
    clf = PrototypeClassifier(n_members=1, **SMALL).fit(X[Y < 2], NAMES[Y < 2])
    save(clf, tmp_path / "model")
    loaded = load(tmp_path / "model")
    for model in (clf, loaded):
        model.add_classes(X[Y == 2], NAMES[Y == 2])
    assert loaded.classes_.tolist() == ["a", "bb", "ccc"]
    assert np.array_equal(loaded.predict_proba(X), clf.predict_proba(X))


def test_loaded_nets_are_read_like_others(models, saved):
    loaded = load(saved["BaggingVoteEnsemble"])
    values = [
        integrated_gradients(model, TABLE[:3], target="bb").values for model in (models["BaggingVoteEnsemble"], loaded)
    ]
    assert np.array_equal(*values)


def test_another_scikit_learn_warns(saved, archive, tmp_path):
    def older(nodes):
        return [
            [*node[:3], node[3] | {"_sklearn_version": "0.20"}]
            if node[1:2] == ["sklearn.preprocessing:StandardScaler"]
            else node
            for node in nodes
        ]

    (tmp_path / "model").write_bytes(saved["pipeline"].read_bytes())
    archive.change(tmp_path / "model", older)
    with pytest.warns(InconsistentVersionWarning, match="StandardScaler"):
        load(tmp_path / "model")


@pytest.mark.parametrize(
    ("estimator", "place"),
    [
        (NetClassifier(lambda n_features_in, n_classes: None), r"NetClassifier\.net: the function .*lambda"),
        (BaggingVoteEnsemble(NetClassifier(lr_schedule=lambda p: p)), r"BaggingVoteEnsemble\.estimator\.lr_schedule: "),
        (make_pipeline(FunctionTransformer(lambda X: X), ONE), r"Pipeline\.steps\[0\]\[1\]\.func: "),
        (NetClassifier(type("Local", (torch.nn.Module,), {})), r"NetClassifier\.net: the class Local"),
        ([ONE], "expected an estimator, got list"),
    ],
)
def test_what_cannot_travel_is_named_with_its_parameter(estimator, place, tmp_path):
    with pytest.raises(TypeError, match=place):
        save(estimator, tmp_path / "model")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("trusted", ["package.module.Class", 3])
def test_trusted_is_a_sequence_of_names(saved, trusted):
    with pytest.raises(TypeError, match="trusted: expected a sequence"):
        load(saved["NetClassifier"], trusted=trusted)


def test_boosted_trees_of_others_travel_with_trust(tmp_path):
    lightgbm, xgboost = pytest.importorskip("lightgbm"), pytest.importorskip("xgboost")
    for model, names in (
        (
            lightgbm.LGBMClassifier(n_estimators=2, verbose=-1),
            ["lightgbm.sklearn.LGBMClassifier", "lightgbm.basic.Booster"],
        ),
        (xgboost.XGBClassifier(n_estimators=2), ["xgboost.sklearn.XGBClassifier", "xgboost.core.Booster"]),
    ):
        assert is_classifier(model)
        save(model.fit(X, Y), tmp_path / "model")
        with pytest.raises(ModelFileError, match="trusted="):
            load(tmp_path / "model")
        assert np.array_equal(load(tmp_path / "model", trusted=names).predict_proba(X), model.predict_proba(X))
