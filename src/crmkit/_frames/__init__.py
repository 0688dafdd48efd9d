"""The edge between the caller's data frames and crmkit's columns.

Everything that knows what a pandas, polars or Arrow object is stands in this folder; it is the
only importer of narwhals. ``read_columns`` takes named columns out of a frame, the converters of
`_ids`, `_times` and `_numbers` turn one column into clean numpy arrays, and ``make_frame`` builds
the frame that goes back to the caller.
"""

from crmkit._frames._ids import check_same_sort, factorize, lookup_ids
from crmkit._frames._numbers import Category, extra_column, feature_column, number_column
from crmkit._frames._read import Columns, column_names, read_columns
from crmkit._frames._times import TimeColumn, instant, instants, localize, time_column
from crmkit._frames._write import concat_columns, make_frame, repeat_ids, row_index

__all__ = [
    "Category",
    "Columns",
    "TimeColumn",
    "check_same_sort",
    "column_names",
    "concat_columns",
    "extra_column",
    "factorize",
    "feature_column",
    "instant",
    "instants",
    "localize",
    "lookup_ids",
    "make_frame",
    "number_column",
    "read_columns",
    "repeat_ids",
    "row_index",
    "time_column",
]
