"""What each part of the default net is worth: the default with one part changed, beside the default itself.

Run ``python benchmarks/ablation.py --data FOLDER`` (see ``tabular.py`` for the folder). Every variant sees the same
tables and outer folds; differences are means over tables of log ratios to the default, with their standard errors over
tables. Probabilities and times are kept in ``--store``; what is there is not run again. Results go to
``benchmarks/results/ablation.md``.
"""

from pathlib import Path

import numpy as np
from tabular import collect, run_from_command_line

from sktech import NetClassifier

RESULTS = Path(__file__).parent / "results" / "ablation.md"
VARIANTS = {
    "default": {},
    "one net instead of a committee": {"n_members": 1},
    "8 members on every table": {"n_members": 8},
    "numbers as they are": {"numeric_embedding": None},
    "periodic embedding": {"numeric_embedding": "periodic"},
    "no dropout": {"dropout": 0.0},
    "dropout 0.3": {"dropout": 0.3},
    "Jumpout": {"dropout": "jumpout"},
    "constant learning rate 0.002, 48 epochs": {"lr": 0.002, "lr_schedule": None, "max_epochs": 48},
    "weight decay 0.0003": {"weight_decay": 3e-4},
    "last epoch, all rows": {"early_stopping": False},
    "batch 256": {"batch_size": 256},
    "hidden layers of 256": {"hidden_layer_sizes": (256, 256)},
    "three hidden layers": {"hidden_layer_sizes": (128, 128, 128)},
}


def variants():
    """The default and its variants, by name."""
    return {name: NetClassifier(**params, random_state=0) for name, params in VARIANTS.items()}


def change(frame, name, variant):
    """Mean log ratio to the default over tables in percent, and its standard error."""
    values = frame[name].unstack()[[variant, "default"]].dropna()
    values = 1 - values + 1e-3 if name == "accuracy" else values
    ratios = 100 * np.log(values[variant] / values["default"])
    return f"{ratios.mean():+.1f} ({ratios.std(ddof=1) / np.sqrt(len(ratios)):.1f})"


def main():
    frame, _ = collect(run_from_command_line(__doc__, "ablation", variants(), first=1))
    done = [name for name in VARIANTS if name in frame.index.get_level_values("model")]
    lines = [
        "# What each part of the default net is worth",
        "",
        f"Log ratios to the default in percent (standard error over {frame.index.get_level_values('table').nunique()}",
        "tables); positive is worse, or slower. Error is 1 - accuracy + 0.001. `benchmarks/ablation.py`.",
        "",
        "| variant | log-loss | error | time of a fit |",
        "|---|---|---|---|",
        *(
            f"| {name} | {change(frame, 'log_loss', name)} | {change(frame, 'accuracy', name)} "
            f"| x {np.exp(np.log(frame['fit_s'].unstack()[name] / frame['fit_s'].unstack()['default']).mean()):.2f} |"
            for name in done[1:]
        ),
        "",
    ]
    names = [name for name in done if name != "default"]
    lines += ["## Log-loss by table", "", "| table | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    losses = frame["log_loss"].unstack()
    for table, row in losses[names].iterrows():
        changes = 100 * np.log(row / losses["default"][table])
        lines.append(f"| {table} | " + " | ".join(f"{change:+.0f}" for change in changes) + " |")
    lines.append("")
    RESULTS.write_text("\n".join(lines))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
