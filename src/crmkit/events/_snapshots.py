"""Snapshots: the rows that estimators take, each of which sees what happened before its as_of."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import TIME_UNITS, duration_name, instant_name, time_unit_microseconds, to_microseconds
from crmkit._frames import concat_columns, instant, make_frame, row_index
from crmkit._numba import run_in_ranges
from crmkit._validation import check_bool, check_option
from crmkit.events._items import ItemTargets, item_matrix
from crmkit.events._read import events_of_kinds
from crmkit.events._sequences import Sequences, sequences
from crmkit.events._store import plain, read_only
from crmkit.events._summary import COLLAPSES, purchases
from crmkit.events._target_kernels import count_periods, first_in_window, sum_money
from crmkit.events._tenure import tenures
from crmkit.exceptions import ParameterError

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from crmkit.events._log import EventLog


@dataclass(frozen=True)
class Window:
    """The label window of rows, in microseconds."""

    horizon: int | None
    gap: int
    active_within: int | None


class Snapshots:
    """Rows (customer, as_of) of an event log: the X of estimators that need history.

    A row sees the events of its customer before its as_of, never at or past it. It carries its label
    window ``[as_of + gap, as_of + gap + horizon)`` too, so that targets, splitters and calibration
    cannot disagree about it. Made by `EventLog.snapshot`, `EventLog.snapshots` and
    `EventLog.snapshots_at`; taking rows copies three small arrays and no event.

    Attributes
    ----------
    log : EventLog
        The shared log.
    customer_id : ndarray, shape (n,)
    as_of : ndarray of datetime64[us], shape (n,)
    horizon, gap, active_within : numpy.timedelta64 or None
    shape : tuple
        ``(n,)``.
    codes, as_of_us, stop : ndarray
        For code that reads the log's columns: the customer's position in `customers`, as_of in
        microseconds, and the first event that the row cannot see.

    Notes
    -----
    It works in scikit-learn's splitters, searches, pipelines and meta-estimators, with ``n_jobs`` too.
    It is not an array: put a transformer such as `crmkit.features.RFMTransformer` first.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit import EventLog
    >>> orders = pd.DataFrame(
    ...     {"who": [7, 7, 9], "when": ["2024-01-02", "2024-02-01", "2024-02-03"], "paid": [5.0, 7.5, 20.0]}
    ... )
    >>> log = EventLog.from_frame(orders, customer="who", time="when", value="paid")
    >>> X = log.snapshots(["2024-01-15", "2024-02-01"], horizon="3D")
    >>> X
    Snapshots(2 rows of 1 customer, 2024-01-15 to 2024-02-01, horizon 3D)
    >>> X.churned()
    array([1, 0])
    >>> X.future_value()
    array([0. , 7.5])
    """

    def __init__(
        self,
        log: EventLog,
        customers: NDArray[Any],
        codes: NDArray[np.int32],
        as_of: NDArray[np.int64],
        stop: NDArray[np.int64],
        window: Window,
    ) -> None:
        self.log = log
        self.customers = customers
        self.codes = read_only(codes)
        self.as_of_us = read_only(as_of)
        self.stop = read_only(stop)
        self.window = window

    def __getstate__(self) -> dict[str, Any]:
        return {name: plain(value) for name, value in vars(self).items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in ("codes", "as_of_us", "stop"):
            setattr(self, name, read_only(state[name]))

    # -- a row-like container --------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int]:
        """Number of rows, as a tuple."""
        return (len(self.codes),)

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, key: Any) -> Snapshots:
        if isinstance(key, tuple):
            # scikit-learn takes rows of whatever has a shape as X[rows, ...].
            if len(key) != 2 or key[1] is not Ellipsis:
                raise IndexError(f"Snapshots have one dimension: index rows as X[rows], not {key!r}.")
            key = key[0]
        if isinstance(key, int | np.integer) and not isinstance(key, bool):
            if not -len(self) <= key < len(self):
                raise IndexError(f"There is no row {key}: the snapshots have {len(self):,} rows, counted from 0.")
            position = range(len(self))[key]
            key = slice(position, position + 1)
        if not isinstance(key, slice):
            rows = np.asarray(key)
            key = rows.astype(np.intp) if rows.size == 0 and isinstance(key, list) else rows
            if key.ndim != 1 or key.dtype.kind not in "iub":
                raise IndexError(f"Rows are taken by whole numbers, flags or a slice, not by {rows!r}.")
        return Snapshots(self.log, self.customers, self.codes[key], self.as_of_us[key], self.stop[key], self.window)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        raise TypeError(
            "Snapshots are rows of an event log, not an array of numbers: put a feature transformer first, for example "
            "make_pipeline(RFMTransformer(), estimator), or take X.summary()."
        )

    def __repr__(self) -> str:
        if len(self) == 0:
            return "Snapshots(no rows)"
        n_customers = len(np.unique(self.codes))
        first, last = instant_name(self.as_of_us.min()), instant_name(self.as_of_us.max())
        label = "" if self.window.horizon is None else f", horizon {duration_name(self.window.horizon)}"
        label += f", gap {duration_name(self.window.gap)}" if self.window.gap else ""
        return (
            f"Snapshots({len(self):,} row{'s' * (len(self) != 1)} of "
            f"{n_customers:,} customer{'s' * (n_customers != 1)}, "
            f"{first if first == last else f'{first} to {last}'}{label})"
        )

    @property
    def customer_id(self) -> NDArray[Any]:
        """Customer of each row."""
        return self.customers[self.codes]

    @property
    def as_of(self) -> NDArray[np.datetime64]:
        """Instant of each row."""
        return self.as_of_us.view("M8[us]")

    @property
    def horizon(self) -> np.timedelta64 | None:
        """Length of the label window."""
        return None if self.window.horizon is None else np.timedelta64(self.window.horizon, "us")

    @property
    def gap(self) -> np.timedelta64:
        """Time between as_of and the label window."""
        return np.timedelta64(self.window.gap, "us")

    @property
    def active_within(self) -> np.timedelta64 | None:
        """The last stretch in which every row has a purchase."""
        return None if self.window.active_within is None else np.timedelta64(self.window.active_within, "us")

    @property
    def pointers(self) -> NDArray[np.int64]:
        """Where the events of each of `customers` begin and end in the log's columns."""
        pointers = self.log._store.pointers
        missing = len(self.customers) + 1 - len(pointers)
        return read_only(np.append(pointers, np.full(missing, pointers[-1]))) if missing else pointers

    @property
    def start(self) -> NDArray[np.int64]:
        """The first event of each row's customer."""
        return self.pointers[self.codes]

    def where(self, *, before: Any = None, after: Any = None) -> Snapshots:
        """The rows whose as_of lies before one instant, at or after another.

        Parameters
        ----------
        before, after : date-like, default=None
            Not limited on a side that is None.

        Returns
        -------
        Snapshots
        """
        keep = np.ones(len(self), dtype=np.bool_)
        if before is not None:
            keep &= self.as_of_us < instant(before, "before", self.log.tz)
        if after is not None:
            keep &= self.as_of_us >= instant(after, "after", self.log.tz)
        return self[keep]

    def to_frame(self, **columns: Any) -> Any:
        """The keys of the rows, and anything in row order beside them: what goes to SQL or Parquet.

        Parameters
        ----------
        **columns : array, series or frame of n rows
            An array of one dimension is named after its keyword; a frame keeps its column names.

        Returns
        -------
        pandas or polars DataFrame
            With the columns customer_id and as_of first.
        """
        table: dict[str, Any] = {"customer_id": self.customer_id, "as_of": self.as_of}
        for name, values in columns.items():
            for column, array in concat_columns(values, len(self), name).items():
                if column in table:
                    raise ParameterError(f"{name} has a column {column!r}, which the table holds already. Rename it.")
                table[column] = array
        return make_frame(table, self.log.backend)

    def make_frame(self, columns: dict[str, Any]) -> Any:
        """A frame of columns in row order: indexed by (customer_id, as_of) in pandas, bare in polars.

        Parameters
        ----------
        columns : dict of str to array, shape (n,)
            The columns by name.

        Returns
        -------
        pandas or polars DataFrame
            Of the sort that the log was built from.
        """
        backend = self.log.backend
        index = row_index(self.customers, self.codes, self.as_of_us) if backend == "pandas" else None
        return make_frame(columns, backend, index)

    # -- what the rows see -----------------------------------------------------------------------

    def summary(
        self, *, time_unit: str = "W", collapse: str | None = "D", kinds: Any = None, gaps: bool = False
    ) -> Any:
        """The four columns of the purchase models.

        Parameters
        ----------
        time_unit : {"D", "W", "M", "Y"}, default="W"
            Unit of `recency` and `T`; a month is 30.4375 days, a year 365.25.
        collapse : {"D", "W", "order", None}, default="D"
            What counts as one purchase: a day or week counted back from as_of, an order, an instant.
        kinds : str or list, default=None
            Kinds of events that count instead of purchases.
        gaps : bool, default=False
            Whether to add the column `sum_log_gaps`, which tells how regularly a customer buys.

        Returns
        -------
        frame of n rows
            ``frequency`` (purchase periods after the first), ``recency`` (first to last purchase),
            ``T`` (first purchase to as_of), ``monetary_value`` (mean money of the repeat periods,
            refunds deducted; NaN for one-time buyers and in a log without money); with `gaps`
            ``sum_log_gaps`` (over the repeat periods, the natural log of the time since the period
            before, in `time_unit`; 0 for one-time buyers). All NaN for a row without purchases.

        Raises
        ------
        ParameterError
            If the log has no orders and ``collapse="order"``; with `gaps`, if two orders of a customer
            begin at the same instant: the log of no time is minus infinity.

        Notes
        -----
        Days are counted back from as_of, so that ``0 <= recency <= T`` always; `T` is measured to the
        start of the last day. This is the convention of Fader, Hardie & Lee (2005) for CDNOW. The sum of
        log gaps is what purchase models with Erlang-k timing need beyond the other columns (Platzer &
        Reutterer 2016, "Ticking away the moments").

        Examples
        --------
        >>> from crmkit.datasets import load_cdnow
        >>> from crmkit.events import EventLog
        >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
        >>> log.snapshot("1997-10-01").summary().head(2).round(2)
                                frequency  recency      T  monetary_value
        customer_id as_of
        4           1997-10-01        2.0    30.43  38.86           22.34
        18          1997-10-01        0.0     0.00  38.43             NaN
        """
        unit = time_unit_microseconds(time_unit)
        check_option("collapse", collapse, COLLAPSES, "Snapshots.summary")
        seen = purchases(self, collapse, kinds, gaps=check_bool("gaps", gaps, "Snapshots.summary"))
        none = seen.periods == 0
        frequency = np.where(none, np.nan, seen.periods - 1.0)
        repeats = np.where(frequency > 0, frequency, np.nan)
        # A log without money has no mean of it, rather than a mean of zero.
        money = seen.repeat_money / repeats if self.log.has_money else np.full(len(self), np.nan)
        columns = {
            "frequency": frequency,
            "recency": np.where(none, np.nan, (seen.age - seen.idle) / unit),
            "T": np.where(none, np.nan, seen.age / unit),
            "monetary_value": money,
        }
        if seen.log_gaps is not None:
            columns["sum_log_gaps"] = seen.log_gaps - frequency * math.log(unit / TIME_UNITS["D"])
        return self.make_frame(columns)

    def tenure(self, start: Any, end: Any, period: Any) -> Any:
        """How many renewals each customer's contract has survived: the columns of the contract models.

        Parameters
        ----------
        start, end : str or list
            Kinds of events that start a contract, and that end one.
        period : duration
            Time from one renewal to the next, for example ``"30D"`` or ``"365D"``.

        Returns
        -------
        frame of n rows
            ``periods`` (renewals survived) and ``ended`` (1, or 0 while the contract runs), of the
            latest contract that began before as_of. NaN in a row that sees no start.

        Notes
        -----
        The renewals of a contract that began at s are due at s + period, s + 2 period, and so on. One
        is survived if it is due before the event that ends the contract or, while it runs, before
        as_of: what happens at as_of is not seen yet. Of several ends after a start the first counts;
        an end that comes before any start is ignored. A start while a contract runs begins a new one.
        ``ended`` is 0 for exactly the customers that ``alive=(start, end)`` would keep: fit contract
        models on all customers, not on these, who are the survivors.

        Examples
        --------
        >>> import pandas as pd
        >>> from crmkit import EventLog
        >>> events = pd.DataFrame(
        ...     {
        ...         "who": [1, 1, 2, 3],
        ...         "when": ["2024-01-01", "2024-03-10", "2024-01-20", "2024-02-01"],
        ...         "what": ["join", "leave", "join", "visit"],
        ...     }
        ... )
        >>> log = EventLog.from_frame(events, customer="who", time="when", kind="what", purchases="join")
        >>> log.snapshot("2024-03-11", min_events=0, customers=log.customers).tenure("join", "leave", "30D")
                                periods  ended
        customer_id as_of
        1           2024-03-11      2.0    1.0
        2           2024-03-11      1.0    0.0
        3           2024-03-11      NaN    NaN
        """
        periods, ended = tenures(self, start, end, to_microseconds(period, "period"))
        return self.make_frame({"periods": periods, "ended": ended})

    def interactions(
        self,
        interaction: Literal["count", "binary", "value"] = "count",
        halflife: Any = None,
        *,
        kinds: Any = None,
        since: Any = None,
    ) -> csr_matrix:
        """What each row has bought, as a matrix rows × the log's items.

        Parameters
        ----------
        interaction : {"count", "binary", "value"}, default="count"
            Number of purchases, a one for any, or money with refunds deducted.
        halflife : duration, default=None
            Age, at the row's as_of, at which a purchase counts half. It never counts less than 1e-300, so
            that no purchase is lost.
        kinds : str or list, default=None
            Kinds of events that count instead of purchases.
        since : array of datetime64, shape (n,), default=None
            Events before each row's instant are left out: for a model that knows them already. NaT
            leaves out nothing.

        Returns
        -------
        scipy.sparse.csr_matrix of float64, shape (n, n_items)
        """
        first = np.full(len(self), np.iinfo(np.int64).min)
        if since is not None:
            # NaT is the smallest integer of all.
            first = np.asarray(since, dtype="M8[us]").view(np.int64)
            if first.shape != self.shape:
                raise ParameterError(
                    f"The 'since' parameter of Snapshots.interactions must have one instant for each of the "
                    f"{len(self):,} rows. Got shape {first.shape} instead."
                )
        return item_matrix(
            self, self.start, self.stop, first, self.as_of_us, interaction=interaction, halflife=halflife, kinds=kinds
        )

    def attributes(self) -> Any:
        """The customer columns as they were known before each row's as_of.

        Returns
        -------
        frame of n rows
            Missing where nothing was known; empty of columns without `EventLog.with_attributes`.
        """
        return self.make_frame(self._attributes())

    def _attributes(self) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for table in self.log._attributes:
            columns.update(table.values_at(table.rows_at(self.customer_id, self.as_of_us)))
        return columns

    def sequences(
        self,
        length: int,
        *,
        columns: Any = None,
        kinds: Any = None,
        pad: Literal["front", "back"] = "front",
        levels: Mapping[str, Any] | None = None,
    ) -> Sequences:
        """The latest events of each row as padded arrays, as networks of PyTorch and Keras take them.

        Parameters
        ----------
        length : int
            Number of events: the latest of those that the row sees, oldest first.
        columns : str or list, default=None
            Which of the log's further columns to give; all if None.
        kinds : str or list, default=None
            Kinds of events; all if None, visits and refunds too.
        pad : {"front", "back"}, default="front"
            Where a row with fewer events is filled up. With ``"front"`` the latest event is always last.
        levels : dict of str to array, default=None
            What the codes stand for, as `Sequences.levels` of an earlier call. If None, the items, kinds
            and categories that occur in these sequences, sorted.

        Returns
        -------
        Sequences
            Arrays of shape (n, length) and (for codes) their levels, ready for an embedding.

        Raises
        ------
        ParameterError
            If `columns` are not the log's, if it has no kinds and `kinds` are given, or if `levels` lack
            a column of codes.

        Notes
        -----
        Codes belong to the call that made them: other rows know other items. Keep `levels` with the
        trained model, and pass them whenever it predicts; what they do not know has code 0.

        Examples
        --------
        >>> from crmkit import EventLog
        >>> events = {
        ...     "who": [7, 7, 7, 9],
        ...     "when": ["2024-01-02", "2024-01-05", "2024-01-08", "2024-01-06"],
        ...     "what": ["pen", "pot", "pen", "cup"],
        ...     "paid": [5.0, 7.5, 4.0, 20.0],
        ... }
        >>> log = EventLog.from_frame(events, customer="who", time="when", item="what", value="paid")
        >>> train = log.snapshot("2024-01-07").sequences(3)
        >>> train.days_before
        array([[0., 5., 2.],
               [0., 0., 1.]], dtype=float32)
        >>> train.item, train.levels["item"]
        (array([[0, 2, 3],
               [0, 0, 1]], dtype=int32), array(['cup', 'pen', 'pot'], dtype='<U3'))
        >>> log.snapshot("2024-01-09")[:1].sequences(2, levels=train.levels).item
        array([[3, 2]], dtype=int32)
        """
        return sequences(self, length, columns, kinds, pad, levels)

    # -- what came after -------------------------------------------------------------------------

    def _label_window(self, horizon: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        own = self.window.horizon
        if own is None:
            raise ParameterError(
                "These rows have no label window. Pass horizon= where they are made, for example "
                "log.snapshots(dates, horizon='90D')."
            )
        if horizon is not None and to_microseconds(horizon, "horizon") != own:
            raise ParameterError(
                f"horizon={horizon!r} differs from that of the rows ({duration_name(own)}), by which they are split "
                "and purged. Make the rows with this horizon instead."
            )
        begins = self.as_of_us + self.window.gap
        return begins, begins + own

    def _first(
        self, counted: NDArray[np.int8], begins: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        found = np.empty(len(self), dtype=np.int64)
        time = self.log._store.time
        counted, begins, ends = read_only(counted), read_only(begins), read_only(ends)
        run_in_ranges(
            first_in_window, len(self), self.codes, self.pointers, self.stop, time, counted, begins, ends, found
        )
        return found

    def _counted(self, kinds: Any) -> NDArray[np.int8]:
        """1 for the events of some kinds, whatever their money; purchases by default."""
        return self.log.roles() if kinds is None else events_of_kinds(self.log._store.kind, kinds).astype(np.int8)

    def churned(self, horizon: Any = None) -> NDArray[np.int64]:
        """1 where the customer buys nothing in the label window, else 0.

        Silence, for shops: a customer may come back later. For contracts that end, see `happens`.

        Parameters
        ----------
        horizon : duration, default=None
            If given, it must be that of the rows.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        return 1 - self.happens(horizon=horizon)

    def happens(self, kinds: Any = None, horizon: Any = None) -> NDArray[np.int64]:
        """1 where at least one event of some kinds lies in the label window, else 0.

        Parameters
        ----------
        kinds : str or list, default=None
            For example ``"cancel"``; purchases if None.
        horizon : duration, default=None
            If given, it must be that of the rows.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        found = self._first(self._counted(kinds), *self._label_window(horizon))
        return (found >= 0).astype(np.int64)

    def future_purchases(
        self, horizon: Any = None, *, collapse: str | None = "D", kinds: Any = None
    ) -> NDArray[np.int64]:
        """Number of purchase periods in the label window.

        Parameters
        ----------
        horizon : duration, default=None
            If given, it must be that of the rows.
        collapse : {"D", "W", "order", None}, default="D"
            Days or weeks counted from the beginning of the window, orders that begin in it, or instants.
        kinds : str or list, default=None
            Kinds of events that count instead of purchases.

        Returns
        -------
        ndarray of int64, shape (n,)
        """
        check_option("collapse", collapse, ("D", "W", "order", None), "Snapshots.future_purchases")
        begins, ends = self._label_window(horizon)
        store = self.log._store
        first = np.empty(0, dtype=np.int64)
        length = 1 if collapse in (None, "order") else TIME_UNITS[str(collapse)]
        if collapse == "order":
            if store.order is None:
                raise ParameterError("collapse='order', but the log has no orders. Name their column in from_frame.")
            first = store.first_lines(kinds, self.log.roles(kinds))
        out = np.empty(len(self), dtype=np.int64)
        roles = self.log.roles(kinds)
        shared = (self.codes, self.pointers, self.stop, store.time)
        run_in_ranges(count_periods, len(self), *shared, roles, first, begins, ends, length, out)
        return out

    def future_value(self, horizon: Any = None, *, kinds: Any = None) -> NDArray[np.float64]:
        """Money of the label window: purchases and refunds, each at its own time.

        Parameters
        ----------
        horizon : duration, default=None
            If given, it must be that of the rows.
        kinds : str or list, default=None
            Kinds of events that count instead of purchases.

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        begins, ends = self._label_window(horizon)
        store = self.log._store
        if not store.has_money:
            raise ParameterError("The log has no money. Name value=, or price= and quantity=, in from_frame.")
        out = np.empty(len(self), dtype=np.float64)
        roles = self.log.roles(kinds)
        shared = (self.codes, self.pointers, self.stop, store.time, store.cents, store.money)
        run_in_ranges(sum_money, len(self), *shared, roles, begins, ends, out)
        return out

    def future_items(self, horizon: Any = None, *, kinds: Any = None) -> ItemTargets:
        """What is bought in the label window, by item.

        Parameters
        ----------
        horizon : duration, default=None
            If given, it must be that of the rows.
        kinds : str or list, default=None
            Kinds of events that count instead of purchases.

        Returns
        -------
        ItemTargets, shape (n,)
        """
        begins, ends = self._label_window(horizon)
        rights = self.pointers[self.codes + 1]
        matrix = item_matrix(self, self.stop, rights, begins, ends, interaction="count", kinds=kinds)
        return ItemTargets(matrix, self.log.items)

    def time_to_next(self, kinds: Any = None, *, time_unit: str = "W") -> Any:
        """Time from as_of to the next event, as survival models take it.

        Parameters
        ----------
        kinds : str or list, default=None
            Purchases if None.
        time_unit : {"D", "W", "M", "Y"}, default="W"
            Unit of `duration`.

        Returns
        -------
        frame of n rows
            ``duration``, and ``observed``: 0 where the log ends first, at `observed_until`.
        """
        unit = time_unit_microseconds(time_unit)
        ends = np.full(len(self), self.log._end)
        found = self._first(self._counted(kinds), self.as_of_us, ends)
        time = self.log._store.time
        at = np.where(found >= 0, time[np.maximum(found, 0)] if len(time) else 0, self.log._end)
        return self.make_frame({"duration": (at - self.as_of_us) / unit, "observed": (found >= 0).astype(np.int64)})


def latest_rows(X: Snapshots) -> NDArray[np.int64]:
    """Positions of each customer's latest row, in the order of X.

    Models of customers learn from these rows alone: the earlier ones tell the same history again.

    Parameters
    ----------
    X : Snapshots
        Rows; of two with the same customer and as_of, the later one in X is taken.

    Returns
    -------
    ndarray of int64
        Ascending.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> orders = {"who": [7, 7, 9], "when": ["2024-01-02", "2024-02-01", "2024-02-03"]}
    >>> log = EventLog.from_frame(orders, customer="who", time="when")
    >>> latest_rows(log.snapshots(["2024-01-15", "2024-02-04"]))
    array([1, 2])
    """
    order = np.lexsort((np.arange(len(X)), X.as_of_us, X.codes))
    codes = X.codes[order]
    last = np.append(codes[1:] != codes[:-1], True) if len(codes) else np.zeros(0, dtype=bool)
    return np.sort(order[last])
