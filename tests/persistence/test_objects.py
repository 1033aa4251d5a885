"""Whatever an estimator holds is told in plain data, and comes back as it was."""

import functools
import os
import tempfile
from collections import OrderedDict, defaultdict

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from sklearn.metrics import log_loss
from sklearn.neighbors import BallTree, KDTree
from sklearn.tree import DecisionTreeClassifier

from sktech.persistence import ModelFileError
from sktech.persistence._container import read, write
from sktech.persistence._decode import decode
from sktech.persistence._encode import encode


def there_and_back(obj, **trusted):
    nodes, arrays = encode(obj)
    with tempfile.TemporaryDirectory() as folder:
        write(os.path.join(folder, "file"), nodes, arrays.to_bytes())
        return decode(*read(os.path.join(folder, "file")), **trusted)[0]


def same(a, b):
    """Equal in type and content, NaN included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        if a.dtype == object:
            return a.shape == b.shape and all(map(same, a.ravel().tolist(), b.ravel().tolist()))
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, torch.Tensor):
        bits = [tensor.detach().contiguous().reshape(-1).view(torch.uint8) for tensor in (a, b)]
        return a.dtype == b.dtype and a.shape == b.shape and torch.equal(*bits) and a.requires_grad == b.requires_grad
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a.keys()), list(b.keys())) and same(list(a.values()), list(b.values()))
    return repr(a) == repr(b)


@pytest.mark.parametrize(
    "obj",
    [
        [None, True, 0, -1, 2**200, 0.1, -0.0, 5e-324, "", "ä\n\ud800", b"\x00\xff", bytearray(b"ab"), 1 + 2j],
        [float("nan"), float("inf"), -float("inf"), complex(float("nan"), -0.0)],
        [(), (1, ("a", [2])), [[]], {}, set(), {1, 2}, frozenset("a"), range(3), slice(None, 2)],
        {"a": 1, 1: "b", None: 2, 1.5: 3, (1, "a"): 4, True + 1: 5, b"k": 6, float("inf"): 7},
        ["\ud800\udfff", "\udfff\ud800", "\ud800", "\U000103ff", {"\ud83d\ude00": "\ud83d\ude00"}],
        [10**4200, -(10**4200), slice("a", "c"), defaultdict(functools.partial(np.clip, a_min=0))],
        OrderedDict([("b", 1), ("a", 2)]),
        defaultdict(list, {"a": [1]}),
        functools.partial(log_loss, labels=[0, 1]),
        [np.log1p, log_loss, print, int, np.ndarray, np.float32, torch.optim.AdamW, torch.nn.Linear],
    ],
)
def test_plain_objects(obj):
    assert same(there_and_back(obj), obj)


ARRAY_DTYPES = "? i1 i8 >i4 u2 u8 f2 f4 f8 >f8 g c8 c16 S3 U5 >U5 V3 M8[ns] M8[D] m8[us] O"
TENSOR_DTYPES = "float64 float32 float16 bfloat16 float8_e4m3fn int64 int32 int16 int8 uint8 uint32 bool complex64"


@pytest.mark.parametrize("dtype", ARRAY_DTYPES.split(" "))
def test_arrays_of_every_type(dtype):
    rng = np.random.default_rng(0)
    values = rng.integers(0, 100, 24)
    array = (
        np.full(24, b"ab", "V3")
        if dtype == "V3"
        else values.astype(str).astype(dtype if "S" in dtype or "U" in dtype else float).astype(dtype)
    )
    cube = array.reshape(2, 3, 4)
    cases = [
        array,
        cube,
        cube.T,
        cube.transpose(1, 0, 2),
        array[::-2],
        cube[:, 1:, ::2],
        array[:0],
        array[:1].reshape(()),
    ]
    for case in [*cases, np.broadcast_to(array[:1], (3, 2))]:
        back = there_and_back(case)
        assert same(back, case)
        assert back.flags.writeable
    for scalar in array[:2].tolist() if dtype in ("O", "V3") else array[:2]:
        assert same(there_and_back([scalar]), [scalar])


def test_arrays_keep_the_order_of_their_axes():
    array = np.arange(24.0).reshape(2, 3, 4)
    for case in (array, np.asfortranarray(array), array.transpose(1, 2, 0)):
        assert there_and_back(case).strides == case.strides
        assert there_and_back(torch.tensor(array).permute(1, 2, 0)).stride() == (4, 1, 12)


def test_structured_masked_and_object_arrays():
    points = np.zeros(3, np.dtype([("x", "<f4"), ("k", "<i8")], align=True))
    points["x"] = [1, np.nan, 3]
    assert same(there_and_back(points), points)
    back = there_and_back([points[2], points[0], points[:0], np.zeros(3, "V0")])
    assert back[1].dtype == points.dtype
    assert back[1] == points[0]
    assert same(back[2:], [points[:0], np.zeros(3, "V0")])
    masked_points = np.ma.MaskedArray(points, [(True, False)] * 3)
    back = there_and_back(masked_points)
    assert same(back.data, points)
    assert same(back.mask, masked_points.mask)
    assert there_and_back(np.ma.MaskedArray([1.0, 2.0])).mask is np.ma.nomask
    shared = [1]
    objects = np.array([[None, "a"], [shared, float("nan")], [np.float32(2), shared]], dtype=object)
    back = there_and_back(objects)
    assert same(back, objects)
    assert back[1, 0] is back[2, 1]
    masked = np.ma.MaskedArray([1.0, 2.0], [True, False], fill_value=7.0)
    back = there_and_back(masked)
    assert same(back.data, masked.data)
    assert same(back.mask, masked.mask)
    assert back.fill_value == 7


@pytest.mark.parametrize("kind", ["csr_matrix", "csc_array", "coo_matrix", "bsr_array", "dia_matrix"])
def test_sparse_matrices(kind):
    matrix = getattr(scipy.sparse, kind)(np.diag([1.0, 0, 3]))
    back = there_and_back(matrix)
    assert type(back) is type(matrix)
    assert np.array_equal(back.toarray(), matrix.toarray())


@pytest.mark.parametrize("dtype", TENSOR_DTYPES.split(" "))
def test_tensors_of_every_type(dtype):
    tensor = torch.arange(12).to(getattr(torch, dtype)).reshape(3, 4)
    for case in (tensor, tensor.T, tensor[1:, ::2], tensor[:0], tensor[1, 1], tensor[:1].expand(5, 4)):
        assert same(there_and_back(case), case)


def test_parameters_and_views():
    weight = torch.nn.Parameter(torch.tensor([1.0, float("nan"), -float("inf"), -0.0]))
    frozen = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    assert same(there_and_back([weight, frozen, weight.detach()]), [weight, frozen, weight.detach()])
    _nodes, arrays = encode(torch.zeros(1_000_000)[:3])
    assert len(arrays.to_bytes()) < 200, "a view stores what it shows"


def test_what_is_shared_stays_shared():
    weight, array, settings = torch.nn.Parameter(torch.ones(2)), np.ones(2), {"a": 1}
    back = there_and_back({"x": [weight, array, settings], "y": (weight, array, settings), weight: "state"})
    assert all(a is b for a, b in zip(back["x"], back["y"], strict=True))
    assert back[back["x"][0]] == "state"


def test_objects_may_hold_themselves():
    family = {"children": [], "module": torch.nn.Sequential()}
    family["children"].append(family)
    family["module"].register_module("inner", torch.nn.Identity())
    family["module"].inner.__dict__["outer"] = family["module"]
    back = there_and_back(family)
    assert back["children"][0] is back
    assert back["module"].inner.outer is back["module"]
    knot = ([],)
    knot[0].append(knot)
    with pytest.raises(TypeError, match="tuple that holds itself"):
        encode(knot)


@pytest.mark.parametrize("kind", ["RandomState", "PCG64", "PCG64DXSM", "SFC64"])
def test_random_states_go_on_where_they_were(kind):
    state = getattr(np.random, kind)(3)
    state = state if kind == "RandomState" else np.random.Generator(state)
    state.normal(size=5)
    back = there_and_back(state)
    assert np.array_equal(back.normal(size=7), state.normal(size=7))


def test_torch_words():
    words = [torch.float32, torch.bfloat16, torch.device("cpu"), torch.Size([2, 3])]
    assert same(there_and_back(words), words)


def test_objects_of_scikit_learns_in_c():
    X = np.random.default_rng(0).normal(size=(50, 3))
    for kind in (KDTree, BallTree):
        for metric, weight in (("manhattan", None), ("minkowski", np.arange(1.0, 51))):
            tree = kind(X, leaf_size=3, metric=metric, sample_weight=weight)
            back = there_and_back(tree)
            assert all(map(np.array_equal, back.get_arrays(), tree.get_arrays()))
            assert same(back.query(X[:5], 3), tree.query(X[:5], 3))
            assert same(back.kernel_density(X[:5], 0.5), tree.kernel_density(X[:5], 0.5))
    tree = DecisionTreeClassifier(max_depth=3).fit(X, X[:, 1] * X[:, 0] > 0).tree_
    back = there_and_back(tree)
    assert np.array_equal(back.__getstate__()["nodes"], tree.__getstate__()["nodes"])
    assert np.array_equal(back.predict(X.astype(np.float32)), tree.predict(X.astype(np.float32)))


@pytest.mark.parametrize(
    "index",
    [
        pd.DataFrame({"a": [1], "größe": [2]}).columns,
        pd.Index(["a", "", "\n"], dtype=object, name="columns"),
        pd.Index(["a"], dtype="string"),
        pd.Index([3, -1]),
        pd.Index([0.5, np.inf]),
        pd.Index([True, False]),
        pd.Index([], dtype=object),
    ],
    ids=repr,
)
def test_labels_of_pandas(index):
    pd.testing.assert_index_equal(there_and_back([index])[0], index, exact=True)


def test_optimisers_keep_their_state():
    module = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(module.parameters(), lr=0.1, fused=True)
    module(torch.ones(4, 3)).sum().backward()
    optimizer.step()
    other, same_optimizer = there_and_back([module, optimizer])
    assert same_optimizer.param_groups[0]["params"][0] is other.weight
    for net, step in ((module, optimizer), (other, same_optimizer)):
        step.zero_grad()
        net(torch.ones(2, 3)).square().sum().backward()
        step.step()
    assert same(other.state_dict(), module.state_dict())


def a_function():
    """Stands at the top of a module."""


class Outer:
    class Inner:
        pass


class Slots:
    __slots__ = ("a", "b")


class Tuple:
    def __init__(self, shared):
        self.shared = shared

    def __getstate__(self):
        return self.shared, 1

    def __setstate__(self, state):
        self.shared, _ = state


def test_states_of_others_are_taken_as_they_were_given():
    slots, shared = Slots(), {"k": 1}
    slots.a, slots.b = 1, shared
    trusted = [f"{__name__}.{name}" for name in ("Slots", "Tuple")]
    back = there_and_back([slots, Tuple(shared), Tuple(shared), Slots()], trusted=trusted)
    assert (back[0].a, back[0].b) == (1, {"k": 1})
    assert back[0].b is back[1].shared is back[2].shared
    assert not hasattr(back[3], "a")


def test_names_of_others_need_trust():
    nodes, arrays = encode([a_function, Outer.Inner, Outer()])
    names = [f"{__name__}.{name}" for name in ("a_function", "Outer.Inner", "Outer")]
    with pytest.raises(ModelFileError) as refused:
        decode(nodes, arrays.to_bytes())
    assert all(name in str(refused.value) for name in names)
    back, _ = decode(nodes, arrays.to_bytes(), names)
    assert back[:2] == [a_function, Outer.Inner]
    assert type(back[2]) is Outer
    with pytest.raises(ModelFileError, match=r"Outer\.Inner"):
        decode(nodes, arrays.to_bytes(), names[:1])


def closure():
    return None


@pytest.mark.parametrize(
    ("obj", "what"),
    [
        ({"a": [1, lambda: 0]}, r"dict\['a'\]\[1\]: the function .*lambda"),
        ({"a": functools.partial(lambda: 0)}, r"dict\['a'\]\.func: the function"),
        ([type("Local", (), {})()], r"list\[0\]: an object of the class Local"),
        ([(k for k in "ab")], r"list\[0\]: an object of type builtins\.generator"),
        ([np], "module"),
        ([np.random.Generator(np.random.Philox())], "Generator of Philox"),
        ([np.random.RandomState(np.random.PCG64())], "RandomState of PCG64"),
        ([[].append], "builtin_function_or_method|append"),
        ([torch.ones(2).to_sparse()], "layout"),
        ([torch.ones(2, device="meta")], "meta"),
        ({(1, (2, 3)): 4}, "tuple of tuples"),
        ({(0,) * 2000: 4}, "a long one"),
        ({"a": [10**5000]}, r"dict\['a'\]\[0\]: an integer of \d+ bits"),
        ([np.zeros(2, [(("title", "x"), "f4")])], "no array of type"),
        ([np.dtype(("i4", 3))], "dtype"),
        ([pd.Index(["a", 1])], r"list\[0\]: a pandas.Index"),
        ([pd.Index(["a", None])], "pandas.Index"),
        ([pd.Index(["a"], name=("b", 1))], "pandas.Index"),
        ([pd.MultiIndex.from_tuples([(1, 2)])], "pandas.MultiIndex"),
        (torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 2)), "Parametrized"),
    ],
)
def test_what_cannot_be_saved_is_named_with_its_place(obj, what):
    with pytest.raises(TypeError, match=what):
        encode(obj)


def test_what_is_too_deep_is_refused():
    deep = []
    for _ in range(10_000):
        deep = [deep]
    with pytest.raises(TypeError, match="too deep"):
        encode(deep)
