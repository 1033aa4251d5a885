"""Shares of biases sum to what gradients leave, wherever they end and however they are shared."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.datasets import make_classification
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from skorch import NeuralNetBinaryClassifier
from torch import nn

from sktech import BaggingVoteEnsemble, NetClassifier, SmoothedNetClassifier
from sktech.inspection import AttributionDisplay, bias_attribution
from sktech.inspection._nets import read_net
from sktech.modules import MLP, Members, TableNet

SEEDS = range(3)


def random_shares(weight, h, active):
    """Signed and with sum 1, the same for the same row."""
    shares = torch.sin(1e3 * (weight * h.unsqueeze(1) + torch.arange(weight.numel()).view(weight.shape)))
    return shares + (1 - shares.sum(dim=-1, keepdim=True)) / shares.shape[-1]


ALPHAS = ["softmax", "uniform", "proportional", random_shares]


class OfItsOwn(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.norm = nn.Linear(6, 5), nn.Linear(5, 4), nn.BatchNorm1d(4)
        self.last = nn.Linear(4, 1)

    def forward(self, X):
        h = torch.relu(self.first(torch.flatten(X, 1)))
        h = F.leaky_relu(self.norm(self.second(h)), 0.2)
        h = F.dropout(h.clamp(-0.5, 0.5), 0.5, training=self.training)
        return self.last(h).squeeze(1)


def bent():
    return nn.Sequential(
        nn.BatchNorm1d(6),
        nn.Linear(6, 8),
        nn.BatchNorm1d(8),
        nn.ReLU(inplace=True),
        nn.Sequential(nn.Dropout(0.3), nn.Linear(8, 9), nn.PReLU(9), nn.BatchNorm1d(9, affine=False)),
        nn.Linear(9, 7, bias=False),
        nn.Hardtanh(-0.3, 0.3),
        nn.Linear(7, 3),
    )


MODULES = {
    "bent": bent,
    "own": OfItsOwn,
    "linear": lambda: nn.Linear(6, 3),
    "mlp": lambda: MLP(6, 3, (8, 5), dropout=0.2),
    "thresholds": lambda: nn.Sequential(nn.Linear(6, 9), nn.Threshold(0.1, -0.2), nn.Linear(9, 9), nn.ReLU6()),
}


def randomised(module, seed):
    """A module in float64 with weights, biases and statistics at random."""
    generator = torch.Generator().manual_seed(seed)
    module = module.double().eval()
    with torch.no_grad():
        for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(torch.randn(tensor.shape, generator=generator, dtype=torch.float64))
            if name.endswith("running_var"):
                tensor.abs_().add_(0.1)
    return module


def rows(seed, n=40):
    return np.random.default_rng(seed).normal(size=(n, 6))


def by_autograd(estimator, X, target):
    """f(x), the mean of the members' logits, and gradient . x, from the module itself."""
    net = read_net(estimator, X)
    with net.evaluating():
        points = [point.requires_grad_() for point in net.points(X)]
        codes = np.zeros(len(X), int) if target is None else np.searchsorted(np.asarray(net.classes), target)
        logits = net.logits(points)
        f = net.weights @ logits[:, range(len(X)), codes]
        gradients = torch.autograd.grad(f.sum(), points)
    linear = 0.0
    for gradient, point in zip(gradients, points, strict=True):
        part = (gradient * point).sum(dim=-1)
        linear = linear + (part.sum(dim=0) if part.ndim == 2 else part)
    return f.detach().numpy(), linear.detach().numpy()


def table(seed, n=120):
    """Numbers with gaps, a column of two values, categories of few and of many levels; three classes."""
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.normal(size=(n, 3)), columns=["a", "b", "c"])
    X["two"] = rng.integers(0, 2, n)
    X["few"] = rng.choice(["u", "v", "w"], n)
    X["many"] = [f"level {k}" for k in rng.integers(0, 20, n)]
    y = np.array(["no", "maybe", "yes"])[(X["a"] > 0).astype(int) + (X["few"] == "v")]
    X.loc[rng.uniform(size=n) < 0.2, "b"] = np.nan
    return X, y


def in_float64(estimator, X):
    for module in read_net(estimator, X).modules:
        module.double()
    return estimator


