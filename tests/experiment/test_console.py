import io
import re

import pytest
from rich.cells import cell_len
from sklearn.datasets import load_iris

from sktech.experiment import compare
from sktech.experiment.console import print_table


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
