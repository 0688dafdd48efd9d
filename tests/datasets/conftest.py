from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crmkit.datasets import make_retail


@pytest.fixture(scope="session")
def published() -> dict[str, Any]:
    return json.loads((Path(__file__).parents[1] / "golden" / "purchase_models.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def shop():
    """A shop of 20,000 customers; nobody may change its frames."""
    return make_retail(20_000, 300, n_categories=6, span="78W", acquisition="26W", random_state=20)
