"""What all tests share: frames of every kind, real data sets, and settings that make runs repeatable."""

from __future__ import annotations

import os
from pathlib import Path

# Before anything imports matplotlib: tests draw into files, on machines without a screen.
os.environ.setdefault("MPLBACKEND", "Agg")

import hypothesis
import pytest

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
    """Mark what reads real data, so that ``-m data`` selects it and the summary counts it."""
    for item in items:
        if "data_folder" in getattr(item, "fixturenames", ()):
            item.add_marker("data")


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
