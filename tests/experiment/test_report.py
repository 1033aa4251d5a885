import html
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from sklearn.datasets import load_iris, load_wine
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from sktech.experiment import InputError, Study, compare, compare_tables
from sktech.experiment.plots import save_plots
from sktech.experiment.records import FoldRecord

PLOTS = {"scores.png", "differences.png", "time.png", "reliability.png", "confusion.png"}


class Broken(GaussianNB):
    def fit(self, X, y):
        raise RuntimeError("out of luck")


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.targets, self.tags = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.targets += [value for name, value in attrs if name in ("src", "href", "xlink:href", "srcset", "data")]


@pytest.fixture(scope="module")
def comparison():
    X, y = load_iris(return_X_y=True, as_frame=True)
    labels = y.map({0: "<setosa>", 1: "versicolor & co", 2: "$5_{ to $10"})  # no formula
    return compare(X, labels, ["dummy_prior", "logistic_regression", LinearSVC(), Broken()], cv=2)


@pytest.fixture(scope="module")
def study():
    tables = {"iris": load_iris(return_X_y=True), "wine": load_wine(return_X_y=True)}
    return compare_tables(tables, ["dummy_prior", "logistic_regression", "k_nearest_neighbours", Broken()], cv=2)


@pytest.fixture
def written(tmp_path):
    """A function that writes the page of a comparison or a study and reads it."""
    return lambda what, **options: what.report(tmp_path / "report.html", **options).read_text()


def finished(comparison, keep):
    """The comparison as it was when only some of its records were there."""
    return replace(comparison, records=[record for record in comparison.records if keep(record)])


@pytest.mark.parametrize("what", ["comparison", "study"])
def test_the_page_loads_nothing_from_anywhere(what, request, written):
    page = written(request.getfixturevalue(what), title="Irises")
    links = Links()
    links.feed(page)
    assert all(target.startswith("#") for target in links.targets)
    assert links.tags.count("script") == 1
    assert not {"link", "iframe", "object", "embed", "base", "img"} & set(links.tags)
    assert "http" not in page
    assert "@import" not in page
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_the_page_says_what_was_compared(comparison, written):
    page = written(comparison, title="Irises & more")
    for text in (
        "Irises &amp; more",
        "150",
        "&lt;setosa&gt;",
        "versicolor &amp; co",
        "failed: RuntimeError",
        "LinearSVC",
        "2 stratified folds",
        "LogisticRegression(max_iter=1000)",
        "1 of the rows (0.7%) repeat an earlier one",
    ):
        assert text in page
    assert page.count("<svg") == 3 + 1 + 1 + 2 + 1
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page


