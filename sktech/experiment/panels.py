"""The drawings of a report, each on one pair of axes.

Colours say who a model belongs to: sktech's are blue, one's own orange, the baselines grey (the palette of Okabe and
Ito, told apart with any colour vision). The report exchanges them for others where the reader prefers a dark page.
"""

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from sktech.experiment.labels import label_points
from sktech.experiment.summary import LABELS, LOWER_IS_BETTER, in_figures

INK, MUTED, GRID, PAPER = "#1b1f24", "#6e7781", "#d8dee4", "#ffffff"
FAMILY_COLORS = {"sktech": "#0072b2", "own": "#d55e00", "baseline": MUTED, "": MUTED}
_FAR = 3.0  # a model this many times as far from the best as the median is drawn as an arrow at the edge
_MANY_CLASSES = 16  # a confusion matrix with more has no room for figures


def draw_score(ax, comparison, score, names=True):
    """One line per model: a dot per fold, the mean, and a bar of one standard deviation to either side.

    Parameters
    ----------
    ax : matplotlib Axes
    comparison : Comparison
    score : str
        Such as "log_loss".
    names : bool, default=True
        Whether to write the models' names on the left.
    """
    frame = comparison.to_frame()
    frame = frame[frame["accuracy"].notna()]  # the same lines whatever the score
    known = frame[frame[score].notna()]
    means, stds = known[score].to_numpy(), known[f"{score}_std"].fillna(0).to_numpy()
    low, high = _window(means, stds, LOWER_IS_BETTER[score])
    for height, (model, row) in enumerate(frame.iterrows()):
        if np.isnan(row[score]):
            continue
        color = FAMILY_COLORS[row["family"]]
        mean, std = row[score], np.nan_to_num(row[f"{score}_std"])
        if low <= mean <= high:
            values = [getattr(r, score) for r in comparison.records if r.model == model and r.ok]
            ax.plot(values, np.full(len(values), height), "o", color=color, alpha=0.3, markersize=4, markeredgewidth=0)
            ax.plot([mean - std, mean + std], [height, height], color=color, linewidth=2, solid_capstyle="round")
            ax.plot(mean, height, "o", color=color, markersize=6.5, markeredgecolor=PAPER, markeredgewidth=0.8)
        else:
            edge, arrow = (0.02, "<") if mean < low else (0.98, ">")
            ax.plot(edge, height, arrow, transform=ax.get_yaxis_transform(), color=color, markersize=6)
        ax.annotate(
            in_figures(score, mean),
            (1.03, height),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize="small",
            color=color,
            annotation_clip=False,
        )
    ax.set(xlim=(low, high), ylim=(len(frame) - 0.5, -0.5), xlabel=f"{LABELS[score]}  ({_direction(score)} is better)")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.set_yticks(range(len(frame)), frame.index if names else [""] * len(frame))
    for tick, family in zip(ax.get_yticklabels(), frame["family"], strict=True):
        tick.set_color(FAMILY_COLORS[family])
    _plain(ax, grid="x")
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


def draw_time(ax, comparison):
    """Log-loss against the seconds of one fit, names beside the points; bars reach from the lowest to the highest fold.

    Parameters
    ----------
    ax : matplotlib Axes
    comparison : Comparison
    """
    frame = comparison.to_frame().dropna(subset=["log_loss"])
    colors = [FAMILY_COLORS[family] for family in frame["family"]]
    seconds, loss, bars = frame["fit_seconds"], frame["log_loss"], []
    for model, x, y, color in zip(frame.index, seconds, loss, colors, strict=True):
        folds = [record for record in comparison.records if record.model == model and record.ok]
        wide, high = [r.fit_seconds for r in folds], [r.log_loss for r in folds]
        bars += ax.plot([min(wide), max(wide)], [y, y], color=color, linewidth=1, alpha=0.6)
        bars += ax.plot([x, x], [min(high), max(high)], color=color, linewidth=1, alpha=0.6)
        ax.plot(x, y, "o", color=color, markersize=7, markeredgecolor=PAPER, markeredgewidth=0.8)
    ax.set_xscale("log")
    if len(loss) and loss.min() > 0 and loss.max() / loss.min() > 4:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    ax.set(xlabel="seconds of one fit", ylabel=f"{LABELS['log_loss']}  (lower is better)")
    ax.margins(0.16, 0.12)
    _plain(ax, grid="both")
    ax.figure.draw_without_rendering()
    ax.figure.set_layout_engine("none")  # the names are placed for these axes
    label_points(ax, seconds, loss, list(frame.index), colors, avoid=bars)


