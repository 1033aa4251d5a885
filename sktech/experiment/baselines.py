"""The classical models that people compare against, each ready for mixed columns and missing values.

They run with their libraries' defaults and one thread each. The exceptions: logistic regression may take 1,000 steps to
arrive, and the output of the libraries is switched off.
"""

import warnings
from importlib import import_module
from importlib.util import find_spec

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sktech._integer_labels import IntegerLabels
from sktech.experiment.adapters import TextCategories
from sktech.experiment.columns import TidyColumns

OPTIONAL_PACKAGES = ("xgboost", "lightgbm", "catboost")
_HISTOGRAM_CATEGORIES = 254  # a histogram has 255 bins, and missing values take one


def baselines():
    """The classical models by name, unfitted.

    XGBoost, LightGBM and CatBoost are among them where they are installed.

    Returns
    -------
    models : dict of str to estimator
        New objects at every call. In a list the names alone do: ``[*baselines(), MyClassifier()]``.

    Examples
    --------
    >>> from sktech.experiment import baselines
    >>> list(baselines())[:3]
    ['dummy_prior', 'logistic_regression', 'k_nearest_neighbours']
    """
    models = {
        "dummy_prior": DummyClassifier(strategy="prior"),
        "logistic_regression": _as_numbers(LogisticRegression(max_iter=1000)),
        "k_nearest_neighbours": _as_numbers(KNeighborsClassifier()),
        "random_forest": _as_numbers(RandomForestClassifier()),
        "hist_gradient_boosting": make_pipeline(
            TidyColumns(max_categories=_HISTOGRAM_CATEGORIES),
            HistGradientBoostingClassifier(categorical_features="from_dtype"),
        ),
        "mlp_classifier": _as_numbers(MLPClassifier()),
    }
    if xgboost := _optional("xgboost"):
        booster = xgboost.XGBClassifier(enable_categorical=True, n_jobs=1, verbosity=0, random_state=0)
        models["xgboost"] = make_pipeline(TidyColumns(), IntegerLabels(booster))
    if lightgbm := _optional("lightgbm"):
        models["lightgbm"] = make_pipeline(TidyColumns(), lightgbm.LGBMClassifier(n_jobs=1, verbosity=-1))
    if catboost := _optional("catboost"):
        booster = catboost.CatBoostClassifier(thread_count=1, verbose=False, allow_writing_files=False, random_state=0)
        models["catboost"] = make_pipeline(TidyColumns(), TextCategories(booster))
    return models


def _as_numbers(classifier):
    """Median and scale for the numbers, one column per category, then the classifier."""
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_include="category")),
    )
    return make_pipeline(TidyColumns(), columns, classifier)


def _optional(package):
    """The module, or None if it is not installed or its libraries do not load."""
    if find_spec(package) is None:
        return None
    try:
        return import_module(package)
    except Exception as error:  # each of them has an exception of its own for a missing OpenMP runtime
        warnings.warn(f"{package} is installed but does not load and is left out: {error}", stacklevel=3)
        return None
