"""The same on a GPU, where there is one."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import make_classification
from skorch.callbacks import Callback
from torch import nn

from sktech import (
    BaggingVoteEnsemble,
    CleanPrototypeClassifier,
    DecoupledLongTailClassifier,
    DisagreementEnsemble,
    NetClassifier,
    NoiseTolerantClassifier,
    OutputCodeEnsemble,
    PrototypeClassifier,
    ReweightedClassifier,
    SmoothedNetClassifier,
    TensorNet,
)
from sktech._random import draw_seed, spawn_seed
from sktech.inspection import bias_attribution, gradient, gradient_times_input, integrated_gradients, learning_order
from sktech.labels import Labels
from sktech.smoothing import Bootstrapping, ConfidencePenalty, DisturbLabel, LabelSmoothing, VirtualAdversarial
from sktech.training import Objective, TensorBatches, WeightedRows
from sktech.training.batches import on_device

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device here")


@pytest.fixture(scope="module")
def data():
    X, y = make_classification(400, 10, n_informative=8, n_classes=3, random_state=0)
    return X.astype(np.float32), y


def test_the_classifier_learns_and_predicts_on_the_device(data):
    X, y = data
    clf = NetClassifier(device="cuda", max_epochs=20, random_state=0).fit(X, y)
    assert next(clf.net_.module_.parameters()).is_cuda
    assert clf.score(X, y) > 0.7
    on_cpu = NetClassifier(max_epochs=20, random_state=0).fit(X, y)
    assert abs(clf.score(X, y) - on_cpu.score(X, y)) < 0.1


def test_the_same_seed_gives_the_same_model_and_generators_are_untouched(data):
    cpu, cuda = torch.get_rng_state(), torch.cuda.get_rng_state()
    fits = [NetClassifier(device="cuda", dropout=0.3, max_epochs=5, random_state=0).fit(*data) for _ in range(2)]
    assert torch.equal(torch.get_rng_state(), cpu)
    assert torch.equal(torch.cuda.get_rng_state(), cuda)
    assert np.array_equal(fits[0].predict_proba(data[0]), fits[1].predict_proba(data[0]))


def test_a_model_from_the_device_survives_pickling(data):
    clf = NetClassifier(device="cuda", max_epochs=3, random_state=0).fit(*data)
    again = pickle.loads(pickle.dumps(clf))
    np.testing.assert_allclose(again.predict_proba(data[0]), clf.predict_proba(data[0]), atol=1e-6)


def test_batches_stay_on_the_device_while_they_fit(data):
    rows = WeightedRows(torch.from_numpy(data[0]), torch.from_numpy(data[1]), torch.rand(400))
    for batch in TensorBatches(on_device(rows, "cuda"), 100, shuffle=True, seed=0):
        assert batch.X.is_cuda
        assert batch.y.is_cuda
        assert batch.rows.is_cuda
        assert batch.weight.is_cuda


def test_data_that_do_not_fit_stay_where_they_are(data, monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 1000))
    rows = on_device(WeightedRows(torch.from_numpy(data[0]), torch.from_numpy(data[1])), "cuda")
    assert not rows.X.is_cuda
    clf = NetClassifier(device="cuda", max_epochs=3, random_state=0).fit(*data)
    assert np.isfinite(clf.predict_proba(data[0])).all()


def test_losses_read_once_per_epoch_are_those_read_at_once(data):
    class Watching(NetClassifier):
        pass

    histories = []
    for callbacks in ([], [_BatchListener()]):
        clf = Watching(device="cuda", callbacks=callbacks, max_epochs=3, random_state=0).fit(*data)
        histories.append([record["train_loss"] for record in clf.history_])
    np.testing.assert_allclose(*histories, rtol=1e-5)


class _BatchListener(Callback):
    def on_batch_end(self, net, **kwargs):
        pass


def test_divergence_is_found_when_losses_are_read_late(data):
    net = TensorNet(
        nn.Linear,
        module__in_features=10,
        module__out_features=3,
        criterion=nn.CrossEntropyLoss,
        lr=1e38,
        device="cuda",
        callbacks="disable",
        verbose=0,
    )
    with pytest.raises(FloatingPointError, match=r"epoch 1, batch \d+"):
        net.fit(*data)


def test_an_objectives_state_moves_with_the_net(data):
    class Counting(Objective):
        def __init__(self):
            super().__init__()
            self.register_buffer("steps", torch.zeros(()))

        def penalty(self, forward, batch):
            assert self.steps.is_cuda
            return 0.0 * forward(batch.X).square().mean((-2, -1))

        def after_step(self, forward):
            self.steps += 1

    TensorNet(
        nn.Linear,
        module__in_features=10,
        module__out_features=3,
        criterion=nn.CrossEntropyLoss,
        objective=Counting,
        device="cuda",
        verbose=0,
        max_epochs=2,
    ).fit(*data)


@pytest.mark.parametrize(
    "term",
    [LabelSmoothing(prior="unigram"), ConfidencePenalty(), Bootstrapping(), DisturbLabel(), VirtualAdversarial()],
    ids=lambda term: type(term).__name__,
)
@pytest.mark.parametrize("n_members", [1, 3])
def test_every_term_runs_on_the_device(data, term, n_members):
    X, y = data
    clf = SmoothedNetClassifier(term, device="cuda", n_members=n_members, max_epochs=20, random_state=0).fit(X, y)
    assert clf.score(X, y) > 0.6


@pytest.mark.parametrize("free", [1000, 10**9])
def test_probabilities_are_looked_up_wherever_they_are(data, free, monkeypatch):
    X, y = data
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (free, free))
    proba = np.random.default_rng(0).dirichlet(np.ones(3), len(y))
    labels = Labels(np.arange(3), y, proba, hard_weight=0.3, temperature=2.0)
    on_device, on_cpu = (
        NetClassifier(device=device, dropout=0.0, max_epochs=3, random_state=0).fit(X, labels).predict_proba(X)
        for device in ("cuda", "cpu")
    )
    np.testing.assert_allclose(on_device.mean(axis=0), on_cpu.mean(axis=0), atol=0.1)


@pytest.mark.parametrize("term", [None, DisturbLabel(), VirtualAdversarial()], ids=str)
def test_nets_side_by_side_equal_nets_one_by_one(term, data):
    X, y = data
    params = {"n_members": 1, "hidden_layer_sizes": (16,), "max_epochs": 4, "dtype": "float64", "device": "cuda"}
    net = NetClassifier(**params) if term is None else SmoothedNetClassifier(term, **params)
    proba = [BaggingVoteEnsemble(net, 3, stacked=s, random_state=0).fit(X, y).predict_proba(X) for s in (True, False)]
    np.testing.assert_allclose(*proba, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", [OutputCodeEnsemble, DisagreementEnsemble])
def test_other_ensembles_train_on_the_device(kind, data):
    X, y = data
    net = NetClassifier(n_members=1, max_epochs=10, device="cuda")
    ensemble = kind(net, random_state=0).fit(X, y)
    assert all(next(member.net_.module_.parameters()).is_cuda for member in ensemble.estimators_)
    assert ensemble.score(X, y) > 0.6


@pytest.mark.parametrize("classifier", ["logit_adjustment", "crt", "ncm", "tau", "lws"])
@pytest.mark.parametrize("sampling", ["instance", "progressive"])
def test_decoupled_nets_train_and_predict_on_the_device(sampling, classifier, data):
    X, y = data
    net = NetClassifier(n_members=2, device="cuda", max_epochs=5, random_state=0)
    clf = DecoupledLongTailClassifier(net, sampling=sampling, classifier=classifier).fit(X, y)
    assert next(clf.estimator_.net_.module_.parameters()).is_cuda
    assert clf.transform(X).shape == (400, 256)
    assert clf.predict_proba(X).shape == (400, 3)


@pytest.mark.parametrize("kind", [CleanPrototypeClassifier, NoiseTolerantClassifier, PrototypeClassifier])
@pytest.mark.parametrize("n_members", [1, 2])
def test_techniques_against_wrong_labels_train_and_predict_on_the_device(kind, n_members, data):
    clf = kind(n_members=n_members, device="cuda", max_epochs=8, random_state=0).fit(*data)
    assert next(clf.net_.module_.parameters()).is_cuda
    assert clf.score(*data) > 0.6


@pytest.mark.parametrize("method", ["learn_to_reweight", "meta_weight_net", "random"])
@pytest.mark.parametrize("params", [{"n_members": 2}, {"n_members": 1, "numeric_embedding": "periodic"}], ids=str)
def test_rows_are_weighed_on_the_device(method, params, data):
    X, y = data
    net = NetClassifier(**params, device="cuda", max_epochs=8, random_state=0)
    clf = ReweightedClassifier(net, method=method).fit(X, y, is_clean=np.arange(400) < 60)
    assert next(clf.estimator_.net_.module_.parameters()).is_cuda
    assert np.isfinite(clf.row_weights_).sum() == 340
    assert clf.score(X, y) > 0.6


def test_attributions_on_the_device_are_those_of_the_processor(data):
    X, y = data
    for clf in (
        NetClassifier(device="cuda", max_epochs=5, random_state=0),
        BaggingVoteEnsemble(NetClassifier(device="cuda", max_epochs=3), n_estimators=2, random_state=0),
    ):
        on_device = clf.fit(X, y)
        on_cpu = pickle.loads(pickle.dumps(on_device))
        for net, *_ in on_cpu._nets():
            net.net_.module_.to("cpu")
        for function in (bias_attribution, gradient, gradient_times_input, integrated_gradients):
            steps = {"n_steps": 40} if function is integrated_gradients else {}
            for target in (None, y[:50]):
                found = [function(model, X[:50], target=target, **steps) for model in (on_device, on_cpu)]
                np.testing.assert_allclose(found[0].values, found[1].values, atol=1e-4)
                np.testing.assert_array_equal(found[0].target, found[1].target)


def test_rows_on_the_device_are_attributed_there(data):
    module = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 3)).cuda()
    X = torch.from_numpy(data[0][:50]).cuda()
    attribution = integrated_gradients(module, X, baseline=X[0])
    np.testing.assert_allclose(attribution.values.sum(axis=1), attribution.explained, atol=1e-4)
    again = integrated_gradients(module.cpu(), X, baseline=X[0].cpu())
    np.testing.assert_allclose(attribution.values, again.values, atol=2e-3 * np.ptp(again.answer))


def test_what_nets_answer_after_each_epoch_is_recorded(data):
    X, y = data
    net = NetClassifier(n_members=2, device="cuda", max_epochs=5)
    cuda = torch.cuda.get_rng_state()
    order, same = (learning_order(net, X, y, 3, random_state=0) for _ in range(2))
    assert torch.equal(torch.cuda.get_rng_state(), cuda)
    np.testing.assert_array_equal(order.consistency, same.consistency)
    alone = [
        clone(net).set_params(random_state=spawn_seed(draw_seed(0), k), early_stopping=False).fit(X, y)
        for k in range(3)
    ]
    right = np.mean([clf.predict(X) == y for clf in alone], axis=0)
    assert np.abs(order.consistency[-1] - right).mean() < 0.05  # side by side rounds otherwise
