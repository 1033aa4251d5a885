"""From objects to plain data.

Each object becomes a node, a list that opens with its kind; nodes stand in one flat list, those of an object's parts
before its own, and the whole is the last. In a node, None, booleans, integers, finite floats and strings stand for
themselves, and ``[k]`` for the object of node k: so what is shared stays shared, and nothing is nested deeply.
"""

import copyreg
import functools
import math
import sys
import types

import numpy as np
import torch
from sklearn.neighbors import BallTree, KDTree
from skorch import NeuralNet

from sktech.persistence._arrays import Arrays, dtype_to_plain
from sktech.persistence._check import BIT_GENERATORS
from sktech.persistence._keys import is_quick
from sktech.persistence._names import FUNCTIONS, name_of

MAX_BITS = 14_000  # of an integer; Python reads no longer ones from text


def encode(obj):
    """An object as plain data and arrays.

    Parameters
    ----------
    obj : object

    Returns
    -------
    nodes : list
    arrays : Arrays

    Raises
    ------
    TypeError
        If there is something inside that cannot be told so; the message says what, and where it sits.
    """
    encoder = _Encoder(type(obj).__name__)
    try:
        encoder.value(obj)
    except RecursionError as error:
        raise TypeError(f"{type(obj).__name__}: objects inside one another, too deep to be saved") from error
    return encoder.nodes, encoder.arrays


