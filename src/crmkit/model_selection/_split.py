"""Splits in time order that read as_of, customer and label window from the rows."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from inspect import signature
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator

from crmkit._compat import num_samples, safe_indexing
from crmkit._durations import duration_name, instant_name, to_microseconds
from crmkit._frames import instant
from crmkit._validation import check_int, check_option
from crmkit.events import Snapshots
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.model_selection._groups import customer_groups

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Fold:
    """One fold of a `TemporalSplit`: which rows are used for what, and when.

    Attributes
    ----------
    number : int
        Counted from 0, the earliest test block.
    split_time : numpy.datetime64
        The first as_of of the test block. Labels of training rows are complete by then.
    last_time : numpy.datetime64
        The last as_of of the test block.
    train, test : ndarray of int
        Positions of rows, ascending.
    purged : ndarray of int
        Earlier rows that would be trained on if their label were complete by `split_time`.
    """

    number: int
    split_time: np.datetime64
    last_time: np.datetime64
    train: Rows
    test: Rows
    purged: Rows


class TemporalSplit(BaseCrossValidator):
    """Train on the past, test on what came later; labels that reach past the split are left out.

    A splitter for `crmkit.events.Snapshots`, in every place where scikit-learn takes ``cv=``. It reads
    as_of, customer and label window from the rows it is given, slices within nested searches
    included, so that no ``groups=`` is needed and the splitter cannot disagree with the labels.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, from the earliest test block to the latest.
    test_span : duration, default=None
        None: each fold tests the rows of one as_of, and the folds are the latest `n_splits` of them.
        A duration such as ``"90D"``: each fold tests a block of that length, walking back from the
        latest as_of; see Notes. Give it for rows with times of their own (`EventLog.snapshots_at`).
    max_train_span : duration, default=None
        Train only on rows with an as_of in this stretch before the split time: a rolling window. None
        trains on everything earlier: an expanding window.
    purge : {"label", None}, default="label"
        ``"label"``: training rows are those whose label is known at the split time,
        ``as_of + gap + horizon <= split time``. None: rows with ``as_of < split time``; only for models
        that learn from no label.
    customers : {"overlap", "disjoint"}, default="overlap"
        Whether a customer may be trained on, at an earlier date, and tested. ``"disjoint"``: customers
        fall into groups by a hash of their id; fold i tests the rows of group ``i % n_customer_groups``
        in its block and trains on the earlier rows of the other groups.
    n_customer_groups : int, default=5
        Number of groups of ``customers="disjoint"``; each test block keeps about one row in so many.
    random_state : int, default=None
        Shifts the hash of ``customers="disjoint"``, for other groups. The same value, None included,
        gives the same groups on every machine.

    Raises
    ------
    ParameterError
        When it splits: if X are not Snapshots, have no label window to purge by, have too few as_ofs,
        or if a fold has no training or no test rows. The message names the fold and the remedy.

    See Also
    --------
    backtest : The table of predictions, scores and a baseline over such folds.
    temporal_train_test_split : One such split of arrays.
    crmkit.plotting.TemporalSplitDisplay : Draws the folds.
    sklearn.model_selection.TimeSeriesSplit : Counts rows instead of reading times, and purges nothing.

    Notes
    -----
    The split time s of a fold is the first as_of of its test block. A test row's label begins at or
    after its as_of, hence at or after s; a training row's label ends at or before s. So no label of a
    training row overlaps one of a test row, and nothing is learnt that was not known at s.

    With `test_span` the block j steps back from the end holds the as_ofs in
    ``(last - (j + 1) * test_span, last - j * test_span]``, where last is the latest as_of of X: every
    as_of belongs to one block, and the latest is tested.

    ``customers="overlap"`` answers "how well would last quarter's model have done on our customers";
    ``"disjoint"`` asks in addition how it does on customers it has never seen. In a slice that lacks
    some groups, such as the training part of an outer split, folds go round the groups that are there.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.model_selection import TemporalSplit
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> X = log.snapshots(pd.date_range("1997-04-01", "1998-04-01", freq="MS"), horizon="90D")
    >>> for fold in TemporalSplit(n_splits=3).folds(X):
    ...     print(fold.split_time.astype("M8[D]"), len(fold.train), len(fold.purged), len(fold.test))
    1998-02-01 18856 4714 2357
    1998-03-01 21213 4714 2357
    1998-04-01 23570 4714 2357
    """

    # scikit-learn's halving searches refuse a splitter that might differ from call to call, which is
    # what random_state=None would mean to them.
    shuffle = False

    def __init__(
        self,
        n_splits: int = 5,
        *,
        test_span: Any = None,
        max_train_span: Any = None,
        purge: Literal["label"] | None = "label",
        customers: Literal["overlap", "disjoint"] = "overlap",
        n_customer_groups: int = 5,
        random_state: int | None = None,
    ) -> None:
        owner = type(self).__name__
        self.n_splits = check_int("n_splits", n_splits, owner, low=1)
        for name, span in (("test_span", test_span), ("max_train_span", max_train_span)):
            if span is not None:
                to_microseconds(span, name)
        self.test_span = test_span
        self.max_train_span = max_train_span
        self.purge = check_option("purge", purge, ("label", None), owner)
        self.customers = check_option("customers", customers, ("overlap", "disjoint"), owner)
        self.n_customer_groups = check_int("n_customer_groups", n_customer_groups, owner, low=2)
        if random_state is not None:
            check_int("random_state", random_state, owner, low=0)
        self.random_state = random_state

    def __repr__(self) -> str:
        """Show what differs from the defaults, on one line: it stands in errors too."""
        parameters = list(signature(type(self)).parameters.values())
        changed = [p.name for p in parameters if p.name == "n_splits" or getattr(self, p.name) != p.default]
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in changed)})"

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002  not used
        """Return the number of folds.

        Parameters
        ----------
        X, y, groups : object, default=None
            Not used; here because scikit-learn passes them.

        Returns
        -------
        int
        """
        return self.n_splits

    def split(
        self,
        X: Snapshots,
        y: Any = None,  # noqa: ARG002  scikit-learn's signature
        groups: Any = None,
    ) -> Iterator[tuple[Rows, Rows]]:
        """Yield the positions of the training and test rows of each fold, the earliest first.

        Parameters
        ----------
        X : Snapshots of n rows
        y : object, default=None
            Not used.
        groups : object, default=None
            Not used, and a warning if given: customers are read from X.

        Yields
        ------
        train, test : ndarray of int
        """
        if groups is not None:
            warnings.warn(
                "groups is ignored: TemporalSplit reads the customers from X. For folds that share no customer, pass "
                "customers='disjoint' to it.",
                CrmkitWarning,
                stacklevel=2,
            )
        for fold in self.folds(X):
            yield fold.train, fold.test

    def folds(self, X: Snapshots) -> list[Fold]:
        """Return the folds with their times, and the rows that are purged.

        Parameters
        ----------
        X : Snapshots of n rows

        Returns
        -------
        list of Fold
            The earliest first.
        """
        check_rows(X, "X", type(self).__name__)
        known = _label_known(X, self.purge)
        blocks, groups = self._blocks(X.as_of_us), self._groups(X)
        return [self._fold(X, known, groups, blocks, number) for number in range(self.n_splits)]

    def _groups(self, X: Snapshots) -> NDArray[np.int64] | None:
        """Return the group of each row's customer, counted among the groups that are there."""
        if self.customers == "overlap":
            return None
        groups = customer_groups(X.customers, X.codes, self.n_customer_groups, self.random_state or 0)
        present = np.bincount(groups, minlength=self.n_customer_groups) > 0
        return (np.cumsum(present) - 1)[groups]

    def _blocks(self, as_of: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Return the first and last as_of of each test block."""
        days = np.unique(as_of)
        if self.test_span is None:
            if len(days) <= self.n_splits:
                raise ParameterError(self._too_few(days))
            return [(int(day), int(day)) for day in days[-self.n_splits :]]
        if not len(days):
            raise ParameterError(self._too_few(days))
        span = to_microseconds(self.test_span, "test_span")
        blocks = []
        for number in range(self.n_splits):
            last = int(days[-1]) - (self.n_splits - 1 - number) * span
            held = days[np.searchsorted(days, last - span, side="right") : np.searchsorted(days, last, side="right")]
            if not len(held):
                raise ParameterError(
                    f"Fold {number} of {self!r} has no test rows: no as_of lies after {instant_name(last - span)} and "
                    f"at or before {instant_name(last)}. X has {_days(days)}. Pass more dates to log.snapshots, a "
                    "longer test_span, or a smaller n_splits."
                )
            blocks.append((int(held[0]), int(held[-1])))
        return blocks

    def _fold(
        self,
        X: Snapshots,
        known: NDArray[np.int64],
        groups: NDArray[np.int64] | None,
        blocks: list[tuple[int, int]],
        number: int,
    ) -> Fold:
        split, last = blocks[number]
        as_of = X.as_of_us
        test = (as_of >= split) & (as_of <= last)
        earlier = as_of < split
        if self.max_train_span is not None:
            earlier &= as_of >= split - to_microseconds(self.max_train_span, "max_train_span")
        if groups is not None:
            own = groups == number % (int(groups.max()) + 1)
            test &= own
            earlier &= ~own
        train = earlier & (known <= split)
        fold = Fold(
            number,
            np.datetime64(split, "us"),
            np.datetime64(last, "us"),
            np.flatnonzero(train),
            np.flatnonzero(test),
            np.flatnonzero(earlier & ~train),
        )
        if not len(fold.test):
            raise ParameterError(
                f"Fold {number} of {self!r} has no test rows: none of its group of customers has a row between "
                f"{instant_name(split)} and {instant_name(last)}. Pass a longer test_span, a smaller "
                "n_customer_groups, or another random_state."
            )
        if not len(fold.train):
            raise ParameterError(self._no_training(fold, X, known, blocks))
        return fold

    def _too_few(self, days: NDArray[np.int64]) -> str:
        remedy = f", or n_splits={len(days) - 1}" if len(days) > 1 else ""
        return (
            f"{self!r} tests the latest {self.n_splits} as_ofs and trains on earlier ones, so it needs at least "
            f"{self.n_splits + 1} of them. X has {_days(days)}. Pass more dates to log.snapshots{remedy}."
        )

    def _no_training(self, fold: Fold, X: Snapshots, known: NDArray[np.int64], blocks: list[tuple[int, int]]) -> str:
        start = f"Fold {fold.number} of {self!r} has no training rows: "
        remedies = ["make rows at earlier dates"]
        if len(fold.purged):
            length = duration_name(X.window.gap + (X.window.horizon or 0))
            start += (
                f"the labels of all {len(fold.purged):,} earlier rows end after its split time "
                f"{instant_name(fold.split_time)}, since they take {length} (gap + horizon) to be complete."
            )
        else:
            start += f"no row that it may use has an as_of before its split time {instant_name(fold.split_time)}."
        usable = sum(split >= known.min() for split, _ in blocks)
        if 0 < usable < self.n_splits:
            remedies.append(f"pass n_splits={usable}")
        if self.max_train_span is not None:
            remedies.append("pass a longer max_train_span")
        if self.customers == "disjoint":
            remedies.append("pass customers='overlap'")
        return f"{start} To mend it, {', or '.join(remedies)}."


def temporal_train_test_split(
    X: Snapshots,
    *arrays: Any,
    split_time: Any = None,
    test_span: Any = None,
    max_train_span: Any = None,
    purge: Literal["label"] | None = "label",
    customers: Literal["overlap", "disjoint"] = "overlap",
    n_customer_groups: int = 5,
    random_state: int | None = None,
) -> list[Any]:
    """Split snapshots, and arrays in their row order, into an earlier and a later part.

    Parameters
    ----------
    X : Snapshots of n rows
    *arrays : array, series, frame or ItemTargets of n rows
        Targets, weights and whatever else goes with the rows.
    split_time : date-like, default=None
        Test rows have an as_of at or after it. None: the test rows are those of the latest as_of, or
        with `test_span` the latest block of that length.
    test_span : duration, default=None
        With `split_time`, how long after it as_ofs are tested (None: to the end).
    max_train_span : duration, default=None
        Train only on rows with an as_of in this stretch before the split time.
    purge : {"label", None}, default="label"
        Whether training rows are only those whose label is complete by the split time.
    customers : {"overlap", "disjoint"}, default="overlap"
        Whether a customer may be in both parts.
    n_customer_groups : int, default=5
        With ``customers="disjoint"``, one group in so many is tested.
    random_state : int, default=None
        Shifts the hash by which customers fall into groups.

    Returns
    -------
    list
        ``X_train, X_test``, then the same for each array.

    Raises
    ------
    ParameterError
        As `TemporalSplit`, or if an array has another length than X.

    See Also
    --------
    TemporalSplit : Several such splits; it says what is purged and why.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.events import EventLog
    >>> from crmkit.model_selection import temporal_train_test_split
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> X = log.snapshots(pd.date_range("1997-04-01", "1998-04-01", freq="MS"), horizon="90D")
    >>> X_train, X_test, y_train, y_test = temporal_train_test_split(X, X.churned(), split_time="1998-01-01")
    >>> X_train
    Snapshots(16,499 rows of 2,357 customers, 1997-04-01 to 1997-10-01, horizon 90D)
    >>> X_test
    Snapshots(9,428 rows of 2,357 customers, 1998-01-01 to 1998-04-01, horizon 90D)
    """
    owner = "temporal_train_test_split"
    check_rows(X, "X", owner)
    for position, array in enumerate(arrays):
        if num_samples(array) != len(X):
            raise ParameterError(
                f"Array {position} of {owner} has {num_samples(array):,} rows, X has {len(X):,}. Pass one value a row."
            )
    splitter = TemporalSplit(
        1,
        test_span=test_span,
        max_train_span=max_train_span,
        purge=purge,
        customers=customers,
        n_customer_groups=n_customer_groups,
        random_state=random_state,
    )
    if split_time is None:
        (fold,) = splitter.folds(X)
    else:
        split = instant(split_time, "split_time", X.log.tz)
        last = int(X.as_of_us.max(initial=split))
        if test_span is not None:
            last = min(last, split + to_microseconds(test_span, "test_span") - 1)
        if not ((X.as_of_us >= split) & (X.as_of_us <= last)).any():
            within = "" if test_span is None else f" and within test_span={test_span!r} of it"
            raise ParameterError(
                f"No as_of lies at or after split_time={split_time!r}{within}. X has {_days(np.unique(X.as_of_us))}."
            )
        fold = splitter._fold(X, _label_known(X, purge), splitter._groups(X), [(split, last)], 0)
    return [safe_indexing(array, rows) for array in (X, *arrays) for rows in (fold.train, fold.test)]


def check_rows(X: object, name: str, owner: str) -> None:
    """Refuse whatever is not Snapshots, and say what to do."""
    if not isinstance(X, Snapshots):
        raise ParameterError(
            f"The {name!r} parameter of {owner} must be Snapshots, which know as_of, customer and label window. Got "
            f"{type(X).__name__} instead. Pass the rows themselves (X = log.snapshots(dates, horizon='90D')) and let "
            "the pipeline compute the features: make_pipeline(RFMTransformer(), estimator)."
        )


def _label_known(X: Snapshots, purge: str | None) -> NDArray[np.int64]:
    """Return when what is learnt from each row is known."""
    if purge is None:
        # A model without labels learns what the row sees: events before as_of.
        return X.as_of_us
    if X.window.horizon is None:
        raise ParameterError(
            "purge='label', but these rows have no label window, so when their labels are complete is not known. Pass "
            "horizon= where they are made, such as log.snapshots(dates, horizon='90D'), or purge=None for a model that "
            "learns from no label."
        )
    return X.as_of_us + (X.window.gap + X.window.horizon)


def _days(days: NDArray[np.int64]) -> str:
    if not len(days):
        return "no rows"
    if len(days) == 1:
        return f"1 as_of, {instant_name(days[0])}"
    return f"{len(days):,} as_ofs from {instant_name(days[0])} to {instant_name(days[-1])}"
