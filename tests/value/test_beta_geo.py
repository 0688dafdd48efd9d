from __future__ import annotations

import json
import warnings
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning

from crmkit.datasets import load_cdnow
from crmkit.events import EventLog
from crmkit.exceptions import ParameterError
from crmkit.value import BetaGeoNBD, ModifiedBetaGeoNBD

GOLDEN = Path(__file__).parents[1] / "golden"
BG, MBG, ERLANG = (
    json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8")) for name in ("bg_nbd", "mbg_nbd", "erlang_k")
)
BOTH = pytest.mark.parametrize(("model", "golden"), [(BetaGeoNBD, BG), (ModifiedBetaGeoNBD, MBG)], ids=["BG", "MBG"])
LETTERS = ("r", "alpha", "a", "b")


def parameters(model):
    return np.array([model.r_, model.alpha_, model.a_, model.b_])


def log_of_cdnow():
    return EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")


@pytest.fixture(scope="module")
def today():
    return log_of_cdnow().snapshot("1997-10-01", horizon="39W")


@pytest.fixture(scope="module")
def summary(today):
    return today.summary()[["frequency", "recency", "T"]]


def fitted_at(model, found):
    """A model that has the published parameters: what they imply is then published too."""
    estimator = model().fit([[1.0, 3.0, 10.0], [0.0, 0.0, 10.0], [2.0, 5.0, 9.0], [4.0, 5.0, 20.0]])
    estimator._theta = np.log([found[letter] for letter in LETTERS]) - estimator._shift()
    for letter in LETTERS:
        setattr(estimator, f"{letter}_", found[letter])
    return estimator


@pytest.fixture(scope="module")
def published():
    def at(model, found):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return fitted_at(model, found)

    return at


def row(x, t_x, T):
    return np.array([[x, t_x, T]], dtype=float)


def printed(value):
    """What rounds to a published value, by the digits that it has."""
    return pytest.approx(value, rel=0, abs=0.501 * 10.0 ** Decimal(repr(value)).as_tuple().exponent)


# ------------------------------------------------------------------------------------- published


@BOTH
def test_cdnow(model, golden, today):
    found = model().fit(today)
    np.testing.assert_allclose(parameters(found), list(golden["cdnow"]["parameters"].values()), rtol=2e-6)
    assert found.loglik_ == pytest.approx(golden["cdnow"]["loglik"], abs=6e-5)
    assert found.converged_
    if "standard_errors" in golden["cdnow"]:
        np.testing.assert_allclose(found.standard_errors_, list(golden["cdnow"]["standard_errors"].values()), rtol=5e-4)


def test_cdnow_rounded(data_folder):
    found = BetaGeoNBD().fit(pd.read_csv(data_folder / "cdnow" / "cdnow_summary_39w.csv"))
    np.testing.assert_allclose(parameters(found), list(BG["cdnow_rounded"]["parameters"].values()), rtol=2e-6)
    assert found.loglik_ == pytest.approx(BG["cdnow_rounded"]["loglik"], abs=6e-5)


@BOTH
def test_values_at_cdnow(model, golden, summary):
    values, at = golden["values"], model().fit(summary)
    best = row(*(values["customer_1516"][name] for name in ("frequency", "recency", "T")))
    for weeks, truth in zip(values["new_customer"]["weeks"], values["new_customer"]["values"], strict=True):
        assert at.new_customer_purchases(weeks) == printed(truth)
    assert at.expected_purchases(best, 52)[0] == printed(values["expected_52_weeks_1516"])
    assert at.alive_probability(best)[0] == printed(values["alive_1516"])
    assert at.alive_probability(row(0, 0, 39))[0] == printed(values["alive_without_repeats"]["value"])
    second = values["expected_39_weeks"]
    found = at.expected_purchases(row(second["frequency"], second["recency"], second["T"]), 39)[0]
    assert found == printed(second["value"])
    late = values["expected_52_weeks"]
    found = at.expected_purchases([[x, late["recency"], late["T"]] for x in late["frequency"]], 52)
    assert found.tolist() == [printed(value) for value in late["values"]]
    residual = values["residual"]
    assert at.residual_purchases(best, residual["delta"])[0] == printed(residual["customer_1516"])
    second = residual["second"]
    found = at.residual_purchases(row(second["frequency"], second["recency"], second["T"]), residual["delta"])[0]
    assert found == printed(second["value"])


