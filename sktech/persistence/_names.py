"""The names that a file may use for classes and functions: an allow-list, asked before anything is imported.

A name is written "module:Class", by the shortest public path that leads there, so that files outlive moves between
private modules.
"""

import importlib
import sys
import types

import numpy as np

from sktech.persistence._error import ModelFileError

# Classes of these modules may be made if their names have no underscore in front.
_OPEN = frozenset(
    [
        "sklearn.calibration",
        "sklearn.cluster",
        "sklearn.compose",
        "sklearn.covariance",
        "sklearn.cross_decomposition",
        "sklearn.decomposition",
        "sklearn.discriminant_analysis",
        "sklearn.dummy",
        "sklearn.ensemble",
        "sklearn.feature_extraction",
        "sklearn.feature_extraction.image",
        "sklearn.feature_extraction.text",
        "sklearn.feature_selection",
        "sklearn.frozen",
        "sklearn.gaussian_process",
        "sklearn.gaussian_process.kernels",
        "sklearn.impute",
        "sklearn.isotonic",
        "sklearn.kernel_approximation",
        "sklearn.kernel_ridge",
        "sklearn.linear_model",
        "sklearn.manifold",
        "sklearn.metrics",
        "sklearn.mixture",
        "sklearn.model_selection",
        "sklearn.multiclass",
        "sklearn.multioutput",
        "sklearn.naive_bayes",
        "sklearn.neighbors",
        "sklearn.neural_network",
        "sklearn.pipeline",
        "sklearn.preprocessing",
        "sklearn.random_projection",
        "sklearn.semi_supervised",
        "sklearn.svm",
        "sklearn.tree",
        "sklearn._loss._loss",
        "sklearn._loss.link",
        "sklearn._loss.loss",
        "sklearn.ensemble._hist_gradient_boosting.predictor",
        "sklearn.linear_model._sgd_fast",
        "sklearn.metrics._dist_metrics",
        "sklearn.neural_network._stochastic_optimizers",
        "torch.nn",
        "torch.optim",
        "torch.optim.lr_scheduler",
        "torch.optim.swa_utils",
    ]
)
# And these classes; no callback of skorch's that writes files or talks to other programs.
_CLASSES = {
    "sklearn.calibration": {"_CalibratedClassifier", "_SigmoidCalibration", "_TemperatureScaling"},
    "sklearn.cluster._birch": {"_CFNode", "_CFSubcluster"},
    "sklearn.cluster._bisect_k_means": {"_BisectingTree"},
    "sklearn.compose._column_transformer": {"_RemainderColsList"},
    "sklearn.ensemble._hist_gradient_boosting.binning": {"_BinMapper"},
    "sklearn.gaussian_process._gpc": {"_BinaryGaussianProcessClassifierLaplace"},
    "sklearn.metrics._scorer": {"_CurveScorer", "_MultimetricScorer", "_PassthroughScorer", "_Scorer"},
    "sklearn.impute._iterative": {"_ImputerTriplet"},
    "sklearn.multiclass": {"_ConstantPredictor"},
    "sklearn.utils": {"Bunch"},
    "sklearn.utils._metadata_requests": {"MetadataRequest", "MethodMetadataRequest", "MethodMapping"},
    "scipy.interpolate": {"BSpline"},
    "scipy.sparse": {f"{kind}_{form}" for kind in ("csr", "csc", "coo", "bsr", "dia") for form in ("matrix", "array")},
    "skorch": {"History", "NeuralNet", "NeuralNetBinaryClassifier", "NeuralNetClassifier", "NeuralNetRegressor"},
    "skorch.callbacks": {
        *("BatchScoring", "EarlyStopping", "EpochScoring", "EpochTimer", "Freezer", "GradientNormClipping"),
        *("Initializer", "InputShapeSetter", "LRScheduler", "ParamMapper", "PassthroughScoring", "PrintLog"),
        *("ProgressBar", "Unfreezer", "WarmRestartLR"),
    },
    "skorch.dataset": {"Dataset", "ValidSplit"},
    "skorch.history": {"History"},
}
# These may be named, and made by a kind of their own if at all.
_NAMED_ONLY = {
    "builtins": {
        kind.__name__ for kind in (bool, bytearray, bytes, complex, dict, float, int, list, object, set, str, tuple)
    },
    "numpy": {"ndarray"} | {kind.__name__ for kind in np.sctypeDict.values()},
    "torch.utils.data": {"DataLoader"},
}
# These are made by a call, and nothing of theirs grows with a number in it.
_CALLED = {
    "builtins": {"range", "slice"},
    "collections": {"OrderedDict", "defaultdict"},
    "pandas": {"Index"},
    "sklearn.neighbors": {"BallTree", "KDTree"},
    "sklearn.tree._tree": {"Tree"},
}
_CALLED_MODULES = frozenset({"sklearn._loss._loss", "sklearn.linear_model._sgd_fast"})
# These are where they are only after a module of sklearn.experimental has been imported.
_EXPERIMENTAL = {
    "sklearn.impute:IterativeImputer": "enable_iterative_imputer",
    "sklearn.model_selection:HalvingGridSearchCV": "enable_halving_search_cv",
    "sklearn.model_selection:HalvingRandomSearchCV": "enable_halving_search_cv",
}
# Those that estimators refer to by themselves, and some that steps of pipelines are often made of.
_FUNCTIONS = {
    "builtins": {"print"},
    "numpy": {"clip", "max", "mean", "median", "min", "nan_to_num", "nanmean", "nanmedian", "std", "sum", "var"},
    "scipy._lib.array_api_compat.numpy._aliases": {"asarray"},
    "sklearn.cluster._kmeans": {"_kmeans_single_elkan", "_kmeans_single_lloyd"},
    "skorch.setter": {"optimizer_setter"},
    "skorch.utils": {
        *("_indexing_dict", "_indexing_list_tuple_of_data", "_indexing_ndframe", "_indexing_none", "_indexing_other"),
        *("_make_split", "noop", "to_numpy"),
    },
    "sktech.training.schedules": {"linear"},
}
# Their public functions: scores, distances and steps of pipelines.
_FUNCTION_MODULES = frozenset(
    {"sklearn.feature_selection", "sklearn.metrics", "sklearn.metrics.pairwise", "sklearn.preprocessing"}
)
# Only those that work number by number, for numpy also has functions that read and write files.
_UFUNC_MODULES = ("numpy", "scipy.special")