@pytest.fixture(scope="module", params=["table", "ensemble", "wrapped", "pipeline", "plain", "class unknown"])
def fitted(request):
    X, y = table(0)
    nets = {
        "table": NetClassifier(n_members=3, max_epochs=8, random_state=0),
        "ensemble": BaggingVoteEnsemble(
            NetClassifier(n_members=2, max_epochs=4), n_estimators=2, max_features=0.7, random_state=0
        ),
        "wrapped": SmoothedNetClassifier(n_members=1, max_epochs=8, random_state=0),
        "pipeline": make_pipeline(
            ColumnTransformer(
                [("numbers", StandardScaler(), ["a", "b", "two"]), ("levels", OneHotEncoder(), ["few", "many"])],
                sparse_threshold=0,
            ),
            NetClassifier(n_members=2, max_epochs=8, random_state=0),
        ),
        "plain": NetClassifier(hidden_layer_sizes=(), n_members=1, max_epochs=8, random_state=0),
        "class unknown": NetClassifier(n_members=2, max_epochs=8, random_state=0),
    }
    if request.param == "class unknown":
        weight = (y != "maybe").astype(float)
        return in_float64(nets[request.param].fit(X, y, sample_weight=weight), X), X
    return in_float64(nets[request.param].fit(X, y), X), X


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("name", MODULES)
def test_shares_in_a_module_sum_to_what_gradients_leave(name, alpha):
    for seed in SEEDS:
        module, X = randomised(MODULES[name](), seed), rows(seed)
        f, linear = by_autograd(module, X, None)
        found = bias_attribution(module, X, alpha=alpha, target=0)
        scale = np.abs(found.values).sum(axis=1) + 1
        assert_allclose(found.answer, f, rtol=1e-12)
        assert_allclose(found.explained, f - linear, atol=1e-11)
        assert (np.abs(found.values.sum(axis=1) - (f - linear)) < 1e-11 * scale).all()
        assert (np.abs(found.explained) > 1e-3).any()
        both = bias_attribution(module, X, alpha=alpha, target=0, with_gradient=True)
        assert (np.abs(both.values.sum(axis=1) - f) < 1e-11 * scale).all()
        assert_allclose(both.explained, f, rtol=1e-12)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_shares_in_a_fitted_net_sum_to_what_gradients_leave(fitted, alpha):
    clf, X = fitted
    for target in ("no", "yes"):
        f, linear = by_autograd(clf, X, np.repeat(target, len(X)))
        found = bias_attribution(clf, X, alpha=alpha, target=target)
        scale = np.abs(found.values).sum(axis=1) + 1
        assert found.values.shape == X.shape
        assert_allclose(found.answer, f, atol=1e-10)
        assert_allclose(found.explained, f - linear, atol=1e-10)
        assert (np.abs(found.values.sum(axis=1) - (f - linear)) < 1e-10 * scale).all()
        both = bias_attribution(clf, X, alpha=alpha, target=target, with_gradient=True)
        assert (np.abs(both.values.sum(axis=1) - f) < 1e-10 * scale).all()
        assert_array_equal(found.target, np.repeat(target, len(X)))


def test_the_answer_to_one_net_is_its_logit_and_the_target_the_predicted_class(fitted):
    clf, X = fitted
    found = bias_attribution(clf, X)
    assert_array_equal(found.target, clf.predict(X))
    assert found.feature_names == list(X.columns)
    assert found.output in ("logit", "mean logit")
    assert (found.error < 1e-10).all()


