"""Laws of DistilledClassifier."""

import pickle
from typing import ClassVar

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold, LeaveOneGroupOut, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sktech import DistilledClassifier, NetClassifier, SmoothedNetClassifier
from sktech.distillation._rows import like
from sktech.labels import UNLABELED, Labels
from sktech.smoothing import LabelSmoothing

SMALL = {"n_members": 1, "hidden_layer_sizes": (8,), "max_epochs": 3}


class Student(NetClassifier):
    """Small, quick, and keeps what it was taught."""

    def __init__(self, random_state=None):
        super().__init__(**SMALL, random_state=random_state)

    def fit(self, X, y, sample_weight=None):
        self.taught_ = X, y, sample_weight
        return super().fit(X, y, sample_weight)


class Witness(ClassifierMixin, BaseEstimator):
    """A teacher that knows which rows it has seen, and puts on record what it is asked about."""

    asked: ClassVar = []  # of all clones

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        self.seen_ = {row.tobytes() for row in np.asarray(X)}
        return self

    def predict_proba(self, X):
        known = [row.tobytes() in self.seen_ for row in np.asarray(X)]
        Witness.asked.append((np.asarray(X), np.array(known)))
        return np.full((len(X), len(self.classes_)), 1 / len(self.classes_))


@pytest.fixture
def witnessed():
    Witness.asked = []
    return Witness.asked


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(60, 3))


@pytest.fixture(scope="module")
def y(X):
    return np.array(["ant", "bee", "cow"])[np.digitize(X[:, 0] + X[:, 1], [-0.7, 0.7])]


def taught(clf, X, y, **params):
    """What the student of a distillation has learned from: (X, labels, weights)."""
    return clf.fit(X, y, **params).student_.taught_


def own_teacher(X, y):
    return FrozenEstimator(DecisionTreeClassifier(random_state=0).fit(X, y))


# ---------------------------------------------------------------- limits that are plain training


@pytest.mark.parametrize("params", [{}, {"hard_weight": 0.1}, {"cv": "prefit"}], ids=str)
def test_a_teacher_that_only_says_the_labels_teaches_what_they_do(X, y, params):
    student = NetClassifier(**SMALL, random_state=0)
    clf = DistilledClassifier(own_teacher(X, y), student, **params).fit(X, y)
    assert_array_equal(clf.predict_proba(X), student.fit(X, y).predict_proba(X))


@pytest.mark.parametrize("student", [NetClassifier(**SMALL), NetClassifier(max_epochs=3, class_weight="balanced")])
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_hard_weight_one_is_plain_training(X, y, student, temperature):
    twice = np.r_[np.arange(60), np.arange(20)]
    student = clone(student).set_params(random_state=0)
    clf = DistilledClassifier(GaussianNB(), student, hard_weight=1.0, temperature=temperature).fit(X[twice], y[twice])
    assert_array_equal(clf.predict_proba(X), student.fit(X[twice], y[twice]).predict_proba(X))


def test_a_student_that_is_its_teacher_has_nothing_to_learn(X, y):
    student = NetClassifier(**SMALL, random_state=0, warm_start=True, early_stopping=False, dtype="float64")
    # Plain gradient descent: Adam would make whole steps of the rounding errors that are left.
    student.set_params(dropout=0.0, optimizer=torch.optim.SGD, lr=0.1, weight_decay=0.0).fit(X, y)
    before = student.predict_proba(X)
    for temperature in (1.0, 3.0):
        student.fit(X, Labels(student.classes_, np.full(60, UNLABELED), before, temperature=temperature))
        assert_allclose(student.predict_proba(X), before, atol=1e-12 if temperature == 1 else 1e-7)
    student.fit(X, y)
    assert np.abs(student.predict_proba(X) - before).max() > 1e-2


# ---------------------------------------------------------------- who labels which row


def test_no_teacher_labels_a_row_that_it_was_fitted_on(X, y, witnessed):
    DistilledClassifier(Witness(), Student(), cv=4, random_state=0).fit(X, y)
    assert not any(known.any() for _, known in witnessed)
    assert len(witnessed) == 4
    rows = np.concatenate([asked for asked, _ in witnessed])
    assert_array_equal(np.unique(rows, axis=0), np.unique(X, axis=0))
    assert len(rows) == len(X)


