"""Laws of made data sets."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktech.datasets import make_multi_view

CLEAN = {"feature_noise": 0.0, "noise": 0.0, "return_details": True}


def shown(X, details):
    """How much of each feature each patch shows: (n, n_patches, 2 * n_classes)."""
    return X.reshape(len(X), -1, details.features.shape[1]) @ details.features.T


def own(values, y):
    """Of values (n, 2 * n_classes) those of the own class: (n, 2)."""
    return np.take_along_axis(values, 2 * y[:, None] + [0, 1], axis=1)


def without_own(values, y):
    """The values of other classes: (n, 2 * n_classes - 2)."""
    is_own = np.arange(values.shape[1]) // 2 == y[:, None]
    return values[~is_own].reshape(len(y), -1)


@pytest.mark.parametrize(("n_classes", "n_patches", "patch_size"), [(2, 4, 4), (8, 6, 64), (3, 7, 10)])
def test_shapes_and_orthonormal_features(n_classes, n_patches, patch_size):
    X, y, details = make_multi_view(
        40,
        n_classes=n_classes,
        n_patches=n_patches,
        patch_size=patch_size,
        n_other_features=2,
        random_state=0,
        return_details=True,
    )
    assert X.shape == (40, n_patches * patch_size)
    assert y.shape == details.single_view.shape == details.strong_view.shape == (40,)
    assert details.strengths.shape == (40, 2 * n_classes)
    assert set(y) <= set(range(n_classes))
    assert details.features.shape == (2 * n_classes, patch_size)
    assert_allclose(details.features @ details.features.T, np.eye(2 * n_classes), atol=1e-12)


@pytest.mark.parametrize("patches_per_feature", [1, 3])
def test_without_noise_patches_are_features_times_their_strengths(patches_per_feature):
    X, _, details = make_multi_view(
        200,
        n_patches=4 * patches_per_feature + 2,
        n_other_features=2,
        patches_per_feature=patches_per_feature,
        single_view=0.3,
        random_state=0,
        **CLEAN,
    )
    found = shown(X, details)
    assert_allclose(found @ details.features, X.reshape(found.shape[0], found.shape[1], -1), atol=1e-12)
    assert_allclose(found.sum(axis=1), details.strengths, atol=1e-12)
    is_shown = found > 1e-9
    assert is_shown.sum(axis=2).max() == 1, "a patch shows two features"
    assert_array_equal(is_shown.sum(axis=1), patches_per_feature * (details.strengths > 0))
    assert_array_equal((details.strengths > 0).sum(axis=1), 4)
    assert (~is_shown.any(axis=2)).sum(axis=1).tolist() == [2] * 200


@pytest.mark.parametrize("seed", range(3))
def test_strong_own_views_are_two_in_multi_view_rows_and_one_in_single_view_rows(seed):
    _, y, details = make_multi_view(400, single_view=0.5, weak_strength=0.15, random_state=seed, **CLEAN)
    views = own(details.strengths, y)
    is_strong = views >= 1
    assert_array_equal(is_strong.sum(axis=1), np.where(details.single_view, 1, 2))
    assert (views <= 2).all()
    assert_array_equal(details.strong_view >= 0, details.single_view)
    single = details.single_view
    assert_array_equal(is_strong[single].argmax(axis=1), details.strong_view[single])
    assert_array_equal(views[single][~is_strong[single]], 0.15)
    assert abs(details.strong_view[single].mean() - 0.5) < 4 * 0.5 / np.sqrt(200)


def test_other_features_keep_their_range_and_are_drawn_evenly():
    X, y, details = make_multi_view(
        2000, single_view=0.5, other_strength=0.4, single_view_other_strength=0.1, random_state=0, **CLEAN
    )
    others = without_own(details.strengths, y)
    assert_array_equal((others > 0).sum(axis=1), 4)
    for rows, most in ((~details.single_view, 0.4), (details.single_view, 0.1)):
        values = others[rows][others[rows] > 0]
        assert most / 2 <= values.min() < 0.52 * most
        assert 0.98 * most < values.max() <= most
    share = (others > 0).mean(axis=0)
    assert_allclose(share, 4 / 14, atol=4.5 * np.sqrt(4 / 14 * 10 / 14 / 2000))
    places = (shown(X, details) > 1e-9).argmax(axis=1)
    counts = np.bincount(own(places, y).ravel(), minlength=6)
    assert_allclose(counts / counts.sum(), 1 / 6, atol=0.03)


@pytest.mark.parametrize(
    ("n_samples", "share", "expected"), [(100, 0.1, 10), (7, 0.0, 0), (7, 1.0, 7), (10, 0.25, 2), (10, 0.35, 4)]
)
def test_the_share_of_single_view_rows_is_exact(n_samples, share, expected):
    for seed in range(3):
        *_, details = make_multi_view(n_samples, single_view=share, random_state=seed, return_details=True)
        assert details.single_view.sum() == expected


def test_noise_has_the_given_size():
    params = {"n_patches": 3, "n_other_features": 0, "single_view": 0.0, "random_state": 0}
    X, _, details = make_multi_view(2000, feature_noise=0.3, noise=0.0, return_details=True, **params)
    found = shown(X, details)
    empty = np.sort(found, axis=2)[:, :, -1] < 0.5  # patches with noise alone; a strong view is at least 1
    assert empty.any(axis=1).all()
    alpha = found[empty]
    assert -1e-12 < alpha.min() < 0.01
    assert 0.29 < alpha.max() < 0.3 + 1e-12
    assert_allclose(alpha.mean(), 0.15, atol=0.003)
    X_noisy, _ = make_multi_view(2000, feature_noise=0.3, noise=0.1, **params)
    assert_allclose((X_noisy - X).std(), 0.1, rtol=0.02)
    assert_allclose((X_noisy - X).mean(), 0, atol=0.001)


def test_classes_are_balanced_in_expectation():
    counts = sum(np.bincount(make_multi_view(500, random_state=seed)[1], minlength=8) for seed in range(10))
    assert_allclose(counts / counts.sum(), 1 / 8, atol=4.5 * np.sqrt(1 / 8 * 7 / 8 / 5000))


def test_a_seed_gives_the_same_rows_and_another_seed_others():
    (X, y), (X_again, y_again), (X_other, _) = (make_multi_view(20, random_state=seed) for seed in (0, 0, 1))
    assert_array_equal(X, X_again)
    assert_array_equal(y, y_again)
    assert not np.isclose(X, X_other).any(axis=1).all()
    generator = np.random.RandomState(0)
    assert_array_equal(make_multi_view(20, random_state=generator)[0], X)
    assert not np.array_equal(make_multi_view(20, random_state=generator)[0], X)


def test_details_do_not_change_the_rows():
    X, y = make_multi_view(20, random_state=0)
    X_too, y_too, _ = make_multi_view(20, random_state=0, return_details=True)
    assert_array_equal(X, X_too)
    assert_array_equal(y, y_too)


def test_calls_share_features():
    *_, details = make_multi_view(20, random_state=0, return_details=True)
    X, y, again = make_multi_view(50, features=details.features.tolist(), single_view=0.0, random_state=1, **CLEAN)
    assert_array_equal(again.features, details.features)
    assert_array_equal(own(shown(X, details).sum(axis=1), y) >= 1 - 1e-9, True)
    X_else, y_else, _ = make_multi_view(50, single_view=0.0, random_state=1, **CLEAN)
    assert not (own(shown(X_else, details).sum(axis=1), y_else) >= 1 - 1e-9).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_samples": 0}, r"n_samples: expected an integer in \[1, inf\), got 0"),
        ({"n_classes": 1}, r"n_classes: expected an integer in \[2, inf\), got 1"),
        ({"single_view": 1.1}, r"single_view: expected a number in \[0, 1\], got 1.1"),
        ({"n_other_features": 15}, r"n_other_features: expected an integer in \[0, 14\], got 15"),
        ({"noise": -1.0}, r"noise: expected a number in \[0, inf\), got -1.0"),
        ({"weak_strength": np.nan}, r"weak_strength: expected a number in \[0, inf\), got nan"),
        ({"patch_size": 15}, "patch_size: expected at least 16 values for 2 orthonormal features of each of 8"),
        ({"n_patches": 5}, "n_patches: expected at least 6 for 4 other features and 2 own on 1 each, got 5"),
        ({"patches_per_feature": 2}, "n_patches: expected at least 12 for 4 other features and 2 own on 2 each, got 6"),
        ({"features": np.eye(16)}, r"features: expected shape \(16, 64\), got \(16, 16\)"),
        ({"features": np.ones((16, 64))}, "features: expected orthonormal rows"),
    ],
)
def test_what_is_refused(params, message):
    with pytest.raises(ValueError, match=message):
        make_multi_view(**params)


def test_just_enough_patches_are_accepted():
    X, _ = make_multi_view(5, n_patches=8, n_other_features=2, patches_per_feature=2, patch_size=16, random_state=0)
    assert X.shape == (5, 128)


def test_a_number_of_rows_must_be_whole():
    with pytest.raises(TypeError, match=r"n_samples: expected an integer, got 1\.5"):
        make_multi_view(1.5)
