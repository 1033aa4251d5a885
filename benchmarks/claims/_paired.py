"""What the claim scripts share: tables, seeds and arms in one loop, paired differences with intervals, and the page.

An arm is a way to train, and has a name. A script yields, for a table and a seed, the arms with their outcomes; within
a seed all arms have the same rows and the same ``random_state``. A claim says which of two arms has the lower (or
higher) outcome; it is contradicted if a 95 % interval says the opposite.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from scipy.special import expit, logsumexp
from scipy.stats import t as student
from sklearn.datasets import load_breast_cancer, load_digits, load_wine, make_classification
from sklearn.model_selection import train_test_split
from threadpoolctl import threadpool_limits

from sktech.metrics import expected_calibration_error

HERE = Path(__file__).parent
N_SEEDS = 8
LOG_LOSS, ACCURACY, CALIBRATION = "log-loss", "accuracy", "calibration error"
TUNED = "tuned"  # an outcome that is shown, not compared: what was chosen
HIGHER_IS_BETTER = {ACCURACY}
MEAN = "*mean of tables*"


# ---------------------------------------------------------------- tables


def made_classes(seed, n_rows=3000, n_features=20):
    """``make_classification``: 3 classes, half of the features informative; overlap and wrong labels vary."""
    rng = np.random.default_rng(seed)
    return make_classification(
        n_rows,
        n_features=n_features,
        n_informative=n_features // 2,
        n_classes=3,
        flip_y=rng.uniform(0.0, 0.2),
        class_sep=rng.uniform(0.7, 1.5),
        random_state=seed,
    )


def made_friedman(seed, n_rows=3000):
    """Two classes whose log-odds are Friedman's first function of 10 uniform features, centred and shrunk."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n_rows, 10))
    signal = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2 + 10 * X[:, 3] + 5 * X[:, 4]
    return X, (rng.uniform(size=n_rows) < expit((signal - 14.4) / 1.5)).astype(int)


def made_mixture(seed, n_rows=3000):
    """Five classes of two Gaussians each in 10 dimensions, which overlap."""
    rng = np.random.default_rng(seed)
    means = rng.normal(scale=1.2, size=(5, 2, 10))
    y = rng.integers(5, size=n_rows)
    return means[y, rng.integers(2, size=n_rows)] + rng.normal(size=(n_rows, 10)), y


def made_steps(seed, n_rows=3000):
    """Two classes whose log-odds are a sum of corners: constant where two of 10 features are above their thresholds."""
    rng = np.random.default_rng(seed)
    X, signal = rng.uniform(size=(n_rows, 10)), np.zeros(n_rows)
    for _ in range(12):
        features = rng.choice(10, 2, replace=False)
        signal += 4 * rng.normal() * (X[:, features] > rng.uniform(0.2, 0.8, 2)).all(axis=1)
    return X, (rng.uniform(size=n_rows) < expit(signal - np.median(signal))).astype(int)


TABLES = {
    "breast_cancer": lambda seed: load_breast_cancer(return_X_y=True),
    "digits": lambda seed: load_digits(return_X_y=True),
    "wine": lambda seed: load_wine(return_X_y=True),
    "classes": made_classes,
    "friedman": made_friedman,
    "mixture": made_mixture,
    "steps": made_steps,
}


def chosen_tables(names, args, max_rows=6000):
    """Name -> function of the seed that gives X and y; those of a folder too, if there is one (see ``tabular.py``)."""
    if args.quick:
        return {"classes": TABLES["classes"]}
    tables = {name: TABLES[name] for name in names}
    if args.data is not None:
        sys.path.append(str(HERE.parent))
        from tabular import tables as given

        for name, X, y in given(args.data):
            codes = np.unique(y, return_inverse=True)[1]
            tables[name] = partial(_drawn, pd.get_dummies(X).to_numpy(dtype=float), codes, max_rows)
    return tables


def _drawn(X, y, max_rows, seed):
    if len(y) <= max_rows:
        return X, y
    X, _, y, _ = train_test_split(X, y, train_size=max_rows, stratify=y, random_state=seed)
    return X, y


def split(X, y, seed, max_train=600, validates=True):
    """Training, validation and test part, each (X, y): at most 60 % and ``max_train`` rows train, half of the others
    validate, half test; without validation all others test."""
    n_train = min(max_train, int(0.6 * len(y)))
    X_train, X_rest, y_train, y_rest = train_test_split(X, y, train_size=n_train, stratify=y, random_state=seed)
    if not validates:
        return (X_train, y_train), (X_rest, y_rest)
    X_valid, X_test, y_valid, y_test = train_test_split(
        X_rest, y_rest, test_size=0.5, stratify=y_rest, random_state=seed
    )
    return (X_train, y_train), (X_valid, y_valid), (X_test, y_test)


# ---------------------------------------------------------------- scores


