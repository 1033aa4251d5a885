"""What the records of a comparison say: as a frame, as plots, as a page."""

from dataclasses import dataclass

from matplotlib import pyplot

from sktech.experiment.facts import TableFacts
from sktech.experiment.models import Model
from sktech.experiment.plots import PLOTS, possible_plots
from sktech.experiment.records import FoldRecord
from sktech.experiment.report import write_report
from sktech.experiment.summary import fold_table, model_table


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """Scores of several models on the same folds.

    Parameters
    ----------
    name : str
        The table's name.
    facts : TableFacts
        What the table is like.
    models : list of Model
        The participants.
    n_folds : int
        How many folds each model was to have.
    records : list of FoldRecord
        The finished ones.
    setting : str
        How the models were fitted, in words.
    """

    name: str
    facts: TableFacts
    models: list[Model]
    n_folds: int
    records: list[FoldRecord]
    setting: str

    def to_frame(self):
        """One row per model, the lowest log-loss first.

        Returns
        -------
        frame : DataFrame of shape (n_models, n_columns)
            Means under the names of the scores, standard deviations over the folds under ``NAME_std``, ``status``.
        """
        return model_table(self.records, self.models, self.n_folds)

    def best(self):
        """The name of the model with the lowest log-loss among those with all their folds.

        Where no model predicts probabilities it is the one with the highest accuracy, and None where none has a score.

        Returns
        -------
        name : str or None
        """
        frame = self.to_frame()
        complete = frame[(frame["folds"] == frame["folds"].max()) & frame["accuracy"].notna()]
        return complete.index[0] if len(complete) else None

    def folds(self):
        """One row per finished fold and model.

        Returns
        -------
        frame : DataFrame of shape (n_records, n_fields)
        """
        return fold_table(self.records)

    def plot(self, kind="scores"):
        """Draw one of the report's plots.

        Parameters
        ----------
        kind : {"scores", "time", "reliability", "confusion"}, default="scores"
            Scores with their spread; training time against log-loss; confidence against accuracy; the confusion
            matrix of the best model.

        Returns
        -------
        figure : matplotlib.figure.Figure
        """
        if kind not in PLOTS:
            raise ValueError(f"kind must be one of {', '.join(PLOTS)}, got {kind!r}")
        if kind not in possible_plots(self):
            raise ValueError(
                f"nothing to draw: no model has the scores for the plot {kind!r}; see to_frame()['status']"
            )
        figure = pyplot.figure(layout="constrained")
        PLOTS[kind](self, figure)
        return figure

    def report(self, path, title=None):
        """Write one self-contained HTML page.

        Parameters
        ----------
        path : str or path-like
            The file to write.
        title : str, default=None
            What the page is about. None is the name of the table.

        Returns
        -------
        path : pathlib.Path
            The file.
        """
        return write_report(self, path, title or self.name)

    def __repr__(self):
        scores = self.to_frame()[["log_loss", "accuracy", "status"]]
        return f"Comparison of {len(self.models)} models on {self.n_folds} folds\n{scores}"