def draw_reliability(ax, comparison, model):
    """Accuracy against confidence: one dot per bin, as large as its share of rows, on a bar of one standard error.

    Parameters
    ----------
    ax : matplotlib Axes
    comparison : Comparison
    model : str
        The model's name.
    """
    records = [record for record in comparison.records if record.model == model and record.bins is not None]
    count, hits, confidence = sum(record.bins for record in records)
    used = count > 0
    color = FAMILY_COLORS[records[0].family]
    ax.plot([0, 1], [0, 1], color=GRID, linewidth=1, zorder=0)
    n, x, y = count[used], confidence[used] / count[used], hits[used] / count[used]
    ax.vlines(x, *_wilson(y, n), color=color, linewidth=1, alpha=0.6)
    ax.scatter(x, y, s=9 + 120 * n / n.sum(), color=color, alpha=0.85, linewidth=0, clip_on=False, zorder=3)
    error = comparison.to_frame().loc[model, "calibration_error"]
    ax.set_title(model, fontsize="medium", color=color, loc="left", pad=19)
    ax.text(0, 1.05, f"calibration error {error:.3f}", transform=ax.transAxes, fontsize="small", color=MUTED)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="confidence", ylabel="accuracy")
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    _plain(ax)


def draw_confusion(ax, comparison, model):
    """Test rows of all folds by true and predicted class; the shade is the root of the share of the true class.

    Parameters
    ----------
    ax : matplotlib Axes
    comparison : Comparison
    model : str
        The model's name.
    """
    counts = sum(record.confusion for record in comparison.records if record.model == model and record.ok)
    classes = list(comparison.facts.class_counts)
    shades = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))  # the root shows rare errors too
    n = len(classes)
    size = min(11, 260 / (n * len(f"{counts.max():,}")))  # the largest figure fits into its cell
    for i, j in zip(*np.nonzero(counts), strict=True):
        ax.add_patch(
            Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=to_rgba(FAMILY_COLORS["sktech"], shades[i, j]), linewidth=0)
        )
        if n <= _MANY_CLASSES:
            color = PAPER if shades[i, j] > 0.6 else INK
            ax.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", color=color, fontsize=size)
    step = -(-n // 40)  # of more than forty names only every so manieth
    names = [_short(label) for label in classes[::step]]
    turned = max(map(len, names)) * n > 60
    ax.set_xticks(range(0, n, step), names, rotation=90 if turned else 0, fontsize="small" if n <= 20 else 5)
    ax.set_yticks(range(0, n, step), names, fontsize="small" if n <= 20 else 5)
    ax.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), aspect="equal", xlabel="predicted", ylabel="true")
    ax.set_title(model, fontsize="medium", loc="left", color=INK)
    ax.tick_params(length=0)
    _plain(ax)
    for spine in ax.spines.values():
        spine.set_visible(True)


def _wilson(share, n):
    """Ends of Wilson's interval for a share of n rows, one standard error (z = 1) to either side."""
    middle, reach = share + 1 / (2 * n), np.sqrt(share * (1 - share) / n + 1 / (4 * n**2))
    return (middle - reach) / (1 + 1 / n), (middle + reach) / (1 + 1 / n)


def _window(means, stds, lower_is_better):
    """Limits of the score's axis: around all models that are not far worse than the others."""
    if not len(means):
        return 0.0, 1.0
    distance = means - means.min() if lower_is_better else means.max() - means
    near = distance <= (_FAR * np.median(distance) or np.inf)
    low, high = (means - stds)[near].min(), (means + stds)[near].max()
    room = 0.08 * (high - low) or 0.01
    return low - room, high + room


def _direction(score):
    return "lower" if LOWER_IS_BETTER[score] else "higher"


def _short(label, limit=18):
    return label if len(label) <= limit else label[: limit - 1] + "…"


def _plain(ax, grid=None):
    ax.spines[["top", "right"]].set_visible(False)
    for spine in ax.spines.values():
        spine.set_color(GRID)
    ax.tick_params(color=GRID, labelcolor=MUTED, labelsize="small", which="both")
    ax.xaxis.label.set(color=INK, fontsize="small")
    ax.yaxis.label.set(color=INK, fontsize="small")
    if grid:
        ax.grid(axis=grid, color=GRID, linewidth=0.6)
        ax.set_axisbelow(True)