def log_probabilities(model, X):
    """Logarithms of the probabilities in float64, which sum to one; those of trees are kept above 1e-15."""
    if hasattr(model, "decision_function") and hasattr(model, "history_"):  # a net says it exactly
        values = model.predict_log_proba(X).astype(np.float64)
    else:
        values = np.log(np.clip(np.asarray(model.predict_proba(X), dtype=np.float64), 1e-15, 1))
    return values - logsumexp(values, axis=1, keepdims=True)


def scores(log_p, y):
    """Outcomes of predictions (n, n_classes) beside class numbers (n,)."""
    return {
        LOG_LOSS: -log_p[np.arange(len(y)), y].mean(),
        ACCURACY: (log_p.argmax(axis=1) == y).mean(),
        CALIBRATION: expected_calibration_error(y, np.exp(log_p), classes=np.arange(log_p.shape[1])),
    }


# ---------------------------------------------------------------- all arms


def collect(tables, seeds, arms, n_jobs=1, **changes):
    """One line per seed, table and arm.

    ``arms(X, y, seed, **changes)`` yields pairs of an arm's name and its outcomes.
    """
    started, lines = time.perf_counter(), []
    jobs = [(seed, table) for seed in seeds for table in tables]
    found = Parallel(n_jobs, return_as="generator")(
        delayed(_outcomes)(arms, tables[table], seed, changes) for seed, table in jobs
    )
    for (seed, table), pairs in zip(jobs, found, strict=True):
        for arm, outcomes in pairs:
            lines.append({"table": table, "seed": seed, "arm": arm, **outcomes})
            text = "  ".join(f"{name} {value:.4f}" for name, value in outcomes.items() if not isinstance(value, str))
            print(f"{time.perf_counter() - started:6.0f} s  {seed:3d} {table:14s} {arm:34s} {text}", flush=True)
    return pd.DataFrame(lines)


def _outcomes(arms, load, seed, changes):
    """All arms' names and outcomes for a table and a seed, with one thread."""
    torch.set_num_threads(1)
    with threadpool_limits(1):
        return list(arms(*load(seed), seed, **changes))


def with_mean_arm(lines, arm, *others):
    """The lines and an arm that is the mean of others."""
    chosen = lines[lines["arm"].isin(others)]
    mean = chosen.groupby(["table", "seed"], sort=False).mean(numeric_only=True).reset_index()
    return pd.concat([lines, mean.assign(arm=arm)], ignore_index=True)


# ---------------------------------------------------------------- comparisons


@dataclass
class Claim:
    """One arm is better than another in an outcome, by more than a margin in the outcome's own unit."""

    left: str
    right: str
    outcome: str
    margin: float = 0.0

    @property
    def sign(self):
        return 1 if self.outcome in HIGHER_IS_BETTER else -1


def difference(lines, left, right, outcomes):
    """Means of left - right over the seeds and half the widths of their 95 % intervals, by table and in the mean."""
    keyed = {arm: part.set_index(["table", "seed"])[outcomes] for arm, part in lines.groupby("arm")}
    paired = (keyed[left] - keyed[right]).dropna(how="all")
    together = paired.groupby("seed").mean()
    together.index = pd.MultiIndex.from_product([[MEAN], together.index], names=["table", "seed"])
    parts = pd.concat([paired, together] if paired.index.get_level_values("table").nunique() > 1 else [paired])
    grouped = parts.groupby("table", sort=False)
    return grouped.mean(), grouped.sem().mul(student.ppf(0.975, grouped.size() - 1), axis=0)


def verdict(claim, lines):
    """For every table whether its interval is for the claim, against it, or open; and the sentence that says so."""
    mean, half = (frame[claim.outcome] for frame in difference(lines, claim.left, claim.right, [claim.outcome]))
    mean, half = mean.dropna(), half[mean.notna()]  # a table may not have it
    gain = claim.sign * (mean - claim.sign * claim.margin)
    found = pd.Series(np.select([gain > half, gain < -half], ["for", "against"], "open"), mean.index)
    words = {
        word: ", ".join(
            f"{table.strip('*')} ({mean[table]:+.4f} ± {half[table]:.4f})" for table in found.index[found == word]
        )
        for word in ("for", "against", "open")
    }
    what = "higher" if claim.sign > 0 else "lower"
    margin = f" by more than {claim.margin:g}" if claim.margin else ""
    text = "; ".join(f"{word}: {tables}" for word, tables in words.items() if tables)
    return found, f"- *{claim.left}* has a {what} {claim.outcome} than *{claim.right}*{margin}. {text}."


# ---------------------------------------------------------------- page


def markdown(frame):
    """A frame with its index as lines of a markdown table."""
    frame = frame.reset_index()
    rows = [frame.columns, ["---"] * frame.shape[1], *frame.to_numpy()]
    return ["| " + " | ".join(map(str, row)) + " |" for row in rows]


def cells(mean, half):
    """Text of each mean with its interval, bold where the interval excludes zero."""
    text = mean.map("{:+.4f}".format) + " ± " + half.map("{:.4f}".format)
    return text.where(~(mean.abs() > half), "**" + text + "**").where(mean.notna(), "")


