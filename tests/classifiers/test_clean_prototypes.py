"""Laws of clean prototypes: what confidences are, and what the technique is without them."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from skorch import NeuralNetClassifier
from torch import nn

from sktech import BaggingVoteEnsemble, CleanPrototypeClassifier, DistilledClassifier, OutputCodeEnsemble
from sktech.classifiers.clean_prototypes import CleanPrototypes
from sktech.losses import cross_entropy
from sktech.modules import MLP
from sktech.training import Batch
from sktech.training.objective import Forward, backward

N_SUBSETS, SIZE, D, K = 6, 4, 5, 3


def learner(subset_size=4, **params):
    small = {"hidden_layer_sizes": (16,), "max_epochs": 3, "n_members": 2, "random_state": 0}
    return CleanPrototypeClassifier(subset_size, **small | params)


def module_of(n_members=None):
    torch.manual_seed(1)
    return MLP(D, K, (8,), n_members=n_members).double()


def batch_of(n_members=None, subset_size=SIZE, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shape = (N_SUBSETS * subset_size,) if n_members is None else (n_members, N_SUBSETS * subset_size)
    X = torch.randn(*shape, D, dtype=torch.float64, generator=generator)
    y = torch.randint(K, (*shape[:-1], N_SUBSETS), generator=generator).repeat_interleave(subset_size, -1)
    return Batch((X, y), torch.arange(shape[-1]).expand(shape))


def objective_of(subset_size=SIZE, keep=None):
    torch.manual_seed(2)
    return CleanPrototypes(subset_size, N_SUBSETS * subset_size, keep)


@pytest.fixture(scope="module")
def X():
    X = np.random.default_rng(0).normal(size=(90, 3))
    X[::7, 2] = np.nan
    return X


@pytest.fixture(scope="module")
def y(X):
    return np.array(["low", "mid", "top"])[np.digitize(X[:, 0] + X[:, 1], [-0.7, 0.7])]


# ------------------------------------------------------------ confidences


@pytest.mark.parametrize("n_members", [None, 3])
def test_confidences_are_positive_and_sum_to_one_in_each_subset(n_members):
    shape = (N_SUBSETS, SIZE, D) if n_members is None else (n_members, N_SUBSETS, SIZE, D)
    alpha = objective_of().confidences(torch.randn(shape, dtype=torch.float64))
    assert alpha.shape == shape[:-1]
    assert (alpha > 0).all()
    assert alpha.std() > 1e-3
    torch.testing.assert_close(alpha.sum(-1), torch.ones(shape[:-2], dtype=torch.float64), rtol=0, atol=1e-14)


def test_the_order_of_rows_does_not_matter_and_equal_rows_are_trusted_alike():
    objective, subsets = objective_of(), torch.randn(N_SUBSETS, SIZE, D, dtype=torch.float64)
    subsets[:, 2] = subsets[:, 0]
    alpha, order = objective.confidences(subsets), torch.tensor([3, 0, 2, 1])
    torch.testing.assert_close(objective.confidences(subsets[:, order]), alpha[:, order], rtol=0, atol=1e-14)
    torch.testing.assert_close(alpha[:, 2], alpha[:, 0], rtol=0, atol=1e-14)
    assert (alpha[:, 1] - alpha[:, 0]).abs().min() > 1e-6


def test_two_rows_are_as_far_from_their_mean_and_so_trusted_alike():
    alpha = objective_of(2).confidences(torch.randn(N_SUBSETS, 2, D, dtype=torch.float64))
    torch.testing.assert_close(alpha, torch.full_like(alpha, 0.5), rtol=0, atol=1e-14)


def test_each_member_has_a_scoring_net_of_its_own():
    objective, subsets = objective_of(), torch.randn(N_SUBSETS, SIZE, D, dtype=torch.float64)
    alpha = objective.confidences(subsets.expand(2, *subsets.shape))
    assert (alpha[0] - alpha[1]).abs().max() > 1e-3
    own = MLP(D, 1, (32,)).double()
    stacked = dict(objective.scoring_net.named_parameters())
    own.load_state_dict({name: stacked[name][1].detach() for name in own.state_dict()})
    apart = (subsets - subsets.mean(-2, keepdim=True)) ** 2
    torch.testing.assert_close(own(apart).squeeze(-1).softmax(-1), alpha[1], rtol=0, atol=1e-12)


# ------------------------------------------------------------ the loss


@pytest.mark.parametrize("n_members", [None, 3])
def test_subsets_of_one_row_are_ordinary_training(n_members):
    """The same loss and the same gradients as the cross-entropy of the same batch."""
    batch, losses, gradients = batch_of(n_members, 1), [], []
    for rows in (objective_of(1).rows, lambda forward, batch: forward.label_loss(batch)):
        module = module_of(n_members)
        loss = rows(Forward(module, batch.X), batch)
        losses.append(loss)
        gradients.append(torch.autograd.grad(loss.sum(), list(module.parameters())))
    torch.testing.assert_close(*losses, rtol=0, atol=1e-13)
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-12)


@pytest.mark.parametrize("n_members", [None, 3])
def test_the_loss_is_that_of_the_weighted_means_of_features(n_members):
    batch, module, objective = batch_of(n_members), module_of(n_members), objective_of()
    loss = backward(objective, Forward(module, batch.X), batch)
    H = module.features(batch.X).detach()
    alpha = objective.confidences(H.unflatten(-2, (N_SUBSETS, SIZE))).detach()
    means = torch.stack(
        [(alpha[..., g, :, None] * H[..., g * SIZE : (g + 1) * SIZE, :]).sum(-2) for g in range(N_SUBSETS)], dim=-2
    )
    expected = cross_entropy(module.head(means), batch.y[..., ::SIZE]).mean(-1)
    torch.testing.assert_close(loss, expected.detach(), rtol=0, atol=1e-13)


def test_the_scoring_net_learns_by_its_own_optimiser():
    batch, module, objective = batch_of(), module_of(), objective_of()
    losses = []
    for _ in range(30):
        forward = Forward(module, batch.X)
        losses.append(backward(objective, forward, batch))
        objective.after_step(forward)
    assert losses[-1] < losses[0] - 1e-4  # the module was never stepped
    assert all(parameter.grad is None for parameter in objective.scoring_net.parameters())


def test_members_train_as_if_alone():
    """In a committee each scoring net gets the gradient of its own member's loss alone."""
    batch, module, objective = batch_of(3), module_of(3), objective_of()
    backward(objective, Forward(module, batch.X), batch)
    grads = [parameter.grad.clone() for parameter in objective.scoring_net.parameters()]
    loss = objective.rows(Forward(module, batch.X), batch)
    for parameter in objective.scoring_net.parameters():
        parameter.grad = None
    (loss[1].mean()).backward()
    for grad, parameter in zip(grads, objective.scoring_net.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad[1], grad[1], rtol=0, atol=1e-13)
        assert not parameter.grad[0].any()


