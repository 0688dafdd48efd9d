import math
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone

from crmkit import EventLog
from crmkit.churn import ChurnProfit
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.testing import all_estimators

ORDERS = {
    "customer": ["a", "b", "a"],
    "day": np.array(["2024-01-03", "2024-01-05", "2024-02-01"], dtype="M8[D]"),
    "paid": [10.0, 20.0, 30.0],
}


def make_log():
    log = EventLog.from_frame(ORDERS, customer="customer", time="day", value="paid")
    worth = {"customer": ["a", "a", "b"], "since": ["2024-01-01", "2024-01-20", "2024-01-01"], "worth": [100, 150, 40]}
    return log.with_attributes(pd.DataFrame(worth), customer="customer", known_at="since")


def test_it_holds_parameters_and_is_no_estimator_to_be_fitted():
    profit = ChurnProfit(value=np.arange(3), budget=2)
    assert sorted(profit.get_params()) == ["accept_rate", "budget", "contact", "incentive", "value"]
    assert clone(ChurnProfit(150)).set_params(value=80).value == 80
    assert pickle.loads(pickle.dumps(profit)).budget == 2
    assert repr(ChurnProfit()) == "ChurnProfit()"
    assert "ChurnProfit" not in dict(all_estimators())


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"value": None}, "'value' parameter of ChurnProfit must be a finite float"),
        ({"value": math.nan}, "'value' parameter of ChurnProfit must be a finite float"),
        ({"incentive": -1}, r"'incentive' parameter of ChurnProfit must be a finite float in the range \[0"),
        ({"contact": [1, 2]}, "'contact' parameter of ChurnProfit must be a float"),
        ({"accept_rate": 1.2}, "'accept_rate' parameter of ChurnProfit must be a finite float in the range"),
        ({"accept_rate": (0, 3)}, "'accept_rate' parameter of ChurnProfit must be a finite float in the range"),
        ({"budget": -2}, "'budget' parameter of ChurnProfit must be"),
        ({"budget": math.inf}, "'budget' parameter of ChurnProfit must be"),
    ],
)
def test_parameters(parameters, message):
    with pytest.raises(ParameterError, match=message):
        ChurnProfit(**parameters).validate()


def test_values_of_rows():
    X = make_log().snapshots(["2024-01-10", "2024-02-02"])
    assert ChurnProfit(70).values(X) == 70
    np.testing.assert_array_equal(ChurnProfit("worth").values(X), [100, 40, 150, 40])
    np.testing.assert_array_equal(ChurnProfit([1, 2, 3, 4]).values(X), [1, 2, 3, 4])
    frame = pd.DataFrame({"clv": [5, 6], "plan": ["x", "y"]}, index=[7, 7])
    np.testing.assert_array_equal(ChurnProfit("clv").values(frame), [5.0, 6.0])


def test_values_that_are_not_there():
    log = make_log()
    X = log.snapshots(["2024-01-10"])
    with pytest.raises(ColumnNotFoundError, match="Did you mean 'worth'.*EventLog.with_attributes"):
        ChurnProfit("wort").values(X)
    with pytest.raises(ParameterError, match="'worth', the 'value' parameter of ChurnProfit, is missing .* in 1 of 2"):
        ChurnProfit("worth").values(
            EventLog.from_frame(ORDERS, customer="customer", time="day", value="paid")
            .with_attributes({"customer": ["a"], "worth": [1]}, customer="customer")
            .snapshots(["2024-02-02"])
        )
    with pytest.raises(ParameterError, match="'value' parameter of ChurnProfit must be of length 2"):
        ChurnProfit([1, 2, 3]).values(X)
    with pytest.raises(ParameterError, match="array for the rows given to fit"):
        ChurnProfit([1, 2]).values(X, new_rows=True)
    with pytest.raises(ParameterError, match="names a column, but X is a ndarray"):
        ChurnProfit("worth").values(np.zeros((2, 3)))
    with pytest.raises(ParameterError, match="not of numbers"):
        ChurnProfit("plan").values(pd.DataFrame({"plan": ["x", "y"]}))
    with pytest.raises(ParameterError, match="needs to know what each row is worth"):
        ChurnProfit("worth").cut([1, 0], [1, 0])


@given(st.floats(0, 1), st.floats(-50, 500), st.floats(0, 60), st.floats(0, 5), st.floats(0, 1))
def test_expected_profit_is_the_mean_of_both_outcomes(p, value, incentive, contact, rate):
    profit = ChurnProfit(value, incentive, contact, rate)
    churner = rate * (value - incentive) - contact
    other = -incentive - contact
    (found,) = profit.expected_profit([p], value)
    assert found == pytest.approx(p * churner + (1 - p) * other, abs=1e-9)
    (cost,) = profit.expected_cost([p])
    # What comes in is the value of those who are kept.
    assert found + cost == pytest.approx(p * rate * value, abs=1e-9)