def test_the_constant_part_is_the_sum_of_biases_times_their_gradients():
    for seed in SEEDS:
        module = randomised(MLP(6, 3, (8, 5, 4)), seed)
        X = rows(seed)
        logits = module(torch.from_numpy(X))
        expected = []
        biases = [parameter for name, parameter in module.named_parameters() if name.endswith("bias")]
        for row in logits:
            gradients = torch.autograd.grad(row[1], biases, retain_graph=True)
            total = sum((gradient * bias).sum() for gradient, bias in zip(gradients, biases, strict=True))
            expected.append(total.item())
        assert_allclose(bias_attribution(module, X, target=1).explained, expected, atol=1e-11)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_shares_are_those_of_the_recursion_unit_by_unit(alpha):
    """The formula for a net of two hidden layers, with loops."""

    def shares(weight, h, active):
        if callable(alpha):
            return random_shares(torch.from_numpy(weight), torch.from_numpy(h)[None], None)[0].numpy()
        told = np.zeros(weight.shape)
        for p in range(len(weight)):
            product = weight[p] * h
            if alpha == "uniform":
                part = np.ones(len(h))
            elif alpha == "proportional":
                part = product
                if abs(product[active].sum()) <= 0.01 * np.abs(product[active]).sum():
                    part = np.ones(len(h))
            else:
                size = np.abs(product) / max(0.7 * np.abs(product[active]).mean(), 1e-300)
                part = np.exp(size - size[active].max())
            told[p, active] = part[active] / part[active].sum()
        return told

    for seed in SEEDS:
        module, X = randomised(MLP(6, 3, (8, 5)), seed), rows(seed, n=10)
        layers = [layer for layer in [*module.hidden, module.head] if isinstance(layer, nn.Linear)]
        (W1, b1), (W2, b2), (W3, b3) = ((v.weight.detach().numpy(), v.bias.detach().numpy()) for v in layers)
        found = bias_attribution(module, X, alpha=alpha, temperature=0.7, target=2)
        hidden = bias_attribution(module, X, alpha=alpha, temperature=0.7, target=2, layer=-1)
        for x, values, last in zip(X, found.values, hidden.values, strict=True):
            pre1 = W1 @ x + b1
            h1 = np.maximum(pre1, 0)
            pre2 = W2 @ h1 + b2
            h2 = np.maximum(pre2, 0)
            active1, active2 = (pre > 0 if (pre > 0).any() else np.ones(len(pre), bool) for pre in (pre1, pre2))
            g2 = W3[2] * (pre2 > 0)
            g1 = (W2.T @ g2) * (pre1 > 0)
            beta3 = np.array([0, 0, b3[2]])
            beta2 = shares(W3, h2, active2).T @ beta3
            assert_allclose(last, beta2, atol=1e-10)
            beta1 = shares(W2, h1, active1).T @ (beta2 + g2 * b2)
            beta0 = shares(W1, x, np.ones(6, bool)).T @ (beta1 + g1 * b1)
            assert_allclose(values, beta0, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_a_net_without_biases_has_nothing_to_share(alpha):
    module = randomised(nn.Sequential(nn.Linear(6, 8, bias=False), nn.LeakyReLU(), nn.Linear(8, 3, bias=False)), 0)
    found = bias_attribution(module, rows(0), alpha=alpha)
    assert_allclose(found.explained, 0, atol=1e-12)
    assert_array_equal(found.values, np.zeros((40, 6)))


def test_one_dense_layer_shares_its_bias_as_stated():
    layer, X = randomised(nn.Linear(6, 3), 0), rows(0)
    weight, bias = layer.weight.detach().numpy()[1], layer.bias[1].item()
    uniform = bias_attribution(layer, X, alpha="uniform", target=1)
    assert_allclose(uniform.values, np.full((40, 6), bias / 6))
    parts = weight * X
    clear = np.abs(parts.sum(axis=1)) > 0.01 * np.abs(parts).sum(axis=1)
    expected = np.where(clear[:, None], parts / parts.sum(axis=1, keepdims=True), 1 / 6) * bias
    assert_allclose(bias_attribution(layer, X, alpha="proportional", target=1).values, expected)
    sharp = bias_attribution(layer, X, temperature=1e-4, target=1).values
    assert_allclose(sharp[range(40), np.abs(parts).argmax(axis=1)], bias)
    assert_allclose(bias_attribution(layer, X, temperature=1e9, target=1).values, uniform.values, rtol=1e-6)


def test_contributions_that_cancel_out_are_shared_alike():
    layer = nn.Linear(2, 1).double()
    layer.weight.data[:], layer.bias.data[:] = torch.tensor([1.0, -1.0]), 3.0
    X = [[1.0, 1.0], [0.0, 0.0], [1.0, 0.99], [1.0, 0.9]]
    values = bias_attribution(layer, X, alpha="proportional").values
    assert_allclose(values, [[1.5, 1.5], [1.5, 1.5], [1.5, 1.5], [30, -27]])


def test_layers_of_one_unit_leave_no_choice():
    for seed in SEEDS:
        module = nn.Sequential(nn.Linear(1, 1), nn.LeakyReLU(), nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1))
        module, X = randomised(module, seed), rows(seed)[:, :1]
        found = [bias_attribution(module, X, alpha=alpha).values for alpha in ALPHAS]
        for values in found[1:]:
            assert_allclose(values, found[0], atol=1e-12)


