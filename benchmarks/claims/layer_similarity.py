"""Which measure of similarity finds the corresponding layer of a net that started from other weights.

Run ``python benchmarks/claims/layer_similarity.py`` (about 6 minutes; ``--quick`` for a fraction; ``--data FOLDER`` for
other tables). Exits with 1 if a claim is contradicted. Results go to ``benchmarks/results/layer_similarity.md``, or to
``layer_similarity_tables.md`` with ``--data``.

The claim (Kornblith et al., 2019, section 6.1): two nets of the same shape learn from the same rows, with other initial
weights, batches and held-out rows. For each hidden layer of one, the most similar layer of the other should be that at
the same depth. By linear CKA, and by CKA with a Gaussian kernel, it is so more often than by canonical correlations:
their mean (*CCA*), the mean of their squares (*R²_CCA*), *SVCCA* and *PWCCA*.

The accuracy is the share of layers, of both nets, whose most similar layer in the other net is the right one; where
several are equally similar, each counts in part. It is measured on rows that the nets have not seen. Each seed has two
nets of its own, so that no two pairs share one. The papers' values are taken throughout, a width of 0.8 for CKA and a
share of 0.99 of the variance for SVCCA, and nothing is tuned.

Beside them: CKA without bias, and with the paper's other widths.
"""

import sys

import numpy as np
from _paired import ACCURACY, Claim, chosen_tables, main, split

from sktech import NetClassifier
from sktech.inspection import activations, layer_similarity

TABLES = ["breast_cancer", "digits", "classes", "friedman", "mixture", "steps"]
MAX_TRAINING_ROWS, N_LAYERS, N_UNITS, N_SEEDS = 600, 6, 128, 12
NET = {"n_members": 1, "hidden_layer_sizes": (N_UNITS,) * N_LAYERS, "numeric_embedding": None}
LINEAR, RBF, UNBIASED = "CKA, linear", "CKA, RBF 0.8", "CKA, linear, unbiased"
CCA, SQUARED, SVCCA, PWCCA = "CCA", "R²_CCA", "SVCCA", "PWCCA"
RBF_AT = "CKA, RBF {:g}".format
MEASURES = {
    LINEAR: ("cka", {}),
    UNBIASED: ("cka", {"unbiased": True}),
    **{RBF_AT(width): ("cka", {"kernel": "rbf", "width": width}) for width in (0.8, 0.4, 0.2)},
    CCA: ("cca", {}),
    SQUARED: ("cca", {"squared": True}),
    SVCCA: ("svcca", {}),
    PWCCA: ("pwcca", {}),
}


def tables(args):
    """Name -> function of the seed that gives rows and labels."""
    return chosen_tables(TABLES if args.data is None else [], args, max_rows=3000)


def identified(values):
    """Share of the rows of a square matrix, and of its columns, whose largest entry is on the diagonal."""
    shares = []
    for matrix in (values, values.T):
        best = np.isclose(matrix, matrix.max(axis=1, keepdims=True), rtol=1e-9)
        shares.append((np.diag(best) / best.sum(axis=1)).mean())
    return float(np.mean(shares))


def arms(X, y, seed, **changes):
    (X_train, y_train), (X_test, _) = split(X, y, seed, MAX_TRAINING_ROWS, validates=False)
    layers = []
    for state in (2 * seed, 2 * seed + 1):
        net = NetClassifier(**NET | changes, random_state=state).fit(X_train, y_train)
        layers.append(dict(list(activations(net, X_test).items())[:-1]))  # without the logits
    for arm, (measure, options) in MEASURES.items():
        yield arm, {ACCURACY: identified(layer_similarity(*layers, measure=measure, **options).values)}


CLAIMS = [Claim(left, right, ACCURACY) for left in (LINEAR, RBF) for right in (CCA, SQUARED, SVCCA, PWCCA)]
COMPARISONS = [(RBF, LINEAR), (UNBIASED, LINEAR), (RBF_AT(0.4), RBF), (RBF_AT(0.2), RBF)]
SETTINGS = {
    "Rows": f"at most {MAX_TRAINING_ROWS} (60 %) train, all others are compared",
    "Net": f"`{NetClassifier(**NET)!r}`",
    "Layers": f"what the {N_LAYERS} ReLU give, {N_UNITS} units each; by chance the accuracy is {1 / N_LAYERS:.3f}",
}

if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, [(tables, arms)], CLAIMS, COMPARISONS, SETTINGS, n_seeds=N_SEEDS))
