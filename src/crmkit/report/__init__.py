"""The report: what a log of purchases says about its customers, on one page that can be mailed.

`write_report` takes an event log, `report_file` a CSV or Parquet file. Both write a self-contained
HTML page (what the data hold, RFM segments, cohorts, a back-test in time order beside the rule "most
recent first", what a random split would have promised, what was predicted and came, and what today's
customers will bring; where the log names items, which of them go together and what each customer may take next)
and a table with one row per customer. ``python -m crmkit demo`` and
``python -m crmkit report`` call them.
"""

from __future__ import annotations

from crmkit.report._file import report_file
from crmkit.report._write import Report, write_report

__all__ = ["Report", "report_file", "write_report"]