def test_without_folds_it_labels_its_own_rows(X, y, witnessed):
    DistilledClassifier(Witness(), Student(), cv=None).fit(X, y)
    assert len(witnessed) == 1
    assert witnessed[0][1].all()


def test_copies_are_rows_like_others():
    # One column of six values and noisy labels. Were copies merged before the folds are drawn, the teacher of a row
    # would have seen its value with the other label alone, and teach the opposite.
    rng = np.random.default_rng(0)
    truth = np.array([0.1, 0.2, 0.3, 0.7, 0.8, 0.9])
    for teacher in (DecisionTreeClassifier(), HistGradientBoostingClassifier(), RandomForestClassifier(20)):
        X = np.repeat(np.arange(6.0)[:, None], 60, axis=0)
        y = (rng.random(360) < np.repeat(truth, 60)).astype(int)
        rows, labels, _ = taught(DistilledClassifier(teacher, Student(), random_state=0), X, y)
        assert len(rows) == 360
        means = [labels.proba[rows[:, 0] == value, 1].mean() for value in range(6)]
        shares = [y[X[:, 0] == value].mean() for value in range(6)]
        assert_allclose(means, shares, atol=0.05)


def test_a_teacher_sees_as_many_rows_as_there_are(X, y):
    seen = []

    class Counting(GaussianNB):
        def fit(self, X, y, sample_weight=None):
            seen.append((len(X), sample_weight))
            return super().fit(X, y, sample_weight)

    twice = np.tile(np.arange(60), 2)
    DistilledClassifier(Counting(), Student(), cv=None).fit(X[twice], y[twice])
    DistilledClassifier(Counting(), Student(), cv=None).fit(X, y, sample_weight=np.full(60, 2.0))
    assert seen == [(120, None), (120, None)]


def test_targets_are_cross_validated_probabilities(X, y):
    cv = KFold(3)
    rows, labels, _ = taught(DistilledClassifier(KNeighborsClassifier(3), Student(), cv=cv), X, y)
    place = [np.flatnonzero((row == X).all(axis=1)).item() for row in rows]
    expected = cross_val_predict(KNeighborsClassifier(3), X, y, cv=cv, method="predict_proba")
    assert_allclose(labels.proba, expected[place])
    assert_array_equal(labels.classes[labels.codes], y[place])


def test_splits_may_be_given_one_by_one(X, y, witnessed):
    groups = np.arange(60) % 3
    splits = list(LeaveOneGroupOut().split(X, y, groups))
    DistilledClassifier(Witness(), Student(), cv=splits).fit(X, y)
    expected = {np.unique(X[groups == g], axis=0).tobytes() for g in range(3)}
    assert {np.unique(rows, axis=0).tobytes() for rows, _ in witnessed} == expected


def test_a_fitted_teacher_is_used_as_it_is(X, y, witnessed):
    teacher = Witness().fit(X[:30], y[:30])
    before = set(teacher.seen_)
    DistilledClassifier(FrozenEstimator(teacher), Student()).fit(X, y)
    DistilledClassifier(teacher, Student(), cv="prefit").fit(X, y)
    assert teacher.seen_ == before
    assert [len(rows) for rows, _ in witnessed] == [60, 60]


def test_a_class_that_only_the_teacher_knows_can_be_learned(X, y):
    teacher = GaussianNB().fit(X, y)
    some = y != "bee"
    clf = DistilledClassifier(FrozenEstimator(teacher), NetClassifier(random_state=0)).fit(X[some], y[some])
    assert clf.classes_.tolist() == clf.student_.classes_.tolist() == ["ant", "bee", "cow"]
    assert (clf.predict(X[~some]) == "bee").any()


def test_probabilities_of_several_teachers_are_averaged(X, y):
    teachers = [GaussianNB(), DecisionTreeClassifier(random_state=0)]
    both, one, other = (
        taught(DistilledClassifier(teacher, Student(), cv=KFold(3)), X, y)[1].proba for teacher in (teachers, *teachers)
    )
    assert_allclose(both, (one + other) / 2)


