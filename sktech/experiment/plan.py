"""What is to be done: every model on every fold of every table, and where what is done is kept."""

from collections import Counter
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import NamedTuple

from sktech._random import spawn_seed
from sktech.experiment.comparison import Comparison
from sktech.experiment.conditions import Conditions
from sktech.experiment.execution import run_tasks
from sktech.experiment.facts import TableFacts
from sktech.experiment.folds import Fold
from sktech.experiment.keys import Keys
from sktech.experiment.models import Model
from sktech.experiment.records import FoldRecord
from sktech.experiment.scoring import Task
from sktech.experiment.study import Study
from sktech.experiment.table import Table


class Finished(NamedTuple):
    """A record, and whether it was there before."""

    record: FoldRecord
    reused: bool


@dataclass(frozen=True, eq=False)
class Experiment:
    """Every model on every fold of every table.

    Parameters
    ----------
    tables : list of Table
    models : list of Model
    folds : list of list of Fold
        Of each table.
    seed : int
        What the models' seeds are spawned from.
    conditions : Conditions
        What is done to the training rows of each fold.
    n_candidates : int
        Candidates that tuning may try for each model on the training rows of each fold; 0 tunes nothing.
    splitting : str
        How the folds were drawn, in words.
    """

    tables: list[Table]
    models: list[Model]
    folds: list[list[Fold]]
    seed: int
    conditions: Conditions
    n_candidates: int
    splitting: str

    @property
    def setting(self):
        """How models are fitted, in words."""
        tuning = f"each model that has a search space the best of {self.n_candidates} candidates"
        tuning = tuning if self.n_candidates else ""
        return ", ".join(filter(None, (self.splitting, self.conditions.describe(), tuning)))

    def planned(self):
        """How many fits there are per (table, model), as a Counter."""
        return Counter(
            {
                (table.name, model.name): len(folds)
                for table, folds in zip(self.tables, self.folds, strict=True)
                for model in self.models
            }
        )

    def run(self, backend, store=None):
        """Do what is not yet done, and tell of each fit as soon as it is finished: a generator.

        All models have a fold of all tables before any has its second, so that an interrupted run can be compared.

        Parameters
        ----------
        backend : backend
            Where fits are done, from :func:`~sktech.experiment.backends.open_backend`.
        store : ResultStore or None, default=None
            What is there is not done again, and what is done is put there at once.

        Yields
        ------
        finished : Finished
        """
        tasks = self._tasks()
        if store is None:
            yield from (Finished(record, False) for _, record in run_tasks(tasks, backend))
            return
        keys = Keys(self.tables, self.models)
        missing = []
        for task in tasks:
            if record := _kept(store, keys(task), task):
                yield Finished(record, True)
            else:
                missing.append(task)
        meanwhile = []  # done by another run on the same store while this one was busy

        def still_missing():
            for task in missing:
                if record := _kept(store, keys(task), task):
                    meanwhile.append(Finished(record, True))
                else:
                    yield task

        for task, record in run_tasks(still_missing(), backend):
            store.add(keys(task), record, keys.described(task))
            yield Finished(_kept(store, keys(task), task) or record, False)
        yield from meanwhile

    def _tasks(self):
        by_table = [[(table, fold) for fold in folds] for table, folds in zip(self.tables, self.folds, strict=True)]
        for number, round_ in enumerate(zip_longest(*by_table)):
            seed = spawn_seed(self.seed, number)
            for table, fold in filter(None, round_):
                for model in self.models:
                    yield Task(table, model, fold, seed, self.conditions, self.n_candidates)

    def study(self, records):
        """What the finished records say.

        Parameters
        ----------
        records : list of FoldRecord
            In the order in which they were finished, on which nothing depends.

        Returns
        -------
        study : Study
        """
        place = {model.name: number for number, model in enumerate(self.models)}
        records = sorted(records, key=lambda record: (record.repeat, record.fold, place[record.model]))
        comparisons = [
            Comparison(
                table.name,
                TableFacts.of(table.X, table.y, table.leaks),
                self.models,
                len(folds),
                [record for record in records if record.table == table.name],
                self.setting,
            )
            for table, folds in zip(self.tables, self.folds, strict=True)
        ]
        return Study(comparisons)


def _kept(store, key, task):
    """The record of a task under the names that are used now, if there is one without failure."""
    record = store.get(key)
    if record is None or not record.ok:
        return None
    names = {"table": task.table.name, "model": task.model.name, "family": task.model.family}
    return replace(record, **names, repeat=task.fold.repeat, fold=task.fold.number)
