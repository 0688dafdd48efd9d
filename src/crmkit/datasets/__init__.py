"""Data to learn, test and measure with: one real data set, and generators that return the truth.

`load_cdnow` reads the purchases on which most purchase models were published. `make_purchases` and
`make_retail` draw event logs of any size, together with what no real log can tell: each customer's
rate, tastes, and the moment of leaving.
"""

from __future__ import annotations

from crmkit.datasets._cdnow import load_cdnow
from crmkit.datasets._purchases import make_purchases
from crmkit.datasets._retail import RetailTruth, make_retail

__all__ = ["RetailTruth", "load_cdnow", "make_purchases", "make_retail"]