@BOTH
def test_holdout(model, golden, today):
    at, actual = model().fit(today), today.future_purchases()
    expected = at.expected_purchases(today, "39W")
    assert actual.sum() == golden["values"]["holdout"]["actual"]
    assert expected.sum() == pytest.approx(golden["values"]["holdout"]["total"], abs=0.006)
    assert np.abs(expected - actual).mean() == pytest.approx(
        golden["values"]["holdout"]["mean_absolute_error"], abs=6e-6
    )


@BOTH
def test_new_customers(model, golden, summary):
    at, table = model().fit(summary), golden["new_customer"]
    for weeks, truth in zip(table["weeks"], table["values"], strict=True):
        assert at.new_customer_purchases(weeks) == printed(truth)


def test_counts(published):
    table = BG["count_probability"]
    at, new = published(BetaGeoNBD, table["parameters"]), row(0, 0, 0)
    assert at.purchase_count_probability(new, 10, 2)[0] == pytest.approx(table["ten_in_two"], rel=1e-5)
    assert at.purchase_count_probability(new, 0, 39)[0] == pytest.approx(table["none_in_39"], abs=5e-8)
    found = at.purchase_count_probability(new, [11, 20], 30)[0]
    np.testing.assert_allclose(found, [table["in_30"]["first_value"], table["in_30"]["last_value"]], atol=6e-11)
    table = MBG["count_probability"]
    at = published(ModifiedBetaGeoNBD, MBG["cdnow"]["parameters"])
    # The first purchase is behind a customer who is seen; one who may leave at time 0 is new with T = 0.
    found = at.purchase_count_probability(new, [0, 1, 2, 3], table["weeks"])[0]
    np.testing.assert_allclose(found, table["values"], atol=6e-7)


def test_holdout_by_frequency(today):
    table = BG["holdout_by_frequency"]
    expected, actual = BetaGeoNBD().fit(today).expected_purchases(today, "39W"), today.future_purchases()
    group = np.minimum(today.summary()["frequency"].to_numpy(), 7).astype(int)
    assert np.bincount(group).tolist() == table["customers"]
    np.testing.assert_allclose(np.bincount(group, actual) / np.bincount(group), table["actual"], atol=6e-4)
    np.testing.assert_allclose(np.bincount(group, expected) / np.bincount(group), table["expected"], atol=6e-4)


def test_hard_cases(published):
    hard = BG["hard"]
    table = hard["loglik"]
    rows = np.column_stack([table["frequency"], table["recency"], table["T"]]).astype(float)
    at = published(BetaGeoNBD, table["parameters"])
    for one, truth in zip(rows, table["values"], strict=True):
        assert at.score(one[None]) == pytest.approx(truth, abs=6e-9 * max(1, abs(truth)))
    table = hard["expected"]
    at = published(BetaGeoNBD, table["parameters"])
    for x, t_x, T, horizon, truth in zip(
        *(table[name] for name in ("frequency", "recency", "T", "horizon", "values")), strict=True
    ):
        assert at.expected_purchases(row(x, t_x, T), horizon)[0] == pytest.approx(truth, abs=6e-7)
    table = hard["a_plus_b_below_one"]
    at = published(BetaGeoNBD, table["parameters"])
    found = at.expected_purchases(row(table["frequency"], table["recency"], table["T"]), table["horizon"])[0]
    assert found == pytest.approx(table["value"], abs=6e-7)


@pytest.fixture(scope="module")
def grocery(data_folder):
    frame = pd.read_csv(data_folder / "grocery" / "grocery_elog.csv")
    log = EventLog.from_frame(frame, customer="cust", time="date", observed_until="2007-12-31")
    return log.snapshot("2007-01-01", horizon="52W")


