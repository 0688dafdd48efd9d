"""Features: what a row of a log says about its customer, as a table that any estimator takes.

`RFMTransformer` gives recency, frequency and money, their scores, and named segments. The names come
from a `SegmentTable` of `SegmentRule` lines: `RFM_SEGMENTS` and `RFM_CLASSES` are shipped, any other
can take their place. `InterPurchaseFeatures` gives the times between purchases: their mean and spread,
how regular they are, and how overdue the next purchase is. `WindowAggregator` describes what happened in
windows of time before as_of, of every kind.
"""

from __future__ import annotations

from crmkit.features._inter_purchase import InterPurchaseFeatures
from crmkit.features._rfm import RFMTransformer
from crmkit.features._segments import RFM_CLASSES, RFM_SEGMENTS, SegmentRule, SegmentTable
from crmkit.features._windows import WindowAggregator

__all__ = [
    "RFM_CLASSES",
    "RFM_SEGMENTS",
    "InterPurchaseFeatures",
    "RFMTransformer",
    "SegmentRule",
    "SegmentTable",
    "WindowAggregator",
]
