"""Compiled code is kept between processes, is never stale, and never makes a call fail."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numba
import numpy as np
import pytest

from crmkit._numba import _cache

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="nothing is compiled, as NUMBA_DISABLE_JIT is set"
)

HELPER = "from crmkit._numba import kernel\n\n@kernel\ndef rate():\n    return {rate}\n"
MAIN = (
    "from crmkit._numba import kernel\nfrom shop.{helper} import rate\n\n"
    "@kernel\ndef price(values):\n    return values.sum() * rate()\n"
)
RUN = """
import json, numba, numpy as np
from shop.main_kernels import price
before = numba.config.CACHE_DIR
result = price(np.arange(3.0))
stats = price.stats
print(json.dumps({"result": result, "hits": sum(stats.cache_hits.values()), "folder": stats.cache_path,
                  "restored": numba.config.CACHE_DIR == before}))
"""


class Shop:
    """A package of two kernel files, installed somewhere, and processes that use it."""

    def __init__(self, root: Path, helper: str = "helper_kernels") -> None:
        self.root = root
        self.helper = helper
        self.package = root / "site" / "shop"
        self.package.mkdir(parents=True)
        (self.package / "__init__.py").touch()
        (self.package / "main_kernels.py").write_text(MAIN.format(helper=helper))
        self.caches = root / "caches"
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")} | {
            "PYTHONPATH": os.pathsep.join([str(self.package.parent), *sys.path[1:]]),
            "XDG_CACHE_HOME": str(self.caches),
            "LOCALAPPDATA": str(self.caches),
            "HOME": str(root),
            # Else the old bytecode would be taken where only the content of a file has changed.
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.install(3)

    def install(self, rate: int) -> None:
        """Write the helper with another number: same size and same time as before."""
        path = self.package / f"{self.helper}.py"
        path.write_text(HELPER.format(rate=float(rate)))
        os.utime(path, (1_700_000_000, 1_700_000_000))

    def start(self, code: str = RUN, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code: str = RUN, **environment: str) -> dict:
        return finish(self.start(code, **environment))

    def compiled(self, folder: Path | None = None) -> list[Path]:
        return sorted((folder or self.root).rglob("*.nb[ci]"))


def finish(process: subprocess.Popen[str]) -> dict:
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return json.loads(output)


@pytest.fixture
def shop(tmp_path):
    return Shop(tmp_path)


@pytest.mark.slow
def test_an_upgrade_never_meets_old_code(shop):
    first = shop.run()
    assert (first["result"], first["hits"], first["restored"]) == (9.0, 0, True)
    again = shop.run()
    assert (again["result"], again["hits"]) == (9.0, 1)
    shop.install(5)
    upgraded = shop.run()
    assert (upgraded["result"], upgraded["hits"]) == (15.0, 0)
    assert upgraded["folder"] != first["folder"]
    shop.install(3)
    back = shop.run()
    assert (back["result"], back["hits"], back["folder"]) == (9.0, 1, first["folder"])
    # All of it in the user's folder, nothing beside the source files, where it would go stale.
    assert shop.compiled() == shop.compiled(shop.caches) != []


@pytest.mark.slow
def test_a_kernel_in_a_file_of_another_name_counts_too(tmp_path):
    shop = Shop(tmp_path, helper="rates")
    assert shop.run()["result"] == 9.0
    shop.install(5)
    # price() stands in a kernel file and rates.py is none: crmkit's own tests forbid that import.
    main = shop.package / "main_kernels.py"
    main.rename(shop.package / "main.py")
    code = RUN.replace("main_kernels", "main")
    assert shop.run(code)["result"] == 15.0
    assert shop.run(code)["hits"] == 1
    shop.install(7)
    upgraded = shop.run(code)
    assert (upgraded["result"], upgraded["hits"]) == (21.0, 0)


@pytest.mark.slow
def test_the_folder_that_the_user_names_wins(shop):
    chosen = shop.root / "chosen"
    result = shop.run(NUMBA_CACHE_DIR=str(chosen))
    assert Path(result["folder"]).is_relative_to(chosen)
    assert shop.compiled() == shop.compiled(chosen) != []
    shop.install(5)
    assert shop.run(NUMBA_CACHE_DIR=str(chosen))["result"] == 15.0


@pytest.mark.slow
@pytest.mark.parametrize("nowhere", ["a file", "missing home"])
def test_nothing_can_be_written(shop, nowhere):
    (shop.root / "file").touch()
    if nowhere == "a file":
        base = str(shop.root / "file" / "below")
        environment = {"XDG_CACHE_HOME": base, "LOCALAPPDATA": base, "HOME": base}
    else:
        home = str(shop.root / "nobody")
        environment = {"XDG_CACHE_HOME": "", "LOCALAPPDATA": "", "HOME": home, "USERPROFILE": home}
    result = shop.run(**environment)
    assert (result["result"], result["folder"]) == (9.0, None)
    assert shop.compiled() == []
    assert not (shop.root / "nobody").exists()


@pytest.mark.slow
def test_checked_bounds_are_compiled_apart(shop):
    plain = shop.run()
    checked = shop.run(NUMBA_BOUNDSCHECK="1")
    assert (checked["hits"], checked["folder"] != plain["folder"]) == (0, True)


@pytest.mark.slow
def test_processes_that_start_at_once(shop):
    processes = [shop.start() for _ in range(3)]
    assert [finish(process)["result"] for process in processes] == [9.0] * 3
    assert shop.run()["hits"] == 1
    assert [path.name for path in shop.caches.rglob("*.tmp")] == []


# ------------------------------------------------------------------- the same, within this process


@pytest.fixture
def inside(shop, monkeypatch):
    """Import the package here, with its cache in a folder of the test."""
    monkeypatch.syspath_prepend(str(shop.package.parent))
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(shop.caches))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield shop
    for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
        del sys.modules[name]
    _cache.forget_contents()


def load(name: str = "shop.main_kernels"):
    """Import a module as a new process would."""
    for loaded in [loaded for loaded in sys.modules if loaded.startswith("shop.")]:
        del sys.modules[loaded]
    importlib.invalidate_caches()
    return importlib.import_module(name)


def test_an_edited_kernel_is_compiled_again_when_it_is_reloaded(inside):
    values = np.arange(3.0)
    assert load().price(values) == 9.0
    inside.install(5)
    assert load().price(values) == 15.0


def test_each_signature_has_its_file(inside):
    price = load().price
    assert price(np.arange(3.0)) == price(np.arange(3)) == 9.0
    assert len({path.name for path in inside.compiled() if "price" in path.name}) == 2
    price = load().price
    assert price(np.arange(3)) == price(np.arange(3.0)) == 9.0
    assert sum(price.stats.cache_hits.values()) == 2


@pytest.mark.parametrize("damage", [b"", b"\x80\x04garbage", None])
def test_a_damaged_file_is_replaced(inside, damage):
    assert load().price(np.arange(3.0)) == 9.0
    files = [path for path in inside.compiled() if "price" in path.name]
    whole = files[0].read_bytes()
    files[0].write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert load().price(np.arange(3.0)) == 9.0
    again = load().price
    assert again(np.arange(3.0)) == 9.0
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_file_of_another_key_is_not_taken(inside):
    """File names are short hashes: what is inside decides."""
    price = load().price
    price(np.arange(3.0))
    price(np.arange(3))
    first, second = (path for path in inside.compiled() if "price" in path.name)
    first.write_bytes(second.read_bytes())
    price = load().price
    assert price(np.arange(3)) == price(np.arange(3.0)) == 9.0
    assert sum(price.stats.cache_hits.values()) == 1


def test_a_folder_that_cannot_be_written_is_read(inside, monkeypatch):
    load().price(np.arange(3.0))

    def refuse(*_, **__):
        raise PermissionError("read-only file system")

    for name in ("mkdir", "write_bytes", "replace", "unlink"):
        monkeypatch.setattr(Path, name, refuse)
    monkeypatch.setattr(os, "utime", refuse)
    _cache._prepared.cache_clear()
    price = load().price
    assert price(np.arange(3.0)) == 9.0
    assert sum(price.stats.cache_hits.values()) == 1
    assert price(np.arange(3)) == 9.0  # not there, and cannot be kept


def test_a_folder_that_goes_away_comes_back(inside):
    price = load().price
    for path in inside.compiled():
        path.unlink()
    Path(price.stats.cache_path).rmdir()
    assert price(np.arange(3.0)) == 9.0
    assert inside.compiled(Path(price.stats.cache_path)) != []


def test_recompiling_forgets_the_files_of_one_kernel(inside):
    module = load()
    module.price(np.arange(3.0))
    before = inside.compiled()
    module.price._cache.flush()
    assert {path for path in before if "rate" in path.name} == set(inside.compiled()) != set()


def test_kernels_made_with_other_values_do_not_mix(inside):
    source = (
        "from crmkit._numba import kernel\n\ndef make(by):\n    @kernel\n"
        "    def times(value):\n        return value * by\n    return times\n"
    )
    (inside.package / "made_kernels.py").write_text(source)
    for _ in range(2):
        make = load("shop.made_kernels").make
        assert [make(by)(10.0) for by in (2.0, 3.0)] == [20.0, 30.0]


def test_a_function_outside_of_packages_is_not_kept(inside):
    scope = {"__name__": "shop.typed"}
    exec("def typed(): return 1", scope)
    assert _cache.cache_folder(scope["typed"]) is None
    (inside.package.parent / "alone.py").write_text("def alone():\n    return 1\n")
    assert _cache.cache_folder(importlib.import_module("alone").alone) is None
    assert _cache.cache_folder(load().price.py_func) is not None


def test_hashing_the_kernel_files_is_quick(inside):
    _cache.forget_contents()
    start = time.perf_counter()
    _cache.cache_folder(load().price.py_func)
    assert time.perf_counter() - start < 0.25  # some 3 ms, and a lot of room for a busy machine


# ----------------------------------------------------------------------------------- old folders


def make_folders(parent: Path, ages: dict[str, float]) -> None:
    for name, days in ages.items():
        folder = parent / name
        folder.mkdir(parents=True)
        (folder / "price.nbc").touch()
        then = time.time() - days * 86_400
        os.utime(folder, (then, then))


def test_old_folders_are_removed(tmp_path):
    old = {f"crmkit-{number:016x}": 2.0 + number for number in range(6)}
    others = {"crmkit-notes": 99.0, "shop-0123456789abcdef": 99.0, "crmkit-0123456789abcdef0": 99.0}
    make_folders(tmp_path, old | others)
    assert _cache._prepared(tmp_path, "crmkit", "f" * 16) == tmp_path / ("crmkit-" + "f" * 16)
    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"crmkit-" + "f" * 16, "crmkit-" + "0" * 16, "crmkit-" + "0" * 15 + "1", *others}


def test_folders_used_within_a_day_stay(tmp_path):
    make_folders(tmp_path, {f"crmkit-{number:016x}": 0.1 * number for number in range(9)})
    _cache._prune(tmp_path, "crmkit")
    assert len(list(tmp_path.iterdir())) == 9


def test_a_folder_in_use_counts_as_new(tmp_path):
    make_folders(tmp_path, {"crmkit-" + "a" * 16: 50.0})
    _cache._prepared(tmp_path, "crmkit", "a" * 16)
    assert time.time() - (tmp_path / ("crmkit-" + "a" * 16)).stat().st_mtime < 60


def test_two_processes_may_remove_the_same_folders(tmp_path, monkeypatch):
    make_folders(tmp_path, {f"crmkit-{number:016x}": 9.0 for number in range(6)})
    listed = list(tmp_path.glob("crmkit-*"))
    monkeypatch.setattr(Path, "glob", lambda *_: [*listed, tmp_path / "crmkit-gone"])
    _cache._prune(tmp_path, "crmkit")
    assert all(path.exists() for path in listed)


@pytest.mark.parametrize(
    ("platform", "variable", "below"),
    [
        ("linux", "XDG_CACHE_HOME", ".cache"),
        ("darwin", None, "Library/Caches"),
        ("win32", "LOCALAPPDATA", "AppData/Local"),
    ],
)
def test_the_place_for_caches_of_each_system(tmp_path, monkeypatch, platform, variable, below):
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(os.path, "expanduser", lambda _: str(tmp_path))
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, "relative/is/ignored")
    assert _cache._base_folder() == tmp_path / below
    if variable is not None:
        monkeypatch.setenv(variable, str(tmp_path / "mine"))
        assert _cache._base_folder() == tmp_path / "mine"
    monkeypatch.delenv(variable or "HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # a user whom the system does not know
    assert _cache._base_folder() is None
