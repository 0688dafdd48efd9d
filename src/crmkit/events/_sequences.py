"""The latest events of each row as arrays of one length, as networks take them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS
from crmkit._frames import Category, lookup_ids
from crmkit._numba import run_in_ranges
from crmkit._validation import check_int, check_option
from crmkit.events._read import events_of_kinds
from crmkit.events._schema import as_tuple
from crmkit.events._sequences_kernels import latest_events
from crmkit.exceptions import ParameterError

if TYPE_CHECKING:
    from crmkit.events._snapshots import Snapshots

_OWNER = "Snapshots.sequences"
_ROLES = ("money", "item", "kind")

#: Positions of so many events are held at a time.
_CHUNK = 1_000_000


@dataclass(frozen=True)
class Sequences:
    """The latest events of n rows, oldest first, padded to one length.

    Made by `Snapshots.sequences`. The arrays have the shape (n, length), and are 0 where there is no
    event.

    Attributes
    ----------
    mask : ndarray of bool
        Where an event is. The attention masks of PyTorch are its opposite.
    days_before : ndarray of float32
        Days from the event to as_of, above 0.
    money : ndarray of float32 or None
        Money of the event, negative for refunds; 0 where it is missing. None in a log without money.
    item, kind : ndarray of int32 or None
        Code k + 1 stands for level k of ``levels["item"]`` or ``levels["kind"]``; 0 for an item that is
        missing, or unknown to levels that were given. None in a log without items or kinds.
    columns : dict of str to ndarray
        The log's further columns: numbers and flags as float32, 0 where missing; categories as codes,
        like items.
    levels : dict of str to ndarray
        What the codes stand for. An embedding needs ``len(levels["item"]) + 1`` rows.
    """

    mask: NDArray[np.bool_]
    days_before: NDArray[np.float32]
    money: NDArray[np.float32] | None
    item: NDArray[np.int32] | None
    kind: NDArray[np.int32] | None
    columns: dict[str, NDArray[Any]]
    levels: dict[str, NDArray[Any]]


def sequences(rows: Snapshots, length: Any, columns: Any, kinds: Any, pad: Any, levels: Any) -> Sequences:
    """See `Snapshots.sequences`."""
    length = check_int("length", length, _OWNER, low=1)
    check_option("pad", pad, ("front", "back"), _OWNER)
    store = rows.log._store
    counted = np.empty(0, dtype=np.bool_) if kinds is None else events_of_kinds(store.kind, kinds)
    sources = _sources(rows, columns)
    tables = {name: _table(name, column, levels) for name, column in sources.items() if isinstance(column, Category)}
    shape = (len(rows), length)
    mask, days = np.zeros(shape, dtype=np.bool_), np.zeros(shape, dtype=np.float32)
    out = {name: np.zeros(shape, dtype=np.int32 if name in tables else np.float32) for name in sources}

    def fill(first: int, last: int) -> None:
        step = max(1, _CHUNK // length)
        for start in range(first, last, step):
            part = slice(start, min(start + step, last))
            places = np.empty((part.stop - start, length), dtype=np.int64)
            latest_events(start, part.stop, rows.codes, rows.stop, rows.pointers, counted, pad == "front", places)
            seen = mask[part] = places >= 0
            at = places[seen]
            days[part][seen] = (np.repeat(rows.as_of_us[part], seen.sum(axis=1)) - store.time[at]) / TIME_UNITS["D"]
            for name, column in sources.items():
                if isinstance(column, Category):
                    out[name][part][seen] = tables[name][column.codes[at]]
                else:
                    out[name][part][seen] = np.nan_to_num(column[at] / 100 if column is store.cents else column[at])

    run_in_ranges(fill, len(rows), minimum=2_000)
    known = {
        name: _named(name, column, out, levels) for name, column in sources.items() if isinstance(column, Category)
    }
    money, item, kind = (out.pop(name, None) for name in _ROLES)
    return Sequences(mask, days, money, item, kind, out, known)


def _sources(rows: Snapshots, columns: Any) -> dict[str, NDArray[Any] | Category]:
    """The columns of the log that are asked for."""
    store = rows.log._store
    money = None if not store.has_money else store.cents if len(store.cents) else store.money
    roles = dict(zip(_ROLES, (money, store.item, store.kind), strict=True))
    found = {name: column for name, column in roles.items() if column is not None}
    for name in store.extras if columns is None else as_tuple(columns):
        if name not in store.extras:
            raise ParameterError(
                f"The 'columns' parameter of {_OWNER} must name further columns of the log, of {list(store.extras)}. "
                f"Got {name!r} instead. Name it in columns= of EventLog.from_frame."
            )
        if name in found:
            raise ParameterError(
                f"The log's further column {name!r} has the name of what {_OWNER} gives anyway. Rename it in the "
                "frame, or leave it out of columns=."
            )
        found[name] = store.extras[name]
    return found


def _table(name: str, column: Category, levels: Any) -> NDArray[np.int32]:
    """The number that stands for each code of the log; the last one is for code -1."""
    if levels is None:
        return np.append(np.arange(1, len(column.levels) + 1, dtype=np.int32), np.int32(0))
    if not isinstance(levels, Mapping) or name not in levels:
        got = f"one without {name!r}" if isinstance(levels, Mapping) else f"a {type(levels).__name__}"
        raise ParameterError(
            f"The 'levels' parameter of {_OWNER} must be a dict with the levels of every column of codes. Got {got} "
            "instead. Pass the levels of the sequences that the model was trained on."
        )
    given = np.asarray(levels[name])
    if len(given) and len(column.levels) and given.dtype.kind != column.levels.dtype.kind:
        raise ParameterError(
            f"levels[{name!r}] of {_OWNER} must be of the log's sort of values ({column.levels.dtype}). Got "
            f"{given.dtype} instead: none would be found. Convert them."
        )
    if not np.all(given[1:] > given[:-1]):
        raise ParameterError(f"levels[{name!r}] of {_OWNER} must ascend, none twice, as Sequences.levels do.")
    return np.append(lookup_ids(column.levels, given, f"levels[{name!r}]") + 1, 0).astype(np.int32)


def _named(name: str, column: Category, out: dict[str, NDArray[Any]], levels: Any) -> NDArray[Any]:
    """What the codes of one column stand for: the levels given, else those that occur, numbered anew."""
    if levels is not None:
        return np.asarray(levels[name])
    occurs = np.zeros(len(column.levels) + 1, dtype=np.bool_)
    occurs[out[name]] = True
    occurs[0] = False
    out[name] = np.where(occurs, np.cumsum(occurs), 0).astype(np.int32)[out[name]]
    return column.levels[occurs[1:]]
