"""Recommenders that remember who bought what, and so can learn what came since."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, vstack

from crmkit._durations import to_microseconds
from crmkit._frames import lookup_ids
from crmkit._validation import all_or_nothing
from crmkit.events import Snapshots, latest_rows
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.recommend._histories import (
    Histories,
    canonical,
    check_same_items,
    columns_taken,
    first_sold,
    moved,
    with_columns,
    with_rows,
)
from crmkit.recommend._recommender import Recommender

#: Smallest share of an interaction that decay leaves, as in `Snapshots.interactions`.
FAINTEST = 1e-300


class IncrementalRecommender(Recommender):
    """Base of the recommenders that learn from customers × items alone: not to be used itself."""

    def partial_fit(self, X: Any, y: object = None) -> Self:
        """Learn what came since: the model becomes that of one fit on everything.

        Parameters
        ----------
        X : Snapshots, or sparse matrix or array of shape (n_new_customers, n_items)
            Of snapshots each customer's latest row: the events since that customer's last as_of join
            those that the model remembers, and new customers and items are added. So the log may be one
            to which new events were appended, or hold these alone. The rows of a matrix are new customers.
            For money pass rows of all who have events, ``log.snapshot(min_events=0, customers=log.customers)``:
            a refund alone is no purchase.
        y : object, default=None
            Ignored.

        Returns
        -------
        self

        Raises
        ------
        crmkit.exceptions.ParameterError
            If a customer's as_of is not after the one up to which the model knows that customer; if
            `interaction` or `halflife` was changed since.
        ValueError
            If X is a matrix with another number of items, or missing or infinite cells.

        Warns
        -----
        crmkit.exceptions.CrmkitWarning
            If the log has other events than those learnt before a customer's last as_of: late ones are
            not learnt.

        Notes
        -----
        Without `halflife`, counts and ones give exactly what one fit gives. With it, what is remembered
        is decayed to the new as_of of its customer, which differs by rounding; a customer who is not in
        X stays as of then. Everything is learnt anew from what is remembered, so the time is that of
        a fit, less the reading of the events.
        """
        if not hasattr(self, "items_"):
            return self.fit(X, y)
        self._validate_params()
        if self._reading() != self._learnt_by:
            raise ParameterError(
                f"interaction or halflife of {type(self).__name__} was changed from {self._learnt_by} to "
                f"{self._reading()} after fit: what is remembered cannot be converted. Call fit."
            )
        with all_or_nothing(self):
            if self._on_snapshots and isinstance(X, Snapshots):
                self._adopt(self._with_events(X))
            else:
                self._adopt(self._with_rows(X))
        return self

    def _adopt(self, seen: Histories) -> None:
        matrix = seen.matrix
        # The caller may change or free the arrays; ones of a byte are our own.
        data = matrix.data if matrix.data.dtype == np.int8 else matrix.data.copy()
        known = csr_matrix((data, matrix.indices.copy(), matrix.indptr.copy()), matrix.shape)
        known.has_canonical_format = True
        if seen.rows is not None:
            self._n_events = seen.rows.stop - seen.rows.start
        self._known = replace(seen, matrix=known, rows=None, purchases=None)
        self._learnt_by = self._reading()
        super()._adopt(seen)

    def _with_rows(self, X: Any) -> Histories:
        """What is known, and new customers beneath it."""
        new, known = self._read(X).matrix, self._known.matrix
        matrix = vstack([known, new], format="csr", dtype=known.dtype)
        return replace(self._known, matrix=canonical(matrix, binary=known.dtype == np.int8))

    def _with_events(self, X: Snapshots) -> Histories:
        """What is known, and what rows have done since."""
        rows = X[latest_rows(X)]
        rows = rows[np.argsort(rows.customer_id, kind="stable")]
        known = self._known
        customers, as_of = self._customers()
        place = lookup_ids(rows.customer_id, customers, "X", same_sort=True)
        since = np.where(place >= 0, as_of[place], np.datetime64("NaT", "us"))
        self._refuse_the_past(rows, since)
        interaction, halflife = self._learnt_by
        binary = known.matrix.dtype == np.int8
        bought = rows.interactions(interaction, halflife, since=since)  # type: ignore[arg-type]  # fit checked it
        new = canonical(bought, binary=binary)
        check_same_items(rows.log.items, known.items)
        items = np.union1d(known.items, rows.log.items[columns_taken(new)])
        places = lookup_ids(rows.log.items, items, "X")
        new = with_columns(new, places, len(items))
        everybody = np.union1d(customers, rows.customer_id)
        old_rows, new_rows = (np.searchsorted(everybody, ids) for ids in (customers, rows.customer_id))
        self._count_events(rows, since, place, old_rows, new_rows)
        latest = np.empty(len(everybody), dtype="M8[us]")
        latest[old_rows] = as_of
        latest[new_rows] = rows.as_of
        old_places = lookup_ids(known.items, items, "X")
        old = with_columns(known.matrix, old_places, len(items))
        first_sale = moved(first_sold(rows), places, len(items))
        if known.since is not None:
            first_sale = np.minimum(first_sale, moved(known.since, old_places, len(items)))
        if halflife is not None:
            age = (latest[old_rows] - as_of).view(np.int64) / to_microseconds(halflife, "halflife")
            faded = old.data * np.repeat(0.5**age, np.diff(old.indptr))
            # As in Snapshots.interactions: however old, a purchase is one.
            old.data = np.copysign(np.maximum(np.abs(faded), FAINTEST), old.data)
        old, new = with_rows(old, old_rows, len(everybody)), with_rows(new, new_rows, len(everybody))
        matrix = canonical(old.maximum(new) if interaction == "binary" else _sum(old, new), binary=binary)
        merged = Histories(matrix, items, everybody, latest, since=first_sale)
        self.fitted_on_ = (X.log.fingerprint, (latest.min(), latest.max()))
        # Money that was given back is nothing, and an item that only it was paid for is gone.
        return merged.of_items(items[columns_taken(matrix)])

    def _count_events(
        self,
        rows: Snapshots,
        since: NDArray[np.datetime64],
        place: NDArray[np.int64],
        old_rows: NDArray[np.int64],
        new_rows: NDArray[np.int64],
    ) -> None:
        """Count what each customer's history holds by now, and warn where its past is not what was learnt."""
        before = np.zeros(len(rows), dtype=np.int64)
        known = place >= 0
        keys = {"customer": rows.customer_id[known], "as_of": since[known]}
        past = rows.log.snapshots_at(keys, customer="customer", as_of="as_of")
        before[known] = past.stop - past.start
        # A log of new events alone holds nothing of the past.
        changed = (before[known] > 0) & (before[known] != self._n_events[place[known]])
        if changed.any():
            warnings.warn(
                f"The log has other events before their last as_of than {type(self).__name__} has learnt for "
                f"{changed.sum():,} of {len(rows):,} customers: events that came late, or were taken out. partial_fit "
                "learns only what came since; call fit to learn these too.",
                CrmkitWarning,
                stacklevel=4,
            )
        counts = np.zeros(max(old_rows.max(initial=-1), new_rows.max(initial=-1)) + 1, dtype=np.int64)
        counts[old_rows] = self._n_events
        counts[new_rows] += rows.stop - rows.start - before
        self._n_events = counts

    def _customers(self) -> tuple[NDArray[Any], NDArray[np.datetime64]]:
        if self._known.customers is None or self._known.as_of is None:
            raise ParameterError(f"{type(self).__name__} remembers no customers. Call fit.")
        return self._known.customers, self._known.as_of

    def _refuse_the_past(self, rows: Snapshots, since: NDArray[np.datetime64]) -> None:
        back = rows.as_of <= since
        if back.any():
            at = int(back.argmax())
            raise ParameterError(
                f"X overlaps what {type(self).__name__} has learnt: {back.sum():,} of {len(rows):,} customers are "
                f"known up to their as_of in X or beyond it; the first up to {since[at]}, and X says {rows.as_of[at]}. "
                "Pass rows with a later as_of, or call fit to start anew."
            )


def _sum(old: csr_matrix, new: csr_matrix) -> csr_matrix:
    """Old and new values, as exact as those of one fit: whole numbers are, and so are whole cents."""
    total = csr_matrix(old + new)
    if _whole_cents(old.data) and _whole_cents(new.data):
        total.data = np.rint(total.data * 100.0) / 100.0
    return total


def _whole_cents(values: Any) -> bool:
    return bool(np.all(np.rint(values * 100.0) / 100.0 == values))