def words(page):
    """A page without its tags."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def test_the_verdict_stands_on_top(comparison, study, written):
    text = words(written(comparison))
    assert text.index(comparison.verdict()) < text.index("What to try next") < text.index("Scores")
    text = words(written(study))
    places = [text.index(told) for told in (study.verdict(), "Tables", "Table by table", study["wine"].verdict())]
    assert places == sorted(places)


def test_everybody_is_compared_with_the_reference(comparison, study, written):
    assert "Differences to logistic_regression" in written(comparison)
    page = written(comparison, reference="dummy_prior")
    assert "Differences to dummy_prior" in page
    assert "Against dummy_prior, in log-loss: logistic_regression better" in page
    assert "Wins, ties and losses against dummy_prior" in written(study, reference="dummy_prior")
    assert "No other model can be compared with Broken." in written(comparison, reference="Broken")
    for what in (comparison, study):
        with pytest.raises(InputError, match=r"expected one of the models dummy_prior, .*, got 'nobody'"):
            written(what, reference="nobody")


def test_what_failed_warned_or_was_chosen_is_told_with_its_folds(written):
    fields = {"table": "table", "family": "own", "seed": 0, "n_train": 100, "n_test": 50, "accuracy": 0.5}
    fields |= {"fit_seconds": 1.0, "predict_seconds": 1.0}
    records = [
        FoldRecord(
            **fields, model="Broken", repeat=0, fold=0, warnings="UserWarning: a; b; UserWarning: see https://x"
        ),
        FoldRecord(**fields, model="Broken", repeat=0, fold=1, status="ValueError: <odd>", tuned='{"C": "0.1"}'),
        FoldRecord(**fields, model="Broken", repeat=0, fold=2, status="ValueError: <odd>", tuned="{}"),
    ]
    records = [replace(record, confusion=np.eye(3, dtype=int)) for record in records]
    text = words(written(replace(compare(*load_iris(return_X_y=True), [Broken()], cv=3), records=records)))
    for told in (
        "ValueError: <odd> (folds 2, 3)",
        "UserWarning: a; b (fold 1)",
        "UserWarning: see https://x (fold 1)",
        "C = 0.1 (fold 2)",
        "as it is (fold 3)",
    ):
        assert told in text


def test_leaks_are_told(comparison, written):
    leaky = replace(comparison, facts=replace(comparison.facts, leaks=(("end", "is empty exactly where it is 'a'"),)))
    page = written(leaky)
    assert "Possible leak: column end is empty" in page
    assert "<code>--drop end</code>" in page


def test_an_interrupted_comparison_has_a_page(comparison, written):
    page = written(finished(comparison, lambda record: record.fold == 0 and record.model != "LinearSVC"))
    assert "<strong>Unfinished:</strong> 3 of 8 fits" in page
    assert "One fold only" in page
    assert "<svg" in page
    page = written(finished(comparison, lambda record: False))
    assert "<strong>Unfinished:</strong> 0 of 8 fits" in page
    assert "Nothing was fitted yet" in page
    assert "Unfinished" not in written(comparison)


def test_who_is_alone_does_not_win(written):
    tables = {"iris": load_iris(return_X_y=True), "wine": load_wine(return_X_y=True)}
    text = words(written(compare_tables(tables, ["logistic_regression", Broken()], cv=2)))
    assert "Nothing to compare: logistic_regression is the only model" in text
    assert "alone" in text
    assert "wins" not in text
    text = words(written(compare_tables(tables, ["logistic_regression", "dummy_prior"], cv=2)))
    assert "alone" not in text
    assert "logistic_regression wins" in text


def test_an_interrupted_study_has_a_page(study, written):
    only_iris = [finished(one, lambda record: record.table == "iris") for one in study]
    page = written(Study(only_iris))
    assert "8 of 16 fits" in page
    assert "Nothing to rank" in page
    assert "Nothing was fitted yet" in page
    page = written(Study([finished(one, lambda record: record.fold == 0) for one in study]))
    assert "8 of 16 fits" in page
    assert "Mean ranks" in page
    page = written(Study([finished(one, lambda record: False) for one in study]))
    assert "0 of 16 fits" in page
    assert "<svg" not in page
    page = written(Study([finished(one, lambda record: record.model == "Broken") for one in study]))
    assert "No model could be scored" in page
    assert "<svg" not in page


def test_the_page_is_replaced_in_one_step(comparison, written, tmp_path, monkeypatch):
    before = written(comparison)
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError("the disk is full")))
        with pytest.raises(OSError, match="full"):
            written(comparison, title="later")
    assert (tmp_path / "report.html").read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_the_colours_of_the_drawings_follow_the_page(comparison, tmp_path):
    page = comparison.report(tmp_path / "report.html").read_text()
    drawings = page[page.index("<svg") :]
    used = set(re.findall(r"var\(--(\w+)\)", drawings))
    assert {"ink", "muted", "grid", "own"} <= used
    assert all(f"--{name}:" in page for name in used)


def test_a_page_without_a_single_score(tmp_path):
    X, y = load_iris(return_X_y=True)
    page = compare(X, y, [Broken()], cv=2).report(tmp_path / "report.html").read_text()
    assert "No model could be scored" in page
    assert "<svg" not in page


def test_plots_that_cannot_be_drawn_are_left_out(comparison, tmp_path):
    save_plots(comparison, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == PLOTS
    X, y = load_iris(return_X_y=True)
    (tmp_path / "few").mkdir()
    save_plots(compare(X, y, [LinearSVC()], cv=2), tmp_path / "few")
    assert {path.name for path in (tmp_path / "few").iterdir()} == {"scores.png", "confusion.png"}
