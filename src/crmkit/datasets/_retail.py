"""The log of a shop, in which everything that a room of crmkit looks for is there and known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from crmkit._validation import check_float, check_generator, check_int
from crmkit.datasets._calendar import DAY, Calendar, check_calendar
from crmkit.datasets._shop import ATTRIBUTES, EFFECTS
from crmkit.datasets._simulation import KINDS, Run, run_shop

__all__ = ["RetailTruth", "make_retail"]

_OWNER: Final = "make_retail"

_COUNT = partial(check_int, owner=_OWNER, low=1)
_POSITIVE = partial(check_float, owner=_OWNER, low=0, closed="neither")
_NOT_NEGATIVE = partial(check_float, owner=_OWNER, low=0)
_PROBABILITY = partial(check_float, owner=_OWNER, low=0, high=1)

_CHECKS: Final[dict[str, Callable[[str, object], Any]]] = {
    "n_customers": _COUNT,
    "n_items": _COUNT,
    "n_categories": _COUNT,
    "r": _POSITIVE,
    "alpha": _POSITIVE,
    "regularity": partial(check_float, owner=_OWNER, low=0.1),
    "lines_per_order": partial(check_float, owner=_OWNER, low=1),
    "repeat_share": _PROBABILITY,
    "taste_strength": _PROBABILITY,
    "trouble_share": _PROBABILITY,
    "complaint_share": _PROBABILITY,
    "refund_share": _PROBABILITY,
    "survey_share": _PROBABILITY,
    "visits_per_order": _NOT_NEGATIVE,
    "leaving_probability": _PROBABILITY,
    "leaving_signal": _NOT_NEGATIVE,
    "cancel_share": _PROBABILITY,
}


@dataclass(frozen=True, repr=False)
class RetailTruth:
    """What `make_retail` knows and the log does not say.

    Attributes
    ----------
    attributes : pandas.DataFrame of shape (n_customers, 5)
        What a shop does know of its customers: ``customer_id``, ``country``, ``channel``,
        ``age_band`` (categorical) and ``signup_day`` (int64, days from the first day of the log to
        that of the first order). These are fair features; all that follows is not.
    customers : pandas.DataFrame of shape (n_customers, 8)
        ``customer_id``; ``rate`` (orders per week while a customer); ``favourite`` (the category
        liked best); ``taste`` (probability that a new item is chosen from there for that reason);
        ``basket`` (mean lines of an order); ``satisfaction`` (standard normal, how easily pleased);
        ``dropout_time`` (datetime64[us], NaT if still a customer at the end; no event comes later);
        ``alive`` (still a customer at the end).
    items : pandas.DataFrame of shape (n_items, 4)
        ``item`` (1 to `n_items`), ``category`` (categorical), ``price`` (of one piece) and
        ``popularity`` (share among new items that no taste guides). The first three are features.
    orders : pandas.DataFrame of shape (n_orders, 6)
        ``order``, ``customer_id``, ``time``, ``trouble`` (something went wrong), ``complaint`` (the
        customer complains, if still there by then) and ``leaving_probability`` (that the customer
        decides to leave after this order).
    parameters : dict
        The parameters of the call, and ``effects``: what moves the log-odds of leaving.
    """

    attributes: pd.DataFrame
    customers: pd.DataFrame
    items: pd.DataFrame
    orders: pd.DataFrame
    parameters: dict[str, Any]

    def __repr__(self) -> str:
        frames = ("attributes", "customers", "items", "orders")
        shapes = ", ".join(f"{name}: {'{:,} × {}'.format(*getattr(self, name).shape)}" for name in frames)
        return f"RetailTruth({shapes}, {len(self.parameters)} parameters)"


def make_retail(
    n_customers: int = 1000,
    n_items: int = 200,
    *,
    n_categories: int = 8,
    r: float = 1.5,
    alpha: float = 20.0,
    regularity: float = 1.5,
    lines_per_order: float = 2.0,
    repeat_share: float = 0.35,
    taste_strength: float = 0.6,
    trouble_share: float = 0.12,
    complaint_share: float = 0.5,
    refund_share: float = 0.03,
    survey_share: float = 0.25,
    visits_per_order: float = 1.0,
    leaving_probability: float = 0.12,
    leaving_signal: float = 1.0,
    cancel_share: float = 0.3,
    start: Any = "2023-01-01",
    span: Any = "104W",
    acquisition: Any = "52W",
    seasonality: Mapping[str, Sequence[float]] | None = None,
    random_state: int | np.random.Generator | None = None,
) -> tuple[pd.DataFrame, RetailTruth]:
    r"""Draw everything that happens in a shop, and return the truth with it.

    Customers arrive with a first order and order again at a rate of their own. An order holds
    several items: some bought before, others new, chosen by popularity or from the customer's
    favourite category. An order may go wrong; then complaints, refunds and low scores are likelier,
    and so is that the customer decides to leave. Who leaves is gone two weeks later or more, and a
    part of them says so. So churn has causes, some of which the log shows.

    Parameters
    ----------
    n_customers : int, default=1000
        Number of customers; each has at least one order.
    n_items : int, default=200
        Size of the catalogue.
    n_categories : int, default=8
        Categories of items, at most `n_items`.
    r, alpha : float, default=1.5 and 20
        Orders per week of each customer are drawn from Gamma(r, alpha), with mean r / alpha.
    regularity : float, default=1.5
        Gaps between orders are Gamma distributed with this shape, at least 0.1: 1 is a Poisson
        process, a whole number k Erlang-k, and larger is more regular.
    lines_per_order : float, default=2
        Mean number of lines of an order, at least 1. Each customer has a mean of their own.
    repeat_share : float, default=0.35
        Probability that a line repeats one of the customer's earlier orders, in [0, 1].
    taste_strength : float, default=0.6
        Mean probability that a new item is taken from the favourite category because the customer
        likes it; otherwise popularity alone decides. In [0, 1]; 0 leaves no taste.
    trouble_share : float, default=0.12
        Probability that an order goes wrong (late, damaged).
    complaint_share : float, default=0.5
        Probability of a complaint about such an order; about other orders a fiftieth of it.
    refund_share : float, default=0.03
        Probability that a line is sent back; six times that, at most 1, from an order gone wrong.
    survey_share : float, default=0.25
        Probability that a survey is answered after an order.
    visits_per_order : float, default=1
        Mean number of visits per mean gap between orders.
    leaving_probability : float, default=0.12
        Probability to decide to leave after an order, for a customer of average satisfaction at the
        first order when all goes well, from GB, through the web, 35 to 49 years old.
    leaving_signal : float, default=1
        Factor on all effects on the log-odds of leaving. 0: everybody leaves with the same
        probability, and nothing in the log foretells it.
    cancel_share : float, default=0.3
        Share of the customers who leave that say so.
    start : str, datetime or numpy.datetime64, default='2023-01-01'
        Start of the log, without time zone.
    span : str or timedelta, default='104W'
        Length of the log, such as ``"104W"`` or ``"730D"``. The log is complete up to
        ``start + span``, which is the ``observed_until`` of an event log made of it.
    acquisition : str or timedelta, default='52W'
        First orders come evenly in ``[start, start + acquisition)``.
    seasonality : mapping, default=None
        Weights that multiply arrivals, orders and visits by the season, as in `make_purchases`.
    random_state : int, numpy.random.Generator or None, default=None
        Source of all draws; the same int gives the same frames.

    Returns
    -------
    frame : pandas.DataFrame of shape (n_events, 8)
        The log, by customer and then by time; each line of an order is one row.

        - ``customer_id`` (int64): 1 to `n_customers`.
        - ``time`` (datetime64[us]): whole seconds, in ``[start, start + span)``.
        - ``kind`` (categorical): order, refund, visit, complaint, survey or cancel.
        - ``value`` (float64, whole cents): money of the line; negative on refunds; NaN elsewhere.
        - ``item`` (Int32): on orders and refunds; missing elsewhere.
        - ``order`` (Int32): number of the order, 1, 2, … down the frame. Lines of one order share
          it; a refund, a complaint and a survey carry that of the order they are about; missing on
          visits and cancels.
        - ``score`` (float64): answer to a survey, a whole number from 0 to 10; NaN elsewhere.
        - ``minutes`` (float64): length of a visit; NaN elsewhere.
    truth : RetailTruth
        Attributes and true state of the customers, the items, the orders, and the parameters.

    Raises
    ------
    ParameterError
        If a parameter is out of its range.

    See Also
    --------
    make_purchases : Purchases alone, from models with a known likelihood.
    RetailTruth : What the truth holds.

    Notes
    -----
    After an order the customer decides to leave with log-odds
    :math:`\operatorname{logit}(\text{leaving\_probability}) + \text{leaving\_signal} \cdot \eta`,
    and is gone after 14 days and an Exponential time of mean 14 days; the first such moment counts,
    and whatever would have come at or after it does not. η sums the effects of country, channel,
    age band, satisfaction, earlier orders, trouble and complaint that ``truth.parameters["effects"]``
    lists. A complaint comes 1 to 10 days after its order, a survey's answer 7 to 10, a refund of the
    whole line 2 to 28.

    A new item has popularity as Zipf's law with exponent 0.9; repeating lines uniformly over all
    earlier ones makes what was bought often be bought more often still [1]_.

    A million customers with the default parameters make 13 million events, in some ten seconds and
    less than 2 GB of memory.

    References
    ----------
    .. [1] H. A. Simon (1955). "On a class of skew distribution functions". Biometrika 42, 425-440.

    Examples
    --------
    >>> from crmkit.datasets import make_retail
    >>> frame, truth = make_retail(500, random_state=0)
    >>> frame[["customer_id", "time", "kind", "value", "item", "order"]].head(5)
       customer_id                time    kind  value  item  order
    0            1 2023-06-09 16:48:58   order   9.82   174      1
    1            1 2023-06-09 16:48:58   order  14.93   154      1
    2            1 2023-06-09 16:48:58   order  34.68   165      1
    3            1 2023-06-09 16:48:58   order  18.37   151      1
    4            1 2023-06-17 08:30:10  survey    NaN  <NA>      1
    >>> truth
    RetailTruth(attributes: 500 × 5, customers: 500 × 8, items: 200 × 4, orders: 2,049 × 6, 22 parameters)
    >>> frame["kind"].value_counts().to_dict()
    {'order': 4158, 'visit': 1633, 'survey': 484, 'refund': 191, 'complaint': 134, 'cancel': 81}

    All kinds make one event log, of which the orders are the purchases:

    >>> from crmkit.events import EventLog
    >>> EventLog.from_frame(
    ...     frame,
    ...     customer="customer_id",
    ...     time="time",
    ...     value="value",
    ...     item="item",
    ...     order="order",
    ...     kind="kind",
    ...     purchases="order",
    ...     columns=["score", "minutes"],
    ...     observed_until="2024-12-29",
    ... )
    EventLog(6,681 events of 500 customers, 2023-01-01 to 2024-12-28, observed until 2024-12-29)
    """
    given = locals()
    calendar = check_calendar(start, span, acquisition, seasonality, _OWNER)
    rng = check_generator("random_state", random_state, _OWNER)
    checked = {name: check(name, given[name]) for name, check in _CHECKS.items()}
    check_int("n_items", n_items, _OWNER, low=checked["n_categories"])
    parameters = {name: checked.get(name, value) for name, value in given.items() if name != "random_state"}
    run = run_shop(rng, calendar, parameters)
    # What the frames hold, nothing else does: copying it into blocks would only double the memory.
    return _frame(run, calendar), _truth(run, calendar, parameters)


def _frame(run: Run, calendar: Calendar) -> pd.DataFrame:
    """Return the log; ids count from 1."""
    events = run.events
    for name in ("customer", "item", "order"):
        events[name] += 1
    return pd.DataFrame(
        {
            "customer_id": events["customer"],
            "time": calendar.times(events["since_start"]),
            "kind": pd.Categorical.from_codes(events["kind"], dtype=pd.CategoricalDtype(KINDS)),
            "value": events["value"],
            "item": pd.arrays.IntegerArray(events["item"], events["item"] == 0),
            "order": pd.arrays.IntegerArray(events["order"], events["order"] == 0),
            "score": events["score"],
            "minutes": events["minutes"],
        },
        copy=False,
    )


def _truth(run: Run, calendar: Calendar, parameters: dict[str, Any]) -> RetailTruth:
    """Return what the log does not say; ids count from 1."""
    people, catalogue, orders = run.people, run.catalogue, run.orders
    customer_id = np.arange(1, len(run.gone) + 1)
    categories = [f"C{number:0{len(str(people.n_categories))}d}" for number in range(1, people.n_categories + 1)]
    levels = {
        name: pd.Categorical.from_codes(codes, dtype=pd.CategoricalDtype(list(ATTRIBUTES[name])))
        for name, codes in people.attributes.items()
    }
    signup_day = (calendar.start + run.first) // DAY - calendar.start // DAY
    alive = run.gone >= calendar.span
    dropout_time = calendar.times(run.gone.copy())
    dropout_time[alive] = np.datetime64("NaT")
    return RetailTruth(
        attributes=pd.DataFrame({"customer_id": customer_id, **levels, "signup_day": signup_day}),
        customers=pd.DataFrame(
            {
                "customer_id": customer_id,
                "rate": people.rate,
                "favourite": pd.Categorical.from_codes(people.favourite, dtype=pd.CategoricalDtype(categories)),
                "taste": people.taste,
                "basket": people.basket,
                "satisfaction": people.satisfaction,
                "dropout_time": dropout_time,
                "alive": alive,
            }
        ),
        items=pd.DataFrame(
            {
                "item": np.arange(1, len(catalogue.cents) + 1),
                "category": pd.Categorical.from_codes(catalogue.category, dtype=pd.CategoricalDtype(categories)),
                "price": catalogue.cents / 100,
                "popularity": np.diff(catalogue.scale),
            }
        ),
        orders=pd.DataFrame(
            {
                "order": np.arange(1, len(orders["customer"]) + 1),
                "customer_id": orders["customer"] + 1,
                "time": calendar.times(orders["since_start"]),
                "trouble": orders["trouble"],
                "complaint": orders["complaint"],
                "leaving_probability": orders["leaving"],
            },
            copy=False,
        ),
        parameters={**parameters, "effects": {name: dict(effects) for name, effects in EFFECTS.items()}},
    )
