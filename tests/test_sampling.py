"""Laws of who is in the next epoch."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from sktech.sampling import SAMPLINGS, ClassGroups, ClassSampler, MemberRows, WithTrusted, class_probabilities
from sktech.training import TensorBatches, TensorNet, WeightedRows


def random_weight(shape, seed=0, most=4):
    """Whole weights of which some are 0; members have different numbers of rows."""
    return np.random.default_rng(seed).integers(0, most, shape).astype(float)


WEIGHTS = {
    "one": random_weight(40),
    "many": random_weight((3, 40)),
    "folds": 1.0 - np.eye(4)[np.arange(40) % 4].T,
    "fractions": np.random.default_rng(0).random((3, 40)) * (random_weight((3, 40), 1) > 0),
    "few_and_many": np.stack([np.ones(40), np.r_[np.zeros(37), 1, 2, 3]]),
    "all_alike": np.full((2, 40), 0.3),
}


@pytest.fixture(params=WEIGHTS.values(), ids=WEIGHTS)
def weight(request):
    return request.param


def epochs(weight, seed=0, n=3, **params):
    """[(rows, weight) per member, (n_members, n_rows)] of some epochs."""
    sampler, generator = MemberRows(weight, **params), torch.Generator().manual_seed(seed)
    drawn = [sampler(i / n, generator) for i in range(n)]
    ones = torch.ones(len(sampler), dtype=torch.float64)
    return [
        (np.atleast_2d(rows.numpy()), np.atleast_2d((ones.expand(rows.shape) if w is None else w).numpy()))
        for rows, w, _ in drawn
    ]


@pytest.mark.parametrize("shuffle", [True, False])
def test_each_epoch_of_each_member_has_its_own_rows_once(weight, shuffle):
    for rows, drawn in epochs(weight, shuffle=shuffle):
        for m, own in enumerate(np.atleast_2d(weight)):
            assert_array_equal(np.sort(rows[m][drawn[m] > 0]), np.flatnonzero(own))


def test_weights_are_the_members_own_with_mean_one(weight):
    for rows, drawn in epochs(weight, dtype=torch.float64):
        assert_allclose(drawn.mean(axis=1), 1, rtol=1e-12)
        for m, own in enumerate(np.atleast_2d(weight)):
            expected = np.where(drawn[m] > 0, own[rows[m]], 0)
            assert_allclose(drawn[m] / drawn[m].sum(), expected / own.sum(), rtol=1e-12)


def test_the_longest_member_has_no_fillers_and_all_are_as_long(weight):
    longest = (np.atleast_2d(weight) > 0).sum(axis=1).max()
    sampler = MemberRows(weight)
    assert len(sampler) == longest
    for rows, drawn in epochs(weight):
        assert rows.shape == drawn.shape == (*np.atleast_2d(weight).shape[:1], longest)
        n_own = (np.atleast_2d(weight) > 0).sum(axis=1)
        assert_array_equal((drawn == 0).sum(axis=1), longest - n_own)


def test_a_filler_is_a_row_of_its_member(weight):
    for rows, _ in epochs(weight):
        for m, own in enumerate(np.atleast_2d(weight)):
            assert (own[rows[m]] > 0).all()


def test_one_member_has_no_member_axis():
    rows, weight, _ = MemberRows(random_weight(40))(0.0, torch.Generator())
    assert rows.ndim == weight.ndim == 1
    rows, weight, _ = MemberRows(random_weight((1, 40)))(0.0, torch.Generator())
    assert rows.ndim == weight.ndim == 2


@pytest.mark.parametrize("ones", [np.ones(7), np.full(7, 3.0), np.full((2, 7), 3.0), WEIGHTS["folds"]], ids=range(4))
def test_weights_that_are_all_alike_are_left_out(ones):
    sampler = MemberRows(ones)
    assert sampler.weight is None
    assert sampler(0.0, torch.Generator())[1] is None


def test_weights_that_are_alike_within_each_member_are_left_out():
    assert MemberRows(np.stack([np.ones(7), np.full(7, 3.0)])).weight is None


@pytest.mark.parametrize("factor", [1e-300, 0.1, 1e307])
def test_a_common_factor_of_a_members_weights_does_not_matter(factor):
    weight = random_weight((3, 40))
    scaled = weight * np.array([[1.0], [factor], [factor]])
    one, other = (MemberRows(values, dtype=torch.float64) for values in (weight, scaled))
    assert torch.equal(one.rows, other.rows)
    torch.testing.assert_close(one.weight, other.weight, rtol=1e-12, atol=0)


def test_members_and_epochs_have_orders_of_their_own():
    orders = [rows.tobytes() for epoch, _ in epochs(np.ones((3, 40))) for rows in epoch]
    assert len(set(orders)) == 9


def test_without_shuffling_the_order_is_the_tables():
    for rows, drawn in epochs(random_weight((3, 40)), shuffle=False):
        for m in range(3):
            assert (np.diff(rows[m][drawn[m] > 0]) > 0).all()


def test_a_generators_seed_decides(weight):
    one, again, other = (epochs(weight, seed) for seed in (0, 0, 1))
    for (rows, drawn), (same_rows, same_drawn) in zip(one, again, strict=True):
        assert_array_equal(rows, same_rows)
        assert_array_equal(drawn, same_drawn)
    assert any((rows != other_rows).any() for (rows, _), (other_rows, _) in zip(one, other, strict=True))


def test_torchs_global_generator_is_left_alone():
    before = torch.get_rng_state()
    epochs(random_weight((3, 40)))
    assert torch.equal(torch.get_rng_state(), before)


def test_every_row_comes_at_every_place():
    weight, n = np.ones((2, 5)), 500
    drawn = np.stack([rows for rows, _ in epochs(weight, n=n)])  # (n, 2, 5)
    counts = np.stack([(drawn == row).sum(axis=0) for row in range(5)])
    assert (np.abs(counts - n / 5) < 5 * np.sqrt(n * 0.2 * 0.8)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_weights_come_in_the_nets_type(dtype):
    assert MemberRows(random_weight((3, 40)), dtype=dtype).weight.dtype == dtype


def test_the_weights_given_stay_as_they_were():
    weight = random_weight((3, 40))
    before = weight.copy()
    weight.flags.writeable = False
    epochs(weight)
    assert_array_equal(weight, before)


@pytest.mark.parametrize("batch_size", [1, 7, 16, 100])
@pytest.mark.parametrize("shuffle", [True, False])
def test_batches_are_slices_of_an_epoch(batch_size, weight, shuffle):
    data = WeightedRows(torch.arange(40.0)[:, None], torch.arange(40))
    sampler = MemberRows(weight, shuffle=shuffle)
    batches = TensorBatches(data, batch_size, sampler=sampler, seed=0)
    epoch = list(batches)
    assert len(epoch) == len(batches)
    assert [batch.n_rows for batch in epoch[:-1]] == [min(batch_size, len(sampler))] * (len(epoch) - 1)
    rows = torch.cat([batch.rows for batch in epoch], dim=-1)
    assert torch.equal(rows.sort(dim=-1).values, sampler.rows.sort(dim=-1).values)
    for batch in epoch:
        assert torch.equal(batch.y, batch.rows)
        assert torch.equal(batch.X[..., 0], batch.rows.float())
    if sampler.weight is not None:
        drawn = torch.cat([batch.weight for batch in epoch], dim=-1)
        torch.testing.assert_close(drawn.sum(dim=-1), sampler.weight.sum(dim=-1))


# ------------------------------------------------------------ trusted rows beside the others


@pytest.mark.parametrize("members", [None, 3])
@pytest.mark.parametrize(("batch_size", "n_trusted"), [(7, 4), (10, 10), (40, 3)])
def test_each_step_ends_with_trusted_rows_that_weigh_nothing(members, batch_size, n_trusted):
    copies = random_weight(40 if members is None else (members, 40)) + 1
    learned, trusted = copies.copy(), np.zeros_like(copies)
    trusted[..., :12], learned[..., :12] = copies[..., :12], 0
    own, generator = MemberRows(learned), torch.Generator().manual_seed(0)
    sampler = WithTrusted(own, MemberRows(trusted), batch_size, n_trusted)
    data = WeightedRows(torch.arange(40.0)[:, None], torch.zeros(40, dtype=torch.int64))
    batches = TensorBatches(data, batch_size, sampler=sampler, generator=generator)
    seen = []
    for _ in range(3):
        steps = list(batches)
        assert len(steps) == len(batches) == -(-28 // batch_size)
        for step in steps:
            assert (step.weight[..., -n_trusted:] == 0).all()
            assert (step.copies[..., -n_trusted:] == 0).all()
            assert (step.rows[..., -n_trusted:] < 12).all()
            seen.append(step.rows[..., -n_trusted:])
        rows = torch.cat([step.rows[..., :-n_trusted] for step in steps], dim=-1)
        assert_array_equal(np.sort(np.atleast_2d(rows), axis=1), np.tile(np.arange(12, 40), (members or 1, 1)))
        # The engine divides by all rows of a step: what the others weigh in its mean is as if they were alone.
        weight = torch.cat(
            [step.weight[..., :-n_trusted] / step.n_rows * (step.n_rows - n_trusted) for step in steps], -1
        )
        expected = own.weight.gather(-1, rows - 12) if own.weight is not None else torch.ones(rows.shape)
        assert_allclose(weight, expected, rtol=1e-6)
    # Trusted rows take turns: none comes a second time before all came once.
    turns = np.atleast_2d(torch.cat(seen, dim=-1))
    for start in range(0, turns.shape[1] - 11, 12):
        assert_array_equal(np.sort(turns[:, start : start + 12], axis=1), np.tile(np.arange(12), (members or 1, 1)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("label_weight", [None, np.linspace(1, 2, 40)], ids=["alike", "weighted"])
def test_weights_beside_trusted_rows_are_of_the_nets_type(label_weight, dtype):
    copies = np.ones(40)
    trusted = np.arange(40) < 12
    own = MemberRows(copies * ~trusted, label_weight, dtype)
    sampler = WithTrusted(own, MemberRows(copies * trusted, label_weight, dtype), 28, 9)
    drawn = sampler(0.0, torch.Generator().manual_seed(0))
    assert drawn.weight.dtype == drawn.copies.dtype == dtype
    assert torch.equal(drawn.copies[:28], torch.full((28,), 1 + 9 / 28, dtype=dtype))


# ------------------------------------------------------------ groups of one class

CODES = np.repeat([0, 1, 2, 3], [20, 12, 6, 2])


def groups(copies, n=1, seed=0, **params):
    """Rows of n epochs, (n, n_members, n_steps, groups_per_step, group_size)."""
    sampler = ClassGroups(copies, CODES, **{"group_size": 4, "groups_per_step": 3, "n_steps": 5} | params)
    generator = torch.Generator().manual_seed(seed)
    drawn = np.stack([np.atleast_2d(sampler(0.0, generator).rows.numpy()) for _ in range(n)])
    assert drawn.shape[-1] == len(sampler)
    return drawn.reshape(n, drawn.shape[1], sampler.n_steps, sampler.groups_per_step, sampler.group_size)


@pytest.mark.parametrize("distinct", [True, False])
def test_a_group_is_of_one_class_and_of_the_members_own_rows(distinct, weight):
    drawn = groups(weight, n=5, distinct=distinct, groups_per_step=1 if distinct else 3)
    codes = CODES[drawn]
    assert (codes == codes[..., :1]).all()
    members = np.atleast_2d(weight)
    assert drawn.shape[1] == len(members)
    for m, member in enumerate(members):
        assert (member[drawn[:, m]] > 0).all()


def test_classes_and_rows_come_in_proportion_to_their_weight_rounded():
    copies, class_weight = random_weight(40) + 0.5, np.array([1.0, 3.0, 0.5, 2.0])[CODES]
    for drawn in groups(copies, n=20, class_weight=class_weight, n_steps=40):
        of_class = np.bincount(CODES[drawn[..., 0]].ravel(), minlength=4)
        expected = 120 * np.bincount(CODES, copies * class_weight) / (copies * class_weight).sum()
        assert (np.abs(of_class - expected) < 1).all()
        times = np.bincount(drawn.ravel(), minlength=40)
        share = copies / np.bincount(CODES, copies)[CODES]
        assert (np.abs(times - 4 * of_class[CODES] * share) < 1).all()


def test_in_the_mean_each_copy_is_as_likely_as_any_other():
    copies, n = random_weight(40) + 1, 400
    times = np.bincount(groups(copies, n=n).ravel(), minlength=40) / n
    assert_allclose(times, 60 * copies / copies.sum(), atol=5 * np.sqrt(0.25 / n))


def test_classes_of_a_step_differ_and_are_alike_in_number():
    drawn = CODES[groups(np.ones(40), n=200, distinct=True)[..., 0]]
    assert (np.diff(np.sort(drawn, axis=-1)) > 0).all()
    assert_allclose(np.bincount(drawn.ravel()) / drawn.size, 0.25, atol=5 * np.sqrt(0.25 * 0.75 / drawn.size))


def test_a_row_comes_twice_in_a_group_only_where_a_class_has_too_few():
    drawn = groups(np.ones(40), n=20)
    n_distinct = (np.diff(np.sort(drawn, axis=-1)) > 0).sum(axis=-1) + 1
    assert (n_distinct == np.where(CODES[drawn[..., 0]] == 3, 2, 4)).all()
    few = drawn[CODES[drawn[..., 0]] == 3]
    assert len(few)
    assert (few[:, 0] == few[:, 1]).all()  # copies are neighbours
    assert (few[:, 2] == few[:, 3]).all()


def test_all_rows_of_a_class_share_groups_in_the_end():
    """Who is in a group with whom is drawn anew in each epoch."""
    drawn = groups(np.ones(40), n=300).reshape(-1, 4)
    together = np.zeros((40, 40), dtype=bool)
    for i in range(4):
        together[drawn, drawn[:, [i]]] = True
    assert (together == (CODES[:, None] == CODES)).all()


def test_members_are_drawn_apart_and_a_seed_decides():
    both = groups(np.ones((2, 40)), n=2)
    assert (both[:, 0] != both[:, 1]).any()
    assert_array_equal(groups(np.ones((2, 40)), n=2), both)
    assert (groups(np.ones((2, 40)), n=2, seed=1) != both).any()


def test_a_sampler_that_forms_the_steps_says_how_many_rows_they_have():
    data = WeightedRows(torch.arange(40.0)[:, None], torch.from_numpy(CODES))
    sampler = ClassGroups(np.ones(40), CODES, group_size=3, groups_per_step=2, n_steps=7)
    batches = TensorBatches(data, 100, sampler=sampler, seed=0)
    assert [batch.n_rows for batch in batches] == [6] * 7
    assert len(batches) == 7


# ---------------------------------------------------------------- classes that come more often than they are

SIZES = np.array([[50.0, 10.0, 1.0], [0.5, 0.0, 3.0]])


@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("progress", [0.0, 0.3, 1.0])
def test_class_probabilities_sum_to_one_and_leave_out_empty_classes(sampling, progress):
    p = class_probabilities(SIZES, sampling, progress)
    assert_allclose(p.sum(axis=1), 1, rtol=1e-15)
    assert_array_equal(p == 0, SIZES == 0)


def test_class_probabilities_are_powers_of_the_sizes():
    for sampling, power in (("instance", 1), ("square_root", 0.5), ("class_balanced", 0)):
        expected = np.where(SIZES > 0, SIZES**power, 0)
        assert_allclose(class_probabilities(SIZES, sampling), expected / expected.sum(axis=1, keepdims=True))


def test_progressive_goes_from_instance_to_class_balanced_in_a_straight_line():
    first, middle, last = (class_probabilities(SIZES, "progressive", t) for t in (0.0, 0.25, 1.0))
    assert_array_equal(first, class_probabilities(SIZES, "instance"))
    assert_array_equal(last, class_probabilities(SIZES, "class_balanced"))
    assert_allclose(middle, 0.75 * first + 0.25 * last, rtol=1e-15)


LABELS = np.repeat([0, 1, 2, -1], [40, 12, 3, 8])
COPIES = {
    "none": None,
    "one": random_weight(len(LABELS), 5) + (np.arange(len(LABELS)) % 20 == 1),
    "many": random_weight((2, len(LABELS)), 6) + (np.arange(len(LABELS)) % 20 == 1),
}


@pytest.fixture(params=COPIES.values(), ids=COPIES)
def copies(request):
    return request.param


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_rows_share_their_class_by_copies_and_those_without_a_label_keep_their_share(sampling, copies):
    own = np.ones(len(LABELS)) if copies is None else copies
    for progress in (0.0, 0.5, 1.0):
        p = np.atleast_2d(ClassSampler(LABELS, sampling, copies).probabilities(progress).numpy())
        for mine, weight in zip(p, np.atleast_2d(own), strict=True):
            assert mine.sum() == pytest.approx(1)
            sizes = np.array([weight[label == LABELS].sum() for label in (0, 1, 2)])
            unlabeled = weight[LABELS == -1].sum() / weight.sum()
            assert mine[LABELS == -1].sum() == pytest.approx(unlabeled)
            for label, share in enumerate(class_probabilities(sizes, sampling, progress)):
                rows = label == LABELS
                assert_allclose(mine[rows], (1 - unlabeled) * share * weight[rows] / weight[rows].sum(), rtol=1e-12)


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_rows_and_classes_come_as_often_as_expected_rounded_up_or_down(sampling, copies):
    sampler, generator = ClassSampler(LABELS, sampling, copies), torch.Generator().manual_seed(0)
    n_members, n = 1 if copies is None or copies.ndim == 1 else len(copies), len(LABELS)
    n_epochs, counts = 400, np.zeros((n_members, n))
    expected = np.atleast_2d(sampler.probabilities(0.4).numpy()) * len(sampler)
    for _ in range(n_epochs):
        rows = np.atleast_2d(sampler(0.4, generator).rows.numpy())
        assert rows.shape == (n_members, len(sampler))
        epoch = np.stack([np.bincount(own, minlength=n) for own in rows])
        assert (np.abs(epoch - expected) < 1).all()
        for label in (-1, 0, 1, 2):
            of_class = label == LABELS
            assert (np.abs(epoch[:, of_class].sum(axis=1) - expected[:, of_class].sum(axis=1)) < 1 + 1e-9).all()
        counts += epoch
    assert (np.abs(counts / n_epochs - expected) < 5 * 0.5 / np.sqrt(n_epochs)).all()


def test_instance_sampling_is_all_rows_once():
    sampler, generator = ClassSampler(LABELS, "instance"), torch.Generator().manual_seed(0)
    orders = [sampler(0.0, generator).rows for _ in range(20)]
    assert all(torch.equal(rows.sort().values, torch.arange(len(LABELS))) for rows in orders)
    assert len({tuple(rows.tolist()) for rows in orders}) == 20


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_a_seed_gives_the_same_rows_and_torchs_global_generator_is_left_alone(sampling, copies):
    before, sampler = torch.get_rng_state(), ClassSampler(LABELS, sampling, copies)
    one, again, other = (sampler(0.5, torch.Generator().manual_seed(seed)).rows for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)


def test_labels_weigh_besides_with_mean_one():
    label_weight = np.array([1.0, 3.0, 2.0, 0.0])[LABELS]
    for copies in COPIES.values():
        sampler = ClassSampler(LABELS, "square_root", copies, label_weight, dtype=torch.float64)
        rows, weight, counts = sampler(0.0, torch.Generator().manual_seed(0))
        assert counts is None
        assert_allclose(weight.mean(-1), 1, rtol=1e-12)
        expected = label_weight[rows.numpy()]
        assert_allclose(weight, expected / expected.mean(axis=-1, keepdims=True), rtol=1e-12)


def test_an_epoch_without_any_label_weighs_nothing():
    sampler = ClassSampler([0, *[-1] * 9], copies=[1e-6, *[1.0] * 9], label_weight=[1.0, *[0.0] * 9])
    assert not sampler(0.0, torch.Generator().manual_seed(0)).weight.any()


def test_it_is_a_sampler_for_torchs_loader_and_for_a_net():
    X, y = torch.arange(40.0)[:, None], torch.arange(40) // 36
    sampler = ClassSampler(y, "class_balanced", generator=torch.Generator().manual_seed(0))
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(X, y), batch_size=10, sampler=sampler)
    drawn = torch.cat([labels for _, labels in loader])
    assert len(drawn) == len(sampler) == 40
    assert drawn.sum() == 20
    params = {"lr": 0.1, "max_epochs": 2, "verbose": 0, "train_split": None}
    net = TensorNet(
        torch.nn.Linear,
        module__in_features=1,
        module__out_features=2,
        criterion=torch.nn.CrossEntropyLoss,
        iterator_train=TensorBatches,
        iterator_train__sampler=sampler,
        iterator_train__seed=0,
        **params,
    )
    net.fit(X.numpy() / 40, y.numpy())
    assert net.predict_proba(X.numpy() / 40).shape == (40, 2)


def test_iterating_progressively_follows_the_progress_that_was_set():
    y = np.repeat([0, 1], [90, 10])
    sampler = ClassSampler(y, "progressive", generator=torch.Generator().manual_seed(0))
    counts = []
    for progress in (0.0, 0.5, 1.0):
        sampler.progress = progress
        counts.append(y[list(sampler)].sum())
    assert counts == [10, 30, 50]


@pytest.mark.parametrize(
    ("labels", "params", "message"),
    [
        ([0, 1], {"sampling": "balanced"}, "sampling: expected one of 'instance'"),
        ([], {}, "labels: expected class numbers"),
        (["a", "b"], {}, "labels: expected class numbers"),
        ([0, -2], {}, "labels: expected class numbers"),
        ([0, 1], {"copies": [1, 1, 1]}, r"copies: expected finite, non-negative numbers of shape \(2,\)"),
        ([0, 1], {"copies": [1, -1]}, "copies: expected finite, non-negative"),
        ([0, 1], {"copies": [[1, 1], [0, 0]]}, "copies: expected a positive number for at least one row"),
    ],
)
def test_what_cannot_be_sampled_is_refused(labels, params, message):
    with pytest.raises(ValueError, match=message):
        ClassSampler(labels, **params)


def test_numbers_of_classes_may_have_gaps():
    labels = np.array([5, 5, 5, 10**9, -1, 7])
    dense = ClassSampler([0, 0, 0, 2, -1, 1], "class_balanced")
    assert torch.equal(ClassSampler(labels, "class_balanced").probabilities(), dense.probabilities())


@pytest.mark.parametrize("sizes", [[0, 0], [-1, 1], [1, np.nan], [[1, 2], [0, 0]]])
def test_sizes_that_are_none_are_refused(sizes):
    with pytest.raises(ValueError, match="sizes: expected finite numbers of at least 0, not all of them 0"):
        class_probabilities(sizes, "square_root")


@pytest.mark.parametrize("progress", [-0.1, 1.1, np.nan])
def test_a_progress_outside_is_refused(progress):
    sampler = ClassSampler([0, 0, 1], "progressive")
    sampler.progress = progress
    with pytest.raises(ValueError, match=r"progress: expected a number in \[0, 1\]"):
        list(sampler)


def test_rows_of_several_members_cannot_be_iterated_over():
    with pytest.raises(ValueError, match=r"expected shape \(n,\) to iterate over rows, got those of several members"):
        list(ClassSampler([0, 0, 1], copies=np.ones((2, 3))))


@pytest.mark.parametrize("label_weight", [[1.0, -1.0, 1.0], [1.0, np.nan, 1.0], [1.0, 1.0]])
def test_label_weights_that_are_none_are_refused(label_weight):
    with pytest.raises(ValueError, match=r"label_weight: expected finite, non-negative numbers of shape \(3,\)"):
        ClassSampler([0, 0, 1], label_weight=label_weight)
