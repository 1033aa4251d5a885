"""The command: sktech compare DATA --target y."""

import os
import sys
from contextlib import closing
from pathlib import Path

from joblib import cpu_count
from sklearn.model_selection import RepeatedStratifiedKFold

from sktech.experiment.compare import Experiment
from sktech.experiment.console import print_table
from sktech.experiment.data import BUNDLED, read_table
from sktech.experiment.errors import InputError
from sktech.experiment.plots import save_plots
from sktech.experiment.progress import Progress
from sktech.experiment.store import CsvStore

DEFAULT_DATA = "sklearn:digits"
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
        nargs="?",
        metavar="DATA",
        default=DEFAULT_DATA,
        help=f"a .csv, .csv.gz or .parquet file, or one of {sets} (default: {DEFAULT_DATA})",
    )
    parser.add_argument("--target", metavar="COLUMN", help="the column to predict")
    parser.add_argument(
        "--categories",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="columns that hold categories although they look like numbers",
    )
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="MODEL",
        help="names of baselines and sktech classifiers, or package.module:Class (default: all)",
    )
    parser.add_argument("--folds", type=int, default=5, metavar="K", help="stratified folds (default: 5)")
    parser.add_argument("--repeats", type=int, default=1, metavar="R", help="times the folds are drawn (default: 1)")
    parser.add_argument(
        "--jobs",
        type=int,
        default=1,
        metavar="N",
        help="processes, -1 for one per core (default: 1); scores do not depend on it",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("sktech-results"),
        metavar="DIR",
        help="folder for report.html, results.csv and the plots (default: sktech-results)",
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
        experiment = _plan(options)
        options.out.mkdir(parents=True, exist_ok=True)
        store = CsvStore(options.out / "results.csv")
    except InputError as error:
        return _refuse(error)
    except OSError as error:
        return _refuse(f"--out {options.out}: expected a folder to write to: {error.strerror}")
    records, interrupted = [], False
    finished = experiment.run(options.jobs)
    try:
        with store, closing(finished), Progress(experiment.models, experiment.n_folds) as progress:
            for record in finished:
                store.append(record)
                records.append(record)
                progress.advance(record)
    except KeyboardInterrupt:
        interrupted = True
        print(
            f"sktech compare: interrupted after {len(records)} of {len(experiment.models) * experiment.n_folds} fits",
            file=sys.stderr,
        )
    comparison = experiment.comparison(records)
    if records:
        _show(comparison, options)
    if interrupted:
        return _INTERRUPTED
    return _OK if comparison.best() else _NOTHING_SCORED


def _plan(options):
    for name, least in (("folds", 2), ("repeats", 1)):
        if getattr(options, name) < least:
            raise InputError(f"--{name}: expected at least {least}, got {getattr(options, name)}")
    if options.jobs == 0 or options.jobs < -cpu_count():
        raise InputError(f"--jobs: expected a number of processes or -1 for one per core, got {options.jobs}")
    if options.out.exists() and not options.out.is_dir():
        raise InputError(f"--out: expected a folder, got the file {options.out}")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # package.module:Class may live here
    table = read_table(options.data, options.target, categorical=options.categories)
    cv = RepeatedStratifiedKFold(n_splits=options.folds, n_repeats=options.repeats, random_state=_SEED)
    return Experiment.plan(
        table.X, table.y, options.models, cv=cv, random_state=_SEED, target=table.target, folds_option="--folds "
    )


def _show(comparison, options):
    print_table(comparison.to_frame(), sys.stdout)
    save_plots(comparison, options.out)
    page = comparison.report(options.out / "report.html", title=Path(options.data).name)
    print(f"\nReport: {page}")


def _refuse(error):
    print(f"sktech compare: {error}", file=sys.stderr)
    return _BAD_INPUT
