"""From plain data to objects, as ``_encode`` has told them: in the order of their nodes, without recursion."""

import functools
import math
import types
from reprlib import repr as shortened

import numpy as np
import torch
from sklearn.tree._tree import Tree
from skorch import NeuralNet

from sktech.persistence import _names
from sktech.persistence._arrays import StoredArrays, plain_to_dtype, torch_dtype
from sktech.persistence._check import BIT_GENERATORS, check
from sktech.persistence._devices import Devices
from sktech.persistence._error import ModelFileError


def decode(nodes, arrays, trusted=()):
    """The object that was encoded.

    Parameters
    ----------
    nodes : object
        Plain data, from anybody.
    arrays : bytes
    trusted : collection of str, default=()
        Names of classes and functions that may be used besides those of the allow-list.

    Returns
    -------
    obj : object
    devices : Devices
        What was put elsewhere than it was.

    Raises
    ------
    ModelFileError
        Whatever is wrong.
    """
    check(nodes, frozenset(trusted))
    stored = StoredArrays(arrays)
    decoder = _Decoder(nodes, stored)
    try:
        obj = decoder.build()
    except (ModelFileError, Warning):  # a warning is one where the caller wants an error of it
        raise
    except Exception as error:  # from the classes themselves, of states that are none of theirs
        raise ModelFileError(f"what the file says of its objects makes none: {error!r:.200}") from error
    stored.check_all_read()
    return obj, decoder.devices


class _Decoder:
    def __init__(self, nodes, arrays):
        self.devices = Devices()
        self._nodes, self._arrays = nodes, arrays
        self._built = []
        self._ahead = {}  # objects that are referred to before their turn, still empty

    def build(self):
        for k, (kind, *parts) in enumerate(self._nodes):
            if kind in _FILLED:
                make, fill = _FILLED[kind]
                obj = self._ahead.pop(k) if k in self._ahead else make(self, *parts)
                fill(self, obj, *parts)
            else:
                obj = _BUILT[kind](self, *parts)
            self._built.append(obj)
        if self._ahead:
            raise ModelFileError("objects that refer to others which are not there")
        return self._built[-1]

    def value(self, part):
        if type(part) is not list:
            return part
        k = part[0]
        if k < len(self._built):
            return self._built[k]
        if k not in self._ahead:
            kind, *parts = self._nodes[k]
            if kind not in _FILLED or (len(parts) > 1 and parts[1]):
                raise ModelFileError(f"object {k} is needed before it can be made")
            self._ahead[k] = _FILLED[kind][0](self, *parts)
        return self._ahead[k]

    def values(self, parts):
        return [self.value(part) for part in parts]

    def _fields(self, parts):
        return {name: self.value(part) for name, part in parts.items()}

    def _key(self, part):
        key = self.value(part)
        # The hash of tuples of tuples may take for ever.
        if type(key) in (tuple, frozenset) and any(type(part) in (tuple, frozenset) for part in key):
            raise ModelFileError("expected a key that is no tuple of tuples, got one")
        return key

    # ------------------------------------------------------------ what is filled after it was made

    def _extend(self, obj, parts):
        obj.extend(self.values(parts))

    def _add(self, obj, parts):
        obj.update([self._key(part) for part in parts])

    def _update(self, obj, parts):
        obj.update(self._fields(parts))

    def _set_pairs(self, obj, pairs):
        for key, value in pairs:
            obj[self._key(key)] = self.value(value)

    def _new(self, name, args=(), *_):
        kind = _names.find(name, type)
        return kind.__new__(kind, *self.values(args))

    def _called(self, name, args=(), *_):
        kind, args = _names.find(name, type), self.values(args)
        if kind is Tree and (len(args) != 3 or args[2] != len(args[1])):  # it gets memory for as many as it is told
            raise ModelFileError("expected a tree with as many outputs as it has numbers of classes, got another")
        return kind(*args)

    def _fill(self, obj, name, args=(), state=None, items=(), pairs=()):
        if items:
            self._extend(obj, items)
        self._set_pairs(obj, pairs)
        if state is None:
            return
        state = self._fields(state) if type(state) is dict else self.value(state)
        if isinstance(obj, NeuralNet):  # its own way to take a state is a pickle
            vars(obj).update(state | {"device": self.devices.known(state.get("device"))})
        elif hasattr(type(obj), "__setstate__"):
            if not hasattr(obj, "__dict__"):
                _check_c_state(obj, state)
            obj.__setstate__(state)
        else:
            attributes, slots = state if type(state) is tuple else (state, None)
            vars(obj).update(attributes or {})
            for slot, value in (slots or {}).items():
                if not isinstance(getattr(type(obj), slot, None), types.MemberDescriptorType):
                    raise ModelFileError(f"{name} has no slot {shortened(slot)}")
                setattr(obj, slot, value)

    # ------------------------------------------------------------ what is made at once

    def _scalar(self, dtype, content):
        dtype, content = plain_to_dtype(dtype), bytes.fromhex(content)
        if dtype.hasobject or dtype.names or len(content) != dtype.itemsize:
            raise ModelFileError(f"expected {dtype.itemsize} bytes of type {dtype}, got {len(content)}")
        return np.frombuffer(content, dtype)[0] if content else dtype.type()

    def _array(self, name, dtype, shape, axes):
        return self._arrays.get(name, dtype, shape, axes)

    def _objects(self, shape, parts):
        if math.prod(shape) != len(parts):
            raise ModelFileError(f"expected {math.prod(shape)} objects in an array, got {len(parts)}")
        array = np.empty(len(parts), dtype=object)
        for k, part in enumerate(parts):
            array[k] = self.value(part)
        return array.reshape(shape)

    def _masked(self, data, mask, fill_value):
        return np.ma.MaskedArray(self.value(data), self.value(mask), fill_value=self.value(fill_value))

    def _random_state(self, key, position, *rest):
        if not 0 <= position <= 624:  # it is followed without a look
            raise ModelFileError(f"expected a place among 624 numbers of a random state, got {position}")
        state = np.random.RandomState()
        state.set_state(("MT19937", self.value(key), position, *rest))
        return state

    def _generator(self, name, state):
        if name not in BIT_GENERATORS:
            raise ModelFileError(f"expected one of {', '.join(BIT_GENERATORS)}, got {shortened(name)}")
        bits = getattr(np.random, name)(0)
        bits.state = self.value(state)
        return np.random.Generator(bits)

    def _partial(self, func, args, keywords):
        return functools.partial(self.value(func), *self.values(args), **self._fields(keywords))

    def _tensor(self, name, dtype, shape, axes, device, requires_grad, is_parameter):
        tensor = self._arrays.get_tensor(name, dtype, shape, axes, self.devices.known(device))
        return torch.nn.Parameter(tensor, requires_grad) if is_parameter else tensor.requires_grad_(requires_grad)

    def _float(self, text):
        if text not in ("nan", "inf", "-inf"):
            raise ModelFileError(f"expected nan, inf or -inf, got {text!r:.20}")
        return float(text)