@pytest.mark.parametrize("alpha", ["softmax", "uniform", "proportional"])
def test_batch_norm_is_one_folded_by_hand(alpha):
    for seed in SEEDS:
        net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
        net, X = randomised(net, seed), rows(seed)
        norm, folded = net[1], nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)).double()
        slope = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        with torch.no_grad():
            folded[0].weight.copy_(net[0].weight * slope[:, None])
            folded[0].bias.copy_((net[0].bias - norm.running_mean) * slope + norm.bias)
            folded[2].load_state_dict(net[3].state_dict())
        expected = bias_attribution(folded, X, alpha=alpha)
        assert_allclose(bias_attribution(net, X, alpha=alpha).values, expected.values, rtol=1e-9, atol=1e-10)
        hidden = [bias_attribution(part, X, alpha=alpha, layer=0).values for part in (net, folded)]
        assert_allclose(*hidden, atol=1e-10)


@pytest.mark.parametrize("alpha", ["softmax", "uniform", "proportional"])
def test_the_scale_of_a_unit_does_not_matter(alpha):
    net, X = randomised(MLP(6, 3, (8, 5)), 0), rows(0)
    before = bias_attribution(net, X, alpha=alpha).values
    with torch.no_grad():
        factor = torch.linspace(0.1, 10, 8)
        net.hidden[0].weight *= factor[:, None]
        net.hidden[0].bias *= factor
        net.hidden[2].weight /= factor
    assert_allclose(bias_attribution(net, X, alpha=alpha).values, before, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_shares_of_hidden_units_sum_to_what_the_layers_above_add(alpha):
    net, X = randomised(bent(), 1), rows(1)
    flat = [*net[:4], *net[4], *net[5:]]  # the layers in a row
    for layer, stop in {0: 4, 1: 8, 2: 10, -1: 10, "4.2": 7, "1": 2}.items():
        h = torch.from_numpy(X)
        for part in flat[:stop]:
            h = part(h)
        h = h.detach().clone().requires_grad_()
        f = h.clone()
        for part in flat[stop:]:
            f = part(f)
        (gradient,) = torch.autograd.grad(f[:, 1].sum(), h)
        expected = (f[:, 1] - (gradient * h).sum(dim=1)).detach().numpy()
        found = bias_attribution(net, X, alpha=alpha, target=1, layer=layer)
        assert found.values.shape == h.shape
        assert_allclose(found.explained, expected, atol=1e-10)
        assert (found.error < 1e-11 * (np.abs(found.values).sum(axis=1) + 1)).all()
        both = bias_attribution(net, X, alpha=alpha, target=1, layer=layer, with_gradient=True)
        assert_allclose(both.values - found.values, (gradient * h).detach().numpy(), atol=1e-10)


def test_units_of_all_members_have_names():
    X, y = make_classification(60, random_state=0)
    clf = NetClassifier(n_members=2, hidden_layer_sizes=(5, 4), max_epochs=3, random_state=0).fit(X, y)
    found = bias_attribution(clf, X, layer=0)
    assert found.values.shape == (60, 10)
    assert found.feature_names[:2] + found.feature_names[5:7] == [
        "net 0, unit 0",
        "net 0, unit 1",
        "net 1, unit 0",
        "net 1, unit 1",
    ]


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("make", [bent, lambda: MLP(6, 3, (8, 5))])
def test_members_are_the_mean_of_their_single_nets(make, alpha):
    members = Members(make, 3).double()
    singles = [randomised(make(), seed) for seed in range(3)]
    for name, tensor in [*members.module.named_parameters(), *members.module.named_buffers()]:
        tensor.data.copy_(torch.stack([single.state_dict()[name] for single in singles]))
    X, y = rows(0, n=60), np.arange(60) % 3
    clf = NetClassifier(MLP, n_members=3, max_epochs=1, random_state=0).fit(X, y)
    clf.net_.module_ = members.eval()
    seen = read_net(clf, X).points(X)[0].double()
    found = bias_attribution(clf, X, alpha=alpha, target=1)
    expected = np.mean([bias_attribution(single, seen, alpha=alpha, target=1).values for single in singles], axis=0)
    assert_allclose(found.values, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("alpha", ALPHAS)
def test_a_row_does_not_depend_on_others(fitted, alpha, monkeypatch):
    clf, X = fitted
    together = bias_attribution(clf, X, alpha=alpha, target="no").values
    order = np.random.default_rng(0).permutation(len(X))
    assert_allclose(bias_attribution(clf, X.iloc[order], alpha=alpha, target="no").values, together[order], atol=1e-9)
    monkeypatch.setattr("sktech.inspection._answers.ROWS_PER_PASS", 14)
    assert_allclose(bias_attribution(clf, X, alpha=alpha, target="no").values, together, atol=1e-9)


def test_an_input_without_weight_gets_the_smallest_share_or_none():
    for seed in SEEDS:
        net, X = randomised(MLP(6, 3, (8,)), seed), rows(seed)
        weight = net.hidden[0].weight.detach()
        weight[:, 2] = 0
        parts = weight.numpy() * X[:, None]
        clear = (np.abs(parts.sum(axis=-1)) > 0.01 * np.abs(parts).sum(axis=-1)).all(axis=1)
        assert clear.sum() > 5
        proportional = bias_attribution(net, X[clear], alpha="proportional").values
        assert_array_equal(proportional[:, 2], np.zeros(clear.sum()))
        layer = randomised(nn.Linear(6, 1), seed)
        layer.weight.data[:, 2] = 0
        shares = bias_attribution(layer, X).values / layer.bias.item()
        assert (shares[:, [2]] <= shares).all()
        assert (shares[:, 2] > 0).all()


def test_a_saturated_unit_keeps_its_constant():
    """Hardtanh at its limit is a bias of its unit: here of the only input that makes it."""
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Hardtanh(), nn.Linear(2, 1, bias=False)).double()
    net[0].weight.data[:], net[2].weight.data[:] = torch.eye(2), torch.tensor([[3.0, 5.0]])
    found = bias_attribution(net, [[9.0, 0.5], [9.0, -9.0]], alpha="proportional")
    assert_allclose(found.values, [[3, 0], [3, -5]])


def test_bends_of_an_embedded_number_belong_to_its_column():
    """Where all but one column are constant for the net, all is that column's."""
    net = TableNet([[-1.0, 0.0, 1.0]] * 2, 0, [], 2, hidden_layer_sizes=()).double().eval()
    with torch.no_grad():
        net.numbers.weight.copy_(torch.randn(net.numbers.weight.shape))
        net.numbers.weight[1] = 0
        net.head.bias.zero_()
    X = rows(0)[:, :2]
    y = np.arange(40) % 2
    clf = NetClassifier(n_members=1, max_epochs=1, random_state=0).fit(X, y)
    clf.net_.module_ = net
    found = bias_attribution(clf, X, target=1)
    assert_array_equal(found.values[:, 1], np.zeros(40))
    assert_allclose(found.values[:, 0], found.explained, atol=1e-12)
    assert np.abs(found.explained).max() > 1e-2


def test_images_keep_their_shape():
    net = randomised(nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 3)), 0)
    found = bias_attribution(net, rows(0).reshape(40, 2, 3))
    assert found.values.shape == (40, 2, 3)
    flat = bias_attribution(nn.Sequential(*net[1:]), rows(0))
    assert_allclose(found.values.reshape(40, 6), flat.values)


