"""Arrays in, number out; and how sure the number is.

Functions here return floats, as scorers need them. `estimate` turns any such function, of crmkit,
of scikit-learn or of your own, into an `Estimate`: the figure with an interval that knows that the
rows of one customer belong together. Nothing here loads scikit-learn.
"""

from __future__ import annotations

from crmkit.metrics._estimate import Estimate
from crmkit.metrics._proportion import proportion
from crmkit.metrics._ranking import lift, normalised_gini
from crmkit.metrics._resampling import estimate

__all__ = ["Estimate", "estimate", "lift", "normalised_gini", "proportion"]
