"""Made data sets on which a technique's effect can be seen and its theory checked."""

import numpy as np
from sklearn.utils import Bunch, check_array, check_random_state

from sktech._validation import check_number

__all__ = ["make_multi_view"]


def make_multi_view(
    n_samples=300,
    *,
    n_classes=8,
    n_patches=6,
    patch_size=64,
    single_view=0.02,
    n_other_features=4,
    patches_per_feature=1,
    weak_strength=0.1,
    other_strength=0.4,
    single_view_other_strength=0.2,
    feature_noise=0.02,
    noise=0.05,
    features=None,
    random_state=None,
    return_details=False,
):
    """Rows of patches in which either of two features tells the class, and a share of rows shows only one of them.

    Every class has two features, its views, which are directions in the space of a patch. Most rows show both views of
    their class, so that a net gets them right with one; single-view rows show one of them, drawn at random, and hardly
    the other. Nets which differ in their initial weights pick different views, which is why an ensemble of them knows
    both and a student of the ensemble can learn both.

    Parameters
    ----------
    n_samples : int, default=300
    n_classes : int, default=8
        k of the paper, at least 2. All classes are equally likely.
    n_patches : int, default=6
        P of the paper: patches of a row.
    patch_size : int, default=64
        d of the paper: values of a patch, at least 2 n_classes.
    single_view : float, default=0.02
        μ of the paper: share of single-view rows, in [0, 1]. Exactly ``round(single_view * n_samples)`` rows are
        (halves go to the even number), at random places.
    n_other_features : int, default=4
        How many features of other classes a row shows beside the two of its own; they are drawn without replacement.
    patches_per_feature : int, default=1
        C_p of the paper: how many patches show a feature. No patch shows two, so n_patches must be at least
        patches_per_feature * (2 + n_other_features); patches left over hold noise alone.
    weak_strength : float, default=0.1
        ρ of the paper: strength of the weak one of a single-view row's own two views, at least 0.
    other_strength : float, default=0.4
        Strength of other classes' features in multi-view rows, at least 0: uniform between half of it and all.
    single_view_other_strength : float, default=0.2
        Γ of the paper: the same in single-view rows.
    feature_noise : float, default=0.02
        γ of the paper, at least 0: every patch has each of the features with a weight that is uniform in
        [0, feature_noise].
    noise : float, default=0.05
        σ_p of the paper: standard deviation of the normal noise of each value.
    features : array-like of shape (2 * n_classes, patch_size), default=None
        Orthonormal rows, of which 2 j and 2 j + 1 are the views of class j; None draws them. Give those of another call
        for rows from the same distribution, such as a test set.
    random_state : None, int or numpy.random.RandomState, default=None
    return_details : bool, default=False
        Whether to return a third value.

    Returns
    -------
    X : ndarray of shape (n_samples, n_patches * patch_size)
        Patch after patch: ``X.reshape(n_samples, n_patches, patch_size)`` has them apart. A patch that shows a feature
        is the feature times its strength in the row over patches_per_feature, plus noise. Strong views have a strength
        that is uniform in [1, 2].
    y : ndarray of shape (n_samples,)
        Class numbers.
    details : Bunch
        If ``return_details``: ``features`` of shape (2 * n_classes, patch_size), ``strengths`` of each in each row of
        shape (n_samples, 2 * n_classes), 0 for what the row does not show; ``single_view`` of shape (n_samples,), bool;
        and ``strong_view`` of shape (n_samples,): 0 or 1, the strong one of the own views, and -1 where both are.

    Raises
    ------
    ValueError, TypeError
        If a parameter is not as described, the patches are too few or too small for the features, or the features are
        not orthonormal.

    Notes
    -----
    Departures from the paper, which speaks of large numbers of classes: there each other feature is shown with the same
    small probability s / k; here their number is fixed, so that the patches always hold them. Where the paper has a
    range, strengths are uniform in it, but for the weak view, which has the lower end, and the patches of a feature
    share its strength equally. The defaults are for few classes and rows.

    References
    ----------
    Z. Allen-Zhu and Y. Li, "Towards Understanding Ensemble, Knowledge Distillation and Self-Distillation in Deep
    Learning", ICLR 2023, arXiv 2012.09816, the definition of the multi-view distribution.

    Examples
    --------
    >>> from sktech.datasets import make_multi_view
    >>> X, y, details = make_multi_view(100, single_view=0.2, random_state=0, return_details=True)
    >>> X.shape, int(details.single_view.sum())
    ((100, 384), 20)
    >>> X_test, y_test = make_multi_view(500, single_view=1.0, features=details.features, random_state=1)
    """
    check_number("n_samples", n_samples, int, 1)
    check_number("n_classes", n_classes, int, 2)
    check_number("n_patches", n_patches, int, 1)
    check_number("patch_size", patch_size, int, 1)
    check_number("single_view", single_view, float, 0, 1)
    check_number("n_other_features", n_other_features, int, 0, 2 * n_classes - 2)
    check_number("patches_per_feature", patches_per_feature, int, 1)
    for name, value in (
        ("weak_strength", weak_strength),
        ("other_strength", other_strength),
        ("single_view_other_strength", single_view_other_strength),
        ("feature_noise", feature_noise),
        ("noise", noise),
    ):
        check_number(name, value, float, 0, np.inf, open_high=True)
    n_features, n_shown = 2 * n_classes, 2 + n_other_features
    if patch_size < n_features:
        raise ValueError(
            f"patch_size: expected at least {n_features} values for 2 orthonormal features of each of {n_classes} "
            f"classes, got {patch_size}"
        )
    if n_patches < patches_per_feature * n_shown:
        raise ValueError(
            f"n_patches: expected at least {patches_per_feature * n_shown} for {n_other_features} other features and 2 "
            f"own on {patches_per_feature} each, got {n_patches}"
        )
    rng = check_random_state(random_state)
    if features is None:
        features = np.linalg.qr(rng.normal(size=(patch_size, n_features)))[0].T
    features = check_array(features, dtype=np.float64, input_name="features")
    if features.shape != (n_features, patch_size):
        raise ValueError(f"features: expected shape {(n_features, patch_size)}, got {features.shape}")
    if not np.allclose(features @ features.T, np.eye(n_features), atol=1e-6):
        raise ValueError("features: expected orthonormal rows, got others")

    rows = np.arange(n_samples)
    y = rng.randint(n_classes, size=n_samples)
    is_single = np.zeros(n_samples, dtype=bool)
    is_single[rng.choice(n_samples, round(single_view * n_samples), replace=False)] = True
    strong_view = np.where(is_single, rng.randint(2, size=n_samples), -1)

    # Own views first, then others: numbers of the features that a row shows, and their strengths.
    others = rng.random_sample((n_samples, n_features - 2)).argsort(axis=1)[:, :n_other_features]
    others += 2 * (others >= 2 * y[:, None])  # counted without the two of the own class
    shown = np.column_stack([2 * y, 2 * y + 1, others])
    strength = rng.uniform(1, 2, size=shown.shape)
    strength[:, 2:] *= np.where(is_single, single_view_other_strength, other_strength)[:, None] / 2
    strength[rows[is_single], 1 - strong_view[is_single]] = weak_strength

    places = rng.random_sample((n_samples, n_patches)).argsort(axis=1)[:, : patches_per_feature * n_shown]
    patches = rng.uniform(0, feature_noise, size=(n_samples, n_patches, n_features)) @ features
    patches += rng.normal(0, noise, size=patches.shape)
    patches[rows[:, None], places] += np.repeat(
        strength[:, :, None] / patches_per_feature * features[shown], patches_per_feature, axis=1
    )
    X = patches.reshape(n_samples, -1)
    if not return_details:
        return X, y
    strengths = np.zeros((n_samples, n_features))
    strengths[rows[:, None], shown] = strength
    return X, y, Bunch(features=features, strengths=strengths, single_view=is_single, strong_view=strong_view)