def test_a_class_that_a_fold_lacks_gets_probability_zero_from_its_teacher(X, y):
    rare = np.where(np.arange(60) == 0, "rare", y)
    _, labels, _ = taught(DistilledClassifier(GaussianNB(), Student(), cv=KFold(3)), X, rare)
    row = np.flatnonzero(labels.classes[labels.codes] == "rare")
    assert labels.proba[row, labels.classes.tolist().index("rare")] == 0
    assert_allclose(labels.proba.sum(axis=1), 1)


def test_a_fold_of_one_class_needs_no_teacher(X):
    y = np.where(np.arange(60) == 0, "rare", "common")
    clf = DistilledClassifier(LogisticRegression(), Student(), cv=2, random_state=0).fit(X, y)
    assert clf.classes_.tolist() == ["common", "rare"]
    assert clf.predict(X[1:]).tolist() == ["common"] * 59


# ---------------------------------------------------------------- more rows


@pytest.mark.parametrize("cv", [3, None])
def test_unlabelled_rows_are_labelled_by_all_teachers(X, y, cv):
    more = np.random.default_rng(1).normal(size=(25, 3))
    clf = DistilledClassifier(GaussianNB(), Student(), cv=KFold(cv) if cv else None)
    table, labels, _ = taught(clf, X, y, X_unlabeled=more)
    place = [np.flatnonzero((table == row).all(axis=1)).item() for row in more]
    assert not labels.labeled[place].any()
    assert labels.labeled.sum() == 60
    folds = [train for train, _ in KFold(cv).split(X)] if cv else [np.arange(60)]
    expected = np.mean([GaussianNB().fit(X[train], y[train]).predict_proba(more) for train in folds], axis=0)
    assert_allclose(labels.proba[place], expected)


def test_made_up_rows_are_new_to_the_teacher_that_labels_them(X, y, witnessed):
    clf = DistilledClassifier(Witness(), Student(), cv=3, augment="munge", n_augment=2.0, random_state=0)
    table, _, _ = taught(clf, X, y)
    assert len(table) == 180
    assert not any(known.any() for _, known in witnessed)
    columns = [set(column) for column in X.T]
    for rows, _ in witnessed:  # what is not changed is of the rows of the same fold
        own = rows[[row[0] in columns[0] and row[1] in columns[1] and row[2] in columns[2] for row in rows]]
        assert 20 <= len(own) < 60


@pytest.mark.parametrize("n_augment", [30, 0.5])
def test_as_many_rows_are_made_up_as_asked_for(X, y, n_augment):
    clf = DistilledClassifier(GaussianNB(), Student(), augment="munge", n_augment=n_augment, random_state=0)
    assert len(taught(clf, X, y)[0]) == 90


def frames():
    rng = np.random.default_rng(3)
    columns = {"size": rng.normal(size=80), "count": rng.integers(0, 50, 80), "colour": rng.choice(list("rgb"), 80)}
    return {"pandas": pd.DataFrame(columns, index=rng.permutation(80)), "polars": pl.DataFrame(columns)}


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_data_frames_with_categories_need_nothing_else(kind):
    table = frames()[kind]
    y = np.where(np.asarray(table["colour"]) == "r", "red", "other")
    clf = DistilledClassifier(student=Student(), augment="munge", random_state=0, cv=2)
    rows, _, _ = taught(clf, table[:60], y[:60], X_unlabeled=table[60:])
    assert type(rows) is type(table)
    assert list(rows.columns) == ["size", "count", "colour"] == clf.feature_names_in_.tolist()
    assert rows.dtypes.__class__ is table.dtypes.__class__
    assert len(rows) == 140
    assert set(clf.predict(table)) <= {"red", "other"}


# ---------------------------------------------------------------- generations


@pytest.mark.parametrize("cv", [None, 3])
def test_a_generation_learns_from_the_one_before(X, y, cv):
    params = {"student": Student(), "cv": cv, "random_state": 0}
    first, second = (DistilledClassifier(GaussianNB(), generations=n, **params).fit(X, y) for n in (1, 2))
    assert len(second.students_) == 2
    assert_array_equal(second.students_[0].predict_proba(X), first.predict_proba(X))
    assert second.students_[1] is second.student_
    rows, labels, _ = second.student_.taught_
    if cv is None:
        assert_allclose(labels.proba, first.student_.predict_proba(rows), rtol=1e-5)
    else:
        assert np.abs(labels.proba - first.student_.predict_proba(rows)).max() > 1e-3


