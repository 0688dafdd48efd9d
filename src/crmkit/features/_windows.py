"""What happened in the windows of time before each row's as_of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import output_container
from crmkit._durations import to_microseconds
from crmkit._frames import make_frame, row_index
from crmkit._validation import parameter_error, threads_of
from crmkit.events import EventLog, Snapshots
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.features._base import SnapshotTransformer
from crmkit.features._window_columns import kinds_seen, sources_of
from crmkit.features._window_statistics import OWNER, Window, make_plan, read_windows
from crmkit.features._window_sweep import describe


class WindowAggregator(SnapshotTransformer):
    """What happened in windows of time before each row's as_of: counts, sums, gaps, sessions, trends.

    It takes `Snapshots` and gives one row for each of theirs, one column for each statistic of each
    window. Windows are half-open: ``"90D"`` is ``[as_of - 90 days, as_of)``, so that an event at as_of
    is never seen and one exactly 90 days before is.

    Parameters
    ----------
    windows : sequence, or mapping of window to statistics, default=("30D", "90D", "365D")
        A window is a duration; a pair such as ``("365D", "335D")``, for ``[as_of - 365 days, as_of -
        335 days)``: the same month last year; or ``"all"``, the whole history. A mapping gives each
        window its own statistics.
    statistics : str or sequence of str, default=("count", "sum", "mean", "max", "last", \
            "days_since_last", "trend")
        See Notes. Not looked at where `windows` is a mapping.
    by_kind : bool, default=False
        Whether each kind of event has columns of its own, beside those of all events.
    columns : sequence of str, default=None
        What is described beside the events themselves: ``"money"``, ``"price"``, ``"quantity"``,
        ``"items"``, and the names of further columns of the log. All that there are if None.
    kinds : str or list, default=None
        Only events of these kinds are seen; all kinds if None, not purchases alone.
    session_gap : duration, default="30min"
        An event this long or longer after the one before begins a new session.
    n_jobs : int, default=None
        Number of threads, which changes no bit of the result. None means 1 unless joblib's context
        says otherwise, -1 means all cores.

    Attributes
    ----------
    kinds_ : ndarray
        The kinds with columns of their own, sorted: with ``by_kind=True`` those in `kinds`, or else
        those of the events that some row of `fit` sees.
    columns_ : list of str
        What is described beside the events.
    fitted_on_ : tuple
        ``(fingerprint, (first, last))``: the hash of the log, and the first and last as_of.

    See Also
    --------
    RFMTransformer : Recency, frequency and money of purchases over the whole history.

    Notes
    -----
    Columns are named ``{statistic}_{what}[_{kind}]_{window}``: ``count_events_90D``,
    ``sum_money_order_90D``, ``distinct_items_365D_335D``. Times are days, minutes in session_length.

    Of events, each line of an order being one:
        count; days (distinct days, counted back from as_of); orders (whose first purchase lies in the
        window); days_since_first and days_since_last; mean_gap and std_gap (between distinct instants);
        regularity, ``1 / (1 + (std_gap / mean_gap)**2)``: 1 for clockwork, .5 for random times;
        trend; share; sessions, session_length (mean, first to last event) and session_depth (mean
        number of events), where a session ends at the edge of the window.
    Of money and other columns of numbers:
        sum, mean, min, max, std, first, last, trend, share. A refund is money at its own time. Missing
        numbers are passed over; flags are 0 and 1.
    Of items and columns of categories:
        distinct.

    trend is the recent half of the window less the earlier half, over the sum of their sizes: from -1
    to 1. The history is halved between the first event of the kind and as_of. share is the part that a kind has
    of all events, or of their sum. std and std_gap divide by n - 1. A window is named by its days, hours or
    minutes: ``"12W"`` makes ``count_events_84D``. With `kinds` names do not say which: give each aggregator of
    a union windows of its own, or take ``by_kind=True``.

    In a window without events count, days, orders, sessions, distinct and sum are 0. All else is NaN
    where it is not defined: mean_gap of one instant, std of one number, trend and share of nothing.
    Nothing is learnt but names, so a kind that comes later counts in the columns of all events only.

    Sums are exact: in cents while all amounts of the window are whole cents, else in floats whose
    rounding errors are added up too.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.features import WindowAggregator
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> X = log.snapshot("1997-10-01", customers=[4, 18, 21])
    >>> WindowAggregator(["90D", "all"], ["count", "sum", "days_since_last"]).fit_transform(X).T
    customer_id                        4          18         21
    as_of                      1997-10-01 1997-10-01 1997-10-01
    count_events_90D                 1.00       0.00       0.00
    sum_money_90D                   14.96       0.00       0.00
    days_since_last_events_90D      60.00        NaN        NaN
    count_events_all                 3.00       1.00       2.00
    sum_money_all                   74.02      14.96      75.11
    days_since_last_events_all      60.00     270.00     261.00
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        "by_kind": ["boolean"],
        "columns": [None, list, tuple],
        "kinds": [None, str, Integral, list, tuple],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        windows: Sequence[Any] | Mapping[Any, Any] = ("30D", "90D", "365D"),
        statistics: str | Sequence[str] = ("count", "sum", "mean", "max", "last", "days_since_last", "trend"),
        *,
        by_kind: bool = False,
        columns: Sequence[str] | None = None,
        kinds: Any = None,
        session_gap: Any = "30min",
        n_jobs: int | None = None,
    ) -> None:
        self.windows = windows
        self.statistics = statistics
        self.by_kind = by_kind
        self.columns = columns
        self.kinds = kinds
        self.session_gap = session_gap
        self.n_jobs = n_jobs

    def fit(self, X: Snapshots, y: object = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Learn the names of the columns: of what the log holds, and of the kinds that the rows see.

        Parameters
        ----------
        X : Snapshots of n rows
        y : object, default=None
            Ignored.

        Returns
        -------
        WindowAggregator

        Raises
        ------
        ParameterError, ColumnNotFoundError
            A parameter is not allowed, or asks for what the log does not have.
        """
        self._validate_params()
        windows = read_windows(self.windows, self.statistics)
        to_microseconds(self.session_gap, "session_gap")
        threads_of(self.n_jobs)  # refuses what is no number of threads
        X = self._rows(X)
        kinds = self._kinds(X)
        numbers, labels = self._sources(X.log)
        self._check_possible(windows, X.log, labels)
        plan = make_plan(windows, numbers, labels, kinds)
        if not plan.names:
            raise ParameterError(
                f"statistics={self.statistics!r} give no column: the log, columns= and the kinds seen hold nothing "
                "that they describe. Add 'count', or name value= or columns= in from_frame."
            )
        self._plan = plan
        self.kinds_ = kinds
        self.columns_ = [*numbers, *labels]
        self.fitted_on_ = (X.log.fingerprint, (X.as_of.min(), X.as_of.max()) if len(X) else (None, None))
        return self

    def transform(self, X: Snapshots) -> Any:
        """Describe the windows of each row.

        Parameters
        ----------
        X : Snapshots of n rows
            Of the log of `fit`, or of any other that has its columns.

        Returns
        -------
        frame of n rows
            polars if the log was built from polars, else pandas with the index (customer_id, as_of);
            or what `set_output` asks for. All columns are float64.
        """
        return self._table(X, self._values(X))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002  likewise
        """Give the names of the columns.

        Parameters
        ----------
        input_features : object, default=None
            Ignored: the columns do not depend on any input names.

        Returns
        -------
        ndarray of str objects
        """
        check_is_fitted(self)
        return np.array(self._plan.names, dtype=object)

    def _values(self, X: Snapshots) -> NDArray[np.float64]:
        check_is_fitted(self)
        X = self._rows(X)
        there = sources_of(X.log)
        for name in self.columns_:
            if name not in there.numbers + there.labels:
                raise ColumnNotFoundError.from_name("columns", name, [*there.numbers, *there.labels])
        if (self.kinds is not None or len(self.kinds_)) and X.log._store.kind is None:
            raise ParameterError(
                f"{OWNER} was fitted by kinds, and this log has none. Name their column in from_frame."
            )
        self._check_possible(read_windows(self.windows, self.statistics), X.log, self.columns_)
        gap = to_microseconds(self.session_gap, "session_gap")
        return describe(X, self._plan, self._all_kinds(), self.kinds_, gap, threads_of(self.n_jobs))

    def _columns(self, X: Snapshots) -> dict[str, Any]:
        return dict(zip(self._plan.names, self._values(X), strict=True))

    def _all_kinds(self) -> list[Any] | None:
        if self.kinds is None:
            return None
        return list(self.kinds) if isinstance(self.kinds, list | tuple) else [self.kinds]

    def _kinds(self, X: Snapshots) -> NDArray[Any]:
        """The kinds that have columns of their own."""
        chosen = self._all_kinds()
        if (chosen is not None or self.by_kind) and X.log._store.kind is None:
            name = "by_kind=True" if self.by_kind else f"kinds={self.kinds!r}"
            raise ParameterError(f"{name}, but the log has no kinds. Name their column as kind= in from_frame.")
        if chosen is not None:
            if not chosen or not all(isinstance(kind, str | Integral) for kind in chosen):
                raise parameter_error("kinds", self.kinds, "None, or the names of one or several kinds", OWNER)
            if len(X.log.kinds) and not np.isin(np.array(chosen).astype(str), X.log.kinds.astype(str)).any():
                there = ", ".join(map(repr, X.log.kinds.tolist()[:20]))
                raise ParameterError(f"kinds={self.kinds!r}, but the log has no such events. Its kinds are {there}.")
            chosen = sorted(set(chosen), key=str)
        if not self.by_kind:
            return np.empty(0, dtype="<U1")
        return kinds_seen(X) if chosen is None else np.array(chosen)

    def _sources(self, log: EventLog) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The columns that are described: numbers, and labels."""
        found = sources_of(log)
        if self.columns is None:
            return found.numbers, found.labels
        there = [*found.numbers, *found.labels]
        for name in self.columns:
            if name not in there:
                raise ColumnNotFoundError.from_name("columns", name, there)
        wanted = dict.fromkeys(self.columns)
        return (
            tuple(name for name in wanted if name in found.numbers),
            tuple(name for name in wanted if name in found.labels),
        )

    def _check_possible(self, windows: tuple[Window, ...], log: EventLog, labels: Sequence[str]) -> None:
        """Refuse statistics that the log, or the other parameters, cannot give."""
        holder = "the log holds" if self.columns is None else f"columns={self.columns!r} names"
        needs = {
            "orders": (log._store.order is not None, "the log has no orders. Name their column in from_frame"),
            "distinct": (bool(labels), f"{holder} neither items nor a column of categories. Name one"),
            "share": (self.by_kind, "shares are those of kinds of events. Pass by_kind=True"),
        }
        for name in dict.fromkeys(name for window in windows for name in window.statistics):
            possible, why = needs.get(name, (True, ""))
            if not possible:
                raise ParameterError(f"statistics={name!r}, but {why}, or leave the statistic out.")

    def _table(self, X: Snapshots, values: NDArray[np.float64]) -> Any:
        container = output_container(self)
        if container == "polars" or (container == "default" and X.log.backend == "polars"):
            return make_frame(dict(zip(self._plan.names, values, strict=True)), "polars")
        # One block of columns, as they lie in memory.
        index = row_index(X.customers, X.codes, X.as_of_us)
        return pd.DataFrame(values.T, columns=list(self._plan.names), index=index, copy=False)
