"""From the caller's frame to clean rows: every rule that a row can break, checked in one place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS
from crmkit._frames import Category, Columns, extra_column, factorize, number_column, read_columns, time_column
from crmkit.events._schema import Schema, as_tuple
from crmkit.events._store import Rows
from crmkit.exceptions import EventDataError, InvalidRows, ParameterError

DAY = TIME_UNITS["D"]

#: So many positions of broken rows stand in an error.
_SHOWN = 5


@dataclass(frozen=True)
class Reading:
    """Clean rows, and what was found on the way.

    Attributes
    ----------
    rows : Rows
    kept : ndarray of int64 or None
        Positions of the rows in the frame; None when all were kept.
    schema : Schema
        With the zone and the kind of frame that were found.
    dropped : list of (rule, count)
        Rows left out, by rule; a row that breaks two rules counts for both.
    n_rows : int
        Rows of the frame.
    """

    rows: Rows
    kept: NDArray[np.int64] | None
    schema: Schema
    dropped: list[tuple[str, int]]
    n_rows: int


def read_rows(
    frame: Any,
    schema: Schema,
    *,
    observed_until: Callable[[str | None], int | None],
    invalid: Literal["raise", "drop"],
    given_zone: str | None,
) -> Reading:
    """Read a frame into clean rows.

    Parameters
    ----------
    observed_until : callable
        Gives the end of the log in microseconds on the clock of the zone that was found, or None.
    given_zone : str or None
        The zone that the caller named.
    """
    columns = read_columns(frame, schema.wanted())
    times = time_column(columns[schema.time], "time", given_zone)
    rows = _read(columns, schema, times.wall, times.second_pass)
    schema = replace(schema, tz=times.zone, aware=times.aware, backend=columns.backend)
    broken: list[tuple[str, str, NDArray[np.bool_] | None]] = [
        ("null customer", schema.customer, rows.customer.codes < 0),
        ("null time", schema.time, times.missing),
        ("unparseable time", schema.time, times.unparseable),
        *_times_too_late(times.wall, schema, observed_until(times.zone), (times.missing, times.unparseable)),
        *_money_rules(rows, schema),
    ]
    found = [(rule, column, mask) for rule, column, mask in broken if mask is not None and mask.any()]
    if not found:
        return Reading(rows, None, schema, [], columns.n_rows)
    if invalid == "raise":
        raise EventDataError.from_rules(
            [_invalid(rule, columns[name], mask) for rule, name, mask in found], columns.n_rows
        )
    keep = ~np.logical_or.reduce([mask for _, _, mask in found])
    kept = np.flatnonzero(keep)
    dropped = [(rule, int(mask.sum())) for rule, _, mask in found] + [("dropped", columns.n_rows - len(kept))]
    return Reading(_without_unused(rows.take(kept)), kept, schema, dropped, columns.n_rows)


def _read(columns: Columns, schema: Schema, wall: NDArray[np.int64], second_pass: NDArray[np.bool_] | None) -> Rows:
    def number(role: str) -> NDArray[np.float64] | None:
        name = getattr(schema, role)
        return None if name is None else number_column(columns[name], role)

    def category(role: str) -> Category | None:
        name = getattr(schema, role)
        return None if name is None else Category(*factorize(columns[name], role))

    price, quantity = number("price"), number("quantity")
    return Rows(
        customer=Category(*factorize(columns[schema.customer], "customer")),
        time=wall,
        second_pass=second_pass,
        money=number("value") if price is None or quantity is None else line_money(price, quantity),
        price=price,
        quantity=quantity,
        item=category("item"),
        order=category("order"),
        kind=category("kind"),
        extras={name: extra_column(columns[name], "columns") for name in schema.columns},
    )


def line_money(price: NDArray[np.float64], quantity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Price times quantity, in whole cents where price is: 2.55 × 6 is 15.30, not 15.299999999999999."""
    cents = np.rint(price * 100.0)
    exact = (cents / 100.0 == price) & (quantity == np.rint(quantity)) & (np.abs(cents * quantity) < 2.0**53)
    return np.where(exact, cents * quantity / 100.0, price * quantity)


def _times_too_late(
    wall: NDArray[np.int64],
    schema: Schema,
    observed_until: int | None,
    unreadable: tuple[NDArray[np.bool_] | None, ...],
) -> list[tuple[str, str, NDArray[np.bool_] | None]]:
    if len(wall) == 0:
        return []
    if observed_until is None:
        rule, limit = "time after today", tomorrow(schema.tz)
    else:
        rule, limit = "time at or after observed_until", observed_until
    if int(wall.max()) < limit:
        return []
    late = wall >= limit
    for mask in unreadable:
        if mask is not None:
            late &= ~mask
    return [(rule, schema.time, late)]


def tomorrow(zone: str | None) -> int:
    """The midnight after today, as microseconds on the clock of the zone."""
    import zoneinfo

    try:
        place = None if zone is None else zoneinfo.ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        place = None
    today = dt.datetime.now(place).date()
    return (today.toordinal() + 1 - dt.date(1970, 1, 1).toordinal()) * DAY


