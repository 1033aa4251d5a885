import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils import get_tags

from sktech.experiment import baselines

CLASSICAL = {
    "dummy_prior",
    "logistic_regression",
    "k_nearest_neighbours",
    "random_forest",
    "hist_gradient_boosting",
    "mlp_classifier",
}


def quick(name):
    """The baseline, with fewer trees where a thousand would take long."""
    model = baselines()[name]
    return model.set_params(textcategories__estimator__iterations=10) if name == "catboost" else model


def test_the_classical_models_are_always_there():
    assert set(baselines()) >= CLASSICAL


@pytest.mark.parametrize("name", list(baselines()))
@pytest.mark.parametrize("labels", ["strings", "integers"])
def test_mixed_columns_missing_values_and_unseen_categories(name, labels, mixed):
    X, y, later = mixed
    if labels == "integers":
        y = np.where(y == "yes", 7, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some do not converge on sixty rows; that is not the question here
        model = clone(quick(name)).fit(X, y)
        proba, predicted = model.predict_proba(later), model.predict(later)
    assert proba.shape == (4, 2)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    assert np.ravel(predicted).tolist() == model.classes_[proba.argmax(axis=1)].tolist()


@pytest.mark.parametrize("name", sorted(set(baselines()) - {"dummy_prior", "mlp_classifier"}))
def test_three_classes_are_learned_from_a_category_alone(name):
    colour = np.repeat(["red", "blue", "green"], 30).astype(object)[:, None]
    y = np.repeat(["stop", "go", "wait"], 30)
    assert quick(name).fit(colour, y).score(colour, y) == 1


@pytest.mark.parametrize("name", list(baselines()))
def test_baselines_are_classifiers_with_one_thread(name):
    model = baselines()[name]
    assert get_tags(model).estimator_type == "classifier"
    threads = {k: v for k, v in model.get_params().items() if k.rpartition("__")[2] in ("n_jobs", "thread_count")}
    assert set(threads.values()) <= {None, 1}
