import io
import re

import pandas as pd
import pytest
from rich.cells import cell_len
from sklearn.datasets import load_iris

from sktech.experiment import compare
from sktech.experiment.console import print_ranks, print_table, print_words


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(scope="module")
def frame():
    return compare(*load_iris(return_X_y=True), ["dummy_prior", "logistic_regression"], cv=2).to_frame()


@pytest.mark.parametrize("width", [60, 80, 100, 130, 200])
def test_a_narrow_terminal_gets_fewer_columns_but_whole_ones(frame, width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    file = Terminal()
    print_table(frame, file)
    lines = re.sub(r"\x1b\[[\d;]*m", "", file.getvalue()).splitlines()  # without colours
    assert len(lines) == 3
    assert all(cell_len(line) <= width for line in lines)
    assert "…" not in file.getvalue()
    assert {"log-loss", "accuracy"} <= set(lines[0].split())


def test_a_file_gets_every_column_and_no_colours(frame):
    file = io.StringIO()
    print_table(frame, file)
    assert "\x1b" not in file.getvalue()
    for heading in ("log-loss", "balanced acc.", "Brier", "calib. error", "ROC AUC", "fit s", "predict s"):
        assert heading in file.getvalue().splitlines()[0]


def test_the_best_of_each_column_is_behind_a_star(frame):
    file = io.StringIO()
    print_table(frame, file)
    best = file.getvalue().splitlines()[1]
    assert best.startswith("logistic_regression")
    assert "*" + f"{frame['log_loss'].min():.4f}" in best


@pytest.mark.parametrize("width", [30, 50, 80])
def test_a_narrow_terminal_gets_the_ranks_on_fewer_tables(width, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm")
    ranks = pd.DataFrame({"mean_rank": [1.25, 1.75]}, index=["net", "forest"])
    ranks = ranks.join(pd.DataFrame({f"table {i}": [1, 2.5] for i in range(5)}, index=ranks.index))
    terminal, file = Terminal(), io.StringIO()
    print_ranks(ranks, terminal)
    lines = re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue()).splitlines()
    assert len(lines) == 3
    assert all(cell_len(line) <= width for line in lines)
    assert lines[0].count("table") == max(n for n in range(6) if n == 0 or 6 + 11 + 9 * n <= width)
    assert lines[1].split()[:2] == ["net", "1.25"]
    print_ranks(ranks, file)
    assert file.getvalue().splitlines()[0].count("table") == 5


def test_words_are_wrapped_in_a_terminal_only(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    text = "No winner: [this] and that are within the noise. " * 6
    terminal, file = Terminal(), io.StringIO()
    print_words(text, terminal)
    print_words(text, file)
    assert all(cell_len(line) <= 40 for line in terminal.getvalue().splitlines())
    assert terminal.getvalue().split() == text.split()
    assert file.getvalue() == text + "\n"
