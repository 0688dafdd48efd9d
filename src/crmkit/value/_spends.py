"""What a model of spend knows of customers: how often each bought again, and for how much a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._frames import number_column, read_columns
from crmkit._validation import check_vector
from crmkit.events import EventLog, Snapshots, purchases
from crmkit.exceptions import ParameterError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spends:
    """Customers as a model of spend sees them; read-only arrays of one value per row.

    Attributes
    ----------
    x : ndarray of float64
        Number of repeat purchases.
    money : ndarray of float64
        Their mean money; 0 where there is none.
    """

    x: Floats
    money: Floats

    def __len__(self) -> int:
        return len(self.x)


def read_spends(X: Any, owner: str) -> Spends:
    """Read the repeat purchases of each row of snapshots, of a frame or of an array of two columns."""
    if isinstance(X, Snapshots):
        return _from_snapshots(X, owner)
    if isinstance(X, EventLog):
        raise ParameterError(
            f"{owner} takes Snapshots, rows of an event log. Got the EventLog itself: use log.snapshot()."
        )
    x, money = _from_array(X, owner) if isinstance(X, np.ndarray | list | tuple) else _from_frame(X, owner)
    x, money = (
        check_vector("frequency", x, np.float64, owner),
        check_vector("monetary_value", money, np.float64, owner, finite=False),
    )
    wrong = (x < 0) | (x != np.floor(x))
    if wrong.any():
        raise ParameterError(
            f"The frequency of {owner} is the number of repeat purchases, a whole number of at least 0. "
            f"Got {x[wrong][0]} at position {int(wrong.argmax())}."
        )
    none = (x > 0) & ~np.isfinite(money)
    if none.any():
        raise ParameterError(
            f"The monetary_value of {owner} must be a finite number where frequency > 0: {int(none.sum()):,} of "
            f"{len(x):,} rows have repeat purchases but no mean money, the first at position {int(none.argmax())}."
        )
    return Spends(_closed(x), _closed(np.where(x > 0, money, 0.0)))


def spends_of(periods: Floats, repeat_money: Floats) -> Spends:
    """The spends of rows whose purchases have been added up by `crmkit.events.purchases`."""
    x = np.maximum(periods - 1.0, 0.0)
    return Spends(_closed(x), _closed(np.where(x > 0, repeat_money, 0.0) / np.maximum(x, 1.0)))


def _from_snapshots(X: Snapshots, owner: str) -> Spends:
    if not X.log.has_money:
        raise ParameterError(
            f"{owner} needs money, and the log has none. Name value=, or price= and quantity=, in EventLog.from_frame."
        )
    seen = purchases(X, "D")
    return spends_of(seen.periods, seen.repeat_money)


def _from_array(X: Any, owner: str) -> tuple[Any, Any]:
    array = np.asarray(X)
    if array.ndim != 2 or array.shape[1] != 2:
        raise ParameterError(
            f"{owner} takes Snapshots, a frame with the columns frequency and monetary_value, or an array of these two "
            f"columns. Got an array of shape {array.shape}."
        )
    return array[:, 0], array[:, 1]


def _from_frame(X: Any, owner: str) -> tuple[Floats, Floats]:
    columns = read_columns(X, [("frequency", "frequency"), ("monetary_value", "monetary_value")])
    x, money = (number_column(columns[name], name) for name in ("frequency", "monetary_value"))
    if np.isnan(x).any():
        raise ParameterError(
            f"The frequency of {owner} is missing in {int(np.isnan(x).sum()):,} of {len(x):,} rows. Leave out "
            "customers without any purchase."
        )
    return x, money


def _closed(values: Any) -> Floats:
    values = np.array(values, dtype=np.float64)
    values.flags.writeable = False
    return values
