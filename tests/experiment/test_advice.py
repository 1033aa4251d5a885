import re
from dataclasses import replace
from itertools import chain

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from sktech import NetClassifier, NoiseTolerantClassifier
from sktech.experiment.advice import advice
from sktech.experiment.advice_run import width_share
from sktech.experiment.comparison import Comparison
from sktech.experiment.facts import TableFacts
from sktech.experiment.models import Model
from sktech.experiment.records import FoldRecord
from sktech.experiment.significance import corrected_test
from sktech.metrics import calibration_bins

FACTS = TableFacts(
    n_rows=1000,
    n_columns=5,
    n_numeric=5,
    missing_share=0.0,
    class_counts={"a": 500, "b": 500},
    n_constant=0,
    n_duplicates=0,
    contradictory_share=0.0,
)


def records(
    model, seed=0, sharper=1.0, loss=0.4, spread=0.01, n_folds=5, n_repeats=1, wrong=0.0, confusion=None, **rest
):
    """Folds of a model whose log-odds are `sharper` times as far from 0 as they should be.

    With `wrong`, such a share of the labels is another one where it is sure, and elsewhere it is always right.
    """
    rng = np.random.default_rng(seed)
    made = []
    for number in range(n_folds * n_repeats):
        odds = rng.normal(scale=2, size=1000 // n_folds)
        y = rng.random(len(odds)) < 1 / (1 + np.exp(-odds))
        p = 1 / (1 + np.exp(-sharper * odds))
        if wrong:
            y = np.where(np.abs(p - 0.5) > 0.3, y ^ (rng.random(len(odds)) < wrong), odds > 0)
        fields = {
            "table": "t",
            "model": model,
            "family": "own",
            "repeat": number // n_folds,
            "fold": number % n_folds,
            "seed": 0,
            "n_train": 1000 - len(odds),
            "n_test": len(odds),
            "log_loss": loss + spread * rng.normal(),
            "accuracy": float(np.mean((p > 0.5) == y)),
            "fit_seconds": 1.0,
            "predict_seconds": 0.001,
            "bins": calibration_bins(y, np.stack([1 - p, p], axis=1)),
            "confusion": np.diag([50, 50]) if confusion is None else np.array(confusion),
        }
        made.append(FoldRecord(**fields | rest))
    return made


def comparison(*of_models, estimators=None, facts=FACTS):
    """What is there of each model, the first one clearly the best unless they say otherwise."""
    names = [of_model[0].model for of_model in of_models]
    models = [Model(name, (estimators or {}).get(name, LogisticRegression()), "own") for name in names]
    return Comparison("t", facts, models, len(of_models[0]), list(chain(*of_models)), "5 stratified folds")


def clear(**rest):
    """A model without fault and another one, far behind."""
    return records("best", **rest), records("other", seed=1, loss=4.0)


def found(made):
    return {hint.title: hint.text for hint in advice(made)}


def test_nothing_is_said_where_nothing_stands_out():
    assert sum(bool(advice(comparison(*clear(seed=seed)))) for seed in range(20)) <= 1
    assert advice(replace(comparison(*clear()), records=[])) == []


@pytest.mark.parametrize(("sharper", "title"), [(3.0, "Too sure"), (0.4, "Too modest")])
def test_confidence_that_is_off_is_told_with_its_size(sharper, title):
    for seed in range(10):
        made = comparison(*clear(seed=seed, sharper=sharper))
        of_best = [record for record in made.records if record.model == "best"]
        count, hits, confidence = sum(record.bins for record in of_best).sum(axis=1)
        text = found(made)[title]
        assert f"best is {confidence / count:.3f} sure on average and right in {hits / count:.3f}" in text
        assert "CalibratedClassifierCV" in text
        assert "other" not in text.split("scikit-learn")[0]


def test_a_net_that_is_not_too_sure_is_named():
    nets = {"smooth": type("SmoothedNetClassifier", (DummyClassifier,), {})()}
    made = comparison(*clear(sharper=3.0), records("smooth", loss=4.0), estimators=nets)
    assert "Not so smooth" in found(made)["Too sure"]
    made = comparison(*clear(sharper=3.0))
    assert "SmoothedNetClassifier or DistilledClassifier" in found(made)["Too sure"]


def test_twins_with_other_labels_are_told_from_one_row_in_a_hundred_on():
    for share, told in ((0.0099, False), (0.031, True)):
        made = comparison(*clear(), facts=replace(FACTS, contradictory_share=share))
        assert ("Possibly wrong labels" in found(made)) == told
    assert "3.1%" in found(made)["Possibly wrong labels"]
    assert "`--noise 0.2`" in found(made)["Possibly wrong labels"]


@pytest.mark.parametrize(("loss", "told"), [(0.3, True), (0.4, False), (0.5, False)])
def test_nets_that_tolerate_noise_tell_of_it_if_they_win(loss, told):
    estimators = {"plain": NetClassifier(), "tolerant": NoiseTolerantClassifier()}
    made = comparison(
        records("plain", seed=2), records("tolerant", seed=3, loss=loss), *clear(loss=0.1), estimators=estimators
    )
    assert ("tolerant, which allows for wrong labels" in found(made).get("Possibly wrong labels", "")) == told


def test_errors_where_none_was_expected_tell_of_wrong_labels():
    for seed in range(10):
        text = found(comparison(*clear(seed=seed, wrong=0.25)))["Possibly wrong labels"]
        errors, expected = (
            float(share) for share in re.search(r"errs in ([\d.]+)% .* expects ([\d.]+)%", text).groups()
        )
        assert errors > 2 * expected
    assert not any("Possibly wrong labels" in found(comparison(*clear(seed=seed))) for seed in range(20))


@pytest.mark.parametrize(
    ("counts", "of_rare", "told"),
    [((900, 30), 5, True), ((900, 30), 30, False), ((900, 300), 50, False)],
    ids=["missed", "recognised", "not rare"],
)
def test_rare_classes_are_told_if_they_are_missed(counts, of_rare, told):
    facts = replace(FACTS, class_counts=dict(zip("ab", counts, strict=True)))
    confusion = [[counts[0] // 5, 0], [counts[1] // 5 - of_rare // 5, of_rare // 5]]
    text = found(comparison(*clear(confusion=confusion), facts=facts)).get("Rare classes", "")
    assert bool(text) == told
    if told:
        assert "900 rows, 30 times the 30 of class b" in text
        assert f"in {5 * (of_rare // 5) / 30:.1%}" in text
        assert "DecoupledLongTailClassifier" in text


@pytest.mark.parametrize("rare", [1, 4, 9, 10, 40, 90])
def test_a_longer_tail_is_proposed_than_the_table_has(rare):
    facts = replace(FACTS, class_counts={"a": 1000, "b": rare})
    text = found(comparison(*clear(confusion=[[200, 0], [rare, 0]]), facts=facts))["Rare classes"]
    assert int(re.search(r"`--tail (\d+)`", text)[1]) > 1000 / rare


def test_a_leader_that_is_slow_is_told_if_a_fast_one_is_as_good():
    slow = records("slow", fit_seconds=20.0)
    assert "20 times" in found(comparison(slow, records("fast", seed=1)))["Slow leader"].replace("20.0 s, ", "")
    assert "Slow leader" not in found(comparison(slow, records("far", seed=1, loss=2.0)))
    assert "Slow leader" not in found(comparison(slow, records("near", seed=1, loss=0.5, spread=0.5)))
    short = records("slow", fit_seconds=0.2), records("fast", seed=1, fit_seconds=0.01)
    assert "Slow leader" not in found(comparison(*short))


def test_slow_predictions_lead_to_a_student():
    made = comparison(*clear(predict_seconds=1.0))
    assert "5 ms to predict a row, 1000 times" in found(made)["Slow predictions"]
    assert "DistilledClassifier" in found(made)["Slow predictions"]


def test_failures_and_leaks_are_told():
    broken = [replace(r, status="ValueError: no", bins=None, log_loss=np.nan) for r in records("broken", seed=3)]
    made = comparison(*clear(), broken, facts=replace(FACTS, leaks=(("end date", "is empty where it is 'a'"),)))
    assert found(made)["Failures"].startswith("5 fits of 15 failed, of broken")
    assert "`--drop 'end date'`" in found(made)["Possible leak"]


def test_repeated_rows_are_told():
    made = comparison(*clear(), facts=replace(FACTS, n_duplicates=80))
    assert "80 rows (8.0%)" in found(made)["Repeated rows"]
    assert "Repeated rows" not in found(comparison(*clear(), facts=replace(FACTS, n_duplicates=20)))


def test_tuning_is_proposed_where_the_lead_is_shared_and_nothing_was_tuned():
    shared = records("a"), records("b", seed=1)
    assert "`--tune 20`" in found(comparison(*shared))["Not tuned"]
    assert "about 10 min" in found(comparison(*shared))["Not tuned"]  # 2 models, 5 folds, 61 fits of a second
    tuned = records("a", tuned="{}"), records("b", seed=1, tuned="{}")
    assert "Not tuned" not in found(comparison(*tuned))
    assert "Not tuned" not in found(comparison(*clear()))
    assert "Not tuned" not in found(comparison(*shared, estimators=dict.fromkeys("ab", DummyClassifier())))
    only_b = found(comparison(*shared, estimators={"a": DummyClassifier()}))
    assert "about 5 min" in only_b["Not tuned"]


@pytest.mark.parametrize("ratio", [0.1, 0.25, 1.0])
@pytest.mark.parametrize("n", [2, 5, 10])
def test_the_width_of_more_folds_is_that_of_the_corrected_test(n, ratio):
    def width(n_folds):
        differences = np.tile([1.0, -1.0], n_folds) / np.sqrt(1 + 1 / (2 * n_folds - 1))  # of variance 1
        test = corrected_test(differences, n_train=1000, n_test=1000 * ratio)
        return test.high - test.low

    assert width_share(2 * n, 2 * n, ratio) == 1
    assert width_share(2 * n, 6 * n, ratio) == pytest.approx(width(3 * n) / width(n))
    shares = [width_share(n, more, ratio) for more in (n, 2 * n, 10 * n, 1000 * n, np.inf)]
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] > 0


def test_repeats_are_proposed_only_if_they_can_halve_the_interval():
    def told(n_folds):
        spread = {"spread": 0.2, "n_folds": n_folds}
        return found(comparison(records("a", **spread), records("b", seed=1, **spread)))["Undecided"]

    repeats = int(re.search(r"`--repeats (\d+)`", told(2))[1])
    assert width_share(2, 2 * repeats, 1.0) <= 0.5 < width_share(2, 2 * (repeats - 1), 1.0)
    assert "No number of repeats" in told(10)
    assert f"{width_share(10, np.inf, 1 / 9):.0%} of its width" in told(10)


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ([(13, 7), (13, 7), (14, 6)], "`--repeats"),  # stratified folds of twenty rows
        ([(600, 400), (700, 300), (700, 300)], "`--repeats"),  # groups of unlike sizes
        ([(250, 250), (500, 250), (750, 250)], "More rows would tell."),  # in the order of time
        ([(330, 330), (660, 330)], "More rows would tell."),
    ],
)
def test_repeats_are_proposed_where_folds_can_be_drawn_again(sizes, told):
    def resized(made):
        return [replace(r, n_train=a, n_test=b) for r, (a, b) in zip(made, sizes, strict=True)]

    made = [resized(records(name, seed, spread=0.1, n_folds=len(sizes))) for seed, name in enumerate("ab")]
    assert told in found(comparison(*made))["Undecided"]
