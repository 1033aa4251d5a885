"""While a file of anybody's is loaded, nothing is called, read from elsewhere, or made larger than it is."""

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save as save_arrays
from sklearn.preprocessing import StandardScaler

from sktech import load, save

NET = "sktech:NetClassifier"
PRINT = [["function", "builtins:print"], ["partial", [0], ["executed"], {}]]
ADDRESS = [
    ["list", [4096, False]],
    ["tuple", [4096, False]],
    ["tuple", [10]],
    ["dict", {"data": [1], "shape": [2], "typestr": "<f8", "version": 3}],
    ["object", NET, [], {"__array_interface__": [3]}],
]
POINTS = ["array", "0", "<f8", [4, 2], [0, 1]]
MANY = [["array", "0", "<f8", [8], [0]] for _ in range(3)]


def thing(**attributes):
    return ["object", NET, [], attributes]


def folded(open_node):
    """Lists (or others) of the last one, twice: short in a file, and of 2**60 parts for whoever walks along them."""
    return [open_node([1, 2]), *(open_node([[k], [k]]) for k in range(60))]


LISTS = folded(lambda parts: ["list", parts])
KNOT = [["list", [[1], [1]]], ["list", [[0], [0]]]]
NAMED = folded(lambda parts: ["object", "sktech.ensemble:Uncertainty", parts])
ISOTONIC = "sklearn.isotonic:IsotonicRegression"


def isotonic(k):
    return ["object", ISOTONIC, [], {"X_thresholds_": [k], "y_thresholds_": [k], "out_of_bounds": "nan"}]


CALLED = {
    "a distance": [*PRINT, POINTS, ["call", "sklearn.neighbors:BallTree", [[2], 1, [1], None]]],
    "a known function as a distance": [
        ["function", "sklearn.metrics:accuracy_score"],
        ["dict", {}],
        ["array", "1", "<f8", [1], [0]],
        ["array", "2", "<f8", [1, 1], [0, 1]],
        ["tuple", [2.0, [2], [3], [0], [1]]],
        ["object", "sklearn.metrics._dist_metrics:PyFuncDistance64", [], [4]],
        POINTS,
        ["call", "sklearn.neighbors:BallTree", [[6], 1, [5], None]],
    ],
    "an array": [*PRINT, thing(__array__=[1]), ["masked", [2], False, None]],
    "keys": [*PRINT, thing(keys=[1]), ["call", "collections:OrderedDict", [[2]]]],
    "a tensor": [*PRINT, thing(detach=[1]), ["object", "torch.nn:Parameter", [[2], False]]],
    "groups": [
        *PRINT,
        thing(setdefault=[1]),
        ["list", [[2]]],
        ["dict", {}],
        ["object", "torch.optim:SGD", [], {"defaults": [4], "state": [4], "param_groups": [3]}],
    ],
    "a state": [*PRINT, thing(keys=[1]), ["object", "sktech.smoothing:LabelSmoothing", [], [2]]],
    "a state of a net": [*PRINT, thing(get=[1]), ["object", "skorch:NeuralNet", [], [2]]],
    "attributes": [*PRINT, thing(keys=[1]), ["tuple", [[2], None]], ["object", "scipy.sparse:csr_array", [], [3]]],
    "slots": [*PRINT, thing(items=[1]), ["tuple", [None, [2]]], ["object", "scipy.sparse:csr_array", [], [3]]],
    "nodes": [
        *PRINT,
        thing(dtype=1, astype=[1]),
        ["object", "sklearn.ensemble._hist_gradient_boosting.predictor:TreePredictor", [], {"nodes": [2]}],
    ],
}
ADDRESSED = {
    "an attribute": [*ADDRESS[:4], thing(__array_interface__=[3])],
    "of a GPU": [*ADDRESS[:4], thing(__cuda_array_interface__=[3])],
    "a key": [*ADDRESS[:4], ["object", "sklearn.utils:Bunch", [], None, [], [["__array_interface__", [3]]]]],
    "a key of numpy's": [
        *ADDRESS[:4],
        ["scalar", "<U19", np.str_("__array_interface__").tobytes().hex()],
        ["object", "sklearn.utils:Bunch", [], None, [], [[[4], [3]]]],
    ],
    "a state": [*ADDRESS[:4], ["dict", {"__array_interface__": [3]}], ["object", NET, [], [4]]],
}
FOREVER = {
    "numbers": [*LISTS, ["masked", [60], False, None]],
    "a mask": [MANY[0], *(["list", [[k], [k]]] for k in range(60)), ["masked", [0], [60], None]],
    "a filling": [MANY[0], *(["list", [[k], [k]]] for k in range(60)), ["masked", [0], False, [60]]],
    "a knot": [*KNOT, ["masked", [0], False, None]],
    "thresholds": [*LISTS, isotonic(60)],
    "thresholds in a knot": [*KNOT, isotonic(0)],
    "a version": [*LISTS, ["object", "sklearn.preprocessing:StandardScaler", [], {"_sklearn_version": [60]}]],
    "points": [*LISTS, ["call", "sklearn.neighbors:KDTree", [[60], 1, "euclidean", None]]],
    "a metric": [*LISTS, POINTS, ["call", "sklearn.neighbors:KDTree", [[61], 1, [60], None]]],
    "a key": [*NAMED, ["pairs", [[[60], 1]]]],
    "a key inside a key": [*NAMED, ["tuple", [[60]]], ["pairs", [[[61], 1]]]],
    "a member": [*NAMED, ["set", [[60]]]],
    "a long key": [["tuple", [1.5] * 100_000], ["pairs", [[[0], 1]] * 100_000]],
    "an array in a name": [
        *LISTS,
        ["object", "sklearn.gaussian_process.kernels:Hyperparameter", ["a", "b", [60], 1], 3],
    ],
    "layers": [
        ["list", [1]],
        ["list", [[0]]],
        [
            "object",
            "torch.nn:GRU",
            [],
            {"_all_weights": [1], "num_layers": 10**9, "bidirectional": False, "bias": True},
        ],
    ],
    "layers of a parameter": [
        ["list", [1]],
        ["list", [[0]]],
        ["dict", {"_all_weights": [1]}],
        ["object", "torch.nn:GRU", [], {"_parameters": [2], "num_layers": 10**9, "bidirectional": False, "bias": True}],
    ],
}
LABELS = ["call", "pandas:Index", [[0], "float64", False, None]]
MUCH = {
    "labels twice": [MANY[0], LABELS, LABELS, ["list", [[1], [2]]]],
    "labels from a range": [
        ["call", "builtins:range", [10**12]],
        ["call", "pandas:Index", [[0], "int64", False, None]],
        ["list", [[1]]],
    ],
    "an array twice": [*MANY, ["list", [[0], [1], [2]]]],
    "a tensor twice": [["tensor", "0", "float64", [8], [0], "cpu", False, False]] * 2 + [["list", [[0], [1]]]],
    "a partial of partials": [PRINT[0], *(["partial", [k], [1] * 1000, {}] for k in range(3000))],
    "a state twice": [["dict", {"net": 1}], ["object", NET, [], [0]], ["object", NET, [], [0]], ["list", [[1], [2]]]],
    "attributes twice": [
        ["dict", {"net": 1}],
        ["tuple", [[0], None]],
        ["tuple", [[0], None]],
        ["object", NET, [], [1]],
        ["object", NET, [], [2]],
        ["list", [[3], [4]]],
    ],
    "thresholds twice": [MANY[0], isotonic(0), isotonic(0), ["list", [[1], [2]]]],
    "a short mask": [MANY[0], ["array", "1", "|b1", [1], [0]], ["masked", [0], [1], None]],
    "a mask of one word": [MANY[0], ["masked", [0], True, None]],
    "a tensor of a size": [["object", "torch.optim.lr_scheduler:Tensor", [10**9]]],
    "arguments of an error": [
        ["call", "builtins:range", [10**12]],
        ["object", "sktech.classifiers._best:StopTraining", [], {"args": [0]}],
    ],
    "a size of a kernel": [
        ["array", "0", "<f8", [8], [0]],
        ["object", "sklearn.gaussian_process.kernels:Hyperparameter", ["a", "b", [0], 10**9], {"a": 1}, [1]],
    ],
}
FILES = {
    f"{group} {name}": nodes
    for group, members in (("called", CALLED), ("address", ADDRESSED), ("for ever", FOREVER), ("much", MUCH))
    for name, nodes in members.items()
}


