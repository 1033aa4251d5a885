"""Classes that were not there in training, from a handful of rows: prototypes.

Run ``python benchmarks/claims/unseen_classes.py`` (about two minutes; ``--quick`` for half of one; ``--data FOLDER``
for those of its tables that have eight classes or more). Exits with 1 if a claim is contradicted. Results go to
``benchmarks/results/unseen_classes.md``.

Four in ten classes are held out of the training. Then 1, 2, 5, 10 or 20 rows of each (*shots*) are enrolled with
``add_classes``, and other rows of these classes are told apart, among the new classes alone. The accuracy is the mean
over ten draws of the shots; all arms have the same ones.

The claims (Snell, Swersky and Zemel, 2017): the accuracy rises with the number of shots, is far above chance, and
higher than that of nearest centroids and of the nearest row on the inputs themselves, each column scaled to unit
variance in the training rows; than that of nearest centroids in the features of a plain net which was trained on the
same classes; and than that of the most similar prototype by cosine, in the same space as the prototypes (the paper
trains for it, too). Nothing is tuned. Rows, queries and classes of an episode, and no dropout, are the defaults, which
were chosen on made tables of other seeds; there the plain net was better without dropout, too, and has none here.
"""

import copy
import sys
from functools import partial
from itertools import pairwise

import numpy as np
import torch
from _paired import ACCURACY, Claim, main
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from sktech import NetClassifier, PrototypeClassifier
from sktech.training.objective import Forward

SHOTS, N_DRAWS, SHARE_HELD_OUT, MIN_CLASSES, MAX_TRAINING_ROWS = (1, 2, 5, 10, 20), 10, 0.4, 8, 1500
PROTOTYPES, COSINE, FEATURES = "prototypes", "prototypes, cosine", "features of a plain net"
CENTROIDS, NEIGHBOUR, CHANCE = "inputs, nearest centroid", "inputs, nearest row", "chance"
NETS = {PROTOTYPES: PrototypeClassifier(n_members=1), FEATURES: NetClassifier(n_members=1, dropout=0.0)}


def made_kinds(seed, n_classes=20, n_rows=120, n_telling=6, n_others=10):
    """Classes that differ in 6 of 16 directions, which all share; inputs are turned and bent."""
    rng = np.random.default_rng(seed)
    y = np.repeat(np.arange(n_classes), n_rows)
    telling = rng.normal(size=(n_classes, n_telling))[y] + 0.35 * rng.normal(size=(len(y), n_telling))
    directions = np.linalg.qr(rng.normal(size=(n_telling + n_others,) * 2))[0]
    X = np.concatenate([telling, rng.normal(size=(len(y), n_others))], axis=1) @ directions
    return X + 0.5 * np.sin(2 * X), y


MADE = {"20 kinds": made_kinds, "10 kinds": partial(made_kinds, n_classes=10, n_rows=240)}


def at(arm, n_shots):
    return f"{arm}, {n_shots}"


def features(net, X):
    """What the last layer of a fitted net sees, (n, n_units)."""
    inputs, module = torch.cat(list(net._inputs(X))), net.net_.module_.eval()
    with torch.no_grad():
        return Forward(module, inputs).features(inputs).double().numpy()


def nearest_centroid(rows, y, queries):
    classes = np.unique(y)
    centroids = np.stack([rows[y == k].mean(axis=0) for k in classes])
    return classes[((queries[:, None] - centroids) ** 2).sum(axis=-1).argmin(axis=1)]


def most_similar(rows, y, queries):
    classes = np.unique(y)
    centroids = np.stack([rows[y == k].mean(axis=0) for k in classes])
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True).clip(1e-12)
    return classes[(queries @ centroids.T).argmax(axis=1)]


def nearest_row(rows, y, queries):
    return KNeighborsClassifier(1).fit(rows, y).predict(queries)


def arms(X, y, seed, **changes):
    rng = np.random.default_rng(seed)
    classes, counts = np.unique(y, return_counts=True)
    classes = rng.permutation(classes[counts >= 2 * max(SHOTS)])
    if len(classes) < MIN_CLASSES:
        return
    new = np.sort(classes[: round(SHARE_HELD_OUT * len(classes))])
    old = np.flatnonzero(np.isin(y, classes) & ~np.isin(y, new))
    if len(old) > MAX_TRAINING_ROWS:
        old, _ = train_test_split(old, train_size=MAX_TRAINING_ROWS, stratify=y[old], random_state=seed)
    nets = {arm: clone(net).set_params(random_state=seed, **changes).fit(X[old], y[old]) for arm, net in NETS.items()}
    scaled, embedded = StandardScaler().fit(X[old]).transform(X), {arm: features(net, X) for arm, net in nets.items()}
    found = {at(arm, n): [] for arm in (PROTOTYPES, COSINE, FEATURES, CENTROIDS, NEIGHBOUR) for n in SHOTS}
    for _ in range(N_DRAWS):
        order = [rng.permutation(np.flatnonzero(y == k)) for k in new]
        queries = np.concatenate([rows[max(SHOTS) :] for rows in order])
        for n in SHOTS:
            shots = np.concatenate([rows[:n] for rows in order])
            enrolled = copy.deepcopy(nets[PROTOTYPES]).add_classes(X[shots], y[shots])
            proba = enrolled.predict_log_proba(X[queries])[:, np.searchsorted(enrolled.classes_, new)]
            predicted = {PROTOTYPES: new[proba.argmax(axis=1)]}
            for arm, method, space in (
                (COSINE, most_similar, embedded[PROTOTYPES]),
                (FEATURES, nearest_centroid, embedded[FEATURES]),
                (CENTROIDS, nearest_centroid, scaled),
                (NEIGHBOUR, nearest_row, scaled),
            ):
                predicted[arm] = method(space[shots], y[shots], space[queries])
            for arm, labels in predicted.items():
                found[at(arm, n)].append((labels == y[queries]).mean())
    for arm, accuracies in found.items():
        yield arm, {ACCURACY: np.mean(accuracies)}
    yield CHANCE, {ACCURACY: 1 / len(new)}


CLAIMS = [
    *(Claim(at(PROTOTYPES, more), at(PROTOTYPES, n), ACCURACY) for n, more in pairwise(SHOTS)),
    Claim(at(PROTOTYPES, 1), CHANCE, ACCURACY, margin=0.2),
    *(
        Claim(at(PROTOTYPES, n), at(arm, n), ACCURACY)
        for arm in (CENTROIDS, NEIGHBOUR, FEATURES, COSINE)
        for n in (1, 5, 20)
    ),
]
COMPARISONS = [(at(PROTOTYPES, n), at(arm, n)) for arm in (CENTROIDS, NEIGHBOUR, FEATURES, COSINE) for n in (2, 10)]
SETTINGS = {
    "Rows": f"at most {MAX_TRAINING_ROWS} of the old classes train; {SHARE_HELD_OUT:.0%} of the classes are new",
    "Nets": " and ".join(f"`{net!r}`" for net in NETS.values()),
}

if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, [(MADE, arms), (["digits"], arms)], CLAIMS, COMPARISONS, SETTINGS))
