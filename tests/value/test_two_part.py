import numpy as np
import pytest

from crmkit.value._two_part import TwoPartBoosting


def shop(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 3))
    mean = 20 * np.exp(X[:, 1]) / (1 + np.exp(-X[:, 0]))
    y = (rng.random(n) < 1 / (1 + np.exp(-X[:, 0]))) * 20 * rng.lognormal(X[:, 1] - 0.32, 0.8)
    return X, y, mean


def test_it_learns_the_mean_of_both_parts():
    X, y, _ = shop(6000, 0)
    new, _, mean = shop(6000, 1)
    said = TwoPartBoosting(0).fit(X, y).predict(new)
    assert said.sum() == pytest.approx(mean.sum(), rel=0.1)
    assert np.corrcoef(np.log(said), np.log(mean))[0, 1] > 0.95


def test_money_has_no_unit():
    X, y, _ = shop(1500, 0)
    one, other = TwoPartBoosting(0).fit(X, y), TwoPartBoosting(0).fit(X, 1000 * y)
    assert other.predict(X) == pytest.approx(1000 * one.predict(X), rel=1e-3)


def test_one_huge_amount_does_not_move_the_others():
    X, y, _ = shop(1500, 0)
    spiked = y.copy()
    spiked[y.argmax()] *= 100
    one, other = TwoPartBoosting(0).fit(X, y), TwoPartBoosting(0).fit(X, spiked)
    plain = np.corrcoef(np.log(one.predict(X)), np.log(other.predict(X)))[0, 1]
    assert plain > 0.98


@pytest.mark.parametrize("y", [np.zeros(30), -np.ones(30)])
def test_nobody_buys(y):
    assert (TwoPartBoosting().fit(np.ones((30, 1)), y).predict(np.ones((2, 1))) == 0).all()


def test_everybody_buys_and_refunds_are_no_purchases():
    X = np.ones((100, 1))
    assert TwoPartBoosting().fit(X, np.full(100, 7.0)).predict(X[:1]) == pytest.approx([7.0])
    y = np.r_[np.full(50, 8.0), np.full(50, -1.0)]
    assert TwoPartBoosting().fit(X, y).predict(X[:1]) == pytest.approx([4.0], rel=1e-3)
