"""Laws of prototypes: a linear classifier, nearest centroids, and classes that join without changing the others."""

import pickle
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.neighbors import NearestCentroid
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from torch import nn

from sktech import BaggingVoteEnsemble, NetClassifier, OutputCodeEnsemble, PrototypeClassifier
from sktech.classifiers.prototypes import Episodes
from sktech.modules import MLP
from sktech.training import Batch, WeightedRows
from sktech.training.objective import Forward, backward, last_layer

EXACT = {"dtype": "float64", "dropout": 0.0, "early_stopping": False}


class Inputs(nn.Module):
    """Its features are its inputs."""

    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.head = nn.Linear(n_features_in, n_classes)

    def forward(self, X):
        return self.head(X)


def learner(n_way=20, **params):
    small = {"hidden_layer_sizes": (16,), "max_epochs": 3, "n_members": 2, "random_state": 0}
    return PrototypeClassifier(n_way, **small | params)


def identity(**params):
    return PrototypeClassifier(
        net=Inputs, max_epochs=2, random_state=0, dtype="float64", early_stopping=False, **params
    )


def encoded(model, X):
    return torch.cat(list(model._inputs(X)))


def embedded(model, X):
    """(..., n, n_units), float64."""
    inputs, module = encoded(model, X), model.net_.module_.eval()
    with torch.no_grad():
        return Forward(module, inputs).features(inputs).double().numpy()


def logits(model, X):
    return model.net_.logits(encoded(model, X)).double().numpy()


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:600], y[:600]


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


# ------------------------------------------------------------ episodes


