import re
from html.parser import HTMLParser

import pytest
from sklearn.datasets import load_iris
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from sktech.experiment import compare
from sktech.experiment.plots import save_plots


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
    labels = y.map({0: "<setosa>", 1: "versicolor & co", 2: "virginica"})
    return compare(X, labels, ["dummy_prior", "logistic_regression", LinearSVC(), Broken()], cv=2)


def test_the_page_loads_nothing_from_anywhere(comparison, tmp_path):
    page = comparison.report(tmp_path / "report.html", title="Irises").read_text()
    links = Links()
    links.feed(page)
    assert all(target.startswith("#") for target in links.targets)
    assert not {"script", "link", "iframe", "object", "embed", "base"} & set(links.tags)
    assert "http" not in page
    assert "@import" not in page
    assert set(re.findall(r"url\((.)", page)) <= {"#"}


def test_the_page_says_what_was_compared(comparison, tmp_path):
    page = comparison.report(tmp_path / "report.html", title="Irises & more").read_text()
    for text in (
        "Irises &amp; more",
        "150",
        "&lt;setosa&gt;",
        "versicolor &amp; co",
        "failed: RuntimeError",
        "LinearSVC",
    ):
        assert text in page
    assert page.count("<svg") == 3 + 1 + 2 + 1
    assert "prefers-color-scheme: dark" in page
    assert "width=device-width" in page


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
    assert {path.name for path in tmp_path.iterdir()} == {"scores.png", "time.png", "reliability.png", "confusion.png"}
    X, y = load_iris(return_X_y=True)
    (tmp_path / "few").mkdir()
    save_plots(compare(X, y, [LinearSVC()], cv=2), tmp_path / "few")
    assert {path.name for path in (tmp_path / "few").iterdir()} == {"scores.png", "confusion.png"}
