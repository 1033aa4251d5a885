"""Measures of similarity keep their laws, and layers are compared by what their units say."""

from itertools import combinations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import eigh
from scipy.spatial.distance import pdist, squareform
from scipy.stats import ortho_group
from sklearn.cross_decomposition import CCA
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch import NeuralNetClassifier
from torch import nn

from sktech import BaggingVoteEnsemble, NetClassifier, ReweightedClassifier
from sktech.inspection import (
    LayerSimilarity,
    SimilarityDisplay,
    activations,
    canonical_correlations,
    cca,
    cka,
    hsic,
    layer_similarity,
    minibatch_cka,
    pwcca,
    svcca,
)
from sktech.inspection._cka import MEDIAN_ROWS
from sktech.modules import MLP

SEEDS = range(5)
KERNELS = [{"kernel": "linear"}, {"kernel": "rbf", "width": 0.5}, {"kernel": "rbf"}]
KERNELS += [{**kernel, "unbiased": True} for kernel in KERNELS]
CCAS = [cca, lambda X, Y: cca(X, Y, squared=True), svcca, lambda X, Y: svcca(X, Y, variance=0.9, squared=True), pwcca]


def related(seed, n=60, d_x=7, d_y=5):
    """Two sets of activations that have something in common, the first with a unit that is dead and one twice."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n, 4))
    X = np.maximum(common @ rng.normal(size=(4, d_x)) + rng.normal(size=(n, d_x)), 0)
    Y = common @ rng.normal(size=(4, d_y)) + rng.normal(size=(n, d_y)) + 3
    X[:, 0], X[:, 1] = 1.7, 2 * X[:, 2]
    return X, Y


def gram(X, kernel="linear", width=0.8):
    if kernel == "linear":
        return X @ X.T
    squares = squareform(pdist(X, "sqeuclidean"))
    return np.exp(-squares / (2 * width**2 * np.median(squares)))


def by_definition(K, L, unbiased=False):
    """HSIC of Gram matrices: tr(KHLH) / (n - 1)^2, or the formula of Song et al. with traces."""
    n = len(K)
    if not unbiased:
        H = np.eye(n) - 1 / n
        return ((H @ K @ H) * L).sum() / (n - 1) ** 2
    K, L, one = K - np.diag(np.diag(K)), L - np.diag(np.diag(L)), np.ones(n)
    pairs = one @ K @ one * (one @ L @ one) / ((n - 1) * (n - 2))
    return ((K * L).sum() + pairs - 2 / (n - 2) * (one @ K) @ (L @ one)) / (n * (n - 3))


# ---------------------------------------------------------------- HSIC and CKA


@pytest.mark.parametrize("options", KERNELS, ids=str)
@pytest.mark.parametrize("shape", [(60, 7, 5), (6, 7, 9), (600, 3, 2)], ids=str)
def test_hsic_is_its_definition_in_gram_matrices_however_it_is_computed(options, shape):
    # More rows than units: no Gram matrix. Fewer: Gram matrices. Many: in pieces.
    X, Y = related(0, *shape)
    unbiased = options.get("unbiased", False)
    K, L = (gram(Z, **{k: v for k, v in options.items() if k != "unbiased"}) for Z in (X, Y))
    assert_allclose(hsic(X, Y, **options), by_definition(K, L, unbiased), rtol=1e-9, atol=1e-13)
    own = np.sqrt(by_definition(K, K, unbiased) * by_definition(L, L, unbiased))
    assert_allclose(cka(X, Y, **options), by_definition(K, L, unbiased) / own, rtol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_unbiased_hsic_is_the_inner_product_of_u_centred_matrices(seed):
    X, Y = related(seed, n=20)
    n, centred = 20, []
    for K in (gram(X, "rbf"), gram(Y, "rbf")):
        np.fill_diagonal(K, 0)
        U = K - K.sum(0) / (n - 2) - K.sum(1)[:, None] / (n - 2) + K.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(U, 0)
        centred.append(U)
    assert_allclose(hsic(X, Y, kernel="rbf", unbiased=True), (centred[0] * centred[1]).sum() / (n * (n - 3)))


def test_the_published_code_gives_these_values():
    rng = np.random.RandomState(1337)
    X = rng.randn(100, 10)
    Y = rng.randn(100, 10) + X
    assert_allclose(cka(X, Y), 0.55761, atol=5e-6)
    assert_allclose(cka(X, Y, kernel="rbf", width=0.5), 0.65483, atol=5e-6)
    assert_allclose(cka(X, Y, unbiased=True), 0.51346, atol=5e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("options", KERNELS, ids=str)
def test_cka_does_not_see_rotations_orders_factors_and_shifts(options, seed):
    X, Y = related(seed)
    turned = 3e-4 * X @ ortho_group.rvs(7, random_state=seed) + np.arange(7)
    plain = cka(X, Y, **options)
    assert_allclose(cka(turned, Y[:, ::-1], **options), plain, rtol=1e-9)
    assert_allclose(cka(Y, X, **options), plain, rtol=1e-12)
    assert_allclose(cka(X, turned, **options), 1, rtol=1e-9)
    order = np.random.default_rng(seed).permutation(60)
    assert_allclose(cka(X[order], Y[order], **options), plain, rtol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("options", KERNELS, ids=str)
def test_cka_sees_other_invertible_maps(options, seed):
    X = np.random.default_rng(seed).normal(size=(200, 5))
    stretched = X * [10, 1, 1, 1, 1]
    assert cka(X, stretched, **options) < 0.8
    assert_allclose(cca(X, stretched), 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_linear_cka_is_a_sum_over_principal_components(seed):
    X, Y = related(seed)
    (u, s, _), (v, t, _) = (np.linalg.svd(Z - Z.mean(0), full_matrices=False) for Z in (X, Y))
    overlaps = (u.T @ v) ** 2 * (s**2)[:, None] * t**2
    assert_allclose(cka(X, Y), overlaps.sum() / np.sqrt((s**4).sum() * (t**4).sum()))


@pytest.mark.parametrize("unbiased", [False, True])
def test_a_wide_kernel_is_the_linear_one(unbiased):
    X, Y = related(0)
    assert_allclose(cka(X, Y, kernel="rbf", width=1e6, unbiased=unbiased), cka(X, Y, unbiased=unbiased), rtol=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_kernel_whose_median_distance_is_zero_tells_equal_rows_from_others(seed):
    rng = np.random.default_rng(seed)
    X, Y = np.repeat(rng.normal(size=(3, 40)), [40, 5, 3], axis=0), rng.normal(size=(48, 3))
    groups = np.repeat(np.eye(3), [40, 5, 3], axis=0)
    assert_allclose(hsic(X, Y, kernel="rbf"), by_definition(gram(groups), gram(Y, "rbf")))


def test_the_width_of_many_rows_comes_from_some_of_them():
    X, Y = related(0, n=MEDIAN_ROWS + 100)
    K, L = gram(X, "rbf"), gram(Y, "rbf")
    K, L = (M - M.mean(0) - M.mean(1)[:, None] + M.mean() for M in (K, L))
    exact = (K * L).sum() / np.sqrt((K * K).sum() * (L * L).sum())
    assert_allclose(cka(X, Y, kernel="rbf"), exact, rtol=0.02)


# ---------------------------------------------------------------- without bias


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_without_bias_independent_activations_have_zero_hsic_in_expectation(kernel):
    rng = np.random.default_rng(0)
    pairs = [(rng.normal(size=(12, 3)), rng.normal(size=(12, 3))) for _ in range(2000)]
    values = np.array([hsic(X, Y, kernel=kernel, unbiased=True) for X, Y in pairs])
    error = values.std() / np.sqrt(len(values))
    assert abs(values.mean()) < 4 * error
    assert np.mean([hsic(X, Y, kernel=kernel) for X, Y in pairs]) > 20 * error


def test_without_bias_the_mean_over_all_subsets_is_the_whole():
    X, Y = related(1, n=9)
    parts = [hsic(X[rows], Y[rows], unbiased=True) for rows in map(list, combinations(range(9), 5))]
    assert_allclose(np.mean(parts), hsic(X, Y, unbiased=True))
    batches = [(X[rows], Y[rows]) for rows in map(list, combinations(range(9), 5))]
    assert_allclose(minibatch_cka(batches), cka(X, Y, unbiased=True))
    assert_allclose(minibatch_cka([(X, Y)]), cka(X, Y, unbiased=True))


def test_random_minibatches_agree_with_the_whole_within_their_error():
    X, Y = related(2, n=1000)
    rng, values = np.random.default_rng(0), []
    for _ in range(40):
        order = rng.permutation(1000)
        values.append(minibatch_cka(zip(np.split(X[order], 25), np.split(Y[order], 25), strict=True)))
    whole, error = cka(X, Y, unbiased=True), np.std(values) / np.sqrt(40)
    assert abs(np.mean(values) - whole) < 4 * error + 1e-3  # a ratio of means has a small bias
    biased = np.mean([cka(X[rows], Y[rows]) for rows in np.split(order, 25)])
    assert biased - whole > 20 * abs(np.mean(values) - whole)


def test_without_bias_few_rows_and_many_units_do_not_look_alike():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(20, 2000)), rng.normal(size=(20, 2000))
    assert cka(X, Y) > 0.9
    assert abs(cka(X, Y, unbiased=True)) < 0.3


# ---------------------------------------------------------------- canonical correlations


@pytest.mark.parametrize("seed", SEEDS)
def test_correlations_solve_the_generalised_eigenproblem(seed):
    X, Y = related(seed)
    X = X[:, 2:]  # of full rank
    covariance = np.cov(X.T, Y.T)
    xx, xy, yy = covariance[:5, :5], covariance[:5, 5:], covariance[5:, 5:]
    squares = eigh(xy @ np.linalg.solve(yy, xy.T), xx, eigvals_only=True)[::-1]
    assert_allclose(canonical_correlations(X, Y) ** 2, squares, rtol=1e-9)
    assert_allclose(cca(X, Y, squared=True), squares.mean())
    variates = CCA(n_components=5, max_iter=5000, tol=1e-13).fit(X, Y).transform(X, Y)
    theirs = [np.corrcoef(x, y)[0, 1] for x, y in zip(*(part.T for part in variates), strict=True)]
    assert_allclose(canonical_correlations(X, Y), theirs, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_correlations_do_not_see_invertible_maps(seed):
    X, Y = related(seed)
    rng = np.random.default_rng(seed)
    map_x, map_y = rng.normal(size=(7, 7)), rng.normal(size=(5, 5))
    plain = canonical_correlations(X, Y)
    assert len(plain) == 5  # a dead unit and a copy of one add none
    assert_allclose(canonical_correlations(X @ map_x + 1, Y @ map_y), plain, rtol=1e-9)
    assert_allclose(svcca(X @ map_x, Y @ map_y, variance=1.0), plain.mean(), rtol=1e-9)
    assert abs(svcca(X * np.arange(1, 8) ** 3, Y) - svcca(X, Y)) > 1e-3


@pytest.mark.parametrize("measure", CCAS)
@pytest.mark.parametrize("seed", SEEDS)
def test_all_means_of_correlations_do_not_see_rotations_and_factors(measure, seed):
    X, Y = related(seed)
    turned = 1e-4 * X @ ortho_group.rvs(7, random_state=seed) + np.arange(7)
    assert_allclose(measure(X, turned), 1)
    if measure is not pwcca:  # whose weights are sums over units
        assert_allclose(measure(turned, Y), measure(X, Y), rtol=1e-9)
        assert_allclose(measure(Y, X), measure(X, Y), rtol=1e-9)
    assert_allclose(measure(1e4 * X[:, ::-1] - 1, Y), measure(X, Y), rtol=1e-9)


@pytest.mark.parametrize("measure", CCAS[:2] + CCAS[4:])
def test_correlations_say_nothing_where_units_are_as_many_as_rows(measure):
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(20, 19)), rng.normal(size=(20, 3))
    assert_allclose(measure(X, Y), 1)
    assert_allclose(measure(rng.normal(size=(20, 300)), rng.normal(size=(20, 300))), 1)
    assert measure(X[:, :5], Y) < 0.9


def test_squared_correlations_of_independent_activations_are_the_rank_over_the_rows():
    rng = np.random.default_rng(0)
    values = [cca(rng.normal(size=(41, 3)), rng.normal(size=(41, 8)), squared=True) for _ in range(2000)]
    assert abs(np.mean(values) - 8 / 40) < 4 * np.std(values) / np.sqrt(2000)


@pytest.mark.parametrize("seed", SEEDS)
def test_svcca_is_cca_of_the_principal_components(seed):
    X, Y = related(seed)
    kept = []
    for Z in (X, Y):
        values, vectors = np.linalg.eigh(np.cov(Z.T))
        rank = next(k for k in range(1, 8) if values[-k:].sum() >= 0.8 * values.sum())
        kept.append(Z @ vectors[:, -rank:])
    assert kept[0].shape[1] < 5
    assert_allclose(svcca(X, Y, variance=0.8), cca(*kept))


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("seed", SEEDS)
def test_pwcca_weighs_by_what_the_variates_of_the_smaller_view_account_for(seed, swap):
    X, Y = related(seed, d_y=4)  # of rank 5 and 4
    X, Y = X - X.mean(0), Y - Y.mean(0)
    covariance = np.cov(Y.T)
    # Variates of Y as the eigenvectors of the generalised problem, made of the activations themselves.
    xx, yx = np.cov(X[:, 2:].T), np.cov(Y.T, X[:, 2:].T)[:4, 4:]
    squares, vectors = eigh(yx @ np.linalg.solve(xx, yx.T), covariance)
    variates = Y @ vectors / np.sqrt(59)
    weights = np.abs(variates.T @ Y).sum(axis=1)
    assert_allclose(pwcca(*((X, Y) if swap else (Y, X))), np.average(np.sqrt(squares), weights=weights))


def test_rounding_of_single_precision_is_no_direction():
    rng = np.random.default_rng(0)
    X = np.maximum(rng.normal(size=(300, 20)), 0)
    mixed = (X.astype("float32") @ rng.normal(size=(20, 64)).astype("float32")).astype("float32")
    Y = rng.normal(size=(300, 64)).astype("float32")
    assert len(canonical_correlations(mixed, Y)) == 20
    assert_allclose(cca(mixed, Y), cca(X, Y), atol=1e-4)


# ---------------------------------------------------------------- the door


@pytest.mark.parametrize("measure", [cka, *CCAS, lambda X, Y: cka(X, Y, kernel="rbf", unbiased=True)])
def test_constant_activations_are_similar_to_nothing(measure):
    X = np.random.default_rng(0).normal(size=(20, 3))
    assert np.isnan(measure(np.full((20, 2), 0.1), X))
    assert np.isnan(measure(X, np.full((20, 2), 0.1)))


def test_what_only_one_row_says_is_no_similarity_without_bias():
    for n in range(5, 30):
        X = 0.7 * np.eye(n)[:, :1]
        assert np.isnan(cka(X, X, unbiased=True))
        assert cka(X, X) == pytest.approx(1)
        assert np.isnan(cka(np.eye(n), np.eye(n), kernel="rbf", unbiased=True))  # all pairs are alike


def test_whole_numbers_and_single_precision_are_activations():
    X, Y = np.arange(12).reshape(6, 2) % 5, np.arange(6)[:, None] ** 2
    assert cka(X, Y) == cka(X.astype(float), Y.tolist())
    assert_allclose(cka(X.astype("float32"), torch.tensor(Y)), cka(X, Y))


@pytest.mark.parametrize("measure", [hsic, cka, *CCAS, canonical_correlations])
def test_what_cannot_be_compared_is_refused(measure):
    X = np.random.default_rng(0).normal(size=(6, 2))
    with pytest.raises(ValueError, match="Y: expected the same 6 rows as X, got 5"):
        measure(X, X[:5])
    with pytest.raises(ValueError, match=r"X: expected activations of shape \(n, n_units\), got shape \(6,\)"):
        measure(X[:, 0], X)
    with pytest.raises(ValueError, match="X: expected at least 2 rows, got 1"):
        measure(X[:1], X[:1])
    with pytest.raises(ValueError, match="Y: expected finite activations, got NaN or infinity"):
        measure(X, np.where(X > 0, np.inf, X))


def test_parameters_that_make_no_sense_are_refused():
    X = np.random.default_rng(0).normal(size=(6, 2))
    with pytest.raises(ValueError, match="kernel: expected one of 'linear', 'rbf', got 'gauss'"):
        cka(X, X, kernel="gauss")
    with pytest.raises(ValueError, match="width: expected a number in"):
        hsic(X, X, kernel="rbf", width=0)
    with pytest.raises(ValueError, match="variance: expected a number in"):
        svcca(X, X, variance=1.1)
    with pytest.raises(ValueError, match="X: expected at least 4 rows where unbiased=True, got 3"):
        cka(X[:3], X[:3], unbiased=True)
    with pytest.raises(ValueError, match="batches: expected at least one pair"):
        minibatch_cka([])
    with pytest.raises(ValueError, match="measure: expected one of 'cka', 'cca', 'svcca', 'pwcca', 'hsic', got 'r2'"):
        layer_similarity({"h": X}, {"h": X}, measure="r2")
    with pytest.raises(ValueError, match="layer 'h' of b: expected the same 6 rows as layer 'h' of a, got 5"):
        layer_similarity({"h": X}, {"h": X[:5]})
    with pytest.raises(ValueError, match="X: expected rows that Linear predicts, got None"):
        layer_similarity(nn.Linear(2, 2), {"h": X})


# ---------------------------------------------------------------- activations


def small_net(n_features_in, n_classes):
    parts = [
        nn.Linear(n_features_in, 8),
        nn.Tanh(),
        nn.Dropout(0.5),
        nn.Linear(8, 6),
        nn.ReLU(),
        nn.Linear(6, n_classes),
    ]
    return nn.Sequential(*parts)


class Functional(nn.Module):
    """Calls its activations itself, and one part twice."""

    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.first = nn.Linear(n_features_in, 5)
        self.again = nn.Linear(5, 5)
        self.head = nn.Linear(5, n_classes)

    def forward(self, X):
        h = torch.relu(self.first(X))
        return self.head(torch.relu(self.again(torch.relu(self.again(h)))))


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def fitted(X, y, **params):
    return NetClassifier(max_epochs=2, random_state=0, **params).fit(X, y)


@pytest.mark.parametrize("n_members", [1, 3])
def test_activations_of_the_built_in_net_are_what_its_parts_give(iris, n_members):
    clf = fitted(*iris, n_members=n_members, hidden_layer_sizes=(16, 12))
    layers = activations(clf, iris[0])
    assert list(layers) == ["mlp.hidden.1", "mlp.hidden.4", "mlp.head"]
    module = clf.net_.module_.eval()
    with torch.no_grad():
        inputs = torch.cat(list(clf._inputs(iris[0])))
        expected = [module.mlp.hidden[:2](module.embed(inputs)), module.features(inputs), module(inputs)]
    for found, values in zip(layers.values(), expected, strict=True):
        values = values.numpy() if n_members > 1 else values.numpy()[None]
        assert_allclose(found, np.concatenate(values, axis=1), rtol=1e-5, atol=1e-6)
        assert found.dtype == np.float32
    for member in range(n_members):
        own = activations(clf, iris[0], member=member)["mlp.head"]
        assert_array_equal(own, layers["mlp.head"][:, 3 * member : 3 * member + 3])


@pytest.mark.parametrize("module", [small_net, Functional])
def test_members_through_vmap_give_what_each_gives_alone(iris, module):
    X, y = iris
    clf = fitted(X, y, net=module, n_members=3)
    layers = activations(clf, X)
    members = clf.net_.module_
    inputs = torch.cat(list(clf._inputs(X)))
    for m in range(3):
        alone = module(4, 3)
        alone.load_state_dict({name: value[m] for name, value in members.module.state_dict().items()})
        own = activations(alone, inputs)
        assert list(own) == list(layers)
        mine = activations(clf, X, member=m)
        for name, values in own.items():
            assert_allclose(mine[name], values, rtol=1e-5, atol=1e-6)
            assert_array_equal(layers[name].reshape(150, 3, -1)[:, m], mine[name])
    assert_array_equal(clf.predict_proba(X), clf.predict_proba(X))  # and the net is as it was


class Undecided(nn.Module):
    """Looks at values, which vmap cannot run."""

    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.net = small_net(n_features_in, n_classes)

    def forward(self, X):
        return self.net(X if X.sum() > -1e9 else -X)


def test_members_one_by_one_have_layers_too(iris):
    X, y = iris
    clf, plain = fitted(X, y, net=Undecided, n_members=2), fitted(X, y, net=small_net, n_members=2)
    layers = activations(clf, X)
    assert list(layers) == ["net.1", "net.4", "net.5"]
    for found, expected in zip(layers.values(), activations(plain, X).values(), strict=True):
        assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_layers_have_names_that_the_module_knows(iris):
    X = torch.tensor(iris[0]).float()
    net = small_net(4, 3)
    assert list(activations(net, X)) == ["1", "4", "5"]
    assert net.training  # as it was
    assert_allclose(activations(net, X)["5"], net.eval()(X).detach())
    functional = Functional(4, 3)
    layers = activations(functional, X)
    assert list(layers) == ["first", "again", "again:2", "head"]
    with torch.no_grad():
        h = functional.again(torch.relu(functional.first(X)))
        assert_allclose(layers["again"], h)
        assert_allclose(layers["again:2"], functional.again(torch.relu(h)))
    assert list(activations(nn.Linear(4, 2), X)) == ["Linear"]
    assert activations(nn.Sequential(nn.Unflatten(1, (1, 4)), nn.Conv1d(1, 3, 2), nn.ReLU(), nn.Flatten()), X)[
        "2"
    ].shape == (150, 9)


def test_what_is_changed_in_place_later_is_kept_as_it_was():
    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.act, self.head = nn.ReLU(), nn.Linear(3, 2)

        def forward(self, X):
            h = self.act(X)
            h += 5
            return self.head(h)

    X = torch.randn(6, 3)
    assert_array_equal(activations(Skip(), X)["act"], X.clamp(min=0).numpy())


def test_wrappers_pipelines_ensembles_and_skorch_nets_have_layers(iris):
    X, y = iris
    plain = fitted(X, y, n_members=2)
    pipe = make_pipeline(StandardScaler(), NetClassifier(max_epochs=2, n_members=2, random_state=0)).fit(X, y)
    assert_array_equal(activations(pipe, X)["mlp.head"], activations(pipe[-1], pipe[0].transform(X))["mlp.head"])
    net = NetClassifier(max_epochs=2, n_members=1)
    wrapped = ReweightedClassifier(net, random_state=0).fit(X, y, is_clean=np.arange(150) % 5 == 0)
    assert_array_equal(activations(wrapped, X)["mlp.head"], activations(wrapped.estimator_, X)["mlp.head"])
    ensemble = BaggingVoteEnsemble(net.set_params(n_members=2), 3, random_state=0).fit(X, y)
    layers = activations(ensemble, X)
    assert layers["mlp.head"].shape == (150, 18)
    assert_array_equal(
        activations(ensemble, X, member=3)["mlp.head"], activations(ensemble.estimators_[1], X, member=1)["mlp.head"]
    )
    skorch_net = NeuralNetClassifier(small_net(4, 3), criterion=nn.CrossEntropyLoss, max_epochs=1, verbose=0)
    skorch_net.fit(X.astype("float32"), y)
    assert_allclose(activations(skorch_net, X)["5"], skorch_net.forward(X.astype("float32")), rtol=1e-5)
    with pytest.raises(ValueError, match=r"member: expected an integer in \[0, 1\], got 2"):
        activations(plain, X, member=2)
    with pytest.raises(NotFittedError):
        activations(NetClassifier(), X)
    with pytest.raises(TypeError, match="expected layers that give"):
        activations(nn.Flatten(), torch.zeros(3, 2))


def test_categories_and_many_rows_have_activations():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(5000, 2)), rng.integers(40, size=5000).astype(float)])
    y = (X[:, 0] > 0).astype(int)
    clf = NetClassifier(max_epochs=1, n_members=2, categorical_features=[2], random_state=0).fit(X[:500], y[:500])
    layers = activations(clf, X)
    assert layers["mlp.hidden.1"].shape == (5000, 256)
    logits = layers["mlp.head"].reshape(5000, 2, 2)
    proba = torch.softmax(torch.from_numpy(logits), -1).mean(1).numpy()
    assert_allclose(proba, clf.predict_proba(X), rtol=1e-4, atol=1e-6)


# ---------------------------------------------------------------- layers of two nets


@pytest.fixture(scope="module")
def two_nets():
    X, y = load_digits(return_X_y=True)
    params = {"n_members": 1, "hidden_layer_sizes": (32, 32, 32), "numeric_embedding": None, "max_epochs": 4}
    return [NetClassifier(**params, random_state=seed).fit(X[:800], y[:800]) for seed in (0, 1)], X[800:1200]


@pytest.mark.parametrize(
    ("measure", "options", "function"),
    [
        ("cka", {}, cka),
        ("cka", {"kernel": "rbf", "width": 0.4}, cka),
        (cka, {"unbiased": True}, cka),
        ("cca", {"squared": True}, cca),
        ("svcca", {"variance": 0.9}, svcca),
        ("pwcca", {}, pwcca),
        (lambda X, Y, power: X.shape[1] ** power, {"power": 2}, lambda X, Y, power: X.shape[1] ** 2),
    ],
)
def test_the_matrix_holds_the_measure_of_each_pair(two_nets, measure, options, function):
    (a, b), X = two_nets
    found = layer_similarity(a, b, X, measure=measure, **options)
    layers_a, layers_b = activations(a, X), activations(b, X)
    assert found.layers_a == list(layers_a)
    assert found.layers_b == list(layers_b)
    expected = [[function(A, B, **options) for B in layers_b.values()] for A in layers_a.values()]
    assert_allclose(found.values, expected, rtol=1e-9)
    assert_array_equal(np.asarray(found), found.values)
    assert_array_equal(layer_similarity(layers_a, layers_b, measure=measure, **options), found.values)
    if measure in ("cka", "svcca", "pwcca"):
        assert_allclose(np.diag(layer_similarity(a, a, X, measure=measure, **options)), 1)


def test_nets_of_different_shape_are_compared(two_nets):
    (a, _), X = two_nets
    other = make_pipeline(
        StandardScaler(), NeuralNetClassifier(small_net(64, 10), criterion=nn.CrossEntropyLoss, max_epochs=1, verbose=0)
    )
    other.fit(X.astype("float32"), np.arange(400) % 10)
    found = layer_similarity(a, other, X.astype("float32"))
    assert found.values.shape == (4, 3)
    assert ((found.values > 0) & (found.values < 1)).all()


@pytest.mark.parametrize("params", [{}, {"net": small_net}], ids=["stacked", "vmap"])
def test_a_committee_is_most_similar_to_itself(iris, params):
    X, y = iris
    a, b = (fitted(X, y, n_members=2, **params).set_params(random_state=s).fit(X, y) for s in (0, 1))
    own, other = layer_similarity(a, a, X).values, layer_similarity(a, b, X).values
    assert own.shape == other.shape == (3, 3)
    assert_allclose(np.diag(own), 1)
    assert_allclose(own, own.T)
    assert (np.diag(other) < 1).all()
    first, second = (activations(a, X, member=m) for m in (0, 1))
    assert (np.diag(layer_similarity(first, second).values) < 1).all()


def test_a_dead_layer_is_a_blank(two_nets):
    (a, _), X = two_nets
    layers = activations(a, X)
    layers["dead"] = np.zeros((400, 3))
    for measure in ("cka", "cca", "pwcca"):
        values = layer_similarity(layers, layers, measure=measure).values
        assert np.isnan(values[-1]).all()
        assert np.isnan(values[:, -1]).all()
        assert np.isfinite(values[:-1, :-1]).all()


def test_progress_is_told_if_asked_for(two_nets, capfd):
    (a, b), X = two_nets
    layer_similarity(a, b, X)
    assert capfd.readouterr().err == ""
    layer_similarity(a, b, X, verbose=1)
    assert "layer similarity: 100%" in capfd.readouterr().err


def test_the_picture_is_the_matrix(two_nets):
    (a, b), X = two_nets
    figure, ax = plt.subplots()
    display = SimilarityDisplay.from_estimators(a, b, X, kernel="rbf", ax=ax)
    assert display.figure_ is figure
    assert_array_equal(display.im_.get_array(), layer_similarity(a, b, X, kernel="rbf").values)
    assert [label.get_text() for label in ax.get_xticklabels()] == display.similarity.layers_b
    assert {text.get_text() for text in ax.texts} == {f"{value:.2f}" for value in display.similarity.values.flat}
    assert_allclose(display.im_.get_clim(), (0, 1))
    own = SimilarityDisplay.from_estimator(a, X, include_values=False)
    assert not own.ax_.texts
    assert_allclose(np.diag(own.similarity.values), 1)


def test_a_blank_has_no_number_in_the_picture():
    similarity = LayerSimilarity(np.array([[np.nan, -0.5]]), ["h"], ["h", "logits"], "mine")
    display = SimilarityDisplay(similarity).plot()
    assert [text.get_text() for text in display.ax_.texts] == ["-0.50"]
    assert display.im_.get_clim() == (-0.5, 1)


def test_a_plain_perceptron_has_layers_too():
    X = torch.randn(20, 5)
    assert list(activations(MLP(5, 3, (8, 8)), X)) == ["hidden.1", "hidden.3", "head"]


class HeadFirst(nn.Module):
    """Its parts are defined in another order than they are called in, and one of them never is."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(8, 2)
        self.body = nn.Sequential(nn.Linear(5, 8), nn.ReLU())
        self.unused = nn.Linear(8, 4)

    def forward(self, X):
        return self.head(self.body(X))


