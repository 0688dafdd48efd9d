"""Logs on disk: what is saved comes back, mapped or read, and nothing in it is a pickle."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from crmkit import EventLog
from crmkit.exceptions import CrmkitError, ParameterError
from crmkit.testing import logs

FRAME = pd.DataFrame(
    {
        "客户": ["甲", "乙", "甲", "丙"],
        "time": ["2024-10-27 00:30Z", "2024-10-27 01:30Z", "2024-10-27 01:30Z", "2024-11-01 12:00Z"],
        "paid": [1.0, 1 / 3, -1.0, np.nan],
        "kind": ["order", "order", "order", "visit"],
        "extra/../x": [1.5, np.nan, 2.0, 0.0],
        "text": ["a", None, "b", "a"],
        "flag": [True, False, True, True],
    }
)


@pytest.fixture
def log():
    log = EventLog.from_frame(
        FRAME, customer="客户", time="time", value="paid", kind="kind", purchases="order", tz="Europe/London",
        columns=["extra/../x", "text", "flag"], observed_until="2024-12-01",
    )  # fmt: skip
    known = pd.DataFrame(
        {"who": ["甲", "甲", "丁"], "at": ["2024-01-01", "2024-11-01", "2024-01-01"], "tier": ["A", "B", None]}
    )
    return log.with_attributes(known, customer="who", known_at="at")


@given(logs(zones=None))
@settings(max_examples=30)
def test_round_trip(tmp_path_factory, log):
    folder = tmp_path_factory.mktemp("log")
    log.save(folder)
    for mmap in (True, False):
        again = EventLog.load(folder, mmap=mmap)
        assert again.fingerprint == log.fingerprint
        assert (again.observed_until, again.tz, again.has_money) == (log.observed_until, log.tz, log.has_money)
        pd.testing.assert_frame_equal(again.quality, log.quality)
        pd.testing.assert_frame_equal(again.to_frame(), log.to_frame())
        pd.testing.assert_frame_equal(again.snapshot().summary(), log.snapshot().summary(), check_exact=True)


@pytest.mark.parametrize("mmap", [True, False])
def test_everything_comes_back(log, tmp_path, mmap):
    log.save(tmp_path / "new" / "folder")
    again = EventLog.load(str(tmp_path / "new" / "folder"), mmap=mmap)
    assert again.fingerprint == log.fingerprint
    pd.testing.assert_frame_equal(again.to_frame(), log.to_frame())
    pd.testing.assert_frame_equal(again.snapshot().attributes(), log.snapshot().attributes())
    assert (
        again.append(FRAME, observed_until="2024-12-01").fingerprint
        == log.append(FRAME, observed_until="2024-12-01").fingerprint
    )


def test_mapped_means_shared(log, tmp_path):
    log.save(tmp_path)
    times = EventLog.load(tmp_path)._store.time
    while times.base is not None and not isinstance(times, np.memmap):
        times = times.base
    assert isinstance(times, np.memmap)


def test_there_are_arrays_and_json_and_no_pickles(log, tmp_path):
    log.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy", ".json"}
    for path in tmp_path.glob("*.npy"):
        assert np.load(path, allow_pickle=False).dtype.kind in "ifbU"
    assert json.loads((tmp_path / "log.json").read_text(encoding="utf-8"))["schema"]["customer"] == "客户"


def test_a_log_is_saved_over_another(log, tmp_path):
    log.save(tmp_path)
    log.without(["甲"]).save(tmp_path)
    assert EventLog.load(tmp_path).fingerprint == log.without(["甲"]).fingerprint
    assert b"\x32\x75\x00\x00" not in b"".join(path.read_bytes() for path in tmp_path.glob("*.npy"))  # 甲 in UTF-32


def test_a_mapped_log_is_not_saved_over_itself(log, tmp_path):
    log.save(tmp_path)
    EventLog.load(tmp_path, mmap=True).save(tmp_path)
    assert EventLog.load(tmp_path).fingerprint == log.fingerprint


def test_refused(log, tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ParameterError, match="is a file. Name a folder"):
        log.save(tmp_path / "file")
    with pytest.raises(ParameterError, match="holds other files. Name an empty folder"):
        log.save(tmp_path)
    with pytest.raises(CrmkitError, match=r"holds no saved log: it has no log\.json"):
        EventLog.load(tmp_path)
    log.save(tmp_path / "saved")
    index = tmp_path / "saved" / "log.json"
    index.write_text(index.read_text(encoding="utf-8").replace('"format": 1', '"format": 99'), encoding="utf-8")
    with pytest.raises(CrmkitError, match="was saved in format 99"):
        EventLog.load(tmp_path / "saved")