def test_grocery(grocery):
    truth = ERLANG["grocery"]
    assert len(grocery) == truth["customers"]
    assert grocery.future_purchases().sum() == truth["holdout_days"]
    read = grocery.summary(gaps=True)
    assert read["frequency"].sum() == truth["repeat_days"]
    assert read["sum_log_gaps"].sum() == printed(truth["sum_of_log_gaps"])
    assert BetaGeoNBD().fit(grocery).loglik_ == pytest.approx(BG["grocery"]["loglik"], abs=6e-4)
    found = ModifiedBetaGeoNBD().fit(grocery)
    assert found.loglik_ == pytest.approx(MBG["grocery"]["loglik"], abs=6e-4)
    np.testing.assert_allclose(parameters(found), list(MBG["grocery"]["parameters"].values()), rtol=3e-6)
    for model, name in [(BetaGeoNBD, "bg_cnbd_2"), (ModifiedBetaGeoNBD, "mbg_cnbd_2")]:
        found = model(regularity=2).fit(grocery)
        assert found.loglik_ == pytest.approx(truth[name]["loglik"], abs=6e-4)
        np.testing.assert_allclose(parameters(found), list(truth[name]["parameters"].values()), rtol=3e-6)
    assert ModifiedBetaGeoNBD(regularity=3).fit(grocery).loglik_ == pytest.approx(
        truth["mbg_cnbd_3"]["loglik"], abs=6e-4
    )
    best = ModifiedBetaGeoNBD(regularity="auto").fit(grocery)
    assert best.regularity_ == truth["best_k"]
    # BTYDplus rescales an approximation to the mean of the batch; without it the forecast is nearer.
    forecast, others = best.expected_purchases(grocery, "52W").sum(), ERLANG["grocery_forecasts"]
    assert others["actual"] < forecast < others["mbg_cnbd_k"]
    assert (parameters(best) == parameters(ModifiedBetaGeoNBD(regularity=2).fit(grocery))).all()


# ------------------------------------------------------------------------------------ invariances


def wrapped(model, start):
    """The model, made to start at a place of our choice."""

    class Hostile(model):
        def _start(self, rows):
            return np.array(start)

    return Hostile


@pytest.mark.parametrize(
    "start", [(1e-3, 1e-3, 1e-3, 1e-3), (1e3, 1e4, 1e3, 1e3), (1e-3, 1e4, 50, 1e-3), (20, 1e-2, 1e-3, 40)]
)
@BOTH
def test_hostile_starts_lead_to_the_same_maximum_or_say_why(model, golden, start, summary):
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found = wrapped(model, start)(max_iter=1000).fit(summary)
    if found.converged_:
        np.testing.assert_allclose(parameters(found), list(golden["cdnow"]["parameters"].values()), rtol=3e-5)
    else:
        assert any(issubclass(one.category, ConvergenceWarning) for one in said)


@pytest.mark.parametrize("regularity", [1, 2])
@BOTH
def test_units_of_time(model, golden, regularity, today):
    """Weeks, days, years: the same likelihood up to its Jacobian, the same predictions."""
    weeks = model(regularity=regularity, penalty=1e-4).fit(today)
    for unit, factor in [("D", 7.0), ("Y", 7 / 365.25)]:
        other = model(regularity=regularity, penalty=1e-4, time_unit=unit).fit(today)
        np.testing.assert_allclose(parameters(other), parameters(weeks) * [1, factor, 1, 1], rtol=1e-6)
        purchases = today.summary()["frequency"].sum()
        assert other.loglik_ == pytest.approx(weeks.loglik_ - purchases * np.log(factor), rel=1e-10)
        np.testing.assert_allclose(
            other.expected_purchases(today[:50], "52W"), weeks.expected_purchases(today[:50], "52W"), rtol=1e-6
        )
        np.testing.assert_allclose(other.alive_probability(today[:50]), weeks.alive_probability(today[:50]), rtol=1e-6)


