"""The kernel against a loop over events written from its description, and against itself without Numba."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.value._learned_features_kernels import read_history

DAY = 86_400_000_000


def naive(times, amounts, roles, as_of, windows):
    """One row, by lists of days."""
    seen = [(t, a, r) for t, a, r in zip(times, amounts, roles, strict=True) if t < as_of and r != 0]
    money, counts = [], []
    bought = {}
    for t, _, r in seen:
        if r == 1:
            bought.setdefault((as_of - t - 1) // DAY, []).append(t)
    for window in windows:
        money.append(sum(a for t, a, _ in seen if as_of - t <= window))
        # A day is counted in the windows that hold its first purchase.
        counts.append(sum(as_of - min(ts) <= window for ts in bought.values()))
    days = sorted(bought, reverse=True)
    if not days:
        return [*money, *counts, *[0.0] * 7]
    # Refunds belong to the purchase day before them; those before any purchase, to the first.
    bags = dict.fromkeys(days, 0.0)
    current = None
    for t, a, r in seen:
        day = (as_of - t - 1) // DAY
        if r == 1:
            current = day
        if current is None:
            continue
        bags[current] += a
    gaps = -np.diff(days)
    return [
        *money, *counts, len(days), sum(a for _, a, _ in seen), days[0] + 1, days[-1] + 1,
        bags[days[-1]], max(0.0, *bags.values()), float((gaps**2).sum()),
    ]  # fmt: skip


def call(function, times, amounts, roles, as_ofs, windows, cents):
    times = np.array(times, dtype=np.int64)
    arrays = {
        "codes": np.zeros(len(as_ofs), dtype=np.int32),
        "pointers": np.array([0, len(times)], dtype=np.int64),
        "stops": np.searchsorted(times, as_ofs, side="left"),
        "as_ofs": np.array(as_ofs, dtype=np.int64),
        "time": times,
        "cents": np.array(amounts, dtype=np.int64) * 100 if cents else np.empty(0, dtype=np.int64),
        "money": np.empty(0) if cents else np.array(amounts, dtype=np.float64),
        "roles": np.array(roles, dtype=np.int8),
        "windows": np.array(windows, dtype=np.int64),
    }
    for array in arrays.values():
        array.setflags(write=False)
    out = np.full((len(as_ofs), 2 * len(windows) + 7), np.nan)
    function(0, len(as_ofs), *arrays.values(), out)
    return out


events = st.lists(st.tuples(st.integers(0, 40), st.integers(-5, 20), st.integers(0, 2)), max_size=12)


@given(events, st.lists(st.integers(1, 160), min_size=1, max_size=3), st.booleans())
def test_as_described(found, as_ofs, cents):
    # Times in quarters of a day; a purchase is not negative, a refund is.
    rows = sorted((t * DAY // 4, abs(a) if r == 1 else -abs(a), r) for t, a, r in found)
    # Money before the first purchase has no purchase day; the description begins with one.
    while rows and rows[0][2] != 1:
        rows.pop(0)
    times, amounts, roles = ([row[k] for row in rows] for k in range(3))
    as_ofs = [a * DAY // 4 for a in as_ofs]
    windows = [DAY, 3 * DAY + 1]
    expected = np.array([naive(times, amounts, roles, as_of, windows) for as_of in as_ofs])
    assert call(read_history, times, amounts, roles, as_ofs, windows, cents) == pytest.approx(expected)
    assert call(read_history.py_func, times, amounts, roles, as_ofs, windows, cents) == pytest.approx(expected)


def test_without_roles_everything_is_a_purchase():
    times, amounts = [0, DAY, 3 * DAY], [1.0, 2.0, 4.0]
    plain = call(read_history, times, amounts, [], [5 * DAY], [2 * DAY, 4 * DAY], False)
    assert plain.tolist() == [[4.0, 6.0, 1.0, 2.0, 3.0, 7.0, 5.0, 2.0, 4.0, 4.0, 5.0]]
    assert (plain == call(read_history, times, amounts, [1, 1, 1], [5 * DAY], [2 * DAY, 4 * DAY], True)).all()


def test_a_log_without_money_has_days():
    out = call(read_history, [0, DAY], [], [], [2 * DAY], [DAY], False)
    assert out.tolist() == [[0.0, 1.0, 2.0, 0.0, 2.0, 1.0, 0.0, 0.0, 1.0]]
