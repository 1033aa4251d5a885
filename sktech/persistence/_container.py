"""The file: a zip archive of three members, written at once or not at all, and read only if every byte is as it was.

``header.json`` names the format, the versions of the libraries that wrote the file, and the SHA-256 of the two others:
``objects.json``, the objects as plain data, and ``arrays.safetensors``, their numbers.
"""

import contextlib
import errno
import hashlib
import io
import json
import os
import platform
import secrets
import shutil
import zipfile
from reprlib import repr as shortened

import numpy as np
import sklearn
import torch

from sktech._version import __version__
from sktech.persistence._error import ModelFileError

FORMAT = 1
HEADER, OBJECTS, ARRAYS = "header.json", "objects.json", "arrays.safetensors"
# Of a header; those of this format have less than 1,000.
MAX_HEADER_BYTES = 100_000


def write(path, objects, arrays):
    """Writes a file.

    The bytes go into a new file beside it, which takes its place, and its permissions, when they are on the disk.

    Parameters
    ----------
    path : str or os.PathLike
    objects : list
        Plain data.
    arrays : bytes
        In the format of safetensors.

    Raises
    ------
    TypeError
        If it is no path.
    OSError
        If it cannot be written; what stood there still does.
    """
    text = json.dumps(objects, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
    # Halves of characters stand alone in a text of Python's, and would become one if they were escaped.
    members = {OBJECTS: text.encode(errors="surrogatepass"), ARRAYS: arrays}
    header = {
        "format": FORMAT,
        "versions": {
            "sktech": __version__,
            "torch": str(torch.__version__),
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in members.items()},
    }
    target = os.path.realpath(_checked(path))
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(errno.ENOENT, "there is no such folder", folder)
    is_there = os.path.exists(target)
    if is_there and not os.path.isfile(target):
        raise FileExistsError(errno.EEXIST, "there is a directory, a device or a pipe, no file", target)
    draft = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
    try:
        with open(draft, "xb") as file:
            if is_there:
                shutil.copymode(target, draft)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, content in {HEADER: json.dumps(header, indent=1).encode(), **members}.items():
                    archive.writestr(zipfile.ZipInfo(name), content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft)
        raise
    if hasattr(os, "O_DIRECTORY"):
        with contextlib.suppress(OSError):  # the new name is on the disk, too, where folders can be told so
            number = os.open(folder, os.O_DIRECTORY)
            try:
                os.fsync(number)
            finally:
                os.close(number)


def read(path):
    """What ``write`` has written, checked.

    Parameters
    ----------
    path : str or os.PathLike

    Returns
    -------
    objects : object
        Plain data.
    arrays : bytes

    Raises
    ------
    ModelFileError
        If it is another file, or one that was changed or cut short, or of a newer format.
    TypeError
        If it is no path.
    """
    if os.path.isdir(_checked(path)):
        raise ModelFileError("expected a file, got a directory")
    with open(path, "rb") as file:
        content = file.read()
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except Exception as error:
        raise ModelFileError("expected a file that sktech.save has written, got no such archive") from error
    with archive:
        members = _members(archive, len(content))
        header = parse(_bytes(archive, members[HEADER]))
        _check_header(header)
        if members.keys() != {HEADER, OBJECTS, ARRAYS}:
            raise ModelFileError(
                f"expected the members {HEADER}, {OBJECTS} and {ARRAYS}, got {', '.join(sorted(members))}"
            )
        bodies = {name: _bytes(archive, members[name]) for name in (OBJECTS, ARRAYS)}
    for name, body in bodies.items():
        if hashlib.sha256(body).hexdigest() != header["sha256"][name]:
            raise ModelFileError(f"{name} is not what was written: its SHA-256 differs from the header's")
    return parse(bodies[OBJECTS]), bodies[ARRAYS]


def _checked(path):
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path: expected a string or a path, got {type(path).__name__}")
    return os.fsdecode(path)


def parse(content):
    """Plain data from JSON, without NaN and infinity, which JSON has no word for."""
    try:
        return json.loads(content.decode(errors="surrogatepass"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"expected JSON, got something else: {error}") from error


def _refuse_constant(name):
    raise ValueError(f"{name} is no number of JSON's")


def _members(archive, n_bytes):
    """Entries by name; none is larger than the file that it is said to be in."""
    infos = archive.infolist()
    members = {info.filename: info for info in infos}
    if HEADER not in members or len(members) != len(infos):
        raise ModelFileError(f"expected an archive that sktech.save has written, with one {HEADER}, got another one")
    stored = all(info.compress_type == zipfile.ZIP_STORED and info.compress_size == info.file_size for info in infos)
    if not stored or sum(info.file_size for info in infos) > n_bytes:
        raise ModelFileError("expected members that are stored as they are, got compressed or overlapping ones")
    if members[HEADER].file_size > MAX_HEADER_BYTES:
        raise ModelFileError(f"{HEADER}: expected at most {MAX_HEADER_BYTES} bytes, got {members[HEADER].file_size}")
    return members


def _bytes(archive, info):
    try:
        return archive.read(info)
    except Exception as error:
        raise ModelFileError(f"{info.filename} cannot be read: {error}") from error


def _check_header(header):
    version = header.get("format") if type(header) is dict else None
    if type(version) is not int or version < 1:
        raise ModelFileError(f"{HEADER}: expected the number of a format, got {shortened(version)}")
    versions, digests = header.get("versions"), header.get("sha256")
    if type(versions) is not dict or not all(type(text) is str for text in versions.values()):
        raise ModelFileError(f"{HEADER}: expected versions of libraries, got {shortened(versions)}")
    if version > FORMAT:
        raise ModelFileError(
            f"the file was written by sktech {versions.get('sktech', '?'):.50} in format {version}, and sktech "
            f"{__version__} reads formats up to {FORMAT}: upgrade sktech to load it"
        )
    if type(digests) is not dict or digests.keys() != {OBJECTS, ARRAYS}:
        raise ModelFileError(f"{HEADER}: expected the SHA-256 of {OBJECTS} and {ARRAYS}, got {shortened(digests)}")
