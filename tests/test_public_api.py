"""One public path for each name, and no name by accident."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys
import types
from pathlib import Path

import pytest

import crmkit

PACKAGE = Path(crmkit.__file__).parent
ROOMS = sorted(
    path.stem
    for path in PACKAGE.iterdir()
    if not path.name.startswith((".", "_")) and (path.suffix == ".py" or (path / "__init__.py").exists())
)


def room(name: str) -> types.ModuleType:
    return importlib.import_module(f"crmkit.{name}")


def isort_order(name: str) -> tuple[int, str]:
    """Order by which ruff sorts ``__all__``: CONSTANTS, Classes, functions."""
    kind = 0 if name.isupper() else 1 if name[:1].isupper() else 2
    return kind, name


@pytest.mark.parametrize("module", ["crmkit", *(f"crmkit.{name}" for name in ROOMS)])
def test_all_is_sorted_and_each_name_exists(module):
    module = importlib.import_module(module)
    assert list(module.__all__) == sorted(set(module.__all__), key=isort_order)
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("name", ROOMS)
def test_a_room_shows_what_it_exports_and_nothing_else(name):
    visible = {
        key
        for key, value in vars(room(name)).items()
        if not key.startswith("_") and not isinstance(value, types.ModuleType) and key != "annotations"
    }
    if (PACKAGE / name).is_dir():
        assert visible == set(room(name).__all__)
    else:  # a single file, such as exceptions.py, also holds what it imports
        assert visible >= set(room(name).__all__)


@pytest.mark.parametrize("name", [name for name in ROOMS if (PACKAGE / name).is_dir()])
def test_a_door_is_a_paragraph_and_imports(name):
    tree = ast.parse((PACKAGE / name / "__init__.py").read_text(encoding="utf-8"))
    docstring = ast.get_docstring(tree)
    assert docstring is not None
    assert len(docstring.split()) >= 10, "say in a paragraph what the room is for"
    unexpected = [
        ast.unparse(statement)
        for statement in tree.body[1:]
        if not isinstance(statement, ast.Import | ast.ImportFrom)
        and not ast.unparse(statement).startswith("__all__ = [")
    ]
    assert unexpected == []
    assert not any(alias.name == "*" for node in tree.body if isinstance(node, ast.ImportFrom) for alias in node.names)


def test_the_root_names_every_room_and_the_flagships():
    assert set(crmkit._ROOMS) == set(ROOMS)
    assert sorted(crmkit.__all__) == sorted({*crmkit._ROOMS, *crmkit._FLAGSHIPS, "__version__"})
    assert dir(crmkit) == sorted(crmkit.__all__)


def test_type_checkers_see_what_the_door_opens():
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {
        (statement.module, alias.asname or alias.name)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == {("crmkit", name) for name in crmkit._ROOMS} | {
        (module, name) for name, module in crmkit._FLAGSHIPS.items()
    }


@pytest.mark.parametrize("name", sorted(crmkit._FLAGSHIPS))
def test_a_flagship_is_the_name_of_its_room(name):
    assert getattr(crmkit, name) is getattr(importlib.import_module(crmkit._FLAGSHIPS[name]), name)


def test_each_name_has_one_public_path():
    paths: dict[int, list[str]] = {}
    for name in ROOMS:
        for public in room(name).__all__:
            thing = getattr(room(name), public)
            if inspect.isclass(thing) or inspect.isroutine(thing):
                paths.setdefault(id(thing), []).append(f"crmkit.{name}.{public}")
    assert [several for several in paths.values() if len(several) > 1] == []


@pytest.mark.parametrize("name", ROOMS)
def test_what_a_room_exports_is_its_own(name):
    """A room that exports another's class would give it two paths as soon as the other exports it."""
    foreign = [
        public
        for public in room(name).__all__
        if (module := getattr(getattr(room(name), public), "__module__", None)) is not None
        and not f"{module}.".startswith(f"crmkit.{name}.")
    ]
    assert foreign == []


def test_an_unknown_name_is_an_ordinary_error():
    with pytest.raises(AttributeError, match="module 'crmkit' has no attribute 'Eventlog'"):
        crmkit.Eventlog  # noqa: B018  the attribute access is the test


def test_star_import_gives_the_public_names():
    code = "from crmkit import *; import crmkit; print(all(name in globals() for name in crmkit.__all__))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "True"


def test_version_is_that_of_the_distribution():
    from importlib.metadata import version

    assert crmkit.__version__ == version("crmkit")
