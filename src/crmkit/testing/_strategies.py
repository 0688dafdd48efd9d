"""Hypothesis strategies for tables of events, logs and snapshots: small, and nasty on purpose."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from crmkit._validation import check_int, check_option
from crmkit.events import EventLog, Snapshots

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

__all__ = ["event_frames", "logs", "snapshots"]

#: The days around the ends of summer time in Europe and in America, on which an hour passes twice.
_FIRST_DAY: Final = np.datetime64("2024-10-14", "us")
_N_DAYS: Final = 28
_END: Final = "2024-11-12"
_HOUR: Final = 3_600_000_000
_DAY: Final = 24 * _HOUR

#: Few times of day, so that events tie; both edges of a day, and the hour that passes twice.
_CLOCK: Final = (0, 1, 6 * _HOUR, _HOUR + _HOUR // 2, 24 * _HOUR - 1)

#: Amounts that cancel, that are no binary fractions, that are no whole cents, and one large one.
_CENTS: Final = (0.0, 0.1, 1.0, 2.5, 19.99, 1e9, -0.1, -1.0, -2.5, -19.99, -1e9)
_THIRDS: Final = (1 / 3, -1 / 3, 1e-7)

_KINDS: Final = ("order", "visit", "cancel")

_ZONES: Final = (None, "Europe/London", "America/New_York", "Asia/Shanghai", "UTC")

_IDS: Final = {
    "int": lambda number: 10 * number - 7,
    "large": lambda number: (number % 3 - 1) * 4_611_686_018_427_387_000 + number,
    "text": lambda number: ("b", "a", "", "ab", "a ")[number % 5] + "x" * (number // 5),
    "chinese": lambda number: f"客户{'甲乙丙丁'[number % 4]}{number}",
    "uuid": lambda number: uuid.UUID(int=number * 3**70),
    "category": lambda number: f"c{number}",
}


def event_frames(
    *,
    max_events: int = 24,
    max_customers: int = 4,
    min_events: int = 0,
    ids: str | None = None,
    money: bool | None = None,
    refunds: bool | None = None,
    items: bool | None = None,
    orders: bool | None = None,
    kinds: bool | None = None,
    zones: bool | None = False,
) -> SearchStrategy[tuple[pd.DataFrame, dict[str, Any]]]:
    """Draw valid tables of events, with how to read them.

    Events lie in four weeks of autumn 2024, on few times of day, so that many fall on one instant, on
    both edges of a day, and (with `zones`) in the hour that passes twice. Rows are in no order.

    Parameters
    ----------
    max_events, max_customers, min_events : int, default=24, 4 and 0
        Bounds of the sizes. Empty tables are drawn if `min_events` is 0.
    ids : {"int", "large", "text", "chinese", "uuid", "category"} or None, default=None
        Sort of the customer ids; any of them if None.
    money, refunds, items, orders, kinds : bool or None, default=None
        Whether the table has money, negative money, and the columns item, order and kind. Drawn if
        None. Items are missing from some refunds and from some events that are no purchases, orders
        from some events.
    zones : bool or None, default=False
        Whether times have a zone: naive ones that ``tz=`` labels, or aware ones. Drawn if None.

    Returns
    -------
    SearchStrategy of (pandas.DataFrame, dict)
        The table, and the keyword arguments with which `EventLog.from_frame` reads it.

    Raises
    ------
    ImportError
        If Hypothesis is not installed.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from crmkit import EventLog
    >>> from crmkit.testing import event_frames
    >>> @settings(deadline=None)  # a first call compiles
    ... @given(event_frames(max_events=5))
    ... def holds(table):
    ...     frame, options = table
    ...     assert len(EventLog.from_frame(frame, **options)) == len(frame)
    >>> holds()
    """
    st = _hypothesis("event_frames")
    check_int("max_events", max_events, "event_frames", low=0)
    check_int("max_customers", max_customers, "event_frames", low=1, high=100)
    check_int("min_events", min_events, "event_frames", low=0, high=max_events)
    check_option("ids", ids, {*_IDS, None}, "event_frames")
    for name, value in {
        "money": money, "refunds": refunds, "items": items, "orders": orders, "kinds": kinds, "zones": zones,
    }.items():  # fmt: skip
        check_option(name, value, {True, False, None}, "event_frames")

    @st.composite
    def draw_table(draw: DrawFn) -> tuple[pd.DataFrame, dict[str, Any]]:
        def decide(choice: bool | None) -> bool:
            return draw(st.booleans()) if choice is None else choice

        sort = draw(st.sampled_from(sorted(_IDS))) if ids is None else ids
        has_money = decide(money)
        amounts = _CENTS + (_THIRDS if has_money and draw(st.booleans()) else ())
        if not (has_money and decide(refunds)):
            amounts = tuple(amount for amount in amounts if amount >= 0)
        event = st.tuples(
            st.integers(0, max_customers - 1),
            st.integers(0, _N_DAYS - 1),
            st.sampled_from(_CLOCK),
            st.sampled_from(amounts),
            st.integers(-1, 3),
            st.integers(-1, 2),
            st.sampled_from(_KINDS),
        )
        events = draw(st.lists(event, min_size=min_events, max_size=max_events))
        has = {"item": decide(items), "order": decide(orders), "kind": decide(kinds)}
        frame, options = _table(events, sort, has_money, has)
        if decide(zones):
            zone = draw(st.sampled_from(_ZONES[1:]))
            if draw(st.booleans()):
                frame["time"] = frame["time"].dt.tz_localize("UTC").dt.tz_convert(zone)
            options["tz"] = zone
        return frame, options

    return draw_table()


def logs(**options: Any) -> SearchStrategy[EventLog]:
    """Draw event logs.

    Parameters
    ----------
    **options : object
        As in `event_frames`.

    Returns
    -------
    SearchStrategy of EventLog
        Complete up to 2024-11-12, on which day no event happens.

    Raises
    ------
    ImportError
        If Hypothesis is not installed.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from crmkit.testing import logs
    >>> @settings(deadline=None)  # a first call compiles
    ... @given(logs(max_events=5))
    ... def holds(log):
    ...     assert log.n_customers <= len(log) <= 5
    >>> holds()
    """
    return event_frames(**options).map(lambda table: EventLog.from_frame(table[0], **table[1]))


def snapshots(log: SearchStrategy[EventLog] | None = None, *, horizon: bool | None = None) -> SearchStrategy[Snapshots]:
    """Draw snapshots of a log: several dates, label windows, gaps and rules of who is in.

    Parameters
    ----------
    log : SearchStrategy of EventLog, default=None
        The logs to take; those of `logs` if None.
    horizon : bool or None, default=None
        Whether rows have a label window. Drawn if None.

    Returns
    -------
    SearchStrategy of Snapshots
        Possibly without rows.

    Raises
    ------
    ImportError
        If Hypothesis is not installed.

    Examples
    --------
    >>> from hypothesis import given, settings
    >>> from crmkit.testing import logs, snapshots
    >>> @settings(deadline=None)  # a first call compiles
    ... @given(snapshots(logs(max_events=5), horizon=True))
    ... def holds(X):
    ...     assert set(X.churned()) <= {0, 1}
    >>> holds()
    """
    st = _hypothesis("snapshots")
    check_option("horizon", horizon, {True, False, None}, "snapshots")
    own = logs() if log is None else log

    @st.composite
    def draw_rows(draw: DrawFn) -> Snapshots:
        days = draw(st.lists(st.integers(0, 2 * _N_DAYS + 2), min_size=1, max_size=4, unique=True))
        has_window = draw(st.booleans()) if horizon is None else horizon
        return draw(own).snapshots(
            _FIRST_DAY + np.array(days, dtype="m8[us]") * (_DAY // 2),
            horizon=draw(st.sampled_from(["3D", "36h", "10D", "1us"])) if has_window else None,
            gap=draw(st.sampled_from(["0D", "1D", "12h"])),
            min_events=draw(st.integers(1, 2)),
            active_within=draw(st.sampled_from([None, "5D", "36h"])),
            censored="drop",
        )

    return draw_rows()


def _table(
    events: list[tuple[Any, ...]], sort: str, has_money: bool, has: dict[str, bool]
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The drawn events as a frame, and how to read it."""
    owners, days, clocks, amounts, items, orders, kinds = zip(*events, strict=True) if events else ((),) * 7
    names = [_IDS[sort](owner) for owner in owners]
    customer = pd.Series(names, dtype="int64" if sort in {"int", "large"} else "object")
    offsets = np.array(days, dtype=np.int64) * _DAY + np.array(clocks, dtype=np.int64)
    columns: dict[str, Any] = {
        "customer": customer.astype("category") if sort == "category" else customer,
        "time": _FIRST_DAY + offsets.astype("m8[us]"),
    }
    options: dict[str, Any] = {"customer": "customer", "time": "time", "observed_until": _END}
    money = np.array(amounts, dtype=np.float64)
    bought = np.array([kind == "order" or not has["kind"] for kind in kinds], dtype=np.bool_)
    if has_money:
        # An event that is no purchase may have no money.
        columns["value"] = np.where(~bought & (money == 0.1), np.nan, money)
        options["value"] = "value"
    if has["item"]:
        must = bought & ~(has_money & (money < 0))
        numbers = [abs(item) if needed else item for item, needed in zip(items, must, strict=True)]
        columns["item"] = pd.Series([None if item < 0 else f"item {item}" for item in numbers], dtype="object")
        options["item"] = "item"
    if has["order"]:
        # An order belongs to one customer.
        named = [None if order < 0 else 10 * owner + order for order, owner in zip(orders, owners, strict=True)]
        columns["order"] = pd.array(named, dtype="Int64")
        options["order"] = "order"
    if has["kind"]:
        columns["kind"] = pd.Series(kinds, dtype="object")
        options.update(kind="kind", purchases=["order"])
    return pd.DataFrame(columns), options


def _hypothesis(owner: str) -> Any:
    try:
        from hypothesis import strategies
    except ImportError as error:
        raise ImportError(
            f"crmkit.testing.{owner} needs Hypothesis, which is not installed. "
            "Install it with the extra: pip install 'crmkit[test]'."
        ) from error
    return strategies
