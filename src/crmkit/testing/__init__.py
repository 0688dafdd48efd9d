"""Testing: what crmkit tests itself with, for estimators and rooms of your own.

`estimator_checks` yields the checks that an estimator must pass beside scikit-learn's own, on
snapshots, tables, points in the order of time or long frames of series: above all that it cannot see
the future. `event_frames`, `logs` and `snapshots`
are Hypothesis strategies that draw small, nasty inputs. `all_estimators` lists what crmkit has.
"""

from __future__ import annotations

from crmkit.testing._checks import (
    check_batch_independent,
    check_containers,
    check_event_order,
    check_feature_names,
    check_future_blind,
    check_no_mutation,
    check_one_customer_log,
    check_other_input,
    check_parameters,
    check_pickle,
    check_read_only,
    check_row_order,
    check_row_preserving,
    check_threads,
)
from crmkit.testing._estimators import all_estimators
from crmkit.testing._families import check_snapshot_estimator, estimator_checks
from crmkit.testing._forecast_checks import (
    check_column_names,
    check_frame_order,
    check_history,
    check_later_values,
    check_neighbours,
    check_steps,
)
from crmkit.testing._point_checks import check_later_points, check_missing_points
from crmkit.testing._sameness import assert_identical
from crmkit.testing._strategies import event_frames, logs, snapshots

__all__ = [
    "all_estimators",
    "assert_identical",
    "check_batch_independent",
    "check_column_names",
    "check_containers",
    "check_event_order",
    "check_feature_names",
    "check_frame_order",
    "check_future_blind",
    "check_history",
    "check_later_points",
    "check_later_values",
    "check_missing_points",
    "check_neighbours",
    "check_no_mutation",
    "check_one_customer_log",
    "check_other_input",
    "check_parameters",
    "check_pickle",
    "check_read_only",
    "check_row_order",
    "check_row_preserving",
    "check_snapshot_estimator",
    "check_steps",
    "check_threads",
    "estimator_checks",
    "event_frames",
    "logs",
    "snapshots",
]
