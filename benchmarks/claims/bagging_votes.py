"""Ensembles of nets: bagging, seeds and folds, against one net and against one as large as all of them.

Run ``python benchmarks/claims/bagging_votes.py`` (about 15 minutes; ``--quick`` for half of one; ``--data FOLDER`` for
further tables). Exits with 1 if a claim is contradicted. Results go to ``benchmarks/results/bagging_votes.md``.

The claims (Dietterich, 2000; Lakshminarayanan et al., 2017): ten nets, each on a bootstrap of its own (*bagging*), or
all on the same rows with other initial weights, batches and held-out rows (*deep ensemble*), predict better together
than one net on all rows: lower log-loss, higher accuracy, lower calibration error. And better than one net as large as
all ten. The outcomes of *one net* are means over the ten of the deep ensemble, each by itself: what one such net has in
expectation. That the ten together have no higher log-loss is then Jensen's inequality; how much lower it is, is
measured. *One net on a bootstrap* is such a mean over the ten of bagging.

The *wide net* has as many units in both hidden layers as make about as many parameters as ten nets have; the same
epochs, batches and early stopping. A larger net may want a smaller learning rate, and it alone is given several: that
with the lowest log-loss on the test rows counts, which is more than fair to it. *Wide net, validated* has the one with
the lowest log-loss on the rows that it holds out, of which there are few. The ensembles have the default rate. All
rates are shown beside. Nothing else is tuned.

Votes: the ten nets of bagging, fitted once, with other weights of their votes, which come from the rows that a net has
not seen. The claims: weights by accuracy and greedy selection have a lower log-loss than equal votes, equal votes a
lower one than Bayesian weights, and probabilities as votes a higher accuracy than votes for the most probable class.

Beside them: a cross-validated committee of ten, each without a tenth of the rows, and `NetClassifier` with ten members,
a deep ensemble whose members hold out different tenths of the rows.
"""

import sys

import numpy as np
from _paired import ACCURACY, CALIBRATION, LOG_LOSS, TABLES, Claim, log_probabilities, main, scores, split

from sktech import BaggingVoteEnsemble, NetClassifier

MAX_TRAINING_ROWS, N_NETS, RATES = 600, 10, (0.01, 0.003, 0.001, 0.0003)
ONE, ON_BOOTSTRAP, BAGGING, DEEP = "one net", "one net on a bootstrap", "bagging", "deep ensemble"
FOLDS, COMMITTEE = "cross-validated committee", "NetClassifier of ten"
WIDE, VALIDATED = "wide net", "wide net, validated"
AT_RATE = "wide net, learning rate {:g}".format
BY_ACCURACY, GREEDY, BAYES, HARD = (
    f"bagging, {votes}" for votes in ("weights by accuracy", "greedy weights", "Bayesian weights", "hard votes")
)


def wide_net(net, n_nets):
    """Units in each hidden layer of a net with about as many parameters as so many fitted nets, and their ratio."""
    module = net.net_.module_
    n_in, (n_classes, n_units) = module.mlp.hidden[0].in_features, module.head.weight.shape

    def in_layers(width):
        return (n_in + 1) * width + (width + 1) * width + (width + 1) * n_classes

    one = sum(parameter.numel() for parameter in module.parameters())
    embedding = one - in_layers(n_units)
    widths = np.arange(n_units, n_nets * n_units)
    sizes = (embedding + in_layers(widths)) / (n_nets * one)
    best = abs(sizes - 1).argmin()
    assert abs(sizes[best] - 1) < 0.01
    return int(widths[best])


def arms(X, y, seed, **changes):
    (X_train, y_train), (X_test, y_test) = split(X, y, seed, MAX_TRAINING_ROWS, validates=False)

    def outcomes(model):
        return scores(log_probabilities(model, X_test), y_test)

    def mean_outcomes(models):
        own = [outcomes(model) for model in models]
        return {name: np.mean([each[name] for each in own]) for name in own[0]}

    def ensemble(**params):
        net = NetClassifier(n_members=1, **changes)
        return BaggingVoteEnsemble(net, N_NETS, random_state=seed, **params).fit(X_train, y_train)

    deep = ensemble(bootstrap=False)
    yield ONE, mean_outcomes(deep.estimators_)
    yield DEEP, outcomes(deep)
    yield FOLDS, outcomes(ensemble(resampling="cross_validation"))
    yield COMMITTEE, outcomes(NetClassifier(n_members=N_NETS, random_state=seed, **changes).fit(X_train, y_train))

    bagging = ensemble(warm_start=True)
    yield ON_BOOTSTRAP, mean_outcomes(bagging.estimators_)
    yield BAGGING, outcomes(bagging)
    for arm, weights in ((BY_ACCURACY, "accuracy"), (GREEDY, "greedy"), (BAYES, "bayes")):
        yield arm, outcomes(bagging.set_params(member_weights=weights).fit(X_train, y_train))  # trains no further net
    bagging.set_params(member_weights="uniform", voting="hard").fit(X_train, y_train)
    yield HARD, {ACCURACY: outcomes(bagging)[ACCURACY]}

    width, losses, found = wide_net(deep.estimators_[0], N_NETS), {}, {}
    for rate in RATES:
        net = NetClassifier(n_members=1, hidden_layer_sizes=(width, width), lr=rate, random_state=seed, **changes)
        net.fit(X_train, y_train)
        losses[rate], found[rate] = min(record["valid_loss"] for record in net.history_), outcomes(net)
        yield AT_RATE(rate), found[rate]
    yield VALIDATED, found[min(losses, key=losses.get)]
    yield WIDE, min(found.values(), key=lambda each: each[LOG_LOSS])


OUTCOMES = (LOG_LOSS, ACCURACY, CALIBRATION)
CLAIMS = [
    *(Claim(left, right, outcome) for right in (ONE, WIDE) for left in (BAGGING, DEEP) for outcome in OUTCOMES),
    Claim(BY_ACCURACY, BAGGING, LOG_LOSS),
    Claim(GREEDY, BAGGING, LOG_LOSS),
    Claim(BAGGING, BAYES, LOG_LOSS),
    Claim(BAGGING, HARD, ACCURACY),
]
COMPARISONS = [
    (ON_BOOTSTRAP, ONE),
    (BAGGING, ON_BOOTSTRAP),
    (BAGGING, DEEP),
    (FOLDS, ONE),
    (FOLDS, DEEP),
    (COMMITTEE, DEEP),
    (WIDE, ONE),
    (VALIDATED, ONE),
    (DEEP, VALIDATED),
    *((AT_RATE(rate), ONE) for rate in RATES),
    *((DEEP, AT_RATE(rate)) for rate in RATES),
]
SETTINGS = {
    "Rows": f"at most {MAX_TRAINING_ROWS} (60 %) train, all others test",
    "Net": f"`{NetClassifier(n_members=1)!r}`",
    "Ensembles": f"`{BaggingVoteEnsemble(NetClassifier(n_members=1), N_NETS)!r}`, and of these `bootstrap=False` and "
    "`resampling='cross_validation'`",
    "Wide net": f"learning rates {', '.join(map(str, RATES))}; parameters within 1 % of the ten nets'",
}

if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, [(list(TABLES), arms)], CLAIMS, COMPARISONS, SETTINGS))
