"""What is random is as random as it is said to be, what is left alone stays, and what is reported is what was done."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm, sem, spearmanr
from scipy.stats import t as student
from sklearn.base import clone
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_iris, make_classification
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sktech import NetClassifier, ReweightedClassifier
from sktech.inspection import RandomizationDisplay, randomization_test
from sktech.inspection._randomized import RandomizedInputs, redrawn_labels

SEEDS = range(5)
KINDS = ["labels", "corrupted", "shuffled_columns", "permuted_cells", "gaussian"]
NET = NetClassifier(
    n_members=1, hidden_layer_sizes=(64,), early_stopping=False, dropout=0.0, lr_schedule=None, max_epochs=30
)


@pytest.fixture(scope="module")
def table():
    return make_classification(240, 8, n_informative=5, n_classes=3, class_sep=1.5, random_state=0)


def mixed_frame(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": pd.array(np.where(rng.uniform(size=n) < 0.2, -1, rng.integers(18, 80, n))).astype("Int64"),
            "income": rng.lognormal(10, 1, n),
            "city": rng.choice(["Oslo", "Bergen", "Bodø"], n, p=[0.6, 0.3, 0.1]),
            "plan": pd.Categorical(rng.choice(["free", "pro"], n)),
            "height": np.where(rng.uniform(size=n) < 0.3, np.nan, rng.normal(170, 10, n)),
            "active": rng.uniform(size=n) < 0.5,
        }
    ).assign(age=lambda frame: frame["age"].where(frame["age"] > 0))


def randomized(X, train=None, categorical_features="from_dtype"):
    return RandomizedInputs(X, np.arange(len(X)) if train is None else train, categorical_features)


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("n_classes", [2, 7])
@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_of_corrupted_labels_as_many_change_as_the_formula_says(share, n_classes, seed):
    codes, n = np.random.default_rng(seed).integers(n_classes, size=20_000), 20_000
    changed = np.mean(redrawn_labels(codes, n_classes, share, np.random.default_rng(seed + 100)) != codes)
    expected = share * (n_classes - 1) / n_classes
    assert abs(changed - expected) < norm.ppf(1 - 1e-4) * np.sqrt(expected * (1 - expected) / n)


def test_more_corruption_adds_to_less():
    codes = np.random.default_rng(0).integers(5, size=3000)
    low, high = (redrawn_labels(codes, 5, share, np.random.default_rng(1)) for share in (0.3, 0.6))
    assert np.all((low == codes) | (low == high))
    assert np.mean(high != codes) > np.mean(low != codes)
    assert_array_equal(redrawn_labels(codes, 5, 0.0, np.random.default_rng(1)), codes)


def test_random_labels_have_all_classes_alike_and_know_nothing_of_the_true_ones():
    codes = (np.random.default_rng(0).uniform(size=30_000) < 0.1).astype(int)
    new = redrawn_labels(codes, 2, 1.0, np.random.default_rng(1))
    for rare in (0, 1):
        n = np.sum(codes == rare)
        assert abs(np.mean(new[codes == rare]) - 0.5) < 4 * np.sqrt(0.25 / n)


# ---------------------------------------------------------------- inputs


@pytest.mark.parametrize("seed", SEEDS)
def test_shuffled_columns_are_one_permutation_of_all_rows(seed):
    X = np.random.default_rng(seed).normal(size=(50, 4))
    new = randomized(X).shuffled_columns(np.random.default_rng(seed))
    order = [np.flatnonzero((column[:, None] == X).all(axis=0)).item() for column in new.T]
    assert sorted(order) == [0, 1, 2, 3]
    assert order != [0, 1, 2, 3]


@pytest.mark.parametrize("to", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
def test_columns_of_a_frame_change_places_with_their_like_under_the_old_names(to):
    frame = to(mixed_frame())
    new = randomized(frame).shuffled_columns(np.random.default_rng(0))
    assert list(new.columns) == list(frame.columns)
    for kind in (["city", "plan"], ["age", "income", "height", "active"]):
        old = {name: frame[name].to_list() for name in kind}
        came_from = [next(k for k in kind if str(old[k]) == str(new[name].to_list())) for name in kind]
        assert sorted(came_from) == sorted(kind)
    assert any(str(new[name].to_list()) != str(frame[name].to_list()) for name in frame.columns)


@pytest.mark.parametrize("seed", SEEDS)
def test_permuted_cells_are_each_rows_own_in_units_of_the_column(seed):
    rng = np.random.default_rng(seed)
    X, train = rng.normal([0, 5, -3, 100], [1, 10, 0.1, 30], (300, 4)), np.arange(200)
    X[:, 3] = 7.0 if seed == 0 else X[:, 3]  # a constant column stays
    mean, std = X[train].mean(axis=0), X[train].std(axis=0)
    std[std < 1e-12] = 1.0
    before, after = (
        (values - mean) / std for values in (X, randomized(X, train).permuted_cells(np.random.default_rng(seed)))
    )
    assert_allclose(np.sort(after, axis=1), np.sort(before, axis=1), atol=1e-9)
    places = np.argmin(abs(before[:, None, :] - after[:, :, None]), axis=1)[:, :3]
    # Rows have orders of their own.
    assert len(np.unique(places, axis=0)) == 6 if seed == 0 else len(np.unique(places, axis=0)) > 10
    assert seed != 0 or (after[:, 3] == before[:, 3]).all()
    came_from = np.mean(abs(after[:, 0] - before[:, 0]) < 1e-9)
    assert 0.1 < came_from - (seed == 0) / 12 < 0.4  # one in four stays where it is, or one in three


@pytest.mark.parametrize("seed", SEEDS)
def test_gaussian_inputs_have_the_moments_of_the_training_rows(seed):
    rng = np.random.default_rng(seed)
    X, train = rng.exponential([1.0, 20.0], (40_000, 2)), np.arange(20_000)
    X[20_000:] += 1000.0
    new = randomized(X, train).gaussian(np.random.default_rng(seed))
    mean, std = X[train].mean(axis=0), X[train].std(axis=0)
    assert np.all(abs(new.mean(axis=0) - mean) < 4 * std / 200)
    assert np.all(abs(new.std(axis=0) / std - 1) < 4 / np.sqrt(80_000))
    assert np.all(abs(((new - mean) ** 3).mean(axis=0) / std**3) < 0.1)  # the exponential's is 2
    assert abs(np.corrcoef(new.T)[0, 1]) < 4 / 200
    assert abs(spearmanr(new[:, 0], X[:, 0]).statistic) < 4 / 200


@pytest.mark.parametrize("kind", ["permuted_cells", "gaussian"])
@pytest.mark.parametrize("to", [lambda frame: frame, pl.from_pandas], ids=["pandas", "polars"])
def test_of_frames_nothing_is_left_but_types_and_frequencies(kind, to):
    frame = mixed_frame(4000)
    given = to(frame)
    new = getattr(randomized(given), kind)(np.random.default_rng(0))
    assert type(new) is type(given)
    assert list(new.columns) == list(frame.columns)
    assert_array_equal(given["income"], frame["income"])  # what came in is left alone
    for name in ("city", "plan"):
        assert new[name].dtype == given[name].dtype
        old_values, values = frame[name].to_numpy().astype(str), np.array(new[name].to_list())
        for level in np.unique(old_values):
            assert abs(np.mean(values == level) - np.mean(old_values == level)) < 4 * np.sqrt(0.25 / 4000)
        assert abs(np.mean(values == old_values) - sum(np.mean(old_values == v) ** 2 for v in set(old_values))) < 0.04
    numbers = ["age", "income", "height", "active"]
    missing = np.array([pd.isna(np.array(new[name].to_list(), dtype=float)) for name in numbers])
    was_missing = frame[numbers].isna().to_numpy().T
    if kind == "gaussian":
        assert_allclose(missing.mean(axis=1), was_missing.mean(axis=1), atol=0.03)
    else:
        assert_array_equal(missing.sum(axis=0), was_missing.sum(axis=0))


def test_columns_named_as_categories_stay_among_themselves():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.integers(4, size=300), rng.normal(size=(300, 2)), rng.integers(4, size=300)])
    for kind in ("shuffled_columns", "permuted_cells", "gaussian"):
        new = getattr(randomized(X, categorical_features=[0, 3]), kind)(np.random.default_rng(0))
        assert set(new[:, 0]) == set(new[:, 3]) == {0, 1, 2, 3}
    objects = X.astype(object)
    objects[:, 0] = np.array(["a", "b", "c", "d"])[X[:, 0].astype(int)]
    new = randomized(objects, categorical_features=[0, 3]).gaussian(np.random.default_rng(0))
    assert set(new[:, 0]) == {"a", "b", "c", "d"}
    clf = NetClassifier(n_members=1, max_epochs=1, categorical_features=[0, 3])
    randomization_test(clf, objects, X[:, 1] > 0, random_state=0)  # as the estimator says


# ---------------------------------------------------------------- the test


def test_the_nearest_neighbour_remembers_everything(table):
    result = randomization_test(KNeighborsClassifier(1), *table, n_repeats=2, random_state=0)
    assert result.kinds == ["true", "labels", "corrupted 0.5", *KINDS[2:]]
    assert_array_equal(result.train_scores, 1.0)
    assert_array_equal(result.gaps, 1.0 - result.test_scores)


def test_a_constant_has_no_gap_and_scores_what_a_constant_does():
    X, y = load_iris(return_X_y=True)
    constant = DummyClassifier(strategy="constant", constant=1)
    result = randomization_test(constant, X, y, kinds=KINDS[2:], test_size=0.2, random_state=0)
    assert_allclose(result.gaps, 0, atol=1e-12)  # each class is a third of the training and of the test rows
    assert_allclose(result.test_scores, 1 / 3)
    assert_allclose(result.constant_scores, 1 / 3)


@pytest.mark.parametrize(
    "estimator",
    [
        DecisionTreeClassifier(max_depth=3, random_state=0),
        KNeighborsClassifier(5),
        LinearDiscriminantAnalysis(),
        GaussianNB(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_the_order_of_columns_is_nothing_to_those_who_treat_them_alike(estimator, table):
    result = randomization_test(estimator, *table, kinds=["shuffled_columns"], n_repeats=4, random_state=0)
    assert_array_equal(result.train_scores[0], result.train_scores[1])
    assert_array_equal(result.test_scores[0], result.test_scores[1])
    assert np.ptp(result.test_scores[0]) > 0  # but repeats differ


@pytest.mark.parametrize(
    "estimator",
    [
        KNeighborsClassifier(1),
        RandomForestClassifier(20, bootstrap=False),
        clone(NET).set_params(max_epochs=60, lr_schedule="linear"),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_random_labels_are_fitted_and_leave_test_rows_at_chance(estimator, table):
    n_repeats = 5 if isinstance(estimator, NetClassifier) else 20
    result = randomization_test(estimator, *table, kinds=["labels"], n_repeats=n_repeats, random_state=1)
    true, labels = range(2)
    assert result.train_scores[labels].min() > 0.99
    test = result.test_scores[labels]
    assert abs(test.mean() - 1 / 3) < student.ppf(0.9995, n_repeats - 1) * sem(test)
    assert result.test_scores[true].mean() > test.mean() + 0.2
    assert np.all(result.gaps[labels] > result.gaps[true])


def test_each_fit_is_the_one_that_would_be_made_by_hand(table):
    X, y = table
    names = np.array(["red", "green", "blue"])[y]
    forest = RandomForestClassifier(10, max_depth=4, random_state=3)
    result = randomization_test(forest, X, names, kinds=["corrupted"], corruption=[0.2, 1], random_state=5)
    assert result.kinds == ["true", "corrupted 0.2", "corrupted 1"]
    again = randomization_test(forest, X, names, kinds=["labels"], random_state=5)
    assert_array_equal(again.train_scores, result.train_scores[[0, 2]])  # all corrupted is random
    watched = []

    class Watched(RandomForestClassifier):
        def fit(self, X, y):
            watched.append((X, y))
            return super().fit(X, y)

    randomization_test(Watched(10, max_depth=4, random_state=3), X, names, kinds=["corrupted"], random_state=5)
    (X_train, y_train), (same, corrupted) = watched
    assert_array_equal(X_train, same)
    assert 0 < np.mean(y_train != corrupted) < 0.6
    own = forest.fit(X_train, y_train)
    rows = {row.tobytes() for row in X_train}
    test = np.array([row.tobytes() not in rows for row in X])
    assert test.sum() == 60
    assert result.train_scores[0, 0] == own.score(X_train, y_train)
    assert result.test_scores[0, 0] == own.score(X[test], names[test])
    assert_array_equal(np.unique(names[test], return_counts=True)[1], [20, 20, 20])


def test_same_seed_same_result_in_any_number_of_processes(table):
    net = NetClassifier(n_members=1, max_epochs=2, hidden_layer_sizes=(8,))
    first, second, other = (
        randomization_test(net, *table, n_repeats=2, random_state=seed, n_jobs=n_jobs)
        for seed, n_jobs in ((0, None), (0, 2), (1, None))
    )
    for name in ("train_scores", "test_scores", "epochs_to_fit", "steps_to_fit", "constant_scores"):
        assert_array_equal(getattr(first, name), getattr(second, name))
    assert np.any(first.test_scores != other.test_scores)
    assert net.random_state is None
    assert not hasattr(net, "classes_")


def test_frames_with_categories_and_missing_values_go_through_a_pipeline_by_name():
    frame = mixed_frame()
    y = np.where(frame["city"] == "Oslo", "yes", "no")
    numbers = make_column_selector(dtype_include=["number", "bool"])
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]), (StandardScaler(), numbers), sparse_threshold=0
    )
    pipe = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=20, early_stopping=False))
    for clf, X in ((pipe, frame), (NetClassifier(n_members=1, max_epochs=8), pl.from_pandas(frame))):
        result = randomization_test(clf, X, y, random_state=0)
        scores = dict(zip(result.kinds, result.test_scores[:, 0], strict=True))
        assert min(scores["true"], scores["shuffled_columns"]) > 0.95
        assert max(scores["permuted_cells"], scores["gaussian"]) < 0.8  # city, which says it all, is drawn


def test_scores_are_those_asked_for(table):
    result = randomization_test(GaussianNB(), *table, kinds=["gaussian"], scoring="neg_log_loss", random_state=0)
    assert result.score_name == "neg_log_loss"
    assert_allclose(result.constant_scores, -log_loss([0, 1, 2], np.full((3, 3), 1 / 3)), atol=0.01)
    assert result.test_scores[0, 0] > result.constant_scores[0] > result.test_scores[1, 0]
    by_callable = randomization_test(GaussianNB(), *table, kinds=[], scoring=lambda clf, X, y: 7.0)
    assert_array_equal(by_callable.train_scores, [[7.0]])
    assert by_callable.score_name == "score"


# ---------------------------------------------------------------- epochs to fit


@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("pipe", [False, True])
def test_epochs_to_fit_are_those_after_which_a_training_could_have_ended(n_members, pipe, table):
    net = clone(NET).set_params(n_members=n_members, random_state=0, batch_size=32)
    clf = make_pipeline(StandardScaler(), net) if pipe else net
    result = randomization_test(clf, *table, kinds=["labels"], threshold=0.9, random_state=2)
    for row, kind in enumerate(result.kinds):
        epochs = int(result.epochs_to_fit[row, 0])
        assert 1 < epochs < 30
        assert result.steps_to_fit[row, 0] == epochs * -(-180 // 32)
        prefix = "netclassifier__" if pipe else ""
        scores = [
            randomization_test(
                clone(clf).set_params(**{prefix + "max_epochs": n}), *table, kinds=["labels"], random_state=2
            ).train_scores[row, 0]
            for n in (epochs - 1, epochs)
        ]
        assert scores[0] < 0.9 <= scores[1], kind
    assert net.callbacks is None


def test_to_look_after_each_epoch_changes_nothing(table):
    X, y = table
    result = randomization_test(NET, X, y, kinds=[], random_state=0)
    watched = []

    class Plain(NetClassifier):
        def fit(self, X, y):
            watched.append((X, y, self.random_state))
            return super().fit(X, y)

    randomization_test(Plain(**NET.get_params()), X, y, kinds=[], random_state=0)
    X_train, y_train, seed = watched[0]
    alone = clone(NET).set_params(random_state=seed).fit(X_train, y_train)
    rows = {row.tobytes() for row in X_train}
    test = np.array([row.tobytes() not in rows for row in X])
    assert result.test_scores[0, 0] == alone.score(X[test], y[test])
    assert result.epochs_to_fit[0, 0] < 30


def test_more_random_labels_take_longer_than_true_ones():
    X, y = make_classification(300, 10, n_informative=8, class_sep=2.0, flip_y=0, random_state=0)
    result = randomization_test(clone(NET).set_params(max_epochs=60), X, y, kinds=["labels"], n_repeats=3)
    assert np.all(result.epochs_to_fit[0] < result.epochs_to_fit[1])


@pytest.mark.parametrize("kind", [GradientBoostingClassifier, HistGradientBoostingClassifier])
def test_boosting_counts_its_stages(kind, table):
    X, y = table
    length = "n_estimators" if kind is GradientBoostingClassifier else "max_iter"
    clf = make_pipeline(StandardScaler(), kind(**{length: 60}, random_state=0))
    result = randomization_test(clf, X, y, kinds=["labels"], random_state=0)
    assert_array_equal(result.epochs_to_fit, result.steps_to_fit)
    stages = int(result.epochs_to_fit[1, 0])
    for n, fits in ((stages - 1, False), (stages, True)):
        shorter = make_pipeline(StandardScaler(), kind(**{length: n}, random_state=0))
        score = randomization_test(shorter, X, y, kinds=["labels"], random_state=0).train_scores[1, 0]
        assert (score >= 0.99) == fits


def test_what_is_not_reached_is_infinity_and_what_is_not_known_is_nan(table):
    short = clone(NET).set_params(max_epochs=1)
    result = randomization_test(short, *table, kinds=["labels"], random_state=0)
    assert np.all(np.isinf(result.epochs_to_fit))
    assert np.all(np.isinf(result.steps_to_fit))
    assert str(result).count("never") == 2
    for clf in (GaussianNB(), ReweightedClassifier(short)):
        assert np.all(np.isnan(randomization_test(clf, *table, kinds=[], random_state=0).epochs_to_fit))


# ---------------------------------------------------------------- what is shown


def test_the_table_says_what_was_found(table):
    result = randomization_test(NET, *table, kinds=["labels"], n_repeats=2, random_state=0)
    head, true, labels, _, constant = str(result).splitlines()
    assert head.split() == ["accuracy", "train", "test", "gap", "epochs", "to", "fit"]
    for row, line in enumerate((true, labels)):
        name, train, _, sd, *_, epochs = line.split()
        assert name == result.kinds[row]
        assert_allclose(float(train), result.train_scores[row].mean(), atol=5e-4)
        assert_allclose(float(sd), result.train_scores[row].std(ddof=1), atol=5e-4)
        assert_allclose(float(epochs), result.epochs_to_fit[row].mean(), atol=0.05)
    assert constant == f"a constant prediction: {result.constant_scores.mean():.3f}"
    result.epochs_to_fit[1, 0] = np.inf
    assert str(result).splitlines()[2].endswith("in 1 of 2")


def test_the_picture_shows_the_scores(table):
    _, ax = plt.subplots()
    display = RandomizationDisplay.from_estimator(GaussianNB(), *table, n_repeats=3, random_state=0, ax=ax)
    assert display.ax_ is ax
    result = display.result
    small_train, large_train, small_test, large_test = [
        part.get_offsets() for part in ax.collections if len(part.get_offsets()) > 1
    ]
    rows = np.arange(6)
    for small, large, scores in (
        (small_train, large_train, result.train_scores),
        (small_test, large_test, result.test_scores),
    ):
        assert_allclose(large, np.column_stack([scores.mean(axis=1), rows]))
        assert_allclose(small[:, 0], scores.ravel())
    assert [label.get_text() for label in ax.get_yticklabels()][1:3] == ["labels", "corrupted 0.5"]
    assert_allclose(ax.lines[0].get_xdata(), result.constant_scores.mean())
    assert ax.get_xlabel() == "accuracy"
    for drawn in (display, display.plot(ax=ax)):
        assert drawn.ax_.get_ylim() == (5.5, -0.5)  # the true data on top, also where axes are shared


def test_progress_is_told_to_those_who_ask(table, capsys):
    randomization_test(GaussianNB(), *table, kinds=["labels"], n_repeats=2, random_state=0, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": train")[0] for line in lines] == [
        f"randomization_test: repeat {k} of 2, {name}" for k in (1, 2) for name in ("true", "labels")
    ]
    randomization_test(GaussianNB(), *table, kinds=[], random_state=0)
    assert not capsys.readouterr().out


# ---------------------------------------------------------------- refusals


def test_what_makes_no_sense_is_refused(table):
    X, y = table
    for clf in (LinearRegression(), GaussianNB):
        with pytest.raises(TypeError, match="estimator: expected a classifier, got"):
            randomization_test(clf, X, y)
    for params, message in (
        ({"kinds": "labels"}, "kinds: expected a sequence"),
        ({"kinds": ["noise"]}, "kinds: expected one of 'labels', .*, got 'noise'"),
        ({"corruption": 1.5}, "corruption: expected a number in .0, 1., got 1.5"),
        ({"corruption": [0.5, 0.0]}, "corruption: expected a number in .0, 1., got 0.0"),
        ({"test_size": 1.0}, "test_size: expected a number in"),
        ({"n_repeats": 0}, "n_repeats: expected an integer in"),
        ({"threshold": 0.0}, "threshold: expected a number in"),
        ({"categorical_features": [99]}, "categorical_features: expected"),
    ):
        with pytest.raises((ValueError, TypeError), match=message):
            randomization_test(GaussianNB(), X, y, **params)
    with pytest.raises(ValueError, match="the target y is None"):
        randomization_test(GaussianNB(), X, None)
    got = "got 1 of numbers and 0 of categories"
    with pytest.raises(ValueError, match="'shuffled_columns' needs at least two columns of numbers, or two .*" + got):
        randomization_test(GaussianNB(), X[:, :1], y)
    with pytest.raises(ValueError, match="'permuted_cells' needs at least two columns of numbers that .*" + got):
        randomization_test(GaussianNB(), X[:, :1], y, kinds=["permuted_cells"])
    randomization_test(GaussianNB(), X[:, :1], y, kinds=["labels", "corrupted", "gaussian"])


def test_few_rows_of_a_class_are_split_as_they_come():
    X, y = np.random.default_rng(0).normal(size=(12, 3)), np.array([0] * 6 + [1] * 5 + [2])
    result = randomization_test(KNeighborsClassifier(1), X, y, random_state=0)
    assert_array_equal(result.train_scores, 1.0)


def test_constant_columns_stay_constant():
    X = np.random.default_rng(0).normal(size=(60, 3))
    X[:, 1] = 0.1
    inputs = randomized(X, np.arange(40))
    for kind in ("permuted_cells", "gaussian"):
        assert (getattr(inputs, kind)(np.random.default_rng(0))[:, 1] == 0.1).all()


def test_a_kind_that_cannot_be_fitted_is_told_and_the_others_are_kept():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(80, 3)), columns=["gaps", "b", "c"])
    X.loc[::4, "gaps"] = np.nan
    steps = make_column_transformer((SimpleImputer(), ["gaps"]), remainder="passthrough")
    with pytest.warns(FitFailedWarning, match="kinds: a fit to 'shuffled_columns' failed: Input X contains NaN"):
        result = randomization_test(
            make_pipeline(steps, LogisticRegression()),
            X,
            X["b"] > 0,
            kinds=["labels", "shuffled_columns"],
            random_state=0,
        )
    assert np.isfinite(result.train_scores[:2]).all()
    assert np.isnan(result.train_scores[2]).all()
