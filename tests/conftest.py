"""What all tests share: frames of every kind, real data sets, and settings that make runs repeatable."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

# Before anything imports matplotlib: tests draw into files, on machines without a screen.
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import pytest

import crmkit

hypothesis.settings.register_profile(
    "crmkit",
    # A first call may compile a kernel, which says nothing about the example that triggered it.
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    # The same examples on every run of CI; new ones on every run at a desk.
    derandomize=bool(os.environ.get("CI")),
    print_blob=True,
)
hypothesis.settings.load_profile("crmkit")

_DATA = os.environ.get("CRMKIT_DATA")
_TESTS = Path(__file__).parent
_ROOMS_WITH_KERNELS = {path.parent.name for path in Path(crmkit.__file__).parent.glob("*/*_kernels.py")}


def frame_of(kind: str, data: Mapping[str, Any]) -> Any:
    """Build a frame of one kind from columns that are lists or numpy arrays."""
    # Imported here, so that tests of one kind of frame do not wait for the others.
    if kind == "dict":
        import numpy as np

        return {name: np.asarray(column) for name, column in data.items()}
    if kind.startswith("pandas"):
        import pandas as pd

        frame = pd.DataFrame(dict(data))
        return frame.convert_dtypes() if kind == "pandas-nullable" else frame
    if kind.startswith("polars"):
        import polars as pl

        return pl.LazyFrame(dict(data)) if kind == "polars-lazy" else pl.DataFrame(dict(data))
    import pyarrow as pa

    table = pa.table(dict(data))
    if kind == "pyarrow":
        return table
    import duckdb

    return duckdb.from_arrow(table)


@pytest.fixture(params=["pandas", "pandas-nullable", "polars", "polars-lazy", "pyarrow", "duckdb", "dict"])
def make_frame(request: pytest.FixtureRequest) -> Callable[[Mapping[str, Any]], Any]:
    """Return what builds a frame from columns; the test runs once for each kind of frame."""
    return functools.partial(frame_of, request.param)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Return the folder of real data sets; tests that ask for it carry the `data` marker."""
    if not _DATA:
        pytest.skip("CRMKIT_DATA does not name the folder of real data sets")
    folder = Path(_DATA)
    if not folder.is_dir():
        pytest.fail(f"CRMKIT_DATA={_DATA!r} is not a folder")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what reads real data and what runs kernels, so that nobody has to remember to."""
    for item in items:
        if "data_folder" in getattr(item, "fixturenames", ()):
            item.add_marker("data")
        if {folder.name for folder in item.path.parents if folder.parent == _TESTS} & _ROOMS_WITH_KERNELS:
            item.add_marker("kernels")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests saw real data: a net that is switched off must show."""
    ran = {
        report.nodeid
        for outcome in ("passed", "failed", "xfailed", "xpassed")
        for report in terminalreporter.getreports(outcome)
        if getattr(report, "when", None) == "call" and "data" in report.keywords
    }
    source = f"CRMKIT_DATA={_DATA}" if _DATA else "CRMKIT_DATA is not set"
    terminalreporter.write_line(f"tests on real data: {len(ran)} ran ({source})")
