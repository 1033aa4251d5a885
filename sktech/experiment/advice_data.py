"""Advice on the table: labels that look wrong, rare classes, rows that repeat, columns that give the target away."""

import shlex

import numpy as np

from sktech.experiment.hints import CONFIDENCE, Hint, excess_confidence, kind, scored
from sktech.experiment.phrases import NAMES, signed
from sktech.experiment.significance import differences_to

# Fewer twins with different labels than in one row of a hundred cost no model much.
_TWINS = 0.01
# From this confidence on errors are few; twice as many as a model expects, beyond the noise, point to the labels.
_CERTAIN, _TIMES_EXPECTED = 0.8, 2.0
_NOISE_TOLERANT = ("NoiseTolerantClassifier", "ReweightedClassifier", "CleanPrototypeClassifier")
_PLAIN = "NetClassifier"
# The mildest imbalance that benchmarks of long tails use (Cui et al., 2019), and what recall must miss to be felt.
_IMBALANCE, _MISSED_RECALL = 10, 0.1
# Below this share, rows that are in training and test at once hardly move a score.
_REPEATED = 0.05


def wrong_labels(comparison):
    """Twins with other labels, nets that tolerate noise ahead of the plain one, or errors where none was expected."""
    remedy = (
        "NoiseTolerantClassifier needs nothing else, ReweightedClassifier a few checked rows; "
        "`--noise 0.2` shows who would stand more of it."
    )
    share = comparison.facts.contradictory_share
    if share >= _TWINS:
        yield Hint(
            "Possibly wrong labels",
            f"{share:.1%} of the rows have a twin with another label: some labels are wrong, or the columns do not "
            f"tell the classes apart. {remedy}",
        )
    for found in (*_tolerance_pays(comparison), *_surprises(comparison)):
        yield Hint("Possibly wrong labels", f"{found} {remedy}")


def _tolerance_pays(comparison):
    kinds = {model.name: kind(model) for model in comparison.models}
    plain = [name for name in kinds if kinds[name] == _PLAIN]
    tolerant = [name for name in kinds if kinds[name] in _NOISE_TOLERANT]
    folds = comparison.folds()
    started = set(folds["model"])
    if not plain or plain[0] not in started:
        return
    compared = folds[folds["model"].isin([plain[0], *tolerant])]
    for name, row in differences_to(compared, plain[0], comparison.score, CONFIDENCE).iterrows():
        if row["verdict"] == "better":
            yield (
                f"{name}, which allows for wrong labels, beats {plain[0]} by more than the noise "
                f"({NAMES[comparison.score]} {signed(comparison.score, row['mean'])})."
            )


def _surprises(comparison):
    """Errors of the best model where it was sure, although over all rows it is not too sure."""
    records = scored(comparison, comparison.best())
    overall, _, _ = excess_confidence(records)
    excess, confidence, accuracy = excess_confidence(records, above=_CERTAIN)
    if not excess.low > 0 or overall.low > 0:
        return
    if 1 - accuracy >= _TIMES_EXPECTED * (1 - confidence):
        yield (
            f"Where {comparison.best()} is more than {_CERTAIN:.0%} sure it errs in {1 - accuracy:.1%} of the rows, "
            f"and expects {1 - confidence:.1%}, although over all rows it is not too sure: look at these rows."
        )


def rare_classes(comparison):
    """A class with a tenth of the largest one's rows, of which the best model misses many more."""
    counts = np.array(list(comparison.facts.class_counts.values()))
    rare = counts * _IMBALANCE <= counts.max()
    records = scored(comparison, comparison.best())
    if not rare.any() or not records:
        return
    confusion = sum(record.confusion for record in records)
    right, rows = confusion.diagonal(), confusion.sum(axis=1)
    largest = int(np.argmax(counts))
    if not rows[rare].sum() or not rows[largest]:
        return
    of_rare, of_largest = right[rare].sum() / rows[rare].sum(), right[largest] / rows[largest]
    n_distinct = rows[rare].sum() / (1 + max(record.repeat for record in records))  # repeats test the same rows again
    noise = 2 * np.sqrt(max(of_rare * (1 - of_rare), 1 / n_distinct) / n_distinct)  # two standard errors
    if of_largest - of_rare < max(_MISSED_RECALL, noise):
        return
    names = list(comparison.facts.class_counts)
    rarest = int(np.argmin(counts))
    ratio = counts[largest] / counts[rarest]
    harder = 10 ** (int(np.log10(ratio)) + 1)
    who = f"The {rare.sum()} classes with a tenth of that or less are" if rare.sum() > 1 else "It is"
    yield Hint(
        "Rare classes",
        f"Class {names[largest]} has {counts[largest]:,} rows, {ratio:.0f} times the "
        f"{counts[rarest]:,} of class {names[rarest]}. {who} recognised by {comparison.best()} in {of_rare:.1%} of the "
        f"cases, the largest in {of_largest:.1%}. Try DecoupledLongTailClassifier; `--tail {harder}` makes the "
        "training rows rarer still and shows who stands it.",
    )


def repeated_rows(comparison):
    """Rows that are the same as others, so that a model is tested on what it has learned."""
    facts = comparison.facts
    share = facts.n_duplicates / facts.n_rows
    if share >= _REPEATED:
        yield Hint(
            "Repeated rows",
            f"{facts.n_duplicates:,} rows ({share:.1%}) repeat another one, so that models are tested on rows that "
            "they have learned. If they are one case told twice, leave one out, or keep them together by a column "
            "that names the case: `--groups COLUMN`.",
        )


def leaks(comparison):
    """Columns that give the target away."""
    for column, reason in comparison.facts.leaks:
        yield Hint(
            "Possible leak",
            f"Column {column} {reason}. If it is not known before the target is: `--drop {shlex.quote(str(column))}`.",
        )
