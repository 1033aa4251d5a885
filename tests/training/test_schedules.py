"""Laws of the learning rate's schedules."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sktech import NetClassifier, TensorNet
from sktech.modules import MLP
from sktech.training import LearningRateSchedule
from sktech.training.schedules import linear


class Rates(Callback):
    """The rate of each step, with its progress."""

    def initialize(self):
        self.seen = []
        return self

    def on_batch_end(self, net, batch, training, **kwargs):
        if training:
            self.seen.append((batch.progress, [group["lr"] for group in net.optimizer_.param_groups]))


@pytest.fixture
def table():
    X = np.random.default_rng(0).normal(size=(100, 3))
    return X, (X[:, 0] > 0).astype(int)


def test_linear_rises_and_falls_along_lines():
    assert linear(0.1) == 1
    assert linear(1.0) == 0
    assert linear(0.0) > 0, "a first step that learns nothing would be lost"
    for start, stop in [(0, 0.1), (0.1, 1)]:
        values = [linear(progress) for progress in np.linspace(start, stop, 11)]
        assert np.diff(values, 2) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("schedule", ["linear", lambda progress: (1 - progress) ** 2], ids=["linear", "callable"])
def test_each_step_has_the_rate_of_its_progress(schedule, n_members, table):
    rates = Rates()
    NetClassifier(
        n_members=n_members, max_epochs=4, batch_size=20, lr=0.3, lr_schedule=schedule, callbacks=[rates]
    ).fit(*table)
    function = linear if schedule == "linear" else schedule
    progress = [step for step, _ in rates.seen]
    assert progress == pytest.approx(np.arange(len(progress)) / len(progress))
    assert [rate for _, (rate,) in rates.seen] == pytest.approx([0.3 * function(step) for step in progress])


def test_without_a_schedule_and_in_partial_fit_the_rate_stays(table):
    for fit in (
        lambda model: model.set_params(lr_schedule=None).fit(*table),
        lambda model: model.partial_fit(*table, classes=[0, 1]),
    ):
        rates = Rates()
        fit(NetClassifier(max_epochs=2, lr=0.3, callbacks=[rates]))
        assert {rate for _, (rate,) in rates.seen} == {0.3}


def test_every_group_keeps_its_own_rate_and_gets_it_back(table):
    rates = Rates()
    net = TensorNet(
        MLP,
        module__n_features_in=3,
        module__n_classes=2,
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=2,
        lr=0.1,
        optimizer__param_groups=[("head*", {"lr": 0.5})],
        callbacks=[LearningRateSchedule(lambda progress: 1 - progress), rates],
        verbose=0,
    )
    net.fit(table[0].astype(np.float32), table[1])
    for progress, groups in rates.seen:
        assert sorted(groups) == pytest.approx([0.1 * (1 - progress), 0.5 * (1 - progress)])
    assert sorted(group["lr"] for group in net.optimizer_.param_groups) == [0.1, 0.5]
