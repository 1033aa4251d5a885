"""Laws of error-correcting output codes as an estimator: codes, bits, classes."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sktech import BaggingVoteEnsemble, NetClassifier, OutputCodeEnsemble, SmoothedNetClassifier
from sktech.ensemble._codes import decode, exhaustive_code, smallest_distance
from sktech.smoothing import DisturbLabel, LabelSmoothing


def small(**params):
    return NetClassifier(**{"n_members": 1, "hidden_layer_sizes": (8,), "max_epochs": 3, "dtype": "float64"} | params)


@pytest.fixture
def table():
    return make_blobs(150, 4, centers=5, cluster_std=2.0, random_state=0)


class Liar(ClassifierMixin, BaseEstimator):
    """Knows each row's class, its first column, and answers its bit; some bits are answered wrong on purpose."""

    def fit(self, X, y):
        self.classes_, self.n_features_in_ = np.arange(2), X.shape[1]
        self.bits = dict(zip(X[:, 0].astype(int).tolist(), y.tolist(), strict=True))
        return self

    def predict(self, X):
        bits = np.array([self.bits[c] for c in X[:, 0].astype(int)])
        return np.where(X[:, 1] == self.number, 1 - bits, bits)


@pytest.mark.parametrize("code", ["exhaustive", "random"])
@pytest.mark.parametrize("n_classes", [4, 5, 6])
def test_half_the_distance_of_wrong_bits_is_forgiven(n_classes, code):
    """Members that answer for certain, and on each row other ones of them wrongly."""
    X, y = np.repeat(np.arange(float(n_classes)), 2)[:, None] * [1, 0], np.repeat(np.arange(n_classes), 2)
    n_bits = 15 if code == "random" else "auto"
    ensemble = OutputCodeEnsemble(Liar(), code=code, n_bits=n_bits, random_state=0).fit(X, y)
    radius = (smallest_distance(ensemble.code_) - 1) // 2
    assert radius >= 1
    rng = np.random.default_rng(0)
    for _ in range(40):
        wrong = rng.choice(ensemble.code_.shape[1], radius, replace=False)
        for number, member in enumerate(ensemble.estimators_):
            member.number = 7 if number in wrong else -1
        asked = np.column_stack([np.arange(n_classes), np.full(n_classes, 7)])
        assert_array_equal(ensemble.predict(asked), np.arange(n_classes))


def test_members_are_trained_side_by_side_as_one_by_one(table):
    X, y = table
    for member in (
        small(),
        SmoothedNetClassifier(
            [DisturbLabel(), LabelSmoothing(prior="unigram")], **small().get_params() | {"n_members": 2}
        ),
    ):
        fits = [OutputCodeEnsemble(member, stacked=s, random_state=0).fit(X, y) for s in (True, False)]
        assert_allclose(fits[0].predict_proba(X), fits[1].predict_proba(X), rtol=0, atol=1e-12)
        bits = [[net.predict_proba(X) for net in one.estimators_] for one in fits]
        assert_allclose(*bits, rtol=0, atol=1e-12)


