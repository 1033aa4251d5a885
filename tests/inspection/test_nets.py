"""A fitted model and its points: the answers are the model's, and each number tells of one column."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.compose import ColumnTransformer, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    Normalizer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from skorch import NeuralNetClassifier
from torch import nn

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
)
from sktech.inspection._answers import Answer
from sktech.inspection._columns import MIXED
from sktech.inspection._nets import read_net
from sktech.modules import MLP

FAST = {"max_epochs": 2, "hidden_layer_sizes": (8,), "random_state": 0}


def table(seed=0, n=120):
    """Numbers, missing values, and categories of two, four and twelve levels, in mixed order; three classes."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(
        {
            "level": rng.integers(0, 12, n).astype(str),
            "size": rng.normal(size=n),
            "colour": rng.choice(["red", "green", "blue", "grey"], n),
            "gap": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
            "flag": rng.choice(["yes", "no"], n),
            "count": rng.integers(0, 3, n),
            "binary": rng.integers(0, 2, n),
        }
    )
    return X, np.array(["a", "b", "c"])[(X["size"] > 0).to_numpy() * 1 + (X["level"].astype(int) > 5).to_numpy()]


def numbers(seed=0, n=120):
    X, y = np.random.default_rng(seed).normal(size=(n, 5)).astype(np.float32), np.arange(n) % 3
    X[:, 0] += y
    return X, y


ON_TABLES = {
    "committee": NetClassifier(**FAST),
    "one net": NetClassifier(n_members=1, **FAST),
    "periodic": NetClassifier(numeric_embedding="periodic", **FAST),
    "no embedding": NetClassifier(numeric_embedding=None, **FAST),
    "own module": NetClassifier(MLP, max_epochs=2, random_state=0),
    "members": NetClassifier(MLP, n_members=3, max_epochs=2, random_state=0),
    "smoothed": SmoothedNetClassifier(**FAST),
    "reweighted": ReweightedClassifier(NetClassifier(**FAST), random_state=0),
    "decoupled": DecoupledLongTailClassifier(NetClassifier(**FAST), random_state=0),
    "noise tolerant": NoiseTolerantClassifier(**FAST),
    "clean prototypes": CleanPrototypeClassifier(**FAST),
    "prototypes": PrototypeClassifier(**FAST),
    "distilled": DistilledClassifier(NetClassifier(**FAST), NetClassifier(**FAST), random_state=0),
    "generations": DistilledClassifier(
        NetClassifier(**FAST), NetClassifier(**FAST), generations=2, ensemble_generations=True, random_state=0
    ),
    "bagging": BaggingVoteEnsemble(NetClassifier(**FAST), n_estimators=3, member_weights=[1, 2, 0], random_state=0),
    "some columns": BaggingVoteEnsemble(NetClassifier(**FAST), n_estimators=3, max_features=0.5, random_state=0),
    "columns drawn twice": BaggingVoteEnsemble(
        NetClassifier(**FAST), n_estimators=3, bootstrap_features=True, random_state=0
    ),
    "committees of wrappers": BaggingVoteEnsemble(
        ReweightedClassifier(NetClassifier(**FAST)), n_estimators=2, random_state=0
    ),
    "disagreement": DisagreementEnsemble(NetClassifier(**FAST), n_estimators=2, random_state=0),
    "search": GridSearchCV(NetClassifier(**FAST), {"lr": [1e-3, 1e-2]}, cv=2),
}
STEPS = {
    "one-hot": make_column_transformer(
        (OneHotEncoder(sparse_output=False, drop="if_binary", max_categories=5, handle_unknown="infrequent_if_exist"),
         ["level", "flag"]),
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["gap", "size"]),
        ("drop", ["count"]),
        remainder="passthrough",
    ).set_output(transform="pandas"),
    "names kept": ColumnTransformer(
        [
            ("codes", OrdinalEncoder(), ["colour", "level"]),
            ("target", TargetEncoder(), ["flag"]),
            ("bins", KBinsDiscretizer(3, encode="onehot-dense", quantile_method="averaged_inverted_cdf"), ["size"]),
            ("splines", SplineTransformer(), ["count"]),
        ],
        verbose_feature_names_out=False,
    ).set_output(transform="pandas"),
    "chosen": make_pipeline(
        make_column_transformer((StandardScaler(), ["size", "count", "binary"])), SelectKBest(k=2), "passthrough"
    ),
    "union": make_pipeline(
        make_column_transformer((StandardScaler(), ["size", "count", "binary"])),
        FeatureUnion([("plain", "passthrough"), ("bent", FunctionTransformer(np.tanh, feature_names_out="one-to-one"))])
    ),
}  # fmt: skip


