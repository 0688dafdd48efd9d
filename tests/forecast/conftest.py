"""Series that tests of forecasts share."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def golden() -> dict[str, Any]:
    """Return the published figures and series of tests/golden/forecast.json."""
    return json.loads((Path(__file__).parents[1] / "golden" / "forecast.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def published(golden) -> Callable[[str], pd.DataFrame]:
    """Return what builds the frame of a published series of months: ``published("air_passengers")``."""

    def frame(name: str) -> pd.DataFrame:
        months = pd.date_range(golden[name]["first"], periods=len(golden[name]["values"]), freq="MS")
        return pd.DataFrame({"time": months, "value": np.array(golden[name]["values"], dtype=float)})

    return frame


@pytest.fixture(scope="session")
def make_demand() -> Callable[..., pd.DataFrame]:
    """Return what builds weekly demand of items that begin at different times, sorted."""

    def frame(n_series: int = 6, n_periods: int = 40, seed: int = 0) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        weeks = pd.date_range("2023-01-02", periods=n_periods, freq="7D")
        parts = []
        for item in range(n_series):
            begin = int(rng.integers(0, n_periods // 2)) if item else 0
            sold = rng.poisson(3 + item, n_periods - begin).astype(float)
            parts.append(pd.DataFrame({"series": f"item {item:02d}", "time": weeks[begin:], "value": sold}))
        return pd.concat(parts, ignore_index=True)

    return frame
