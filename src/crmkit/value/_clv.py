"""What customers will bring: a model of how often they buy and a model of how much, as one regressor."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from crmkit._compat import Interval, StrOptions
from crmkit._durations import TIME_UNITS, duration_name, time_unit_microseconds, to_microseconds
from crmkit._frames import column_names, make_frame, number_column, read_columns
from crmkit._numba import run_in_ranges
from crmkit._validation import check_float, check_generator, check_int, check_option
from crmkit.events import Snapshots
from crmkit.exceptions import CrmkitWarning, ParameterError, SpendWarning
from crmkit.metrics import Estimate
from crmkit.value._beta_geo import ModifiedBetaGeoNBD
from crmkit.value._clv_kernels import money_seeds, row_quantiles, spend_values
from crmkit.value._gamma_gamma import GammaGamma
from crmkit.value._gamma_gamma_kernels import expected_spends
from crmkit.value._posterior import interval_of_draws
from crmkit.value._purchase_model import PurchaseModel, own_seeds, row_seeds, spread
from crmkit.value._rows import Floats, Rows, frozen
from crmkit.value._spends import Spends, read_spends, spends_of

#: Rows whose draws are held at a time: some 10 MB.
_BLOCK = 2_048

#: From this correlation of number and size of purchases on the two models leave something out.
_CORRELATED = 0.2


@dataclass(frozen=True)
class _Seen:
    """What is known of the rows of X.

    Attributes
    ----------
    rows : Rows
        Those that are customers of the purchase model.
    none : ndarray of bool or None
        Which rows of X are not, and are missing among them.
    spends : Spends or None
        Number and mean money of their repeat purchases.
    price : ndarray or None
        Money of each of their purchases to come, where that is a column.
    """

    rows: Rows
    none: NDArray[np.bool_] | None
    spends: Spends | None
    price: Floats | None

    def spent(self, block: Any) -> tuple[Floats, Floats]:
        """Number and mean money of the repeat purchases of some rows."""
        return frozen(self.spends.x[block]), frozen(self.spends.money[block])  # type: ignore[union-attr]  # asked for where it is

    def paid(self, block: Any) -> Floats:
        """The column's money of some rows, beside their draws."""
        return self.price[block][:, None]  # type: ignore[index]  # likewise


