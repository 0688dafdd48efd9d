from __future__ import annotations

import numpy as np
import pytest

from crmkit.recommend._repeat_purchase_kernels import Events, Past, read_past

HOUR = 3_600_000_000


def closed(array, dtype):
    array = np.array(array, dtype=dtype)
    array.flags.writeable = False
    return array


def run(function, length, pace):
    """One customer, seen at 48 and at 60 hours; item 9 is unknown, 2 was refunded once, and -1 is no item."""
    events = Events(
        time=closed(np.array([1, 1, 25, 30, 47, 50]) * HOUR, np.int64),
        roles=closed([1, 1, 1, 2, 1, 0], np.int8),
        items=closed([0, 2, 0, 2, 0, 0], np.int32),
        columns=closed([0, -1, 1], np.int64),
    )
    past = Past(*(np.zeros(4) for _ in Past._fields))
    function(
        0, 2, closed([0, 0], np.int64), closed([5, 6], np.int64), closed(np.array([48, 60]) * HOUR, np.int64),
        events, closed([0, 2, 4], np.int64), closed([0, 1, 0, 1], np.int32), length, pace, np.full(2, -1), past,
    )  # fmt: skip
    return past


@pytest.mark.parametrize("function", [read_past, read_past.py_func])
def test_purchases_of_two_rows_by_hand(function):
    past = run(function, 24 * HOUR, np.log(2) / (24 * HOUR))
    # Back from 48 hours: 1 h is in the second day, 25 h and 47 h in the first. Back from 60: third, second, first.
    assert past.times.tolist() == [2.0, 1.0, 3.0, 1.0]
    assert (past.first / HOUR).tolist() == [48.0, 48.0, 72.0, 72.0]
    assert (past.last / HOUR).tolist() == [24.0, 48.0, 24.0, 72.0]
    np.testing.assert_allclose(past.weight, [0.75, 0.25, 0.875, 0.125])
    np.testing.assert_allclose(past.repeats, [0.5, 0.0, 0.75, 0.0])


@pytest.mark.parametrize("function", [read_past, read_past.py_func])
def test_instants(function):
    past = run(function, 1, 0.0)
    assert past.times.tolist() == past.weight.tolist() == [3.0, 1.0, 3.0, 1.0]
    assert (past.last / HOUR).tolist() == [1.0, 47.0, 13.0, 59.0]
