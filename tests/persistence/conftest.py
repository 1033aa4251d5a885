"""Files that somebody has tampered with."""

import hashlib
import json
import zipfile

import pytest


class Archive:
    """Reads and writes the members of a file as anybody can."""

    @staticmethod
    def read(path):
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    @staticmethod
    def write(path, members, compression=zipfile.ZIP_STORED):
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in members.items():
                archive.writestr(name, content)

    @staticmethod
    def signed(members):
        """With a header that vouches for what is there now."""
        header = json.loads(members["header.json"])
        names = members.keys() - {"header.json"}
        header["sha256"] = {name: hashlib.sha256(members[name]).hexdigest() for name in names}
        return members | {"header.json": json.dumps(header).encode()}

    def change(self, path, objects=None, arrays=None):
        """Changes the objects of a file, or its arrays, and signs it."""
        members = self.read(path)
        if objects is not None:
            members["objects.json"] = json.dumps(objects(json.loads(members["objects.json"]))).encode()
        if arrays is not None:
            members["arrays.safetensors"] = arrays(members["arrays.safetensors"])
        self.write(path, self.signed(members))


@pytest.fixture(scope="session")
def archive():
    return Archive()
