"""How good the default net is beside the models people would otherwise use, every one of them at its defaults.

Run ``python benchmarks/tabular.py --data FOLDER``: every ``*.csv.gz`` there is a table whose last column is the target;
``categories.json``, if there, names the columns that are categories although they look like numbers. Without ``--data``
the tables are those bundled with scikit-learn. Tables are capped at 10,000 rows; every model sees the same outer folds,
with one thread. Within a table and fold the models run one after the other, so that their times compare.

Out-of-fold probabilities and times are kept in ``--store``; what is there is not run again. Exits with 1 if a goal is
missed. Results go to ``benchmarks/results/tabular.md``.
"""

import argparse
import json
import platform
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from sktech import NetClassifier, presets
from sktech.experiment import baselines
from sktech.experiment.columns import TidyColumns

RESULTS = Path(__file__).parent / "results" / "tabular.md"
MAX_ROWS = 10_000
HGB = "hist_gradient_boosting"
PEERS = [HGB, "xgboost", "lightgbm", "catboost", "random_forest", "realmlp_td"]
OURS = ["sktech", "sktech_fast", "sktech_strong"]


def models():
    """All that is compared, by name, at its defaults."""
    chosen = {"logistic_regression": None, **dict.fromkeys(PEERS)}
    chosen |= {name: model for name, model in baselines().items() if name in chosen}
    chosen["realmlp_td"] = realmlp()
    chosen["sktech"] = NetClassifier(random_state=0)
    chosen["sktech_fast"] = NetClassifier(**presets.FAST, random_state=0)
    chosen["sktech_strong"] = NetClassifier(**presets.STRONG, random_state=0)
    return {name: model for name, model in chosen.items() if model is not None}


def realmlp():
    """RealMLP with its tuned defaults, where pytabkit is installed."""
    try:
        from pytabkit import RealMLP_TD_Classifier
    except ImportError:
        return None
    return make_pipeline(TidyColumns(), RealMLP_TD_Classifier(device="cpu", n_threads=1, random_state=0))


# ---------------------------------------------------------------- tables


def tables(folder):
    """(name, X, y) of every table; rare classes that not every fold could hold are left out."""
    if folder is None:
        for load in (load_breast_cancer, load_digits, load_iris, load_wine):
            X, y = load(return_X_y=True, as_frame=True)
            yield load.__name__.removeprefix("load_"), X, y.to_numpy().astype(str)
        return
    categories = folder / "categories.json"
    categories = json.loads(categories.read_text()) if categories.exists() else {}
    for path in sorted(folder.glob("*.csv.gz")):
        name = path.name.removesuffix(".csv.gz")
        texts = dict.fromkeys([*categories.get(name, []), "target"], str)
        frame = pd.read_csv(path, dtype=texts, keep_default_na=True)
        yield name, frame.iloc[:, :-1], frame.iloc[:, -1].to_numpy().astype(str)


def capped(X, y, n_folds):
    """At most MAX_ROWS rows, drawn from every class alike, of classes that every fold can hold."""
    if len(y) > MAX_ROWS:
        frequent = np.isin(y, [label for label, n in zip(*np.unique(y, return_counts=True), strict=True) if n > 1])
        X, y = X[frequent], y[frequent]
        chosen, _ = train_test_split(np.arange(len(y)), train_size=MAX_ROWS, stratify=y, random_state=0)
        X, y = X.iloc[np.sort(chosen)], y[np.sort(chosen)]
    labels, counts = np.unique(y, return_counts=True)
    common = np.isin(y, labels[counts >= n_folds])
    return X[common].reset_index(drop=True), y[common]


# ---------------------------------------------------------------- one fit


def run(model, X, y, train, test):
    """Probabilities of the test rows in the order of the sorted labels, and seconds."""
    started = time.perf_counter()
    model = clone(model).fit(X.iloc[train], y[train])
    fitted = time.perf_counter()
    proba = model.predict_proba(X.iloc[test])
    predicted = time.perf_counter()
    return {
        "proba": np.asarray(proba)[:, np.argsort(model.classes_)],
        "fit_s": fitted - started,
        "predict_s": predicted - fitted,
    }


