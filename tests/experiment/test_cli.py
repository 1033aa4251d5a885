import csv
import itertools
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import sktech.experiment.plan as plan
from sktech.__main__ import main

PLOTS = {"scores.png", "differences.png", "time.png", "reliability.png", "confusion.png"}
FILES = PLOTS | {"report.html", "results.csv", "results.sqlite"}


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(size=40), "colour": rng.choice(["red", "blue"], 40)})
    frame["kind"] = np.where(frame["size"] > 0, "big", "small")
    frame["rare"] = ["odd"] * 3 + ["usual"] * 37
    frame["constant"] = 1
    frame["price"] = rng.random(40)
    frame["gap"] = ["", "a"] * 20
    path = tmp_path / "table.csv"
    frame.to_csv(path, index=False)
    return str(path)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def rows(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_table_in_the_terminal_and_everything_in_files(table, out, capsys):
    models = ["dummy_prior", "logistic_regression", "sklearn.naive_bayes:BernoulliNB", "sklearn.svm:LinearSVC"]
    code = main(["compare", table, "--target", "kind", "--models", *models, "--folds", "3", "--repeats", "2",
                 "--out", str(out)])  # fmt: skip
    shown = capsys.readouterr()
    assert code == 0
    assert {path.name for path in out.iterdir()} == FILES
    assert len(rows(out / "results.csv")) == 4 * 6
    lines = shown.out.splitlines()
    assert lines[0].split()[:2] == ["model", "log-loss"]
    assert lines[1].startswith("logistic_regression")
    assert "*" in lines[1]
    assert "BernoulliNB: failed: ValueError" in shown.out  # it takes no strings
    assert shown.err.endswith("24 of 24 fits done\n")


def test_the_default_is_a_bundled_set(out, monkeypatch, capsys):
    monkeypatch.chdir(out.parent)
    assert main(["compare", "--models", "dummy_prior", "--folds", "2"]) == 0
    # One model differs from nobody.
    assert {path.name for path in (out.parent / "sktech-results").iterdir()} == FILES - {"differences.png"}
    assert "dummy_prior" in capsys.readouterr().out


def test_several_tables_are_told_one_by_one_and_together(out, capsys):
    models = ["dummy_prior", "logistic_regression", "k_nearest_neighbours"]
    options = ["--models", *models, "--folds", "2", "--reference", "dummy_prior", "--out", str(out)]
    assert main(["compare", "sklearn:iris", "sklearn:wine", *options]) == 0
    across = {"critical_difference.png", "time.png", "iris", "wine"}
    assert {path.name for path in out.iterdir()} == across | {"report.html", "results.csv", "results.sqlite"}
    assert {path.name for path in (out / "wine").iterdir()} == PLOTS
    shown = capsys.readouterr().out
    places = [
        shown.index(text) for text in ("\niris\n", "\nwine\n", "\nall tables\n", "mean rank", "No winner: Friedman")
    ]
    assert places == sorted(places)
    page = (out / "report.html").read_text()
    assert "Differences to dummy_prior" in page
    assert "Wins, ties and losses against dummy_prior" in page


def test_files_of_one_name_get_a_folder_each(table, out):
    sources = [out.parent / folder / "train.csv" for folder in ("old", "new")]
    for source in sources:
        source.parent.mkdir()
        shutil.copy(table, source)
    options = ["--target", "kind", "--models", "dummy_prior", "--folds", "2", "--out", str(out)]
    assert main(["compare", *map(str, sources), *options]) == 0
    assert {"old-train", "new-train"} <= {path.name for path in out.iterdir()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.csv", "--target", "y"], "missing.csv: no such file"),
        (["TABLE"], "give it with --target; TABLE has size, colour, kind"),
        (["TABLE", "--target", "y"], "no column 'y'; there are size, colour"),
        (["TABLE", "--target", "constant"], "at least two classes, got only '1'"),
        (["TABLE", "--target", "price"], "target 'price': expected classes, got a quantity"),
        (["TABLE", "--target", "gap"], "target 'gap': 20 of 40 values are missing"),
        (["TABLE", "--target", "rare"], "'odd' (3 rows) has fewer rows than the 5 folds; use --folds 3"),
        (["TABLE", "--target", "kind", "--models", "forest"], "unknown model 'forest'"),
        (["sklearn:mnist"], "unknown set 'sklearn:mnist'"),
        (["--folds", "1"], "--folds: expected at least 2, got 1"),
        (["--repeats", "0"], "--repeats: expected at least 1, got 0"),
        (["--jobs", "0"], "--jobs: expected a number of processes"),
        (["--out", "TABLE"], "--out: expected a folder, got the file"),
        (["--out", "TABLE/below"], "expected a folder to write to"),
    ],
)
def test_bad_input_is_one_line_and_code_2(arguments, message, table, out, capsys):
    arguments = [argument.replace("TABLE", table) for argument in arguments]
    code = main(["compare", "--out", str(out), *arguments])
    shown = capsys.readouterr()
    assert code == 2
    assert shown.out == ""
    assert shown.err.startswith("sktech compare: ")
    assert shown.err.count("\n") == 1
    assert message.replace("TABLE", table) in shown.err