class Branched(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, X):
        return X + torch.relu(self.layer(X))


class Deciding(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, X):
        return self.layer(X) if X.sum() > 0 else X


class OneOfTwo(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)

    def forward(self, X):
        return self.layer(X)[:, 1]


@pytest.mark.parametrize(
    ("module", "got"),
    [
        (nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3)), "Tanh"),
        (nn.Sequential(nn.Linear(6, 5), nn.GELU(), nn.Linear(5, 3)), "GELU"),
        (nn.Sequential(nn.Linear(6, 5), nn.ELU(), nn.Linear(5, 3)), "ELU"),
        (nn.Sequential(nn.Linear(6, 3), nn.Softmax(dim=1)), "Softmax"),
        (nn.Sequential(nn.Linear(6, 3), nn.LayerNorm(3)), "LayerNorm"),
        (nn.Sequential(nn.Linear(6, 3), nn.BatchNorm1d(3, track_running_stats=False)), "BatchNorm1d"),
        (Branched(), "add"),
        (Deciding(), "Deciding"),
        (OneOfTwo(), "OneOfTwo"),
    ],
)
def test_other_nets_are_refused(module, got):
    with pytest.raises(TypeError, match=rf"estimator: expected a net that is linear but for bends.*got {got}"):
        bias_attribution(module, rows(0))