#: What functions are objects of; those of numpy's that other libraries may replace have a type of their own.
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, type(np.mean), np.ufunc)


def name_of(obj):
    """What a class or a function is called in a file.

    Raises
    ------
    LookupError
        If it does not stand in a module under its name: a local class, a closure, a lambda.
    """
    if isinstance(obj, np.ufunc):
        for module in _UFUNC_MODULES:
            if getattr(sys.modules.get(module), obj.__name__, None) is obj:
                return f"{module}:{obj.__name__}"
        raise LookupError(obj.__name__)
    is_known = is_known_class if isinstance(obj, type) else is_known_function
    parts = _home(obj).split(".")
    for n in range(1, len(parts) + 1):
        module = ".".join(parts[:n])
        name = f"{module}:{obj.__qualname__}"
        if _find(sys.modules.get(module), obj.__qualname__) is obj and (n == len(parts) or is_known(name)):
            return name
    raise LookupError(obj.__qualname__)


def is_known_class(name):
    """Whether a class may be named without anybody's trust."""
    module, _, name = name.partition(":")
    return _may_be_made(module, name) or _may_be_called(module, name) or name in _NAMED_ONLY.get(module, ())


def is_known_function(name):
    """Whether a function may be named without anybody's trust."""
    module, _, name = name.partition(":")
    return (
        name in _FUNCTIONS.get(module, ())
        or (module in _FUNCTION_MODULES and _is_plain(name))
        or (module in _UFUNC_MODULES and isinstance(getattr(sys.modules.get(module), name, None), np.ufunc))
    )


def may_be_made(name):
    """Whether objects of a class may be made without a call, and given a state."""
    module, _, name = name.partition(":")
    return _may_be_made(module, name)


def may_be_called(name):
    """Whether objects may be made by calling their class."""
    module, _, name = name.partition(":")
    return _may_be_called(module, name)


def find(name, kinds):
    """The class or function of a name that is known or trusted.

    Parameters
    ----------
    name : str
        As ``name_of`` gives it.
    kinds : type or tuple of types
        ``type``, or FUNCTIONS.

    Raises
    ------
    ModelFileError
        If there is none.
    """
    module, _, qualname = name.partition(":")
    try:
        if name in _EXPERIMENTAL:
            importlib.import_module(f"sklearn.experimental.{_EXPERIMENTAL[name]}")
        found = _find(importlib.import_module(module), qualname)
    except ImportError as error:
        raise ModelFileError(f"expected {shown(name)}, found none here: {error}") from error
    # Not what a module has imported from elsewhere.
    is_own = isinstance(found, np.ufunc) or _home(found).split(".")[0] == module.split(".")[0]
    if not isinstance(found, kinds) or not is_own:
        raise ModelFileError(f"expected {shown(name)}, found none here")
    return found


def shown(name):
    """A name as users write it."""
    return name.replace(":", ".", 1)


def _home(obj):
    """The module that something stands in; the losses of older versions of scikit-learn's tell another."""
    module = getattr(obj, "__module__", None) or ""
    return "sklearn._loss._loss" if module == "_loss" else module


def _find(module, qualname):
    """What a dotted name leads to, through classes only."""
    found = module
    for k, part in enumerate(qualname.split(".")):
        found = getattr(found, part, None) if k == 0 or isinstance(found, type) else None
    return found


def _may_be_made(module, name):
    if name in _CLASSES.get(module, ()):
        return True
    return _is_plain(name) and (module in _OPEN or _is_own(module)) and not _may_be_called(module, name)


def _may_be_called(module, name):
    return name in _CALLED.get(module, ()) or (module in _CALLED_MODULES and _is_plain(name))


def _is_own(module):
    """Whether a module is one of the library's, but for those that start programs and read files."""
    parts = module.split(".")
    kept_out = not all(map(str.isidentifier, parts)) or any(part.startswith("__") for part in parts)
    return parts[0] == "sktech" and parts[1:2] not in (["experiment"], ["persistence"]) and not kept_out


def _is_plain(name):
    return name.isidentifier() and not name.startswith("_")
