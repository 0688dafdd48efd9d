"""The walls of the house that import-linter's patterns cannot draw, and the size of its rooms.

The arrows between rooms are import-linter contracts in pyproject.toml. What is read here is the
package that is installed, and for ignores also the files around it.
"""

from __future__ import annotations

import ast
import functools
import re
import statistics
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import crmkit

PACKAGE = Path(crmkit.__file__).parent
CHECKOUT = Path(__file__).parents[1]
MODULES = sorted(PACKAGE.rglob("*.py"))
PRINTS = ("__main__.py", "report/")


def place(path: Path) -> str:
    """Return the path inside the package, such as ``events/_log.py``."""
    return path.relative_to(PACKAGE).as_posix()


@functools.cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def is_kernel_file(path: Path) -> bool:
    return path.name.endswith("_kernels.py")


def is_in(path: Path, *rooms: str) -> bool:
    return place(path).startswith(tuple(f"{room}/" for room in rooms))


def imported(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each imported dotted name, ``from a.b import c`` as a.b.c, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def breaches(predicate) -> list[str]:
    """List ``file:line name`` of every import that the predicate, given path and name, refuses."""
    return [
        f"{place(path)}:{line} {name}"
        for path in MODULES
        for name, line in imported(parse(path))
        if predicate(path, name)
    ]


def top(name: str) -> str:
    return name.partition(".")[0]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length_without_docstring(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function, clean=False) is not None:
        docstring = function.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


# ------------------------------------------------------------------------------------------ size


def test_no_file_eats_the_rest():
    lengths = {place(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: n for name, n in lengths.items() if n > 900} == {}
    assert statistics.median(lengths.values()) <= 300


def test_functions_are_short():
    long = {
        f"{place(path)}:{function.name}": length_without_docstring(function)
        for path in MODULES
        for function in functions(parse(path))
        if length_without_docstring(function) > 60
    }
    assert long == {}


def test_length_of_a_function_leaves_its_docstring_out():
    source = 'def f(a):\n    """One.\n\n    Two.\n    """\n    b = a\n    return b\n'
    (function,) = functions(ast.parse(source))
    assert length_without_docstring(function) == 3


def test_no_drawer_for_odds_and_ends():
    names = {"utils", "util", "common", "helpers", "helper", "misc", "tools"}
    found = [place(path) for path in PACKAGE.rglob("*") if path.stem.strip("_") in names]
    assert found == []


# ----------------------------------------------------------------------------------------- walls


def test_numba_stays_in_kernel_files():
    def elsewhere(path: Path, name: str) -> bool:
        return top(name) in {"numba", "llvmlite"} and not is_in(path, "_numba") and not is_kernel_file(path)

    assert breaches(elsewhere) == []


def test_compilers_are_named_by_the_policy_alone():
    refused = {"jit", "njit", "vectorize", "guvectorize", "stencil", "cfunc", "generated_jit", "jitclass"}
    assert breaches(lambda path, name: top(name) == "numba" and name.rpartition(".")[2] in refused) == []
    attributes = [
        f"{place(path)}:{node.lineno} {ast.unparse(node)}"
        for path in MODULES
        if place(path) != "_numba/_policy.py"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and node.attr in refused and top(ast.unparse(node)) in {"numba", "nb"}
    ]
    assert attributes == []


def test_kernel_files_import_numpy_and_the_decorator():
    allowed = {"__future__", "math", "typing", "numpy", "numba"}

    def foreign(path: Path, name: str) -> bool:
        own = name.startswith("crmkit._numba.") or re.match(r"crmkit\.[\w.]*_kernels\.\w+$", name)
        return is_kernel_file(path) and top(name) not in allowed and not own

    assert breaches(foreign) == []


def kernels() -> Iterator[tuple[Path, ast.FunctionDef]]:
    for path in MODULES:
        for function in functions(parse(path)):
            decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
            if any(re.match(r"kernel\b", decorator) for decorator in decorators):
                yield path, function


def test_kernels_return_a_status_and_never_raise():
    found = [
        f"{place(path)}:{node.lineno}"
        for path, function in kernels()
        for node in ast.walk(function)
        if isinstance(node, ast.Raise | ast.Assert | ast.Try)
    ]
    assert found == []


def test_kernels_stand_in_kernel_files():
    assert [
        f"{place(path)}:{function.name}"
        for path, function in kernels()
        if not is_kernel_file(path) and not is_in(path, "_numba")
    ] == []


def test_kernels_keep_to_exact_arithmetic_and_one_thread():
    options = [
        f"{place(path)}:{decorator.lineno} {keyword.arg}"
        for path, function in kernels()
        for decorator in function.decorator_list
        if isinstance(decorator, ast.Call)
        for keyword in decorator.keywords
        if keyword.arg == "parallel" or (keyword.arg == "fastmath" and ast.unparse(keyword.value) == "True")
    ]
    assert options == []


def test_narwhals_stays_at_the_edge_and_in_its_stable_form():
    assert breaches(lambda path, name: top(name) == "narwhals" and not is_in(path, "_frames")) == []
    assert breaches(lambda _, name: top(name) == "narwhals" and not name.startswith("narwhals.stable.v2")) == []


def is_private(part: str) -> bool:
    return part.startswith("_") and not part.endswith("__")


def test_private_scikit_learn_stays_in_compat():
    def private(path: Path, name: str) -> bool:
        return top(name) == "sklearn" and any(map(is_private, name.split("."))) and place(path) != "_compat.py"

    assert breaches(private) == []
    attributes = [
        f"{place(path)}:{node.lineno} {ast.unparse(node)}"
        for path in MODULES
        if place(path) != "_compat.py"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Attribute) and is_private(node.attr) and ast.unparse(node).startswith("sklearn.")
    ]
    assert attributes == []


def test_a_room_is_entered_by_its_door():
    """What another room needs of a public room is public there: no reaching into ``_files``."""

    def through_the_wall(path: Path, name: str) -> bool:
        parts = name.split(".")
        if parts[0] != "crmkit" or len(parts) < 3 or is_private(parts[1]):
            return False
        return place(path).partition("/")[0] != parts[1] and any(map(is_private, parts[2:]))

    assert breaches(through_the_wall) == []


def test_nothing_inside_uses_the_front_door():
    """``from crmkit import EventLog`` inside the package would hide an arrow from import-linter."""
    own = {path.stem for path in PACKAGE.iterdir()}

    def front_door(_: Path, name: str) -> bool:
        parts = name.split(".")
        return parts[0] == "crmkit" and len(parts) > 1 and parts[1] not in {*own, "__version__"}

    assert [breach for breach in breaches(front_door) if not breach.startswith("__init__.py")] == []


def test_matplotlib_is_imported_where_something_is_drawn():
    """It is an extra, and slow to import: never at the top of a module."""
    found = [
        f"{place(path)}:{line} {name}"
        for path in MODULES
        for statement in parse(path).body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef)
        and not (isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING")
        for name, line in imported(statement)
        if top(name) == "matplotlib"
    ]
    assert found == []


def test_what_is_imported_is_declared():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [one for extra in project["optional-dependencies"].values() for one in extra]
    declared = {re.match(r"[\w-]+", one)[0].replace("-", "_") for one in [*project["dependencies"], *extras]}
    known = declared | {"sklearn", "sksurv", "crmkit"} | sys.stdlib_module_names
    # scikit-learn and numba require these two of every installation.
    known |= {"joblib", "llvmlite"}
    assert breaches(lambda _, name: top(name) not in known) == []


# --------------------------------------------------------------------------------------- manners


def test_the_package_does_not_print():
    found = [
        f"{place(path)}:{node.lineno}"
        for path in MODULES
        if not place(path).startswith(PRINTS)
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert found == []


def test_the_package_does_not_assert():
    """An assert is an error without a next step, and ``python -O`` removes it."""
    found = [
        f"{place(path)}:{node.lineno}"
        for path in MODULES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


# The words that switch a net off, then what must follow them: codes, and a reason in plain words.
IGNORE = re.compile(r"#\s*(?:ruff:\s*)?(noqa|type:\s*ignore|pragma:\s*no cover)(?P<rest>.*)")
REASON = re.compile(r"^(?:\[[\w, -]+\]|:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*)?[\s#:—-]*(?P<words>.*)$")


def has_reason(comment: str) -> bool:
    found = IGNORE.search(comment)
    if found is None:
        return True
    words = REASON.match(found["rest"])["words"]
    return re.search(r"\w{4}", words) is not None


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("# the sum of both", True),
        ("# noqa: PLC0415  reads the disk", True),
        ("# type: ignore[arg-type]  # the stubs lack this overload", True),
        ("# noqa: F401, E501", False),
        ("# type: ignore[arg-type]", False),
        ("# noqa", False),
        ("# noqa: ARG002  likewise", True),
        ("# noqa: ARG002  see", False),
    ],
)
def test_reasons_are_recognised(comment, expected):
    assert has_reason(comment) is expected


def python_files() -> list[Path]:
    folders = ("tests", "benchmarks", "docs", "examples")
    outside = [path for folder in folders for path in (CHECKOUT / folder).rglob("*.py")]
    return [*MODULES, *(path for path in outside if not {"_build", "gallery", "generated", ".asv"} & set(path.parts))]


def comments(path: Path) -> Iterator[tokenize.TokenInfo]:
    with path.open("rb") as file:
        yield from (token for token in tokenize.tokenize(file.readline) if token.type == tokenize.COMMENT)


def test_every_ignore_says_why():
    found = [
        f"{path}:{comment.start[0]} {comment.string}"
        for path in python_files()
        for comment in comments(path)
        if not has_reason(comment.string)
    ]
    assert found == []


def test_every_skip_says_why():
    found = []
    for path in python_files():
        for node in ast.walk(parse(path)):
            text = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            if text in {"pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"}:
                found.append((path, node.lineno))
    reasoned = {
        (path, node.func.lineno)
        for path in python_files()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and any(keyword.arg == "reason" for keyword in node.keywords)
    }
    assert [f"{path}:{line}" for path, line in found if (path, line) not in reasoned] == []
