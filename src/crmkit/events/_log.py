"""The event log: every event of every customer, validated once and stored once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._frames import Category, check_same_sort, instant, localize, lookup_ids, make_frame
from crmkit._validation import check_bool, check_option
from crmkit.events import _merge, _storage
from crmkit.events._attributes import Attributes
from crmkit.events._quality import quality_rows, quality_table
from crmkit.events._read import Reading, drop_repeats, events_of_kinds, of_kinds, read_rows, refuse_repeats
from crmkit.events._schema import OWNER, Schema, as_tuple
from crmkit.events._store import OTHER, PURCHASE, REFUND, Rows, Store, read_only, sort_money, sort_rows
from crmkit.exceptions import ParameterError, UnknownCustomerError

if TYPE_CHECKING:
    from crmkit.events._snapshots import Snapshots


@dataclass(frozen=True, eq=False, repr=False)
class EventLog:
    """Every event of every customer, validated once, stored once, and immutable.

    Events are held as columns sorted by customer and time. Build one with `from_frame`; everything
    else in crmkit reads it through `Snapshots`, which cannot see the future.

    Attributes
    ----------
    n_customers : int
        Number of customers.
    customers, items : ndarray
        Their sorted ids (int64 or unicode). `items` is empty in a log without items.
    first_time, last_time : numpy.datetime64 or None
        First and last event on the wall clock of the log's zone; None in an empty log.
    observed_until : numpy.datetime64
        The instant up to which the log is complete.
    quality : frame with the columns rule, rows, share
        What was dropped, and what was kept but is worth knowing.

    See Also
    --------
    Snapshots : The rows that estimators take, made by `snapshot`, `snapshots` and `snapshots_at`.

    Notes
    -----
    Times are microseconds of wall-clock time in one zone, so that a day is a day of that zone.
    Where summer time ends, an hour passes twice: events stay in the order of their instants, and
    the clock is held at its latest reading until it moves on again.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit import EventLog
    >>> orders = pd.DataFrame(
    ...     {"who": [7, 7, 9], "when": ["2024-01-02", "2024-02-01", "2024-02-03"], "paid": [5.0, 7.5, 20.0]}
    ... )
    >>> log = EventLog.from_frame(orders, customer="who", time="when", value="paid")
    >>> log
    EventLog(3 events of 2 customers, 2024-01-02 to 2024-02-03, observed until 2024-02-04)
    >>> log.snapshot().summary(time_unit="D")
                            frequency  recency     T  monetary_value
    customer_id as_of
    7           2024-02-04        1.0     30.0  32.0             7.5
    9           2024-02-04        0.0      0.0   0.0             NaN
    """

    _store: Store
    _schema: Schema
    _end: int
    _quality: tuple[tuple[str, int], ...]
    _n_read: int
    _attributes: tuple[Attributes, ...] = ()

    # -- making one ------------------------------------------------------------------------------

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        customer: str,
        time: str,
        value: str | None = None,
        price: str | None = None,
        quantity: str | None = None,
        item: str | None = None,
        order: str | None = None,
        kind: str | None = None,
        purchases: Any = None,
        columns: Iterable[str] = (),
        observed_until: Any = None,
        tz: str | None = None,
        invalid: Literal["raise", "drop"] = "raise",
        refunds: Literal["net", "drop"] = "net",
        duplicates: Literal["keep", "drop", "raise"] = "keep",
        assume_sorted: bool = False,
    ) -> EventLog:
        """Build a log from a table with one row per event.

        Parameters
        ----------
        frame : pandas, polars or pyarrow frame, polars LazyFrame, DuckDB relation, or dict of arrays
            Lazy frames have only the named columns collected. The frame is never changed.
        customer, time : str
            Columns of customer ids (whole numbers, text, categories, UUIDs) and of times (dates,
            datetimes, or ISO 8601 text).
        value : str, default=None
            Column with the money of the line. Negative money is a refund, zero is a purchase.
        price, quantity : str, default=None
            Instead of `value`: the money of the line is their product. `quantity` may also stand
            beside `value`.
        item, order : str, default=None
            Columns of item ids and of order (invoice, basket) ids.
        kind : str, default=None
            Column that says what sort of event a row is. Without it every row is a purchase.
        purchases : str or list, default=None
            The kinds that are purchases; required with `kind`.
        columns : list of str, default=()
            Further columns of numbers or categories to keep with each event.
        observed_until : date-like, default=None
            The instant up to which the log is complete. By default the midnight after the last event.
        tz : str, default=None
            Labels naive times, converts aware ones. A UTC column needs it said, ``"UTC"`` included,
            because days are the days of this zone.
        invalid : {"raise", "drop"}, default="raise"
            Rows that cannot be events (no customer, no readable time, a time after
            `observed_until` or after today, a number that is not finite, a purchase without money or
            item where these are named) raise one error, or are left out and counted in `quality`.
        refunds : {"net", "drop"}, default="net"
            Whether refunds lower what was bought, or are ignored. Counted either way.
        duplicates : {"keep", "drop", "raise"}, default="keep"
            What to do with rows that equal another in every named column. Counted in any case.
        assume_sorted : bool, default=False
            The rows are in time order already, which is then not looked at.

        Returns
        -------
        EventLog

        Raises
        ------
        EventDataError
            Rows break a rule and ``invalid="raise"``; it names each rule, its count and positions.
        ColumnNotFoundError, ParameterError
            A column is missing or of the wrong type, or an argument is not allowed.
        """
        check_option("invalid", invalid, {"raise", "drop"}, OWNER)
        check_bool("assume_sorted", assume_sorted, OWNER)
        schema = Schema(
            customer,
            time,
            value,
            price,
            quantity,
            item,
            order,
            kind,
            as_tuple(purchases),
            as_tuple(columns),
            tz,
            False,
            refunds,
            duplicates,
        )

        def end(zone: str | None) -> int | None:
            return None if observed_until is None else instant(observed_until, "observed_until", zone)

        reading = read_rows(frame, schema, observed_until=end, invalid=invalid, given_zone=tz)
        store, repeats, n_refunds = _sorted_store(reading, assume_sorted=assume_sorted)
        given_end = end(reading.schema.tz)
        until = given_end if given_end is not None else _merge.day_after_last(store)
        quality = quality_rows(store, reading.dropped, repeats, n_refunds, given_end is not None)
        return cls(store, reading.schema, until, quality, reading.n_rows)

    @classmethod
    def concat(cls, logs: Mapping[str, EventLog], *, purchases: Any = None) -> EventLog:
        """One log of several, each of which becomes a kind of event.

        Parameters
        ----------
        logs : mapping of kind to EventLog
            Logs of the same zone and the same sort of customer ids. Columns that a log does not
            have are missing in its events.
        purchases : str or list, default=None
            The kinds that are purchases; by default those of the logs that hold money, or all where
            none does.

        Returns
        -------
        EventLog
            Complete up to the latest `observed_until` of the logs.

        Examples
        --------
        >>> import pandas as pd
        >>> bought = EventLog.from_frame(
        ...     pd.DataFrame({"c": [1], "t": ["2024-03-01"], "v": [9.0]}), customer="c", time="t", value="v"
        ... )
        >>> visits = EventLog.from_frame(
        ...     pd.DataFrame({"c": [1, 2], "t": ["2024-03-01", "2024-03-04"]}), customer="c", time="t"
        ... )
        >>> EventLog.concat({"order": bought, "visit": visits})
        EventLog(3 events of 2 customers, 2024-03-01 to 2024-03-04, observed until 2024-03-05)
        """
        rows, schema, quality = _merge.concat_rows(logs, as_tuple(purchases))
        reading = Reading(rows, None, schema, [], len(rows))
        store, repeats, n_refunds = _sorted_store(reading)
        end = max(log._end for log in logs.values())
        counted = quality_rows(store, quality, repeats, n_refunds, True)
        attributes = tuple(table for log in logs.values() for table in log._attributes)
        return cls(store, schema, end, counted, sum(log._n_read for log in logs.values()), attributes)

    def append(
        self, frame: Any, *, observed_until: Any = None, invalid: Literal["raise", "drop"] = "raise"
    ) -> EventLog:
        """A log with the rows of a further frame, equal bit for bit to one load of everything.

        Parameters
        ----------
        frame : frame
            With the same column names as the first one.
        observed_until : date-like, default=None
            By default the later of this log's and the midnight after the last new event.
        invalid : {"raise", "drop"}, default="raise"
            As in `from_frame`.

        Returns
        -------
        EventLog
            A new log. Rows from before this log's `observed_until` are legal, and counted in
            `quality` as late rows.
        """
        check_option("invalid", invalid, {"raise", "drop"}, "EventLog.append")

        def end(zone: str | None) -> int | None:
            return None if observed_until is None else instant(observed_until, "observed_until", zone)

        zone = self._schema.tz
        reading = read_rows(frame, self._schema, observed_until=end, invalid=invalid, given_zone=zone)
        if reading.schema.aware != self._schema.aware and reading.n_rows and self._n_read:
            raise ParameterError(
                f"time={self._schema.time!r} of the new frame is {'aware' if reading.schema.aware else 'naive'}, that "
                f"of the log {'aware' if self._schema.aware else 'naive'}. Append times of the same sort."
            )
        late = int(np.count_nonzero(reading.rows.time < self._end))
        aware = reading.schema.aware if reading.n_rows else self._schema.aware
        schema = replace(self._schema, aware=aware, tz=reading.schema.tz)
        rows = _merge.join_rows([self._store.to_rows(), reading.rows])
        joined = Reading(rows, None, schema, [], reading.n_rows)
        store, repeats, n_refunds = _sorted_store(joined)
        given_end = end(schema.tz)
        until = given_end if given_end is not None else max(self._end, _merge.day_after_last(store))
        dropped = _merge.added_counts(self._quality, reading.dropped, ("late row", late))
        quality = quality_rows(store, dropped, repeats, n_refunds, given_end is not None)
        return replace(
            self, _store=store, _schema=schema, _end=until, _quality=quality, _n_read=self._n_read + reading.n_rows
        )

    def with_attributes(self, frame: Any, *, customer: str, known_at: str | None = None) -> EventLog:
        """A log that also knows columns of its customers.

        Parameters
        ----------
        frame : frame
            One row per customer, or with `known_at` any number.
        customer : str
            Column of customer ids. Customers without events are kept for `Snapshots.attributes`.
        known_at : str, default=None
            Column of the times at which each row became known. A snapshot then sees the newest row
            from before its as_of; without it, the columns count as known always.

        Returns
        -------
        EventLog
        """
        table = Attributes.from_frame(frame, customer=customer, known_at=known_at, zone=self._schema.tz)
        check_same_sort(table.customers, self.customers, f"customer={customer!r}")
        held = {name for other in self._attributes for name in other.columns}
        twice = sorted(held & set(table.columns))
        if twice:
            raise ParameterError(f"The log has attributes named {twice} already. Rename them in the frame.")
        return replace(self, _attributes=(*self._attributes, table))

    # -- what it holds ---------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._store.time)

    @property
    def n_customers(self) -> int:
        """Number of customers."""
        return self._store.n_customers

    @property
    def customers(self) -> NDArray[Any]:
        """Sorted customer ids."""
        return self._store.customers

    @property
    def items(self) -> NDArray[Any]:
        """Sorted item ids; empty in a log without items."""
        return np.empty(0, dtype="<U1") if self._store.item is None else self._store.item.levels

    @property
    def kinds(self) -> NDArray[Any]:
        """Sorted kinds of events; empty in a log without kinds."""
        return np.empty(0, dtype="<U1") if self._store.kind is None else self._store.kind.levels

    @property
    def tz(self) -> str | None:
        """Zone of the wall clock, or None."""
        return self._schema.tz

    @property
    def backend(self) -> Literal["pandas", "polars"]:
        """What kind of frames come out: polars if the log was built from polars, else pandas."""
        return self._schema.backend

    @property
    def first_time(self) -> np.datetime64 | None:
        """Time of the first event."""
        return np.datetime64(int(self._store.time.min()), "us") if len(self) else None

    @property
    def last_time(self) -> np.datetime64 | None:
        """Time of the last event."""
        return np.datetime64(int(self._store.time.max()), "us") if len(self) else None

    @property
    def observed_until(self) -> np.datetime64:
        """The instant up to which the log is complete."""
        return np.datetime64(self._end, "us")

    @property
    def has_money(self) -> bool:
        """Whether the log was built with money."""
        return self._store.has_money

    @property
    def quality(self) -> Any:
        """Frame (rule, rows, share) of what was dropped, and of what was kept but is worth knowing."""
        return quality_table(self._quality, self._n_read, self._schema.backend)

    @property
    def fingerprint(self) -> str:
        """A hash of the events, the customer columns and `observed_until`: equal logs have equal ones."""
        known = self.__dict__.get("_fingerprint")
        if known is None:
            digest = hashlib.blake2b(digest_size=16)
            digest.update(repr((self._end, self._schema.tz, self._schema.purchases, self._schema.refunds)).encode())
            for name, array in (*self._store.arrays(), *(pair for t in self._attributes for pair in t.arrays())):
                # Of nothing there is only one sort.
                digest.update(f"{name}{array.dtype.str if array.size else ''}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).view(np.uint8).reshape(-1).data if array.size else b"")
            known = digest.hexdigest()
            object.__setattr__(self, "_fingerprint", known)
        return str(known)

    def __getstate__(self) -> dict[str, Any]:
        # Always with the fingerprint: workers need not hash ten million events again (.3 s for each task), and
        # joblib.hash does not depend on who asked for it before.
        return {**self.__dict__, "_fingerprint": self.fingerprint}

    def to_frame(self) -> Any:
        """The events in the order of the log, under the caller's own column names.

        Returns
        -------
        pandas or polars DataFrame
            It goes back into `from_frame` unchanged, with the same arguments.
        """
        store, schema = self._store, self._schema
        wall = store.time if store.wall is None else store.wall
        times: Any = wall.view("M8[us]")
        if schema.aware and schema.tz is not None:
            times = localize(wall, schema.tz, store.second_pass)
        columns: dict[str, Any] = {
            schema.customer: Category(store.owners(), store.customers).to_ids(),
            schema.time: times,
        }
        if schema.value is not None:
            columns[schema.value] = store.amounts()
        numbers = ((schema.price, store.price), (schema.quantity, store.quantity))
        columns.update({name: column for name, column in numbers if name is not None})
        for name, labels in ((schema.item, store.item), (schema.order, store.order), (schema.kind, store.kind)):
            if name is not None and labels is not None:
                columns[name] = labels.to_ids()
        return make_frame({**columns, **store.extras}, schema.backend)

    def __repr__(self) -> str:
        if len(self) == 0:
            return "EventLog(no events)"
        first, last = str(self.first_time)[:10], str(self.last_time)[:10]
        until = str(pd.Timestamp(self.observed_until)).removesuffix(" 00:00:00")
        size = f"{len(self):,} event{'s' * (len(self) != 1)} of "
        size += f"{self.n_customers:,} customer{'s' * (self.n_customers != 1)}"
        return f"EventLog({size}, {first} to {last}, observed until {until})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{name}</th><td>{value}</td></tr>"
            for name, value in (
                ("events", f"{len(self):,}"),
                ("customers", f"{self.n_customers:,}"),
                ("items", f"{len(self.items):,}"),
                ("first event", self.first_time),
                ("last event", self.last_time),
                ("observed until", self.observed_until),
            )
        )
        return f"<table><caption>EventLog</caption>{rows}</table>"

    # -- parts of it -----------------------------------------------------------------------------

    def only(self, kinds: Any) -> EventLog:
        """The events of some kinds; customers and `observed_until` stay.

        Parameters
        ----------
        kinds : str or list
            Such as ``"order"`` or ``["order", "refund"]``; of a kind that the log does not hold there is nothing.

        Returns
        -------
        EventLog

        Raises
        ------
        ParameterError
            The log has no kinds.
        """
        keep = events_of_kinds(self._store.kind, kinds)
        return replace(self, _store=_merge.select(self._store, keep, keep_customers=True))

    def before(self, as_of: Any) -> EventLog:
        """The log as it was at an instant: events before it, and customers and items seen by then.

        Parameters
        ----------
        as_of : date-like
            Events at or past it are left out; `observed_until` is never later.

        Returns
        -------
        EventLog
        """
        end = instant(as_of, "as_of", self._schema.tz)
        tables = tuple(table.before(end) for table in self._attributes)
        return replace(
            self,
            _store=_merge.select(self._store, self._store.time < end),
            _end=min(self._end, end),
            _attributes=tables,
        )

    def customer(self, id: Any) -> EventLog:  # noqa: A002  # the contract's name; nobody needs the built-in here
        """Everything held on one customer, as a log of that customer alone.

        ``log.customer(7).to_frame()`` are the events, ``log.customer(7).snapshot().attributes()`` the
        columns.

        Parameters
        ----------
        id : int or str
            The customer's id.

        Returns
        -------
        EventLog

        Raises
        ------
        UnknownCustomerError
            The log holds neither events nor columns of this id.
        """
        code = int(lookup_ids([id], self.customers, "id")[0])
        known = [table for table in self._attributes if table.holds(id)]
        if code < 0 and not known:
            raise UnknownCustomerError("The log holds nothing on this customer id. Compare with log.customers.")
        keep = np.zeros(len(self), dtype=np.bool_)
        if code >= 0:
            keep[self._store.pointers[code] : self._store.pointers[code + 1]] = True
        tables = tuple(table.only([id]) for table in self._attributes)
        return replace(self, _store=_merge.select(self._store, keep), _attributes=tables)

    def without(self, ids: Any) -> EventLog:
        """The log without some customers: their events, orders and columns are gone (erasure).

        Ids that the log does not hold are ignored, so that an erasure can be repeated. The events
        stay in `quality`'s counts, which name nobody.

        Parameters
        ----------
        ids : sequence of ids
            The customers to forget.

        Returns
        -------
        EventLog
        """
        codes = lookup_ids(ids, self.customers, "ids", same_sort=True)
        keep = np.ones(self.n_customers, dtype=np.bool_)
        keep[codes[codes >= 0]] = False
        tables = tuple(table.without(ids) for table in self._attributes)
        events = np.repeat(keep, np.diff(self._store.pointers))
        return replace(self, _store=_merge.select(self._store, events), _attributes=tables)

    # -- rows of it ------------------------------------------------------------------------------

    def snapshot(self, as_of: Any = None, **options: Any) -> Snapshots:
        """One row per customer, as of one instant.

        Parameters
        ----------
        as_of : date-like, default=None
            Rows see what happened before it; `observed_until` if None.
        **options
            As in `snapshots`.

        Returns
        -------
        Snapshots
        """
        from crmkit.events._rows import rows_of_dates

        return rows_of_dates(self, [self.observed_until if as_of is None else as_of], name="as_of", **options)

    def snapshots(
        self,
        dates: Any,
        *,
        horizon: Any = None,
        gap: Any = "0D",
        min_events: int = 1,
        active_within: Any = None,
        customers: Any = None,
        alive: tuple[Any, Any] | None = None,
        censored: Literal["raise", "drop"] = "raise",
    ) -> Snapshots:
        """One row per customer and date, date by date.

        Parameters
        ----------
        dates : sequence of date-like
            The instants as of which customers are seen; each at most `observed_until`.
        horizon : duration, default=None
            Length of the label window ``[as_of + gap, as_of + gap + horizon)``, such as ``"90D"``.
        gap : duration, default="0D"
            Time between as_of and the label window.
        min_events : int, default=1
            Fewest purchases before as_of. 0 needs `customers`.
        active_within : duration, default=None
            Only customers with a purchase in this last stretch before as_of.
        customers : sequence of ids, default=None
            Only these.
        alive : tuple (start kinds, end kinds), default=None
            Only customers whose latest event of these kinds is a start: subscriptions.
        censored : {"raise", "drop"}, default="raise"
            What to do with dates whose label window ends after `observed_until`.

        Returns
        -------
        Snapshots

        Raises
        ------
        CensoredWindowError
            A label window ends after `observed_until`; it names the last usable as_of.
        """
        from crmkit.events._rows import rows_of_dates

        return rows_of_dates(
            self,
            dates,
            horizon=horizon,
            gap=gap,
            min_events=min_events,
            active_within=active_within,
            customers=customers,
            alive=alive,
            censored=censored,
        )

    def snapshots_at(
        self,
        frame: Any,
        *,
        customer: str,
        as_of: str,
        horizon: Any = None,
        gap: Any = "0D",
        censored: Literal["raise", "drop"] = "raise",
    ) -> Snapshots:
        """One row per row of a frame, in its order: contract ends, mailings, survey answers.

        Customers without events are kept; they have an empty history.

        Parameters
        ----------
        frame : frame
            With a column of customer ids and one of instants.
        customer, as_of : str
            Their names.
        horizon, gap, censored
            As in `snapshots`.

        Returns
        -------
        Snapshots
        """
        from crmkit.events._rows import rows_of_frame

        return rows_of_frame(self, frame, customer=customer, as_of=as_of, horizon=horizon, gap=gap, censored=censored)

    # -- series of it ----------------------------------------------------------------------------

    def demand(
        self,
        freq: Any,
        *,
        by: Literal["item", "customer"] | None = "item",
        of: Literal["quantity", "purchases", "money"] = "quantity",
    ) -> Any:
        """What was bought in each period of the calendar, as a long frame for `crmkit.forecast`.

        A series runs from the period of its first purchase to the last period that `observed_until`
        does not cut, with zeros where nothing was bought: nobody buying is known to be zero, except
        where the shelf was empty, which a log does not tell.

        Parameters
        ----------
        freq : {"h", "D", "W", "M", "Q", "Y"} or duration
            Length of the periods, on the wall clock of the log's zone. Weeks begin on Monday; a
            duration such as ``"14D"`` counts from a Monday. pandas' names, such as ``"MS"``, are
            understood.
        by : {"item", "customer", None}, default="item"
            What has a series of its own. With None there is one, named ``"all"``.
        of : {"quantity", "purchases", "money"}, default="quantity"
            What is added up. ``"quantity"``: that of purchases; refunds are not taken off it, because
            what came back had been asked for, and a negative quantity corrects a stock and counts
            nothing. ``"purchases"``: as everywhere in crmkit, what a customer buys on one day is one
            purchase (of each item that is in it). ``"money"``: purchases and refunds, each at its own
            time.

        Returns
        -------
        pandas or polars DataFrame
            Columns ``series`` (id), ``time`` (beginning of the period, datetime) and ``value``
            (float64), sorted by series and time. What was never bought before the last complete
            period ended has no rows, and refunds from before a series' first purchase are in none.

        Raises
        ------
        ParameterError
            There is no such period, the log lacks the items, quantities or money asked for, or the period is
            so short that there would be more than a hundred rows for each event (and ten million).

        Examples
        --------
        >>> import pandas as pd
        >>> from crmkit import EventLog
        >>> lines = pd.DataFrame(
        ...     {
        ...         "who": [7, 7, 9, 9],
        ...         "when": ["2024-01-02", "2024-01-17", "2024-01-12", "2024-01-23"],
        ...         "what": ["tea", "tea", "pot", "tea"],
        ...         "n": [2, 3, 1, 9],
        ...     }
        ... )
        >>> log = EventLog.from_frame(lines, customer="who", time="when", item="what", quantity="n")
        >>> log.demand("W")  # the week of 22 January is not over
          series       time  value
        0    pot 2024-01-08    1.0
        1    pot 2024-01-15    0.0
        2    tea 2024-01-01    2.0
        3    tea 2024-01-08    0.0
        4    tea 2024-01-15    3.0
        """
        from crmkit.events._demand import demand

        return demand(self, freq, by, of)

    # -- on disk ---------------------------------------------------------------------------------

    def save(self, folder: str | Path) -> None:
        """Write the log as plain .npy files and JSON, without pickles.

        Parameters
        ----------
        folder : path
            Made where it is missing; it must not hold anything but a saved log.
        """
        _storage.save(Path(folder), self)

    @classmethod
    def load(cls, folder: str | Path, *, mmap: bool = True) -> EventLog:
        """Read a log that `save` wrote.

        Parameters
        ----------
        folder : path
        mmap : bool, default=True
            Map the files instead of reading them, so that several processes share one copy.

        Returns
        -------
        EventLog
        """
        return _storage.load(cls, Path(folder), mmap=mmap)

    # -- for the rooms ---------------------------------------------------------------------------

    def roles(self, kinds: Any = None) -> NDArray[np.int8]:
        """What each event is to methods that read purchases: 0 other, 1 purchase, 2 refund.

        Parameters
        ----------
        kinds : str or list, default=None
            Kinds of events that count instead of purchases.

        Returns
        -------
        ndarray of int8, shape (n_events,)
            Of length 0 where every event is a purchase.
        """
        if kinds is None:
            return self._store.roles
        return event_roles(self._store, events_of_kinds(self._store.kind, kinds))


def event_roles(store: Store, purchase: NDArray[np.bool_] | None) -> NDArray[np.int8]:
    """Roles of the events, empty where all are purchases."""
    if len(store.cents):
        refund = store.cents < 0 if int(store.cents.min()) < 0 else None
    else:
        # fmin passes over missing money, which an event that is no purchase may have.
        refund = store.money < 0 if float(np.fmin.reduce(store.money, initial=0.0)) < 0 else None
    if purchase is None and refund is None:
        return np.empty(0, dtype=np.int8)
    roles = np.full(len(store.time), PURCHASE, dtype=np.int8)
    if purchase is not None:
        roles[~purchase] = OTHER
    if refund is not None:
        roles[refund] = REFUND
    return read_only(roles if bool((roles != PURCHASE).any()) else roles[:0])


def _sorted_store(reading: Reading, *, assume_sorted: bool = False) -> tuple[Store, int, int]:
    """Sort rows, deal with repeats and refunds; returns the store and how many of each there were."""
    schema = reading.schema
    columns = {name for name, _ in reading.rows.columns()}
    money = reading.rows.money
    if money is not None and columns == {"customer", "time", "money"} and schema.duplicates == "keep":
        store, n_repeats = sort_money(reading.rows, money)
    else:
        store, order, repeats = sort_rows(reading.rows, schema.tz, assume_sorted=assume_sorted)
        n_repeats = len(repeats)
        if n_repeats and schema.duplicates == "raise":
            refuse_repeats(reading, order, repeats)
        if n_repeats and schema.duplicates == "drop":
            rows: Rows = drop_repeats(reading, order, repeats)
            store, _, _ = sort_rows(rows, schema.tz, assume_sorted=assume_sorted)
    purchase = None if store.kind is None else of_kinds(store.kind, schema.purchases)
    roles = event_roles(store, purchase)
    n_refunds = int(np.count_nonzero(roles == REFUND))
    store = replace(store, roles=roles)
    if n_refunds and schema.refunds == "drop":
        store = _merge.select(store, roles != REFUND, keep_customers=True)
    return store, n_repeats, n_refunds
