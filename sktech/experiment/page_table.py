"""What a page tells of the comparison on one table."""

from functools import partial
from typing import NamedTuple

from sktech.experiment.advice import advice
from sktech.experiment.figures import Drawing, drawing
from sktech.experiment.grid import Grid, difference_grid, score_grid
from sktech.experiment.hints import Hint
from sktech.experiment.page_models import ModelEvents, model_events
from sktech.experiment.panels import draw_confusion, draw_reliability, draw_score, draw_time
from sktech.experiment.panels_across import draw_differences
from sktech.experiment.phrases import NAMES, counted, listed
from sktech.experiment.plots import lines_height, models_with_probabilities, n_scored, possible_plots, scores_shown
from sktech.experiment.summary import LABELS

_CLASSES_LISTED = 12
_PANEL_WIDTH = 4.0  # inches


class TableSection(NamedTuple):
    """What a page tells of one table.

    Parameters
    ----------
    comparison : Comparison
    score : str
        What models are judged by, as it is called inside a sentence.
    verdict : str
        In a few sentences.
    against : str
        The same about the differences to a reference that was asked for, or "".
    notes : list of str
        What is odd about the table.
    classes : list of (str, int, float)
        Name, rows and share of the largest ones.
    advice : list of Hint
    scores : Grid
    statuses : list of (str, str)
        Models that are not simply done, and why.
    reference : str or None
        The model that others are compared with.
    differences : Grid or None
    drawings : dict of str to list of Drawing
        By the kind of the plot.
    n_without_panel : int
        Models whose reliability is not drawn.
    events : list of ModelEvents
    """

    comparison: object
    score: str
    verdict: str
    against: str
    notes: list[str]
    classes: list[tuple[str, int, float]]
    advice: list[Hint]
    scores: Grid
    statuses: list[tuple[str, str]]
    reference: str | None
    differences: Grid | None
    drawings: dict[str, list[Drawing]]
    n_without_panel: int
    events: list[ModelEvents]


def table_section(comparison, reference, n_panels):
    """What a page tells of one table.

    Parameters
    ----------
    comparison : Comparison
    reference : str or None
        The model that others are compared with. None is the best one.
    n_panels : int
        Models whose reliability is drawn, the best first.

    Returns
    -------
    section : TableSection
    """
    frame = comparison.to_frame()
    possible = possible_plots(comparison, reference)
    differences = comparison.differences(reference) if "differences" in possible else None
    probable = models_with_probabilities(comparison)
    return TableSection(
        comparison=comparison,
        score=NAMES[comparison.score],
        verdict=comparison.verdict(),
        against=_against(differences, reference, comparison.score) if reference else "",
        notes=_notes(comparison.facts),
        classes=_class_lines(comparison.facts.class_counts),
        advice=advice(comparison),
        scores=score_grid(frame),
        statuses=[(model, row["status"]) for model, row in frame.iterrows() if row["status"] != "ok"],
        reference=comparison.reference(reference),
        differences=None if differences is None else difference_grid(differences, comparison.score),
        drawings={kind: _DRAWN[kind](comparison, reference, probable[:n_panels]) for kind in possible},
        n_without_panel=max(0, len(probable) - n_panels),
        events=model_events(comparison),
    )


def _against(differences, reference, score):
    if differences is None:
        return f"No other model can be compared with {reference}."
    found = {verdict: list(rows.index) for verdict, rows in differences.groupby("verdict", sort=False)}
    told = [f"{listed(found[verdict], limit=4)} {verdict}" for verdict in ("better", "worse") if verdict in found]
    n_rest = sum(len(names) for verdict, names in found.items() if verdict not in ("better", "worse"))
    if n_rest:
        told.append(f"{counted(n_rest, 'model')} cannot be told from it")
    return f"Against {reference}, in {NAMES[score]}: {'; '.join(told)}."


def _notes(facts):
    notes = []
    if facts.n_constant:
        notes.append(f"{counted(facts.n_constant, 'column')} of one value only.")
    if facts.n_duplicates:
        share = facts.n_duplicates / facts.n_rows
        notes.append(f"{facts.n_duplicates:,} of the rows ({share:.1%}) repeat an earlier one, label included.")
    if facts.contradictory_share:
        notes.append(f"{facts.contradictory_share:.1%} of the rows have a twin with another label.")
    notes += [f"Possible leak: column {column} {reason}." for column, reason in facts.leaks]
    return notes


def _class_lines(counts):
    """Name, rows and share of the largest classes."""
    total = sum(counts.values())
    largest = sorted(counts.items(), key=lambda item: -item[1])
    lines = [(name, count, count / total) for name, count in largest[:_CLASSES_LISTED]]
    if rest := largest[_CLASSES_LISTED:]:
        count = sum(count for _, count in rest)
        lines.append((f"{len(rest)} more classes", count, count / total))
    return lines


def _scores(comparison, reference, panels):
    size = (_PANEL_WIDTH, lines_height(n_scored(comparison)))
    return [
        drawing(f"{LABELS[score]} of each model", partial(draw_score, comparison=comparison, score=score), size)
        for score in scores_shown(comparison)
    ]


def _differences(comparison, reference, panels):
    frame = comparison.differences(reference)
    name = comparison.reference(reference)
    draw = partial(draw_differences, frame=frame, reference=name, score=comparison.score)
    size = (_PANEL_WIDTH, lines_height(int(frame["mean"].notna().sum())))
    return [drawing(f"{NAMES[comparison.score]} of each model minus that of {name}", draw, size)]


def _time(comparison, reference, panels):
    return [drawing("log-loss against the time of a fit", partial(draw_time, comparison=comparison), (4.4, 3.8))]


def _reliability(comparison, reference, panels):
    return [
        drawing(
            f"accuracy against confidence of {model}",
            partial(draw_reliability, comparison=comparison, model=model),
            (2.6, 2.9),
        )
        for model in panels
    ]


def _confusion(comparison, reference, panels):
    best = comparison.best()
    draw = partial(draw_confusion, comparison=comparison, model=best)
    return [drawing(f"confusion matrix of {best}", draw, (4.3, 4.2))]


_DRAWN = {
    "scores": _scores,
    "differences": _differences,
    "time": _time,
    "reliability": _reliability,
    "confusion": _confusion,
}
