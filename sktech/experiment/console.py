"""In the terminal: a table with the lowest log-loss first, the best of each column behind a star; ranks; words."""

import numpy as np
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from sktech.experiment.summary import LABELS, best_models, in_figures

_WIDTH_OF_A_FILE = 200
# What is left out first where the terminal is narrow, and whether the spread over the folds is shown.
_LAYOUTS = [
    (tuple(LABELS), True),
    (("log_loss", "accuracy", "brier", "calibration_error", "roc_auc", "fit_seconds"), True),
    (tuple(LABELS), False),
    (("log_loss", "accuracy", "calibration_error", "fit_seconds"), True),
    (("log_loss", "accuracy", "brier", "calibration_error", "roc_auc", "fit_seconds"), False),
    (("log_loss", "accuracy", "calibration_error", "fit_seconds"), False),
    (("log_loss", "accuracy"), False),
]


def print_table(frame, file):
    """Print the result of :func:`sktech.experiment.summary.model_table`.

    Parameters
    ----------
    frame : DataFrame
    file : text file
        A terminal gets colours and as many columns as fit.
    """
    console = _console(file)
    tables = [_table(frame, names, spread) for names, spread in _LAYOUTS]
    unlimited = console.options.update_width(10 * _WIDTH_OF_A_FILE)
    fitting = [table for table in tables if Measurement.get(console, unlimited, table).maximum <= console.width]
    console.print(fitting[0] if fitting else tables[-1])
    for model, row in frame.iterrows():
        if row["status"] != "ok":
            console.print(Text(f"{model}: {row['status']}", style="dim"), soft_wrap=True)


def print_ranks(ranks, file):
    """Print the result of :meth:`sktech.experiment.Study.ranks`.

    Parameters
    ----------
    ranks : DataFrame
    file : text file
        A terminal gets as many tables as fit.
    """
    console = _console(file)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("model", no_wrap=True)
    table.add_column("mean rank", justify="right", no_wrap=True)
    room = console.width - 2 - len("mean rank") - 2 - max(map(cell_len, ranks.index), default=0)
    shown = []
    for name in ranks.columns[1:]:
        room -= 2 + max(cell_len(name), len("12.5"))
        if room >= 0:
            shown.append(name)
            table.add_column(Text(name), justify="right", no_wrap=True)
    for model, row in ranks.iterrows():
        table.add_row(Text(model), f"{row['mean_rank']:.2f}", *(f"{row[name]:g}" for name in shown))
    console.print(table)


def print_words(text, file):
    """Print some sentences, in a terminal with lines of its width.

    Parameters
    ----------
    text : str
    file : text file
    """
    console = _console(file)
    console.print(Text(text), soft_wrap=not console.is_terminal)


def _console(file):
    console = Console(file=file, highlight=False)
    return console if console.is_terminal else Console(file=file, highlight=False, width=_WIDTH_OF_A_FILE)


def _table(frame, names, spread):
    best = best_models(frame)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("model", no_wrap=True)
    for name in names:
        table.add_column(LABELS[name], justify="right", no_wrap=True)
    for model, row in frame.iterrows():
        cells = [_cell(name, row, model in best[name], spread) for name in names]
        table.add_row(Text(model, style="bold blue" if row["family"] != "baseline" else ""), *cells)
    return table


def _cell(name, row, is_best, spread):
    text = Text("*" if is_best else "").append(in_figures(name, row[name]))
    if spread and not np.isnan(row[f"{name}_std"]):
        text.append(f" ±{in_figures(name, row[f'{name}_std'])}", style="dim")
    if is_best:
        text.stylize("bold green")
    return text
