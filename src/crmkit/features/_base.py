"""What the transformers of snapshots share: rows in, a frame out."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from crmkit._compat import output_container
from crmkit._frames import make_frame, row_index
from crmkit.events import EventLog, Snapshots
from crmkit.exceptions import ParameterError


class SnapshotTransformer(TransformerMixin, BaseEstimator):
    """A transformer of `Snapshots` into a frame with one row for each of theirs.

    What `transform` puts into the frame is made by ``_columns(X)``, as arrays by name, for those who go on with
    arrays: of one row the frame takes most of the time.
    """

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags

    def _rows(self, X: Any) -> Snapshots:
        """X, if it is Snapshots; else an error that says how to get them."""
        if isinstance(X, Snapshots):
            return X
        name = type(self).__name__
        if isinstance(X, EventLog):
            raise ParameterError(
                f"{name} takes Snapshots, rows of an event log as of some instant. Got the EventLog itself. "
                "Take log.snapshot() for its customers today, or log.snapshots(dates)."
            )
        shape = getattr(X, "shape", None)
        got = type(X).__name__ + (f" of shape {shape}" if isinstance(shape, tuple) else "")
        raise ParameterError(
            f"{name} takes Snapshots, rows of an event log. Got a {got}. Build them from a table with one row per "
            "purchase: EventLog.from_frame(table, customer=..., time=..., value=...).snapshot()."
        )

    def _frame(self, X: Snapshots, columns: dict[str, Any]) -> Any:
        """The columns as the frame that `set_output` asks for, else of the sort that the log was built from."""
        container = output_container(self)
        if container == "polars":
            return make_frame(columns, "polars")
        if container == "pandas":
            return make_frame(columns, "pandas", row_index(X.customers, X.codes, X.as_of_us))
        return X.make_frame(columns)
