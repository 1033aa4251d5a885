"""The order in which nets learn rows: common to all nets, and to how many others.

Run ``python benchmarks/claims/learning_order.py`` (about 10 minutes; ``--quick`` for a few seconds; ``--data FOLDER``
for further tables). Exits with 1 if a claim is contradicted. Results go to ``benchmarks/results/learning_order.md``.

The claims (Hacohen, Choshen and Weinshall, 2020): 20 nets that differ in their seeds alone are right about the same
rows, epoch by epoch, so that the share of nets that are right about a row (its consistency) is near 0 or near 1. The
*overdispersion* is the variance of the consistency over the rows, divided by that of *independent nets* of the same
accuracy (binomial): 1 for these, 20 where every row is known by all nets or by none. It is the mean over the epochs,
without those in which all nets are right about all rows. With *random labels* (permuted, also those of held-out rows)
the paper finds no common order; so it should be below *twice the binomial variance*, and below that of *real labels*.

The *correlation* is the rank correlation (Spearman) of the rows' accessibility, the mean of their consistency over the
epochs, with that by 20 nets of two hidden layers of 128 units: by 20 others of these with *other seeds*, by nets that
are *deeper and narrower* (four layers of 64) and see numbers as they are, by *linear nets*, and by 20 of *AdaBoost*,
whose stages are its epochs. *AdaBoost, other seeds* is the correlation of 20 of AdaBoost with 20 others. The claims: it
is above 0.8 between the two architectures, lower with AdaBoost, and there above 0. A linear net learns what nets learn
in their early phase: its accessibility correlates more with the nets' in the first quarter of their epochs than with
that in the last. Late in a training many rows tie, whoever is compared; so the difference should also be larger than
that of the deeper nets.

Training rows are those that the nets learn from; held-out rows are only watched. Rates and epochs were chosen on seeds
and tables of no claim, so that learning is spread over the epochs; the linear nets have a larger rate, as they would
hardly learn at the others'.
"""

import sys

import numpy as np
from _paired import HIGHER_IS_BETTER, Claim, main, split
from scipy.stats import spearmanr
from sklearn.ensemble import AdaBoostClassifier
from sklearn.tree import DecisionTreeClassifier

from sktech import NetClassifier
from sktech.inspection import accessibility, learning_order, overdispersion

TABLES = ["breast_cancer", "digits", "classes", "friedman", "mixture", "steps"]
N_NETS, N_EPOCHS, MAX_TRAINING_ROWS, MAX_HELD_OUT_ROWS = 20, 16, 400, 400
PARTS = ("held-out rows", "training rows")
OVERDISPERSION, CORRELATION = (
    {part: f"{name} of {part}" for part in PARTS} for name in ("overdispersion", "correlation")
)
HIGHER_IS_BETTER |= {*OVERDISPERSION.values(), *CORRELATION.values()}

REAL, RANDOM = "real labels", "random labels"
INDEPENDENT, TWICE = "independent nets", "twice the binomial variance"
SEEDS, DEEPER, LINEAR, BOOSTING = "other seeds", "deeper and narrower", "linear net", "AdaBoost"
BOOSTING_SEEDS, NONE = "AdaBoost, other seeds", "no common order"
EARLY, LATE, LESS = "{}, early".format, "{}, late".format, "{}, early less late".format

NET = NetClassifier(n_members=1, lr=1e-3, lr_schedule=None, max_epochs=N_EPOCHS)
RAW = {**NET.get_params(), "numeric_embedding": None}
NETS = {
    DEEPER: NetClassifier(**RAW | {"hidden_layer_sizes": (64, 64, 64, 64)}),
    LINEAR: NetClassifier(**RAW | {"hidden_layer_sizes": (), "lr": 1e-2}),
}
ADABOOST = AdaBoostClassifier(DecisionTreeClassifier(max_depth=2, max_features="sqrt"), n_estimators=N_EPOCHS)