def test_what_is_kept_is_the_mean_over_subsets_and_nan_for_who_was_in_none():
    kept = []
    objective = objective_of(keep=kept.append)
    batch = batch_of()
    batch.rows = torch.arange(N_SUBSETS * SIZE) % (N_SUBSETS * SIZE - 2)  # rows 0 and 1 twice, the last two never
    module = module_of()
    objective.rows(Forward(module, batch.X), batch)
    objective.finish(module)
    alpha = SIZE * objective.confidences(module.features(batch.X).unflatten(-2, (N_SUBSETS, SIZE))).detach().flatten()
    assert_allclose(kept[0][2:-2], alpha[2:-2], atol=1e-13)
    assert_allclose(kept[0][:2], (alpha[:2] + alpha[-2:]) / 2, atol=1e-13)
    assert np.isnan(kept[0][-2:]).all()


# ------------------------------------------------------------ the classifier


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("wrong", [0.2, 0.4])
def test_wrong_labels_are_trusted_less(seed, wrong):
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))[:500]
    flipped = rng.random(500) < wrong
    labels = np.where(flipped, (y[rows] + rng.integers(1, 10, 500)) % 10, y[rows])
    model = CleanPrototypeClassifier(n_members=2, max_epochs=16, random_state=seed).fit(X[rows], labels)
    known = ~np.isnan(model.row_confidences_)
    assert known.mean() > 0.95
    assert roc_auc_score(~flipped[known], model.row_confidences_[known]) > 0.65


def test_confidences_are_in_the_order_of_the_rows_handed_in(X, y):
    weight = np.ones(len(X))
    weight[5] = 0
    model = learner(early_stopping=False).fit(X, y, weight)
    assert model.row_confidences_.shape == (len(X),)
    assert_array_equal(np.isnan(model.row_confidences_), np.arange(len(X)) == 5)
    order = np.random.default_rng(0).permutation(len(X))
    same = learner(early_stopping=False).fit(X[order], y[order], weight[order])
    assert_array_equal(same.row_confidences_, model.row_confidences_[order])
    twice = np.r_[np.arange(len(X)), 3]
    copies = learner(early_stopping=False).fit(X[twice], y[twice], weight[twice]).row_confidences_
    assert copies[3] == copies[-1]