@pytest.mark.parametrize("n_members", [None, 3])
def test_the_loss_is_the_mean_over_queries_of_their_softmax_over_distances(n_members):
    n_way, n_support, n_query = 4, 3, 2
    shape = (n_way * 5,) if n_members is None else (n_members, n_way * 5)
    X = torch.randn(*shape, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    module = MLP(6, 9, (8,), n_members=n_members).double()
    y = torch.zeros(shape, dtype=torch.int64)
    rows = SimpleNamespace(data=WeightedRows(X, y), learned=np.ones((1, shape[-1])))
    objective = Episodes(n_support, n_query, rows, class_weight=None, goes_on=False)
    batch = Batch((X, y), torch.arange(shape[-1]).expand(shape))
    loss = backward(objective, Forward(module, X), batch)
    H = module.features(X).detach().reshape(-1, n_way, 5, 8)
    expected = []
    for h in H:
        c = h[:, :n_support].mean(1)
        terms = [
            torch.logsumexp(-((q - c) ** 2).sum(-1), 0) + ((q - c[k]) ** 2).sum()
            for k in range(n_way)
            for q in h[k, n_support:]
        ]
        expected.append(sum(terms) / len(terms))
    torch.testing.assert_close(loss, torch.stack(expected).view(loss.shape), rtol=0, atol=1e-12)


def test_the_last_layer_is_not_trained(digits):
    """Its weights are computed; whatever the optimiser would make of them is no part of the loss."""

    class Watch(Callback):
        seen: ClassVar = []

        def on_grad_computed(self, net, named_parameters, **kwargs):
            self.seen += [parameter.grad is None for name, parameter in named_parameters if "head" in name]

    learner(callbacks=[Watch], n_members=1, max_epochs=1).fit(*digits)
    assert Watch.seen
    assert all(Watch.seen)


# ------------------------------------------------------------ a linear classifier


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_it_is_the_linear_classifier_of_the_class_means(n_members, early_stopping, digits):
    X, y = digits
    weight = np.random.default_rng(0).integers(1, 4, len(y)) / 2
    model = learner(n_members=n_members, **EXACT | {"early_stopping": early_stopping})
    learned = {}

    class Spy(PrototypeClassifier):
        def _make_objective(self, rows):
            learned["rows"] = rows
            return super()._make_objective(rows)

    model = Spy(**model.get_params(deep=False)).fit(X, y, weight)
    rows = learned["rows"]
    H = embedded(model, X).reshape(n_members, len(y), -1)
    F = (
        Forward(model.net_.module_.eval(), rows.data.X)
        .features(rows.data.X)
        .detach()
        .numpy()
        .reshape(n_members, -1, H.shape[-1])
    )
    for m in range(n_members):
        c = np.stack(
            [np.average(F[m][rows.data.y == k], axis=0, weights=rows.learned[m][rows.data.y == k]) for k in range(10)]
        )
        own = logits(model, X).reshape(n_members, len(y), 10)[m]
        assert_allclose(own, 2 * H[m] @ c.T - (c**2).sum(1), rtol=0, atol=1e-9)
        distances = ((H[m][:, None] - c) ** 2).sum(-1)
        assert_allclose(own - own[:, :1], distances[:, :1] - distances, rtol=0, atol=1e-9)
    if not early_stopping and n_members == 1:
        c = np.stack([np.average(H[0][y == k], axis=0, weights=weight[y == k]) for k in range(10)])
        assert_allclose(last_layer(model.net_.module_).weight.detach().numpy(), 2 * c, rtol=0, atol=1e-10)


@pytest.mark.parametrize("weighted", [False, True])
def test_where_the_embedding_is_the_identity_it_is_the_nearest_centroid(weighted, iris):
    X, y = iris
    model = identity().fit(X, y, np.arange(len(y)) % 3 if weighted else None)
    copies = np.repeat(np.arange(len(y)), np.arange(len(y)) % 3 if weighted else 1)
    Z = encoded(model, X).numpy()
    centroids = NearestCentroid().fit(Z[copies], y[copies])
    assert_array_equal(model.predict(X), centroids.predict(Z))
    distances = ((Z[:, None] - centroids.centroids_) ** 2).sum(-1)
    assert_allclose((Z**2).sum(1)[:, None] - model.decision_function(X), distances, rtol=0, atol=1e-9)


def test_members_of_a_module_that_knows_nothing_of_them_are_nearest_centroids_too(iris):
    X, y = iris
    model = identity(n_members=3).fit(X, y)
    one = identity().fit(X, y)
    assert_allclose(model.predict_proba(X), one.predict_proba(X), rtol=0, atol=1e-10)
    for clf in (model, one):
        clf.add_classes(X[:5] + 3, ["another"] * 5)
    assert_allclose(model.predict_proba(X), one.predict_proba(X), rtol=0, atol=1e-10)


def odds_beyond_distances(model, X, prototypes_of):
    """What is added to minus the squared distances from means of some rows, (n, n_classes)."""
    Z = encoded(model, X).numpy()
    c = np.stack([encoded(model, rows).numpy().mean(0) for rows in prototypes_of])
    return model.decision_function(X) - (Z**2).sum(1)[:, None] + ((Z[:, None] - c) ** 2).sum(-1)


@pytest.mark.parametrize(
    ("class_weight", "factors"),
    [({"setosa": 0.5, "virginica": 7.0, "versicolor": 1.0}, [0.5, 1.0, 7.0]), ("balanced", [1.0, 1.0, 1.0])],
    ids=["given", "balanced"],
)
def test_a_class_weight_multiplies_the_odds_of_its_class(class_weight, factors, iris):
    X, y = iris[0][40:], iris[1][40:]
    model = identity(class_weight=class_weight).fit(X, y)
    beyond = odds_beyond_distances(model, X, [X[y == label] for label in model.classes_])
    assert_allclose(beyond, np.tile(np.log(factors), (len(X), 1)), rtol=0, atol=1e-9)


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_weight_is_so_many_copies(early_stopping, iris):
    X, y = iris
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    copies = np.repeat(np.arange(len(X)), weight)
    one = learner(early_stopping=early_stopping).fit(X, y, weight)
    other = learner(early_stopping=early_stopping).fit(X[copies], y[copies])
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_the_order_of_rows_does_not_matter(iris):
    X, y = iris
    order = np.random.default_rng(0).permutation(len(y))
    assert_array_equal(learner().fit(X, y).predict_proba(X), learner().fit(X[order], y[order]).predict_proba(X))


# ------------------------------------------------------------ classes that join


@pytest.fixture(scope="module", params=[1, 2], ids="n_members={}".format)
def old(request, digits):
    X, y = digits
    return learner(n_members=request.param, **EXACT).fit(X[y < 7], y[y < 7])


def joined(model, *classes, X, y, weight=None):
    model = pickle.loads(pickle.dumps(model))
    for some in classes:
        rows = np.isin(y, some)
        model.add_classes(X[rows], y[rows], None if weight is None else weight[rows])
    return model


def test_one_by_one_or_together_in_any_order_is_the_same(old, digits):
    X, y = digits
    together = joined(old, [7, 8, 9], X=X, y=y)
    assert together.classes_.tolist() == list(range(10))
    for classes in ([[7], [8], [9]], [[9], [7, 8]]):
        model = joined(old, *classes, X=X, y=y)
        assert model.classes_.tolist() == list(range(10))
        assert_allclose(model.predict_log_proba(X), together.predict_log_proba(X), rtol=0, atol=1e-9)


def test_distances_to_the_old_prototypes_stay(old, digits):
    X, y = digits
    before, after = logits(old, X), logits(joined(old, [7, 9], X=X, y=y), X)
    assert after.shape[-1] == 9
    assert_allclose(after[..., :7], before, rtol=0, atol=1e-10)


def test_labels_are_sorted_wherever_new_ones_belong(digits):
    X, y = digits
    names = np.array(["m", "b", "z", "k", "a", "q", "c"])
    known, new = y < 3, (y >= 3) & (y < 7)
    model = learner(n_members=1, **EXACT).fit(X[known], names[y[known]])
    before = dict(zip(model.classes_, model.predict_log_proba(X).T, strict=True))
    model.add_classes(X[new], names[y[new]])
    assert model.classes_.tolist() == sorted(names)
    after = dict(zip(model.classes_, model.predict_log_proba(X).T, strict=True))
    for name in ("m", "z"):
        assert_allclose(after[name] - after["b"], before[name] - before["b"], rtol=0, atol=1e-9)
    assert (model.predict(X[new]) == names[y[new]]).mean() > 0.6


def test_the_new_prototypes_are_weighted_means_and_weights_are_copies(old, digits):
    X, y = digits
    weight = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    model = joined(old, [7, 8, 9], X=X, y=y, weight=weight)
    H = embedded(model, X)
    for k in (7, 8, 9):
        c = np.average(H[..., y == k, :], axis=-2, weights=weight[y == k])
        assert_allclose(last_layer(model.net_.module_).weight.detach()[..., k, :], 2 * c, rtol=0, atol=1e-10)
    copies = np.repeat(np.arange(len(y)), weight.astype(int))
    same = joined(old, [7, 8, 9], X=X[copies], y=y[copies])
    assert_allclose(same.predict_log_proba(X), model.predict_log_proba(X), rtol=0, atol=1e-9)


def test_a_class_weight_told_beforehand_holds_for_a_class_that_joins(iris):
    X, y = iris
    model = identity(class_weight={"setosa": 2.0, "versicolor": 1.0}).fit(X[:100], y[:100])
    model.set_params(class_weight={"setosa": 2.0, "versicolor": 1.0, "virginica": 5.0})
    model.add_classes(X[100:], y[100:])
    beyond = odds_beyond_distances(model, X, [X[:50], X[50:100], X[100:]])
    assert_allclose(beyond, np.tile(np.log([2.0, 1.0, 5.0]), (len(X), 1)), rtol=0, atol=1e-9)


def test_a_model_with_new_classes_is_a_model_like_others(digits):
    X, y = digits
    model = learner(warm_start=True).fit(X[y < 7], y[y < 7])
    model.add_classes(X[y >= 7], y[y >= 7])
    same = pickle.loads(pickle.dumps(model))
    assert_array_equal(same.predict_proba(X), model.predict_proba(X))
    assert_allclose(model.predict_proba(X).sum(1), 1, rtol=1e-5)
    assert clone(model).fit(X[y < 7], y[y < 7]).classes_.tolist() == list(range(7))
    model.partial_fit(X, y)
    assert model.n_iter_ == 4
    model.fit(X, y)
    assert model.n_iter_ == 7
    assert model.predict_proba(X).shape == (len(X), 10)


@pytest.mark.parametrize("seed", range(3))
def test_unseen_classes_are_told_apart_and_better_from_more_rows(seed):
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    new = rng.permutation(10)[:3]
    is_new = np.isin(y, new)
    model = PrototypeClassifier(n_members=1, max_epochs=16, random_state=seed).fit(X[~is_new], y[~is_new])
    found = {}
    for shots in (1, 20):
        scores = []
        for _ in range(10):
            order = rng.permutation(np.flatnonzero(is_new))
            rows = np.concatenate([order[y[order] == k][:shots] for k in new])
            enrolled = joined(model, new, X=X[rows], y=y[rows])
            rest = np.setdiff1d(order, rows)
            of_new = enrolled.predict_proba(X[rest])[:, new]
            scores.append((new[of_new.argmax(1)] == y[rest]).mean())
        found[shots] = np.mean(scores)
    assert found[20] > found[1] > 0.5
    assert found[20] > 0.85


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([7, 2], r"y: expected labels of classes that are not known yet, got \[2\]"),
        ([7.0, 8.0], "y: expected labels of the type of those that are known, int, got float"),
        (["a", "b"], "y: expected labels of the type of those that are known, int, got str"),
        ([0.5, 1.5], "Unknown label type"),
    ],
    ids=str,
)
def test_labels_that_cannot_join_are_refused_and_change_nothing(labels, message, old, digits):
    X = digits[0]
    before = old.predict_proba(X)
    with pytest.raises(ValueError, match=message):
        old.add_classes(X[:2], labels)
    with pytest.raises(ValueError, match="sample_weight: expected a positive weight in each new class"):
        old.add_classes(X[:2], [8, 9], [1.0, 0.0])
    assert_array_equal(old.predict_proba(X), before)