def arrays_of(nodes):
    """The arrays that nodes ask for, each once."""
    wanted = {node[1]: node for node in nodes if node[0] in ("array", "tensor")}
    return {name: np.arange(np.prod(node[3])).reshape(node[3]).astype(node[2]) for name, node in wanted.items()}


# In a process of its own, which ends if it has no answer in time or wants more memory than a file could need.
LOAD = """
import resource, signal, sys, warnings
import sktech, sktech.ensemble

warnings.simplefilter("ignore")
allowed = 2**30 + 1024 * int(next(line for line in open("/proc/self/status") if line.startswith("VmSize")).split()[1])
resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))
for path in sys.argv[1:]:
    signal.alarm(20)
    try:
        sktech.load(path)
    except sktech.persistence.ModelFileError as error:
        assert "MemoryError" not in str(error) and "no object" not in str(error), (path, error)
    else:
        raise AssertionError(f"{path} was loaded")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the memory of a process")
@pytest.mark.parametrize("group", ["called", "address", "for ever", "much"])
def test_nothing_is_called_followed_or_blown_up_while_a_file_is_loaded(tmp_path, archive, group):
    save(StandardScaler(), tmp_path / "good")
    members, paths = archive.read(tmp_path / "good"), []
    for name, nodes in FILES.items():
        if name.startswith(group):
            nodes = [*nodes, ["object", NET, [], {"net": [len(nodes) - 1]}]]
            objects, arrays = json.dumps(nodes).encode(), save_arrays(arrays_of(nodes))
            paths.append(tmp_path / name)
            archive.write(paths[-1], archive.signed(members | {"objects.json": objects, "arrays.safetensors": arrays}))
    assert paths
    command, env = [sys.executable, "-c", LOAD, *paths], {"PYTHONPATH": ":".join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_good_file_may_hold_what_looks_alike(tmp_path, archive):
    save(StandardScaler(), tmp_path / "good")
    nodes = [POINTS, ["tuple", [1, 2]], ["pairs", [[[1], 1]]], ["call", "builtins:slice", ["a", "b"]]]
    nodes.append(thing(net=[0], lr=[2], optimizer=[3]))
    objects, arrays = json.dumps(nodes).encode(), save_arrays(arrays_of(nodes))
    members = archive.read(tmp_path / "good") | {"objects.json": objects, "arrays.safetensors": arrays}
    archive.write(tmp_path / "good", archive.signed(members))
    loaded = load(tmp_path / "good")
    assert loaded.net.shape == (4, 2)
    assert loaded.lr == {(1, 2): 1}
    assert loaded.optimizer == slice("a", "b")