def through(steps):
    return make_pipeline(steps, NetClassifier(**FAST))


def changed(before, after):
    """Which numbers of each tensor differ in any row."""
    return [(a != b).reshape(-1, a.shape[-1]).any(dim=0).numpy() for a, b in zip(before, after, strict=True)]


CASES = ON_TABLES | {f"steps: {name}": through(steps) for name, steps in STEPS.items()}


@pytest.fixture(scope="module", params=CASES, ids=list(CASES))
def fitted(request):
    X, y = table()
    if request.param in ("own module", "members"):
        X = X.drop(columns=["level"])
    return CASES[request.param].fit(X, y), X


def test_a_number_changes_with_its_column_alone(fitted):
    estimator, X = fitted
    net = read_net(estimator, X)
    assert not any((column == MIXED).any() for column in net.origins)
    assert net.feature_names == list(X.columns)
    before, seen = net.points(X), set()
    assert [point.shape[-1] for point in before] == [len(column) for column in net.origins]
    for j, name in enumerate(X):
        other = X.copy()
        other[name] = X[name].to_numpy()[::-1]
        for moved, column in zip(changed(before, net.points(other)), net.origins, strict=True):
            assert set(column[moved]) <= {j}
            seen |= set(column[moved])
    assert seen == {j for column in net.origins for j in column}


def test_the_answers_are_those_of_the_model(fitted):
    estimator, X = fitted
    net = read_net(estimator, X)
    points, proba = net.points(X), estimator.predict_proba(X)
    with net.evaluating(), torch.no_grad():
        for k, label in enumerate(estimator.classes_):
            answers = Answer(net, points, label, "probability")
            np.testing.assert_allclose(answers(points), proba[:, k], atol=1e-6)
        assert (Answer(net, points, None, "logit").target == estimator.predict(X)).all()
        if hasattr(estimator, "decision_function"):
            for k, label in enumerate(estimator.classes_):
                logits = Answer(net, points, label, "logit")(points)
                np.testing.assert_allclose(logits, estimator.decision_function(X)[:, k], atol=1e-5)


def test_a_frame_of_polars_gives_the_same_points():
    X, y = table()
    clf = NetClassifier(**FAST).fit(X, y)
    as_polars = pl.DataFrame({name: X[name].to_list() for name in X})
    for a, b in zip(read_net(clf, X).points(X), read_net(clf, as_polars).points(as_polars), strict=True):
        assert torch.equal(a, b)


def test_the_neutral_point_is_a_row_of_medians_without_known_categories():
    X, y = table()
    clf = NetClassifier(**FAST).fit(X[["size", "level"]], y)
    unknown = pd.DataFrame({"size": [np.nan], "level": ["never seen"]})
    net = read_net(clf, X[["size", "level"]])
    for neutral, point in zip(net.neutral(), net.points(unknown), strict=True):
        assert torch.equal(neutral, point)


@pytest.mark.parametrize("kind", [NeuralNetClassifier, TensorNet])
@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss, nn.NLLLoss])
def test_a_skorch_net_by_itself_and_in_a_pipeline(kind, criterion):
    X, y = numbers()
    layers = [nn.Linear(5, 3)] + ([nn.Softmax(dim=-1)] if criterion is nn.NLLLoss else [])
    bare = kind(nn.Sequential(*layers), criterion=criterion, max_epochs=2, verbose=0, train_split=None)
    for model in (bare, make_pipeline(StandardScaler(), bare)):
        model.fit(X, y)
        net = read_net(model, X)
        points = net.points(X)
        with net.evaluating(), torch.no_grad():
            for k in range(3):
                answers = Answer(net, points, k, "probability")(points)
                np.testing.assert_allclose(answers, model.predict_proba(X)[:, k], atol=1e-5)


def test_a_module_sees_rows_of_any_shape_in_its_own_type():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 4)).double().train()
    X = np.random.default_rng(0).normal(size=(6, 1, 4, 4))
    net = read_net(module, X)
    points = net.points(X)
    assert net.shape == (1, 4, 4)
    with net.evaluating(), torch.no_grad():
        assert torch.equal(net.logits(points)[0], module(torch.from_numpy(X)))
        assert not module.training
    assert module.training