def _money_rules(rows: Rows, schema: Schema) -> list[tuple[str, str, NDArray[np.bool_] | None]]:
    rules: list[tuple[str, str, NDArray[np.bool_] | None]] = []
    columns = {"value": rows.money if schema.value else None, "price": rows.price, "quantity": rows.quantity}
    numbers = [(getattr(schema, role), column) for role, column in columns.items() if column is not None]
    numbers += [(name, column) for name, column in rows.extras.items() if isinstance(column, np.ndarray)]
    for name, column in numbers:
        if column.dtype.kind == "f":
            infinite = None if _all_finite(column) else np.isinf(column)
            rules.append((f"non-finite {name}", name, infinite))
    purchase = is_purchase_kind(rows.kind, schema.purchases)
    if rows.money is not None and not _all_finite(rows.money):
        null = np.isnan(rows.money)
        name = schema.value if schema.value is not None else schema.price
        if schema.value is None and rows.price is not None and not np.isnan(rows.price).any():
            name = schema.quantity
        rules.append(("null money on a purchase", str(name), null if purchase is None else null & purchase))
    if rows.item is not None and len(rows.item) and rows.item.codes.min() < 0:
        null = rows.item.codes < 0
        if purchase is not None:
            null &= purchase
        if rows.money is not None:
            # A refund of a whole order names no item: only purchases must.
            null &= ~(rows.money < 0)
        rules.append(("null item on a purchase", str(schema.item), null))
    return rules


def _all_finite(column: NDArray[np.float64]) -> bool:
    # The sum of finite numbers may overflow, so a finite sum proves it and anything else is looked into.
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(column.sum())) or bool(np.isfinite(column).all())


def is_purchase_kind(kind: Category | None, purchases: tuple[Any, ...]) -> NDArray[np.bool_] | None:
    """Which rows are of a kind that is a purchase; None where the log has no kinds."""
    return None if kind is None else of_kinds(kind, purchases)


def of_kinds(kind: Category, names: tuple[Any, ...]) -> NDArray[np.bool_]:
    """Which rows are of some kinds."""
    wanted = {str(name) for name in names}
    chosen = np.array([str(level) in wanted for level in kind.levels] + [False], dtype=np.bool_)
    return chosen[kind.codes]


def events_of_kinds(kind: Category | None, kinds: Any, parameter: str = "kinds") -> NDArray[np.bool_]:
    """Which events are of the kinds that a caller asks for; an error in a log without kinds."""
    if kind is None:
        raise ParameterError(
            f"{parameter}={kinds!r}, but the log has no kinds. Name their column as kind= in from_frame."
        )
    return of_kinds(kind, as_tuple(kinds))


def _invalid(rule: str, series: Any, mask: NDArray[np.bool_]) -> InvalidRows:
    positions = np.flatnonzero(mask)[:_SHOWN]
    try:
        cell = series[int(positions[0])]
        cell = repr(cell.item() if isinstance(cell, np.number) else cell)  # nan, not np.float64(nan)
    except (OverflowError, ValueError):  # databases know an infinite time, Python does not
        cell = "beyond the year 9999"
    return InvalidRows(rule, int(mask.sum()), tuple(int(position) for position in positions), cell)


def _without_unused(rows: Rows) -> Rows:
    """Drop the customers, items and orders that only dropped rows named."""
    return rows.with_columns(
        {name: compressed(column) if isinstance(column, Category) else column for name, column in rows.columns()}
    )


def compressed(column: Category) -> Category:
    """The same column with the levels that it uses."""
    used = np.zeros(len(column.levels), dtype=np.bool_)
    used[column.codes[column.codes >= 0]] = True
    if used.all():
        return column
    ranks = np.append(np.cumsum(used, dtype=np.int32) - np.int32(1), np.int32(-1))
    return Category(ranks[column.codes], narrowed(column.levels[used]))


def narrowed(levels: NDArray[Any]) -> NDArray[Any]:
    """Ids in the narrowest text type that holds them: equal logs are equal, whatever they once held."""
    if levels.dtype.kind != "U":
        return levels
    longest = int(np.strings.str_len(levels).max()) if len(levels) else 0
    return levels.astype(f"<U{max(longest, 1)}", copy=False)


def drop_repeats(reading: Reading, order: NDArray[Any], repeats: NDArray[np.int64]) -> Rows:
    """The rows without exact repeats."""
    keep = np.ones(len(order), dtype=np.bool_)
    keep[order[repeats]] = False
    return _without_unused(reading.rows.take(np.flatnonzero(keep)))


def refuse_repeats(reading: Reading, order: NDArray[Any], repeats: NDArray[np.int64]) -> None:
    """Raise the error of duplicates='raise'."""
    rows = np.sort(order[repeats])
    if reading.kept is not None:
        rows = reading.kept[rows]
    shown = tuple(int(row) for row in rows[:_SHOWN])
    error = EventDataError(
        f"{len(rows):,} of {reading.n_rows:,} rows repeat another row exactly, at position"
        f"{'s' if len(rows) > 1 else ''} {', '.join(map(str, shown))}{', …' if len(rows) > _SHOWN else ''}. Two equal "
        "lines of one invoice are real: pass duplicates='keep' to keep them, or 'drop' to keep one of each."
    )
    error.rules = (InvalidRows("exact duplicate", len(rows), shown, ""),)
    raise error
