"""The donors of Fader, Hardie and Shang, and what a model of opportunities owes its users."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from crmkit import EventLog
from crmkit.exceptions import ParameterError
from crmkit.value import BetaGeoBetaBinomial
from crmkit.value._rows import Rows, frozen

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "beta_geo_beta_binomial.json").read_text())
COLUMNS = ["frequency", "recency", "n_periods"]


def donors():
    return pd.DataFrame(GOLDEN["rows"], columns=GOLDEN["columns"])


@pytest.fixture(scope="module", name="frame")
def donor_frame():
    return donors()


@pytest.fixture(scope="module", name="model")
def donor_model():
    frame = donors()
    return BetaGeoBetaBinomial().fit(frame, sample_weight=frame["customers"])


def histories(case):
    return np.column_stack(np.broadcast_arrays(*(case[name] for name in COLUMNS))).astype(float)


def predictions_at(parameters, cases, horizon, delta=0.0):
    table = np.atleast_2d(np.asarray(cases, dtype=float))
    rows = Rows(*(frozen(column) for column in table.T), frozen(np.ones(len(table))))
    return BetaGeoBetaBinomial()._discounted(rows, frozen(list(parameters.values())), float(horizon), delta)


# ---------------------------------------------------------------------------------- published numbers


def test_golden_table_is_the_data(data_folder, frame):
    table = pd.read_csv(data_folder / "donations" / "donations_rf.csv")
    assert (table.to_numpy() == frame.to_numpy()).all()
    annual = pd.read_csv(data_folder / "donations" / "donations_annual.csv")
    assert annual["donations"].tolist() == GOLDEN["annual"]


def test_estimates_are_the_published_ones(model):
    assert model.loglik_ == pytest.approx(GOLDEN["loglik"], abs=6e-5)
    for name, value in GOLDEN["parameters"].items():
        # The published optimiser stopped within five millionths of the maximum.
        assert getattr(model, f"{name}_") == pytest.approx(value, rel=5e-6)
    assert model.converged_
    assert model.n_rows_used_ == 22
    assert model.aic_ == pytest.approx(8 + 2 * 33225.5813, abs=1e-3)


def test_predictions_are_the_published_ones(model, frame):
    total = float(frame["customers"] @ model.expected_purchases(frame, 5))
    assert round(total, 1) == GOLDEN["total_5_periods"]["expected"]
    assert frame["holdout_transactions"].sum() == GOLDEN["total_5_periods"]["actual"]
    case = GOLDEN["alive_next_period"]
    assert model.alive_probability(histories(case), after=1).round(2).tolist() == case["values"]
    case = GOLDEN["fitted_frequency"]
    fitted = frame["customers"].sum() * model.purchase_count_probability([[0, 0, 0]], case["frequency"], 6)[0]
    assert fitted.round(1).tolist() == case["values"]


def test_predictions_at_the_point_where_others_stopped():
    case = GOLDEN["stopped_short"]
    new = [predictions_at(case["parameters"], [[0, 0, 0]], horizon)[0] for horizon in range(12)]
    # Half a unit of the last digit, and what solving for the parameters leaves.
    assert np.abs(11_104 * np.diff(new) - case["expected_per_year"]).max() < 6e-4
    assert new[10] == pytest.approx(case["new_customer_10_periods"], abs=6e-7)
    later = case["expected_10_periods"]
    np.testing.assert_allclose(predictions_at(case["parameters"], histories(later), 10), later["values"], atol=6e-7)
    frame = donors()
    rows = Rows(*(frozen(frame[name].to_numpy(float)) for name in [*COLUMNS, "customers"]))
    value, _ = BetaGeoBetaBinomial()._sums(rows, frozen(list(case["parameters"].values())))
    assert value == pytest.approx(GOLDEN["loglik"], abs=1e-4)


def test_residual_purchases_are_the_published_ones():
    case = GOLDEN["residual"]
    values = predictions_at(case["parameters"], histories(case), np.inf, np.log1p(case["effective_rate"]))
    np.testing.assert_allclose(values, case["values"], atol=6e-7)


def test_alive_probability_falls_by_the_share_that_leaves(model, frame):
    now, later = model.alive_probability(frame), model.alive_probability(frame, after=1)
    n = frame["n_periods"]
    np.testing.assert_allclose(later / now, (model.delta_ + n) / (model.gamma_ + model.delta_ + n), rtol=1e-12)
    assert (now[frame["recency"] == 6] == 1).all()


# ------------------------------------------------------------------------------------------- fitting


def test_weights_are_replicated_rows(model, frame):
    many = frame.loc[frame.index.repeat(frame["customers"])].sample(frac=1, random_state=0)
    alone = BetaGeoBetaBinomial().fit(many[COLUMNS])
    assert alone.parameters_ == model.parameters_
    assert alone.loglik_ == model.loglik_
    assert alone.n_rows_used_ == 11_104
    weighted = model.score(frame, sample_weight=frame["customers"])
    assert weighted == pytest.approx(model.loglik_ / 11_104, rel=1e-12)
    assert model.score(many) == pytest.approx(weighted, rel=1e-12)


def test_arrays_and_frames_are_the_same(model, frame):
    assert (model.expected_purchases(frame[COLUMNS].to_numpy(), 3) == model.expected_purchases(frame, 3)).all()
    shuffled = frame.sample(frac=1, random_state=1)
    assert (model.expected_purchases(shuffled, 3) == model.expected_purchases(frame, 3)[shuffled.index]).all()
    one_by_one = [model.expected_purchases(frame[i : i + 1], 3)[0] for i in range(len(frame))]
    assert one_by_one == model.expected_purchases(frame, 3).tolist()


def test_own_parameters_are_found_again():
    truth = pd.Series({"alpha": 2.0, "beta": 5.0, "gamma": 0.8, "delta": 6.0})
    model = BetaGeoBetaBinomial().fit(donors(), sample_weight=donors()["customers"])
    model._theta = np.log(truth.to_numpy())
    customers = model.sample(20_000, 24, random_state=3)
    assert customers.columns.tolist() == [*COLUMNS, "alive", "purchase_rate", "dropout_probability"]
    found = BetaGeoBetaBinomial().fit(customers)
    z = (np.array(list(found.parameters_.values())) - truth) / found.standard_errors_
    assert np.abs(z).max() < 3.5
    # Chance of being alive: right on average wherever it says so.
    said = found.alive_probability(customers)
    bins = np.digitize(said, [0.1, 0.3, 0.5, 0.7, 0.9])
    for group in np.unique(bins):
        seen = customers["alive"][bins == group]
        assert abs(seen.mean() - said[bins == group].mean()) < 4 * np.sqrt(0.25 / len(seen))
    rates = found.customer_rates(customers)
    for name in ("purchase_rate", "dropout_probability"):
        assert rates[name].mean() == pytest.approx(customers[name].mean(), rel=0.06)
        assert np.corrcoef(rates[name], customers[name])[0, 1] > 0.15


def test_many_opportunities():
    rng = np.random.default_rng(0)
    n = 2_000.0
    p, lived = rng.beta(2, 30, 3_000), np.minimum(rng.geometric(rng.beta(1.5, 600, 3_000)) - 1, n)
    x = rng.binomial(lived.astype(int), p)
    # The last of x uniform places among the opportunities lived through.
    t_x = np.array(
        [np.sort(rng.choice(int(m), k, replace=False))[-1] + 1.0 if k else 0.0 for m, k in zip(lived, x, strict=True)]
    )
    model = BetaGeoBetaBinomial().fit(np.column_stack([x, t_x, np.full(3_000, n)]))
    assert model.converged_
    errors = model.standard_errors_
    truth = [2.0, 30.0, 1.5, 600.0]
    assert (np.abs(np.array(list(model.parameters_.values())) - truth) < 4 * errors).all()


def test_data_that_tell_nothing_say_so():
    with pytest.warns(ConvergenceWarning, match="no maximum"):
        model = BetaGeoBetaBinomial().fit([[0, 0, 4]] * 30)
    assert not model.converged_
    assert np.isfinite(model.expected_purchases([[0, 0, 4]], 3)).all()
    helped = BetaGeoBetaBinomial(penalty=1e-3).fit([[0, 0, 4]] * 30)
    assert helped.converged_


def test_posterior_and_intervals(model, frame):
    posterior = model.sample_posterior(1000, random_state=0)
    assert posterior.pareto_k < 0.7
    np.testing.assert_allclose(posterior.mean(), list(model.parameters_.values()), rtol=0.05)
    np.testing.assert_allclose(posterior.sd(), model.standard_errors_, rtol=0.25)
    ends = model.predict_interval(frame, horizon=5, random_state=0)
    expected = model.expected_purchases(frame, 5)
    assert (ends[:, 0] <= expected + 1e-9).all()
    assert (ends[:, 1] >= np.floor(expected)).all()
    assert ends.max() <= 5
    again = model.predict_interval(frame[::-1], horizon=5, random_state=0)
    assert (again[::-1] == ends).all()
    mean = model.predict_interval(frame, horizon=5, kind="mean", random_state=0)
    assert ((mean[:, 0] < expected) & (expected < mean[:, 1])).all()
    weighted = model.total_purchases(frame, 5, random_state=0)
    assert weighted.low < weighted.value < weighted.high


def test_residual_purchases_are_the_limit_of_long_horizons(model, frame):
    endless = model.residual_purchases(frame, 0.05)
    np.testing.assert_allclose(model.discounted_purchases(frame, 1_500, 0.05), endless, rtol=1e-12)
    assert (model.discounted_purchases(frame, 7, 0.0) == model.expected_purchases(frame, 7)).all()
    ladder = [model.discounted_purchases(frame, m, 0.05) for m in (1, 5, 20)]
    assert (ladder[0] < ladder[1]).all()
    assert (ladder[1] < ladder[2]).all()


# ----------------------------------------------------------------------------------------- snapshots


@pytest.fixture(scope="module", name="log")
def yearly_log():
    """Gifts of the first days of years, customer c at the years whose bit is set in c."""
    rows = [(c, f"{2010 + year}-01-05") for c in range(1, 64) for year in range(6) if c >> year & 1]
    frame = pd.DataFrame(rows, columns=["customer", "time"]).assign(value=1.0)
    return EventLog.from_frame(frame, customer="customer", time="time", value="value", observed_until="2015-12-31")


def test_opportunities_are_periods_counted_back(log):
    X = log.snapshot("2015-12-31")
    model = BetaGeoBetaBinomial(period="365D", penalty=1e-3).fit(X)
    rows = model._rows
    expected = []
    for c in X.customer_id.tolist():
        years = [year for year in range(6) if c >> year & 1]
        expected.append((len(years) - 1, years[-1] - years[0], 5 - years[0]))
    found = sorted(zip(rows.x.tolist(), rows.t_x.tolist(), rows.T.tolist(), rows.weight.tolist(), strict=True))
    distinct, counts = np.unique(np.array(expected, dtype=float), axis=0, return_counts=True)
    assert found == [(*row, float(count)) for row, count in zip(distinct.tolist(), counts, strict=True)]
    frame = pd.DataFrame(expected, columns=COLUMNS)
    same = BetaGeoBetaBinomial(penalty=1e-3).fit(frame)
    assert same.parameters_ == model.parameters_
    assert (model.expected_purchases(X, "730D") == same.expected_purchases(frame, 2)).all()
    assert (model.alive_probability(X, after="365D") == same.alive_probability(frame, after=1)).all()


def test_horizons_are_whole_numbers_of_opportunities(log, model, frame):
    on_log = BetaGeoBetaBinomial(period="365D", penalty=1e-3).fit(log.snapshot("2015-12-31"))
    with pytest.raises(ParameterError, match="horizon='52W' is not a whole number of periods of 365D"):
        on_log.expected_purchases(log.snapshot("2015-12-31"), "52W")
    with pytest.raises(ParameterError, match=r"horizon=2\.5.*whole number"):
        model.expected_purchases(frame, 2.5)
    with pytest.raises(ParameterError, match="fitted on a frame"):
        model.expected_purchases(frame, "365D")
    with pytest.raises(ParameterError, match="whole numbers"):
        model.sample(3, np.array([1.0, 2.5, 3.0]))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1, 2.5, 6], "recency is not a whole number"),
        ([1, 2, 6.5], "n_periods is not a whole number"),
        ([3, 2, 6], "frequency is above recency"),
        ([0, 2, 6], "frequency is 0 but recency is not"),
        ([1, 0, 6], "frequency is above 0 but recency is 0"),
        ([1, 7, 6], "recency is above n_periods"),
        ([1.5, 2, 6], "frequency is not a whole number"),
        ([-1, 0, 6], "frequency is negative"),
    ],
)
def test_impossible_histories_are_refused(row, message):
    with pytest.raises(ParameterError, match=message):
        BetaGeoBetaBinomial().fit([[0, 0, 6], row])


def test_a_table_of_continuous_times_is_refused():
    frame = pd.DataFrame({"frequency": [1], "recency": [2.0], "T": [3.0]})
    with pytest.raises(ValueError, match="n_periods"):
        BetaGeoBetaBinomial().fit(frame)


def test_parameters_of_the_constructor_are_checked(frame):
    with pytest.raises(ParameterError, match="period"):
        BetaGeoBetaBinomial(period="1Y").fit(frame)
    with pytest.raises(ValueError, match="penalty"):
        BetaGeoBetaBinomial(penalty=-1).fit(frame)
    assert clone(BetaGeoBetaBinomial(period="7D")).get_params() == {"max_iter": 200, "penalty": 0.0, "period": "7D"}
