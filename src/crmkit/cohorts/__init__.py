"""Cohorts: customers by the period in which they came, and what became of them.

`cohort_table` counts each cohort's customers, purchases or money by age, `retention_curve` pools the
cohorts, and `period_table` goes by the calendar: who is active, new, returning and lost in each
period. `loyalty` measures single customers. An age that nobody has lived is missing, never zero, and
a period that the log sees only the beginning of is marked, since its silence says nothing yet.
"""

from __future__ import annotations

from crmkit.cohorts._loyalty import loyalty
from crmkit.cohorts._period_table import period_table
from crmkit.cohorts._retention import retention_curve
from crmkit.cohorts._table import cohort_table

__all__ = ["cohort_table", "loyalty", "period_table", "retention_curve"]
