"""Every public estimator passes every scikit-learn check. A new estimator is one more row of ESTIMATORS, or none:
public classifiers are checked with their defaults by being public."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"  # before scipy is imported: without it a check is skipped

import pytest
import torch
from sklearn.base import is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks
from skorch import NeuralNetClassifier
from torch import nn

import sktech
from sktech import (
    BaggingVoteEnsemble,
    CleanPrototypeClassifier,
    DecoupledLongTailClassifier,
    DisagreementEnsemble,
    DistilledClassifier,
    NetClassifier,
    NoiseTolerantClassifier,
    OutputCodeEnsemble,
    PrototypeClassifier,
    ReweightedClassifier,
    SmoothedNetClassifier,
    TensorNet,
)
from sktech.smoothing import Bootstrapping, ConfidencePenalty, DisturbLabel, LabelSmoothing


class UserModule(nn.Module):
    def __init__(self, n_features_in, n_classes, width=16):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_features_in, width), nn.BatchNorm1d(width), nn.ReLU())
        self.out = nn.Linear(width, n_classes)

    def forward(self, X):
        return self.out(self.body(X))


class UserProbabilities(UserModule):
    def forward(self, X):
        return super().forward(X).softmax(-1)


def public_classifiers():
    """One instance of each public estimator that needs no arguments; TensorNet, which needs a module, is skorch's."""
    classes = [getattr(sktech, name) for name in sktech.__all__]
    return [kind() for kind in classes if isinstance(kind, type) and kind is not TensorNet and is_classifier(kind())]


SKORCH_NET = NeuralNetClassifier(UserModule, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, lr=0.01)
SKORCH_PROBABILITIES = NeuralNetClassifier(
    UserProbabilities, optimizer=torch.optim.Adam, lr=0.01, max_epochs=50, module__width=8
)

SMALL_NET = NetClassifier(n_members=1, max_epochs=8)

# Settings that take other paths than the defaults, which have a test of their own below.
ESTIMATORS = [
    NetClassifier(UserModule),
    NetClassifier(SKORCH_NET),
    NetClassifier(SKORCH_PROBABILITIES, early_stopping=False),
    NetClassifier(UserModule, n_members=3),
    NetClassifier(n_members=1, batch_size=8),
    NetClassifier(n_members=1, dropout="jumpout", numeric_embedding="periodic", patience=2),
    NetClassifier(n_members=3, early_stopping=False),
    NetClassifier(n_members=3, dtype="float64"),
    NetClassifier(n_members=1, class_weight="balanced"),
    NoiseTolerantClassifier(n_members=1, n_perturbations=2, early_stopping=False, max_epochs=8),
    NoiseTolerantClassifier(net=UserModule, max_epochs=8),
    SmoothedNetClassifier("virtual_adversarial", n_members=1, max_epochs=16),
    SmoothedNetClassifier([ConfidencePenalty(threshold=0.3, anneal="cosine"), DisturbLabel()], n_members=1),
    SmoothedNetClassifier([LabelSmoothing(prior="unigram"), Bootstrapping(hard=True)], n_members=1, max_epochs=16),
    CleanPrototypeClassifier(3, n_members=1, early_stopping=True),
    CleanPrototypeClassifier(net=UserModule),
    PrototypeClassifier(2, n_support=1, n_query=1, n_members=1, max_epochs=16),
    PrototypeClassifier(net=UserModule),
    DistilledClassifier(
        DecisionTreeClassifier(max_depth=2),
        NetClassifier(n_members=1, max_epochs=16),
        temperature=2.0,
        hard_weight=0.2,
        augment="munge",
        generations=2,
        cv=2,
    ),
    BaggingVoteEnsemble(LogisticRegression(), 4, member_weights="bayes"),
    BaggingVoteEnsemble(HistGradientBoostingClassifier(max_iter=5), 3, max_samples=0.8, max_features=0.7),
    BaggingVoteEnsemble(SMALL_NET, 3, member_weights="greedy", voting="hard"),
    BaggingVoteEnsemble(SMALL_NET, 2, resampling="cross_validation", stacked=False),
    OutputCodeEnsemble(LogisticRegression(), code="random", n_bits=9),
    OutputCodeEnsemble(HistGradientBoostingClassifier(max_iter=5)),
    DisagreementEnsemble(SMALL_NET, alpha=0),
    ReweightedClassifier(SMALL_NET, method="meta_weight_net"),
    ReweightedClassifier(NetClassifier(UserModule, max_epochs=8)),
    DecoupledLongTailClassifier(
        NetClassifier(n_members=1, max_epochs=8, dtype="float64"), sampling="class_balanced", classifier="crt"
    ),
    DecoupledLongTailClassifier(
        NetClassifier(n_members=2, max_epochs=8, early_stopping=False), sampling="progressive", classifier="ncm"
    ),
    DecoupledLongTailClassifier(NetClassifier(UserModule, max_epochs=8), classifier="tau"),
    DecoupledLongTailClassifier(NetClassifier(UserModule, n_members=2, max_epochs=8), classifier="lws"),
]


@parametrize_with_checks(ESTIMATORS)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", public_classifiers(), ids=lambda estimator: type(estimator).__name__)
def test_defaults_pass_every_check_with_none_skipped_or_expected_to_fail(estimator):
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    others = {r["check_name"]: f"{r['status']}: {r['exception']}" for r in results if r["status"] != "passed"}
    assert not others
    assert (
        "check_array_api_input_and_values" not in {result["check_name"] for result in results}
        or os.environ["SCIPY_ARRAY_API"]
    )