def test_smooth_embeddings_are_refused():
    X, y = make_classification(60, random_state=0)
    clf = NetClassifier(numeric_embedding="periodic", n_members=1, max_epochs=1).fit(X, y)
    with pytest.raises(TypeError, match="PeriodicEmbedding, which is smooth"):
        bias_attribution(clf, X)


def test_rows_that_a_layer_sees_piece_by_piece_are_refused():
    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, X):
            return self.layer(X).flatten(1)

    with pytest.raises(TypeError, match="rows of 6 numbers 3 at a time"):
        bias_attribution(Last(), rows(0).reshape(40, 2, 3))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"alpha": "ba1"}, ValueError, "alpha: expected a callable or one of 'softmax'"),
        ({"alpha": 1}, ValueError, "alpha: expected a callable"),
        ({"temperature": 0}, ValueError, "temperature: expected"),
        ({"layer": 2}, ValueError, "layer: expected None, the number of one of 1 hidden layers"),
        ({"layer": "head"}, ValueError, "a name among 'hidden.0', 'hidden.1', got 'head'"),
        ({"layer": 1.5}, TypeError, "layer: expected an integer"),
        ({"target": 7}, ValueError, "target: expected labels among"),
        ({"alpha": lambda weight, h, active: torch.ones(3)}, ValueError, r"tensor of shape \(.*\), got \(3,\)"),
        ({"alpha": lambda weight, h, active: weight.expand(len(h), -1, -1)}, ValueError, "shares that sum to 1"),
    ],
)
def test_bad_input_is_refused(changes, error, words):
    with pytest.raises(error, match=words):
        bias_attribution(randomised(MLP(6, 3, (8,)), 0), rows(0), **changes)


def test_a_class_that_a_net_has_not_learned_has_no_logit():
    X, y = table(0)
    clf = NetClassifier(n_members=2, max_epochs=2, random_state=0).fit(X, y, sample_weight=(y != "maybe").astype(float))
    with pytest.raises(ValueError, match="target: expected a class that had a weight"):
        bias_attribution(clf, X, target="maybe")


def test_modules_stay_as_they_are():
    module = bent().double().train()
    state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    bias_attribution(module, rows(0))
    assert module.training
    assert module[0].training
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, state[name])
    assert all(parameter.grad is None for parameter in module.parameters())


def test_one_output_for_two_classes_is_the_odds_of_the_class_asked_about():
    X, y = make_classification(60, n_features=6, random_state=0)
    net = NeuralNetBinaryClassifier(nn.Linear, module__in_features=6, module__out_features=1, max_epochs=1, verbose=0)
    net.fit(X.astype(np.float32), y.astype(np.float32))
    bias = net.module_.bias.item()
    X = X.astype(np.float32)
    assert_allclose(bias_attribution(net, X, target=1).explained, bias, rtol=1e-4)
    assert_allclose(bias_attribution(net, X, target=0).explained, -bias, rtol=1e-4)


def test_bars_of_biases_are_drawn():
    X, y = make_classification(60, n_features=6, random_state=0)
    clf = NetClassifier(n_members=1, max_epochs=3, random_state=0).fit(X, y)
    display = AttributionDisplay.from_estimator(clf, X, method="bias_attribution", alpha="proportional")
    expected = bias_attribution(clf, X, alpha="proportional").importances
    assert_allclose(display.lengths_, np.sort(expected)[::-1])
    plt.close("all")
