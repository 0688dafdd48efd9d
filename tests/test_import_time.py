"""What importing costs: the door next to nothing, and no room loads more than it needs."""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys

import pytest

HEAVY = ("matplotlib", "numba", "numpy", "pandas", "polars", "pyarrow", "scipy", "sklearn")


def seconds(code: str) -> float:
    resource = pytest.importorskip("resource", reason="this system does not tell the time of child processes")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def loaded(code: str) -> set[str]:
    """Return which of the heavy packages a fresh interpreter has loaded after the code."""
    code = f"{code}\nimport sys\nprint(*(name for name in {HEAVY!r} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_the_door_costs_less_than_ten_milliseconds():
    # Time of the processor, in pairs one after the other: a busy machine says nothing. The first pair warms the disk.
    differences = [seconds("import crmkit") - seconds("pass") for _ in range(16)][1:]
    assert statistics.median(differences) < 0.010


def test_the_door_loads_nothing_heavy():
    assert loaded("import crmkit; crmkit.__version__; dir(crmkit)") == set()


def test_errors_load_nothing_heavy():
    assert loaded("import crmkit; crmkit.exceptions.CrmkitError") == set()


@pytest.mark.parametrize("room", ["events", "datasets", "metrics"])
def test_low_rooms_do_not_load_scikit_learn(room):
    if importlib.util.find_spec(f"crmkit.{room}") is None:
        pytest.fail(f"crmkit.{room} is gone: take it out of this list")
    assert loaded(f"import crmkit.{room}") & {"sklearn", "matplotlib", "polars"} == set()


def test_the_log_does_not_load_scikit_learn():
    assert "sklearn" not in loaded("from crmkit import EventLog")
