"""What a learned model is told of each row: how much and how often, lately and since the beginning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS, duration_name
from crmkit._numba import run_in_ranges
from crmkit.events import Snapshots
from crmkit.value._learned_features_kernels import read_history
from crmkit.value._rows import frozen

Floats = NDArray[np.float64]

_DAY = TIME_UNITS["D"]


@dataclass(frozen=True)
class HistoryFeatures:
    """Features of rows that mean the same at every date.

    What a row sees depends on how long the log was running at its as_of: in its first year money of
    the last 365 days is money of fewer days. So windows are given as rates per day that the log could
    see, and neither the customer's age nor counts of all time are among the columns: in a log that
    grows they tell the date, and a model would take its season for a trait of customers.

    Attributes
    ----------
    windows : tuple of int
        In microseconds.
    begins : int
        First event that a training row could see, in microseconds.
    """

    windows: tuple[int, ...]
    begins: int

    @classmethod
    def learn(cls, X: Snapshots, windows: tuple[int, ...]) -> HistoryFeatures:
        """Find out when the history of the training rows begins."""
        seen = X.stop > X.start
        first = X.log._store.time[X.start[seen]]
        return cls(windows, int(first.min()) if len(first) else int(X.as_of_us.min()))

    @property
    def names(self) -> list[str]:
        """Names of the columns."""
        spans = [duration_name(window) for window in self.windows]
        return [
            *(f"money_rate_{span}" for span in spans),
            *(f"purchase_rate_{span}" for span in spans),
            "money_rate", "purchase_rate", "idle_days", "mean_gap_days", "sd_gap_days", "overdue",
            "mean_money", "last_money", "largest_money",
        ]  # fmt: skip

    def of(self, X: Snapshots) -> Floats:
        """The table, one row for each of X; nothing is missing in it."""
        found = _read(X, self.windows)
        n = len(self.windows)
        count, total, age, idle, last, largest, squares = found[:, 2 * n :].T
        could_see = np.maximum((X.as_of_us - self.begins) / _DAY, 1.0)
        spans = np.minimum(np.array(self.windows) / _DAY, could_see[:, None])
        none = count == 0
        # Who has not bought is silent for as long as the log could see.
        age, idle = np.where(none, could_see, age), np.where(none, could_see, idle)
        gaps = np.maximum(count - 1, 1)
        gap = np.where(count > 1, (age - idle) / gaps, age)
        spread = np.sqrt(np.maximum(np.where(count > 1, squares / gaps - gap**2, 0.0), 0.0))
        mean = total / np.maximum(count, 1)
        rest = [total / age, count / age, idle, gap, spread, idle / gap, mean, last, largest]
        return np.column_stack([found[:, :n] / spans, found[:, n : 2 * n] / spans, *rest])


def money_before(X: Snapshots, window: int) -> Floats:
    """Money of the last stretch before each as_of, of so many microseconds."""
    return _read(X, (window,))[:, 0]


def _read(X: Snapshots, windows: tuple[int, ...]) -> Floats:
    store: Any = X.log._store
    out = np.empty((len(X), 2 * len(windows) + 7))
    lengths = frozen(np.array(windows, dtype=np.int64))
    log = (store.time, store.cents, store.money, X.log.roles())
    run_in_ranges(read_history, len(X), X.codes, X.pointers, X.stop, X.as_of_us, *log, lengths, out)
    return out
