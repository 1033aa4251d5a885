"""Whole-tensor batches are the DataLoader's batches, and know their rows."""

import numpy as np
import pytest
import skorch.dataset
import torch
from torch.utils.data import DataLoader, Subset

from sktech.labels import Labels
from sktech.training import Batch, SoftTargets, TensorBatches, WeightedRows
from sktech.training import batches as batches_module
from sktech.training.batches import whole_tensors


@pytest.fixture
def data():
    generator = torch.Generator().manual_seed(0)
    X = torch.randn(103, 4, generator=generator)
    return WeightedRows(X, torch.arange(103), torch.rand(103, generator=generator))


@pytest.mark.parametrize("batch_size", [1, 10, 103, 500])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_and_random_state_are_the_data_loaders(data, batch_size, shuffle, drop_last):
    settings = {"batch_size": batch_size, "shuffle": shuffle, "drop_last": drop_last}
    torch.manual_seed(3)
    expected = [(X.clone(), y.clone()) for _ in range(2) for X, y in DataLoader(data, **settings)]
    after = torch.rand(1)
    torch.manual_seed(3)
    ours = TensorBatches(data, **settings)
    got = [batch for _ in range(2) for batch in ours]
    assert torch.rand(1) == after
    assert len(got) == len(expected) == 2 * len(ours)
    for (X, y), batch in zip(expected, got, strict=True):
        assert torch.equal(batch.X, X)
        assert torch.equal(batch.y, y)


@pytest.mark.parametrize("gathered", [1, 25, 10**6])
def test_each_batch_knows_its_rows_and_their_weights(data, monkeypatch, gathered):
    monkeypatch.setattr(batches_module, "GATHERED_ROWS", gathered)
    seen = []
    for batch in TensorBatches(data, 10, shuffle=True, seed=1):
        X, y = batch
        assert torch.equal(X, data.X[batch.rows])
        assert torch.equal(y, data.y[batch.rows])
        assert torch.equal(batch.weight, data.weight[batch.rows])
        assert batch.n_rows == len(X)
        seen.extend(batch.rows.tolist())
    assert sorted(seen) == list(range(103))


def test_progress_counts_steps_over_all_epochs(data):
    ours = TensorBatches(data, 10, n_epochs=3)
    progress = [batch.progress for _ in range(3) for batch in ours]
    np.testing.assert_allclose(progress, np.arange(33) / 33)


def test_a_seed_makes_the_order_its_own(data):
    orders = []
    for global_seed in (0, 1):
        torch.manual_seed(global_seed)
        before = torch.get_rng_state()
        ours = TensorBatches(data, 10, shuffle=True, seed=7)
        orders.append([batch.rows.tolist() for _ in range(2) for batch in ours])
        assert torch.equal(torch.get_rng_state(), before)
    assert orders[0] == orders[1]
    assert orders[0][:11] != orders[0][11:], "each epoch has an order of its own"


@pytest.mark.parametrize(("n", "sizes"), [(101, [10] * 9 + [11]), (102, [10] * 10 + [2]), (1, [1]), (10, [10])])
def test_a_last_batch_that_is_too_small_joins_the_one_before(n, sizes):
    data = WeightedRows(torch.zeros(n, 1), torch.zeros(n))
    ours = TensorBatches(data, 10, smallest_batch=2)
    assert [batch.n_rows for batch in ours] == sizes
    assert len(ours) == len(sizes)


def test_a_sampler_gives_each_member_its_own_rows(data):
    drawn = []

    def bootstrap(progress, generator):
        drawn.append(progress)
        rows = torch.randint(103, (5, 103), generator=generator)
        return rows, (rows % 2).float()

    ours = TensorBatches(data, 10, sampler=bootstrap, seed=0, n_epochs=2)
    for batch in [batch for _ in range(2) for batch in ours]:
        assert batch.rows.shape == batch.y.shape == batch.weight.shape == (5, batch.n_rows)
        assert torch.equal(batch.X, data.X[batch.rows])
        assert torch.equal(batch.weight, data.weight[batch.rows] * (batch.rows % 2))
    assert drawn == [0.0, 0.5]


def test_a_sampler_and_shuffle_contradict_each_other(data):
    with pytest.raises(ValueError, match="expected shuffle=False"):
        TensorBatches(data, 10, shuffle=True, sampler=range(103))


def test_sees_through_subsets_and_leaves_other_data_alone(data):
    X = np.arange(20.0).reshape(10, 2)
    dataset = skorch.dataset.Dataset(X, np.arange(10))
    nested = Subset(Subset(dataset, [8, 6, 4, 2]), [0, 3])
    assert whole_tensors(nested).X.tolist() == X[[8, 2]].tolist()
    assert whole_tensors(nested).y.tolist() == [8, 2]
    assert whole_tensors(Subset(data, [3])).weight.tolist() == data.weight[[3]].tolist()
    assert whole_tensors(skorch.dataset.Dataset({"X": X}, np.arange(10))) is None
    assert whole_tensors(skorch.dataset.Dataset(X.astype(object), np.arange(10))) is None
    assert whole_tensors(skorch.dataset.Dataset(X, np.array(list("abcdefghij")))) is None

    class Doubling(skorch.dataset.Dataset):
        def transform(self, X, y):
            return 2 * X, y

    assert whole_tensors(Doubling(X, np.arange(10))) is None


def test_a_missing_target_is_the_data_loaders_zeros():
    dataset = skorch.dataset.Dataset(np.zeros((3, 2), dtype=np.float32))
    (expected,) = DataLoader(dataset, batch_size=3)
    assert torch.equal(whole_tensors(dataset).y, expected[1])


@pytest.mark.parametrize("members", [None, 3])
def test_a_part_of_a_batch_is_the_batch_of_these_rows(members):
    shape = (8,) if members is None else (members, 8)
    rows = torch.randperm(20)[: np.prod(shape)].reshape(shape) if members is None else torch.randint(20, shape)
    proba = np.random.default_rng(0).dirichlet(np.ones(3), 20)
    soft = SoftTargets.of(Labels(np.arange(3), np.arange(20) % 3, proba, 0.2, 1.0 + np.arange(20)), torch.float64)
    X, y, weight = torch.randn(20, 2), torch.arange(20) % 3, torch.rand(20)
    whole = Batch((X[rows], y[rows]), rows, weight[rows], 0.5, weight[rows] + 1, soft)
    which, log_proba = slice(2, 7), torch.randn(*shape, 3, dtype=torch.float64).log_softmax(-1)
    part, alone = whole.part(which), rows[..., which]
    expected = Batch((X[alone], y[alone]), alone, weight[alone], 0.5, weight[alone] + 1, soft)
    for name in ("X", "y", "rows", "weight", "copies"):
        assert torch.equal(getattr(part, name), getattr(expected, name))
    assert part.progress == 0.5
    losses = [batch.soft.loss(log_proba[..., which, :], batch.y) for batch in (part, expected)]
    assert torch.equal(*losses)
    assert torch.equal(losses[0], whole.soft.loss(log_proba, whole.y)[..., which])