def test_an_ensemble_of_generations_averages_them(X, y):
    clf = DistilledClassifier(GaussianNB(), Student(), generations=3, ensemble_generations=True, random_state=0, cv=2)
    clf.fit(X, y)
    assert_allclose(clf.predict_proba(X), np.mean([student.predict_proba(X) for student in clf.students_], axis=0))
    assert_allclose(np.exp(clf.predict_log_proba(X)), clf.predict_proba(X), rtol=1e-6)
    assert_array_equal(clf.predict(X), clf.classes_[clf.predict_proba(X).argmax(axis=1)])


# ---------------------------------------------------------------- temperature


def test_one_temperature_for_each_row(X, y):
    by_function, alike = (
        DistilledClassifier(GaussianNB(), Student(), temperature=temperature, random_state=0).fit(X, y)
        for temperature in (lambda proba: np.full(len(proba), 3.0), 3.0)
    )
    assert_array_equal(by_function.predict_proba(X), alike.predict_proba(X))
    clf = DistilledClassifier(GaussianNB(), Student(), temperature=lambda proba: 1 + proba.max(axis=1), random_state=0)
    _, labels, _ = taught(clf, X, y)
    assert_allclose(labels.temperature, 1 + labels.proba.max(axis=1))


# ---------------------------------------------------------------- rows, weights, seeds


@pytest.mark.parametrize("params", [{}, {"augment": "munge"}, {"cv": None}, {"generations": 2}], ids=str)
def test_a_weight_of_k_is_k_copies(X, y, params):
    weight = np.random.default_rng(0).integers(0, 4, 60)
    copies = np.repeat(np.arange(60), weight)
    clf = DistilledClassifier(RandomForestClassifier(5), Student(), random_state=0, **params)
    weighed = clone(clf).fit(X, y, sample_weight=weight)
    assert_array_equal(weighed.predict_proba(X), clf.fit(X[copies], y[copies]).predict_proba(X))


def test_the_order_of_the_rows_does_not_matter(X, y):
    clf = DistilledClassifier(RandomForestClassifier(5), Student(), augment="munge", random_state=0)
    shuffled = np.random.default_rng(0).permutation(60)
    other = clone(clf).fit(X[shuffled], y[shuffled])
    assert_array_equal(other.predict_proba(X), clf.fit(X, y).predict_proba(X))


@pytest.mark.parametrize("generations", [1, 2])
def test_a_seed_decides_also_in_parallel(X, y, generations):
    params = {"student": NetClassifier(**SMALL), "cv": 2, "generations": generations}
    one, again, parallel, other = (
        DistilledClassifier(RandomForestClassifier(5), random_state=seed, n_jobs=n_jobs, **params).fit(X, y)
        for seed, n_jobs in ((0, None), (0, None), (0, 2), (1, None))
    )
    assert_array_equal(one.predict_proba(X), again.predict_proba(X))
    assert_array_equal(one.predict_proba(X), parallel.predict_proba(X))
    assert (one.predict_proba(X) != other.predict_proba(X)).any()


def test_a_students_own_seed_is_kept(X, y):
    params = clone(Student(random_state=7)).get_params()
    clf = DistilledClassifier(GaussianNB(), Student(random_state=7), random_state=0).fit(X, y)
    assert clf.student_.get_params() == params


def test_the_parameters_given_are_not_fitted(X, y):
    teacher, student = GaussianNB(), Student()
    DistilledClassifier(teacher, student).fit(X, y)
    assert not hasattr(teacher, "classes_")
    assert not hasattr(student, "net_")


# ---------------------------------------------------------------- as any other estimator


@pytest.mark.parametrize(
    "student",
    [
        SmoothedNetClassifier(LabelSmoothing(0.1), **SMALL),
        make_pipeline(StandardScaler(), NetClassifier(**SMALL)),
        NetClassifier(max_epochs=2),
    ],
    ids=lambda student: type(student).__name__,
)
@pytest.mark.parametrize("weighted", [False, True])
def test_composes(X, y, student, weighted):
    teacher = make_pipeline(StandardScaler(), LogisticRegression())
    clf = DistilledClassifier(teacher, student, cv=2, temperature=2.0, hard_weight=0.2, random_state=0)
    weight = np.linspace(1, 2, 60) if weighted else None
    again = pickle.loads(pickle.dumps(clf.fit(X, y, sample_weight=weight)))
    assert_array_equal(again.predict_proba(X), clf.predict_proba(X))