def test_break_even():
    profit = ChurnProfit()
    assert profit.expected_profit([11 / 67], 200) == pytest.approx(0, abs=1e-12)
    for bad in ([1.2], [math.nan]):
        with pytest.raises(ParameterError, match="'probability' parameter of ChurnProfit"):
            profit.expected_profit(bad, 200)


def naive_cut(profit, y, score, probability, value):
    """The best of all thresholds, one customer after the other."""
    rate = profit.accept_rate
    best = (math.inf, 0.0, 0.0)
    for threshold in sorted(set(score), reverse=True):
        earned = spent = count = 0
        for churned, own, p, worth in zip(y, score, probability, value, strict=True):
            if own >= threshold:
                count += 1
                spent += profit.contact + profit.incentive * (p * rate + 1 - p)
                earned += rate * (worth - profit.incentive) if churned else -profit.incentive
                earned -= profit.contact
        affordable = profit.budget is None or spent / len(y) <= profit.budget + 1e-9
        if affordable and earned / len(y) > best[2] + 1e-9:
            best = (threshold, count / len(y), earned / len(y))
    return best


people = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 5), st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.integers(0, 200)),
    min_size=1,
    max_size=10,
)


@given(people, st.sampled_from([None, 0, 0.5, 2, 4, 50]), st.booleans())
def test_cut_is_the_best_that_can_be_paid(rows, budget, known):
    y, score, probability, value = zip(*rows, strict=True)
    profit = ChurnProfit(incentive=8, contact=1, accept_rate=0.5, budget=budget)
    said = None if known else probability
    cut = profit.cut(y, score, said, value)
    threshold, share, earned = naive_cut(profit, y, score, y if known else probability, value)
    assert cut.profit == pytest.approx(earned)
    assert (cut.threshold, cut.target_fraction) == (threshold, pytest.approx(share))


def test_nobody_is_contacted_where_it_does_not_pay():
    cut = ChurnProfit(value=5).cut([1, 0], [0.9, 0.1])
    assert cut == (math.inf, 0.0, 0.0)
    assert ChurnProfit(budget=0).cut([1, 0], [0.9, 0.1]) == (math.inf, 0.0, 0.0)
    assert ChurnProfit().cut([0, 0], [0.9, 0.1]) == (math.inf, 0.0, 0.0)
    with pytest.raises(ParameterError, match="missing or infinite"):
        ChurnProfit().cut([1, 0], [math.nan, 0.1])
    with pytest.raises(ParameterError, match="must have one length"):
        ChurnProfit(budget=1).cut([1, 0], [0.9, 0.1], [0.5])


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"y": [1, 2]}, "y"),
        ({"y": []}, "y"),
        ({"score": [1, 2, 3]}, "score"),
        ({"score": [1, math.inf]}, "score"),
        ({"value": [1, 2, 3]}, "value"),
        ({"sample_weight": [1, -1]}, "sample_weight"),
    ],
)
@pytest.mark.parametrize("budget", [None, 2])
def test_errors_name_what_the_caller_wrote(arguments, name, budget):
    with pytest.raises(ParameterError, match=f"^The '{name}' parameter of ChurnProfit.cut"):
        ChurnProfit(budget=budget).cut(**{"y": [1, 0], "score": [0.9, 0.1], **arguments})


def test_values_of_a_dict_of_columns():
    table = {"age": np.arange(3.0), "worth": np.array([5, 6, 7])}
    np.testing.assert_array_equal(ChurnProfit("worth").values(table), [5.0, 6.0, 7.0])
    np.testing.assert_array_equal(ChurnProfit([1, 2, 3]).values(table), [1.0, 2.0, 3.0])
    with pytest.raises(ColumnNotFoundError, match="value='wort'.*Did you mean 'worth'"):
        ChurnProfit("wort").values(table)


def test_a_limit_is_reached_exactly():
    # Two contacts of 1 + 10 * 0.3 each, over four rows.
    profit = ChurnProfit(budget=2.0)
    assert profit.cut([1, 1, 1, 0], [4, 3, 2, 1]).target_fraction == 0.5
    assert profit.set_params(budget=1.99).cut([1, 1, 1, 0], [4, 3, 2, 1]).target_fraction == 0.25
