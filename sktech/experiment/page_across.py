"""What a page tells of several tables together."""

from functools import partial
from typing import NamedTuple

import numpy as np

from sktech.experiment.across import wins_ties_losses
from sktech.experiment.figures import Drawing, drawing
from sktech.experiment.grid import MISSING, Cell, Column, Grid, count_cell, score_cell
from sktech.experiment.paired import common_folds
from sktech.experiment.phrases import NAMES, counted
from sktech.experiment.plots_across import draw_ranks_and_time, plot_critical_difference
from sktech.experiment.summary import LOWER_IS_BETTER, in_figures


class AcrossSection(NamedTuple):
    """What a page tells of several tables together.

    Parameters
    ----------
    verdict : str
        In a few sentences.
    score : str
        What models are judged by, as it is called inside a sentence.
    tables : Grid
        One row per table.
    scores : Grid
        One row per model, with its mean rank and its score on each table.
    reference : str or None
        The model of the counts.
    counts : Grid or None
        Wins, ties and losses against the reference.
    diagram, time : Drawing or None
        Mean ranks; mean rank against time.
    """

    verdict: str
    score: str
    tables: Grid
    scores: Grid
    reference: str | None
    counts: Grid | None
    diagram: Drawing | None
    time: Drawing | None


def anchor(number):
    """The id of the section of a table."""
    return f"table-{number}"


def across_section(study, reference):
    """What a page tells of several tables together.

    Parameters
    ----------
    study : Study
    reference : str or None
        The model that others are compared with. None is the one with the best mean rank.

    Returns
    -------
    section : AcrossSection
    """
    ranks = study.ranks()["mean_rank"] if study.can_be_ranked() else None
    diagram = time = None
    if ranks is not None:
        reference = reference or ranks.index[0]
        diagram = drawing("mean ranks of the models", partial(plot_critical_difference, study))
        time = drawing("mean rank against the time of a fit", partial(draw_ranks_and_time, study=study), (4.4, 3.8))
    return AcrossSection(
        verdict=study.verdict(),
        score=NAMES[study.score],
        tables=_table_grid(study),
        scores=_score_grid(study, ranks),
        reference=reference,
        counts=_count_grid(study, reference),
        diagram=diagram,
        time=time,
    )


def _table_grid(study):
    rows = []
    for number, comparison in enumerate(study):
        facts, leaders = comparison.facts, comparison.leaders()
        first = next(iter(leaders), comparison.best())
        value = comparison.to_frame()[comparison.score].get(first, np.nan)
        finished = len(comparison.records)
        of_planned = "" if finished == comparison.n_planned else f"of {comparison.n_planned:,}"
        rows.append(
            [
                Cell(comparison.name, link=anchor(number)),
                Cell(first or MISSING, below=_standing(comparison, leaders)),
                Cell(in_figures(comparison.score, value) or MISSING, value, below=NAMES[comparison.score]),
                count_cell(facts.n_rows),
                count_cell(facts.n_columns),
                count_cell(len(facts.class_counts)),
                Cell(f"{finished:,}", finished, below=of_planned),
            ]
        )
    sizes = [Column(name, largest_first=True) for name in ("rows", "columns", "classes", "fits")]
    return Grid([Column("table"), Column("lead"), Column("its score"), *sizes], rows)


def _standing(comparison, leaders):
    """How clear a lead is, in a word or two."""
    if len(leaders) != 1:
        return f"or {counted(len(leaders) - 1, 'other')}" if leaders else ""
    scores, _ = common_folds(comparison.folds(), comparison.score)
    return "wins" if scores.shape[1] > 1 else "alone"


def _score_grid(study, ranks):
    score = study.score
    matrix = study.to_frame(score)
    best = matrix.min(axis=1) if LOWER_IS_BETTER[score] else matrix.max(axis=1)
    families = {model.name: model.family for model in study.models}
    ranked = list(ranks.index) if ranks is not None else []
    rows = []
    for model in [*ranked, *matrix.columns.difference(ranked, sort=False)]:
        rank = ranks[model] if model in ranked else np.nan
        marked = (matrix[model] == best).to_numpy()
        cells = [
            score_cell(score, value, style="best" if is_best else "")
            for value, is_best in zip(matrix[model], marked, strict=True)
        ]
        rank_cell = Cell(f"{rank:.2f}" if model in ranked else MISSING, rank)
        rows.append([Cell(model, style=families[model]), rank_cell, *cells])
    by_table = [Column(table, largest_first=not LOWER_IS_BETTER[score]) for table in matrix.index]
    return Grid([Column("model"), Column("mean rank"), *by_table], rows)


def _count_grid(study, reference):
    folds = study.folds()
    if reference not in set(folds["model"]):
        return None
    counts = wins_ties_losses(folds, study.score, reference)
    counts = counts[counts.sum(axis=1) > 0]
    families = {model.name: model.family for model in study.models}
    balance = counts["wins"] - counts["losses"]
    order = np.lexsort([-counts["ties"], -balance])
    rows = [
        [Cell(model, style=families[model]), *(count_cell(row[kind]) for kind in ("wins", "ties", "losses"))]
        for (model, _), row in counts.iloc[order].iterrows()
    ]
    columns = [Column("model"), Column("wins", True), Column("ties", True), Column("losses", True)]
    return Grid(columns, rows) if rows else None
