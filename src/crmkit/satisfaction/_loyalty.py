"""One number for how loyal each customer is, and the parts that it is made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import StrOptions, output_container
from crmkit._durations import TIME_UNITS
from crmkit._frames import Category, make_frame, row_index
from crmkit._validation import check_float, parameter_error, shown
from crmkit.events import Snapshots, purchases
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.satisfaction._answers import Questions, read_answers

Floats = NDArray[np.float64]

PARTS = ("recency", "frequency", "monetary_value", "tenure", "satisfaction", "referral")
OWNER = "LoyaltyScorer"


class LoyaltyScorer(TransformerMixin, BaseEstimator):
    """How loyal each customer is, from 0 to 100: a weighted mean of parts, each of which is shown.

    It takes `Snapshots` and gives one row for each of theirs. All parts but satisfaction are percentiles
    among the rows of `fit`, so that next month's customers are measured with this month's yardstick.

    Parameters
    ----------
    weights : mapping of str to float
        How much each of recency, frequency, monetary_value, tenure, satisfaction and referral counts.
        Parts that are not named are not made; those of weight 0 are shown and do not count.
    satisfaction : str, default=None
        A customer column of the log, or a column of its events, whose latest answer counts.
    scale : (low, high), or mapping of texts to numbers; default=None
        Of satisfaction, which needs it.
    not_applicable : collection, default=()
        Codes that stand for no answer.
    referral : str, default=None
        A customer column of the log: how many customers were referred, or 0 and 1.
    collapse : {"D", "W", "order", None}, default="D"
        What counts as one purchase: a day or a week counted back from as_of, an order, an instant.

    Attributes
    ----------
    weights_ : dict of str to float
        The weights, with a sum of 1.
    percentiles_ : dict of str to (ndarray of float64, ndarray of float64)
        The values of each part in `fit`, ascending, and the shares of rows up to each, after a 0.
    fitted_on_ : tuple
        ``(fingerprint, (first, last))``: the hash of the log, and the first and last as_of.

    See Also
    --------
    crmkit.features.RFMTransformer : Recency, frequency and money themselves, and named segments.

    Notes
    -----
    recency is the time since the last purchase, turned round: whoever bought most recently has most;
    tenure is that since the first; monetary_value all money less refunds. The percentile of a value is
    the share of rows of `fit` below it and half of the share of its equals: 50 on average. satisfaction
    is 0 at the low end of its scale, 100 at the high end.

    A missing part (no answer; the times of who never bought) is NaN, and the others count in its place.
    The weights are a judgement: `crmkit.churn.ChurnClassifier` learns who will stay.

    Examples
    --------
    >>> from crmkit import EventLog
    >>> from crmkit.datasets import load_cdnow
    >>> from crmkit.satisfaction import LoyaltyScorer
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> today = log.snapshot("1997-10-01")
    >>> scorer = LoyaltyScorer({"recency": 2, "frequency": 1, "monetary_value": 1}).fit(today)
    >>> scorer.transform(today[:2]).round(1)
                            recency  frequency  monetary_value  loyalty
    customer_id as_of
    4           1997-10-01     87.4       83.0            74.3     83.1
    18          1997-10-01      1.8       29.9            19.5     13.3
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "weights": [Mapping],
        "satisfaction": [str, None],
        "scale": [tuple, list, Mapping, None],
        "not_applicable": [Collection],
        "referral": [str, None],
        "collapse": [StrOptions({"D", "W", "order"}), None],
    }

    def __init__(
        self,
        weights: Mapping[str, float],
        *,
        satisfaction: str | None = None,
        scale: Any = None,
        not_applicable: Collection[Any] = (),
        referral: str | None = None,
        collapse: Literal["D", "W", "order"] | None = "D",
    ) -> None:
        self.weights = weights
        self.satisfaction = satisfaction
        self.scale = scale
        self.not_applicable = not_applicable
        self.referral = referral
        self.collapse = collapse

    def fit(self, X: Snapshots, y: object = None) -> Self:  # noqa: ARG002  scikit-learn's signature
        """Learn the percentiles of all rows of X.

        Parameters
        ----------
        X : Snapshots of n rows
        y : object, default=None
            Ignored.

        Returns
        -------
        LoyaltyScorer

        Raises
        ------
        ParameterError, ColumnNotFoundError
            A weight is negative or of no part; a column is lacking or off its scale; no row has a part.
        """
        self._validate_params()
        weights = self._weights()
        percentiles = {}
        for name, column in self._values(X, weights, reset=True).items():
            levels, counts = np.unique(column[~np.isnan(column)], return_counts=True)
            if not len(levels):
                raise ParameterError(
                    f"{OWNER} learns from the {len(X):,} rows of X, and none has {name}. Leave it out of weights."
                )
            percentiles[name] = levels, np.append(0.0, np.cumsum(counts)) / counts.sum()
        percentiles.pop("satisfaction", None)
        self.weights_ = weights
        self.percentiles_ = percentiles
        self.fitted_on_ = (X.log.fingerprint, (X.as_of.min(), X.as_of.max()))
        return self

    def transform(self, X: Snapshots) -> Any:
        """Give the parts and the loyalty of each row.

        Parameters
        ----------
        X : Snapshots of n rows
            Of any log that has the columns.

        Returns
        -------
        frame of n rows
            The parts, in the order above, and ``loyalty``: float64. polars if the log was built from
            polars, else pandas with the index (customer_id, as_of); or what `set_output` asks for.
        """
        check_is_fitted(self)
        parts = self._values(X, self.weights_, reset=False)
        for name, (levels, shares) in self.percentiles_.items():
            column = parts[name]
            middle = shares[np.searchsorted(levels, column)] + shares[np.searchsorted(levels, column, side="right")]
            score = 100.0 - 50.0 * middle if name == "recency" else 50.0 * middle
            parts[name] = np.where(np.isnan(column), np.nan, score)
        total, weight = np.zeros(len(X)), np.zeros(len(X))
        for name, column in parts.items():
            there = ~np.isnan(column)
            total[there] += self.weights_[name] * column[there]
            weight += self.weights_[name] * there
        with np.errstate(invalid="ignore"):
            columns = {**parts, "loyalty": total / weight}
        container = output_container(self)
        if container == "polars":
            return make_frame(columns, "polars")
        if container == "pandas":
            return make_frame(columns, "pandas", row_index(X.customers, X.codes, X.as_of_us))
        return X.make_frame(columns)

    def get_feature_names_out(self, input_features: object = None) -> NDArray[np.object_]:  # noqa: ARG002  likewise
        """Give the names of the columns, fitted or not.

        Parameters
        ----------
        input_features : object, default=None
            Ignored.

        Returns
        -------
        ndarray of str objects
        """
        self._validate_params()
        return np.array([*self._weights(), "loyalty"], dtype=object)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags

    def _weights(self) -> dict[str, float]:
        """The weights of the parts, in their order, with a sum of 1."""
        given = self.weights
        if not given or not set(given) <= set(PARTS):
            raise parameter_error("weights", given, f"a mapping of some of {', '.join(PARTS)} to numbers", OWNER)
        found = {name: check_float(f"weights[{name!r}]", given[name], OWNER, low=0) for name in PARTS if name in given}
        for name in PARTS[4:]:
            if (name in found) != (getattr(self, name) is not None):
                raise ParameterError(f"{OWNER} needs both {name}=, the name of a column, and its weight in weights.")
        if "satisfaction" in found and self.scale is None:
            raise parameter_error("scale", None, "the scale of satisfaction, such as (1, 5)", OWNER)
        if not any(found.values()):
            raise parameter_error("weights", given, "numbers of which one at least is above 0", OWNER)
        most = max(found.values())
        total = sum(weight / most for weight in found.values())
        return {name: weight / most / total for name, weight in found.items()}

    def _values(self, X: Any, weights: Mapping[str, float], *, reset: bool) -> dict[str, Floats]:
        """The parts as they are measured, in their order."""
        if not isinstance(X, Snapshots):
            raise ParameterError(
                f"{OWNER} takes Snapshots, rows of an event log: EventLog.from_frame(...).snapshot(). Got {shown(X)}."
            )
        if "monetary_value" in weights and not X.log.has_money:
            raise ParameterError(
                f"{OWNER} has a weight for monetary_value, and the log no money. Name value= in EventLog.from_frame."
            )
        seen = purchases(X, self.collapse)
        none = seen.periods == 0
        found = {
            "recency": np.where(none, np.nan, seen.since_last / TIME_UNITS["D"]),
            "frequency": seen.periods,
            "monetary_value": seen.money,
            "tenure": np.where(none, np.nan, seen.age / TIME_UNITS["D"]),
        }
        if "satisfaction" in weights:
            found["satisfaction"] = self._satisfaction(X, reset=reset)
        if "referral" in weights:
            column = _column("referral", self.referral, X._attributes())
            if isinstance(column, Category):
                raise ParameterError(
                    f"{OWNER} counts referrals: code the text of referral={self.referral!r} as 0 and 1."
                )
            found["referral"] = column.astype(np.float64)
        return {name: column for name, column in found.items() if name in weights}

    def _satisfaction(self, X: Snapshots, *, reset: bool) -> Floats:
        """What each row's customer answered last, from 0 to 100."""
        known, kept = X._attributes(), X.log._store.extras
        column = _column("satisfaction", self.satisfaction, {**kept, **known})
        answers = column.to_array() if isinstance(column, Category) else column.astype(np.float64)
        codes = Questions(["answers"], OWNER, by_position=False).codes(self.not_applicable)[0]
        there = np.asarray(~pd.isna(answers) & ~pd.Series(answers).isin([*codes, *map(str, codes)]))
        if self.satisfaction not in known:
            # The latest event before as_of that holds an answer, if it is the customer's own.
            latest = np.maximum.accumulate(np.append(-1, np.where(there, np.arange(len(there)), -1)))[X.stop]
            there = latest >= X.start
            answers = answers[latest] if len(answers) else np.full(len(X), np.nan)
        found = np.full(len(X), np.nan)
        if there.any():
            read = read_answers(answers[there], self.scale, f"{OWNER}({self.satisfaction!r})", reset=reset)
            found[there] = 100.0 * (read.values[:, 0] - read.low[0]) / (read.high[0] - read.low[0])
        return found


def _column(parameter: str, name: Any, columns: Mapping[str, Any]) -> Any:
    if name not in columns:
        raise ColumnNotFoundError.from_name(parameter, name, columns)
    return columns[name]
