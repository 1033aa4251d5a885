"""The page as a browser shows it."""

import html
import json
import math
import re
import shutil
import subprocess

import pytest
from sklearn.datasets import load_iris, load_wine
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from sktech.experiment import compare_tables

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = """
--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --dump-dom
"""

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome")

LISTEN = """<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<script>
window.complaints = [];
window.addEventListener("error", (event) => complaints.push(event.message));
window.addEventListener("securitypolicyviolation", (event) => complaints.push(`asked for ${event.blockedURI}`));
for (const kind of ["error", "warn"]) console[kind] = (...words) => complaints.push(words.join(" "));
</script>"""

LOOK = """<script>
document.querySelectorAll("details").forEach((details) => (details.open = true));
const box = (element) => element.getBoundingClientRect();
const values = (table, column) => [...table.tBodies[0].rows].map((row) => {
  const cell = row.cells[column], { value } = cell.dataset;
  const key = value === undefined ? cell.textContent.trim() : value === "" ? null : Number(value);
  return { value: key, row: row.textContent };
});
const findings = {
  width: innerWidth,
  needed: document.documentElement.scrollWidth,
  background: getComputedStyle(document.body).backgroundColor,
  letters: getComputedStyle(document.querySelector("svg text")).fill,
  drawings: [...document.querySelectorAll("svg")].map((svg) => ({
    name: svg.parentElement.getAttribute("aria-label"),
    width: box(svg).width,
    height: box(svg).height,
    paths: [...svg.querySelectorAll("path")].filter((path) => path.getTotalLength() > 0).length,
    letters: Math.min(...[...svg.querySelectorAll("text")].map((text) => box(text).height)),
  })),
  tables: [...document.querySelectorAll("table.sortable")].map((table) =>
    [...table.tHead.rows[0].cells].map((heading, column) => {
      const button = heading.querySelector("button"), before = values(table, column), orders = [];
      button.focus();
      for (let clicks = 0; clicks < 2; clicks++) {
        document.activeElement.click();
        const told = [...table.tHead.rows[0].cells].map((other) => other.getAttribute("aria-sort"));
        orders.push({ told, values: values(table, column) });
      }
      return { name: heading.textContent, before, orders };
    })),
  open: [...document.querySelectorAll("a")].map((link) => Boolean(document.querySelector(link.getAttribute("href")))),
  complaints,
};
window.addEventListener("load", () => {
  const told = document.createElement("pre");
  told.id = "findings";
  told.textContent = JSON.stringify(findings);
  parent.document.body.append(told);
});
</script>"""


class Broken(GaussianNB):
    def fit(self, X, y):
        raise RuntimeError("out of luck")


def looked_at(page, folder, scheme="light"):
    """What the probe finds in a page in a frame as wide as a phone; a window cannot be so narrow."""
    page = page.replace("<head>", f"<head>{LISTEN}").replace("</body>", f"{LOOK}</body>")
    style = f"width: 360px; height: 800px; border: 0; color-scheme: {scheme}"
    around = folder / "around.html"
    around.write_text(f'<!DOCTYPE html><body><iframe style="{style}" srcdoc="{html.escape(page)}"></iframe></body>')
    command = [BROWSER, *OPTIONS.split(), f"--user-data-dir={folder / 'profile'}", around.as_uri()]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    return json.loads(html.unescape(re.search(r'<pre id="findings">(.*?)</pre>', shown, re.DOTALL)[1]))


@pytest.fixture(scope="module")
def study():
    tables = {"iris": load_iris(return_X_y=True), "the wines": load_wine(return_X_y=True)}
    models = ["dummy_prior", "logistic_regression", GaussianNB(), LinearSVC(), Broken()]
    return compare_tables(tables, models, cv=3)


@pytest.fixture(scope="module")
def pages(study, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    one = study["iris"].report(folder / "one.html", reference="dummy_prior")
    return {"one": one.read_text(), "several": study.report(folder / "several.html").read_text()}


@pytest.fixture(scope="module", params=["one", "several"])
def findings(request, pages, tmp_path_factory):
    return request.param, looked_at(pages[request.param], tmp_path_factory.mktemp("browser"))


def test_nothing_is_complained_of_or_asked_for(findings):
    _, found = findings
    assert found["complaints"] == []
    assert all(found["open"])


def test_the_page_is_as_wide_as_a_phone(findings):
    _, found = findings
    assert found["width"] == 360
    assert found["needed"] <= 360


def test_every_drawing_is_seen(findings):
    kind, found = findings
    of_table = 3 + 1 + 1 + 3 + 1  # scores, differences, time, reliability, confusion
    assert len(found["drawings"]) == (of_table if kind == "one" else 2 * of_table + 2)
    assert len({drawing["name"] for drawing in found["drawings"]}) == (of_table if kind == "one" else of_table + 2 + 2)
    for drawing in found["drawings"]:
        assert drawing["width"] > 100, drawing
        assert drawing["height"] > 50, drawing
        assert drawing["paths"] > 3, drawing
        assert drawing["letters"] > 6, drawing


def test_tables_are_sorted_by_their_headings(findings):
    kind, found = findings
    assert len(found["tables"]) == (2 if kind == "one" else 2 * 2 + 3)
    moved = 0
    for columns in found["tables"]:
        for place, column in enumerate(columns):
            first, second = column["orders"]
            assert {first["told"][place], second["told"][place]} == {"ascending", "descending"}
            for order in column["orders"]:
                assert sum(told is not None for told in order["told"]) == 1
                assert sorted(v["row"] for v in order["values"]) == sorted(v["row"] for v in column["before"])
                values = [value["value"] for value in order["values"]]
                known = [value for value in values if value is not None]
                assert values[len(known) :] == [None] * (len(values) - len(known))  # missing ones come last
                if all(isinstance(value, int | float) for value in known):
                    assert known == sorted(known, reverse=order["told"][place] == "descending")
            moved += [v["row"] for v in first["values"]] != [v["row"] for v in second["values"]]
    assert moved > len(found["tables"])


def test_the_best_comes_first_where_one_sorts_by_a_score(findings):
    _, found = findings
    scores = next(columns for columns in found["tables"] if columns[1]["name"] == "log-loss")
    for column, best in ((1, min), (2, max)):
        values = [value["value"] for value in scores[column]["orders"][0]["values"] if value["value"] is not None]
        assert values[0] == best(values)


def test_a_dark_scheme_changes_the_colours(findings, pages, tmp_path):
    kind, light = findings
    dark = looked_at(pages[kind], tmp_path, "dark")
    assert brightness(light["background"]) > 200 > 60 > brightness(dark["background"])
    assert brightness(light["letters"]) < brightness(dark["letters"])


def test_the_probe_sees_what_is_wrong(pages, tmp_path):
    wrong = '<div style="width: 500px">x</div><img src="missing.png"><script>nonsense();</script><h1>'
    found = looked_at(pages["one"].replace("<h1>", wrong), tmp_path)
    assert found["needed"] >= 500
    assert any("nonsense" in complaint for complaint in found["complaints"])
    assert any(complaint.startswith("asked for") for complaint in found["complaints"])


def brightness(color):
    red, green, blue = map(float, re.findall(r"[\d.]+", color)[:3])
    return math.fsum((red, green, blue)) / 3