def run_all(args, models):
    for name, X, y in tables(args.data):
        if args.tables and name not in args.tables:
            continue
        X, y = capped(X, y, args.folds)
        codes = np.unique(y, return_inverse=True)[1]
        folds = list(StratifiedKFold(args.folds, shuffle=True, random_state=0).split(X, y))[: args.first]
        for fold, (train, test) in enumerate(folds):
            for title, model in models.items():
                if args.models and title not in args.models:
                    continue
                path = args.store / f"{name}--{title}--{fold}.npz"
                if path.exists():
                    continue
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of other libraries
                    result = run(model, X, y, train, test)
                np.savez_compressed(path, target=codes[test], **result)
                loss, accuracy = scores(result["proba"], codes[test])
                print(
                    f"{name:15s} {fold} {title:24s} log-loss {loss.mean():.4f}  accuracy {accuracy.mean():.4f}  "
                    f"fit {result['fit_s']:8.2f} s",
                    flush=True,
                )


# ---------------------------------------------------------------- scores


def scores(proba, target):
    """Log-loss and correctness of each row."""
    proba = np.clip(np.asarray(proba, dtype=np.float64), 1e-15, 1)
    proba /= proba.sum(axis=1, keepdims=True)
    return -np.log(proba[np.arange(len(target)), target]), proba.argmax(axis=1) == target


def tempered(proba, target):
    """Log-loss of each row after temperature scaling, the temperature of each half fitted on the other."""
    logits = np.log(np.clip(np.asarray(proba, dtype=np.float64), 1e-15, 1))
    losses = np.empty(len(target))
    halves = np.arange(len(target)) % 2
    for half in (0, 1):
        fit, apply = halves != half, halves == half

        def loss(log_t, rows=fit):
            return -log_softmax(logits[rows] * np.exp(-log_t), axis=1)[np.arange(rows.sum()), target[rows]].mean()

        best = minimize_scalar(loss, bounds=(-3, 3), method="bounded").x
        losses[apply] = -log_softmax(logits[apply] * np.exp(-best), axis=1)[np.arange(apply.sum()), target[apply]]
    return losses


# ---------------------------------------------------------------- report


def collect(store):
    """One row per table and model: means over rows and folds, and the row losses behind them."""
    records = {}
    for path in sorted(store.glob("*.npz")):
        table, model, _ = path.stem.split("--")
        with np.load(path) as fold:
            record = records.setdefault((table, model), {"loss": [], "right": [], "tempered": [], "fit_s": []})
            loss, right = scores(fold["proba"], fold["target"])
            record["loss"].append(loss)
            record["right"].append(right)
            record["tempered"].append(tempered(fold["proba"], fold["target"]))
            if "fit_s" in fold:  # not where a time would not compare, as of a run beside other work
                record["fit_s"].append(float(fold["fit_s"]))
    joined = {key: {name: np.hstack([[], *parts]) for name, parts in record.items()} for key, record in records.items()}
    frame = pd.DataFrame(
        {
            key: {
                "log_loss": record["loss"].mean(),
                "accuracy": record["right"].mean(),
                "temperature": record["loss"].mean() / record["tempered"].mean(),
                "fit_s": np.exp(np.log(record["fit_s"]).mean()) if len(record["fit_s"]) else np.nan,
            }
            for key, record in joined.items()
        }
    ).T
    return frame.rename_axis(["table", "model"]), joined


def ranks(frame, rivals):
    """Mean ranks (log-loss, accuracy) among the rivals, over the tables that all of them were run on."""
    wide = {name: frame[name].unstack()[rivals].dropna() for name in ("log_loss", "accuracy")}
    return (
        pd.Series(rankdata(wide["log_loss"], axis=1).mean(axis=0), rivals),
        pd.Series(rankdata(-wide["accuracy"], axis=1).mean(axis=0), rivals),
        len(wide["log_loss"]),
    )


def ratio(frame, name, model, other):
    """Geometric mean over tables of what one model has relative to another."""
    wide = frame[name].unstack()
    if name == "accuracy":
        wide = 1 - wide + 1e-3
    return float(np.exp(np.log(wide[model] / wide[other]).mean()))  # over the tables that both were run on


def worse_than_logistic(joined, model):
    """The largest deficit beside logistic regression in standard errors of the paired rows: (value, table)."""
    deficits = []
    for table in sorted({table for table, _ in joined}):
        mine, other = joined.get((table, model)), joined.get((table, "logistic_regression"))
        if mine is None or other is None:
            continue
        for sign, what in ((1, "loss"), (-1, "right")):
            difference = sign * (mine[what].astype(float) - other[what].astype(float))
            error = difference.std() / np.sqrt(len(difference))
            deficits.append((difference.mean() / error if error else 0.0, f"{table}, {what}"))
    return max(deficits)


