"""The times between a customer's purchases: how long, how regular, and whether the next one is overdue."""

from __future__ import annotations

from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Tags

from crmkit._compat import StrOptions
from crmkit._durations import TIME_UNITS
from crmkit._numba import run_in_ranges
from crmkit.events import Snapshots
from crmkit.exceptions import ParameterError
from crmkit.features._base import SnapshotTransformer
from crmkit.features._inter_purchase_kernels import measure_gaps

COLUMNS: Final = (
    "recency_days",
    "tenure_days",
    "mean_gap_days",
    "std_gap_days",
    "min_gap_days",
    "max_gap_days",
    "last_gap_days",
    "regularity",
    "overdue",
    "gap_trend",
)


class InterPurchaseFeatures(SnapshotTransformer):
    """The times between the purchases of each customer, as ten columns.

    It takes `Snapshots` and gives one row for each of theirs. Thirty days of silence are nothing in
    somebody who buys twice a year and a warning in somebody who buys every week: these columns tell
    the two apart. Nothing is learnt in `fit`.

    Parameters
    ----------
    collapse : {"D", "W", "order", None}, default="D"
        What counts as one purchase: a day or a week counted back from as_of, an order, an instant.
    kinds : str or list, default=None
        Kinds of events that count instead of purchases.

    Attributes
    ----------
    fitted_on_ : tuple
        ``(fingerprint, (first, last))``: the hash of the log, and the first and last as_of; None for
        the instants of no rows.

    See Also
    --------
    RFMTransformer : Recency, frequency and money.
    crmkit.events.Snapshots.summary : ``gaps=True`` gives the sum of log gaps, from which the purchase
        models of `crmkit.value` estimate one regularity for all customers.

    Notes
    -----
    A purchase is measured from the start of its day or week, so that with ``collapse="D"`` all times
    are whole days; an order, from its first line. Let g₁, …, gₙ be the n gaps between one purchase and
    the next, oldest first, all before as_of. All columns are float64; what is not defined is NaN.

    recency_days, tenure_days
        Days from the last and from the first purchase to as_of.
    mean_gap_days, min_gap_days, max_gap_days, last_gap_days
        Of the gaps; from two purchases on.
    std_gap_days
        Their standard deviation s, with n - 1 in the denominator; from three purchases on.
    regularity
        1 / (1 + s² / mean²), from three purchases on: 1 is clockwork, and less is less regular. If
        gaps are gamma distributed with shape k, s² / mean² is n / (n k + 1) on average, whatever the
        customer's pace. So regularity tends to k / (k + 1) as n grows, which is ½ for purchases at
        random (k = 1). Few gaps look more regular than they are: compare customers with like n. For
        two gaps s² / mean² is 2 (2M - 1)², where M = g₁ / (g₁ + g₂) is the statistic of [1]_; what k
        means for the models of buying is told in [2]_.
    overdue
        recency_days / mean_gap_days: above 1, the silence is longer than the customer's usual gap.
    gap_trend
        (late - early) / (late + early), where early and late are the sums of the first and of the last
        n // 2 gaps; from -1 to 1, from three purchases on. Positive where the customer slows down.

    The last three are NaN too where all gaps are zero, as those of orders begun at one instant.

    References
    ----------
    .. [1] R. D. Wheat and D. G. Morrison (1990). "Estimating purchase regularity with two
       interpurchase times". Journal of Marketing Research 27(1), 87-93.
    .. [2] M. Platzer and T. Reutterer (2016). "Ticking away the moments: timing regularity helps to
       better predict customer activity". Marketing Science 35(5), 779-799.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.features import InterPurchaseFeatures
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> today = log.snapshot("1998-01-01")
    >>> InterPurchaseFeatures().fit_transform(today[[0, 1, 49]]).T.round(2)
    customer_id            4          18         562
    as_of          1998-01-01 1998-01-01 1998-01-01
    recency_days        20.00      362.0     192.00
    tenure_days        365.00      362.0     363.00
    mean_gap_days      115.00        NaN     171.00
    std_gap_days        90.70        NaN        NaN
    min_gap_days        17.00        NaN     171.00
    max_gap_days       196.00        NaN     171.00
    last_gap_days      132.00        NaN     171.00
    regularity           0.62        NaN        NaN
    overdue              0.17        NaN       1.12
    gap_trend            0.77        NaN        NaN
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        "collapse": [StrOptions({"D", "W", "order"}), None],
        "kinds": [str, list, tuple, None],
    }

    def __init__(
        self,
        collapse: Literal["D", "W", "order"] | None = "D",
        kinds: Any = None,
    ) -> None:
        self.collapse = collapse
        self.kinds = kinds

    def fit(self, X: Snapshots, y: object = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Note which rows were seen; there is nothing to learn.

        Parameters
        ----------
        X : Snapshots of n rows
        y : object, default=None
            Ignored.

        Returns
        -------
        InterPurchaseFeatures

        Raises
        ------
        ParameterError
            If the log has no event of any of `kinds`.
        """
        self._validate_params()
        log = self._rows(X).log
        wanted = np.atleast_1d(np.array(self.kinds)).astype(str)
        if self.kinds is not None and len(log.kinds) and not np.isin(wanted, log.kinds.astype(str)).any():
            there = ", ".join(map(repr, log.kinds.tolist()[:20]))
            raise ParameterError(f"kinds={self.kinds!r}, but the log has no such events. Its kinds are {there}.")
        self.fitted_on_ = (log.fingerprint, (X.as_of.min(), X.as_of.max()) if len(X) else None)
        return self

    def transform(self, X: Snapshots) -> Any:
        """Measure the gaps of each row.

        Parameters
        ----------
        X : Snapshots of n rows
            Of any log; `fit` need not have been called.

        Returns
        -------
        frame of n rows
            polars if the log was built from polars, else pandas with the index (customer_id, as_of);
            or what `set_output` asks for.

        Raises
        ------
        ParameterError
            If ``collapse="order"`` and the log has no orders, or `kinds` are given and it has none.
        """
        self._validate_params()
        return self._frame(X, self._columns(X))

    def _columns(self, X: Snapshots) -> dict[str, Any]:
        log = self._rows(X).log
        store, roles = log._store, log.roles(self.kinds)
        first = np.empty(0, dtype=np.int64)
        length = 1 if self.collapse in (None, "order") else TIME_UNITS[str(self.collapse)]
        if self.collapse == "order":
            if store.order is None:
                raise ParameterError(
                    "InterPurchaseFeatures(collapse='order'), but the log has no orders. Name their column as order= "
                    "in EventLog.from_frame."
                )
            first = store.first_lines(self.kinds, roles)
        out = np.empty((len(COLUMNS), len(X)))
        shared = (X.codes, X.as_of_us, X.stop, X.pointers, store.time, roles, first, length)
        run_in_ranges(measure_gaps, len(X), *shared, out)
        return dict(zip(COLUMNS, out, strict=True))

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002  likewise
        """Give the names of the columns, fitted or not.

        Parameters
        ----------
        input_features : object, default=None
            Ignored: the columns do not depend on any input names.

        Returns
        -------
        ndarray of str objects
        """
        return np.array(COLUMNS, dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags
