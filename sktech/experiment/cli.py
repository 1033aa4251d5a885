"""The command: sktech compare DATA --target y."""

import os
import sys
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

from joblib import cpu_count

from sktech.experiment.backends import BACKENDS, open_backend
from sktech.experiment.compare import plan
from sktech.experiment.conditions import Conditions
from sktech.experiment.console import print_ranks, print_table, print_words
from sktech.experiment.data import BUNDLED, read_table, told_apart
from sktech.experiment.errors import InputError, shortened
from sktech.experiment.formats import TableFile
from sktech.experiment.interrupt import interrupts_wait
from sktech.experiment.plots import save_plots
from sktech.experiment.plots_across import save_across_plots
from sktech.experiment.progress import Progress
from sktech.experiment.store import ResultStore

DEFAULT_DATA = "sklearn:digits"
KNOW_THEIR_TARGET = ("sklearn:", "openml:")
_SEED = 0
_OK, _NOTHING_SCORED, _BAD_INPUT, _INTERRUPTED = 0, 1, 2, 130


def add_arguments(parser):
    """Declare the options of ``sktech compare``.

    Parameters
    ----------
    parser : argparse.ArgumentParser
    """
    sets = ", ".join(f"sklearn:{name}" for name in BUNDLED)
    parser.add_argument(
        "data",
        nargs="*",
        metavar="DATA",
        default=[DEFAULT_DATA],
        help=f"files that end in {TableFile.ENDINGS}, openml:ID, or one of {sets} (default: {DEFAULT_DATA})",
    )
    columns = parser.add_argument_group("columns")
    columns.add_argument(
        "--target",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="the column to predict: one for all files, or one for each table in their order",
    )
    columns.add_argument(
        "--categorical",
        "--categories",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns that hold categories although they look like numbers or dates",
    )
    columns.add_argument("--drop", nargs="+", default=[], metavar="COLUMN", help="columns to leave out")
    columns.add_argument(
        "--ignore-leaks",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns to keep although they seem to give the target away",
    )
    columns.add_argument(
        "--groups", metavar="COLUMN", help="rows with the same value here are never divided between training and test"
    )
    columns.add_argument(
        "--time", metavar="COLUMN", help="models learn from rows that are earlier, by this column, than the test rows"
    )
    models = parser.add_argument_group("models")
    models.add_argument(
        "--models",
        nargs="+",
        metavar="MODEL",
        help="names of baselines and sktech classifiers, or package.module:Class (default: all)",
    )
    models.add_argument(
        "--tune",
        type=int,
        default=0,
        metavar="N",
        help="try N candidates for each model on inner folds of the training rows (default: 0, models as they are)",
    )
    models.add_argument(
        "--reference", metavar="MODEL", help="the model that others are tested against (default: the best)"
    )
    rows = parser.add_argument_group("rows")
    rows.add_argument("--folds", type=int, default=5, metavar="K", help="folds (default: 5)")
    rows.add_argument("--repeats", type=int, default=1, metavar="R", help="times the folds are drawn (default: 1)")
    rows.add_argument(
        "--noise", type=float, default=0.0, metavar="SHARE", help="share of the training labels to exchange for others"
    )
    rows.add_argument(
        "--tail",
        type=float,
        default=1.0,
        metavar="RATIO",
        help="thin the training classes until the largest has RATIO times the rows of the smallest",
    )
    rows.add_argument(
        "--fraction", type=float, default=1.0, metavar="SHARE", help="share of the training rows to learn from"
    )
    run = parser.add_argument_group("run")
    run.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="processes, -1 for one per core (default: 1); scores do not depend on it",
    )
    run.add_argument(
        "--backend",
        choices=BACKENDS,
        default=BACKENDS[0],
        help="who has the processes: loky, this machine; dask or ray, a cluster (default: loky)",
    )
    run.add_argument(
        "--address",
        metavar="ADDRESS",
        help="a cluster that runs already, such as tcp://10.0.0.1:8786 of Dask or 10.0.0.1:6379 of Ray; all its "
        "workers are used (default: --jobs processes are started on this machine)",
    )
    run.add_argument(
        "--out",
        type=Path,
        default=Path("sktech-results"),
        metavar="DIR",
        help="folder for report.html, results.csv, the plots and results.sqlite (default: sktech-results)",
    )
    run.add_argument(
        "--store",
        type=Path,
        metavar="FILE",
        help="where each fit is kept as soon as it is finished, and found again (default: results.sqlite in --out)",
    )


