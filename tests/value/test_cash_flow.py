"""Cash-flow value: worked cases, loops, and what cannot be computed."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.exceptions import ParameterError
from crmkit.value import (
    acquisition_cost,
    cumulative_value,
    discounted_value,
    ltv_to_cac,
    payback_periods,
    single_event_value,
)

money = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 2))
flows = st.lists(money, min_size=1, max_size=12)


def test_one_event():
    assert single_event_value(100) == 100.0
    assert single_event_value(100, margin=0.25, cost=5) == 20.0
    np.testing.assert_array_equal(single_event_value([[100.0, 50.0]], margin=0.5), [[50.0, 25.0]])


def test_cumulative_worked_case():
    """The source text prints 3,600, its arithmetic slip."""
    assert cumulative_value([900, 720, 1080]) == 2700.0
    assert cumulative_value([3000, 2400, 3600], margin=0.3) == pytest.approx(2700.0, rel=1e-15)


@pytest.mark.parametrize(
    ("amounts", "value"),
    [  # the source text prints 35,216.81, 2,221.27 and 4,322.30: its arithmetic slips
        ([10_000, 8_000, 12_000, 15_000], 34_963.46),
        ([900, 720, 1080], 2_224.64),
        ([900, 720, 1080, 1350, 1620], 4_152.60),
    ],
)
def test_discounted_worked_cases(amounts, value):
    assert round(discounted_value(amounts, 0.10), 2) == value


@given(flows, st.floats(-0.5, 3.0), st.floats(0.0, 1.0), st.floats(0.0, 100.0))
def test_discounted(amounts, rate, margin, cost):
    expected = [(margin * amount - cost) / (1 + rate) ** (t + 1) for t, amount in enumerate(amounts)]
    found = discounted_value(amounts, rate, margin=margin, cost=cost)
    assert found == pytest.approx(math.fsum(expected), rel=1e-10, abs=1e-12 * sum(map(abs, expected)) + 1e-300)


@given(flows)
def test_without_a_rate_later_money_counts_as_much(amounts):
    assert discounted_value(amounts, 0.0) == cumulative_value(amounts)


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(money, min_size=n, max_size=n), min_size=1, max_size=6)))
def test_a_customer_does_not_depend_on_the_others(table):
    together = discounted_value(table, 0.1)
    alone = [discounted_value(row, 0.1) for row in table]
    assert together.tolist() == alone
    assert payback_periods(table, 500.0).tolist() == [payback_periods(row, 500.0) for row in table]


def test_frames_and_series():
    frame = pd.DataFrame({"2024": [900, 10], "2025": [720, 20]})
    np.testing.assert_array_equal(cumulative_value(frame), [1620.0, 30.0])
    np.testing.assert_array_equal(cumulative_value(pl.from_pandas(frame)), [1620.0, 30.0])
    assert cumulative_value(frame["2024"]) == 910.0
    np.testing.assert_array_equal(ltv_to_cac(frame["2024"], 10), [90.0, 1.0])
    assert isinstance(ltv_to_cac(900, 10), float)


def test_acquisition_and_its_ratio():
    assert acquisition_cost(45_000, 60) == 750.0
    assert acquisition_cost(0, 60) == 0.0
    assert ltv_to_cac(2250.0, 750.0) == 3.0


@given(flows, st.floats(0.0, 1e6), st.floats(-0.5, 2.0))
def test_payback(amounts, acquisition, rate):
    found = payback_periods(amounts, acquisition, rate=rate)
    values = [discounted_value(amounts[: t + 1], rate) for t in range(len(amounts))]
    slack = 1e-9 * (acquisition + sum(map(abs, values)) + 1e-9)
    if found == 0:
        assert acquisition == 0
    elif math.isinf(found):
        assert all(value < acquisition + slack for value in values)
    else:
        assert found == int(found)
        assert values[int(found) - 1] >= acquisition - slack
        assert all(value < acquisition + slack for value in values[: int(found) - 1])


def test_payback_is_at_the_end_of_a_period():
    assert payback_periods([0.1] * 5, 0.3) == 3.0  # 0.1 + 0.1 + 0.1 is more than 0.3 in floats, 3 * 0.1 too
    assert payback_periods([0.7, 0.1], 0.8) == 2.0  # and 0.7 + 0.1 less than 0.8
    assert payback_periods([100], 0.0) == 0.0
    assert payback_periods([100], 100.01) == math.inf
    assert payback_periods([100, 100], 50, margin=0.5, cost=10) == 2.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cumulative_value(5), r"'amounts' parameter of cumulative_value must be an array of shape \(n_per"),
        (lambda: cumulative_value([]), r"of at least one period. Got shape \(0,\)"),
        (lambda: cumulative_value([1, np.nan]), r"1 of 2 values that are missing or infinite"),
        (lambda: cumulative_value(["a", "b"]), r"'amounts' parameter of cumulative_value must be"),
        (lambda: single_event_value("3000"), r"'amount' parameter of single_event_value must be"),
        (lambda: discounted_value([1, 2], -1), r"'rate' parameter of discounted_value must be a finite float"),
        (lambda: discounted_value([1, 2], "10%"), r"'rate' parameter"),
        (lambda: discounted_value([1, 2], 0.1, margin=None), r"'margin' parameter"),
        (lambda: acquisition_cost(100, 0), r"'n_customers' parameter of acquisition_cost must be"),
        (lambda: acquisition_cost(-1, 10), r"'spend' parameter"),
        (lambda: ltv_to_cac(100, 0), r"'cost' parameter of ltv_to_cac"),
        (lambda: ltv_to_cac([[100]], 5), r"a number or a list of them. Got shape \(1, 1\)"),
        (lambda: payback_periods([1], -5), r"'acquisition' parameter of payback_periods"),
    ],
)
def test_refused(call, message):
    with pytest.raises(ParameterError, match=message):
        call()


def test_a_masked_value_is_missing():
    with pytest.raises(ParameterError, match="missing"):
        cumulative_value(np.ma.masked_array([1.0, 2.0], mask=[False, True]))


def test_what_is_given_stays():
    amounts = np.array([1.0, 2.0])
    amounts.flags.writeable = False
    assert payback_periods(amounts, 2.5) == 2.0
    assert single_event_value(amounts, cost=1.0).tolist() == [0.0, 1.0]
