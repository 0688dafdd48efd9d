"""The columns of an event log, sorted by customer and instant, and how they come to be sorted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._frames import Category, localize
from crmkit._numba import run_in_ranges
from crmkit._numba._money_kernels import to_cents
from crmkit.events._sort_kernels import (
    count_buckets,
    count_ties,
    fill_buckets,
    first_of_orders,
    gather,
    is_sorted,
    mark_repeats,
    money_to_cents,
    running_maximum,
    sort_money_of_buckets,
    sort_rows_of_buckets,
    sort_ties,
    tie_runs,
)

Column = NDArray[Any] | Category

#: What an event is to the methods that read purchases.
OTHER, PURCHASE, REFUND = 0, 1, 2


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """A contiguous array that nobody writes to: kernels are then compiled for one sort of array only."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array


def plain(column: Any) -> Any:
    """A column for a pickle, so that the hashes that joblib makes of pickles depend on the values alone.

    numpy gives new empty arrays other strides than unpickled ones, and workers receive memory maps.
    """
    if isinstance(column, Mapping):
        return {name: plain(values) for name, values in column.items()}
    if isinstance(column, Category):
        return Category(plain(column.codes), plain(column.levels))
    if not isinstance(column, np.ndarray):
        return column
    return np.asarray(column) if column.size else np.zeros(1, dtype=column.dtype)[:0]