class CLVEstimator(RegressorMixin, BaseEstimator):
    r"""Customer lifetime value: the money that each customer will bring within a horizon.

    A purchase model says how often a customer will buy, a model of spend says for how much, and value
    is one times the other, discounted and times the margin. Both learn from the customer's past alone,
    so no target is needed; with ``y = X.future_value()`` it is scored as any regressor.

    Parameters
    ----------
    purchase_model : purchase model, default=None
        Such as `BetaGeoNBD`, `ParetoNBD` or, for contracts, `ShiftedBetaGeometric`; `ModifiedBetaGeoNBD`
        in `time_unit` if None.
    spend_model : GammaGamma or str, default=None
        `GammaGamma` if None. The name of a column, of ``X.attributes()`` or of the frame, says what each
        purchase or renewal brings: the fee of a contract.
    horizon : duration, default="52W"
        How far ahead value is counted. For a frame a number is in `time_unit`.
    discount_rate : float, default=0.0
        Annual effective rate, whatever the time unit: 0.1 makes money of one year (365.25 days) from now
        worth 1 / 1.1.
    margin : float, default=1.0
        Share of the money that stays, above 0.
    time_unit : {"D", "W", "M", "Y"}, default="W"
        Unit of a frame's recency and T, and of the default purchase model.

    Attributes
    ----------
    purchase_model_ : purchase model
        Fitted.
    spend_model_ : GammaGamma or str
        Fitted, or the name of the column.
    delta_ : float
        The discount rate per time unit of the purchase model, continuously: ``ln(1 + discount_rate)``
        times the length of the unit in years.
    spend_correlation_ : float
        Correlation of number and mean money of the repeat purchases; NaN for a column.
    n_rows_used_ : int
        Customers from whom the purchase model was learnt.
    fitted_on_ : tuple or None
        ``(fingerprint, (first, last))``: the hash of the log, and the first and last as_of; None for frames.

    See Also
    --------
    CLVRegressor : Learns value from earlier dates of the same log instead.
    GammaGamma, ModifiedBetaGeoNBD : The parts that are the defaults.

    Notes
    -----
    The value of a row is :math:`margin \cdot E[Z] \cdot \sum E[e^{-\delta s}]`, the sum over its
    purchases at s within the horizon (Fader, Hardie & Lee 2005 [1]_, eq. 4, in continuous time): each is
    discounted from the day on which it happens, not from the end of a month. The models take spend and
    frequency to be independent; `spend_correlation_` is warned of from .2 on.

    An interval of ``kind="outcome"`` is of what the customer will bring: for each posterior draw of the
    parameters one future is simulated, with the customer's own rates and level of spend drawn too. One
    of ``kind="mean"`` is of `predict` as far as the parameters are known.

    References
    ----------
    .. [1] P. S. Fader, B. G. S. Hardie and K. L. Lee, "RFM and CLV: using iso-value curves for customer
       base analysis", Journal of Marketing Research 42(4), 2005.

    Examples
    --------
    >>> from crmkit import CLVEstimator, EventLog
    >>> from crmkit.datasets import load_cdnow
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> today = log.snapshot("1997-10-01")
    >>> clv = CLVEstimator(horizon="39W", discount_rate=0.15).fit(today)
    >>> clv.predict(today)[:3].round(2)
    array([29.66,  5.21,  3.4 ])
    >>> clv.predict_components(today[:1]).round(3).iloc[0]
    expected_purchases       1.263
    discounted_purchases     1.203
    alive_probability        0.706
    expected_spend          24.654
    value                   29.659
    Name: (4, 1997-10-01 00:00:00), dtype: float64
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012  scikit-learn's name and shape of the table
        "purchase_model": [PurchaseModel, None],
        "spend_model": [GammaGamma, str, None],
        "horizon": [object],  # durations are checked by what reads them
        "discount_rate": [Interval(Real, 0, None, closed="left")],
        "margin": [Interval(Real, 0, None, closed="neither")],
        "time_unit": [StrOptions(set(TIME_UNITS))],
    }

    def __init__(
        self,
        purchase_model: Any = None,
        spend_model: Any = None,
        *,
        horizon: Any = "52W",
        discount_rate: float = 0.0,
        margin: float = 1.0,
        time_unit: str = "W",
    ) -> None:
        self.purchase_model = purchase_model
        self.spend_model = spend_model
        self.horizon = horizon
        self.discount_rate = discount_rate
        self.margin = margin
        self.time_unit = time_unit

    # -- fitting ---------------------------------------------------------------------------------

    def fit(self, X: Any, y: object = None, sample_weight: Any = None) -> Self:  # noqa: ARG002  the past is enough
        """Fit both models to the purchases before as_of.

        Parameters
        ----------
        X : Snapshots, frame, or array of n rows
            Of snapshots each customer's latest row is taken. A frame has the columns frequency, recency,
            T and monetary_value (`Snapshots.summary`), and the column of `spend_model` if that is one;
            an array has these four. For contracts: see the purchase model.
        y : object, default=None
            Ignored: it is there for scores.
        sample_weight : array of shape (n,), default=None
            How many customers each row stands for.

        Returns
        -------
        CLVEstimator

        Raises
        ------
        crmkit.exceptions.ParameterError
            If X breaks a rule of purchase histories, has no money, or the horizon is no duration.

        Warns
        -----
        SpendWarning
            Number and size of purchases correlate; repeat purchases have no money or less; spend has no
            mean over customers.
        CrmkitWarning
            The label window of X is not the horizon, so that y is about another time.
        sklearn.exceptions.ConvergenceWarning
            The likelihood of a model has no maximum, or it was not reached.
        """
        self._validate_params()
        X = _table(X)
        default = ModifiedBetaGeoNBD(time_unit=self.time_unit)
        model = default if self.purchase_model is None else clone(self.purchase_model)
        self._check_time_unit(model, X)
        horizon, self.delta_ = self._horizon_in_units(model, X)
        rows = model._fit(X, sample_weight)
        self._length = model._length(horizon, "horizon")
        self.purchase_model_ = model
        self.spend_correlation_ = math.nan
        if isinstance(self.spend_model, str):
            self.spend_model_: Any = self.spend_model
        else:
            spend = GammaGamma() if self.spend_model is None else clone(self.spend_model)
            spend._validate_params()
            self._fit_spend(spend, X, rows, sample_weight)
        if isinstance(X, Snapshots):
            self._check_window(X)
        self.n_rows_used_, self.fitted_on_ = model.n_rows_used_, model.fitted_on_
        return self

    def _fit_spend(self, spend: GammaGamma, X: Any, rows: Rows, sample_weight: Any) -> None:
        if isinstance(X, Snapshots):
            spends, weight = _spends_of_rows(rows, X), rows.weight
        else:
            spends = read_spends(X, "CLVEstimator")
            weight = np.ones(len(spends)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        spend._fit(spends, weight)
        spend.fitted_on_ = self.purchase_model_.fitted_on_
        self.spend_model_, self.spend_correlation_ = spend, spend.spend_correlation_
        correlation = self.spend_correlation_
        if abs(correlation) >= _CORRELATED and abs(correlation) * math.sqrt(spend.n_rows_used_) > 3:
            richer = "more" if correlation > 0 else "less"
            warnings.warn(
                f"CLVEstimator: who buys more often spends {richer} per purchase (correlation {correlation:.2f} over "
                f"{spend.n_rows_used_:,} customers), and the models take the two for independent: values of the most "
                f"frequent buyers are too {'low' if correlation > 0 else 'high'}. Fit segments apart, or use "
                "CLVRegressor, which assumes nothing of the kind.",
                SpendWarning,
                stacklevel=3,
            )

    def _check_time_unit(self, model: PurchaseModel, X: Any) -> None:
        own = getattr(model, "time_unit", self.time_unit)
        if not isinstance(X, Snapshots) and own != self.time_unit:
            raise ParameterError(
                f"The purchase_model counts a frame's times in time_unit={own!r}, CLVEstimator in "
                f"time_unit={self.time_unit!r}. Say the same of both."
            )

    def _horizon_in_units(self, model: PurchaseModel, X: Any) -> tuple[Any, float]:
        """The horizon as the purchase model takes it, and the continuous rate of discount in its unit."""
        period = getattr(model, "period", None)
        unit = time_unit_microseconds(self.time_unit if not hasattr(model, "time_unit") else model.time_unit)
        unit = unit if period is None else to_microseconds(period, "period")
        delta = math.log1p(self.discount_rate) * unit / TIME_UNITS["Y"]
        if isinstance(X, Snapshots):
            to_microseconds(self.horizon, "horizon")
            return self.horizon, delta
        if isinstance(self.horizon, Real) and not isinstance(self.horizon, bool | np.timedelta64):
            return check_float("horizon", self.horizon, "CLVEstimator", low=0, closed="neither"), delta
        return to_microseconds(self.horizon, "horizon") / unit, delta

    def _check_window(self, X: Snapshots) -> None:
        own, gap = X.window.horizon, X.window.gap
        if own is not None and (own != to_microseconds(self.horizon, "horizon") or gap):
            behind = f" after a gap of {duration_name(gap)}" if gap else ""
            warnings.warn(
                f"CLVEstimator(horizon={self.horizon!r}) values the time from as_of on, and the label window of X is "
                f"{duration_name(own)}{behind}: y = X.future_value() is about that one. For scores make both the same.",
                CrmkitWarning,
                stacklevel=3,
            )

    # -- predictions -----------------------------------------------------------------------------

    def predict(self, X: Any) -> Floats:
        """Expected money of each row within the horizon, discounted, times the margin.

        Parameters
        ----------
        X : Snapshots, frame or array
            Of the kind it was fitted on; every row of snapshots has its own value.

        Returns
        -------
        ndarray of float64, shape (n,)
            NaN, with a warning, for a row without any purchase. Infinite where spend has no mean.
        """
        seen = self._see(X)
        return spread(self._discounted(seen.rows) * self._spend(seen) * self.margin, seen.none)

    def predict_components(self, X: Any) -> Any:
        """What the value of each row is made of.

        Parameters
        ----------
        X : Snapshots, frame or array

        Returns
        -------
        frame of n rows
            ``expected_purchases`` within the horizon, ``discounted_purchases``, ``alive_probability`` now,
            ``expected_spend`` per purchase, and ``value``: discounted purchases times spend times margin.
        """
        seen, parameters = self._see(X), self.purchase_model_._fitted()
        discounted, spend = self._discounted(seen.rows), self._spend(seen)
        few, inverse = seen.rows.distinct()
        columns = {
            "expected_purchases": self.purchase_model_._expected(few, parameters, self._length)[inverse],
            "discounted_purchases": discounted,
            "alive_probability": self.purchase_model_._alive(few, parameters, 0.0)[inverse],
            "expected_spend": spend,
            "value": discounted * spend * self.margin,
        }
        columns = {name: spread(values, seen.none) for name, values in columns.items()}
        return X.make_frame(columns) if isinstance(X, Snapshots) else make_frame(columns, _backend(X))

    def predict_interval(
        self,
        X: Any,
        coverage: float = 0.9,
        *,
        kind: Literal["outcome", "mean"] = "outcome",
        n_draws: int = 100,
        random_state: Any = 0,
    ) -> Floats:
        """Interval of the value of each row.

        Parameters
        ----------
        X : Snapshots, frame or array
        coverage : float, default=0.9
            Share of such intervals that hold what they are about, above 0 and below 1.
        kind : {"outcome", "mean"}, default="outcome"
            Of the discounted money that will come, or of its expectation, which only the parameters blur.
        n_draws : int, default=100
            Draws of the parameters, at least 100; for an outcome each comes with one future of each row.
            More make the ends steadier, and take as many times longer.
        random_state : int, Generator, RandomState or None, default=0
            With an int the interval of a row depends on the row and the fit alone.

        Returns
        -------
        ndarray of float64, shape (n, 2)
        """
        owner = "CLVEstimator.predict_interval"
        coverage = check_float("coverage", coverage, owner, low=0, high=1, closed="neither")
        check_option("kind", kind, {"outcome", "mean"}, owner)
        seen = self._see(X)
        shares = frozen(np.array([0.5 - 0.5 * coverage, 0.5 + 0.5 * coverage]))
        ends = np.empty((len(seen.rows), 2))
        for block, values in self._values(seen, kind, n_draws, check_generator("random_state", random_state, owner)):
            found = np.empty((len(values), 2))
            run_in_ranges(row_quantiles, len(values), values, shares, found, minimum=200)
            ends[block] = found
        return spread(ends, seen.none)

    def total_value(
        self,
        X: Any,
        coverage: float = 0.9,
        *,
        kind: Literal["outcome", "mean"] = "outcome",
        n_draws: int = 400,
        random_state: Any = 0,
    ) -> Estimate:
        """The value of all rows together, with an interval.

        Parameters
        ----------
        X : Snapshots, frame or array
            Rows without any purchase count nothing.
        coverage : float, default=0.9
        kind : {"outcome", "mean"}, default="outcome"
        n_draws : int, default=400
            At least 100.
        random_state : int, Generator, RandomState or None, default=0

        Returns
        -------
        Estimate
            Its value is the sum of `predict`. All rows share a draw of the parameters, so their
            uncertainty does not average out.
        """
        owner = "CLVEstimator.total_value"
        check_option("kind", kind, {"outcome", "mean"}, owner)
        generator = check_generator("random_state", random_state, owner)
        seen = self._see(X)
        value = float((self._discounted(seen.rows) * self._spend(seen)).sum() * self.margin)
        totals = np.zeros(check_int("n_draws", n_draws, owner, low=100))
        for _, values in self._values(seen, kind, n_draws, generator, each_its_own=True):
            totals += values.sum(axis=0)
        return interval_of_draws(totals, coverage, len(seen.rows), value)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.required = False
        return tags

    # -- inside ----------------------------------------------------------------------------------

    def _see(self, X: Any) -> _Seen:
        check_is_fitted(self, "purchase_model_")
        X = _table(X)
        rows, none = self.purchase_model_._read(X)
        if isinstance(self.spend_model_, str):
            price = _prices(X, self.spend_model_)
            price = price if none is None else price[~none]
            missing = ~np.isfinite(price)
            if missing.any():
                raise ParameterError(
                    f"spend_model={self.spend_model_!r}: the column has no number in {int(missing.sum()):,} of "
                    f"{len(price):,} rows. Say what a purchase of these customers brings, or leave them out."
                )
            return _Seen(rows, none, None, frozen(price))
        spends = _spends_of_rows(rows, X) if isinstance(X, Snapshots) else read_spends(X, "CLVEstimator")
        return _Seen(rows, none, Spends(spends.x, frozen(np.maximum(spends.money, 0.0))), None)

    def _discounted(self, rows: Rows) -> Floats:
        model = self.purchase_model_
        few, inverse = rows.distinct()
        if self.delta_ == 0:
            return model._expected(few, model._fitted(), self._length)[inverse]
        return model._discounted(few, model._fitted(), self._length, self.delta_)[inverse]

    def _spend(self, seen: _Seen) -> Floats:
        return self.spend_model_._expected(seen.spends) if seen.price is None else seen.price

    def _values(
        self, seen: _Seen, kind: str, n_draws: int, rng: np.random.Generator, *, each_its_own: bool = False
    ) -> Iterator[tuple[Any, Floats]]:
        """Blocks of rows, and the values of each for every draw of the parameters."""
        model = self.purchase_model_
        draws = frozen(model.sample_posterior(n_draws, rng).draws)
        spend_draws = None
        if seen.price is None:
            spend_draws = frozen(self.spend_model_.sample_posterior(n_draws, rng).draws)
        seed = int(rng.integers(2**63))
        if kind == "mean":
            yield from self._means(seen, draws, spend_draws)
            return
        seeds = row_seeds(seen.rows, seed)
        known = (seen.spends.x, seen.spends.money) if seen.spends is not None else (seen.price, seen.price)
        own = np.empty(len(seeds), dtype=np.uint64)
        run_in_ranges(money_seeds, len(own), seeds, *known, own)
        seeds = frozen(own)
        if each_its_own:
            seeds, order = own_seeds(seeds)
            seen = _taken(seen, order)
        for begin in range(0, len(seen.rows), _BLOCK):
            block = slice(begin, begin + _BLOCK)
            counts, values = model._futures(seen.rows.take(block), draws, self._length, self.delta_, seeds[block])
            if spend_draws is None:
                values *= self.margin * seen.paid(block)
            else:
                x, money = seen.spent(block)
                run_in_ranges(
                    spend_values, len(values), x, money, spend_draws, seeds[block], float(self.margin), counts, values,
                    minimum=50,
                )  # fmt: skip
            yield block, values

    def _means(self, seen: _Seen, draws: Floats, spend_draws: Floats | None) -> Iterator[tuple[Any, Floats]]:
        """Expected values for every draw; purchases are worked out once for equal rows."""
        model = self.purchase_model_
        few, inverse = seen.rows.distinct()
        by_few = np.argsort(inverse, kind="stable")
        edges = np.searchsorted(inverse[by_few], np.arange(0, len(few) + _BLOCK, _BLOCK))
        for number, begin in enumerate(range(0, len(few), _BLOCK)):
            part = few.take(slice(begin, begin + _BLOCK))
            purchases = np.empty((len(part), len(draws)))
            for column, draw in enumerate(draws):
                purchases[:, column] = (
                    model._expected(part, frozen(draw), self._length)
                    if self.delta_ == 0
                    else model._discounted(part, frozen(draw), self._length, self.delta_)
                )
            for start in range(edges[number], edges[number + 1], _BLOCK):
                block = by_few[start : min(start + _BLOCK, edges[number + 1])]
                values = purchases[inverse[block] - begin] * self.margin
                if spend_draws is None:
                    values *= seen.paid(block)
                else:
                    x, money = seen.spent(block)
                    spend = np.empty(len(block))
                    for column, (p, q, v) in enumerate(spend_draws):
                        expected_spends(0, len(block), x, money, p, q, v, spend)
                        values[:, column] *= spend
                yield block, values


def _table(X: Any) -> Any:
    """An array of four columns as a frame; anything else as it is."""
    if not isinstance(X, np.ndarray | list | tuple):
        return X
    array = np.asarray(X)
    names = ("frequency", "recency", "T", "monetary_value")
    if array.ndim == 2 and array.shape[1] == 2:
        return array  # contracts have two columns, and say so themselves
    if array.ndim != 2 or array.shape[1] != len(names):
        raise ParameterError(
            f"CLVEstimator takes Snapshots, a frame, or an array of the columns {', '.join(names)}. "
            f"Got an array of shape {array.shape}."
        )
    return make_frame({name: array[:, column] for column, name in enumerate(names)}, "pandas")


def _prices(X: Any, name: str) -> Floats:
    if isinstance(X, np.ndarray):
        raise ParameterError(f"spend_model={name!r} is the name of a column: pass a frame, not an array.")
    table = X.attributes() if isinstance(X, Snapshots) else X
    return number_column(read_columns(table, [("spend_model", name)])[name], "spend_model")


def _backend(X: Any) -> Any:
    if isinstance(X, np.ndarray):
        return "pandas"
    # One column must be asked for: some frames do not say what they are without.
    return read_columns(X, [("X", column_names(X)[0])]).backend


def _spends_of_rows(rows: Rows, X: Snapshots) -> Spends:
    if rows.repeat_money is None:
        if not X.log.has_money:
            raise ParameterError(
                "CLVEstimator needs money, and the log has none. Name value=, or price= and quantity=, in "
                "EventLog.from_frame; or name with spend_model= the column of X.attributes() that a purchase brings."
            )
        raise ParameterError(
            "A model of contracts does not look at purchases, so there is no spend to learn: spend_model= is to name "
            "the column of X.attributes() that says what a renewal brings."
        )
    return spends_of(rows.x + 1.0, rows.repeat_money)


def _taken(seen: _Seen, rows: NDArray[np.int64]) -> _Seen:
    spends = None if seen.spends is None else Spends(frozen(seen.spends.x[rows]), frozen(seen.spends.money[rows]))
    price = None if seen.price is None else frozen(seen.price[rows])
    return _Seen(seen.rows.take(rows), None, spends, price)