# ------------------------------------------------------------ few rows, few classes, odd nets


def test_few_classes_and_few_rows_make_smaller_episodes():
    X = np.arange(10.0)[:, None]
    assert learner().fit(X, np.arange(10) % 2).predict(X).shape == (10,)
    assert learner(early_stopping=False).fit(X[:2], [0, 1]).predict(X[:2]).tolist() == [0, 1]
    one = learner().fit(X, np.zeros(10))
    assert_array_equal(one.predict_proba(X), 1)


def test_classes_of_a_stream_are_not_predicted_before_they_come(digits):
    X, y = digits
    stream = learner().partial_fit(X[y < 5], y[y < 5], classes=range(10))
    assert set(stream.predict(X)) <= set(range(5))
    assert_array_equal(stream.predict_proba(X)[:, 5:], 0)
    stream.partial_fit(X[y >= 5], y[y >= 5])
    assert len(set(stream.predict(X))) > 7


def test_members_of_a_bag_may_lack_a_class():
    X, y = load_iris(return_X_y=True)
    rows = np.r_[0:50, 50:52]
    bag = BaggingVoteEnsemble(learner(n_members=1, early_stopping=False), 8, random_state=0).fit(X[rows], y[rows])
    assert bag.score(X[rows], y[rows]) > 0.9
    codes = OutputCodeEnsemble(learner(n_members=1, max_epochs=10), random_state=0).fit(X, y)
    assert codes.score(X, y) > 0.8


