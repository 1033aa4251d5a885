"""Every example in a docstring and in the README runs; every public name is documented."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import textwrap
from pathlib import Path

import pytest

import sktech
import sktech.inspection

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    module.name for module in pkgutil.walk_packages(sktech.__path__, "sktech.") if "__main__" not in module.name
)


@pytest.mark.parametrize("name", ["sktech", *MODULES])
def test_examples_in_docstrings_run(name):
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert failed == 0


@pytest.mark.parametrize("path", ["README.md", "CONTRIBUTING.md"])
def test_python_blocks_run(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)^ *```", (ROOT / path).read_text(), flags=re.DOTALL | re.MULTILINE)
    assert blocks
    for block in blocks:
        exec(compile(textwrap.dedent(block), path, "exec"), {"__name__": "readme"})


def public_objects():
    for name in ["sktech", *MODULES]:
        if "._" in name:
            continue
        module = importlib.import_module(name)
        for key, value in vars(module).items():
            own = getattr(value, "__module__", None) == name
            if own and not key.startswith("_") and (inspect.isclass(value) or inspect.isfunction(value)):
                yield f"{name}.{key}", value


@pytest.mark.parametrize(
    ("name", "value"), list(public_objects()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_public_names_are_documented(name, value):
    assert inspect.getdoc(value), name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (name, getattr(module, name))
        for module in (sktech, sktech.inspection)
        for name in module.__all__
        if callable(getattr(module, name))
    ],
)
def test_docstrings_name_every_parameter_and_its_default(name, value):
    # A technique's docstring names its own parameters; the others stand in that of the class they come from.
    kinds = inspect.getmro(value) if inspect.isclass(value) else [value]
    documented = "\n".join(inspect.cleandoc(kind.__doc__) for kind in kinds if kind.__module__.startswith("sktech."))
    for parameter in inspect.signature(value).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or parameter.name == "module":
            continue
        line = re.search(rf"^(?:\w+, )*{parameter.name}(?:, \w+)* : (.*)$", documented, flags=re.MULTILINE)
        assert line, f"{name}: {parameter.name} is not documented"
        if parameter.default is not parameter.empty:
            stated = re.search(r"default=(.*)$", line.group(1))
            assert stated, f"{name}: the default of {parameter.name} is not documented"
            assert same_default(stated.group(1), parameter.default), (
                f"{name}: {parameter.name} is {parameter.default!r}"
            )


def same_default(stated, default):
    if isinstance(default, type):
        return stated.split(".")[-1] == default.__name__
    return ast.literal_eval(stated) == default


def test_readme_and_changelog_know_the_version_and_every_public_name():
    readme, changelog = (ROOT / "README.md").read_text(), (ROOT / "CHANGELOG.md").read_text()
    assert f"[{sktech.__version__}]" in changelog
    for name in sktech.__all__:
        assert name in readme, f"the README does not mention {name}"
