"""Calendar periods: where each begins, and whether the last one is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS
from crmkit._periods import frequency
from crmkit._validation import check_option
from crmkit.events import EventLog
from crmkit.exceptions import ParameterError

_FREQUENCIES: Final = {"week": "W", "month": "M", "quarter": "Q", "year": "Y"}

COLLAPSES: Final = ("D", "order", None)


@dataclass(frozen=True)
class Calendar:
    """Consecutive periods, from the one of the first purchase to the one in which a log ends.

    Attributes
    ----------
    by : str
        What a period is.
    edges : ndarray of int64, shape (n_periods + 1,)
        Microseconds at which periods begin, and at which the last one ends; of length 1 if there
        are none.
    finished : bool
        Whether the log is complete up to the end of the last period.
    """

    by: str
    edges: NDArray[np.int64]
    finished: bool

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def starts(self) -> NDArray[np.datetime64]:
        """First day of each period."""
        return self.edges[:-1].view("M8[us]").astype("M8[D]")

    @property
    def per_microsecond(self) -> float:
        """Mean number of periods in a microsecond."""
        return len(self) / float(self.edges[-1] - self.edges[0]) if len(self) else 0.0

    @property
    def n_finished(self) -> int:
        """Number of periods that are over."""
        return len(self) - (len(self) > 0 and not self.finished)


def calendar(by: str, first: int | None, end: int) -> Calendar:
    """Lay out the periods from the one that holds `first` to the one that ends at or after `end`.

    Parameters
    ----------
    by : {"week", "month", "quarter", "year"}
    first : int or None
        Microseconds of the first purchase; None gives no periods.
    end : int
        Microseconds up to which the log is complete, later than `first`.

    Returns
    -------
    Calendar
    """
    if first is None:
        return Calendar(by, _read_only(np.zeros(1, dtype=np.int64)), True)
    period = frequency(_FREQUENCIES[by], "calendar")
    begins, ends = period.number([first, end - 1])
    edges = period.start(np.arange(begins, ends + 2))
    return Calendar(by, _read_only(edges), bool(edges[-1] == end))


def check_arguments(log: Any, by: Any, owner: str) -> None:
    """Refuse what is not a log, and periods that there are not."""
    if not isinstance(log, EventLog):
        hint = "Build one with EventLog.from_frame(frame, customer=..., time=...)."
        if hasattr(log, "log"):
            hint = "Pass the log of these rows, as it was on a day: X.log.before(day)."
        # Its type and nothing of it: errors end in server logs.
        raise ParameterError(
            f"The 'log' parameter of {owner} must be an EventLog. Got {type(log).__name__} instead. {hint}"
        )
    hint = "Periods are those of the calendar." if isinstance(by, str) else ""
    check_option("by", by, set(_FREQUENCIES), owner, hint)


def day_length(collapse: str | None) -> int:
    """Microseconds within which purchases count once."""
    return TIME_UNITS["D"] if collapse == "D" else 1


def _read_only(array: NDArray[np.int64]) -> NDArray[np.int64]:
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array
