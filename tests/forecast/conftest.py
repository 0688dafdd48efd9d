"""Series that tests of forecasts share."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "forecast.json").read_text(encoding="utf-8"))


def series_of(name: str) -> pd.DataFrame:
    """Return a published series of months."""
    found = GOLDEN[name]
    months = pd.date_range(found["first"], periods=len(found["values"]), freq="MS")
    return pd.DataFrame({"time": months, "value": np.array(found["values"], dtype=float)})


def demand(n_series: int = 6, n_periods: int = 40, seed: int = 0) -> pd.DataFrame:
    """Return weekly demand of items that began at different times, sorted."""
    rng = np.random.default_rng(seed)
    parts = []
    for item in range(n_series):
        begin = int(rng.integers(0, n_periods // 2)) if item else 0
        weeks = pd.date_range("2023-01-02", periods=n_periods, freq="7D")[begin:]
        parts.append(
            pd.DataFrame({"series": f"item {item}", "time": weeks, "value": rng.poisson(3 + item, len(weeks)) * 1.0})
        )
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="session")
def golden() -> dict:
    return GOLDEN
