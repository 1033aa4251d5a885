"""Cheap settings of every public classifier for tables, by kinds of techniques."""

import torch
from sklearn.naive_bayes import BernoulliNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

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
)

PLAIN = {"n_members": 1, "hidden_layer_sizes": (8,), "max_epochs": 1, "random_state": 0}
NET = NetClassifier(**PLAIN, early_stopping=False)
STOPPING = NetClassifier(**PLAIN | {"max_epochs": 2, "n_members": 2})


class ModuleOfAUser(torch.nn.Module):
    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.BatchNorm1d(n_features_in), torch.nn.Linear(n_features_in, n_classes)
        )

    def forward(self, X):
        return self.layers(X)


FAMILIES = {
    "net": [
        NET,
        STOPPING,
        NetClassifier(**PLAIN | {"n_members": 8, "max_epochs": 3}, patience=1),
        NetClassifier(**PLAIN, numeric_embedding="periodic", dropout="jumpout", class_weight="balanced"),
        NetClassifier(**PLAIN, numeric_embedding=None, dtype="float64", merge_identical_rows=False),
        NetClassifier(ModuleOfAUser, max_epochs=2, random_state=0),
    ],
    "smoothing": [
        SmoothedNetClassifier(terms, **PLAIN, early_stopping=stopping)
        for terms in ["label_smoothing", "confidence_penalty", "virtual_adversarial", "bootstrapping", "disturb_label"]
        for stopping in [False, True]
    ],
    "noise": [
        NoiseTolerantClassifier(**PLAIN | {"max_epochs": 2}),
        NoiseTolerantClassifier(**PLAIN, early_stopping=False, n_perturbations=2, warm_up=0.0),
        ReweightedClassifier(NET, random_state=0),
        ReweightedClassifier(STOPPING, method="meta_weight_net", random_state=0),
    ],
    "prototypes": [
        CleanPrototypeClassifier(3, **PLAIN),
        CleanPrototypeClassifier(**PLAIN | {"n_members": 2}, early_stopping=True, class_weight="balanced"),
        PrototypeClassifier(2, n_support=1, n_query=1, **PLAIN, early_stopping=False),
        PrototypeClassifier(**PLAIN | {"max_epochs": 2}),
        *[
            DecoupledLongTailClassifier(STOPPING, sampling=sampling, classifier=classifier, random_state=0)
            for sampling in ["instance", "class_balanced"]
            for classifier in ["logit_adjustment", "crt", "ncm", "tau", "lws"]
        ],
    ],
    "distillation": [
        DistilledClassifier(NET, NET, cv=None, random_state=0),
        DistilledClassifier(NET, NET, cv=2, augment="munge", random_state=0),
        DistilledClassifier(None, NET, cv=2, random_state=0),
    ],
    "ensembles": [
        BaggingVoteEnsemble(NET, 2, oob_score=False, random_state=0),
        BaggingVoteEnsemble(STOPPING, 3, voting="hard", member_weights="bayes", random_state=0),
        BaggingVoteEnsemble(NET, 2, resampling="cross_validation", random_state=0),
        BaggingVoteEnsemble(NET, 2, max_features=0.6, bootstrap=False, random_state=0),
        BaggingVoteEnsemble(NET, 2, bootstrap_features=True, max_samples=0.5, random_state=0),
        OutputCodeEnsemble(NET, code="random", n_bits=6, random_state=0),
        OutputCodeEnsemble(STOPPING, code="random", n_bits=6, stacked=False, random_state=0),
        DisagreementEnsemble(NET, random_state=0),
        DisagreementEnsemble(STOPPING, alpha=0.0, random_state=0),
    ],
}

# Those that learn from numbers alone, and refuse a table in words of their own.
NO_NETS = [
    DecisionTreeClassifier(),
    KNeighborsClassifier(1),
    make_pipeline(StandardScaler(), DecisionTreeClassifier()),
    make_pipeline(StandardScaler(), NET),
    BernoulliNB(),
]
OF_OTHERS = [
    *[BaggingVoteEnsemble(member, 2, random_state=0) for member in NO_NETS],
    *[OutputCodeEnsemble(member, code="random", n_bits=6, random_state=0) for member in NO_NETS],
    *[DistilledClassifier(teacher, NET, cv=2, random_state=0) for teacher in NO_NETS],
    DistilledClassifier(None, make_pipeline(StandardScaler(), NET), cv=2, random_state=0),
]