@BOTH
def test_order_and_repetition_of_rows_change_nothing(model, golden, summary):
    order = np.random.default_rng(0).permutation(len(summary))
    one, other = model().fit(summary), model().fit(summary.iloc[order])
    assert (parameters(one) == parameters(other)).all()
    assert one.loglik_ == other.loglik_
    assert (one.expected_purchases(summary, 20)[order] == other.expected_purchases(summary.iloc[order], 20)).all()
    assert (one.expected_purchases(summary[:7], 20) == one.expected_purchases(summary, 20)[:7]).all()


@BOTH
def test_weights_are_replications(model, golden, summary):
    weight = np.random.default_rng(0).integers(0, 4, len(summary))
    one = model().fit(summary, sample_weight=weight)
    other = model().fit(summary.iloc[np.repeat(np.arange(len(summary)), weight)])
    np.testing.assert_allclose(parameters(one), parameters(other), rtol=1e-9)
    assert one.loglik_ == pytest.approx(other.loglik_, rel=1e-13)
    np.testing.assert_allclose(one.standard_errors_, other.standard_errors_, rtol=1e-7)


@BOTH
def test_one_phase_is_the_plain_model_bit_for_bit(model, golden, today):
    plain, auto = model().fit(today), model(regularity="auto").fit(today)
    assert auto.regularity_ == 1  # buyers of music are irregular
    assert (parameters(plain) == parameters(auto)).all()
    assert plain.loglik_ == auto.loglik_
    assert (plain.expected_purchases(today, "9W") == auto.expected_purchases(today, "9W")).all()


def test_the_gaps_do_not_move_the_estimates(today):
    """Without the column of log gaps only the likelihood lacks their factor."""
    with_gaps = ModifiedBetaGeoNBD(regularity=2).fit(today.summary(gaps=True))
    without = ModifiedBetaGeoNBD(regularity=2).fit(today.summary())
    np.testing.assert_allclose(parameters(with_gaps), parameters(without), rtol=1e-12)
    assert with_gaps.loglik_ != without.loglik_


# --------------------------------------------------------------------------------------- bad data


@pytest.mark.parametrize(
    "table",
    [
        [[0, 0, 10.0]],
        [[0, 0, 10.0], [0, 0, 30.0]],
        [[3, 10.0, 10.0]],
        [[1, 5.0, 5.0], [1, 5.0, 5.0]],
        [[20_000, 300.0, 300.0], [0, 0, 300.0]],
        [[5, 1e-6, 1e4], [2, 1e4, 1e4]],
        [[0, 0, 0.0], [0, 0, 0.0]],
        [[1, 3.0, 4.0], [0, 0, 4.0], [7, 4.0, 4.0]],
    ],
)
@BOTH
def test_tiny_and_degenerate_data_converge_or_say_why(model, golden, table):
    table = np.array(table, dtype=float)
    for regularity in (1, 2):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = model(regularity=regularity).fit(table)
        assert found.converged_ or any(issubclass(one.category, ConvergenceWarning) for one in said)
        assert np.isfinite([*parameters(found), found.loglik_]).all()
        assert np.isfinite(found.expected_purchases(table, 10)).all()
        assert np.isfinite(found.alive_probability(table, 5)).all()
        calm = model(regularity=regularity, penalty=0.1).fit(table)
        assert calm.converged_


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ([[1, 0.0, 5.0]], "frequency is above 0 but recency is 0"),
        ([[0, 1.0, 5.0]], "frequency is 0 but recency is not"),
        ([[1, 6.0, 5.0]], "recency is above T"),
        ([[0.5, 1.0, 5.0]], "whole number"),
        ([[-1, 1.0, 5.0]], "negative"),
        ([[1, np.nan, 5.0]], "missing or infinite"),
    ],
)
def test_what_no_history_can_be_is_refused(table, message):
    with pytest.raises(ParameterError, match=message):
        BetaGeoNBD().fit(np.array(table))


def test_rfm_tables_are_refused(today):
    from crmkit.features import RFMTransformer

    with pytest.raises(ParameterError, match=r"X\.summary\(\)"):
        BetaGeoNBD().fit(RFMTransformer().fit_transform(today))


def test_auto_needs_gaps(summary):
    with pytest.raises(ParameterError, match="sum_log_gaps"):
        BetaGeoNBD(regularity="auto").fit(summary)
