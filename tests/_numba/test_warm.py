"""``warm`` compiles every kernel, into a folder that other processes then only read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numba
import pytest

from crmkit._numba import _warm, kernel, warm
from crmkit.exceptions import CrmkitError

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="nothing is compiled, as NUMBA_DISABLE_JIT is set"
)

WARM = """
import json, sys
from crmkit._numba import registered_kernels, warm
done = warm(*sys.argv[1:])
kernels = registered_kernels().items()
print(json.dumps({"n": done.n_kernels, "folder": done.folder, "seconds": done.seconds,
                  "signatures": {name: len(kernel.signatures) for name, kernel in kernels},
                  "misses": sum(sum(kernel.stats.cache_misses.values()) for _, kernel in kernels)}))
"""


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WARM, *arguments],
        env={name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_every_kernel_is_compiled_once_and_then_read(tmp_path):
    folder = tmp_path / "image"
    first = run(str(folder))
    assert first.returncode == 0, first.stderr
    done = json.loads(first.stdout)
    assert [name for name, count in done["signatures"].items() if count == 0] == []
    assert done["n"] == len(done["signatures"])
    assert done["seconds"] > 0
    assert Path(done["folder"]).is_relative_to(folder)

    second = run(NUMBA_CACHE_DIR=str(folder))
    assert second.returncode == 0, second.stderr
    again = json.loads(second.stdout)
    assert again["misses"] == 0
    assert again["folder"] == done["folder"]


def test_every_room_is_warmed(monkeypatch, tmp_path):
    """Without compiling anything: which modules are called, in which order."""
    found = {"*_kernels.py": ["a._x_kernels"], "_warm_up.py": ["a._warm_up", "b._warm_up"]}
    called = []

    class Module:
        def __init__(self, name):
            self.warm_up = lambda: called.append(name)

    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(_warm, "_modules", found.__getitem__)
    monkeypatch.setattr(_warm.importlib, "import_module", Module)
    done = warm()
    assert called == ["a._warm_up", "b._warm_up"]
    assert Path(done.folder).is_relative_to(tmp_path)


def test_modules_are_found_by_their_file_names():
    assert "crmkit._numba._threads" in _warm._modules("_threads.py")
    assert all(name.endswith("_kernels") for name in _warm._modules("*_kernels.py"))


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "file").touch()
    ran = run(str(tmp_path / "file" / "below"))
    assert ran.returncode == 1
    assert "cannot be written. Name another with --cache or NUMBA_CACHE_DIR." in ran.stderr


def test_the_folder_must_be_named_before_a_kernel_is_loaded(tmp_path):
    kernel(lambda a: a)
    before = numba.config.CACHE_DIR
    with pytest.raises(CrmkitError, match="must come before any kernel is loaded"):
        warm(tmp_path)
    assert before == numba.config.CACHE_DIR
