"""Purchases drawn from the classical models of buying, with each customer's true rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._validation import check_float, check_generator, check_int, check_option, parameter_error
from crmkit.datasets._calendar import WEEK, Calendar, check_calendar
from crmkit.datasets._renewal import draw_renewals

__all__ = ["make_purchases"]

_OWNER = "make_purchases"

_TRUTH = [
    "customer_id",
    "model",
    "rate",
    "regularity",
    "dropout_probability",
    "dropout_rate",
    "dropout_time",
    "alive",
    "mean_spend",
]

# Maximum likelihood estimates for the CDNOW sample, 39 weeks, of Fader, Hardie and Lee (2005). They fitted no regular
# timing: our regular buyers come as often as those of their Pareto/NBD, and stay as long.
_PARETO = {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669}
_DEFAULTS: dict[str, dict[str, float]] = {
    "bg_nbd": {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
    "pareto_nbd": _PARETO,
    "regular": _PARETO,
}


def make_purchases(
    n_customers: int = 1000,
    *,
    model: str | Mapping[str, float] = "bg_nbd",
    r: float | None = None,
    alpha: float | None = None,
    a: float | None = None,
    b: float | None = None,
    s: float | None = None,
    beta: float | None = None,
    regularity: float = 4.0,
    spend: Sequence[float] | None = (6.25, 3.74, 15.44),
    start: Any = "2023-01-01",
    span: Any = "104W",
    acquisition: Any = "13W",
    seasonality: Mapping[str, Sequence[float]] | None = None,
    random_state: int | np.random.Generator | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    r"""Draw the purchases of many customers from a model of buying, and return the truth with them.

    Each customer arrives with a first purchase, buys again at a rate of their own, and one day
    leaves without a word. How they do that is the `model`:

    ============ =============================== ============================================
    model        timing, rate λ a week           leaving
    ============ =============================== ============================================
    bg_nbd       Poisson, λ ~ Gamma(r, α)        after each repeat purchase with probability p,
                                                 p ~ Beta(a, b)
    pareto_nbd   Poisson, λ ~ Gamma(r, α)        after a lifetime ~ Exponential(μ) that begins
                                                 with the first purchase, μ ~ Gamma(s, β)
    regular      Erlang-k: gaps ~ Gamma(k, kλ),  as pareto_nbd
                 λ ~ Gamma(r, α)
    ============ =============================== ============================================

    Gamma(r, α) has shape r and rate α, hence mean r / α.

    Parameters
    ----------
    n_customers : int, default=1000
        Number of customers; each has at least one purchase.
    model : {'bg_nbd', 'pareto_nbd', 'regular'} or mapping of them to weights, default='bg_nbd'
        How customers buy. ``{"bg_nbd": 3, "regular": 1}`` makes a quarter of them, at random,
        regular buyers.
    r, alpha : float, default=None
        Shape and rate (weeks) of the distribution of purchase rates, of every model in use.
        ``None``: the published estimate of each model for the CDNOW sample [1]_, 0.243 and 4.414
        for bg_nbd, 0.553 and 10.578 for the two others.
    a, b : float, default=None
        Beta distribution of the probability of leaving, of bg_nbd. ``None``: 0.793 and 2.426 [1]_.
    s, beta : float, default=None
        Shape and rate (weeks) of the distribution of leaving rates, of pareto_nbd and regular.
        ``None``: 0.606 and 11.669 [1]_.
    regularity : float, default=4
        The k of regular buyers, at least 0.1. Their gaps have a coefficient of variation of
        :math:`1/\sqrt{k}`; 1 is pareto_nbd, less than 1 makes bursts.
    spend : sequence of 3 floats or None, default=(6.25, 3.74, 15.44)
        The p, q and γ of the Gamma-Gamma model of money: a purchase is worth Gamma(p, ν), and
        ν ~ Gamma(q, γ) is the customer's own; the mean over customers, pγ / (q - 1), needs q > 1.
        The default is the published estimate for CDNOW, in dollars [2]_. ``None`` leaves the money
        out.
    start : str, datetime or numpy.datetime64, default='2023-01-01'
        Start of the log, without time zone.
    span : str or timedelta, default='104W'
        Length of the log, such as ``"104W"`` or ``"730D"``. The log is complete up to
        ``start + span``, which is the ``observed_until`` of an event log made of it.
    acquisition : str or timedelta, default='13W'
        First purchases come evenly in ``[start, start + acquisition)``. ``"0D"``: all at `start`.
    seasonality : mapping, default=None
        Weights that multiply everybody's rate, and the arrivals, by the season: ``"month"`` with
        12 of them, January first, ``"weekday"`` with 7, Monday first, or both. Only their ratios
        count: they are scaled so that rates per week are means over the span. 0 closes the shop.
    random_state : int, numpy.random.Generator or None, default=None
        Source of all draws; the same int gives the same frames.

    Returns
    -------
    frame : pandas.DataFrame of shape (n_purchases, 3)
        One row per purchase, by customer and then by time, without missing values: ``customer_id``
        (int64, 1 to `n_customers`), ``time`` (datetime64[us], in ``[start, start + span)``) and
        ``value`` (float64, whole cents, at least 0.01; not there with ``spend=None``).
    truth : pandas.DataFrame of shape (n_customers, 9)
        One row per customer:

        - ``customer_id`` (int64).
        - ``model`` (categorical): how the customer buys.
        - ``rate``: λ, purchases per week while a customer.
        - ``regularity``: k; 1 for the Poisson models.
        - ``dropout_probability``: p of bg_nbd, NaN elsewhere.
        - ``dropout_rate``: μ per week of the other models, NaN for bg_nbd.
        - ``dropout_time`` (datetime64[us]): when the customer left; no purchase comes later. With
          bg_nbd it is the time of the last purchase. NaT if still a customer at the end.
        - ``alive`` (bool): still a customer at the end of the span.
        - ``mean_spend``: p / ν, the mean of the customer's purchases; NaN with ``spend=None``.

    Raises
    ------
    ParameterError
        If a parameter is out of its range, or belongs to no model in use.

    See Also
    --------
    make_retail : A shop with items, invoices, refunds, visits, surveys, and churn that has causes.
    load_cdnow : The real purchases behind the default parameters.

    Notes
    -----
    Regular buyers are those of the Pareto/GGG model [3]_, with one k for all. The mean number of
    repeat purchases of the two other models is in the guide, next to what this function draws.

    Seasons are a change of time. On the season's clock the models hold exactly, so the number of
    purchases of bg_nbd over the whole span keeps its distribution; lifetimes of the two other
    models stay in calendar time.

    A million customers with the default parameters make 3.1 million purchases, in a second or two.

    References
    ----------
    .. [1] P. S. Fader, B. G. S. Hardie and K. L. Lee (2005). "'Counting your customers' the easy
       way: an alternative to the Pareto/NBD model". Marketing Science 24(2), 275-284.
    .. [2] P. S. Fader and B. G. S. Hardie (2013). "The Gamma-Gamma model of monetary value".
    .. [3] M. Platzer and T. Reutterer (2016). "Ticking away the moments: timing regularity helps to
       better predict customer activity". Marketing Science 35(5), 779-799.

    Examples
    --------
    >>> from crmkit.datasets import make_purchases
    >>> frame, truth = make_purchases(2000, random_state=0)
    >>> frame.assign(time=frame["time"].dt.floor("min")).head(3)
       customer_id                time   value
    0            1 2023-01-19 18:20:00  175.33
    1            1 2023-06-03 11:55:00   64.62
    2            1 2024-09-21 11:02:00   56.92
    >>> frame.shape, int(truth["alive"].sum())
    ((6056, 3), 1412)

    >>> from crmkit.events import EventLog
    >>> log = EventLog.from_frame(
    ...     frame, customer="customer_id", time="time", value="value", observed_until="2024-12-29"
    ... )
    >>> log
    EventLog(6,056 events of 2,000 customers, 2023-01-01 to 2024-12-28, observed until 2024-12-29)

    With a Christmas season and a shop that is closed on Sundays:

    >>> seasonality = {"month": [1] * 10 + [2, 3], "weekday": [1] * 6 + [0]}
    >>> frame, truth = make_purchases(2000, seasonality=seasonality, random_state=0)
    >>> int((frame["time"].dt.day_of_week == 6).sum())
    0
    """
    n_customers = check_int("n_customers", n_customers, _OWNER, low=1)
    shares = _check_model(model)
    given = {"r": r, "alpha": alpha, "a": a, "b": b, "s": s, "beta": beta}
    parameters = _check_parameters(given, shares)
    regularity = check_float("regularity", regularity, _OWNER, low=0.1)
    gamma_gamma = None if spend is None else _check_spend(spend)
    calendar = check_calendar(start, span, acquisition, seasonality, _OWNER)
    rng = check_generator("random_state", random_state, _OWNER)

    truth = _draw_customers(rng, n_customers, shares, parameters, regularity)
    counts, since_start = _draw_timing(rng, truth, calendar)
    frame = {
        "customer_id": np.repeat(truth["customer_id"], counts),
        "time": calendar.times(since_start),
    }
    truth["mean_spend"] = np.full(n_customers, np.nan)
    if gamma_gamma is not None:
        p, q, gamma = gamma_gamma
        truth["mean_spend"] = p * gamma / rng.standard_gamma(q, n_customers)
        value = rng.standard_gamma(p, len(since_start))
        value *= np.repeat(truth["mean_spend"] / p, counts)
        frame["value"] = np.maximum(np.rint(value * 100), 1) / 100
    truth["model"] = pd.Categorical.from_codes(truth["model"], dtype=pd.CategoricalDtype(list(_DEFAULTS)))
    # Nothing else holds these columns: copying them into one block would only double the memory.
    return pd.DataFrame(frame, copy=False), pd.DataFrame(truth, columns=_TRUTH, copy=False)


def _check_model(model: object) -> NDArray[np.float64]:
    """Return the share of each model, in the order of the table of defaults."""
    if isinstance(model, Mapping):
        if not model or not set(model) <= set(_DEFAULTS):
            raise parameter_error("model", model, f"a mapping of some of {list(_DEFAULTS)} to weights", _OWNER)
        weights = [check_float(f"model[{kind!r}]", weight, _OWNER, low=0) for kind, weight in model.items()]
        if sum(weights) <= 0:
            raise parameter_error("model", model, "a mapping with a positive weight", _OWNER)
        named = dict(zip(model, weights, strict=True))
        return np.array([named.get(kind, 0.0) for kind in _DEFAULTS]) / sum(weights)
    name = check_option("model", model, _DEFAULTS, _OWNER, "Or pass a mapping of these to weights.")
    return np.array([float(kind == name) for kind in _DEFAULTS])


def _check_parameters(given: Mapping[str, object], shares: NDArray[np.float64]) -> dict[str, dict[str, float]]:
    """Return the parameters of each model in use; one that none of them has is refused."""
    used = [kind for kind, share in zip(_DEFAULTS, shares, strict=True) if share > 0]
    known = {name for kind in used for name in _DEFAULTS[kind]}
    for name, value in given.items():
        if value is not None and name not in known:
            raise parameter_error(name, value, f"None with model {' and '.join(used)}", _OWNER, "It does not use it.")
    checked = {
        name: check_float(name, value, _OWNER, low=0, closed="neither")
        for name, value in given.items()
        if value is not None
    }
    return {kind: {name: checked.get(name, value) for name, value in _DEFAULTS[kind].items()} for kind in used}


def _check_spend(spend: object) -> tuple[float, float, float]:
    if not isinstance(spend, Sequence | np.ndarray) or isinstance(spend, str) or len(spend) != 3:
        raise parameter_error("spend", spend, "None or the three numbers p, q and gamma", _OWNER)
    p, q, gamma = (
        check_float(f"spend[{position}]", value, _OWNER, low=low, closed="neither")
        for position, (value, low) in enumerate(zip(spend, (0, 1, 0), strict=True))
    )
    return p, q, gamma


def _draw_customers(
    rng: np.random.Generator,
    n: int,
    shares: NDArray[np.float64],
    parameters: dict[str, dict[str, float]],
    regularity: float,
) -> dict[str, Any]:
    """Draw what each customer is: the model, and the rates that the model gives."""
    codes = np.zeros(n, dtype=np.int8)
    if shares.max() == 1:
        codes += shares.argmax().astype(np.int8)
    else:
        codes += rng.choice(len(shares), size=n, p=shares).astype(np.int8)
    rate, probability, dropout_rate = np.empty(n), np.full(n, np.nan), np.full(n, np.nan)
    for code, kind in enumerate(_DEFAULTS):
        if kind not in parameters:
            continue
        own, rows = parameters[kind], codes == code
        size = np.count_nonzero(rows)
        rate[rows] = rng.standard_gamma(own["r"], size) / own["alpha"]
        if kind == "bg_nbd":
            probability[rows] = rng.beta(own["a"], own["b"], size)
        else:
            dropout_rate[rows] = rng.standard_gamma(own["s"], size) / own["beta"]
    return {
        "customer_id": np.arange(1, n + 1),
        "model": codes,
        "rate": rate,
        "regularity": np.where(codes == list(_DEFAULTS).index("regular"), regularity, 1.0),
        "dropout_probability": probability,
        "dropout_rate": dropout_rate,
    }


def _draw_timing(
    rng: np.random.Generator, truth: dict[str, Any], calendar: Calendar
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw all purchases and who leaves when; the latter joins the truth."""
    n = len(truth["customer_id"])
    start = calendar.arrivals(rng, n)
    by_purchase = ~np.isnan(truth["dropout_probability"])
    most = np.full(n, np.iinfo(np.int64).max)
    # A probability that underflows to 0 is one that never comes true.
    most[by_purchase] = rng.geometric(np.maximum(truth["dropout_probability"][by_purchase], 1e-15))
    leaving = np.full(n, np.inf)
    with np.errstate(divide="ignore", over="ignore"):
        lifetime = rng.standard_exponential(n - by_purchase.sum()) / truth["dropout_rate"][~by_purchase]
    leaving[~by_purchase] = calendar.since_start(start[~by_purchase]) + lifetime * WEEK

    shape = truth["regularity"]
    counts, elapsed = draw_renewals(
        rng,
        start,
        calendar.elapsed(leaving),
        truth["rate"],
        shape if (shape != 1).any() else 1.0,
        most if by_purchase.any() else None,
    )
    since_start = calendar.since_start(elapsed)
    left = counts > most
    leaving[left] = since_start[np.cumsum(counts)[left] - 1]

    truth["alive"] = leaving >= calendar.span
    dropout_time = np.full(n, "NaT", dtype="datetime64[us]")
    dropped = ~truth["alive"]
    dropout_time[dropped] = calendar.times(np.ceil(leaving[dropped]).astype(np.int64))
    truth["dropout_time"] = dropout_time
    return counts, since_start