def _check_c_state(obj, state):
    """Refuses a state that an object in C would read beyond its end: it expects what it has said itself."""
    if isinstance(obj, Tree):
        is_right = type(state) is dict and state["node_count"] == len(state["nodes"])
    else:
        own = obj.__getstate__()
        is_right = type(state) is type(own) is tuple and len(state) == len(own)
        is_right = is_right and all(map(_is_alike, state, own))
    if not is_right:
        raise ModelFileError(f"expected a state of {type(obj).__name__}, got another one")


def _is_alike(part, own):
    if type(own) is np.ndarray:
        return type(part) is np.ndarray and part.dtype == own.dtype and part.ndim == own.ndim
    return own is None or type(part) is type(own)


_FILLED = {
    "list": (lambda self, parts: [], _Decoder._extend),
    "set": (lambda self, parts: set(), _Decoder._add),
    "dict": (lambda self, parts: {}, _Decoder._update),
    "pairs": (lambda self, parts: {}, _Decoder._set_pairs),
    "object": (_Decoder._new, _Decoder._fill),
    "call": (_Decoder._called, _Decoder._fill),
}
_BUILT = {
    "tuple": lambda self, parts: tuple(self.values(parts)),
    "frozenset": lambda self, parts: frozenset(map(self._key, parts)),
    "float": _Decoder._float,
    "complex": lambda self, real, imag: complex(float.fromhex(real), float.fromhex(imag)),
    "bytes": lambda self, content: bytes.fromhex(content),
    "bytearray": lambda self, content: bytearray.fromhex(content),
    "class": lambda self, name: _names.find(name, type),
    "function": lambda self, name: _names.find(name, _names.FUNCTIONS),
    "partial": _Decoder._partial,
    "array": _Decoder._array,
    "objects": _Decoder._objects,
    "masked": _Decoder._masked,
    "scalar": _Decoder._scalar,
    "dtype": lambda self, plain: plain_to_dtype(plain),
    "random_state": _Decoder._random_state,
    "generator": _Decoder._generator,
    "tensor": _Decoder._tensor,
    "torch_dtype": lambda self, name: torch_dtype(name),
    "torch_device": lambda self, name: torch.device(self.devices.known(name)),
    "torch_size": lambda self, sizes: torch.Size(sizes),
}
