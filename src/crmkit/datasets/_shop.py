"""The shop behind `make_retail`: its items and its customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

__all__ = ["ATTRIBUTES", "EFFECTS", "Catalogue", "People", "draw_catalogue", "draw_people"]

ATTRIBUTES: Final = {
    "country": {"GB": 0.5, "DE": 0.2, "FR": 0.15, "NL": 0.1, "IE": 0.05},
    "channel": {"web": 0.55, "app": 0.3, "store": 0.15},
    "age_band": {"18-24": 0.15, "25-34": 0.25, "35-49": 0.3, "50-64": 0.2, "65+": 0.1},
}
"""What is known of each customer, and the share of each level."""

EFFECTS: Final = {
    "country": {"GB": 0.0, "DE": 0.2, "FR": 0.1, "NL": -0.1, "IE": 0.0},
    "channel": {"web": 0.0, "app": -0.4, "store": 0.3},
    "age_band": {"18-24": 0.5, "25-34": 0.2, "35-49": 0.0, "50-64": -0.2, "65+": -0.3},
    "experience": {"satisfaction": -0.6, "earlier_orders": -0.1, "trouble": 1.5, "complaint": 0.8},
}
"""What moves the log-odds of leaving after an order; satisfaction is standard normal, earlier orders count to 10."""


@dataclass(frozen=True)
class Catalogue:
    """The items, sorted by category.

    Attributes
    ----------
    category : ndarray of shape (n_items,)
        Codes from 0.
    cents : ndarray of shape (n_items,)
        The price of one piece.
    scale : ndarray of shape (n_items + 1,)
        Summed shares of the items among the purchases that no taste guides, from 0 to 1.
    begin : ndarray of shape (n_categories + 1,)
        The first item of each category, and the number of items.
    """

    category: NDArray[np.int64]
    cents: NDArray[np.int64]
    scale: NDArray[np.float64]
    begin: NDArray[np.int64]

    def pick(
        self, rng: np.random.Generator, favourite: NDArray[np.int64], by_taste: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Pick one item for each line, by popularity: from the favourite category where taste guides it."""
        begin, stop = np.append(self.begin[:-1], 0), np.append(self.begin[1:], len(self.category))
        among = np.where(by_taste, favourite, len(begin) - 1)  # the last range is the whole catalogue
        place = rng.random(len(among))
        place *= (self.scale[stop] - self.scale[begin])[among]
        place += self.scale[begin][among]
        item = np.searchsorted(self.scale, place, side="right") - 1
        # Rounding may put a place at the very end of its range: that is still the last item there.
        return np.minimum(item, (stop - 1)[among])


@dataclass(frozen=True)
class People:
    """The customers.

    Attributes
    ----------
    attributes : dict of str to ndarray of shape (n_customers,)
        Code of the level of each of `ATTRIBUTES`.
    rate : ndarray of shape (n_customers,)
        Orders per week.
    favourite : ndarray of shape (n_customers,)
        Code of the category that the customer likes best.
    taste : ndarray of shape (n_customers,)
        Probability that a new item comes from there because it does.
    basket : ndarray of shape (n_customers,)
        Mean number of lines of an order.
    satisfaction : ndarray of shape (n_customers,)
        Standard normal: how easily the customer is pleased.
    n_categories : int
        Number of categories.
    """

    attributes: dict[str, NDArray[np.int8]]
    rate: NDArray[np.float64]
    favourite: NDArray[np.int64]
    taste: NDArray[np.float64]
    basket: NDArray[np.float64]
    satisfaction: NDArray[np.float64]
    n_categories: int

    def part(self, first: int, stop: int) -> People:
        """Return some of the customers."""
        rows = slice(first, stop)
        return People(
            attributes={name: codes[rows] for name, codes in self.attributes.items()},
            rate=self.rate[rows],
            favourite=self.favourite[rows],
            taste=self.taste[rows],
            basket=self.basket[rows],
            satisfaction=self.satisfaction[rows],
            n_categories=self.n_categories,
        )


def draw_catalogue(rng: np.random.Generator, n_items: int, n_categories: int) -> Catalogue:
    """Draw the items: popularity by Zipf's law with exponent 0.9, prices around a level of the category."""
    category = np.sort(np.arange(n_items) % n_categories)
    scale = np.concatenate([[0.0], np.cumsum(rng.permutation(np.arange(1.0, n_items + 1) ** -0.9))])
    level = rng.normal(np.log(15), 0.6, n_categories)
    cents = np.rint(100 * np.exp(rng.normal(level[category], 0.4)))
    begin = np.searchsorted(category, np.arange(n_categories + 1))
    return Catalogue(category, np.maximum(cents, 50).astype(np.int64), scale / scale[-1], begin)


def draw_people(
    rng: np.random.Generator,
    catalogue: Catalogue,
    *,
    n_customers: int,
    r: float,
    alpha: float,
    taste_strength: float,
    lines_per_order: float,
) -> People:
    """Draw the customers: attributes, rates and tastes; what people like depends on their age."""
    n = n_customers
    attributes = {
        name: rng.choice(len(levels), size=n, p=list(levels.values())).astype(np.int8)
        for name, levels in ATTRIBUTES.items()
    }
    shares = np.diff(catalogue.scale[catalogue.begin])
    liking = shares * rng.standard_gamma(1.0, (len(ATTRIBUTES["age_band"]), len(shares)))
    # One search for all ages: band k lies between k and k + 1 on the scale of summed likings.
    scale = np.cumsum(liking / liking.sum(axis=1, keepdims=True), axis=1)
    scale[:, -1] = 1.0
    scale += np.arange(len(scale))[:, np.newaxis]
    age = attributes["age_band"].astype(np.int64)
    favourite = np.searchsorted(scale.ravel(), age + rng.random(n), side="right") - age * len(shares)
    taste = np.full(n, taste_strength)
    if 0 < taste_strength < 1:
        taste = rng.beta(4 * taste_strength, 4 * (1 - taste_strength), n)
    return People(
        attributes=attributes,
        rate=rng.standard_gamma(r, n) / alpha,
        favourite=np.minimum(favourite, len(shares) - 1),
        taste=taste,
        basket=1 + (lines_per_order - 1) * rng.standard_gamma(2.0, n) / 2,
        satisfaction=rng.standard_normal(n),
        n_categories=len(shares),
    )