@pytest.mark.parametrize("arguments", [[], ["compare", "--jobs", "many"], ["frobnicate"]])
def test_misspelt_commands_are_code_2(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: sktech" in capsys.readouterr().err


def test_help_names_the_options(capsys):
    with pytest.raises(SystemExit) as end:
        main(["compare", "--help"])
    assert end.value.code == 0
    assert "--target COLUMN" in capsys.readouterr().out


def test_nothing_scored_is_code_1(table, out, capsys):
    assert main(["compare", table, "--target", "kind", "--models", "sklearn.svm:LinearSVC", "--out", str(out)]) == 1
    assert "LinearSVC: failed" in capsys.readouterr().out


def test_an_interruption_shows_what_is_done(table, out, capsys, monkeypatch):
    run = plan.Experiment.run

    def interrupted(experiment, n_jobs, store):
        yield from itertools.islice(run(experiment, n_jobs, store), 3)
        raise KeyboardInterrupt

    models = ["dummy_prior", "logistic_regression"]
    command = ["compare", table, "--target", "kind", "--models", *models, "--out", str(out)]
    with monkeypatch.context() as patch:
        patch.setattr(plan.Experiment, "run", interrupted)
        assert main(command) == 130
    shown = capsys.readouterr()
    assert "interrupted after 3 of 10 fits; the same command goes on from there" in shown.err
    assert "logistic_regression: 1 of 5 folds finished" in shown.out
    assert len(rows(out / "results.csv")) == 3
    assert "Unfinished" in (out / "report.html").read_text()
    first = rows(out / "results.csv")
    assert main(command) == 0
    assert len(rows(out / "results.csv")) == 10
    assert all(row in rows(out / "results.csv") for row in first)  # to the last digit of its times


def test_what_is_done_is_not_done_again(table, out, capsys, monkeypatch):
    command = ["compare", table, "--target", "kind", "--models", "logistic_regression", "--out", str(out)]
    assert main(command) == 0
    before = rows(out / "results.csv")
    monkeypatch.setattr(LogisticRegression, "fit", lambda *_: pytest.fail("fitted again"))
    assert main(command) == 0
    assert rows(out / "results.csv") == before
    assert main([*command, "--jobs", "2", "--folds", "2"]) == 0  # other folds are done, in other processes
    assert len(rows(out / "results.csv")) == 2


def test_missing_packages_are_named(monkeypatch, capsys):
    for name in [name for name in sys.modules if name.startswith("sktech.experiment")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert main(["compare"]) == 2
    assert capsys.readouterr().err == 'sktech compare needs rich: pip install "sktech[experiment]"\n'


def test_importing_sktech_does_not_import_the_experiment():
    code = "import sys, sktech; sys.exit('sktech.experiment' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
