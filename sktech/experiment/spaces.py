"""Where a model's parameters are looked for: one documented search space per kind of model.

The spaces are sktech's own, and none was tuned to a table. Which parameters and what orders of magnitude follow the
searches of Gorishniy et al. (2021, https://arxiv.org/abs/2106.11959, supplement; 2024,
https://arxiv.org/abs/2410.24210), Grinsztajn et al. (2022, https://arxiv.org/abs/2207.08815, appendix) and McElfresh et
al. (2023, https://arxiv.org/abs/2305.02997), and scikit-learn's user guide; for sktech's techniques what their papers
vary. Ranges lie around the defaults. Three rules: what only buys quality with time, such as members, epochs and the
trees of a forest, stays as it is (a booster's trees are searched together with its learning rate); no value switches a
technique off, as a comparison is to tell techniques apart; and whatever is not searched stays as the model has it.
"""

import pandas as pd
from sklearn.pipeline import Pipeline

from sktech import NetClassifier
from sktech.experiment.intervals import Interval
from sktech.experiment.models import choose_models
from sktech.smoothing import ConfidencePenalty

_TRAINING = {
    "lr": Interval(1e-3, 3e-2, log=True),
    "weight_decay": Interval(1e-3, 0.3, log=True),
    "hidden_layer_sizes": [(64, 64), (128,), (128, 128), (128, 128, 128), (256, 256)],
}
_NET = _TRAINING | {"dropout": Interval(0.0, 0.5), "numeric_embedding": ["piecewise_linear", "periodic", None]}

# By the package and the class of a model.
_SPACES = {
    "sklearn.LogisticRegression": {"C": Interval(1e-3, 1e3, log=True)},
    "sklearn.KNeighborsClassifier": {
        "n_neighbors": Interval(1, 50, log=True),
        "weights": ["uniform", "distance"],
        "p": [1, 2],
    },
    "sklearn.RandomForestClassifier": {
        "criterion": ["gini", "entropy"],
        "max_features": Interval(0.1, 1.0),
        "max_samples": Interval(0.3, 1.0),
        "min_samples_leaf": Interval(1, 50, log=True),
    },
    "sklearn.HistGradientBoostingClassifier": {
        "learning_rate": Interval(0.01, 0.5, log=True),
        "max_iter": Interval(30, 500, log=True),
        "max_leaf_nodes": Interval(4, 128, log=True),
        "min_samples_leaf": Interval(3, 100, log=True),
        "l2_regularization": Interval(1e-3, 100.0, log=True),
        "max_features": Interval(0.3, 1.0),
    },
    "sklearn.MLPClassifier": {
        "hidden_layer_sizes": [(64,), (100,), (256,), (64, 64), (128, 128), (256, 256)],
        "alpha": Interval(1e-6, 1.0, log=True),
        "learning_rate_init": Interval(1e-4, 1e-2, log=True),
    },
    "xgboost.XGBClassifier": {
        "learning_rate": Interval(0.01, 0.5, log=True),
        "n_estimators": Interval(30, 500, log=True),
        "max_depth": Interval(2, 10),
        "min_child_weight": Interval(0.1, 100.0, log=True),
        "subsample": Interval(0.5, 1.0),
        "colsample_bytree": Interval(0.5, 1.0),
    },
    "lightgbm.LGBMClassifier": {
        "learning_rate": Interval(0.01, 0.5, log=True),
        "n_estimators": Interval(30, 500, log=True),
        "num_leaves": Interval(4, 128, log=True),
        "min_child_samples": Interval(3, 100, log=True),
        "reg_lambda": Interval(1e-3, 100.0, log=True),
        "colsample_bytree": Interval(0.5, 1.0),
    },
    "catboost.CatBoostClassifier": {
        "learning_rate": Interval(0.01, 0.3, log=True),
        "iterations": Interval(100, 1000, log=True),
        "depth": Interval(3, 8),
        "l2_leaf_reg": Interval(1.0, 10.0, log=True),
        "random_strength": Interval(0.1, 10.0, log=True),
    },
    "sktech.NetClassifier": _NET,
    "sktech.SmoothedNetClassifier": _NET,
    "sktech.NoiseTolerantClassifier": _TRAINING
    | {
        "meta_lr": Interval(0.03, 1.0, log=True),
        "consistency": Interval(1.0, 20.0, log=True),
        "perturbed_fraction": Interval(0.2, 0.8),
    },
    "sktech.CleanPrototypeClassifier": _TRAINING | {"subset_size": Interval(2, 10), "dropout": Interval(0.0, 0.5)},
    "sktech.PrototypeClassifier": _TRAINING
    | {"n_way": Interval(5, 40), "n_support": Interval(1, 10), "n_query": Interval(1, 10)},
    "sktech.ReweightedClassifier": {
        "clean_fraction": Interval(0.05, 0.3),
        "max_weight": Interval(1.5, 8.0, log=True),
    },
    "sktech.DecoupledLongTailClassifier": {
        "sampling": ["instance", "class_balanced", "square_root", "progressive"],
        "classifier": ["logit_adjustment", "crt", "ncm", "tau", "lws"],
    },
    "sktech.DistilledClassifier": {
        "temperature": Interval(1.0, 5.0, log=True),
        "hard_weight": Interval(0.0, 0.9),
    },
    "sktech.BaggingVoteEnsemble": {"max_samples": Interval(0.5, 1.0), "bootstrap": [True, False]},
    "sktech.DisagreementEnsemble": {"alpha": Interval(1e-3, 1.0, log=True)},
    "sktech.ConfidencePenalty": {"strength": Interval(1e-3, 1.0, log=True)},
    "sktech.LabelSmoothing": {"amount": Interval(0.01, 0.3, log=True)},
    "sktech.DisturbLabel": {"rate": Interval(0.01, 0.3, log=True)},
    "sktech.Bootstrapping": {"beta": Interval(0.5, 0.99)},
    "sktech.VirtualAdversarial": {
        "radius": Interval(0.01, 1.0, log=True),
        "strength": Interval(0.1, 10.0, log=True),
    },
}