def make(n_features_in, n_classes):
    return nn.Sequential(nn.Linear(n_features_in, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, n_classes))


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("skorch", [False, True])
def test_a_net_of_ones_own_gets_prototypes_too(n_members, skorch, iris):
    X, y = iris
    net = NeuralNetClassifier(make, criterion=nn.CrossEntropyLoss, max_epochs=5) if skorch else make
    params = {} if skorch else {"max_epochs": 5}
    model = PrototypeClassifier(net=net, n_members=n_members, random_state=0, **params).fit(X[:100], y[:100])
    assert model.score(X[:100], y[:100]) > 0.9
    assert model.add_classes(X[100:105], y[100:105]).predict_proba(X).shape == (150, 3)
    frame = pd.DataFrame(X, columns=list("abcd"))
    assert PrototypeClassifier(net=net, random_state=0, **params).fit(frame, y).score(frame, y) > 0.5


def without_bias(n_features_in, n_classes):
    return nn.Linear(n_features_in, n_classes, bias=False)


def two_layers_as_head(n_features_in, n_classes):
    module = Inputs(n_features_in, n_classes)
    module.head = nn.Sequential(nn.ReLU(), nn.Linear(n_features_in, n_classes))
    return module


def squashed(n_features_in, n_classes):
    return nn.Sequential(nn.Linear(n_features_in, n_classes), nn.Tanh())


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (without_bias, r"net: expected a module whose last layer is a Linear with a bias, got Linear\(.*bias=False"),
        (two_layers_as_head, r"net: expected a module whose last layer is a Linear with a bias, got Sequential"),
        (squashed, "expected Sequential to return the output of Linear"),
    ],
    ids=["without_bias", "two_layers_as_head", "squashed"],
)
@pytest.mark.parametrize("n_members", [1, 2])
def test_nets_without_a_head_for_prototypes_are_refused(net, message, n_members, iris):
    with pytest.raises(TypeError, match=message):
        PrototypeClassifier(net=net, n_members=n_members).fit(*iris)


@pytest.mark.parametrize("params", [{"n_way": 1}, {"n_support": 0}, {"n_query": 0}, {"n_way": 2.5}], ids=str)
def test_episodes_that_make_no_sense_are_refused(params, iris):
    with pytest.raises((TypeError, ValueError), match=f"{next(iter(params))}: expected an integer"):
        PrototypeClassifier(**params).fit(*iris)


def test_probabilities_as_labels_are_refused(iris):
    with pytest.raises(ValueError, match=r"y: expected labels, .* got probabilities"):
        learner().fit(iris[0], np.full((150, 2), 0.5))


def test_an_unfitted_model_says_so(iris):
    from_nothing = PrototypeClassifier()
    with pytest.raises(ValueError, match="not fitted yet"):
        from_nothing.add_classes(*iris)
    assert not hasattr(NetClassifier, "add_classes")