def arms(X, y, seed, n_nets=N_NETS):
    (X_train, y_train), (X_test, y_test) = split(X, y, seed, MAX_TRAINING_ROWS, validates=False)
    X_test, y_test = X_test[:MAX_HELD_OUT_ROWS], y_test[:MAX_HELD_OUT_ROWS]
    X_watched, n_train = np.concatenate([X_train, X_test]), len(y_train)
    rng = np.random.default_rng(seed)

    def consistency(estimator, labels=(y_train, y_test), random_state=seed):
        """Of each part of the rows, (n_epochs, n)."""
        order = learning_order(
            estimator,
            X_train,
            labels[0],
            n_nets,
            X_test=X_watched,
            y_test=np.concatenate(labels),
            random_state=random_state,
        )
        return {PARTS[0]: order.consistency[:, n_train:], PARTS[1]: order.consistency[:, :n_train]}

    def spread(found):
        return {OVERDISPERSION[part]: np.nanmean(overdispersion(found[part], n_nets)) for part in PARTS}

    def correlation(one, other, parts=PARTS, epochs=slice(None)):
        return {
            CORRELATION[part]: spearmanr(accessibility(one[part]), accessibility(other[part][epochs])).statistic
            for part in parts
        }

    nets = consistency(NET)
    yield REAL, spread(nets)
    yield RANDOM, spread(consistency(NET, (rng.permutation(y_train), rng.permutation(y_test))))
    yield INDEPENDENT, dict.fromkeys(OVERDISPERSION.values(), 1.0)
    yield TWICE, dict.fromkeys(OVERDISPERSION.values(), 2.0)

    yield SEEDS, correlation(consistency(NET, random_state=1000 + seed), nets)
    for name, net in NETS.items():
        found = consistency(net)
        yield name, correlation(found, nets)
        quarter = len(found[PARTS[0]]) // 4
        early = correlation(found, nets, PARTS[:1], slice(quarter))
        late = correlation(found, nets, PARTS[:1], slice(-quarter, None))
        yield EARLY(name), early
        yield LATE(name), late
        yield LESS(name), {outcome: early[outcome] - late[outcome] for outcome in early}
    boosting = consistency(ADABOOST)
    yield BOOSTING, correlation(boosting, nets)
    yield BOOSTING_SEEDS, correlation(consistency(ADABOOST, random_state=1000 + seed), boosting)
    yield NONE, dict.fromkeys(CORRELATION.values(), 0.0)


CLAIMS = [
    *(Claim(REAL, INDEPENDENT, outcome) for outcome in OVERDISPERSION.values()),
    *(Claim(REAL, RANDOM, outcome) for outcome in OVERDISPERSION.values()),
    *(Claim(TWICE, RANDOM, outcome) for outcome in OVERDISPERSION.values()),
    *(Claim(DEEPER, NONE, outcome, margin=0.8) for outcome in CORRELATION.values()),
    *(Claim(DEEPER, BOOSTING, outcome) for outcome in CORRELATION.values()),
    *(Claim(BOOSTING, NONE, outcome) for outcome in CORRELATION.values()),
    Claim(EARLY(LINEAR), LATE(LINEAR), CORRELATION[PARTS[0]]),
    Claim(LESS(LINEAR), LESS(DEEPER), CORRELATION[PARTS[0]]),
]
COMPARISONS = [
    (SEEDS, DEEPER),
    (BOOSTING_SEEDS, SEEDS),
    (DEEPER, LINEAR),
    (LINEAR, BOOSTING),
    (EARLY(DEEPER), LATE(DEEPER)),
]
SETTINGS = {
    "Rows": f"at most {MAX_TRAINING_ROWS} (60 %) train, at most {MAX_HELD_OUT_ROWS} others are held out",
    "Nets": f"{N_NETS} of `{NET!r}`",
    "Others": "; ".join(f"{name}: `{net!r}`" for name, net in NETS.items()),
    BOOSTING: f"{N_NETS} of `{ADABOOST!r}`",
}

if __name__ == "__main__":
    quick = {"n_nets": 4}
    sys.exit(main(__file__, __doc__, [(TABLES, arms)], CLAIMS, COMPARISONS, SETTINGS, quick_changes=quick))