# Models within a model whose parameters are searched, too, and what stands for a default that has none.
_SINGLE = NetClassifier(n_members=1)
_PARTS = {
    "sktech.IntegerLabels": ("estimator", None, None),
    "sktech.TextCategories": ("estimator", None, None),
    "sktech.SmoothedNetClassifier": ("smoothing", "confidence_penalty", ConfidencePenalty()),
    "sktech.ReweightedClassifier": ("estimator", None, NetClassifier()),
    "sktech.DecoupledLongTailClassifier": ("estimator", None, NetClassifier()),
    "sktech.DistilledClassifier": ("student", None, NetClassifier()),
    "sktech.BaggingVoteEnsemble": ("estimator", None, _SINGLE),
    "sktech.DisagreementEnsemble": ("estimator", None, _SINGLE),
    "sktech.OutputCodeEnsemble": ("estimator", None, _SINGLE),
}


def search_space(estimator):
    """What may be drawn for the parameters of a model.

    Parameters
    ----------
    estimator : estimator
        A baseline, a classifier of sktech's, or a pipeline that ends in one; a subclass has the space of the class that
        it comes from.

    Returns
    -------
    space : dict of str to list or Interval
        By the names that ``set_params`` knows; for scikit-learn's ``ParameterSampler``. Empty for a model without
        parameters to search, for one that is not known, and for a net of one's own.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sktech.experiment.spaces import search_space
    >>> for name, values in search_space(make_pipeline(StandardScaler(), LogisticRegression())).items():
    ...     print(name, "from", values)
    logisticregression__C from 0.001 to 1000, log-uniform
    """
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        return _prefixed(name, search_space(last))
    if not hasattr(estimator, "get_params") or getattr(estimator, "net", None) is not None:
        return {}
    space = dict(_of_class(_SPACES, estimator, {}))
    part, default, stand_in = _of_class(_PARTS, estimator, (None, None, None))
    if part is not None:
        inner = getattr(estimator, part)
        if stand_in is not None and inner == default:
            space[part] = [stand_in]
            inner = stand_in
        space |= _prefixed(part, search_space(inner))
    return space


def describe_spaces():
    """All search spaces of the models that ``sktech compare`` knows.

    Returns
    -------
    frame : DataFrame
        One row per parameter: columns ``model``, ``parameter`` and ``values``.

    Examples
    --------
    >>> from sktech.experiment.spaces import describe_spaces
    >>> spaces = describe_spaces().set_index("model")
    >>> spaces.loc["k_nearest_neighbours", "values"].tolist()
    ['1 to 50, whole numbers, log-uniform', 'uniform, distance', '1, 2']
    """
    rows = [
        (model.name, name, ", ".join(map(str, values)) if isinstance(values, list) else str(values))
        for model in choose_models()
        for name, values in search_space(model.estimator).items()
    ]
    return pd.DataFrame(rows, columns=["model", "parameter", "values"])


def _of_class(table, estimator, default):
    """The entry of the first class among the estimator's own and those it comes from."""
    keys = (f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(estimator).__mro__)
    return next((table[key] for key in keys if key in table), default)


def _prefixed(name, space):
    return {f"{name}__{parameter}": values for parameter, values in space.items()}
