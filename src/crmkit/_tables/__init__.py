"""From what users hand over to the matrix that a learner takes.

A table of any kind, or snapshots and the features read of them, become columns by name (`table_columns`,
`SnapshotFeatures`); columns become numbers (`TableEncoder`),
labels two classes (`two_classes`). For the house alone.
"""

from __future__ import annotations

from crmkit._tables._columns import (
    Columns,
    SnapshotFeatures,
    backend_of,
    is_frame,
    refuse_flat,
    renamed,
    table_columns,
    take,
)
from crmkit._tables._encoding import TableEncoder, refuse_names
from crmkit._tables._labels import label_that_means, two_classes

__all__ = [
    "Columns",
    "SnapshotFeatures",
    "TableEncoder",
    "backend_of",
    "is_frame",
    "label_that_means",
    "refuse_flat",
    "refuse_names",
    "renamed",
    "table_columns",
    "take",
    "two_classes",
]
