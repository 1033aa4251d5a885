"""Jumpout against dropout at the matched rate and against no dropout, with and without BatchNorm, on small tables.

Run ``python benchmarks/claims/jumpout.py`` (about 4 minutes; ``--quick`` for half a minute). The claim (Wang, Zhou,
Bilmes, 2019): where BatchNorm follows, Jumpout keeps the statistics of training closer to those of evaluation than
dropout does, and the net predicts at least as well. Within a seed every arm has the same rows, initial weights and
batches. Exits with 1 if the claim is contradicted: if, with BatchNorm and tuned rates, an interval says on some table
that Jumpout's variance gap or test log-loss is the larger one. Results go to ``benchmarks/results/jumpout.md``.
"""

import argparse
import math
import sys
from functools import partial
from pathlib import Path

import pandas as pd
import torch
from scipy.stats import t as student
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn.functional import cross_entropy

from sktech.modules import Dropout, Jumpout

RESULTS = Path(__file__).parents[1] / "results" / "jumpout.md"
SIGMAS = [0.05, 0.1, 0.2, 0.4]  # each twice the one before: see nearly_same_dose
UNITS, BATCH_SIZE, LR, WEIGHT_DECAY = 128, 64, 1e-3, 1e-2
MAX_TRAINING_ROWS = 600
SETTING = ["table", "BatchNorm"]
SCORES = ["log-loss", "accuracy"]
OUTCOMES = ["variance gap", "mean gap", *SCORES]


# ---------------------------------------------------------------- one net


def mean_rate(sigma):
    """E min(p_min + |N(0, sigma^2)|, p_max), the rate of dropout that matches Jumpout(sigma)."""
    layer = Jumpout(sigma)
    room = (layer.p_max - layer.p_min) / sigma
    below = math.sqrt(2 / math.pi) * (1 - math.exp(-(room**2) / 2))
    return layer.p_min + sigma * (below + room * math.erfc(room / math.sqrt(2)))


def arms():
    """What stands after each ReLU: (arm, sigma) -> a function that makes the layer."""
    makers = {("none", 0.0): nn.Identity}
    for sigma in SIGMAS:
        makers["Jumpout", sigma] = partial(Jumpout, sigma)
        makers["dropout", sigma] = partial(Dropout, mean_rate(sigma))
    return makers


def network(n_features, n_classes, make_layer, batch_norm):
    return nn.Sequential(
        nn.Linear(n_features, UNITS),
        nn.ReLU(),
        make_layer(),
        nn.Linear(UNITS, UNITS),
        nn.BatchNorm1d(UNITS) if batch_norm else nn.Identity(),
        nn.ReLU(),
        make_layer(),
        nn.Linear(UNITS, n_classes),
    )


def random_batches(n_rows, generator):
    return torch.randperm(n_rows, generator=generator).tensor_split(n_rows // BATCH_SIZE)


def train(net, X, y, n_epochs, generator):
    optimizer = torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=WEIGHT_DECAY, fused=True)
    net.train()
    for _ in range(n_epochs):
        for rows in random_batches(len(X), generator):
            optimizer.zero_grad()
            cross_entropy(net(X[rows]), y[rows]).backward()
            optimizer.step()


@torch.no_grad()
def second_linear(net, batches):
    """Mean and variance of the second Linear's outputs, and the share of the active units that was dropped before it.

    Averages over the batches, as BatchNorm's running statistics are.
    """
    means, variances, dropped = [], [], []
    for X in batches:
        hidden = net[:2](X)
        kept = net[2](hidden)
        output = net[3](kept)
        means.append(output.mean(0))
        variances.append(output.var(0))
        dropped.append(((hidden > 0) & (kept == 0)).sum() / (hidden > 0).sum())
    return [torch.stack(values).mean(0) for values in (means, variances, dropped)]


def gaps(net, X, n_passes, generator):
    batches = [X[rows] for _ in range(n_passes) for rows in random_batches(len(X), generator)]
    train_mean, train_var, dropped = second_linear(net.train(), batches)
    eval_mean, eval_var, _ = second_linear(net.eval(), batches)
    return {
        "variance gap": (train_var / eval_var).log().abs().mean().item(),
        "mean gap": ((train_mean - eval_mean).abs() / eval_var.sqrt()).mean().item(),
        "active units dropped": dropped.item(),
    }


@torch.no_grad()
def scores(net, X, y):
    logits = net.eval()(X)
    return cross_entropy(logits, y).item(), (logits.argmax(1) == y).double().mean().item()


# ---------------------------------------------------------------- all nets


