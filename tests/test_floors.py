"""Imports go down only: each floor of the house knows the floors below it, and nothing else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import sktech

PACKAGE = Path(sktech.__file__).parent
# The first entry that a module's dotted name starts with tells its floor.
FLOORS = [
    ("sktech.__main__", 8),
    ("sktech.experiment", 7),
    ("sktech.inspection", 5),
    ("sktech.ensemble", 5),
    ("sktech.distillation", 5),
    ("sktech.persistence", 5),
    ("sktech.classifiers", 4),
    ("sktech.presets", 4),
    ("sktech.smoothing", 3),
    ("sktech.training", 2),
    ("sktech.modules", 1),
    ("sktech.losses", 1),
    ("sktech.labels", 1),
    ("sktech.sampling", 1),
    ("sktech.table", 1),
    ("sktech.augmentation", 1),
    ("sktech.metrics", 1),
    ("sktech.datasets", 1),
    ("sktech._validation", 1),
    ("sktech.information", 0),
    ("sktech._", 0),
    ("sktech", 6),
]
FILES = sorted(PACKAGE.rglob("*.py"))


def name_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def floor_of(name):
    return next(floor for prefix, floor in FLOORS if name == prefix or name.startswith((prefix + ".", prefix)))


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the arrow"
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_go_down(path):
    own = floor_of(name_of(path))
    for module in imports(ast.parse(path.read_text())):
        if module.split(".")[0] == "sktech" and module != name_of(path):
            same_room = module.split(".")[:2] == name_of(path).split(".")[:2] or floor_of(module) == own == 1
            assert floor_of(module) < own or same_room, f"{name_of(path)} (floor {own}) imports {module}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_stand_at_the_top(path):
    if path.name == "__main__.py":
        return  # what the command line needs is an optional extra, and its absence is told in one line
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = [node.lineno for node in ast.walk(function) if isinstance(node, ast.Import | ast.ImportFrom)]
            assert not inside, f"{path.name}:{inside} imports inside {function.name}"


def test_only_the_training_floor_knows_skorchs_net():
    for path in FILES:
        if floor_of(name_of(path)) < 2:
            assert not any(module.startswith("skorch") for module in imports(ast.parse(path.read_text()))), path


def test_importing_sktech_needs_no_optional_library():
    code = """import sys, sktech
print(*{"pandas", "polars", "matplotlib", "rich", "jinja2"} & sys.modules.keys())"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded_by_others = subprocess.run(
        [sys.executable, "-c", code.replace("import sys, sktech", "import sys, sklearn, skorch")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) <= set(loaded_by_others.stdout.split())