class _Encoder:
    def __init__(self, name):
        self.nodes, self.arrays = [], Arrays()
        self._path = [name]
        self._known = {}  # id -> (the object, which so keeps its id, and its reference)

    def value(self, obj, where=""):
        """An object as it stands in a node."""
        kind = type(obj)
        if kind is int and obj.bit_length() > MAX_BITS:
            self._path.append(where)
            self._refuse(f"an integer of {obj.bit_length()} bits")
        if obj is None or kind in (bool, int, str) or (kind is float and math.isfinite(obj)):
            return obj
        if id(obj) in self._known:
            reference = self._known[id(obj)][1]
            if not reference and kind in (tuple, frozenset, functools.partial, np.ndarray):
                self._refuse(f"a {kind.__name__} that holds itself")
            return reference
        reference = []  # filled when the node has got its place, for an object may hold itself
        self._known[id(obj)] = obj, reference
        self._path.append(where)
        node = self._node(obj, kind)
        self._path.pop()
        reference.append(len(self.nodes))
        self.nodes.append(node)
        return reference

    def _values(self, objs):
        return [self.value(obj, f"[{k}]") for k, obj in enumerate(objs)]

    def _pairs(self, pairs):
        return [[self._key(key), self.value(value, f"[{key!r:.40}]")] for key, value in pairs]

    def _key(self, key):
        part = self.value(key, "<key>")
        if not is_quick(key):
            self._refuse(f"the key {key!r:.60}", "cannot be saved: it is a tuple of tuples, or a long one")
        return part

    def _fields(self, fields, where):
        return {name: self.value(value, where.format(name)) for name, value in fields.items()}

    def _node(self, obj, kind):
        encode = _ENCODERS.get(kind)
        if encode is not None:
            return encode(self, obj)
        if isinstance(obj, type):
            return ["class", self._name(obj, "the class")]
        if isinstance(obj, np.generic):
            return self._scalar(obj)
        if isinstance(obj, np.dtype):
            return self._dtype(obj)
        if isinstance(obj, torch.Tensor | types.ModuleType | types.MethodType):
            self._refuse(f"an object of type {kind.__name__}")
        return self._object(obj, kind)

    def _refuse(self, what, why="cannot be saved"):
        raise TypeError(f"{''.join(self._path)}: {what} {why}")

    def _name(self, obj, what):
        try:
            return name_of(obj)
        except (LookupError, AttributeError):
            name = getattr(obj, "__qualname__", repr(obj))
            self._refuse(f"{what} {name}", "cannot be saved: it does not stand at the top of a module, under its name")

    # ------------------------------------------------------------ Python's

    def _dict(self, obj):
        if all(type(key) is str for key in obj):
            return ["dict", self._fields(obj, "[{!r:.40}]")]
        return ["pairs", self._pairs(obj.items())]

    def _set(self, obj):
        return ["set" if type(obj) is set else "frozenset", [self._key(part) for part in obj]]

    def _function(self, obj):
        return ["function", self._name(obj, "the function")]

    def _partial(self, obj):
        if vars(obj):
            self._refuse("a functools.partial with attributes")
        args = self._values(obj.args)
        return ["partial", self.value(obj.func, ".func"), args, self._fields(obj.keywords, ".keywords[{!r:.40}]")]

    # ------------------------------------------------------------ numpy's and torch's

    def _array(self, obj):
        if obj.dtype == object:
            return ["objects", list(obj.shape), self._values(obj.ravel().tolist())]
        try:
            return ["array", *self.arrays.add(obj)]
        except TypeError as error:
            self._refuse(f"an array of type {obj.dtype}", f"cannot be saved: {error}")

    def _masked(self, obj):
        return ["masked", self.value(obj.data, ".data"), self.value(obj.mask, ".mask"), self.value(obj.fill_value)]

    def _scalar(self, obj):
        return ["scalar", self._dtype(obj.dtype)[1], obj.tobytes().hex()]

    def _dtype(self, obj):
        try:
            return ["dtype", dtype_to_plain(obj)]
        except TypeError as error:
            self._refuse(f"the dtype {obj}", f"cannot be saved: {error}")

    def _random_state(self, obj):
        state = obj.get_state(legacy=False)
        if state["bit_generator"] != "MT19937":
            self._refuse(f"a RandomState of {state['bit_generator']}")
        key, position = state["state"]["key"], state["state"]["pos"]
        return ["random_state", self.value(key), position, state["has_gauss"], state["gauss"]]

    def _generator(self, obj):
        state = obj.bit_generator.state
        if state["bit_generator"] not in BIT_GENERATORS:
            self._refuse(f"a Generator of {state['bit_generator']}")
        return ["generator", state["bit_generator"], self.value(state)]

    def _tensor(self, obj):
        if obj.layout is not torch.strided or obj.is_quantized or obj.device.type == "meta":
            self._refuse(f"a tensor of layout {obj.layout} on {obj.device}")
        place = self.arrays.add_tensor(obj)
        return ["tensor", *place, str(obj.device), obj.requires_grad, type(obj) is torch.nn.Parameter]

    # ------------------------------------------------------------ all others: a class and a state

    def _object(self, obj, kind):
        how, args, state, items, pairs = self._parts(obj, kind)
        name = self._name(kind, "an object of the class")
        node = [how, name, self._values(args), self._state(state), self._values(items), self._pairs(pairs)]
        while node[-1] in ([], None):
            node.pop()
        return node

    def _parts(self, obj, kind):
        """How an object is made: by a call of its class or without, its arguments, state, items and pairs."""
        if isinstance(obj, NeuralNet):  # its own words for its state are a pickle
            return "object", (), vars(obj), (), ()
        if isinstance(obj, KDTree | BallTree):  # it is grown anew, for a state of numbers is followed without a look
            data, _, _, _, leaf_size, *_, metric, weight = obj.__getstate__()
            return "call", (data, leaf_size, metric, weight), None, (), ()
        if kind is getattr(sys.modules.get("pandas"), "Index", None):  # of columns, as in X.columns[:3]
            return "call", self._labels(obj), None, (), ()
        try:
            make, args, state, items, pairs, *_ = (*obj.__reduce_ex__(4), None, None, None)
        except Exception as error:
            self._refuse(f"an object of type {kind.__module__}.{kind.__qualname__}", f"cannot be saved: {error}")
        maker = getattr(make, "__name__", "")
        if make is kind:
            how = "call"
        elif (make is copyreg.__newobj__ or maker == "newObj") and args[0] is kind:
            how, args = "object", args[1:]
        elif maker.startswith("__pyx_unpickle_") and args[0] is kind and not (args[2] or state):  # Cython's
            how, args, state = "call", (), None
        else:
            self._refuse(f"an object of type {kind.__module__}.{kind.__qualname__}")
        return how, args, state, items or (), pairs or ()

    def _labels(self, index):
        """What a pandas.Index is called with: texts or numbers, without objects, its type, no copy, and its name."""
        labels = index.to_numpy()
        if labels.dtype.hasobject:
            labels = np.array(labels.tolist(), dtype=str)
        if labels.tolist() != index.tolist() or not isinstance(index.name, str | None):
            self._refuse(
                "a pandas.Index", "cannot be saved: it has labels or a name of other kinds than text and number"
            )
        return labels, str(index.dtype), False, index.name

    def _state(self, state):
        """Attributes by name where they are a dictionary, as they mostly are."""
        if type(state) is dict and all(type(name) is str for name in state):
            return self._fields(state, ".{}")
        return self.value(state)


_ENCODERS = {
    list: lambda self, obj: ["list", self._values(obj)],
    tuple: lambda self, obj: ["tuple", self._values(obj)],
    dict: _Encoder._dict,
    set: _Encoder._set,
    frozenset: _Encoder._set,
    float: lambda self, obj: ["float", str(obj)],
    complex: lambda self, obj: ["complex", obj.real.hex(), obj.imag.hex()],
    bytes: lambda self, obj: ["bytes", obj.hex()],
    bytearray: lambda self, obj: ["bytearray", obj.hex()],
    **dict.fromkeys(FUNCTIONS, _Encoder._function),
    functools.partial: _Encoder._partial,
    np.ndarray: _Encoder._array,
    np.memmap: _Encoder._array,
    np.ma.MaskedArray: _Encoder._masked,
    np.random.RandomState: _Encoder._random_state,
    np.random.Generator: _Encoder._generator,
    torch.Tensor: _Encoder._tensor,
    torch.nn.Parameter: _Encoder._tensor,
    torch.dtype: lambda self, obj: ["torch_dtype", str(obj).removeprefix("torch.")],
    torch.device: lambda self, obj: ["torch_device", str(obj)],
    torch.Size: lambda self, obj: ["torch_size", list(obj)],
}