def tables(seed):
    """Two real tables, and two made ones that are new for every seed, named after their number of features."""
    made = partial(make_classification, 3000, n_classes=3, flip_y=0.1, random_state=seed)
    return {
        "breast_cancer": load_breast_cancer(return_X_y=True),
        "digits": load_digits(return_X_y=True),
        "made_20": made(n_features=20, n_informative=10),
        "made_100": made(n_features=100, n_informative=20, class_sep=2.0),
    }


def split(X, y, seed):
    """Training, validation and test part, each a pair of tensors."""
    n_train = min(MAX_TRAINING_ROWS, int(0.6 * len(y)))
    X_train, X_rest, y_train, y_rest = train_test_split(X, y, train_size=n_train, stratify=y, random_state=seed)
    X_val, X_test, y_val, y_test = train_test_split(X_rest, y_rest, train_size=0.5, stratify=y_rest, random_state=seed)
    scaler = StandardScaler().fit(X_train)
    parts = [(X_train, y_train), (X_val, y_val), (X_test, y_test)]
    return [(torch.tensor(scaler.transform(X)).float(), torch.tensor(y)) for X, y in parts]


def run(n_seeds, n_epochs, n_passes):
    """One line per seed, table, with or without BatchNorm, and arm with its sigma."""
    lines = []
    for seed in range(n_seeds):
        for table, (X, y) in tables(seed).items():
            training, validation, test = split(X, y, seed)
            for batch_norm in (True, False):
                for (arm, sigma), make_layer in arms().items():
                    torch.manual_seed(seed)  # the same initial weights in every arm
                    net = network(X.shape[1], y.max() + 1, make_layer, batch_norm)
                    generator = torch.Generator().manual_seed(seed)  # the same batches in every arm
                    train(net, *training, n_epochs, generator)
                    line = {"table": table, "BatchNorm": batch_norm, "seed": seed, "arm": arm, "sigma": sigma}
                    line |= gaps(net, training[0], n_passes, generator)
                    line["validation log-loss"], _ = scores(net, *validation)
                    line["log-loss"], line["accuracy"] = scores(net, *test)
                    lines.append(line)
    return pd.DataFrame(lines)


# ---------------------------------------------------------------- comparisons


def tuned(nets):
    """The nets whose sigma has the least validation log-loss within their table, seed and arm."""
    return nets.loc[nets.groupby([*SETTING, "seed", "arm"])["validation log-loss"].idxmin()]


def nearly_same_dose(dropout):
    """Renamed so that Jumpout(sigma) meets the rate matched to 2 sigma: about half of the units are active."""
    return dropout.assign(sigma=dropout["sigma"] / 2)


def difference(left, right, by):
    """Mean of left - right over seeds and half the width of its 95 % interval, per setting and outcome."""
    keys = [*by, "seed"]
    paired = (left.set_index(keys)[OUTCOMES] - right.set_index(keys)[OUTCOMES]).dropna().groupby(by)
    return paired.mean(), paired.sem().mul(student.ppf(0.975, paired.size() - 1), axis=0)


def comparisons(nets):
    """Title -> (means, half widths, outcomes that make sense)."""
    arm = dict(list(nets.groupby("arm")))
    best = dict(list(tuned(nets).groupby("arm")))
    by_rate = [*SETTING, "sigma"]
    dose = nearly_same_dose(arm["dropout"])
    return {
        "Tuned: Jumpout - dropout": (*difference(best["Jumpout"], best["dropout"], SETTING), OUTCOMES),
        "Tuned: Jumpout - none": (*difference(best["Jumpout"], best["none"], SETTING), SCORES),
        "Tuned: dropout - none": (*difference(best["dropout"], best["none"], SETTING), SCORES),
        "Same rate: Jumpout - dropout": (*difference(arm["Jumpout"], arm["dropout"], by_rate), OUTCOMES),
        "Nearly the same dose: Jumpout - dropout": (*difference(arm["Jumpout"], dose, by_rate), OUTCOMES),
    }


def contradictions(mean, half, _):
    """What in the tuned comparison with dropout speaks against the claim."""
    worse = (mean - half > 0).xs(True, level="BatchNorm")[["variance gap", "log-loss"]].stack()
    return [f"{table}: Jumpout has the larger {outcome}" for table, outcome in worse[worse].index]


# ---------------------------------------------------------------- report


def markdown(frame):
    """A frame with its index as a markdown table."""
    frame = frame.reset_index()
    frame["BatchNorm"] = frame["BatchNorm"].map({True: "with", False: "without"})
    rows = [frame.columns, ["---"] * frame.shape[1], *frame.to_numpy()]
    return ["| " + " | ".join(map(str, row)) + " |" for row in rows]


def cells(mean, half, outcomes):
    """Text of each mean with its interval, bold where the interval excludes zero."""
    text = mean.map("{:+.4f}".format) + " ± " + half.map("{:.4f}".format)
    return text.where(mean.abs() <= half, "**" + text + "**")[outcomes]


