"""Joining, extending and cutting logs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crmkit._frames import Category
from crmkit.events._read import DAY, compressed, narrowed
from crmkit.events._schema import Schema
from crmkit.events._store import Column, Rows, Store
from crmkit.exceptions import ParameterError

if TYPE_CHECKING:
    from crmkit.events._log import EventLog


def day_after_last(store: Store) -> int:
    """The midnight after the last event; 1970 for an empty log."""
    return (int(store.time.max()) // DAY + 1) * DAY if len(store.time) else 0


def join_rows(parts: Sequence[Rows]) -> Rows:
    """Rows of several parts, with one numbering of customers, items, orders, kinds and categories."""
    names = list(dict.fromkeys(name for part in parts for name, _ in part.columns()))
    lengths = [len(part) for part in parts]
    tables = [dict(part.columns()) for part in parts]
    joined: dict[str, Column] = {}
    for name in names:
        present = [table.get(name) for table in tables]
        joined[name] = _join(name, present, lengths)
    return parts[0].with_columns(joined)


def _join(name: str, columns: list[Column | None], lengths: list[int]) -> Column:
    given = [column for column in columns if column is not None]
    if all(isinstance(column, Category) for column in given):
        return _join_categories(name, columns, lengths)
    if any(isinstance(column, Category) for column in given):
        raise ParameterError(f"Column {name!r} holds text in one part and numbers in another. Convert one of them.")
    arrays = [column for column in given if isinstance(column, np.ndarray)]
    if len(given) == len(columns):
        return np.concatenate(arrays)
    if arrays[0].dtype == np.bool_ and name == "second_pass":
        filled = [np.zeros(n, dtype=np.bool_) if c is None else c for c, n in zip(columns, lengths, strict=True)]
    else:
        filled = [np.full(n, np.nan) if c is None else c for c, n in zip(columns, lengths, strict=True)]
    return np.concatenate([column for column in filled if isinstance(column, np.ndarray)])


def _join_categories(name: str, columns: list[Column | None], lengths: list[int]) -> Category:
    given = [column for column in columns if isinstance(column, Category)]
    kinds = {column.levels.dtype.kind for column in given if len(column.levels)}
    if len(kinds) > 1:
        raise ParameterError(
            f"Column {name!r} holds whole numbers in one part and text in another. Convert one of them, so that the "
            "same id is the same id."
        )
    levels = np.unique(np.concatenate([column.levels for column in given if len(column.levels)] or [given[0].levels]))
    codes = []
    for column, length in zip(columns, lengths, strict=True):
        if isinstance(column, Category):
            ranks = np.append(np.searchsorted(levels, column.levels), -1).astype(np.int32)
            codes.append(ranks[column.codes])
        else:
            codes.append(np.full(length, -1, dtype=np.int32))
    return Category(np.concatenate(codes), levels)


def concat_rows(logs: Mapping[str, EventLog], purchases: tuple[Any, ...]) -> tuple[Rows, Schema, list[tuple[str, int]]]:
    """The rows of several logs, each of one kind, and the schema of their union."""
    given: Any = logs
    if not isinstance(given, Mapping) or not given or not all(hasattr(log, "_schema") for log in given.values()):
        raise ParameterError("logs must be a mapping such as {'order': orders, 'visit': visits} of logs, not empty.")
    schemas = [log._schema for log in logs.values()]
    if any(schema.kind is not None for schema in schemas):
        raise ParameterError(
            "logs holds a log with kinds of its own. Join its frame with the others before from_frame."
        )
    zones = {(schema.tz, schema.aware) for schema, log in zip(schemas, logs.values(), strict=True) if len(log)}
    if len(zones) > 1:
        raise ParameterError(
            f"logs are in different zones: {sorted(str(zone) for zone, _ in zones)}. Build them with the same tz=."
        )
    if not purchases:
        purchases = tuple(name for name, log in logs.items() if log.has_money) or tuple(logs)
    unknown = [name for name in purchases if name not in logs]
    if unknown:
        raise ParameterError(f"purchases={list(purchases)} names {unknown}, but the kinds are {list(logs)}.")
    first = schemas[0]
    # Where one log has only quantity and another price too, money would differ: value is what all can have.
    roles: dict[str, Any] = {
        role: next((getattr(schema, role) for schema in schemas if getattr(schema, role)), None)
        for role in ("price", "quantity", "item", "order")
    }
    value = next((schema.value for schema in schemas if schema.value), None)
    if value is not None or roles["price"] is not None:
        value, roles["price"] = (value, None) if value is not None else (None, roles["price"])
    extras = tuple(dict.fromkeys(name for schema in schemas for name in schema.columns))
    schema = replace(first, **roles, value=value, kind="kind", purchases=purchases, columns=extras)
    parts = []
    for name, log in logs.items():
        rows = log._store.to_rows()
        kind = Category(np.zeros(len(rows), dtype=np.int32), np.array([name], dtype=np.str_))
        parts.append(replace(rows, kind=kind, price=rows.price if schema.price else None))
    dropped: list[tuple[str, int]] = []
    for log in logs.values():
        dropped = added_counts(tuple(dropped), [pair for pair in log._quality if pair[0] not in _RECOUNTED])
    return join_rows(parts), schema, dropped


_RECOUNTED = {"exact duplicate", "refund", "refund before any purchase", "last day ends early"}


def added_counts(
    old: tuple[tuple[str, int], ...], new: list[tuple[str, int]], *more: tuple[str, int]
) -> list[tuple[str, int]]:
    """Counts of dropped rows, added up by rule; what is counted afresh is left out."""
    counts: dict[str, int] = {}
    for rule, count in (*old, *new, *more):
        if rule not in _RECOUNTED:
            counts[rule] = counts.get(rule, 0) + count
    return list(counts.items())


def select(store: Store, keep: NDArray[np.bool_], *, keep_customers: bool = False) -> Store:
    """Some of the events, still sorted, with the customers, items and orders that they use."""
    positions = np.flatnonzero(keep)
    kept_before = np.concatenate([[0], np.cumsum(keep)])
    pointers = kept_before[store.pointers].astype(np.int64)
    customers = store.customers
    if not keep_customers:
        used = np.diff(pointers) > 0
        customers = narrowed(customers[used])
        pointers = np.append(pointers[:-1][used], pointers[-1]).astype(np.int64)

    def cut(column: Any) -> Any:
        if column is None:
            return None
        if isinstance(column, Category):
            taken = column.take(positions)
            return taken if keep_customers else compressed(taken)
        return column[positions] if len(column) else column

    part = replace(
        store,
        customers=customers,
        pointers=pointers,
        time=cut(store.time),
        wall=cut(store.wall),
        cents=cut(store.cents),
        money=cut(store.money),
        roles=cut(store.roles),
        second_pass=cut(store.second_pass),
        price=cut(store.price),
        quantity=cut(store.quantity),
        item=cut(store.item),
        order=cut(store.order),
        kind=cut(store.kind),
        extras={name: cut(column) for name, column in store.extras.items()},
    )
    return part.simplified()