def test_confidences_are_one_in_the_mean(X, y):
    """Those of a subset sum to N; without weights each row is drawn about as often as any other."""
    model = learner(early_stopping=False, max_epochs=10).fit(X, y)
    assert_allclose(model.row_confidences_.mean(), 1, atol=0.05)
    assert_array_equal(learner(1, early_stopping=False).fit(X, y).row_confidences_, 1)


def test_a_weight_is_so_many_copies(X, y):
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    copies = np.repeat(np.arange(len(X)), weight)
    one, other = learner().fit(X, y, weight), learner().fit(X[copies], y[copies])
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert_array_equal(one.row_confidences_[copies], other.row_confidences_)


def test_a_class_of_fewer_rows_than_a_subset_is_drawn_with_copies(X, y):
    rare = np.r_[np.flatnonzero(y != "top"), np.flatnonzero(y == "top")[:2]]
    model = learner(8, max_epochs=10).fit(X[rare], y[rare])
    assert model.predict_proba(X).shape == (len(X), 3)


def test_subsets_larger_than_the_table_work():
    X, y = np.arange(10.0)[:, None], np.arange(10) % 2
    assert learner(50).fit(X, y).predict(X).shape == (10,)


def test_copies_are_the_same_model(X, y):
    model = learner().fit(X, y)
    for same in (pickle.loads(pickle.dumps(model)), clone(model).fit(X, y)):
        assert_array_equal(same.predict_proba(X), model.predict_proba(X))
        assert_array_equal(same.row_confidences_, model.row_confidences_)
    state = torch.get_rng_state()
    learner(random_state=None).fit(X, y)
    assert torch.equal(torch.get_rng_state(), state)


def test_frames_warm_starts_and_streams(X, y):
    frame = pd.DataFrame(X, columns=list("abc")).assign(colour=np.where(X[:, 0] > 0, "red", None))
    model = learner(warm_start=True).fit(frame, y)
    before = model.predict_proba(frame)
    assert model.fit(frame, y).n_iter_ == 6
    assert not np.array_equal(model.predict_proba(frame), before)
    stream = learner().partial_fit(X[:50], y[:50], classes=["low", "mid", "top"])
    assert stream.partial_fit(X[50:], y[50:]).row_confidences_.shape == (len(X) - 50,)


def make(n_features_in, n_classes):
    return nn.Sequential(nn.Linear(n_features_in, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, n_classes))


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("brings_batches", [False, True])
def test_a_net_of_ones_own_learns_from_clean_prototypes_too(n_members, brings_batches, X, y):
    net = (
        NeuralNetClassifier(make, criterion=nn.CrossEntropyLoss, max_epochs=2, batch_size=30)
        if brings_batches
        else make
    )
    params = {} if brings_batches else {"max_epochs": 2}
    model = CleanPrototypeClassifier(net=net, n_members=n_members, random_state=0, early_stopping=False, **params).fit(
        X, y
    )
    assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    assert not np.isnan(model.row_confidences_).any()


def test_an_output_that_is_not_the_last_layers_is_refused(X, y):
    def squashed(n_features_in, n_classes):
        return nn.Sequential(nn.Linear(n_features_in, n_classes), nn.Tanh())

    for n_members in (1, 2):
        with pytest.raises(TypeError, match="expected Sequential to return the output of Linear"):
            CleanPrototypeClassifier(net=squashed, n_members=n_members).fit(X, y)


@pytest.mark.parametrize("subset_size", [0, 2.5, None])
def test_sizes_that_make_no_sense_are_refused(subset_size, X, y):
    with pytest.raises((TypeError, ValueError), match="subset_size: expected an integer"):
        learner(subset_size).fit(X, y)


def test_probabilities_as_labels_are_refused(X, y):
    with pytest.raises(ValueError, match=r"y: expected labels, .* got probabilities"):
        learner().fit(X, np.full((len(X), 2), 0.5))


def test_ensembles_train_it_one_by_one_and_wrappers_of_rows_say_no(X, y):
    bag = BaggingVoteEnsemble(learner(n_members=1), 3, random_state=0).fit(X, y)
    assert bag.score(X, y) > 0.4
    assert not hasattr(bag.estimators_[0], "row_confidences_")
    assert OutputCodeEnsemble(learner(n_members=1), random_state=0).fit(X, y).score(X, y) > 0.4
    with pytest.raises(ValueError, match="got probabilities"):
        DistilledClassifier(learner(), learner()).fit(X, y)
