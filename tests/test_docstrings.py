"""Every public name is documented: parameters as in the signature, what is returned, an example that runs.

That the examples are right is checked by ``pytest --doctest-modules --pyargs crmkit``.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator

import pytest

import crmkit

ROOMS = sorted(module.name for module in pkgutil.iter_modules(crmkit.__path__) if not module.name.startswith("_"))


def is_ours(thing: object) -> bool:
    return str(getattr(thing, "__module__", "")).startswith("crmkit")


def public_things() -> Iterator[tuple[str, object]]:
    for room in ROOMS:
        module = importlib.import_module(f"crmkit.{room}")
        for name in getattr(module, "__all__", ()):  # test_public_api.py complains where it lacks
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isroutine(thing):
                yield f"{room}.{name}", thing


def members(cls: type) -> Iterator[tuple[str, object]]:
    """Yield the public methods and properties that our own classes define."""
    for base in cls.__mro__:
        if is_ours(base):
            for name, member in vars(base).items():
                if not name.startswith("_") and (inspect.isroutine(member) or isinstance(member, property)):
                    yield name, member


def is_error(thing: object) -> bool:
    return inspect.isclass(thing) and issubclass(thing, BaseException)


def is_record(thing: object) -> bool:
    """Tell whether the class only holds fields; its docstring lists them as attributes."""
    return inspect.isclass(thing) and (dataclasses.is_dataclass(thing) or hasattr(thing, "_fields"))


def is_made_for_users(cls: type) -> bool:
    """Tell whether users get the objects from elsewhere; the docstring then lists attributes only."""
    found = sections(cls.__doc__ or "")
    return is_record(cls) or ("Attributes" in found and "Parameters" not in found and not hasattr(cls, "get_params"))


THINGS = dict(public_things())
FUNCTIONS = {name: thing for name, thing in THINGS.items() if not inspect.isclass(thing)}
CLASSES = {name: thing for name, thing in THINGS.items() if inspect.isclass(thing) and not is_error(thing)}
METHODS = {
    f"{name}.{member}": getattr(value, "__func__", value)
    for name, cls in THINGS.items()
    if inspect.isclass(cls)
    for member, value in members(cls)
    if is_ours(getattr(value, "__func__", value)) and not isinstance(value, property)
}
PROPERTIES = {
    f"{name}.{member}": value
    for name, cls in THINGS.items()
    if inspect.isclass(cls)
    for member, value in members(cls)
    if isinstance(value, property)
}


def sections(docstring: str) -> dict[str, str]:
    """Split a numpydoc docstring at its underlined titles; what stands before them is ``""``."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}[ ]*$", inspect.cleandoc(docstring), flags=re.MULTILINE)
    return {"": parts[0], **dict(zip(parts[1::2], parts[2::2], strict=True))}


def documented(section: str) -> list[str]:
    """Return the names of a Parameters or Attributes section, in order."""
    heads = [line.partition(" : ")[0].rstrip(" :") for line in section.splitlines() if re.match(r"[*\w]", line)]
    return [name.strip().lstrip("*") for head in heads for name in head.split(",")]


def parameters(function: Callable[..., object]) -> list[str]:
    names = list(inspect.signature(function).parameters)
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def problems(name: str, docstring: str | None, names: list[str], *, returns: bool, example: bool) -> list[str]:
    if not docstring or not docstring.strip():
        return [f"{name}: no docstring"]
    found = sections(docstring)
    said = documented(found.get("Parameters", "")) + documented(found.get("Other Parameters", ""))
    texts = []
    first = found[""].strip().split("\n\n")[0]
    if not first.endswith((".", ":", "?", "::")):
        texts.append("the first paragraph is not a sentence")
    if said != names:
        texts.append(f"documents the parameters {said}, takes {names}")
    if returns and not {"Returns", "Yields"} & found.keys():
        texts.append("does not say what it returns")
    if example and ">>>" not in found.get("Examples", ""):
        texts.append("has no example")
    if "+SKIP" in docstring:
        texts.append("has an example that is switched off")
    return [f"{name}: {text}" for text in texts]


def gives_something(function: Callable[..., object]) -> bool:
    return inspect.signature(function).return_annotation not in (None, "None", "NoReturn", "Never")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name):
    function = FUNCTIONS[name]
    assert problems(name, function.__doc__, parameters(function), returns=gives_something(function), example=True) == []


@pytest.mark.parametrize("name", CLASSES)
def test_class(name):
    cls = CLASSES[name]
    docstring = vars(cls).get("__doc__")
    inits = [vars(base)["__init__"] for base in cls.__mro__ if is_ours(base) and "__init__" in vars(base)]
    names = parameters(inits[0]) if inits and not is_made_for_users(cls) else []
    found = problems(name, docstring, names, returns=False, example=not is_record(cls))
    if is_record(cls):
        fields = [field.name for field in dataclasses.fields(cls)] if dataclasses.is_dataclass(cls) else cls._fields
        said = documented(sections(docstring or "").get("Attributes", ""))
        open_fields = [field for field in fields if not field.startswith("_")]
        found += [f"{name}: the field {field} is not documented" for field in open_fields if field not in said]
    assert found == []


@pytest.mark.parametrize("name", METHODS)
def test_method(name):
    method = METHODS[name]
    assert problems(name, method.__doc__, parameters(method), returns=gives_something(method), example=False) == []


@pytest.mark.parametrize("name", PROPERTIES)
def test_property(name):
    assert problems(name, PROPERTIES[name].__doc__, [], returns=False, example=False) == []


@pytest.mark.parametrize("name", [name for name, thing in THINGS.items() if is_error(thing)])
def test_error(name):
    assert problems(name, vars(THINGS[name]).get("__doc__"), [], returns=False, example=False) == []


def test_a_docstring_is_read_as_numpydoc_reads_it():
    text = """Add.

    Parameters
    ----------
    a, b : int
        Numbers: of anything.
    *rest : int
        More.

    Returns
    -------
    int
        The sum.
    """
    assert documented(sections(text)["Parameters"]) == ["a", "b", "rest"]
    assert problems("add", text, ["a", "b", "rest"], returns=True, example=False) == []
    assert problems("add", text, ["a"], returns=True, example=True) == [
        "add: documents the parameters ['a', 'b', 'rest'], takes ['a']",
        "add: has no example",
    ]