def run(options):
    """Do what the options say.

    Parameters
    ----------
    options : argparse.Namespace
        As declared by :func:`add_arguments`.

    Returns
    -------
    code : int
        0, 1 if no model could be scored, 2 for bad input, 130 if interrupted.
    """
    try:
        return _compare(options)
    except InputError as error:
        return _refuse(error)
    except KeyboardInterrupt:
        print("sktech compare: interrupted", file=sys.stderr)
        return _INTERRUPTED


def _compare(options):
    experiment = _plan(options)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {options.out}: expected a folder to write to: {error.strerror}") from error
    records = []
    try:
        _run(experiment, options, records)
    except (KeyboardInterrupt, InputError) as error:
        if not records:
            raise
        reason = "interrupted" if isinstance(error, KeyboardInterrupt) else error
        done = f"after {len(records)} of {experiment.planned().total()} fits"
        with suppress(KeyboardInterrupt), interrupts_wait():  # who is impatient gets the page, too
            print(f"sktech compare: {reason} {done}; the same command goes on from there", file=sys.stderr)
            _show(experiment.study(records), options)
        return _INTERRUPTED if isinstance(error, KeyboardInterrupt) else _BAD_INPUT
    study = experiment.study(records)
    _show(study, options)
    return _OK if any(comparison.best() for comparison in study) else _NOTHING_SCORED


def _run(experiment, options, records):
    """Append the records as they are finished."""
    with ExitStack() as stack:
        store = stack.enter_context(ResultStore(options.store or options.out / "results.sqlite"))
        backend = stack.enter_context(open_backend(options.backend, options.jobs, options.address, experiment.tables))
        run = stack.enter_context(closing(experiment.run(backend, store)))
        progress = stack.enter_context(Progress(experiment.planned()))
        for finished in run:
            records.append(finished.record)
            progress.advance(*finished)


def _plan(options):
    for name, least in (("folds", 2), ("repeats", 1)):
        if getattr(options, name) < least:
            raise InputError(f"--{name}: expected at least {least}, got {getattr(options, name)}")
    if options.jobs == 0 or options.jobs < -cpu_count():
        raise InputError(f"--jobs: expected a number of processes or -1 for one per core, got {options.jobs}")
    if options.out.exists() and not options.out.is_dir():
        raise InputError(f"--out: expected a folder, got the file {options.out}")
    conditions = Conditions(noise=options.noise, tail=options.tail, fraction=options.fraction)
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # package.module:Class may live here
    tables = [_read(source, target, options) for source, target in _with_targets(options)]
    names = told_apart([table.name for table in tables], options.data)
    experiment = plan(
        [replace(table, name=name) for table, name in zip(tables, names, strict=True)],
        options.models,
        cv=options.folds,
        n_repeats=options.repeats,
        conditions=conditions,
        n_candidates=options.tune,
        random_state=_SEED,
        folds_option="--folds ",
    )
    names = [model.name for model in experiment.models]
    if options.reference not in (None, *names):
        raise InputError(f"--reference: expected one of the models {shortened(names)}, got {options.reference!r}")
    return experiment


def _with_targets(options):
    """Each table with the name of its target."""
    if len(options.target) == len(options.data):
        return zip(options.data, options.target, strict=True)
    if len(options.target) > 1:
        raise InputError(
            f"--target: expected one column for all files or one for each of the {len(options.data)} tables, "
            f"got {len(options.target)}"
        )
    shared = options.target[0] if options.target else None
    return [(source, None if source.startswith(KNOW_THEIR_TARGET) else shared) for source in options.data]


def _read(source, target, options):
    return read_table(
        source,
        target,
        categorical=options.categorical,
        drop=options.drop,
        groups=options.groups,
        time=options.time,
        ignore_leaks=options.ignore_leaks,
    )


def _show(study, options):
    for comparison in study:
        if len(study) > 1:
            print(f"\n{comparison.name}")
        print_table(comparison.to_frame(), sys.stdout)
        print_words(comparison.verdict(), sys.stdout)
        for column, reason in comparison.facts.leaks:
            print_words(f"Possible leak: column {column!r} {reason}.", sys.stdout)
        folder = options.out / comparison.name if len(study) > 1 else options.out
        folder.mkdir(exist_ok=True)
        save_plots(comparison, folder, options.reference)
    if len(study) > 1:
        print("\nall tables")
        if study.can_be_ranked():
            print_ranks(study.ranks(), sys.stdout)
            save_across_plots(study, options.out)
        print_words(study.verdict(), sys.stdout)
    study.folds().to_csv(options.out / "results.csv", index=False)
    page = study.report(options.out / "report.html", reference=options.reference)
    print(f"\nReport: {page}")


def _refuse(error):
    print(f"sktech compare: {error}", file=sys.stderr)
    return _BAD_INPUT
