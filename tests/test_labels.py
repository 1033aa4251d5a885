"""Laws of labels: certain ones, missing ones and probabilities, on their way from the door into the loss."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator
from sklearn.utils import compute_class_weight

from sktech._validation import check_targets
from sktech.labels import UNLABELED, Labels
from sktech.training import SoftTargets

N, K = 40, 3
CLASSES = np.array(["a", "b", "c"])


def some_labels(kind, seed=0):
    """Rows of one kind, or of every kind at once."""
    rng = np.random.default_rng(seed)
    codes, proba = rng.integers(0, K, N), rng.dirichlet(np.ones(K), N)
    holes = np.where(rng.random(N) < 0.3, UNLABELED, codes)
    return {
        "certain": lambda: Labels(CLASSES, codes),
        "some missing": lambda: Labels(CLASSES, holes),
        "probabilities": lambda: Labels(CLASSES, codes, proba),
        "both": lambda: Labels(CLASSES, codes, proba, hard_weight=rng.random(N)),
        "all kinds": lambda: Labels(CLASSES, holes, proba, rng.random(N), rng.choice([1.0, 2.0], N)),
    }[kind]()


KINDS = ["certain", "some missing", "probabilities", "both", "all kinds"]


@pytest.fixture(params=KINDS)
def labels(request):
    return some_labels(request.param)


def known(labels):
    """Which rows say anything."""
    return labels.labeled if labels.proba is None else np.ones(len(labels), dtype=bool)


# ------------------------------------------------------------ Labels


def test_a_mixture_is_a_distribution_or_nothing(labels):
    mixture = labels.mixture()
    assert mixture.shape == (N, K)
    assert (mixture >= 0).all()
    assert_allclose(mixture.sum(axis=1), known(labels), rtol=1e-15)


def test_the_hard_weight_leads_from_the_probabilities_to_the_label():
    labels = some_labels("probabilities")
    ends = [Labels(CLASSES, labels.codes, labels.proba, share).mixture() for share in (0.0, 1.0)]
    assert_allclose(ends[0], labels.proba, rtol=0, atol=1e-15)
    assert_array_equal(ends[1], np.eye(K)[labels.codes])
    for share in (0.25, np.linspace(0, 1, N)):
        between = Labels(CLASSES, labels.codes, labels.proba, share).mixture()
        expected = ends[0] + np.broadcast_to(share, N)[:, None] * (ends[1] - ends[0])
        assert_allclose(between, expected, rtol=0, atol=1e-15)


def test_a_row_without_a_label_has_its_probabilities_whatever_the_hard_weight():
    codes, proba = np.full(N, UNLABELED), some_labels("probabilities").proba
    assert_array_equal(Labels(CLASSES, codes, proba, hard_weight=0.7).mixture(), proba)
    assert_array_equal(Labels(CLASSES, codes).mixture(), np.zeros((N, K)))


def test_totals_are_the_weighted_sum_of_the_mixture(labels):
    weight = np.random.default_rng(1).random(N)
    assert_allclose(labels.totals(weight), weight @ labels.mixture(), rtol=1e-13)
    assert_allclose(labels.totals(weight).sum(), weight[known(labels)].sum(), rtol=1e-13)


def test_totals_have_a_place_for_a_class_that_no_row_has():
    assert_array_equal(Labels(CLASSES, np.array([0, 0, UNLABELED])).totals(np.array([1.0, 2.0, 4.0])), [3, 0, 0])


def test_keys_tell_apart_what_is_known_and_nothing_else(labels):
    twice = labels[np.r_[np.arange(N), np.arange(N)[::-1]]]
    keys = twice.keys()
    assert_array_equal(keys[:N], keys[N:][::-1])
    if labels.proba is None:
        assert len(np.unique(keys, axis=0)) == len(np.unique(labels.codes))
    else:
        assert len(np.unique(keys, axis=0)) == N


@pytest.mark.parametrize("part", ["codes", "proba", "hard_weight", "temperature"])
def test_keys_heed_each_part(part):
    given = {"codes": [0, 0], "proba": np.full((2, K), 1 / K), "hard_weight": [0.5, 0.5], "temperature": [2.0, 2.0]}
    given = {name: np.array(value) for name, value in given.items()}
    same = Labels(CLASSES, **given).keys()
    assert_array_equal(same[0], same[1])
    given[part][1] = {"codes": 1, "proba": [0.5, 0.25, 0.25], "hard_weight": 0.25, "temperature": 3.0}[part]
    other = Labels(CLASSES, **given).keys()
    assert not np.array_equal(other[0], other[1])


def test_simplified_labels_say_the_same(labels):
    assert_array_equal(labels.simplified().mixture(), labels.mixture())


@pytest.mark.parametrize("kind", ["probabilities", "both", "all kinds"])
def test_uncertain_labels_stay_as_they_are(kind):
    labels = some_labels(kind)
    assert labels.simplified() is labels


def test_labels_that_are_certain_need_no_probabilities():
    codes, other = some_labels("certain").codes, some_labels("certain", seed=1).codes
    proba = some_labels("probabilities").proba
    # whole weight on the label, at any temperature
    whole = Labels(CLASSES, codes, proba, hard_weight=1.0, temperature=3.0).simplified()
    assert whole.proba is None
    assert_array_equal(whole.codes, codes)
    # certain probabilities, even beside labels that say something else and have no weight
    certain = Labels(CLASSES, codes, np.eye(K)[other]).simplified()
    assert certain.proba is None
    assert_array_equal(certain.codes, other)


@pytest.mark.parametrize("change", ["temperature", "one without a label", "label that disagrees"])
def test_certain_probabilities_stay_where_they_say_more_than_a_label(change):
    codes = some_labels("certain").codes
    given = {"codes": codes, "proba": np.eye(K)[codes]}
    if change == "temperature":
        given["temperature"] = 2.0
    elif change == "one without a label":
        given["codes"] = np.r_[UNLABELED, codes[1:]]
    else:
        given |= {"codes": np.r_[(codes[0] + 1) % K, codes[1:]], "hard_weight": 0.5}
    labels = Labels(CLASSES, **given)
    assert labels.simplified() is labels
    assert Labels(CLASSES, codes, np.eye(K)[codes], hard_weight=0.5).simplified().proba is None


WEIGHTS = [None, "balanced", {"a": 1.0, "b": 3.0, "c": 0.25}, {"b": 2.0}, {"a": 0.0, "c": 5.0}]


@pytest.mark.parametrize("class_weight", WEIGHTS, ids=str)
def test_class_weights_multiply_the_terms_of_their_classes(class_weight, labels):
    copies = np.random.default_rng(2).random(N)
    before = labels.mixture()
    if class_weight is None:
        factors = np.ones(K)
    elif class_weight == "balanced":
        totals = copies @ before
        factors = totals.sum() / (K * totals)
    else:
        factors = np.array([class_weight.get(name, 1.0) for name in CLASSES])
    weighted, factor = labels.weighted(class_weight, copies)
    assert_allclose(factor[:, None] * weighted.mixture(), before * factors, rtol=1e-12, atol=1e-15)
    assert_array_equal(labels.mixture(), before)


@pytest.mark.parametrize("kind", KINDS)
def test_balanced_gives_each_class_the_same_total(kind):
    labels, copies = some_labels(kind), np.random.default_rng(2).random(N)
    weighted, factor = labels.weighted("balanced", copies)
    totals = weighted.totals(copies * factor)
    assert_allclose(totals, np.full(K, copies[known(labels)].sum() / K), rtol=1e-12)


def test_balanced_is_scikit_learns_for_certain_labels_and_leaves_out_absent_classes():
    codes = np.array([0, 0, 0, 2, 2, UNLABELED])
    _, factor = Labels(CLASSES, codes).weighted("balanced", np.ones(6))
    expected = compute_class_weight("balanced", classes=np.array([0, 2]), y=codes[:-1])
    assert_allclose(factor, [*expected[[0, 0, 0, 1, 1]], 0])
    soft = np.array([[0.5, 0, 0.5], [1, 0, 0]])
    weighted, factor = Labels(CLASSES, np.array([0, 0]), soft).weighted("balanced", np.ones(2))
    assert_allclose(weighted.totals(factor), [1, 0, 1])


def test_a_row_of_which_nothing_is_known_weighs_nothing():
    labels = some_labels("some missing")
    for class_weight in WEIGHTS:
        _, factor = labels.weighted(class_weight, np.ones(N))
        assert_array_equal(factor[~labels.labeled], 0)
        if not isinstance(class_weight, dict):
            assert (factor[labels.labeled] > 0).all()


@pytest.mark.parametrize(
    "class_weight", [{"a": -1}, {"a": np.nan}, {"a": np.inf}, "heavy", {"strange": 1}, [1, 2, 3]], ids=str
)
def test_class_weights_that_make_no_sense_are_refused(class_weight, labels):
    with pytest.raises((ValueError, TypeError), match="class_weight"):
        labels.weighted(class_weight, np.ones(N))


def test_other_numbers_move_the_columns_along(labels):
    numbers = np.array([4, 0, 2])
    moved = labels.numbered(numbers, 5)
    assert moved.mixture().shape == (N, 5)
    assert_array_equal(moved.mixture()[:, numbers], labels.mixture())
    assert_array_equal(moved.mixture()[:, [1, 3]], 0)
    assert_array_equal(moved.labeled, labels.labeled)


def test_a_class_that_no_row_has_needs_no_number():
    numbers = np.array([1, -1, 0])
    assert_array_equal(Labels(CLASSES, np.array([0, 2, UNLABELED])).numbered(numbers, 2).codes, [1, 0, UNLABELED])
    soft = Labels(CLASSES, np.array([0, 2]), np.array([[0.75, 0, 0.25], [0, 0, 1]])).numbered(numbers, 2)
    assert_array_equal(soft.mixture(), [[0.25, 0.75], [1, 0]])


@pytest.mark.parametrize("kind", ["label", "probability", "label beside probabilities"])
def test_a_row_of_a_class_without_a_number_is_refused(kind):
    given = {
        "label": {"codes": np.array([0, 1])},
        "probability": {"codes": np.array([0, 0]), "proba": np.array([[1, 0, 0], [0.9, 0.1, 0]])},
        "label beside probabilities": {
            "codes": np.array([0, 1]),
            "proba": np.array([[1.0, 0, 0], [1, 0, 0]]),
            "hard_weight": 0.5,
        },
    }[kind]
    with pytest.raises(ValueError, match="y: expected labels that had weight in the first fit"):
        Labels(CLASSES, **given).numbered(np.array([0, -1, 1]), 2)


def test_a_label_that_has_no_share_in_the_loss_needs_no_number():
    labels = Labels(CLASSES, np.array([1]), np.array([[0.5, 0, 0.5]])).numbered(np.array([0, -1, 1]), 2)
    assert_array_equal(labels.mixture(), [[0.5, 0.5]])


@pytest.mark.parametrize(
    "rows", [slice(3, 17, 2), np.array([5, 5, 1]), np.arange(N) % 3 == 1], ids=["slice", "", "mask"]
)
def test_some_rows_are_those_rows(rows, labels):
    some = labels[rows]
    assert len(some) == len(np.arange(N)[rows])
    assert some.shape == (len(some),)
    assert_array_equal(some.mixture(), labels.mixture()[rows])
    assert_array_equal(some.keys(), labels.keys()[rows])
    assert_array_equal(some.labeled, labels.labeled[rows])


# ------------------------------------------------------------ the door


def read(y, *, unlabeled=False):
    return check_targets(BaseEstimator(), np.zeros((len(y), 2)), y, unlabeled=unlabeled)


@pytest.mark.parametrize("y", [["no", "yes", "no"], [7, -1, 7], [True, False, True], [2.0, 1.0, 2.0]], ids=str)
@pytest.mark.parametrize("contain", [list, np.array, pd.Series, pl.Series], ids=["list", "numpy", "pandas", "polars"])
def test_labels_are_sorted_classes_and_their_positions(y, contain):
    labels = read(contain(y))
    assert labels.proba is None
    assert_array_equal(labels.classes, np.unique(y))
    assert_array_equal(labels.classes[labels.codes], y)


PROBA = np.array([[0.75, 0.25, 0], [0.125, 0.375, 0.5], [0.25, 0.5, 0.25], [0, 0, 1]])
PROBABILITIES = {
    "array": PROBA,
    "float32": PROBA.astype(np.float32),
    "list of lists": PROBA.tolist(),
    "list of arrays": list(PROBA),
    "tuples": tuple(map(tuple, PROBA)),
    "objects": PROBA.astype(object),
    "tensor": torch.from_numpy(PROBA),
    "pandas": pd.DataFrame(PROBA),
}


@pytest.mark.parametrize("y", PROBABILITIES.values(), ids=PROBABILITIES)
def test_probabilities_are_of_the_classes_0_1_and_so_on(y):
    labels = read(y)
    assert_array_equal(labels.classes, [0, 1, 2])
    assert_array_equal(labels.mixture(), PROBA)
    assert_array_equal(labels.codes, [0, 2, 1, 2])


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
@pytest.mark.parametrize("names", [["dog", "ant", "cat"], ["a", "b", "c"], ["10", "9", "1"]], ids=str)
def test_columns_of_a_frame_name_the_classes_in_any_order(make, names):
    labels = read(make(dict(zip(names, PROBA.T, strict=True))))
    assert labels.classes.tolist() == sorted(names)
    for name, column in zip(names, PROBA.T, strict=True):
        assert_array_equal(labels.mixture()[:, labels.classes.tolist().index(name)], column)
    assert_array_equal(labels.classes[labels.codes], np.array(names)[PROBA.argmax(axis=1)])


@pytest.mark.parametrize("names", [[5, 3, 4], [0.5, -0.5, 0.0], [2, 0, 1]], ids=str)
def test_columns_of_a_frame_may_be_numbers(names):
    labels = read(pd.DataFrame(PROBA, columns=names))
    assert_array_equal(labels.classes, np.sort(names))
    assert_array_equal(labels.mixture(), PROBA[:, np.argsort(names)])


def test_the_index_of_a_frame_does_not_matter():
    assert_array_equal(read(pd.DataFrame(PROBA, index=[9, 9, 1, 0])).mixture(), PROBA)


def test_sums_that_were_rounded_become_1():
    rounded = read(PROBA * [[1.0005], [0.9995], [1], [1]])
    assert_allclose(rounded.mixture(), PROBA, rtol=1e-15)


BAD_PROBABILITIES = {
    "negative": [[1.5, -0.5], [1, 0]],
    "sum 2": [[1, 1], [1, 0]],
    "sum 0": [[0, 0], [1, 0]],
    "sum 0.99": [[0.5, 0.49], [1, 0]],
    "nan": [[np.nan, 0.5], [1, 0]],
    "infinite": [[np.inf, 0.5], [1, 0]],
    "None": [[None, 0.5], [1, 0]],
    "strings": [["a", "b"], ["c", "d"]],
    "strings in a frame": pd.DataFrame({"a": ["x", "y"], "b": ["y", "x"]}),
    "missing in a frame": pd.DataFrame({"a": [0.5, None], "b": [0.5, 1]}),
    "missing in polars": pl.DataFrame({"a": [0.5, None], "b": [0.5, 1]}),
    "labels of two tasks": np.array([[1, 2], [0, 1]]),
}


@pytest.mark.parametrize("y", BAD_PROBABILITIES.values(), ids=BAD_PROBABILITIES)
@pytest.mark.parametrize("unlabeled", [False, True])
def test_columns_that_are_no_probabilities_are_refused(y, unlabeled):
    with pytest.raises(ValueError, match=r"y: expected labels of shape \(n,\), or probabilities .* shape \(2, 2\)"):
        read(y, unlabeled=unlabeled)


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"^y: expected"):
        read(pd.DataFrame(PROBA, columns=["a", "b", "a"]))


def test_names_of_several_types_are_refused():
    with pytest.raises(ValueError, match=r"^y: expected"):
        read(pd.DataFrame(PROBA, columns=["a", 1, 2]))


@pytest.mark.parametrize("unlabeled", [False, True])
@pytest.mark.parametrize(
    "y", [np.zeros(3), PROBA[:3], pd.DataFrame(PROBA[:3]), Labels(CLASSES, np.zeros(3, dtype=int))], ids=type
)
def test_another_number_of_labels_than_rows_is_refused(y, unlabeled):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        check_targets(BaseEstimator(), np.zeros((4, 2)), y, unlabeled=unlabeled)


@pytest.mark.parametrize("unlabeled", [False, True])
def test_no_labels_at_all_are_refused(unlabeled):
    with pytest.raises(ValueError, match="BaseEstimator requires y to be passed, but the target y is None"):
        check_targets(BaseEstimator(), np.zeros((4, 2)), None, unlabeled=unlabeled)


def test_labels_pass_as_they_are(labels):
    assert read(labels) is labels
    assert read(labels, unlabeled=True) is labels


WITH_HOLES = {
    "integers": np.array([3, -1, 5, -1]),
    "list": [3, -1, 5, -1],
    "floats": np.array([3.0, -1.0, 5.0, -1.0]),
    "pandas": pd.Series([3, -1, 5, -1], index=[1, 1, 2, 3]),
    "pandas integers": pd.Series([3, -1, 5, -1], dtype="Int64"),
    "polars": pl.Series([3, -1, 5, -1]),
    "strings": np.array(["three", -1, "five", -1], dtype=object),
    "strings, other numbers": np.array(["three", -1.0, "five", np.int8(-1)], dtype=object),
    "pandas strings": pd.Series(["three", -1, "five", -1], dtype=object),
}


@pytest.mark.parametrize("y", WITH_HOLES.values(), ids=WITH_HOLES)
def test_minus_one_is_no_label_where_that_is_asked_for(y):
    labels = read(y, unlabeled=True)
    assert labels.proba is None
    assert_array_equal(labels.labeled, [True, False, True, False])
    assert labels.classes.tolist() in ([3, 5], ["five", "three"])
    assert labels.classes[labels.codes[[0, 2]]].tolist() == list(y)[::2]


def test_strings_beside_minus_one_may_come_in_a_list():
    labels = read(["three", -1, "five", -1], unlabeled=True)
    assert labels.classes.tolist() == ["five", "three"]
    assert_array_equal(labels.codes, [1, UNLABELED, 0, UNLABELED])


def test_minus_one_is_a_label_like_others_where_nobody_asks():
    labels = read(np.array([3, -1, 5, -1]))
    assert labels.classes.tolist() == [-1, 3, 5]
    assert_array_equal(labels.codes, [1, 0, 2, 0])
    with pytest.raises(ValueError, match="y: expected labels of one type, got int and str"):
        read(np.array(["three", -1], dtype=object))


def test_a_string_that_reads_minus_one_is_refused_where_it_may_mean_no_label():
    with pytest.raises(ValueError, match="y: expected the number -1 for rows without a label"):
        read(np.array(["a", "-1", "b"]), unlabeled=True)
    assert read(np.array(["a", "-1", "b"])).classes.tolist() == ["-1", "a", "b"]


def test_labels_without_holes_are_the_same_either_way():
    for y in (["a", "b", "a"], [2, 2, 0], ["only"] * 3):
        one, other = read(y), read(y, unlabeled=True)
        assert_array_equal(one.classes, other.classes)
        assert_array_equal(one.codes, other.codes)


@pytest.mark.parametrize("y", [[-1, -1], [-1.0]], ids=str)
def test_rows_without_any_label_are_refused_with_the_reason(y):
    message = r"y: -1 is a row without a label here: expected labels besides.*name it otherwise"
    with pytest.raises(ValueError, match=message):
        read(y, unlabeled=True)
    assert read(y).labeled.all()


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA], ids=str)
def test_a_missing_value_is_not_how_to_say_that_there_is_no_label(missing):
    with pytest.raises(ValueError, match="y: expected a class label in each row, got 1 missing among 3"):
        read(np.array(["a", -1, "b", missing], dtype=object), unlabeled=True)


def test_a_column_vector_of_labels_warns_with_holes_too():
    with pytest.warns(match="column-vector"):
        labels = read(np.array([[0], [-1], [1]]), unlabeled=True)
    assert_array_equal(labels.codes, [0, UNLABELED, 1])


# ------------------------------------------------------------ what the loss makes of them


def logits_and_targets(labels, seed=0, dtype=torch.float64):
    logits = torch.from_numpy(np.random.default_rng(seed).normal(scale=2, size=(len(labels), K))).to(dtype)
    return logits, SoftTargets.of(labels, dtype), torch.from_numpy(np.maximum(labels.codes, 0))


def losses_and_gradient(labels, logits, codes=None):
    targets = SoftTargets.of(labels, logits.dtype)
    logits = logits.clone().requires_grad_()
    y = torch.from_numpy(np.maximum(labels.codes, 0)) if codes is None else codes
    losses = targets.loss(logits.log_softmax(-1), y)
    return losses.detach(), torch.autograd.grad(losses.sum(), logits)[0]


def at_temperature(labels, temperature, **params):
    return Labels(CLASSES, labels.codes, labels.proba, **{"temperature": temperature} | params)


@pytest.mark.parametrize("kind", ["probabilities", "both"])
def test_at_temperature_1_the_loss_is_the_cross_entropy_with_the_mixture(kind):
    labels = some_labels(kind)
    logits, targets, y = logits_and_targets(labels)
    expected = -(labels.mixture() * log_softmax(logits.numpy(), axis=-1)).sum(axis=1)
    assert_allclose(targets.loss(logits.log_softmax(-1), y), expected, rtol=1e-13)
    assert_allclose(targets.plain_loss(logits.log_softmax(-1)), expected, rtol=1e-13)


def test_the_plain_loss_knows_no_temperature():
    labels = some_labels("all kinds")
    logits, targets, _ = logits_and_targets(labels)
    expected = -(labels.mixture() * log_softmax(logits.numpy(), axis=-1)).sum(axis=1)
    assert_allclose(targets.plain_loss(logits.log_softmax(-1)), expected, rtol=1e-13)


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_that_of_hinton_vinyals_and_dean(seed):
    rng = np.random.default_rng(seed)
    labels = some_labels("all kinds", seed)
    labels = at_temperature(labels, rng.uniform(0.5, 8, N), hard_weight=rng.random(N))
    logits, targets, y = logits_and_targets(labels, seed)
    z, T, share = logits.numpy(), labels.temperature[:, None], np.where(labels.labeled, labels.hard_weight, 0)
    soft = -(softmax(np.log(labels.proba) / T, axis=-1) * log_softmax(z / T, axis=-1)).sum(axis=1)
    hard = -log_softmax(z, axis=-1)[np.arange(N), labels.codes]
    expected = (1 - share) * T[:, 0] ** 2 * soft + share * hard
    # rows without a label have the soft term alone
    assert_allclose(expected[~labels.labeled], (T[:, 0] ** 2 * soft)[~labels.labeled])
    assert_allclose(targets.loss(logits.log_softmax(-1), y), expected, rtol=1e-12)


def test_the_scaled_gradient_at_a_high_temperature_matches_logits():
    labels = some_labels("probabilities")
    logits, _, _ = logits_and_targets(labels)
    v = np.log(labels.proba)
    z = logits.numpy()
    expected = ((z - z.mean(axis=1, keepdims=True)) - (v - v.mean(axis=1, keepdims=True))) / K
    errors = [
        np.abs(losses_and_gradient(at_temperature(labels, T), logits)[1].numpy() - expected).max()
        for T in (1e2, 1e3, 1e4)
    ]
    assert errors[0] > 1e-3
    assert_allclose(errors[1] / errors[0], 0.1, rtol=0.1)
    assert errors[2] < 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0, 50.0])
def test_a_student_that_equals_its_teacher_is_left_alone(temperature):
    labels = some_labels("probabilities")
    logits = torch.from_numpy(np.log(labels.proba) + np.linspace(-5, 5, N)[:, None])
    _, slope = losses_and_gradient(at_temperature(labels, temperature), logits)
    torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-13 * max(temperature, 1))
    # and its label alone pulls, by its share
    _, pulled = losses_and_gradient(at_temperature(labels, temperature, hard_weight=0.25), logits)
    expected = 0.25 * (labels.proba - np.eye(K)[labels.codes])
    assert_allclose(pulled, expected, atol=1e-13 * max(temperature, 1))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_a_row_without_a_label_takes_any_class_number(temperature):
    labels = at_temperature(some_labels("all kinds"), temperature, hard_weight=0.5)
    assert not labels.labeled.all()
    logits, _, y = logits_and_targets(labels)
    other = torch.where(torch.from_numpy(labels.labeled), y, K - 1)
    assert not torch.equal(y, other)
    for one, two in zip(
        losses_and_gradient(labels, logits, y), losses_and_gradient(labels, logits, other), strict=True
    ):
        assert torch.equal(one, two)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 20.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_teacher_without_doubt_gives_finite_gradients_that_lead_to_its_class(temperature, dtype):
    codes = np.arange(N) % K
    labels = Labels(CLASSES, codes, np.eye(K)[codes], temperature=temperature)
    losses, slope = losses_and_gradient(labels, torch.zeros(N, K, dtype=dtype))
    assert losses.dtype == dtype
    assert torch.isfinite(losses).all()
    assert torch.isfinite(slope).all()
    assert_array_equal(slope.argmin(-1), codes)


@pytest.mark.parametrize("kind", ["both", "all kinds"])
def test_targets_of_some_rows_are_their_losses(kind):
    labels = some_labels(kind)
    logits, targets, y = logits_and_targets(labels)
    log_proba = logits.log_softmax(-1)
    every = targets.loss(log_proba, y)
    one, members = torch.tensor([5, 0, 5, 7]), torch.tensor([[5, 0, 5], [1, 2, 3]])
    for rows in (one, members):
        torch.testing.assert_close(targets[rows].loss(log_proba[rows], y[rows]), every[rows], rtol=1e-15, atol=0)
        torch.testing.assert_close(
            targets[rows].plain_loss(log_proba[rows]), targets.plain_loss(log_proba)[rows], rtol=1e-15, atol=0
        )


@pytest.mark.parametrize("kind", ["both", "all kinds"])
def test_members_may_share_their_targets(kind):
    labels = some_labels(kind)
    logits, targets, y = logits_and_targets(labels)
    both = torch.stack([logits, -logits]).log_softmax(-1)
    losses = targets.loss(both, y)
    assert losses.shape == (2, N)
    for m in range(2):
        torch.testing.assert_close(losses[m], targets.loss(both[m], y), rtol=1e-15, atol=0)


def test_targets_move_with_their_parts():
    targets = logits_and_targets(some_labels("all kinds"))[1].to("meta")
    assert all(part.device.type == "meta" for part in targets.parts)


@pytest.mark.parametrize("class_weight", [{"a": 1.0, "b": 3.0, "c": 0.25}, {"b": 0.0}, "balanced"], ids=str)
@pytest.mark.parametrize("kind", ["probabilities", "both"])
def test_the_class_weighted_loss_weighs_each_classs_term(kind, class_weight):
    labels = some_labels(kind)
    logits = logits_and_targets(labels)[0]
    weighted, factor = labels.weighted(class_weight, np.ones(N))
    losses, _ = losses_and_gradient(weighted, logits)
    if class_weight == "balanced":
        w = N / (K * labels.mixture().sum(axis=0))
    else:
        w = np.array([class_weight.get(name, 1.0) for name in CLASSES])
    expected = -(w * labels.mixture() * log_softmax(logits.numpy(), axis=-1)).sum(axis=1)
    assert_allclose(factor * losses.numpy(), expected, rtol=1e-12)
