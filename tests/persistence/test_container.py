"""The file itself: written at once or not at all, and read only by those who know its format."""

import io
import json
import os
import stat
import zipfile

import numpy as np
import pytest
import sklearn
import torch
from sklearn.preprocessing import StandardScaler

import sktech
from sktech import load, save
from sktech.persistence import ModelFileError, _container

X = np.arange(12.0).reshape(4, 3)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.sktech"


def header_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("header.json"))


def test_the_header_says_what_wrote_the_file(path):
    save(StandardScaler(), path)
    header = header_of(path)
    assert header["format"] == 1
    versions = {"sktech": sktech.__version__, "torch": torch.__version__, "scikit-learn": sklearn.__version__}
    assert header["versions"].items() >= versions.items()
    assert header["versions"].keys() == {*versions, "numpy", "python"}
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["header.json", "objects.json", "arrays.safetensors"]
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_paths_are_strings_or_paths(path, kind):
    assert save(StandardScaler().fit(X), kind(path)) is None
    assert np.array_equal(load(kind(path)).mean_, X.mean(axis=0))


def test_a_newer_format_asks_for_an_upgrade(path, monkeypatch):
    monkeypatch.setattr(_container, "FORMAT", 2)
    monkeypatch.setattr(_container, "__version__", "7.3.1")
    monkeypatch.setattr(_container, "OBJECTS", "graph.bin")  # it may look quite different
    save(StandardScaler(), path)
    monkeypatch.undo()
    with pytest.raises(ModelFileError, match=r"sktech 7\.3\.1 in format 2.*upgrade"):
        load(path)


def test_a_newer_library_is_no_error(path, monkeypatch):
    monkeypatch.setattr(_container, "__version__", "99.0")
    monkeypatch.setattr(torch, "__version__", "99.0")
    save(StandardScaler(), path)
    monkeypatch.undo()
    assert isinstance(load(path), StandardScaler)


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_a_crash_leaves_the_old_file_and_nothing_else(path, broken, monkeypatch):
    save(StandardScaler().fit(X), path)
    before = path.read_bytes()

    def crash(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, broken, crash)
    with pytest.raises(OSError, match="the disk is full"):
        save(StandardScaler().fit(2 * X), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_an_interruption_while_writing_leaves_the_old_file(path, monkeypatch):
    save(StandardScaler().fit(X), path)
    before = path.read_bytes()

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(zipfile.ZipFile, "writestr", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save(StandardScaler(), path)
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_the_bytes_are_on_the_disk_before_the_name_is(path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda number: (calls.append("fsync"), fsync(number)))
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("replace"), replace(*names)))
    save(StandardScaler(), path)
    assert calls[:2] == ["fsync", "replace"]


def test_a_link_stays_a_link(path):
    link = path.with_name("link")
    link.symlink_to(path)
    save(StandardScaler(), link)
    assert link.is_symlink()
    assert isinstance(load(path), StandardScaler)


def test_permissions_of_the_old_file_are_kept(path):
    save(StandardScaler(), path)
    for mode in (0o600, 0o640):
        path.chmod(mode)
        save(StandardScaler(), path)
        assert path.stat().st_mode & 0o777 == mode


def test_the_longest_names_are_names(path):
    long = path.with_name("n" * 255)
    save(StandardScaler(), long)
    assert isinstance(load(long), StandardScaler)


def test_a_pipe_stays_a_pipe(path):
    os.mkfifo(path)
    with pytest.raises(FileExistsError, match="a pipe"):
        save(StandardScaler(), path)
    assert path.is_fifo()
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_cannot_be_told_to_write_is_no_error_when_the_new_file_is_there(path, monkeypatch):
    fsync = os.fsync

    def refuse_folders(number):
        if stat.S_ISDIR(os.fstat(number).st_mode):
            raise OSError("invalid argument")
        fsync(number)

    monkeypatch.setattr(os, "fsync", refuse_folders)
    save(StandardScaler(), path)
    assert isinstance(load(path), StandardScaler)


@pytest.mark.parametrize("wrong", [None, 3, b"model", io.BytesIO(b"")])
def test_what_is_no_path_is_named(wrong):
    for use in (lambda: save(StandardScaler(), wrong), lambda: load(wrong)):
        with pytest.raises(TypeError, match=f"path: expected a string or a path, got {type(wrong).__name__}"):
            use()


def test_what_cannot_be_written_or_read(tmp_path):
    with pytest.raises(FileNotFoundError):
        save(StandardScaler(), tmp_path / "nowhere" / "model")
    with pytest.raises(OSError, match="irectory"):
        save(StandardScaler(), tmp_path)
    assert not list(tmp_path.iterdir())
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")
    with pytest.raises(ModelFileError, match="a directory"):
        load(tmp_path)
    with pytest.raises(TypeError):
        load(None)