@pytest.mark.parametrize("shape", [(), (1,)])
def test_a_module_with_one_output_has_a_logit_and_its_sigmoid(shape):
    weight = torch.tensor([1.0, -2.0])

    class One(nn.Module):
        def forward(self, X):
            return (X @ weight).reshape(-1, *shape)

    X = np.array([[0.5, 1.0], [2.0, 0.0]], dtype=np.float32)
    net = read_net(One(), X)
    points = net.points(X)
    np.testing.assert_allclose(Answer(net, points, None, "logit")(points), [-1.5, 2.0])
    np.testing.assert_allclose(Answer(net, points, None, "probability")(points), 1 / (1 + np.exp([1.5, -2.0])), 1e-6)


def test_evaluation_mode_lasts_for_the_block_and_each_part_gets_back_its_own():
    module = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(3), nn.Linear(3, 2)).train()
    module[1].eval()
    net = read_net(module, np.zeros((2, 3)))
    with net.evaluating():
        assert not any(part.training for part in module.modules())
    assert [part.training for part in module] == [True, False, True]


def test_classes_that_a_member_does_not_know_are_impossible_to_it():
    X, y = numbers(n=60)
    weight = np.where(y == 1, 0.0, 1.0)
    clf = NetClassifier(**FAST).fit(X, y, sample_weight=weight)
    net = read_net(clf, X)
    points = net.points(X)
    for label in (0, 2):
        np.testing.assert_allclose(
            Answer(net, points, label, "probability")(points).detach(), clf.predict_proba(X)[:, label], atol=1e-6
        )
    with pytest.raises(ValueError, match="target: expected a class that had a weight in training, got 1"):
        Answer(net, points, 1, "logit")


@pytest.mark.parametrize(
    "mixing",
    [PCA(2), PolynomialFeatures(2), FunctionTransformer(lambda X: np.log1p(np.abs(X))), Normalizer(), KNNImputer()],
    ids=lambda t: type(t),
)
def test_outputs_of_several_columns_are_known_as_such(mixing):
    X, y = numbers()
    model = make_pipeline(StandardScaler(), mixing, NetClassifier(**FAST)).fit(X, y)
    net = read_net(model, X)
    assert any((column == MIXED).any() for column in net.origins)
    with pytest.raises(ValueError, match="made of one column.*StandardScaler, " + type(mixing).__name__):
        net.check_columns()


def test_what_cannot_be_read_is_refused():
    X, y = numbers()
    for model in (NetClassifier(), make_pipeline(StandardScaler(), NetClassifier()), ReweightedClassifier()):
        with pytest.raises(NotFittedError):
            read_net(model, X)
    forest = RandomForestClassifier(2).fit(X, y)
    with pytest.raises(TypeError, match=r"expected a fitted net of sktech's or skorch's.*got RandomForestClassifier$"):
        read_net(forest, X)
    with pytest.raises(TypeError, match="got Pipeline with RandomForestClassifier"):
        read_net(make_pipeline(StandardScaler(), RandomForestClassifier(2)).fit(X, y), X)
    with pytest.raises(TypeError, match="got OutputCodeEnsemble"):
        read_net(OutputCodeEnsemble(NetClassifier(**FAST), random_state=0).fit(X, y), X)
    with pytest.raises(TypeError, match="expected nets of sktech's inside, got RandomForestClassifier"):
        read_net(BaggingVoteEnsemble(RandomForestClassifier(2), n_estimators=2, random_state=0).fit(X, y), X)
    hard = BaggingVoteEnsemble(NetClassifier(**FAST), n_estimators=2, voting="hard", random_state=0).fit(X, y)
    with pytest.raises(TypeError, match="voting: expected 'soft'"):
        read_net(hard, X)
    with pytest.raises(ValueError, match="X has 3 features, but NetClassifier is expecting 5"):
        read_net(NetClassifier(**FAST).fit(X, y), X[:, :3])
    for nothing in (NetClassifier, 5, "net"):
        with pytest.raises(TypeError, match="estimator: expected a fitted net"):
            read_net(nothing, X)
    with pytest.raises(ValueError, match="expected a table of at least one row"):
        read_net(nn.Linear(3, 2), np.zeros(3))
    net = read_net(nn.Unflatten(1, (1, 1, 3)), np.zeros((2, 3)))
    with pytest.raises(ValueError, match="expected a module that returns"):
        Answer(net, net.points(np.zeros((2, 3))), None, "logit")


@pytest.mark.parametrize(
    ("target", "message"),
    [("d", "among"), (1, "labels of one kind"), (["a", "b"], "one for each of 120 rows"), (["a"] * 119 + ["x"], "'x'")],
)
def test_a_target_is_a_class(target, message):
    X, y = table()
    net = read_net(NetClassifier(**FAST).fit(X, y), X)
    with pytest.raises(ValueError, match=message):
        Answer(net, net.points(X), target, "logit")