def test_each_net_learns_its_bit(table):
    """A net of the ensemble is the net that is fitted to the bits by itself."""
    X, y = table
    ensemble = OutputCodeEnsemble(small(early_stopping=False, merge_identical_rows=False), random_state=0).fit(X, y)
    for net, bits in zip(ensemble.estimators_, ensemble.code_.T, strict=True):
        alone = clone(net).fit(X, bits[y])
        assert_allclose(net.predict_proba(X), alone.predict_proba(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("member", [LogisticRegression(), DecisionTreeClassifier(max_depth=3, random_state=0)])
def test_any_classifier_learns_its_bit(member, table):
    X, y = table
    ensemble = OutputCodeEnsemble(member, random_state=0).fit(X, y)
    bits = np.stack(
        [
            clone(one).fit(X, bit[y]).predict_proba(X)[:, 1]
            for one, bit in zip(ensemble.estimators_, ensemble.code_.T, strict=True)
        ]
    )
    assert_allclose(ensemble.predict_proba(X), decode(bits.T, exhaustive_code(5)), rtol=0, atol=1e-3)


def test_two_classes_are_one_net(table):
    X, y = table
    ensemble = OutputCodeEnsemble(small(early_stopping=False, merge_identical_rows=False), random_state=0).fit(X, y > 1)
    assert ensemble.code_.tolist() in ([[0], [1]], [[1], [0]])
    (net,) = ensemble.estimators_
    alone = clone(net).fit(X, ensemble.code_[(y > 1).astype(int), 0])
    assert_allclose(ensemble.predict_proba(X)[:, ensemble.code_[1, 0]], alone.predict_proba(X)[:, 1], atol=1e-12)


def test_words_may_be_given(table):
    X, y = table
    words = 2 * exhaustive_code(5) - 1
    given, built = (OutputCodeEnsemble(LogisticRegression(), code=code).fit(X, y) for code in (words, "exhaustive"))
    assert_array_equal(given.code_, built.code_)
    assert_allclose(given.predict_proba(X), built.predict_proba(X))


def test_labels_weights_and_frames(table):
    X, y = table
    frame, names = pd.DataFrame(X, columns=list("abcd")), np.array(list("vwxyz"))[y]
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    weighted = OutputCodeEnsemble(small(), random_state=0).fit(frame, names, sample_weight=weight)
    repeated = OutputCodeEnsemble(small(), random_state=0).fit(
        frame.loc[np.repeat(frame.index, weight)], np.repeat(names, weight)
    )
    assert_allclose(weighted.predict_proba(frame), repeated.predict_proba(frame), atol=1e-12)
    assert set(weighted.predict(frame)) <= set("vwxyz")


def test_a_class_without_weight_gets_none(table):
    X, y = table
    ensemble = OutputCodeEnsemble(LogisticRegression()).fit(X, y, sample_weight=(y != 2).astype(float))
    proba = ensemble.predict_proba(X)
    assert (proba[:, 2] == 0).all()
    assert_allclose(proba.sum(axis=1), 1)


def test_members_without_probabilities_answer_in_bits(table):
    X, y = table
    ensemble = OutputCodeEnsemble(LinearSVC(), random_state=0).fit(X, y)
    bits = np.stack([member.predict(X) for member in ensemble.estimators_], axis=1)
    assert_allclose(ensemble.predict_proba(X), decode(bits, ensemble.code_))


def test_it_may_be_a_member_itself(table):
    X, y = table
    assert BaggingVoteEnsemble(OutputCodeEnsemble(LogisticRegression()), 3, random_state=0).fit(X, y).score(X, y) > 0.5


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"code": "dense"}, "code: expected one of 'auto'"),
        ({"code": np.zeros((5, 3))}, "code: expected"),
        ({"code": "random", "n_bits": 2}, "n_bits: expected"),
        ({"n_bits": 0}, "n_bits: expected"),
        ({"stacked": True, "estimator": LogisticRegression()}, "stacked: expected 'auto' or False"),
        ({"estimator": LogisticRegression}, "estimator: expected None or a classifier"),
    ],
)
def test_refusals(params, message, table):
    with pytest.raises((ValueError, TypeError), match=message):
        OutputCodeEnsemble(**{"estimator": small()} | params).fit(*table)


def test_smoothing_by_shares_of_classes_takes_those_of_the_bits(table):
    X, y = table
    term = LabelSmoothing(0.3, prior="unigram")
    member = SmoothedNetClassifier(term, **small(early_stopping=False, merge_identical_rows=False).get_params())
    code = [[1, 0], [0, 1], [0, 0], [1, 1]]
    y = np.where(y == 4, 3, y)
    ensemble = OutputCodeEnsemble(member, code=code, random_state=0).fit(X, y)
    for net, bits in zip(ensemble.estimators_, ensemble.code_.T, strict=True):
        assert_allclose(net.predict_proba(X), clone(net).fit(X, bits[y]).predict_proba(X), rtol=0, atol=1e-12)
