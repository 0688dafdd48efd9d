"""What the tests of recommenders share: real data split as their golden figures were, and a naive NDCG."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest


def _protocols():
    path = Path(__file__).with_name("protocols.py")
    spec = importlib.util.spec_from_file_location("recommend_protocols", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["recommend_protocols"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


_PROTOCOLS = _protocols()


@pytest.fixture(scope="session")
def golden():
    """The published and measured figures of tests/golden/recommend.json."""
    path = Path(__file__).parents[1] / "golden" / "recommend.json"
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def movielens(data_folder):
    """MovieLens-100k, see `movielens` in protocols.py."""
    return _PROTOCOLS.movielens(data_folder)


@pytest.fixture(scope="session")
def online_retail(data_folder):
    """Online Retail, see `online_retail` in protocols.py."""
    return _PROTOCOLS.online_retail(data_folder)


@pytest.fixture(scope="session")
def ndcg():
    """The naive mean NDCG@k of ranked columns, see `ndcg` in protocols.py."""
    return _PROTOCOLS.ndcg
