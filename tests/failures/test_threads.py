"""Laws of many threads: they fit and predict as if they came one after the other."""

import copy
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from small_fits import answer, digest, nets, of_user, table

import sktech
from sktech import DecoupledLongTailClassifier
from sktech.inspection import activations, bias_attribution, gradient, integrated_gradients

N_THREADS = 8


@pytest.fixture
def often():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def in_threads(function):
    start = threading.Barrier(N_THREADS)

    def together():
        start.wait()
        return function()

    with ThreadPoolExecutor(N_THREADS) as pool:
        return [future.result() for future in [pool.submit(together) for _ in range(N_THREADS)]]


def test_fits_in_threads_are_fits_one_after_the_other(often, case, data):
    alone, template = digest(case().fit(*data), data[0]), case()
    assert in_threads(lambda: digest(clone(template).fit(*data), data[0])) == [alone] * N_THREADS


def test_one_fitted_model_answers_many_threads(often, case, data):
    model, X = case().fit(*data), table(2000, seed=1)[0]
    alone = answer(model, X)
    for together in in_threads(lambda: answer(model, X)):
        assert_array_equal(together, alone)


@pytest.mark.parametrize("net", [nets(), of_user(), of_user(n_members=1)], ids=["own", "user's", "user's single"])
def test_one_fitted_model_transforms_for_many_threads_while_others_ask_it(net, often, data):
    model, X = DecoupledLongTailClassifier(net, random_state=0).fit(*data), table(500, seed=1)[0]
    alone = np.hstack([model.transform(X), model.predict_proba(X)])
    for together in in_threads(lambda: np.hstack([model.transform(X), model.predict_proba(X)])):
        assert_array_equal(together, alone)


def saved(model, folder):
    path = folder / f"{threading.get_ident()}.sktech"
    sktech.save(model, path)
    return sktech.load(path, trusted=["small_fits.UserModule"])


READINGS = {
    "predict": lambda model, X, folder: model.predict_proba(X),
    "gradient": lambda model, X, folder: gradient(model, X, target=0).values,
    "integrated": lambda model, X, folder: integrated_gradients(model, X[:5], target=0).values,
    "biases": lambda model, X, folder: bias_attribution(model, X, target=0).values,
    "activations": lambda model, X, folder: np.hstack(list(activations(model, X).values())),
    "pickle": lambda model, X, folder: pickle.loads(pickle.dumps(model)).predict_proba(X),
    "copy": lambda model, X, folder: copy.deepcopy(model).predict_proba(X),
    "file": lambda model, X, folder: saved(model, folder).predict_proba(X),
}


@pytest.mark.parametrize("net", [nets(), of_user(), of_user(n_members=1)], ids=["own", "user's", "user's single"])
def test_one_fitted_model_is_read_in_many_ways_at_once(net, often, data, tmp_path):
    model, X = clone(net).fit(*data), table(30, seed=1)[0]
    alone = {name: read(model, X, tmp_path) for name, read in READINGS.items()}
    start = threading.Barrier(len(READINGS))

    def many_times(name):
        start.wait()
        return [READINGS[name](model, X, tmp_path) for _ in range(5)]

    with ThreadPoolExecutor(len(READINGS)) as pool:
        found = dict(zip(READINGS, pool.map(many_times, READINGS), strict=True))
    for name, times in found.items():
        for together in times:
            assert_array_equal(together, alone[name], err_msg=name)
