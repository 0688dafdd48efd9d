from __future__ import annotations

import numpy as np
import pytest

from crmkit.datasets._shop import ATTRIBUTES, EFFECTS, draw_catalogue, draw_people


def people(catalogue, n=100_000, **changes):
    parameters = {"r": 1.5, "alpha": 20.0, "taste_strength": 0.6, "lines_per_order": 2.0, **changes}
    return draw_people(np.random.default_rng(1), catalogue, n_customers=n, **parameters)


def catalogue(n_items=200, n_categories=8, seed=0):
    return draw_catalogue(np.random.default_rng(seed), n_items, n_categories)


@pytest.mark.parametrize(("n_items", "n_categories"), [(1, 1), (5, 5), (200, 8), (17, 3)])
def test_catalogue(n_items, n_categories):
    own = catalogue(n_items, n_categories)
    assert np.unique(own.category).tolist() == list(range(n_categories))
    assert (np.diff(own.category) >= 0).all()
    sizes = np.bincount(own.category)
    assert sizes.max() - sizes.min() <= 1
    np.testing.assert_array_equal(np.diff(own.begin), sizes)
    assert own.cents.min() >= 50
    popularity = np.sort(np.diff(own.scale))[::-1]
    expected = np.arange(1, n_items + 1) ** -0.9
    np.testing.assert_allclose(popularity, expected / expected.sum(), rtol=1e-9)


def test_pick_follows_popularity_within_its_range():
    own, n = catalogue(60, 4), 400_000
    favourite = np.repeat(np.arange(4), n // 4)
    for by_taste in (True, False):
        item = own.pick(np.random.default_rng(2), favourite, np.full(n, by_taste))
        popularity = np.diff(own.scale)
        if by_taste:
            assert (own.category[item] == favourite).all()
            popularity = popularity / np.bincount(own.category, popularity)[own.category] / 4
        expected = popularity * n
        assert (np.abs(np.bincount(item, minlength=60) - expected) < 4.5 * np.sqrt(expected)).all()


class TopEdge:
    """A generator whose uniform draws are the largest that there are."""

    def random(self, n):
        return np.full(n, np.nextafter(1, 0))


def test_pick_at_the_edge_of_a_range_stays_inside():
    own = catalogue(50, 5)
    item = own.pick(TopEdge(), np.arange(5), np.full(5, True))
    assert (own.category[item] == np.arange(5)).all()
    assert own.pick(TopEdge(), np.arange(5), np.full(5, False)).tolist() == [49] * 5


def test_attributes_have_their_shares():
    own = people(catalogue())
    for name, levels in ATTRIBUTES.items():
        assert sum(levels.values()) == pytest.approx(1)
        assert list(EFFECTS[name]) == list(levels)
        shares = np.bincount(own.attributes[name]) / 100_000
        np.testing.assert_allclose(shares, list(levels.values()), atol=0.008)


def test_people_have_the_moments_asked_for():
    own = people(catalogue())
    assert own.rate.mean() == pytest.approx(1.5 / 20, rel=0.02)
    assert own.taste.mean() == pytest.approx(0.6, abs=0.005)
    assert own.basket.mean() == pytest.approx(2, abs=0.02)
    assert own.basket.min() >= 1
    assert own.satisfaction.std() == pytest.approx(1, abs=0.02)
    assert own.favourite.min() >= 0
    assert own.favourite.max() < own.n_categories == 8


def test_tastes_differ_between_ages():
    own = people(catalogue())
    shares = [np.bincount(own.favourite[own.attributes["age_band"] == age], minlength=8) for age in range(5)]
    shares = [counts / counts.sum() for counts in shares]
    assert max(np.abs(one - two).sum() for one in shares for two in shares) > 0.3


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_taste_at_its_limits(strength):
    assert (people(catalogue(), n=10, taste_strength=strength).taste == strength).all()


def test_part_is_a_slice_of_everything():
    own = people(catalogue(), n=10)
    part = own.part(4, 7)
    for name in ("rate", "favourite", "taste", "basket", "satisfaction"):
        np.testing.assert_array_equal(getattr(part, name), getattr(own, name)[4:7])
    for name in ATTRIBUTES:
        np.testing.assert_array_equal(part.attributes[name], own.attributes[name][4:7])
    assert part.n_categories == 8