def findings(title, mean, half, outcomes):
    """One sentence per outcome, with and without BatchNorm: where the interval excludes zero, and on which side."""
    sentences = []
    for batch_norm, words in ((True, "with BatchNorm"), (False, "without BatchNorm")):
        for outcome in outcomes:
            values, widths = (frame.xs(batch_norm, level="BatchNorm")[outcome] for frame in (mean, half))
            sides = {
                "excludes zero, below it, on": values[values < -widths],
                "excludes zero, above it, on": values[values > widths],
                "contains zero on": values[values.abs() <= widths],
            }
            where = "; ".join(f"{side} {places(found, len(values))}" for side, found in sides.items() if len(found))
            sentences.append(f"- {title}, {words}, {outcome}: the interval {where}.")
    return sentences


def places(found, n_lines):
    """The tables by name, or a count if each has several lines."""
    return ", ".join(found.index) if found.index.nlevels == 1 else f"{len(found)} of {n_lines} lines"


def preface(n_seeds, n_epochs, n_passes):
    rates = ", ".join(f"{mean_rate(sigma):.4f}" for sigma in SIGMAS)
    return f"""# Jumpout against dropout

Written by `benchmarks/claims/jumpout.py`; {n_seeds} seeds, {n_epochs} epochs.

Net: Linear -> ReLU -> layer -> Linear -> (BatchNorm) -> ReLU -> layer -> Linear, {UNITS} units; the layer is Jumpout,
dropout or none. AdamW, lr {LR}, weight decay {WEIGHT_DECAY}, batches of about {BATCH_SIZE}.

Tables: `breast_cancer`, `digits`, and two of `make_classification` (20 features, 10 of them informative; 100 features,
20 of them informative, and `class_sep=2`; both 3 classes and a tenth of the labels redrawn). At most
{MAX_TRAINING_ROWS} rows (at most 60 %) train; half of the others validate, half test. Within a seed all arms have the
same rows, initial weights and batches. The made tables are new for every seed; of the real ones only the split is, so
their intervals hold for that table alone.

Jumpout's sigma is one of {SIGMAS}; the rates of dropout, {rates}, are the means of
Jumpout's rate at these sigmas. *Tuned*: for every table, seed and arm, with and without BatchNorm, the one of the four
with the least validation log-loss; that net is tested as it is. The arm without a layer (*none*) has nothing to tune.

*Same rate* is not the same dose: Jumpout switches off the share p of all units, hence p / q+ of the active ones (q+ is
their share); dropout only p of the active ones. *Nearly the same dose* therefore compares Jumpout(sigma) with the
dropout matched to 2 sigma; `active units dropped`, in the last table, is what was measured after the first layer. For
the same reason dropout's four rates end at a lower dose than Jumpout's: where the largest was chosen mostly, dropout's
best may lie beyond it, and the tuned comparison is one of doses.

Gaps: the training rows went {n_passes} times, in batches, through the trained net, in training and in evaluation mode.
Variance gap: mean over the second Linear's outputs, which BatchNorm sees, of |log(var_train / var_eval)|. Mean gap: of
|mean_train - mean_eval| / sd_eval. For *none* both are zero.

Differences are means over seeds ± half a 95 % t-interval; bold where it excludes zero. Below zero is better for gaps
and log-loss, above zero for accuracy. One interval in twenty excludes zero by chance alone.
"""


def report(nets, compared):
    lines = ["## Findings", ""]
    for title, comparison in compared.items():
        lines += findings(title, *comparison)
    for title, comparison in compared.items():
        lines += ["", f"## {title}", "", *markdown(cells(*comparison))]
    chosen = tuned(nets).query("arm != 'none'").groupby([*SETTING, "arm", "sigma"]).size().unstack(fill_value=0)
    lines += ["", "## How often each sigma was chosen", "", *markdown(chosen)]
    levels = nets.groupby([*SETTING, "arm", "sigma"])[["active units dropped", *OUTCOMES]].mean()
    lines += ["", "## All nets", "", *markdown(levels.map("{:.4f}".format))]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer seeds and epochs, nothing written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    sizes = {"n_seeds": 2, "n_epochs": 10, "n_passes": 2} if quick else {"n_seeds": 12, "n_epochs": 20, "n_passes": 10}
    nets = run(**sizes)
    compared = comparisons(nets)
    text = preface(**sizes) + "\n" + report(nets, compared)
    print(text)
    if not quick:
        RESULTS.write_text(text)
    contradicted = contradictions(*compared["Tuned: Jumpout - dropout"])
    for line in contradicted:
        print("contradicted:", line)
    return 1 if contradicted else 0


if __name__ == "__main__":
    sys.exit(main())