def test_grids_reach_teacher_and_student(X, y):
    clf = make_pipeline(StandardScaler(), DistilledClassifier(RandomForestClassifier(5), Student(), cv=2))
    clf.set_params(distilledclassifier__student=NetClassifier(**SMALL))
    grid = {"distilledclassifier__teacher__n_estimators": [2, 4], "distilledclassifier__student__lr": [0.01, 0.02]}
    search = GridSearchCV(clf, grid, cv=2, n_jobs=2).fit(X, y)
    assert set(search.best_params_) == set(grid)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_the_student_is_all_that_is_needed(X, y):
    clf = DistilledClassifier(RandomForestClassifier(5), Student(), random_state=0).fit(X, y)
    assert_array_equal(clf.student_.predict(X), clf.predict(X))
    assert_array_equal(clf.student_.predict_proba(X), clf.predict_proba(X))


# ---------------------------------------------------------------- report


@pytest.mark.parametrize("cv", [2, None, "prefit"])
def test_the_report_compares_on_the_same_unseen_rows(cv):
    X, y = load_iris(return_X_y=True, as_frame=True)
    teacher = RandomForestClassifier(50, random_state=0)
    teacher = teacher.fit(X, y) if cv == "prefit" else teacher
    clf = DistilledClassifier(teacher, Student(), cv=cv, compression_report=True, random_state=0).fit(X, y)
    report = clf.compression_report_
    assert list(report) == ["teacher", "student", "hard-label student"]
    for row in report.values():
        assert 0 <= row["accuracy"] <= 1
        assert (row["accuracy"] * 30).is_integer() or abs(row["accuracy"] * 30 - round(row["accuracy"] * 30)) < 1e-9
        assert row["log_loss"] > 0
        assert 0 <= row["calibration_error"] <= 1
        assert row["predict_seconds_per_row"] > 0
    assert report["student"]["bytes"] < report["teacher"]["bytes"]
    without = clone(clf).set_params(compression_report=False, teacher=teacher).fit(X, y)
    assert not hasattr(without, "compression_report_")
    assert_array_equal(without.predict_proba(X), clf.predict_proba(X))


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("params", "error", "message"),
    [
        ({"teacher": LinearSVC()}, TypeError, "teacher: expected a classifier with predict_proba"),
        ({"teacher": GaussianNB}, TypeError, "teacher: expected a classifier with predict_proba"),
        ({"teacher": []}, ValueError, "teacher: expected at least one"),
        ({"student": LogisticRegression()}, TypeError, "student: expected None, a classifier of sktech's"),
        ({"student": NetClassifier}, TypeError, "student: expected None, a classifier of sktech's"),
        ({"cv": 1}, ValueError, "cv: expected an integer"),
        ({"cv": "five"}, ValueError, "cv: expected one of 'prefit'"),
        (
            {"cv": [(np.arange(30), np.arange(30, 60))]},
            ValueError,
            "cv: expected splits that test each row once, got 30",
        ),
        ({"temperature": 0.0}, ValueError, "temperature"),
        ({"temperature": lambda proba: -proba.max(axis=1)}, ValueError, "temperature: expected a function"),
        ({"temperature": lambda proba: 2.0}, ValueError, "temperature: expected a function"),
        ({"hard_weight": 1.5}, ValueError, "hard_weight"),
        ({"augment": "more"}, ValueError, "augment"),
        ({"n_augment": -1}, ValueError, "n_augment"),
        ({"generations": 0}, ValueError, "generations"),
        ({"compression_report": "yes"}, ValueError, "compression_report"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_makes_no_sense_is_refused_and_the_model_stays(X, y, params, error, message):
    clf = DistilledClassifier(GaussianNB(), Student(), random_state=0).fit(X, y)
    before = clf.predict_proba(X)
    with pytest.raises(error, match=message):
        clf.set_params(**params).fit(X, y)
    assert_array_equal(clf.predict_proba(X), before)


def test_a_teacher_without_weights_counts_copies(X, y):
    clf = DistilledClassifier(KNeighborsClassifier(), Student(), random_state=0)
    weight = np.arange(60) % 3
    copies = np.repeat(np.arange(60), weight)
    weighed = clone(clf).fit(X, y, sample_weight=weight)
    assert_array_equal(weighed.predict_proba(X), clf.fit(X[copies], y[copies]).predict_proba(X))
    with pytest.raises(ValueError, match="sample_weight: expected None or whole numbers, as KNeighborsClassifier"):
        clf.fit(X, y, sample_weight=np.linspace(0.5, 2, 60))


def test_fitted_and_unfitted_teachers_go_together(X, y):
    fitted = GaussianNB().fit(X, y)
    cv = KFold(3)
    rows, labels, _ = taught(DistilledClassifier([FrozenEstimator(fitted), GaussianNB()], Student(), cv=cv), X, y)
    place = [np.flatnonzero((row == X).all(axis=1)).item() for row in rows]
    other = cross_val_predict(GaussianNB(), X, y, cv=cv, method="predict_proba")
    assert_allclose(labels.proba, (fitted.predict_proba(X) + other)[place] / 2)


def test_a_fitted_teacher_knows_the_labels(X, y):
    teacher = FrozenEstimator(GaussianNB().fit(X, np.unique(y, return_inverse=True)[1]))
    with pytest.raises(ValueError, match=r"teacher: expected one that knows the labels \['ant', 'bee', 'cow'\]"):
        DistilledClassifier(teacher, Student()).fit(X, y)


def test_xgboost_takes_any_labels(X, y):
    xgboost = pytest.importorskip("xgboost")
    rare = np.where(np.arange(60) == 0, "bat", y)
    clf = DistilledClassifier(xgboost.XGBClassifier(n_estimators=2, n_jobs=1), Student(), cv=2).fit(X, rare)
    assert clf.classes_.tolist() == ["ant", "bat", "bee", "cow"]


def test_unlabelled_rows_take_the_types_of_the_table(X, y):
    def table(levels, kind):
        return pd.DataFrame({"a": X[:, 0], "c": pd.Categorical(levels, sorted(set(levels)))}).astype({"a": kind})

    rows, _, _ = taught(
        DistilledClassifier(HistGradientBoostingClassifier(max_iter=2), Student(), cv=2),
        table(list("xyz") * 20, "float64"),
        y,
        X_unlabeled=table(list("xq") * 30, "float32"),
    )
    assert rows["c"].dtype == pd.CategoricalDtype(list("xyz"))
    assert rows["c"].isna().sum() == 30
    clf = DistilledClassifier(GaussianNB(), Student())
    with pytest.raises(TypeError, match="X_unlabeled: expected a table of the kind of X, pandas, got polars"):
        clf.fit(pd.DataFrame(X, columns=list("abc")), y, X_unlabeled=pl.DataFrame(X, schema=list("abc")))


def test_the_default_teacher_takes_columns_without_any_number_and_the_largest_there_are(X, y):
    X = np.column_stack([X, np.full(60, np.nan), np.resize([1.0, -1.0, 0.5], 60) * np.finfo(np.float64).max])
    proba = DistilledClassifier(None, Student(), cv=2, random_state=0).fit(X, y).predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize(
    "names", [[0, 1], ["a", None], ["a", "a"], pd.MultiIndex.from_tuples([(0, 1), (0, 2)])], ids=str
)
def test_names_of_any_kind_take_the_types_of_the_table(names):
    X = pd.DataFrame({"a": [1, 2, 3], "c": pd.Categorical(["x", "y", None])}).set_axis(names, axis=1)
    X_unlabeled = pd.DataFrame({"a": [1.0, 7.0], "c": ["y", "new"]}).set_axis(names, axis=1)
    same = like(X_unlabeled, X)
    assert same.columns.equals(X.columns)
    assert same.dtypes.tolist() == X.dtypes.tolist()
    assert same.iloc[:, 0].tolist() == [1, 7]
    assert same.iloc[:, 1].isna().tolist() == [False, True]
    assert X_unlabeled.iloc[:, 1].tolist() == ["y", "new"]


@pytest.mark.parametrize(
    ("unlabeled", "table"),
    [
        (pl.DataFrame({"a": pl.Series(["x", "y"], dtype=pl.Categorical)}), pl.DataFrame({"a": [1.0, 2.0]})),
        (pd.DataFrame({"a": [1j, 2j]}), pd.DataFrame({"a": [1.0, 2.0]})),
        (pd.DataFrame({"a": ["x", "y"]}), pd.DataFrame({"a": [1.0, 2.0]})),
    ],
    ids=["polars", "complex", "words"],
)
def test_unlabelled_rows_that_do_not_fit_the_types_are_refused(unlabeled, table):
    with pytest.raises(TypeError, match="X_unlabeled: expected the column types of X"):
        like(unlabeled, table)


def test_a_teachers_probabilities_are_looked_at(X, y):
    class Odd(GaussianNB):
        def predict_proba(self, X):
            return super().predict_proba(X) * np.nan

    with pytest.raises(ValueError, match="teacher: expected probabilities of 3 classes from Odd"):
        DistilledClassifier(Odd(), Student()).fit(X, y)


def test_the_students_scores_are_its_own(X, y):
    for labels in (y, y == "ant"):
        one, several = (
            DistilledClassifier(GaussianNB(), Student(), generations=n, ensemble_generations=True, cv=2).fit(X, labels)
            for n in (1, 2)
        )
        assert_array_equal(one.decision_function(X), one.student_.decision_function(X))
        log_proba = np.log(several.predict_proba(X))
        expected = log_proba[:, 1] - log_proba[:, 0] if labels.dtype == bool else log_proba
        assert_allclose(several.decision_function(X), expected, rtol=1e-4, atol=1e-4)


def test_an_unfitted_teacher_is_no_prefit_one(X, y):
    with pytest.raises(NotFittedError):
        DistilledClassifier(GaussianNB(), Student(), cv="prefit").fit(X, y)


def test_unlabelled_rows_have_the_tables_columns(X, y):
    clf = DistilledClassifier(GaussianNB(), Student())
    with pytest.raises(ValueError, match="2 features"):
        clf.fit(X, y, X_unlabeled=X[:, :2])
    with pytest.raises(TypeError, match="X_unlabeled: expected a table of the kind of X"):
        clf.fit(X, y, X_unlabeled=pd.DataFrame(X))


def test_lines_are_printed_on_demand(X, y, capsys):
    DistilledClassifier(GaussianNB(), Student(), cv=2, generations=2).fit(X, y)
    assert not capsys.readouterr().out
    DistilledClassifier(GaussianNB(), Student(), cv=2, generations=2, verbose=1).fit(X, y)
    assert capsys.readouterr().out.count("\n") == 2 + 1 + 2 + 1


def test_a_teacher_that_says_the_same_of_all_rows_teaches_shares(X, y):
    student = NetClassifier(random_state=0, early_stopping=False)
    teacher = FrozenEstimator(DummyClassifier(strategy="prior").fit(X, y))
    clf = DistilledClassifier(teacher, student, hard_weight=0.0).fit(X, y)
    shares = np.unique(y, return_counts=True)[1] / 60
    assert_allclose(clf.predict_proba(X), np.tile(shares, (60, 1)), atol=0.05)


MIXED = {
    "default": {},
    "made-up rows": {"augment": "munge"},
    "generations": {"generations": 2},
    "a net as teacher": {"teacher": NetClassifier(**SMALL)},
}


@pytest.mark.parametrize("params", MIXED.values(), ids=MIXED)
def test_a_column_is_of_one_kind_though_its_strings_are_all_in_one_fold(params):
    """As if it had been a column of categories from the start."""
    n, fold = 40, np.arange(40) % 2
    values = np.array([1, 2.5, None, 3] * (n // 4), dtype=object)
    values[fold == 0] = ["a", "b", None, "2.5"] * (n // 8)
    X, y = pd.DataFrame({"mixed": values, "x": np.arange(n) % 7}), np.arange(n) // 2 % 2
    splits = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in (0, 1)]
    clf = DistilledClassifier(student=NetClassifier(**SMALL), cv=splits, random_state=0, **params).fit(X, y)
    told = clone(clf).set_params(student__categorical_features=["mixed"])
    if "teacher" in params:
        told.set_params(teacher__categorical_features=["mixed"])
    assert_array_equal(clf.predict_proba(X), told.fit(X, y).predict_proba(X))
