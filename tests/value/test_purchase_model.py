"""What all purchase models share: kinds of X, units, rows without purchases, intervals, searches."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV

from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.metrics import Estimate
from crmkit.value import BetaGeoNBD, CLVEstimator, GammaGamma, ModifiedBetaGeoNBD
from crmkit.value._pareto import ParetoNBD

MODELS = [BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD]
each_model = pytest.mark.parametrize("Model", MODELS)


@pytest.fixture(scope="module")
def log():
    return EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")


@pytest.fixture(scope="module")
def today(log):
    return log.snapshot("1997-10-01")


@pytest.fixture(scope="module")
def frame(today):
    return today.summary()


@each_model
def test_snapshots_and_their_summary_are_one_thing(Model, today, frame):
    on_rows, on_frame = Model().fit(today), Model().fit(frame)
    assert on_rows.loglik_ == pytest.approx(on_frame.loglik_, rel=1e-12)
    ours, theirs = on_rows.expected_purchases(today, "39W"), on_frame.expected_purchases(frame, 39)
    assert ours == pytest.approx(theirs, rel=1e-6)
    assert on_rows.fitted_on_[0] == today.log.fingerprint
    assert on_frame.fitted_on_ is None
    assert on_rows.n_rows_used_ == 2357


@each_model
def test_units_change_parameters_and_nothing_else(Model, today):
    weeks, days, years = (Model(time_unit=unit).fit(today) for unit in ("W", "D", "Y"))
    repeats = weeks._rows.weight @ weeks._rows.x
    for other, factor in ((days, 7.0), (years, 7 / 365.25)):
        assert other.alpha_ == pytest.approx(weeks.alpha_ * factor, rel=1e-5)
        # The density of times in another unit: one factor for each repeat purchase.
        assert other.loglik_ == pytest.approx(weeks.loglik_ - repeats * np.log(factor), rel=1e-10)
        assert other.expected_purchases(today[:50], "39W") == pytest.approx(
            weeks.expected_purchases(today[:50], "39W"), rel=1e-5
        )
        shrunk = Model(time_unit=other.time_unit, penalty=0.01).fit(today)
        assert shrunk.alpha_ == pytest.approx(Model(penalty=0.01).fit(today).alpha_ * factor, rel=1e-5)


@each_model
def test_the_other_kind_of_x_is_refused(Model, today, frame):
    with pytest.raises(ParameterError, match="fitted on Snapshots and got a frame"):
        Model().fit(today).expected_purchases(frame, "39W")
    with pytest.raises(ParameterError, match="fitted on a frame or array and got Snapshots"):
        Model().fit(frame).alive_probability(today)


@each_model
def test_several_rows_of_a_customer_count_once(Model, log, today):
    many = log.snapshots(["1997-04-01", "1997-07-01", "1997-10-01"])
    once, thrice = Model().fit(today), Model().fit(many)
    assert thrice.parameters_ == once.parameters_
    assert thrice.n_rows_used_ == 2357
    assert len(thrice.alive_probability(many)) == len(many)


@each_model
def test_rows_without_purchases_are_said_and_have_no_prediction(Model, log, today):
    frame = {"who": [*log.customers[:3].tolist(), -5], "day": ["1997-10-01"] * 4}
    X = log.snapshots_at(frame, customer="who", as_of="day")
    model = Model().fit(today)
    with pytest.warns(CrmkitWarning, match="1 of 4 rows"):
        found = model.expected_purchases(X, "39W")
    assert np.isnan(found).tolist() == [False, False, False, True]
    with pytest.warns(CrmkitWarning):
        assert np.isnan(model.predict_interval(X, horizon="39W", n_draws=100, random_state=0)[3]).all()


@each_model
def test_weights_are_repetitions(Model, frame):
    weight = np.arange(len(frame)) % 3
    heavy = Model().fit(frame, sample_weight=weight)
    long = Model().fit(frame.iloc[np.repeat(np.arange(len(frame)), weight)])
    assert heavy.parameters_ == pytest.approx(long.parameters_, rel=1e-9)
    assert heavy.loglik_ == pytest.approx(long.loglik_, rel=1e-12)
    assert heavy.bic_ == pytest.approx(long.bic_, rel=1e-12)
    assert heavy.score(frame, sample_weight=weight) == pytest.approx(heavy.loglik_ / weight.sum(), rel=1e-12)
    with pytest.raises(ParameterError, match="negative"):
        Model().fit(frame, sample_weight=weight - 1.0)


@each_model
def test_a_row_does_not_depend_on_the_others(Model, today):
    model = Model().fit(today)
    one = today[700:701]
    for name, arguments in (
        ("expected_purchases", ("39W",)),
        ("residual_purchases", (0.0027,)),
        ("alive_probability", ()),
    ):
        assert getattr(model, name)(today, *arguments)[700] == getattr(model, name)(one, *arguments)[0]
    options = {"horizon": "39W", "n_draws": 100, "random_state": 4}
    assert np.array_equal(model.predict_interval(today, **options)[700], model.predict_interval(one, **options)[0])


@each_model
def test_counts_add_up_to_one_and_to_the_expectation(Model, today):
    model = Model().fit(today)
    table = model.purchase_count_probability(today[:40], range(150), "39W")
    assert table.shape == (40, 150)
    assert table.sum(axis=1) == pytest.approx(np.ones(40), rel=1e-9)
    assert table @ np.arange(150) == pytest.approx(model.expected_purchases(today[:40], "39W"), rel=1e-8)
    assert model.purchase_count_probability(today[:40], 3, "39W") == pytest.approx(table[:, 3])


@each_model
def test_discounting_lies_between_nothing_and_all(Model, today):
    model, rows = Model().fit(today), today[:60]
    plain = model.expected_purchases(rows, "52W")
    assert model.discounted_purchases(rows, "52W", 0.0) == pytest.approx(plain, rel=1e-12)
    assert model.discounted_purchases(rows, "52W", 1e-9) == pytest.approx(plain, rel=1e-7)
    little = model.discounted_purchases(rows, "52W", 0.01)
    assert ((little < plain) & (little > plain * np.exp(-0.52))).all()
    # For ever is what a very long horizon comes to.
    for_ever = model.residual_purchases(rows, 0.01)
    assert model.discounted_purchases(rows, "10000W", 0.01) == pytest.approx(for_ever, rel=1e-8)


@each_model
def test_alive_falls_with_time(Model, today):
    model = Model().fit(today)
    paths = np.array([model.alive_probability(today[:200], after) for after in (0, "1D", "10W", "500W")])
    assert (np.diff(paths, axis=0) <= 0).all()
    assert ((paths >= 0) & (paths <= 1)).all()


@each_model
def test_new_customers_are_rows_that_have_just_begun(Model, frame):
    model = Model().fit(frame)
    new = model.new_customer_purchases(52)
    assert new == pytest.approx(model.expected_purchases(np.zeros((1, 3)), 52)[0], rel=1e-14)
    estimate = model.new_customer_purchases(52, coverage=0.9)
    assert isinstance(estimate, Estimate)
    assert estimate.low < estimate.value == new < estimate.high


@each_model
def test_samples_are_fitted_by_what_made_them(Model, frame):
    model = Model().fit(frame)
    made = model.sample(40_000, 39.0, random_state=0)
    again = Model().fit(made)
    assert made.frequency.mean() == pytest.approx(model.new_customer_purchases(39), rel=0.05)
    assert again.new_customer_purchases(39) == pytest.approx(model.new_customer_purchases(39), rel=0.05)
    assert made.alive.mean() == pytest.approx(again.alive_probability(made).mean(), abs=0.02)
    pd.testing.assert_frame_equal(made, model.sample(40_000, 39.0, random_state=0))
    lengths = np.linspace(1, 39, 50)
    assert model.sample(50, lengths, 0)["T"].to_numpy() == pytest.approx(lengths)
    assert lengths.flags.writeable
    assert len(model.sample(0, 39.0, 0)) == 0


@each_model
def test_outcomes_spread_wider_than_means(Model, today):
    model = Model().fit(today)
    options = {"n_draws": 1_000, "random_state": 0}
    outcome = model.total_purchases(today, "39W", **options)
    mean = model.total_purchases(today, "39W", kind="mean", **options)
    assert outcome.value == mean.value == pytest.approx(model.expected_purchases(today, "39W").sum())
    assert outcome.high - outcome.low > mean.high - mean.low > 0
    options["n_draws"] = 200
    ends = model.predict_interval(today, horizon="39W", **options)
    assert ends.shape == (2357, 2)
    assert (ends == np.floor(ends)).all()
    means = model.predict_interval(today, horizon="39W", kind="mean", **options)
    expected = model.expected_purchases(today, "39W")
    assert ((means[:, 0] < expected) & (expected < means[:, 1])).mean() > 0.95


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # some of so few customers tell too little
@each_model
def test_intervals_hold_what_they_promise(Model, frame):
    """Twelve data sets; benchmarks/studies/coverage.py has a thousand."""
    model = Model().fit(frame)
    held = []
    for seed in range(12):
        truth = model.sample(600, 39.0, random_state=seed)
        X = truth[["frequency", "recency", "T"]]
        draws = Model().fit(X).sample_posterior(300, seed).interval(0.9)
        held += [draws[name].low <= getattr(model, f"{name}_") <= draws[name].high for name in draws]
    # 48 intervals, not independent within a data set: .9 less four standard errors of twelve.
    assert np.mean(held) > 0.9 - 4 * np.sqrt(0.09 / 12)


@each_model
def test_a_search_finds_a_penalty(Model, today):
    search = GridSearchCV(Model(), {"penalty": [0.0, 10.0]}, cv=3).fit(today)
    assert search.best_params_ == {"penalty": 0.0}
    assert search.best_score_ == pytest.approx(Model().fit(today).score(today), abs=0.1)


@each_model
def test_customers_who_never_return_are_said_to_tell_nothing(Model):
    X = np.column_stack([np.zeros(30), np.zeros(30), np.linspace(5, 30, 30)])
    with pytest.warns(ConvergenceWarning, match="penalty=1e-3"):
        model = Model().fit(X)
    assert not model.converged_
    assert np.isfinite(model.loglik_)
    assert np.isfinite(model.expected_purchases(X, 10)).all()


@each_model
def test_nothing_to_learn_from_is_refused(Model, today):
    with pytest.raises(ParameterError, match="X has none"):
        Model().fit(np.empty((0, 3)))
    with pytest.raises(ParameterError, match="X has none"):
        Model().fit(today[:0])
    with pytest.raises(NotFittedError):
        Model().expected_purchases(today, "39W")


@each_model
def test_predictions_of_no_rows_are_empty(Model, today):
    model = Model().fit(today)
    assert model.expected_purchases(today[:0], "39W").shape == (0,)
    assert model.predict_interval(today[:0], horizon="39W", n_draws=100, random_state=0).shape == (0, 2)


@each_model
def test_bad_arguments_are_named(Model, today):
    model = Model().fit(today)
    for call, name in (
        (lambda: model.residual_purchases(today, 0.0), "delta"),
        (lambda: model.purchase_count_probability(today, -1, "39W"), "n"),
        (lambda: model.predict_interval(today, 1.0, horizon="39W"), "coverage"),
        (lambda: model.predict_interval(today, horizon="39W", kind="both"), "kind"),
        (lambda: model.expected_purchases(today, 39), "horizon"),
    ):
        with pytest.raises(ParameterError, match=f"'?{name}"):
            call()


@pytest.mark.parametrize(
    "fit",
    [
        lambda X: BetaGeoNBD().fit(X),
        lambda X: ParetoNBD().fit(X),
        lambda X: ModifiedBetaGeoNBD(regularity="auto").fit({**X, "sum_log_gaps": np.zeros(30)}),
        lambda X: CLVEstimator(ParetoNBD(), GammaGamma(penalty=1), horizon=10).fit(X),
    ],
    ids=["own", "with covariates", "several regularities", "within another"],
)
def test_a_fit_without_maximum_warns_once_and_of_the_callers_line(fit):
    x = np.r_[np.zeros(28), 1.0, 1.0]
    X = {"frequency": x, "recency": 20.0 * x, "T": np.full(30, 20.0), "monetary_value": 5.0 * x}
    with pytest.warns(ConvergenceWarning) as caught:
        fit(X)
    assert [one.filename for one in caught if one.category is ConvergenceWarning] == [__file__]


def test_rows_without_purchase_are_warned_of_once_and_at_the_callers_line(log, today):
    nobody = pd.DataFrame({"who": [4], "day": pd.to_datetime(["1996-06-01"])})
    X = log.snapshots_at(nobody, customer="who", as_of="day")
    model = BetaGeoNBD().fit(today)
    for predict in (
        lambda: model.alive_probability(X),
        lambda: model.purchase_count_probability(X, [0, 1, 2], "9W"),
        lambda: model.total_purchases(X, "9W", random_state=0),
    ):
        with pytest.warns(CrmkitWarning) as caught:
            predict()
        assert [one.filename for one in caught] == [__file__]


def test_scores_weigh_every_kind_of_frame(frame):
    model = BetaGeoNBD().fit(frame)
    weight = np.arange(1.0, len(frame) + 1)
    wanted = model.score(frame, sample_weight=weight)
    columns = {name: frame[name].to_numpy() for name in ("frequency", "recency", "T")}
    assert model.score(columns, sample_weight=weight) == wanted
    with pytest.raises(ParameterError, match="needs rows with a purchase and weight"):
        model.score(frame, sample_weight=np.zeros(len(frame)))
    with pytest.raises(ParameterError, match="needs rows with a purchase and weight"):
        model.score(frame[:0])
    with pytest.raises(ParameterError, match="must not be negative"):
        model.score(frame, sample_weight=-weight)
    with pytest.raises(ParameterError, match="0 in all 2,357 rows"):
        BetaGeoNBD().fit(frame, sample_weight=np.zeros(len(frame)))


@pytest.mark.parametrize("n", [[], 10**30, [10**17]])
def test_numbers_of_purchases_that_there_are_not(frame, n):
    with pytest.raises(ParameterError, match="'n' parameter"):
        BetaGeoNBD().fit(frame).purchase_count_probability(frame, n, 9.0)


@each_model
def test_totals_do_not_depend_on_the_order_of_rows(Model, frame):
    model = Model().fit(frame)
    shuffled = frame.sample(frac=1.0, random_state=0)
    options = {"n_draws": 100, "random_state": 0}
    assert repr(model.total_purchases(frame, 39, **options)) == repr(model.total_purchases(shuffled, 39, **options))