def page(script, doc, lines, claims, comparisons, settings):
    """The page as markdown, and the verdicts."""
    title, _, *paragraphs = doc.strip().split("\n\n")
    n_seeds = lines["seed"].nunique()
    verdicts = [verdict(claim, lines) for claim in claims]
    against = sum((found == "against").any() for found, _ in verdicts)
    held = sum(found.iloc[-1] == "for" for found, _ in verdicts)  # the last is the mean, if there are several tables
    text = [
        f"# {title.rstrip('.')}",
        "",
        f"Written by `benchmarks/claims/{script.name}`; {n_seeds} seeds, each with other rows and weights.",
        "",
        *("\n\n".join(paragraphs).replace("``", "`").split("\n")),
        "",
        *(f"- {name}: {' '.join(value.split())}" for name, value in settings.items()),
        "",
        "Differences are means over seeds ± half a 95 % t-interval, bold where it excludes zero; *mean of tables*: of",
        "each seed's mean over them. Made tables are new for every seed; of real ones only the split is, so that their",
        "intervals hold for that table alone. A claim is contradicted where an interval lies on the other side: one in",
        "forty does by chance.",
        "",
        "## Findings",
        "",
        f"Of {len(claims)} claims {held} hold in the mean of the tables, {against} contradicted, there or on a table.",
        "",
        *(sentence for _, sentence in verdicts),
    ]
    outcomes = [name for name in lines.columns if name not in ("table", "seed", "arm")]
    compared = [name for name in outcomes if name != TUNED]
    for left, right in dict.fromkeys((claim.left, claim.right) for claim in claims):
        mean, half = (frame.dropna(axis=1, how="all") for frame in difference(lines, left, right, compared))
        text += ["", f"## {left} - {right}", "", *markdown(cells(mean, half))]
    if comparisons:
        found = [difference(lines, left, right, compared) for left, right in comparisons]
        names = pd.Index([f"{left} - {right}" for left, right in comparisons], name="difference")
        mean, half = (pd.concat([frames[i].iloc[[-1]] for frames in found]).set_index(names) for i in (0, 1))
        text += ["", "## Beside them, in the mean of the tables", "", *markdown(cells(mean, half))]
    by_table = pd.concat(part for _, part in lines.groupby("table", sort=False))
    levels = by_table.groupby(["table", "arm"], sort=False)[outcomes].mean().map("{:.4f}".format).replace("nan", "")
    return "\n".join([*text, "", "## All arms", "", *markdown(levels), ""]), verdicts


def _tables(tables, args):
    """Name -> function of the seed; see :func:`main`."""
    if callable(tables):
        return tables(args)
    return tables if isinstance(tables, dict) else chosen_tables(tables, args)


def main(script, doc, parts, claims, comparisons=(), settings=None, derived=None, quick_changes=None, n_seeds=N_SEEDS):
    """Runs the arms, prints the page and writes it to the results.

    Parameters
    ----------
    script, doc : str
        File and docstring of the script: a title, how to run it, and paragraphs for the page.
    parts : list of (tables, arms)
        Names of tables, to which those of ``--data`` are added, a dict of name to function of the seed, or a function
        that makes one of the arguments, with a page of its own for ``--data``; and ``arms(X, y, seed, **changes)``, see
        :func:`collect`.
    claims : list of Claim
    comparisons : list of (left arm, right arm)
        Shown beside the claims.
    settings : dict of name to text
    derived : dict of arm to other arms, default=None
        Arms that are the means of others.
    quick_changes : dict, default=None
        The changes with ``--quick``; None: few epochs.
    n_seeds : int, default=8

    Returns
    -------
    status : int
        1 if a claim is contradicted, else 0.
    """
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few seeds, tables and epochs, nothing written")
    parser.add_argument("--data", type=Path, help="folder of further tables, as in tabular.py")
    parser.add_argument("--jobs", type=int, default=1, help="processes, of one thread each")
    args = parser.parse_args()
    seeds, changes = (range(2), quick_changes or {"max_epochs": 8}) if args.quick else (range(n_seeds), {})
    lines = pd.concat(collect(_tables(tables, args), seeds, arms, args.jobs, **changes) for tables, arms in parts)
    for arm, others in (derived or {}).items():
        lines = with_mean_arm(lines, arm, *others)
    script = Path(script)
    text, verdicts = page(script, doc, lines, claims, comparisons, settings or {})
    print(text)
    if not args.quick:
        of_folder = args.data is not None and any(callable(tables) for tables, _ in parts)
        (HERE.parent / "results" / f"{script.stem}{'_tables' if of_folder else ''}.md").write_text(text)
    contradicted = [sentence for found, sentence in verdicts if (found == "against").any()]
    for sentence in contradicted:
        print("contradicted:", sentence)
    return 1 if contradicted else 0
