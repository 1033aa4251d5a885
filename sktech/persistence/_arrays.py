"""Numbers: arrays of numpy's and tensors of torch's as members of one safetensors file.

An array is stored without gaps, and remembers in which order its axes lay in memory, as sums may depend on it. Types
that safetensors has no name for are stored as bytes.
"""

import math
import re
from reprlib import repr as shortened

import numpy as np
import safetensors.numpy
import torch

from sktech.persistence._error import ModelFileError

_NATIVE = frozenset(map(np.dtype, ["?", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f2", "f4", "f8"]))
# Of one item, in numpy's words.
_DTYPE = re.compile(r"[<>|]([biufcmM]\d{1,2}|[SUV]\d{1,9}|O)(\[\w+\])?")
_TORCH_DTYPES = {
    str(value).removeprefix("torch."): value
    for value in vars(torch).values()
    if isinstance(value, torch.dtype) and value.itemsize and "quint" not in str(value) and "qint" not in str(value)
}


class Arrays:
    """Arrays to be written.

    Each gets a number, by which it is found again.
    """

    def __init__(self):
        self._arrays = {}

    def add(self, array):
        """Keeps an array; what is needed to read it again, as plain data.

        Parameters
        ----------
        array : ndarray
            Without Python objects.

        Returns
        -------
        place : list of [name, dtype, shape, axes]
        """
        axes = sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis]))
        packed = np.asarray(array.transpose(axes), order="C")
        place = [str(len(self._arrays)), dtype_to_plain(array.dtype), list(packed.shape), axes]
        if array.dtype not in _NATIVE:
            packed = np.frombuffer(packed.tobytes(), np.uint8)
        self._arrays[place[0]] = packed
        return place

    def add_tensor(self, tensor):
        """As ``add``, for a tensor; its type is told in torch's words."""
        tensor = tensor.detach().resolve_conj().resolve_neg().cpu()
        axes = sorted(range(tensor.ndim), key=lambda axis: -tensor.stride(axis))
        packed = tensor.permute(axes).contiguous()
        dtype = str(tensor.dtype).removeprefix("torch.")
        try:
            name, *_ = self.add(packed.numpy())
        except TypeError:  # numpy has no such type
            name, *_ = self.add(packed.reshape(-1).view(torch.uint8).numpy())
        return [name, dtype, list(packed.shape), axes]

    def to_bytes(self):
        """As the content of a safetensors file."""
        return safetensors.numpy.save(self._arrays)


class StoredArrays:
    """Arrays of a file.

    Parameters
    ----------
    content : bytes

    Raises
    ------
    ModelFileError
        If it is no safetensors file; the other methods raise it where what is asked for is not there.
    """

    def __init__(self, content):
        try:
            self._arrays = safetensors.numpy.load(content)
        except Exception as error:
            raise ModelFileError(
                f"expected arrays in the format of safetensors, got something else: {error}"
            ) from error
        self._unread = set(self._arrays)

    def get(self, name, dtype, shape, axes):
        """A new array."""
        dtype = plain_to_dtype(dtype)
        if dtype.hasobject:
            raise ModelFileError(f"expected an array of numbers or text, got one of type {dtype}")
        stored = self._stored(name)
        if dtype not in _NATIVE:
            _check_size(stored, dtype.itemsize, shape)
            stored = np.ndarray(shape, dtype, stored.tobytes())
        if stored.dtype != dtype or list(stored.shape) != shape or sorted(axes) != list(range(len(shape))):
            raise ModelFileError(f"array {name}: expected {dtype} of shape {shape}, got {stored.dtype} {stored.shape}")
        return stored.copy().transpose(np.argsort(axes).astype(int))

    def get_tensor(self, name, dtype, shape, axes, device):
        """A new tensor."""
        stored = self._stored(name)
        dtype = torch_dtype(dtype)
        if sorted(axes) != list(range(len(shape))):
            raise ModelFileError(f"tensor {name}: expected the order of {len(shape)} axes, got {shortened(axes)}")
        _check_size(stored, dtype.itemsize, shape)
        # In memory of torch's own, on whose alignment sums may depend.
        tensor = torch.empty(shape, dtype=dtype)
        if tensor.numel():
            tensor.copy_(torch.frombuffer(bytearray(stored.tobytes()), dtype=dtype).reshape(shape))
        return tensor.permute(np.argsort(axes).tolist()).to(device)

    def check_all_read(self):
        """Refuses arrays that nobody has asked for."""
        if self._unread:
            raise ModelFileError(f"arrays of no object: {', '.join(sorted(self._unread)):.100}")

    def _stored(self, name):
        if name not in self._unread:
            raise ModelFileError(
                f"expected an array {name:.20} for one object, found none or one that another object has"
            )
        self._unread.remove(name)
        return self._arrays[name]


def torch_dtype(name):
    """The torch dtype of a name such as "float32".

    Raises
    ------
    ModelFileError
        If there is none.
    """
    if name not in _TORCH_DTYPES:
        raise ModelFileError(f"expected a type of torch's, got {shortened(name)}")
    return _TORCH_DTYPES[name]


def dtype_to_plain(dtype):
    """A numpy dtype as plain data.

    Raises
    ------
    TypeError
        If it has no such words.
    """
    if dtype.names is not None:
        offsets = [dtype.fields[name][1] for name in dtype.names]
        formats = [dtype[name].str for name in dtype.names]
        if all(dtype[n].names is None and dtype[n].subdtype is None and len(dtype.fields[n]) == 2 for n in dtype.names):
            return {"names": list(dtype.names), "formats": formats, "offsets": offsets, "itemsize": dtype.itemsize}
    if dtype.names is not None or dtype.subdtype is not None or not _DTYPE.fullmatch(dtype.str):
        raise TypeError(f"no array of type {dtype} can be stored")
    return dtype.str


def plain_to_dtype(plain):
    """A numpy dtype from what ``dtype_to_plain`` gave.

    Raises
    ------
    ModelFileError
        If it is none.
    """
    words = plain.get("formats") if type(plain) is dict else [plain]
    if type(words) is not list or not all(type(word) is str and _DTYPE.fullmatch(word) for word in words):
        raise ModelFileError(f"expected a type of numpy's, got {shortened(plain)}")
    return np.dtype(plain)


def _check_size(stored, itemsize, shape):
    if stored.nbytes != math.prod(shape) * itemsize:
        raise ModelFileError(f"expected {math.prod(shape)} items of {itemsize} bytes, got {stored.nbytes} bytes")
