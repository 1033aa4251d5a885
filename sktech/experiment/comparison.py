"""What the records of a comparison say: as a frame, in words, as plots, as a page."""

from dataclasses import dataclass

from matplotlib import pyplot, rc_context

from sktech.experiment.axes import LITERAL
from sktech.experiment.errors import InputError, shortened
from sktech.experiment.facts import TableFacts
from sktech.experiment.models import Model
from sktech.experiment.plots import PLOTS, possible_plots
from sktech.experiment.records import FoldRecord
from sktech.experiment.report import write_report
from sktech.experiment.significance import differences_to
from sktech.experiment.summary import fold_table, model_table
from sktech.experiment.winners import in_words, leaders


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

    @property
    def n_planned(self):
        """How many records there are when all is done."""
        return len(self.models) * self.n_folds

    @property
    def score(self):
        """What models are judged by: "log_loss", or "accuracy" where none predicts probabilities."""
        return "log_loss" if self.folds()["log_loss"].notna().any() else "accuracy"

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
        That others are worse by more than the noise it does not say: :meth:`verdict` does.

        Returns
        -------
        name : str or None
        """
        frame = self.to_frame()
        complete = frame[(frame["folds"] == frame["folds"].max()) & frame["accuracy"].notna()]
        return complete.index[0] if len(complete) else None

    def leaders(self):
        """The models that cannot be told from the best one, as :func:`sktech.experiment.winners.leaders`.

        Returns
        -------
        names : list of str
            The best first.
        """
        return leaders(self.folds(), self.score) if self.best() else []

    def verdict(self):
        """Which model wins, if that can be told.

        Returns
        -------
        text : str
            A few sentences.
        """
        if not self.records:
            return "Nothing was fitted yet."
        return in_words(self.folds(), self.score) if self.best() else "No model could be scored."

    def differences(self, reference=None):
        """How much each model differs from one of them, and whether that is more than noise.

        Parameters
        ----------
        reference : str or None, default=None
            The name of a model. None is the best one.

        Returns
        -------
        frame : DataFrame of shape (n_models - 1, 8)
            As of :func:`sktech.experiment.significance.differences_to`, of the log-loss, or of the accuracy where no
            model predicts probabilities. Models of which no fold is finished are missing.

        Raises
        ------
        InputError
            If the reference takes no part, or none of its folds is finished.
        """
        return differences_to(self.folds(), self.reference(reference), self.score)

    def reference(self, name=None):
        """The name of the model that others are compared with, checked; of None the best one, or None if there is none.

        Raises
        ------
        InputError
            If no model has this name.
        """
        names = [model.name for model in self.models]
        if name not in (None, *names):
            raise InputError(f"reference: expected one of the models {shortened(names)}, got {name!r}")
        return name or next(iter(self.leaders()), self.best())

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
        kind : {"scores", "differences", "time", "reliability", "confusion"}, default="scores"
            Scores with their spread; differences to the best model with their intervals; training time against
            log-loss; confidence against accuracy; the confusion matrix of the best model.

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
        with rc_context(LITERAL):
            PLOTS[kind](self, figure)
        return figure

    def report(self, path, title=None, reference=None):
        """Write one self-contained HTML page.

        Parameters
        ----------
        path : str or path-like
            The file to write; it is replaced in one step.
        title : str, default=None
            What the page is about. None is the name of the table.
        reference : str or None, default=None
            The model that others are compared with. None is the best one.

        Returns
        -------
        path : pathlib.Path
            The file.

        Raises
        ------
        InputError
            If no model has the name of the reference.
        """
        return write_report([self], path, title or self.name, reference)

    def __repr__(self):
        scores = self.to_frame()[["log_loss", "accuracy", "status"]]
        return f"Comparison of {len(self.models)} models on {self.n_folds} folds\n{scores}"
