"""Small fits of every public estimator, for laws about what happens when something goes wrong around them."""

import hashlib
from functools import partial

import joblib
import numpy as np
from sklearn.tree import DecisionTreeClassifier
from torch import nn

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
from sktech.inspection import Memorizer


class UserModule(nn.Module):
    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_features_in, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.out = nn.Linear(8, n_classes)

    def forward(self, X):
        return self.out(self.body(X))


def nets(kind=NetClassifier, **params):
    return kind(**{"hidden_layer_sizes": (8,), "max_epochs": 2, "n_members": 2, "random_state": 0} | params)


def single(**params):
    return nets(n_members=1, **params)


def of_user(kind=NetClassifier, **params):
    return kind(net=UserModule, **{"n_members": 2, "max_epochs": 2, "random_state": 0} | params)


# Each takes parameters of the nets inside.
NETS = {
    "committee": nets,
    "user's committee": of_user,
    "clean prototypes": partial(nets, CleanPrototypeClassifier),
    "noise tolerant": partial(nets, NoiseTolerantClassifier),
    "prototypes": partial(nets, PrototypeClassifier),
    "smoothed": partial(nets, SmoothedNetClassifier, smoothing="virtual_adversarial"),
}
AROUND_NETS = {
    "reweighted": lambda **params: ReweightedClassifier(nets(**params), random_state=0),
    "weight net": lambda **params: ReweightedClassifier(nets(**params), method="meta_weight_net", random_state=0),
    "decoupled": lambda **params: DecoupledLongTailClassifier(nets(**params), classifier="tau", random_state=0),
    "distilled": lambda **params: DistilledClassifier(DecisionTreeClassifier(), single(**params), cv=2, random_state=0),
    "bagging": lambda **params: BaggingVoteEnsemble(single(**params), 3, member_weights="accuracy", random_state=0),
    "columns": lambda **params: BaggingVoteEnsemble(single(**params), 2, max_features=2, random_state=0),
    "output code": lambda **params: OutputCodeEnsemble(single(**params), random_state=0),
    "disagreement": lambda **params: DisagreementEnsemble(single(**params), random_state=0),
}
WITHOUT_NETS = {
    "memorizer": partial(Memorizer, random_state=0),
    "min norm": partial(Memorizer, "min_norm"),
}
CASES = NETS | AROUND_NETS | WITHOUT_NETS


def table(n=40, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3)).round(2)
    return X, (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)


def answer(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def digest(model, X):
    """One number for what a model holds and answers."""
    net = getattr(model, "net_", None)
    weights = [] if net is None else [weight.detach().numpy() for weight in net.module_.state_dict().values()]
    parts = [np.ascontiguousarray(part).tobytes() for part in (*weights, answer(model, X))]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:16]


def state(model):
    """What a model holds, attribute by attribute."""
    return {name: joblib.hash(value) for name, value in vars(model).items()}
