"""From plain data to objects, as ``_encode`` has told them: in the order of their nodes, without recursion."""

import functools
import math
import types
from reprlib import repr as shortened

import numpy as np
import torch
from skorch import NeuralNet

from sktech.persistence import _names
from sktech.persistence._arrays import StoredArrays, plain_to_dtype, torch_dtype
from sktech.persistence._check import BIT_GENERATORS, check
from sktech.persistence._devices import Devices
from sktech.persistence._error import ModelFileError
from sktech.persistence._keys import is_quick
from sktech.persistence._states import ADDRESSES, check_arguments, check_mask, check_state


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
    trusted = frozenset(trusted)
    check(nodes, trusted)
    stored = StoredArrays(arrays)
    decoder = _Decoder(nodes, stored, trusted)
    try:
        obj = decoder.build()
    except (ModelFileError, Warning):  # a warning is one where the caller wants an error of it
        raise
    except Exception as error:  # from the classes themselves, of states that are none of theirs
        raise ModelFileError(f"what the file says of its objects makes none: {error!r:.200}") from error
    stored.check_all_read()
    return obj, decoder.devices


class _Decoder:
    def __init__(self, nodes, arrays, trusted):
        self.devices = Devices()
        self._nodes, self._arrays, self._trusted = nodes, arrays, trusted
        self._owners = {}  # id of what is copied when it is given -> id of the object that it was given to
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
        if not is_quick(key):
            raise ModelFileError("expected a key that is a number, a text or a short tuple of these, got another one")
        if isinstance(key, str) and str(key) in ADDRESSES:
            raise ModelFileError(f"expected a key that numpy and torch read no address from, got {key}")
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
        kind, args = _names.find(name, type), self.values(args)
        if issubclass(kind, (torch.Tensor, BaseException)):
            raise ModelFileError(
                f"expected a class whose objects are no more than their state, got {_names.shown(name)}"
            )
        if args and _names.may_be_made(name):  # only named tuples need any, and these are not asked
            return tuple.__new__(kind, args)
        return kind.__new__(kind, *args)

    def _called(self, name, args=(), *_):
        kind, args = _names.find(name, type), self.values(args)
        copied = check_arguments(kind, args, self._is_trusted) if _names.may_be_called(name) else []
        obj = kind(*args)
        self._own(obj, *copied)
        return obj

    def _fill(self, obj, name, args=(), state=None, items=(), pairs=()):
        if items:
            self._extend(obj, items)
        self._set_pairs(obj, pairs)
        if state is None:
            return
        state = self._fields(state) if type(state) is dict else self._shared_state(obj, name, state)
        if isinstance(obj, NeuralNet):  # its own way to take a state is a pickle
            state = _named(state)
            vars(obj).update(state | {"device": self.devices.known(state.get("device"))})
        elif hasattr(type(obj), "__setstate__"):
            if _names.is_known_class(name):
                self._own(obj, *check_state(obj, state))
            obj.__setstate__(state)
        else:
            attributes, slots = state if type(state) is tuple else (state, None)
            if attributes := _named(attributes):  # who has slots alone has no place for any
                vars(obj).update(attributes)
            for slot, value in _named(slots).items():
                if not isinstance(getattr(type(obj), slot, None), types.MemberDescriptorType):
                    raise ModelFileError(f"{name} has no slot {shortened(slot)}")
                setattr(obj, slot, value)

    def _shared_state(self, obj, name, part):
        state = self.value(part)
        if _names.is_known_class(name):
            self._own(obj, *(one for one in (state if type(state) is tuple else (state,)) if isinstance(one, dict)))
        return state

    def _own(self, obj, *parts):
        """Refuses what is copied for a second object: a small file would get large."""
        for part in parts:
            if self._owners.setdefault(id(part), id(obj)) != id(obj):
                raise ModelFileError(f"expected a state of its own for a {type(obj).__name__}, got that of another")

    def _is_trusted(self, function):
        function = function.func if type(function) is functools.partial else function
        return isinstance(function, _names.FUNCTIONS) and _names.shown(_names.name_of(function)) in self._trusted

    # ------------------------------------------------------------ what is made at once

    def _scalar(self, dtype, content):
        dtype, content = plain_to_dtype(dtype), bytes.fromhex(content)
        if dtype.hasobject or len(content) != dtype.itemsize:
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
        data, mask, fill_value = self.values([data, mask, fill_value])
        check_mask(data, mask, fill_value)
        return np.ma.MaskedArray(data, mask, fill_value=fill_value)

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
        func = self.value(func)
        if isinstance(func, functools.partial):  # Python makes one of two, with the arguments of both
            raise ModelFileError("expected a partial of a function, got one of another partial")
        return functools.partial(func, *self.values(args), **self._fields(keywords))

    def _tensor(self, name, dtype, shape, axes, device, requires_grad, is_parameter):
        tensor = self._arrays.get_tensor(name, dtype, shape, axes, self.devices.known(device))
        return torch.nn.Parameter(tensor, requires_grad) if is_parameter else tensor.requires_grad_(requires_grad)

    def _float(self, text):
        if text not in ("nan", "inf", "-inf"):
            raise ModelFileError(f"expected nan, inf or -inf, got {text!r:.20}")
        return float(text)


def _named(attributes):
    """Attributes, or slots, in a dictionary; None is none of them."""
    if not isinstance(attributes, dict | None):
        raise ModelFileError(f"expected attributes by name, got {type(attributes).__name__}")
    return attributes or {}


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
