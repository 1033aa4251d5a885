"""Plain data is looked at before anything is imported or made of it: its kinds, what stands in them, and each name."""

from reprlib import repr as shortened

from sktech.persistence import _names
from sktech.persistence._error import ModelFileError
from sktech.persistence._states import ADDRESSES

# Of numpy's Generator; those whose state has no place in a buffer, which would be followed without a look.
BIT_GENERATORS = ("PCG64", "PCG64DXSM", "SFC64")


def check(nodes, trusted):
    """Refuses what ``encode`` cannot have written, and names that nobody may use.

    Parameters
    ----------
    nodes : object
        Plain data, from anybody.
    trusted : collection of str
        Names that may be used besides those of the allow-list.

    Raises
    ------
    ModelFileError
        Whatever is wrong.
    """
    if type(nodes) is not list or not nodes:
        raise ModelFileError("expected a list of objects, got something else")
    untrusted = set()
    for k, node in enumerate(nodes):
        kind = node[0] if type(node) is list and node and type(node[0]) is str else None
        fields = _FIELDS.get(kind)
        if fields is None or not (len(fields) - _N_OPTIONAL.get(kind, 0) <= len(node) - 1 <= len(fields)):
            raise ModelFileError(f"object {k}: expected a kind and its parts, got {shortened(node)}")
        for is_right, part in zip(fields, node[1:], strict=False):
            if not is_right(part, len(nodes)):
                raise ModelFileError(f"object {k}: {shortened(part)} is no part of an object of kind {kind}")
        is_known = _KNOWN.get(kind)
        if is_known is not None and not is_known(node[1]) and _names.shown(node[1]) not in trusted:
            untrusted.add(_names.shown(node[1]))
    if untrusted:
        raise ModelFileError(
            "the file names types that are not among those of scikit-learn, torch, skorch and sktech that may be "
            f"made. If you know them, and who wrote the file: load(path, trusted={sorted(untrusted)!r:.2000})"
        )


def _value(part, n):
    kind = type(part)
    if kind is list:
        return len(part) == 1 and type(part[0]) is int and 0 <= part[0] < n
    return part is None or kind in (bool, int, float, str)


def _values(part, n):
    return type(part) is list and all(_value(value, n) for value in part)


def _fields(part, n):
    return type(part) is dict and part.keys().isdisjoint(ADDRESSES) and all(_value(value, n) for value in part.values())


def _pairs(part, n):
    return type(part) is list and all(type(pair) is list and len(pair) == 2 and _values(pair, n) for pair in part)


def _state(part, n):
    return _fields(part, n) or _value(part, n)


def _sizes(part, n):
    return type(part) is list and len(part) <= 64 and all(type(size) is int and 0 <= size < 2**63 for size in part)


def _dtype(part, n):
    return type(part) in (str, dict)


def _of(kind):
    return lambda part, n: type(part) is kind


_text, _integer, _flag = _of(str), _of(int), _of(bool)
_made = (_text, _values, _state, _values, _pairs)
_FIELDS = {
    "list": (_values,),
    "tuple": (_values,),
    "set": (_values,),
    "frozenset": (_values,),
    "dict": (_fields,),
    "pairs": (_pairs,),
    "float": (_text,),
    "complex": (_text, _text),
    "bytes": (_text,),
    "bytearray": (_text,),
    "class": (_text,),
    "function": (_text,),
    "partial": (_value, _values, _fields),
    "array": (_text, _dtype, _sizes, _sizes),
    "objects": (_sizes, _values),
    "masked": (_value, _value, _value),
    "scalar": (_dtype, _text),
    "dtype": (_dtype,),
    "random_state": (_value, _integer, _integer, _value),
    "generator": (_text, _value),
    "tensor": (_text, _text, _sizes, _sizes, _text, _flag, _flag),
    "torch_dtype": (_text,),
    "torch_device": (_text,),
    "torch_size": (_sizes,),
    "object": _made,
    "call": _made,
}
_N_OPTIONAL = {"object": 4, "call": 4}
_KNOWN = {
    "class": _names.is_known_class,
    "function": _names.is_known_function,
    "object": _names.may_be_made,
    "call": _names.may_be_called,
}
