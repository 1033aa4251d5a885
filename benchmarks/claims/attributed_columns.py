"""Attributions tell which columns an answer rests on, and which columns tell two classes apart.

Run ``python benchmarks/claims/attributed_columns.py`` (about 15 minutes; ``--quick`` for half a minute; ``--data
FOLDER`` for further tables). Exits with 1 if a claim is contradicted. Results go to
``benchmarks/results/attributed_columns.md``.

Default nets, committees of four with embedded numbers, are asked about their answers to test rows. *Deletion area*: the
columns are replaced by the medians of the training rows, those of the largest attribution to the predicted class first;
the mean probability of that class on the way, lower is better. *Class flip*: in each row up to a fifth of the columns
are replaced, those that speak most for the predicted class against the second; the rise of the second's log-odds in
nats, higher is better (the protocol of DeepLIFT, with all pairs of a first and a second choice in place of four pairs
of digits). Baseline of integrated gradients are the same medians. Every arm has the same net, rows and baseline.

The claims: integrated gradients and the shares of biases, by softmax and proportionally, each beat a random order in
both; the constant part of the net around a row, b(x) = f(x) - gradient . x, predicts the class more often than the most
frequent class does (Wang, Zhou and Bilmes, 2019), though it has no gradient in it. Beside them: integrated gradients
and gradient x input; gradient x input with and without the shares of biases, which together sum to f(x); proportional
shares and even ones. Even shares are those of the bends of embedded numbers alone, which belong to their columns; so
the shares of biases are also asked for in nets without embeddings, where even ones would be a random order.

Seeds other than these served to look at temperatures between 0.1 and 3, which made no difference, and at all arms:
proportional shares were ahead of those by softmax there, too, and on one table (friedman) no shares of biases beat a
random order of deletion. The claims are the ones that had been planned before.
"""

import sys

import numpy as np
from _paired import ACCURACY, HIGHER_IS_BETTER, Claim, main, split

from sktech import NetClassifier
from sktech.inspection import (
    bias_attribution,
    class_flip_score,
    deletion_score,
    gradient,
    gradient_times_input,
    integrated_gradients,
)

TABLES = ["breast_cancer", "digits", "wine", "classes", "friedman", "mixture", "steps"]
MAX_TEST_ROWS, STEPS = 150, 128
AREA, FLIP = "deletion area", "class flip"
HIGHER_IS_BETTER.add(FLIP)

INTEGRATED, PRODUCT, MAGNITUDE, RANDOM = "integrated gradients", "gradient x input", "magnitude of gradient", "random"
SOFTMAX, PROPORTIONAL, EVEN = (f"biases, {way}" for way in ("softmax", "proportional", "even"))
WITH = f"{PRODUCT} + "
NET, CONSTANT, LINEAR, FREQUENT = "net", "b(x) alone", "gradient . x alone", "most frequent class"
PLAIN = ", not embedded"


def attributions(clf, X, baseline):
    """By arm: what columns give to a class; for the magnitude of the gradient, the gradient itself."""

    def biases(alpha, with_gradient=False):
        return lambda label: bias_attribution(clf, X, alpha=alpha, target=label, with_gradient=with_gradient).values

    return {
        INTEGRATED: lambda label: integrated_gradients(clf, X, baseline=baseline, target=label, n_steps=STEPS).values,
        PRODUCT: lambda label: gradient_times_input(clf, X, target=label).values,
        MAGNITUDE: lambda label: gradient(clf, X, target=label).values,
        SOFTMAX: biases("softmax"),
        PROPORTIONAL: biases("proportional"),
        EVEN: biases("uniform"),
        WITH + SOFTMAX: biases("softmax", with_gradient=True),
        WITH + PROPORTIONAL: biases("proportional", with_gradient=True),
    }


def arms(X, y, seed, **changes):
    (X_train, y_train), (X_test, y_test) = split(X, y, seed, validates=False)
    X_test, y_test = X_test[:MAX_TEST_ROWS], y_test[:MAX_TEST_ROWS]
    baseline = np.median(X_train, axis=0)
    for ending, embedding in (("", "piecewise_linear"), (PLAIN, None)):
        clf = NetClassifier(numeric_embedding=embedding, random_state=seed, **changes).fit(X_train, y_train)
        second, first = clf.classes_[np.argsort(clf.predict_proba(X_test), axis=1)[:, -2:]].T
        told = attributions(clf, X_test, baseline)
        for arm in told if not ending else (SOFTMAX, PROPORTIONAL, WITH + PROPORTIONAL, PRODUCT):
            own, other = told[arm](first), told[arm](second)
            apart = own - other
            if arm == MAGNITUDE:
                own, apart = np.abs(own), np.abs(apart)
            yield arm + ending, outcomes(clf, X_test, own, apart, first, second, baseline, seed)
        yield RANDOM + ending, outcomes(clf, X_test, "random", "random", first, second, baseline, seed)
        yield NET + ending, {ACCURACY: (first == y_test).mean()}
        for arm, scores in parts(clf, X_test).items():
            yield arm + ending, {ACCURACY: (clf.classes_[scores.argmax(axis=1)] == y_test).mean()}
    yield FREQUENT, {ACCURACY: (np.bincount(y_train).argmax() == y_test).mean()}


def outcomes(clf, X, own, apart, first, second, baseline, seed):
    params = {"baseline": baseline, "random_state": seed}
    return {
        AREA: deletion_score(clf, X, own, target=first, **params).area,
        FLIP: class_flip_score(clf, X, apart, first, second, **params).mean(),
    }


def parts(clf, X):
    """The two parts of all logits, (n, n_classes)."""
    found = [bias_attribution(clf, X, alpha="uniform", target=label) for label in clf.classes_]
    constant = np.column_stack([part.explained for part in found])
    return {CONSTANT: constant, LINEAR: np.column_stack([part.answer for part in found]) - constant}


CLAIMS = [
    *(Claim(arm, RANDOM, outcome) for arm in (INTEGRATED, SOFTMAX, PROPORTIONAL) for outcome in (AREA, FLIP)),
    *(Claim(arm + PLAIN, RANDOM + PLAIN, outcome) for arm in (SOFTMAX, PROPORTIONAL) for outcome in (AREA, FLIP)),
    *(Claim(CONSTANT + ending, FREQUENT, ACCURACY) for ending in ("", PLAIN)),
]
COMPARISONS = [
    (INTEGRATED, PRODUCT),
    (INTEGRATED, MAGNITUDE),
    (INTEGRATED, WITH + PROPORTIONAL),
    (WITH + SOFTMAX, PRODUCT),
    (WITH + PROPORTIONAL, PRODUCT),
    (WITH + PROPORTIONAL + PLAIN, PRODUCT + PLAIN),
    (PRODUCT, PROPORTIONAL),
    (PROPORTIONAL, SOFTMAX),
    (PROPORTIONAL, EVEN),
    (SOFTMAX, EVEN),
    (CONSTANT, LINEAR),
    (NET, LINEAR),
]
SETTINGS = {
    "Rows": f"at most 600 (60 %) train, {MAX_TEST_ROWS} others are asked about",
    "Nets": f"`{NetClassifier()!r}`, also with `numeric_embedding=None` (*{PLAIN[2:]}*)",
    "Integrated gradients": f"{STEPS} steps",
}


if __name__ == "__main__":
    sys.exit(main(__file__, __doc__, [(TABLES, arms)], CLAIMS, COMPARISONS, SETTINGS))