def goals(frame, joined):
    """(what, number, whether it is met) of every goal."""
    found = []
    for model in ("sktech", "sktech_strong"):
        rivals = [*PEERS, "logistic_regression", model]
        loss, accuracy, n = ranks(frame, rivals)
        for kind, rank in (("log-loss", loss), ("accuracy", accuracy)):
            best = rank.drop(model).idxmin()
            text = f"{model}: mean rank in {kind} on {n} tables, best other ({best} {rank[best]:.2f})"
            found.append((text, f"{rank[model]:.2f}", rank[model] <= rank[best]))
    for model, other, limit in (
        ("sktech", "realmlp_td", 1 / 9),
        ("sktech", HGB, 3),
        ("sktech_fast", HGB, 1.5),
    ):
        times = ratio(frame, "fit_s", model, other)
        found.append(
            (f"{model}: time of a fit relative to {other}, at most {limit:.2f}", f"{times:.2f}", times <= limit)
        )
    for model in OURS:
        deficit, table = worse_than_logistic(joined, model)
        text = f"{model}: worse than logistic regression by at most 1 standard error (worst: {table})"
        found.append((text, f"{deficit:.2f}", deficit <= 1))
    for model in OURS:
        factors = frame["temperature"].unstack()[model]
        text = f"{model}: log-loss relative to the same after temperature scaling, mean of tables at most 1.05"
        mean = float(np.exp(np.log(factors).mean()))
        found.append((f"{text} (worst: {factors.idxmax()} {factors.max():.2f})", f"{mean:.3f}", mean <= 1.05))
    return found


def report(frame, joined, found):
    """The page as markdown."""
    rivals = [*PEERS, "logistic_regression"]
    rows = []
    for model in [*OURS, *rivals]:
        loss, accuracy, n = ranks(frame, rivals + ([model] if model in OURS else ["sktech"]))
        numbers = [loss[model], accuracy[model]]
        numbers += [ratio(frame, name, model, HGB) for name in ("log_loss", "accuracy", "fit_s")]
        numbers.append(ratio(frame, "fit_s", model, "realmlp_td"))
        rows.append(f"| {model} | " + " | ".join("" if np.isnan(v) else f"{v:.2f}" for v in numbers) + " |")
    lines = [
        "# The default net beside others at their defaults",
        "",
        __doc__.split("\n\n")[1].replace("\n", " "),
        "",
        f"Ranks are over the {n} tables that every model was run on: of one of ours among the others, and of the",
        "others beside `sktech`. Ratios are geometric means over tables (error: 1 - accuracy + 0.001).",
        "",
        "| model | rank, log-loss | rank, accuracy | log-loss / HGB | error / HGB | time / HGB | time / RealMLP |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        "| goal | found | met |",
        "|---|---|---|",
        *(f"| {text} | {number} | {'yes' if met else '**no**'} |" for text, number, met in found),
        "",
    ]
    for name, title in (("log_loss", "Log-loss"), ("accuracy", "Accuracy"), ("fit_s", "Seconds of a fit")):
        wide = frame[name].unstack()[[*OURS, *rivals]]
        lines += [
            f"## {title}",
            "",
            "| table | " + " | ".join(wide.columns) + " |",
            "|---" * (len(wide.columns) + 1) + "|",
        ]
        lines += [
            f"| {table} | " + " | ".join(f"{value:.4f}" for value in row) + " |" for table, row in wide.iterrows()
        ]
        lines.append("")
    versions = f"Python {platform.python_version()}, torch {torch.__version__}, scikit-learn {sklearn.__version__}"
    return "\n".join([*lines, f"{versions}; one thread; {platform.machine()}.", ""])


def run_from_command_line(doc, name, models, first=None):
    """Runs what the command line asks for, and returns the folder where the results are."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, help="folder of *.csv.gz tables; the bundled ones of scikit-learn if absent"
    )
    parser.add_argument("--store", type=Path, default=Path(f"{name}-store"), help="folder for what has been run")
    parser.add_argument("--folds", type=int, default=3, help="outer folds that a table is divided into")
    parser.add_argument("--first", type=int, default=first, help="run only the first so many of them")
    parser.add_argument("--models", nargs="*", help="only these")
    parser.add_argument("--tables", nargs="*", help="only these")
    args = parser.parse_args()
    args.store.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    with threadpool_limits(1):
        run_all(args, models)
    return args.store


def main():
    frame, joined = collect(run_from_command_line(__doc__, "tabular", models()))
    found = goals(frame, joined)
    page = report(frame, joined, found)
    RESULTS.write_text(page)
    print(page)
    return 0 if all(met for _, _, met in found) else 1


if __name__ == "__main__":
    sys.exit(main())
