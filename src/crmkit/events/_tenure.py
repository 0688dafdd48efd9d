"""Contracts: which events start and end one, and for how long a customer has kept it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crmkit._numba import run_in_ranges
from crmkit.events._read import events_of_kinds
from crmkit.events._tenure_kernels import find_tenure
from crmkit.exceptions import ParameterError

if TYPE_CHECKING:
    from crmkit.events._log import EventLog
    from crmkit.events._snapshots import Snapshots

STARTS, ENDS = np.int8(1), np.int8(2)


def contract_states(log: EventLog, starts: Any, ends: Any, names: tuple[str, str], shown: str) -> NDArray[np.int8]:
    """1 for the events that start a contract, 2 for those that end one, else 0.

    `names` are the parameters that the two come from, and `shown` how an error quotes them.
    """
    of_starts = events_of_kinds(log._store.kind, starts, names[0])
    of_ends = events_of_kinds(log._store.kind, ends, names[1])
    if (of_starts & of_ends).any():
        raise ParameterError(f"{shown} names a kind both as a start and as an end.")
    return np.where(of_starts, STARTS, np.where(of_ends, ENDS, np.int8(0))).astype(np.int8)


def tenures(rows: Snapshots, start: Any, end: Any, period: int) -> NDArray[np.float64]:
    """See `Snapshots.tenure`; `period` in microseconds. Renewals survived, and 0 or 1 for ended."""
    states = contract_states(rows.log, start, end, ("start", "end"), f"start={start!r}, end={end!r}")
    out = np.empty((2, len(rows)), dtype=np.float64)
    shared = (rows.codes, rows.as_of_us, rows.stop, rows.pointers, rows.log._store.time)
    run_in_ranges(find_tenure, len(rows), *shared, states, period, out)
    return out
