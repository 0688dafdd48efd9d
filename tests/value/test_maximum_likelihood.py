"""The climb: known maxima, hostile starts, and saying why there is none."""

from __future__ import annotations

import numpy as np
import pytest

from crmkit.value._maximum_likelihood import maximise, second_derivatives, weakest_direction


def bell(theta):
    """A bell with ridges: its maximum 3 at (1, -2)."""
    d = theta - np.array([1.0, -2.0])
    curvature = np.array([[2.0, 1.9], [1.9, 2.0]])
    return 3.0 - 0.5 * d @ curvature @ d, -curvature @ d


def valley(theta):
    """Minus Rosenbrock's function, which is bent: its maximum 0 at (1, 1)."""
    x, y = theta
    value = -((1 - x) ** 2) - 100 * (y - x * x) ** 2
    return value, np.array([2 * (1 - x) + 400 * x * (y - x * x), -200 * (y - x * x)])


@pytest.mark.parametrize(
    ("function", "start", "top"), [(bell, (9.0, 9.0), (1.0, -2.0)), (valley, (-1.2, 1.0), (1.0, 1.0))]
)
def test_known_maxima(function, start, top):
    found = maximise(function, np.array(start), tol=1e-14, max_iter=200)
    assert found.reason == ""
    assert found.theta == pytest.approx(top, abs=1e-6)


def test_hessian_of_differences_is_the_hessian():
    assert second_derivatives(bell, np.array([0.3, 0.4])) == pytest.approx(
        np.array([[-2.0, -1.9], [-1.9, -2.0]]), abs=1e-8
    )


def test_a_hill_without_a_top_is_said_to_run_away():
    found = maximise(lambda t: (float(-np.exp(-t[0])), np.array([np.exp(-t[0])])), np.zeros(1), tol=1e-14, max_iter=500)
    assert "runs away" in found.reason or found.theta[0] > 20


def test_too_few_steps_are_said():
    assert "max_iter=2" in maximise(valley, np.array([-1.2, 1.0]), tol=1e-14, max_iter=2).reason


def test_what_cannot_be_worked_out_at_the_start_is_said():
    found = maximise(lambda t: (np.nan, t), np.ones(2), tol=1e-9, max_iter=5)
    assert "starting point" in found.reason


def test_points_that_cannot_be_worked_out_are_avoided():
    def walled(theta):
        return bell(theta) if theta[0] < 3 else (np.nan, np.full(2, np.nan))

    assert maximise(walled, np.array([2.9, 5.0]), tol=1e-14, max_iter=200).theta == pytest.approx((1.0, -2.0), abs=1e-6)


def test_a_wrong_hessian_is_renewed():
    wrong = np.array([[1.0, 0.0], [0.0, -1e-3]])
    found = maximise(valley, np.array([-1.2, 1.0]), tol=1e-14, max_iter=300, hessian=wrong)
    assert found.theta == pytest.approx((1.0, 1.0), abs=1e-6)


def test_the_weakest_direction():
    curvature, direction = weakest_direction(np.diag([-4.0, -0.25]))
    assert curvature == 0.25
    assert np.abs(direction) == pytest.approx([0.0, 1.0])
    assert weakest_direction(np.full((2, 2), np.nan))[0] == 0.0