def test_the_last_layer_is_the_last_that_is_called():
    X = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    assert list(activations(HeadFirst(), X)) == ["body.1", "head"]


def test_parametrized_weights_are_no_layers():
    X = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    net = nn.Sequential(nn.Linear(5, 8), nn.ReLU(), torch.nn.utils.parametrizations.weight_norm(nn.Linear(8, 3)))
    assert {name: layer.shape for name, layer in activations(net, X).items()} == {"1": (3, 8), "2": (3, 3)}


def test_layers_of_a_module_whose_output_is_no_table():
    X = np.random.default_rng(0).normal(size=(3, 1, 6, 6)).astype(np.float32)
    layers = activations(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU()), X)
    assert {name: layer.shape for name, layer in layers.items()} == {"0": (3, 32), "1": (3, 32)}


def test_a_short_batch_counts_by_its_rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1004, 4))
    Y = rng.normal(size=(1004, 4)) + X
    whole = cka(X, Y, unbiased=True)
    batches = [(X[:1000], Y[:1000]), (X[1000:], Y[1000:])]
    assert abs(minibatch_cka(batches) - whole) < 0.02
    parts = [[hsic(a, b, unbiased=True) for a, b in ((x, y), (x, x), (y, y))] for x, y in batches]
    cross, own_x, own_y = np.average(parts, axis=0, weights=[1000, 4])
    np.testing.assert_allclose(minibatch_cka(batches), cross / np.sqrt(own_x * own_y), rtol=1e-10)


def test_what_is_no_option_or_no_batch_is_told():
    X = np.random.default_rng(0).normal(size=(6, 2))
    with pytest.raises(TypeError, match="kernel: expected options of cca, squared, got another"):
        layer_similarity({"a": X}, {"a": X}, measure="cca", kernel="rbf")
    with pytest.raises(ValueError, match="at least one layer"):
        layer_similarity({}, {"a": X})
    with pytest.raises(ValueError, match="batches: expected at least 4 rows in each, got 3 in number 1"):
        minibatch_cka([(X, X), (X[:3], X[:3])])
    with pytest.raises(ValueError, match="batches: expected pairs of activations, got ndarray as number 0"):
        minibatch_cka((X, X))
    with pytest.raises(TypeError, match="ax: expected None or axes of matplotlib, got int"):
        SimilarityDisplay.from_estimators({"a": X}, {"a": X}, ax=3)
