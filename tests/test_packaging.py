"""The files around the package agree with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def versions(requirements: list[str], operator: str) -> dict[str, str]:
    found = (re.fullmatch(rf"([\w-]+){operator}([\d.]+)", one) for one in requirements)
    return {match[1]: match[2] for match in found if match}


def test_the_oldest_pins_are_the_lower_bounds():
    extras = PROJECT["optional-dependencies"]
    tested = [*PROJECT["dependencies"], *extras["plot"], *extras["polars"], *extras["parquet"], *extras["test"]]
    lines = (CHECKOUT / "tests" / "oldest.txt").read_text(encoding="utf-8").splitlines()
    pins = versions([line for line in lines if not line.startswith("#")], "==")
    assert pins == versions(tested, ">=")


def test_every_extra_says_where_its_bound_begins():
    loose = [
        one
        for extra in PROJECT["optional-dependencies"].values()
        for one in extra
        if not one.startswith("crmkit[") and not re.search(r"(>=|==)\d", one)
    ]
    assert loose == []


def test_fragments_have_a_type_and_text():
    allowed = {"added", "changed", "fixed", "deprecated", "removed"}
    for path in (CHECKOUT / "changelog.d").iterdir():
        if path.name in {"README.md", "_template.md.jinja"}:
            continue
        assert re.fullmatch(rf"[a-z0-9_]+-[a-z0-9-]+\.({'|'.join(allowed)})\.md", path.name), path.name
        assert path.read_text(encoding="utf-8").strip(), path.name


def test_what_the_package_ships_is_typed_and_pure():
    import crmkit

    package = Path(crmkit.__file__).parent
    assert (package / "py.typed").exists()
    assert [path for path in package.rglob("*") if path.suffix in {".so", ".pyd", ".nbi", ".nbc"}] == []
