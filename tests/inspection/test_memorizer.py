"""Any labels are fitted exactly, by as many weights as the theorem says; and of all that fit, the smallest is found."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # before scipy is imported: without it a check is skipped

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics.pairwise import laplacian_kernel
from sklearn.utils.estimator_checks import check_estimator

from sktech.inspection import Memorizer

SEEDS = range(4)


def gaussians(n, d, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)), rng.normal(size=n)


@pytest.mark.parametrize(
    "estimator",
    [
        Memorizer(),
        Memorizer("min_norm"),
        Memorizer("min_norm", kernel="linear"),
        Memorizer("min_norm", kernel="laplacian", gamma=0.1),
    ],
    ids=str,
)
def test_every_check_passes_with_none_skipped_or_expected_to_fail(estimator):
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    assert not {r["check_name"]: str(r["exception"]) for r in results if r["status"] != "passed"}


# ---------------------------------------------------------------- the net


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("n", "d"), [(1, 1), (2, 3), (50, 5), (2000, 1), (2000, 5), (2000, 50)])
def test_the_net_fits_any_labels_with_2n_plus_d_weights(n, d, seed):
    X, y = gaussians(n, d, seed)
    y *= 10.0 ** (3 * seed - 4)
    net = Memorizer(random_state=seed).fit(X, y)
    assert np.abs(net.predict(X) - y).max() <= 1e-12 * np.abs(y).max()
    assert net.residual_ == np.abs(net.predict(X) - y).max()
    assert net.n_weights_ == net.direction_.size + net.thresholds_.size + net.output_weights_.size == 2 * n + d


@pytest.mark.parametrize("exponent", [-400, 450])
def test_the_unit_of_the_rows_does_not_matter(exponent):
    X, y = gaussians(100, 3, seed=0)
    expected = Memorizer(random_state=0).fit(X, y).predict(X)
    X = np.ldexp(X, exponent)
    assert_array_equal(Memorizer(random_state=0).fit(X, y).predict(X), expected)


@pytest.mark.parametrize("estimator", [Memorizer(random_state=0), Memorizer("min_norm")], ids=str)
def test_numbers_without_a_square_are_refused_and_a_refusal_leaves_no_trace(estimator):
    X, y = gaussians(10, 2, seed=0)
    before = vars(estimator.fit(X, y)).copy()
    for refused, of in ((X * 1e300, "at most 1e\\+150 in size"), (X * np.nan, "X contains NaN")):
        with pytest.raises(ValueError, match=of):
            estimator.fit(refused, y)
        with pytest.raises(ValueError, match=of):
            estimator.predict(refused)
        assert vars(estimator).keys() == before.keys()
        assert all(vars(estimator)[name] is value for name, value in before.items())
    with pytest.raises(ValueError, match=r"^Input y contains NaN"):
        estimator.fit(X, y * np.nan)


def test_a_slope_beyond_float64_is_refused():
    with pytest.raises(ValueError, match="X, y: expected a function whose slopes float64 can hold"):
        Memorizer(random_state=0).fit([[0.0], [1e-12], [1.0]], [0, 1e300, -1e300])


def test_a_single_row_far_from_zero_is_memorised():
    assert Memorizer(random_state=0).fit([[1e38]], [7.0]).predict([[1e38]]) == 7.0


@pytest.mark.parametrize("seed", SEEDS)
def test_the_weights_solve_the_triangular_system_of_the_theorem(seed):
    X, y = gaussians(300, 4, seed)
    net = Memorizer(random_state=seed).fit(X, y)
    order = np.argsort(X @ net.direction_)
    z, b = (X @ net.direction_)[order], net.thresholds_
    assert b[0] < z[0]
    assert np.all(b[1:] < z[1:])  # one begins before each row,
    assert np.all(b[1:] >= z[:-1] - 1e-12)  # and not before the one before
    A = np.maximum(z[:, None] - b, 0)
    assert_allclose(np.triu(A, 1), 0, atol=1e-12)
    assert_allclose(A @ net.output_weights_, y[order], atol=1e-9)


@pytest.mark.parametrize("d", [1, 5, 50])
def test_the_module_is_the_same_function(d):
    X, y = gaussians(2000, d, d)
    net = Memorizer(random_state=0).fit(X, y)
    elsewhere = np.random.default_rng(1).normal(size=(500, d))
    with torch.no_grad():
        output = net.to_module()(torch.from_numpy(np.vstack([X, elsewhere]))).numpy()
    assert output.shape == (2500, 1)
    expected = np.concatenate([y, net.predict(elsewhere)])
    # Right of the last row the slope of one pair of rows goes on, and so do its digits.
    assert_allclose(output[:, 0], expected, rtol=1e-7, atol=1e-7 * np.abs(y).max())


def test_between_two_rows_f_runs_straight_from_label_to_label():
    X, y = np.array([[0.0], [1.0], [3.0]]), np.array([1.0, 5.0, -1.0])
    net = Memorizer(random_state=0).fit(X, y)
    assert_allclose(net.predict([[0.25], [2.0], [2.5]]), [2.0, 2.0, 0.5], atol=1e-12)


def test_how_far_columns_are_scaled_and_moved_does_not_matter():
    X, y = gaussians(200, 5, 0)
    moved = X * [1e-6, 1.0, 1e6, 10.0, 1.0] + [0.0, 100.0, 0.0, 0.0, 5.0]
    new = np.random.default_rng(1).normal(size=(50, 5)) / 2
    found = Memorizer(random_state=0).fit(moved, y)
    assert found.residual_ < 1e-12
    expected = Memorizer(random_state=0).fit(X, y).predict(new)
    actual = found.predict(new * [1e-6, 1.0, 1e6, 10.0, 1.0] + [0.0, 100.0, 0.0, 0.0, 5.0])
    assert_allclose(actual, expected, rtol=1e-6, atol=1e-6)


def test_a_row_is_predicted_alike_whatever_stands_beside_it():
    X, y = gaussians(501, 50, 0)
    net = Memorizer(random_state=0).fit(X, y)
    assert_array_equal(np.concatenate([net.predict(row[None]) for row in X]), net.predict(X))
    assert_array_equal(net.predict(np.asfortranarray(X)), net.predict(X))


def test_identical_rows_get_the_mean_of_their_labels():
    X, y = np.array([[1.0, -0.0], [1.0, 0.0], [2.0, 3.0]]), np.array([4.0, 6.0, 1.0])
    for estimator in (Memorizer(random_state=0), Memorizer("min_norm")):
        estimator.fit(X, y)
        assert_allclose(estimator.predict(X), [5.0, 5.0, 1.0])
        assert_allclose(estimator.residual_, 1.0)
    assert Memorizer().fit(X, y).n_weights_ == 2 * 2 + 2


@pytest.mark.parametrize("solution", ["relu_net", "min_norm"])
def test_several_outputs_are_several_fits(solution):
    X, _ = gaussians(60, 6, 0)
    Y = np.random.default_rng(1).normal(size=(60, 3))
    together = Memorizer(solution, random_state=0).fit(X, Y)
    new = np.random.default_rng(2).normal(size=(20, 6))
    for k in range(3):
        alone = Memorizer(solution, random_state=0).fit(X, Y[:, k])
        assert_allclose(together.predict(new)[:, k], alone.predict(new), rtol=1e-8, atol=1e-10)
    assert together.n_weights_ == (60 * (1 + 3) + 6 if solution == "relu_net" else 60 * 3)


def test_classes_are_memorised_as_indicators():
    X, y = load_digits(return_X_y=True)
    y = np.random.default_rng(0).integers(10, size=len(y))
    net = Memorizer(random_state=0).fit(X, np.eye(10)[y])
    assert_array_equal(net.predict(X).argmax(axis=1), y)


# ---------------------------------------------------------------- the smallest function of a kernel


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("n", "d"), [(30, 80), (80, 80), (80, 30)])
def test_with_a_linear_kernel_it_is_the_pseudo_inverse(n, d, seed):
    X, y = gaussians(n, d, seed)
    net = Memorizer("min_norm", kernel="linear").fit(X, y)
    coef = np.linalg.pinv(X) @ y
    assert_allclose(X.T @ net.dual_coef_, coef, rtol=1e-6, atol=1e-8 * np.abs(coef).max())
    if n < d:
        assert net.residual_ < 1e-10
        # Any other that fits is longer, as what it has besides is orthogonal.
        null = np.random.default_rng(seed).normal(size=d)
        null -= np.linalg.pinv(X) @ (X @ null)
        assert_allclose(X @ (coef + null), y, atol=1e-10)
        found = X.T @ net.dual_coef_
        assert_allclose(np.sum((found + null) ** 2), np.sum(found**2) + np.sum(null**2), rtol=1e-10)


@pytest.mark.parametrize("kernel", ["rbf", "laplacian"])
@pytest.mark.parametrize(("n", "d"), [(200, 20), (2000, 50)])
def test_kernels_of_full_rank_fit_any_labels(n, d, kernel):
    X, y = gaussians(n, d, 0)
    net = Memorizer("min_norm", kernel=kernel).fit(X, y)
    assert net.residual_ < 1e-8 * np.abs(y).max()
    assert net.n_weights_ == n


def test_no_other_function_of_the_kernel_that_fits_has_a_smaller_norm():
    X, y = gaussians(40, 3, 0)
    net = Memorizer("min_norm", kernel="laplacian").fit(X, y)
    more = np.vstack([X, np.random.default_rng(1).normal(size=(20, 3))])
    K = laplacian_kernel(more)
    beta = np.random.default_rng(2).normal(size=20)
    alpha = np.linalg.solve(K[:40, :40], y - K[:40, 40:] @ beta)  # fits, with centres elsewhere besides
    other = np.concatenate([alpha, beta])
    assert_allclose(K[:40] @ other, y, atol=1e-10)
    assert other @ K @ other > net.dual_coef_ @ K[:40, :40] @ net.dual_coef_ + 1e-6


def test_a_kernel_may_be_a_function():
    X, y = gaussians(30, 4, 0)
    by_name = Memorizer("min_norm", kernel="linear").fit(X[:, :4], y)
    assert_allclose(Memorizer("min_norm", kernel=np.dot).fit(X, y).predict(X), by_name.predict(X), atol=1e-8)
    near, far = (Memorizer("min_norm", kernel="rbf", gamma=gamma).fit(X, y).predict(X + 1.0) for gamma in (1e3, 0.1))
    assert_allclose(near, 0, atol=1e-12)
    assert np.abs(far).max() > 1e-3


# ---------------------------------------------------------------- refusals


def test_what_makes_no_sense_is_refused():
    X, y = gaussians(10, 2, 0)
    with pytest.raises(ValueError, match="solution: expected one of 'relu_net', 'min_norm', got 'net'"):
        Memorizer("net").fit(X, y)
    with pytest.raises(ValueError, match=r"kernel: expected one of .*'rbf'.*, got 'round'"):
        Memorizer("min_norm", kernel="round").fit(X, y)
    with pytest.raises(ValueError, match="gamma: expected a number in"):
        Memorizer("min_norm", gamma=0.0).fit(X, y)
    with pytest.raises(ValueError, match="X: expected distinct rows to differ by what float64 can tell"):
        Memorizer().fit([[0.0, 1.0], [1e-300, 1.0], [1.0, 0.0]], [0.0, 1.0, 2.0])
    with pytest.raises(NotFittedError):
        Memorizer().to_module()
    assert not hasattr(Memorizer("min_norm"), "to_module")
    assert clone(Memorizer("min_norm", gamma=2.0)).gamma == 2.0


def test_a_kernel_has_its_own_default_for_gamma():
    X, y = np.random.default_rng(0).uniform(size=(20, 3)), np.arange(20.0)
    assert Memorizer("min_norm", kernel="chi2").fit(X, y).residual_ < 1e-3
