import itertools

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from sktech.experiment.axes import FAMILY_COLORS, INK, MUTED
from sktech.experiment.panels import draw_pareto
from sktech.experiment.panels_across import diagram_height, draw_critical_difference, draw_differences
from sktech.experiment.pareto import pareto_front

FAMILIES = ["sktech", "own", "baseline"]


def axes(width, height):
    return Figure(figsize=(width, height), layout="constrained").subplots()


def some_ranks(n, seed=0):
    values = np.random.default_rng(seed).uniform(1, n, n)
    ranks = pd.Series(values, [f"a model that is named {i}" for i in range(n)])
    return ranks, {name: FAMILIES[i % 3] for i, name in enumerate(ranks.index)}


def some_groups(ranks):
    names = list(ranks.sort_values().index)
    return [names[i : i + 4] for i in range(0, len(names) - 3, 2)]


def lines_of(ax, color):
    return [line for line in ax.lines if line.get_color() == color and len(line.get_xdata()) > 1]


@pytest.mark.parametrize("n", [2, 4, 12, 25])
@pytest.mark.parametrize("critical_difference", [None, 3.0, 40.0])
def test_names_in_the_diagram_do_not_overlap(n, critical_difference):
    ranks, families = some_ranks(n)
    groups = some_groups(ranks)
    ax = axes(7.5, diagram_height(ranks, groups))
    draw_critical_difference(ax, ranks, families, groups, critical_difference)
    ax.figure.draw_without_rendering()
    boxes = {text.get_text(): Text.get_window_extent(text) for text in ax.texts}
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes.values(), 2))
    assert all(sum(f"{name}  " in t + "  " and f"{ranks[name]:.2f}" in t for t in boxes) == 1 for name in ranks.index)
    assert (f"critical difference {critical_difference or 0:.2f}" in boxes) == (critical_difference is not None)
    page = ax.figure.bbox.padded(1)
    assert all(page.contains(*corner) for box in boxes.values() for corner in (box.min, box.max))


@pytest.mark.parametrize("n", [3, 12, 25])
def test_bars_join_the_groups_and_do_not_touch(n):
    ranks, families = some_ranks(n)
    groups = some_groups(ranks)
    ax = axes(7.5, 5)
    draw_critical_difference(ax, ranks, families, groups)
    bars = lines_of(ax, INK)
    assert [tuple(bar.get_xdata()) for bar in bars] == [(ranks[g].min(), ranks[g].max()) for g in groups]
    for a, b in itertools.combinations(bars, 2):
        if a.get_ydata()[0] == b.get_ydata()[0]:
            assert a.get_xdata()[1] < b.get_xdata()[0] or b.get_xdata()[1] < a.get_xdata()[0]
    stems = [line for line in ax.lines if len(line.get_xdata()) == 3]
    assert sorted(stem.get_xdata()[0] for stem in stems) == sorted(ranks)
    assert [stem.get_color() for stem in stems] == [FAMILY_COLORS[families[m]] for m in ranks.sort_values().index]
    assert min(stem.get_ydata()[1] for stem in stems) > max((bar.get_ydata()[0] for bar in bars), default=0)
    assert len({(stem.get_xdata()[2], stem.get_ydata()[2]) for stem in stems}) == n  # each its own line


def test_the_ruler_is_as_long_as_the_critical_difference():
    ranks, families = some_ranks(6)
    ax = axes(7, 3)
    draw_critical_difference(ax, ranks, families, [], 2.5)
    (ruler,) = lines_of(ax, INK)
    assert np.ptp(ruler.get_xdata()) == 2.5


def test_equal_ranks_can_be_drawn():
    ranks = pd.Series(2.0, ["a", "b", "c"])
    ax = axes(5, 3)
    draw_critical_difference(ax, ranks, dict.fromkeys("abc", "own"), [["a", "b", "c"]])
    ax.figure.draw_without_rendering()
    assert ax.get_xlim() == (2, 3)


def some_differences():
    rows = {
        "good": ("sktech", -0.04, -0.05, -0.03, "better"),
        "like": ("own", 0.01, -0.02, 0.04, "within the noise"),
        "once": ("baseline", 0.02, np.nan, np.nan, "not comparable"),
        "bad": ("own", 0.03, 0.01, 0.05, "worse"),
        "far": ("baseline", 3.0, 2.9, 3.1, "worse"),
        "none": ("own", np.nan, np.nan, np.nan, "not comparable"),
    }
    return pd.DataFrame.from_dict(rows, "index", columns=["family", "mean", "low", "high", "verdict"])


def test_differences_show_what_is_noise():
    frame = some_differences()
    ax = axes(5, 3)
    draw_differences(ax, frame, "net", "log_loss")
    ax.figure.draw_without_rendering()
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["good", "like", "once", "bad", "far"]
    dots = {int(line.get_ydata()[0]): line for line in ax.lines if line.get_marker() == "o"}
    assert {height: dot.get_xdata()[0] for height, dot in dots.items()} == {0: -0.04, 1: 0.01, 2: 0.02, 3: 0.03}
    full = {
        height: dot.get_markerfacecolor() == FAMILY_COLORS[frame["family"].iloc[height]] for height, dot in dots.items()
    }
    assert full == {0: True, 1: False, 2: False, 3: True}
    assert sum(line.get_marker() == ">" for line in ax.lines) == 1  # the one that is far away
    low, high = ax.get_xlim()
    assert low <= -0.05 < 0 < 0.05 <= high < 2.9
    assert [text.get_text() for text in ax.texts] == ["-0.0400", "+0.0100", "+0.0200", "+0.0300", "+3.0000"]
    assert [to_hex(text.get_color()) for text in ax.texts][:2] == [FAMILY_COLORS["sktech"], MUTED]
    assert "net\n(left is better)" in ax.get_xlabel()


@pytest.mark.parametrize("sign", [-1, 1])
def test_0_is_always_in_sight(sign):
    frame = some_differences().iloc[[0, 3]].assign(mean=[3.0 * sign, 3.1 * sign], low=np.nan, high=np.nan)
    for score in ("log_loss", "accuracy"):
        ax = axes(5, 3)
        draw_differences(ax, frame, "net", score)
        low, high = ax.get_xlim()
        assert low <= 0 <= high


@pytest.mark.parametrize("n", [1, 4, 12])
def test_steps_run_along_the_front(n):
    rng = np.random.default_rng(n)
    names = [f"model{i}" for i in range(n)]
    seconds, loss = (pd.Series(values, names) for values in rng.uniform(0.1, 1, size=(2, n)))
    ax = axes(5, 4)
    draw_pareto(ax, seconds, loss, pd.Series("own", names), "loss")
    steps = lines_of(ax, MUTED)
    corners = {(x, y) for step in steps for x, y in zip(step.get_xdata(), step.get_ydata(), strict=True)}
    front = pareto_front(seconds, loss)
    assert all(((x, y) in corners) == best for x, y, best in zip(seconds, loss, front, strict=True))
    assert len(steps) == 2 * front.sum() - 1
    # Left of and below the steps there is nobody.
    for step in steps:
        for x, y in zip(step.get_xdata(), step.get_ydata(), strict=True):
            assert not ((seconds < x) & (loss < y)).any()
    assert {text.get_text() for text in ax.texts} == set(names)
    assert max(x for x, _ in corners) == ax.get_xlim()[1]