@dataclass(frozen=True)
class Rows:
    """Clean events in any order: what a frame, or the parts of a merge, come down to.

    Attributes
    ----------
    customer : Category
        Codes into the sorted customer ids.
    time : ndarray of int64
        Wall-clock microseconds.
    second_pass : ndarray of bool or None
        Events in the second pass of an hour that the clock shows twice.
    money, price, quantity : ndarray of float64 or None
        `money` is the money of the line; `price` is kept only where the caller named it.
    item, order, kind : Category or None
    extras : dict
        Further columns by name.
    """

    customer: Category
    time: NDArray[np.int64]
    second_pass: NDArray[np.bool_] | None = None
    money: NDArray[np.float64] | None = None
    price: NDArray[np.float64] | None = None
    quantity: NDArray[np.float64] | None = None
    item: Category | None = None
    order: Category | None = None
    kind: Category | None = None
    extras: Mapping[str, Column] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.time)

    def columns(self) -> Iterator[tuple[str, Column]]:
        """All columns that are there, in a fixed order."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            if entry.name == "extras":
                yield from ((f"extras.{name}", column) for name, column in value.items())
            elif value is not None:
                yield entry.name, value

    def take(self, rows: NDArray[Any]) -> Rows:
        """Some of the rows."""
        taken = {
            name: column.take(rows) if isinstance(column, Category) else column[rows] for name, column in self.columns()
        }
        return self.with_columns(taken)

    def with_columns(self, columns: Mapping[str, Column]) -> Rows:
        """The same rows with these columns, named as `columns` names them."""
        extras = {name.removeprefix("extras."): column for name, column in columns.items() if "extras." in name}
        plain: dict[str, Any] = {name: column for name, column in columns.items() if "extras." not in name}
        return replace(self, **plain, extras=extras)


@dataclass(frozen=True)
class Store:
    """Events sorted by customer and instant; equal instants by content, so the input order never matters.

    Attributes
    ----------
    customers : ndarray of int64 or unicode, shape (n_customers,)
        Sorted ids.
    pointers : ndarray of int64, shape (n_customers + 1,)
        The events of customer ``c`` are ``pointers[c]:pointers[c + 1]``.
    time : ndarray of int64, shape (n_events,)
        Wall-clock microseconds, never going back within a customer.
    wall : ndarray of int64 or None
        What the clock really showed, where an autumn hour makes that differ from `time`.
    cents, money : ndarray of int64, ndarray of float64
        One of the two holds the money of each event, the other is empty: whole cents add up
        exactly. Both are empty in a log without money.
    roles : ndarray of int8
        OTHER, PURCHASE or REFUND; empty where every event is a purchase.
    second_pass, price, quantity, item, order, kind, extras
        As in `Rows`, sorted.
    """

    customers: NDArray[Any]
    pointers: NDArray[np.int64]
    time: NDArray[np.int64]
    wall: NDArray[np.int64] | None
    cents: NDArray[np.int64]
    money: NDArray[np.float64]
    roles: NDArray[np.int8]
    has_money: bool
    second_pass: NDArray[np.bool_] | None = None
    price: NDArray[np.float64] | None = None
    quantity: NDArray[np.float64] | None = None
    item: Category | None = None
    order: Category | None = None
    kind: Category | None = None
    extras: Mapping[str, Column] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for _, array in self.arrays():
            # A memory map of a file opened for reading is read-only already.
            array.setflags(write=False)

    def arrays(self) -> Iterator[tuple[str, NDArray[Any]]]:
        """Every array, by a name that a file can have."""
        for entry in fields(self):
            value = getattr(self, entry.name)
            columns = value.items() if isinstance(value, Mapping) else [("", value)]
            for suffix, column in columns:
                name = f"{entry.name}.{suffix}" if suffix else entry.name
                if isinstance(column, Category):
                    yield f"{name}.codes", column.codes
                    yield f"{name}.levels", column.levels
                elif isinstance(column, np.ndarray):
                    yield name, column

    def __getstate__(self) -> dict[str, Any]:
        # The cached first_of_order is left out: equal stores have equal pickles, and so equal hashes.
        return {entry.name: plain(getattr(self, entry.name)) for entry in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()  # arrays come out of a pickle writable

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return len(self.customers)

    def amounts(self) -> NDArray[np.float64] | None:
        """The money of each event, or None."""
        if not self.has_money:
            return None
        return self.cents / 100.0 if len(self.cents) else self.money

    def owners(self) -> NDArray[np.int32]:
        """The customer code of each event."""
        return np.repeat(np.arange(self.n_customers, dtype=np.int32), np.diff(self.pointers))

    @cached_property
    def first_of_order(self) -> NDArray[np.int64]:
        """For each event the first purchase of its order, or -1; empty in a log without orders."""
        return self._first_of_order(self.roles)

    def first_lines(self, kinds: Any, roles: NDArray[np.int8]) -> NDArray[np.int64]:
        """`first_of_order`, where some `kinds` count instead of purchases and give events these roles."""
        return self.first_of_order if kinds is None else self._first_of_order(roles)

    def _first_of_order(self, roles: NDArray[np.int8]) -> NDArray[np.int64]:
        if self.order is None:
            return np.empty(0, dtype=np.int64)
        first = np.empty(len(self.time), dtype=np.int64)
        run_in_ranges(first_of_orders, self.n_customers, self.pointers, self.order.codes, roles, first)
        return first

    def simplified(self) -> Store:
        """The store as these events alone would have made it, without arrays that others needed."""
        changes: dict[str, Any] = {}
        if len(self.roles) and bool((self.roles == PURCHASE).all()):
            changes["roles"] = self.roles[:0]
        if len(self.money):
            cents = _cents(self.money)
            if len(cents):
                changes.update(cents=cents, money=self.money[:0])
        if self.second_pass is not None and not self.second_pass.any():
            changes.update(second_pass=None, wall=None)
        return replace(self, **changes)

    def to_rows(self) -> Rows:
        """The events as rows again."""
        return Rows(
            customer=Category(self.owners(), self.customers),
            time=self.time if self.wall is None else self.wall,
            second_pass=self.second_pass,
            money=self.amounts(),
            price=self.price,
            quantity=self.quantity,
            item=self.item,
            order=self.order,
            kind=self.kind,
            extras=self.extras,
        )


def sort_rows(rows: Rows, zone: str | None, *, assume_sorted: bool = False) -> tuple[Store, NDArray[Any], NDArray[Any]]:
    """Sort rows into a store.

    Returns
    -------
    store : Store
        Its `roles` are empty; who knows what a purchase is sets them.
    order : ndarray of int
        The row of each event.
    repeats : ndarray of int
        The events that equal the one before them in every column.
    """
    instants = rows.time
    if rows.second_pass is not None and zone is not None:
        index = localize(rows.time, zone, rows.second_pass).tz_convert("UTC").tz_localize(None)
        instants = index.to_numpy().astype("M8[us]").view(np.int64)
    n_customers = len(rows.customer.levels)
    in_order = assume_sorted or all(run_in_ranges(is_sorted, len(rows), instants))
    pointers, times, order, _ = _sorted(rows.customer.codes, n_customers, instants, None, sort=not in_order)
    repeats = _order_ties(rows, pointers, times, order)
    taken = {name: _gathered(column, order) for name, column in rows.columns() if name not in {"customer", "time"}}
    clean = rows.with_columns(taken)
    wall = None
    if instants is not rows.time:
        wall = _gather(rows.time, order)
        times = wall.copy()
        run_in_ranges(running_maximum, n_customers, pointers, times)
    empty = np.empty(0, dtype=np.float64)
    cents = _cents(clean.money)
    store = Store(
        customers=rows.customer.levels,
        pointers=pointers,
        time=times,
        wall=wall,
        cents=cents,
        money=empty if clean.money is None or len(cents) else clean.money,
        roles=np.empty(0, dtype=np.int8),
        has_money=clean.money is not None,
        second_pass=clean.second_pass,
        price=clean.price,
        quantity=clean.quantity,
        item=clean.item,
        order=clean.order,
        kind=clean.kind,
        extras=clean.extras,
    )
    return store, order, repeats


def sort_money(rows: Rows, money: NDArray[np.float64]) -> tuple[Store, int]:
    """Sort rows that hold money and nothing else: the same store as `sort_rows`, and the number of repeats.

    Twice as fast, since each event's money travels with its instant instead of being fetched by row.
    """
    n_customers = len(rows.customer.levels)
    bits = (money + 0.0 if (money == 0).any() else money).view(np.int64)  # -0.0 becomes 0.0
    pointers, times, bits, parts = _sorted(rows.customer.codes, n_customers, rows.time, bits, sort=True)
    exact = all(whole for _, whole in parts)
    if exact:
        run_in_ranges(money_to_cents, len(rows), bits)
    store = Store(
        customers=rows.customer.levels,
        pointers=pointers,
        time=times,
        wall=None,
        cents=bits if exact else np.empty(0, dtype=np.int64),
        money=np.empty(0, dtype=np.float64) if exact else bits.view(np.float64),
        roles=np.empty(0, dtype=np.int8),
        has_money=True,
    )
    return store, sum(repeats for repeats, _ in parts)


def _sorted(
    codes: NDArray[np.int32],
    n_customers: int,
    times: NDArray[np.int64],
    money_bits: NDArray[np.int64] | None,
    *,
    sort: bool,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any], list[Any]]:
    """Where each customer's events begin, and instants and tails in the order of the log.

    The tails are rows, or with `money_bits` the bits of the money. Each thread counts a range of
    rows first, so that it knows where its rows go.
    """
    n = len(codes)
    # At most 8,192 customers in a bucket, and enough buckets for the threads to share.
    shift = max(0, min(13, n_customers.bit_length() - 7))
    n_buckets = (max(n_customers - 1, 0) >> shift) + 1

    def count(start: int, stop: int) -> NDArray[np.int64]:
        own = np.zeros(n_buckets, dtype=np.int64)
        count_buckets(start, stop, codes, shift, own)
        return own

    counts = run_in_ranges(count, n)
    edges = np.concatenate([[0], np.cumsum(np.sum(counts, axis=0))]).astype(np.int64)
    slots, free = {}, edges[:-1].copy()
    for part, own in enumerate(counts):
        slots[n * part // len(counts)] = free
        free = free + own
    bucket_codes = np.empty(n, dtype=np.int32)
    events = np.empty((n, 2), dtype=np.int64)
    bits = np.empty(0, dtype=np.int64) if money_bits is None else money_bits

    def fill(start: int, stop: int) -> None:
        fill_buckets(start, stop, codes, times, bits, shift, slots[start], bucket_codes, events)

    run_in_ranges(fill, n)
    pointers = np.zeros(n_customers + 1, dtype=np.int64)
    pointers[-1] = n
    out = np.empty(n, dtype=np.int64)
    shared = (shift, edges, bucket_codes, events)
    fewest = n_buckets if n < 40_000 else 1
    if money_bits is None:
        rows = np.empty(n, dtype=np.int32 if n < 2**31 else np.int64)
        run_in_ranges(sort_rows_of_buckets, n_buckets, *shared, sort, pointers, out, rows, minimum=fewest)
        return pointers, out, rows, []
    money = np.empty(n, dtype=np.int64)
    parts = run_in_ranges(sort_money_of_buckets, n_buckets, *shared, pointers, out, money, minimum=fewest)
    return pointers, out, money, parts


def _order_ties(
    rows: Rows, pointers: NDArray[np.int64], times: NDArray[np.int64], order: NDArray[Any]
) -> NDArray[np.int64]:
    """Sort events of one customer and instant by content, in place; returns the exact repeats."""
    n_tied = sum(run_in_ranges(count_ties, len(pointers) - 1, pointers, times))
    if n_tied == 0:
        return np.empty(0, dtype=np.int64)
    positions = np.empty(n_tied, dtype=np.int64)
    runs = np.empty(n_tied // 2 + 1, dtype=np.int64)
    n_runs = tie_runs(pointers, times, positions, runs)
    runs = runs[: n_runs + 1]
    tied = order[positions]
    columns = [_sort_key(column, tied) for name, column in _by_meaning(rows) if name not in {"customer", "time"}]
    keys = np.column_stack(columns) if columns else np.empty((n_tied, 0), dtype=np.int64)
    local = np.empty(n_tied, dtype=np.int64)
    run_in_ranges(sort_ties, n_runs, runs, keys, local)
    for run in np.flatnonzero(np.diff(runs) > 64):
        left, right = runs[run], runs[run + 1]
        if keys.shape[1]:
            local[left:right] = left + np.lexsort(keys[left:right].T[::-1])
    repeats = np.zeros(n_tied, dtype=np.bool_)
    mark_repeats(n_runs, runs, keys, local, repeats)
    order[positions] = tied[local]
    return positions[repeats]


def _by_meaning(rows: Rows) -> list[tuple[str, Column]]:
    """Columns in the order in which they sort ties: an invoice's lines together, by item."""
    first = ["second_pass", "order", "item", "kind", "money"]
    columns = dict(rows.columns())
    return [(name, columns.pop(name)) for name in first if name in columns] + sorted(columns.items())


def _sort_key(column: Column, rows: NDArray[Any]) -> NDArray[np.int64]:
    """Integers in the order of a column's values."""
    if isinstance(column, Category):
        return column.codes[rows].astype(np.int64)
    values = column[rows]
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    # Adding zero makes -0.0 the same as 0.0; flipping the bits of negative numbers puts them in order.
    bits = (values + 0.0).view(np.int64)
    return np.where(bits < 0, bits ^ np.iinfo(np.int64).max, bits)


def _gathered(column: Column, order: NDArray[Any]) -> Column:
    if isinstance(column, Category):
        return Category(_gather(column.codes, order), column.levels)
    return _gather(column, order)


def _gather(values: NDArray[Any], order: NDArray[Any]) -> NDArray[Any]:
    out = np.empty(len(order), dtype=values.dtype)
    run_in_ranges(gather, len(order), values, order, out)
    return out


def _cents(money: NDArray[np.float64] | None) -> NDArray[np.int64]:
    """Money as whole cents, or nothing where some amount is not a whole number of cents."""
    if money is None:
        return np.empty(0, dtype=np.int64)
    cents = np.empty(len(money), dtype=np.int64)
    if not all(run_in_ranges(to_cents, len(money), money, cents)):
        return np.empty(0, dtype=np.int64)
    return cents
