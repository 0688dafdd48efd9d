from __future__ import annotations

import pickle
import warnings
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.utils import estimator_checks as sklearn_checks
from sklearn.utils import get_tags

from crmkit.datasets import load_cdnow
from crmkit.events import EventLog
from crmkit.exceptions import FewLevelsWarning, ParameterError
from crmkit.features import RFM_CLASSES, RFM_SEGMENTS, RFMTransformer, SegmentRule, SegmentTable
from crmkit.testing import estimator_checks, logs, snapshots

VALUES = ["recency_days", "frequency", "monetary"]
SCORES = ["recency_score", "frequency_score", "monetary_score"]
DAY = pd.Timedelta(days=1)
MICROSECOND = pd.Timedelta(microseconds=1)

quiet = pytest.mark.filterwarnings("ignore::crmkit.exceptions.FewLevelsWarning")


def naive_row(events, as_of, collapse, monetary):
    """Recency, frequency and money of one customer, event by event, amounts as exact fractions."""
    length = {"D": DAY, "W": 7 * DAY, None: MICROSECOND}[collapse]
    seen = [((as_of - time - MICROSECOND) // length, Fraction(amount)) for time, amount in events if time < as_of]
    bought = [period for period, amount in seen if amount >= 0]
    if not bought:
        return np.nan, 0.0, 0.0 if monetary == "sum" else np.nan
    # A refund lowers a purchase period at or before it: an earlier one has a larger number.
    money = sum(amount for period, amount in seen if amount >= 0 or max(bought) >= period)
    frequency = len(set(bought))
    return (min(bought) + 1) * length / DAY, frequency, float(money / (frequency if monetary == "mean" else 1))


def naive_values(X, collapse="D", monetary="sum"):
    frame = X.log.to_frame()
    histories = {who: list(zip(own["time"], own["value"], strict=True)) for who, own in frame.groupby("customer")}
    rows = [
        naive_row(histories.get(who, []), pd.Timestamp(as_of), collapse, monetary)
        for who, as_of in zip(X.customer_id, X.as_of, strict=True)
    ]
    return pd.DataFrame(rows, columns=VALUES, dtype=float)


def log_of(customers, times, values, **options):
    frame = pd.DataFrame({"customer": customers, "time": times, "value": values})
    return EventLog.from_frame(frame, customer="customer", time="time", value="value", **options)


def shop(frequencies, amounts=None):
    """Rows of customers with so many purchases each, one a day up to different days."""
    days = np.datetime64("2024-01-01")
    rows = [
        (who, days + who % 97 + day, 10.0 + who % 61 if amounts is None else amounts)
        for who, n in enumerate(frequencies)
        for day in range(n)
    ]
    return log_of(*zip(*rows, strict=True), observed_until="2025-01-01").snapshot()


@pytest.fixture(scope="module")
def cdnow():
    return EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")


@pytest.fixture(scope="module")
def today(cdnow):
    return cdnow.snapshot("1997-10-01")


# ------------------------------------------------------------------------------------------ values


@given(
    snapshots(logs(ids="int", money=True, orders=False, kinds=False, items=False)),
    st.sampled_from(["D", "W", None]),
    st.sampled_from(["sum", "mean"]),
)
def test_values_equal_the_naive_ones(X, collapse, monetary):
    rfm = RFMTransformer(collapse=collapse, monetary=monetary)
    rfm.cut_points_ = {}  # values need none; rows of any sort can then be looked at
    found = rfm.transform(X)
    expected = naive_values(X, collapse, monetary)
    assert (found.dtypes == "float64").all()
    pd.testing.assert_frame_equal(found.reset_index(drop=True), expected, check_exact=False, rtol=1e-12, atol=1e-9)


def test_a_worked_example():
    times = ["2024-01-01", "2024-01-01 18:00", "2024-01-03 12:00", "2024-01-04 09:00", "2024-01-02"]
    log = log_of([1, 1, 1, 1, 2], times, [10.0, 5.0, 20.0, -4.0, 7.0])
    X = log.snapshot("2024-01-05")
    with pytest.warns(FewLevelsWarning):
        values = RFMTransformer().fit_transform(X)
    assert values.to_numpy().tolist() == [[2.0, 2.0, 31.0], [3.0, 1.0, 7.0]]
    with pytest.warns(FewLevelsWarning):
        values = RFMTransformer(monetary="mean", collapse=None).fit_transform(X)
    assert values.to_numpy().tolist() == [[1.5, 3.0, 31.0 / 3], [3.0, 1.0, 7.0]]


def test_days_are_the_difference_of_dates(cdnow):
    X = cdnow.snapshots(["1997-04-01", "1998-07-01"])
    last = load_cdnow().groupby("customer_id")["date"]
    found = RFMTransformer().fit_transform(X[X.as_of == X.as_of[-1]])["recency_days"]
    assert (found.to_numpy() == ((pd.Timestamp("1998-07-01") - last.max()) / DAY).to_numpy()).all()


@quiet
def test_the_last_24_hours_are_one_day():
    times = ["2024-03-01 14:00:00.000001", "2024-03-01 14:00"]
    log = log_of([1, 2], times, [1.0, 1.0], observed_until="2024-03-03")
    for as_of, days in (("2024-03-02 14:00", [1, 1]), ("2024-03-02 14:00:00.000001", [1, 2])):
        assert RFMTransformer().fit_transform(log.snapshot(as_of))["recency_days"].tolist() == days


def test_published_figures_of_cdnow(today):
    """The 2,357 customers, 2,457 repeat days and 1,411 one-time buyers of Fader, Hardie and Lee (2005)."""
    values = RFMTransformer().fit_transform(today)
    summary = today.summary(time_unit="D")
    assert len(values) == 2_357
    assert values["frequency"].sum() == 2_357 + 2_457
    assert (values["frequency"] == 1).sum() == 1_411
    np.testing.assert_allclose(values["recency_days"], summary["T"] - summary["recency"] + 1, rtol=1e-12)
    first_weeks = load_cdnow().query("date < '1997-10-01'")
    assert values["monetary"].sum() == pytest.approx(first_weeks["value"].sum())


@quiet
def test_equal_means_are_equal_to_the_last_bit():
    """69.93 / 7 is not 9.99 in floats; customers who always pay the same must not differ for that."""
    values = RFMTransformer(monetary="mean").fit_transform(shop(range(1, 200), amounts=9.99))
    assert set(values["monetary"]) == {9.99}


@pytest.mark.slow
def test_a_real_shop_by_group_by(data_folder):
    columns = ["customer_id", "invoice_date", "quantity", "unit_price"]
    lines = pd.read_csv(data_folder / "online_retail" / "online_retail_2010_2011.csv.gz", usecols=columns)
    lines["invoice_date"] = pd.to_datetime(lines["invoice_date"])
    log = EventLog.from_frame(
        lines, customer="customer_id", time="invoice_date", price="unit_price", quantity="quantity", invalid="drop"
    )
    values = RFMTransformer().fit_transform(log.snapshot()).droplevel("as_of")
    lines["day"] = lines["invoice_date"].dt.normalize()
    lines["money"] = lines["unit_price"] * lines["quantity"]
    by_customer = lines[lines["money"] >= 0].groupby("customer_id")
    assert len(values) == len(by_customer) > 4_000
    assert (values["frequency"] == by_customer["day"].nunique()).all()
    assert (values["recency_days"] == (log.observed_until - by_customer["day"].max()) / DAY).all()
    np.testing.assert_allclose(values["monetary"], by_customer["money"].sum(), rtol=1e-9)


def test_orders(cdnow):
    frame = pd.DataFrame({"c": [1, 1, 1], "t": ["2024-01-01"] * 3, "v": [1.0, 2.0, 4.0], "o": [7, 7, 8]})
    log = EventLog.from_frame(frame, customer="c", time="t", value="v", order="o")
    with pytest.warns(FewLevelsWarning):
        values = RFMTransformer(collapse="order", monetary="mean").fit_transform(log.snapshot())
    assert values.to_numpy().tolist() == [[1.0, 2.0, 3.5]]
    with pytest.raises(ParameterError, match="the log has no orders"):
        RFMTransformer(collapse="order").fit(cdnow.snapshot())


@pytest.mark.parametrize("monetary", ["sum", "mean"])
def test_rows_without_purchases(cdnow, monetary):
    keys = {"who": [4, 4, 999_999_999], "when": ["1997-10-01", "1996-12-01", "1997-10-01"]}
    X = cdnow.snapshots_at(keys, customer="who", as_of="when")
    rfm = RFMTransformer(columns="all", monetary=monetary)
    with pytest.warns(FewLevelsWarning):
        found = rfm.fit_transform(X)
    nothing = 0.0 if monetary == "sum" else np.nan
    assert np.array_equal(found.to_numpy()[1:, :3], [[np.nan, 0.0, nothing]] * 2, equal_nan=True)
    assert (found[SCORES].to_numpy()[1:] == 1).all()
    assert rfm.n_levels_ == {"recency_days": 1, "frequency": 1, "monetary": 1}
    assert rfm.segment(X).tolist() == ["Need Attention", "Never Bought", "Never Bought"]
    assert rfm.segment(X, RFM_CLASSES, "zh").tolist()[1:] == ["未购买客户"] * 2


# ------------------------------------------------------------------------------------------ scores


@quiet
@given(
    snapshots(logs(ids="int", money=True, orders=False, kinds=False)),
    st.integers(2, 12),
    st.sampled_from(["sum", "mean"]),
)
def test_laws_of_scores(X, n_bins, monetary):
    rfm = RFMTransformer(n_bins=n_bins, columns="all", monetary=monetary)
    if len(X) == 0:
        with pytest.raises(ParameterError, match="none of the 0 rows"):
            rfm.fit(X)
        return
    found = rfm.fit_transform(X)
    for value, score, sign in zip(VALUES, SCORES, [-1, 1, 1], strict=True):
        good, points = sign * found[value].to_numpy(), found[score].to_numpy()
        assert points.dtype == np.int64
        assert ((points >= 1) & (points <= n_bins)).all()
        order = np.lexsort((points, good))
        assert (np.diff(points[order]) >= 0).all()  # never less for a better value
        for level in np.unique(good):
            assert len(set(points[good == level])) == 1  # equal customers, equal scores
        n_levels = len(np.unique(good))
        assert rfm.n_levels_[value] == n_levels
        assert len(set(points)) == min(n_levels, n_bins)
        if n_levels > 1:
            assert points[good == good.max()][0] == n_bins
            assert points[good == good.min()][0] == 1
        cuts = rfm.cut_points_[value]
        assert (np.diff(cuts) > 0).all()
        assert rfm.mean_scores_[score] == pytest.approx(points.mean())


def test_scores_of_cdnow_fill_evenly(today):
    rfm = RFMTransformer(columns="all")
    found = rfm.fit_transform(today)
    for value, score, labels in zip(VALUES, SCORES, [(5, 4, 3, 2, 1), (1, 2, 3, 4, 5), (1, 2, 3, 4, 5)], strict=True):
        # The rule that the docstring states, said with pandas.
        edges = [-np.inf, *rfm.cut_points_[value], np.inf]
        assert (found[score] == pd.cut(found[value], edges, labels=labels).astype(int)).all()
    assert found["recency_score"].value_counts().between(2_357 / 5 - 10, 2_357 / 5 + 10).all()
    assert rfm.cut_points_["frequency"].tolist() == [1, 2, 3, 5]
    assert (found["frequency_score"] == 1).sum() == 1_411


def test_cut_points_are_frozen(cdnow, today):
    rfm = RFMTransformer(columns="scores").fit(today)
    cuts = pickle.dumps(rfm.cut_points_)
    later = cdnow.snapshot("1998-07-01")
    scores = rfm.transform(later)
    assert pickle.dumps(rfm.cut_points_) == cuts
    values = RFMTransformer().fit_transform(later)
    assert (scores["recency_score"] == 5).equals(values["recency_days"] <= rfm.cut_points_["recency_days"][0])
    assert (scores["monetary_score"] == 1).equals(values["monetary"] <= rfm.cut_points_["monetary"][0])
    # and neither the batch nor what else is in it plays a part
    assert scores.iloc[[5]].equals(rfm.transform(later[5]))


def test_new_customers_outside_the_range_get_the_extreme_scores(today):
    rfm = RFMTransformer(columns="scores").fit(today)
    times = [*pd.date_range("1990-01-01", periods=90), pd.Timestamp("1960-01-01")]
    new = log_of([1] * 90 + [2], times, [500.0] * 90 + [0.0], observed_until="1990-04-01")
    assert rfm.transform(new.snapshot("1990-04-01")).to_numpy().tolist() == [[5, 5, 5], [1, 1, 1]]


@pytest.mark.parametrize("share", [0.6, 0.75, 0.76, 0.8, 0.9, 0.99])
def test_mostly_one_time_buyers(share):
    """The shops on which quantile cuts collapse: one-timers score 1, and the others still differ."""
    n_once = int(1_000 * share)
    X = shop([1] * n_once + [2 + i % 9 for i in range(1_000 - n_once)])
    rfm = RFMTransformer(columns="all")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = rfm.fit_transform(X)
    assert (found.loc[found["frequency"] == 1, "frequency_score"] == 1).all()
    assert (found.loc[found["frequency"] > 1, "frequency_score"] > 1).all()
    assert sorted(found["frequency_score"].unique()) == [1, 2, 3, 4, 5]
    assert set(rfm.segment(X)) <= set(RFM_SEGMENTS.names())


def test_one_time_buyers_and_one_other_level():
    X = shop([1] * 80 + [2] * 20)
    with pytest.warns(FewLevelsWarning, match=r"frequency has 2 distinct value\(s\), fewer than n_bins=5"):
        found = RFMTransformer(columns="all").fit_transform(X)
    assert found.groupby("frequency")["frequency_score"].unique().map(list).to_dict() == {1.0: [1], 2.0: [5]}


def test_only_one_time_buyers():
    """They score 1, as they do when 99 % bought once; who then buys twice is best."""
    X = shop([1] * 100)
    rfm = RFMTransformer(columns="scores")
    with pytest.warns(FewLevelsWarning, match="frequency has 1"):
        rfm.fit(X)
    assert (rfm.transform(X)["frequency_score"] == 1).all()
    assert (rfm.transform(shop([2, 30]))["frequency_score"] == 5).all()
    assert rfm.n_levels_["frequency"] == 1


def test_constant_amounts():
    """The middle score; a customer above or below then gets the best or the least."""
    rfm = RFMTransformer(columns="scores", monetary="mean")
    with pytest.warns(FewLevelsWarning, match="monetary has 1"):
        scores = rfm.fit_transform(shop(range(1, 50), amounts=9.99))
    assert (scores["monetary_score"] == 3).all()
    assert (rfm.transform(shop([3], amounts=10.0))["monetary_score"] == 5).all()
    assert (rfm.transform(shop([3], amounts=9.98))["monetary_score"] == 1).all()


@pytest.mark.parametrize("n", [1, 100])
@pytest.mark.parametrize("n_bins", [2, 5, 10])
def test_identical_customers(n, n_bins):
    X = log_of([*range(n)] * 2, ["2024-01-01"] * n + ["2024-02-01"] * n, [20.0] * 2 * n).snapshot()
    rfm = RFMTransformer(columns="scores", n_bins=n_bins)
    with pytest.warns(FewLevelsWarning, match="recency_days has 1, frequency has 1, monetary has 1") as caught:
        scores = rfm.fit_transform(X)
    assert len(caught) == 1
    assert (scores == (n_bins + 1) // 2).all(axis=None)
    assert len(set(rfm.segment(X))) == 1
    assert set(rfm.segment(X, RFM_CLASSES)) == {"General Win-back"}


def test_empty_log():
    log = log_of([], np.array([], dtype="M8[us]"), np.array([]), observed_until="2024-01-01")
    with pytest.raises(ParameterError, match=r"none of the 0 rows of X has one\. Take a later as_of"):
        RFMTransformer().fit(log.snapshot())
    with pytest.raises(ParameterError, match="none of the 0 rows"):
        RFMTransformer().fit_transform(log.snapshot())


def test_transforming_no_rows(today):
    rfm = RFMTransformer(columns="all").fit(today)
    found = rfm.transform(today[:0])
    assert found.shape == (0, 6)
    assert found.dtypes.equals(rfm.transform(today).dtypes)
    assert len(rfm.segment(today[:0])) == 0


def test_the_warning_points_at_the_caller():
    with pytest.warns(FewLevelsWarning) as caught:
        RFMTransformer().fit(shop([1, 2]))
    assert caught[0].filename == __file__


@quiet
@given(st.permutations(range(40)))
def test_relabelling_customers_changes_nothing(order):
    frequencies = [1 + (7 * who) % 13 for who in range(40)]
    rows = [(who, np.datetime64("2024-01-01") + who % 9 + day) for who in range(40) for day in range(frequencies[who])]
    who, when = zip(*rows, strict=True)
    before = RFMTransformer(columns="all").fit_transform(log_of(who, when, np.ones(len(who))).snapshot())
    renamed = log_of([order[one] for one in who], when, np.ones(len(who)))
    after = RFMTransformer(columns="all").fit_transform(renamed.snapshot())
    assert (after.to_numpy()[list(order)] == before.to_numpy()).all()


# ------------------------------------------------------------------------------------------ segments


def test_segments_of_cdnow(today):
    rfm = RFMTransformer(columns="scores").fit(today)
    segments, scores = rfm.segment(today), rfm.transform(today)
    assert segments.name == "segment"
    assert segments.index.equals(scores.index)
    assert segments.cat.categories.tolist() == list(RFM_SEGMENTS.names())
    best = (scores["recency_score"] == 5) & (scores["frequency_score"] >= 4)
    assert (best == (segments == "Champions")).all()
    assert (rfm.segment(today, language="zh").cat.codes == segments.cat.codes).all()
    assert rfm.segment(today, language="zh").cat.categories[0] == "冠军客户"


def test_classes_are_above_or_below_the_mean_score_of_fit(cdnow, today):
    rfm = RFMTransformer(columns="scores", n_bins=10).fit(today)
    for X in (today, cdnow.snapshot("1998-07-01")):
        scores = rfm.transform(X)
        high = scores > pd.Series(rfm.mean_scores_)
        classes = rfm.segment(X, RFM_CLASSES, language="zh")
        assert (classes.str.startswith("重要") == high["monetary_score"]).all()
        for letters, recency, frequency in (("价值", 1, 1), ("发展", 1, 0), ("保持", 0, 1), ("挽留", 0, 0)):
            expected = (high["recency_score"] == recency) & (high["frequency_score"] == frequency)
            assert (classes.str[2:4].eq(letters) == expected).all()


def test_a_table_of_one_s_own(today):
    rules = [SegmentRule("Big", monetary=(10, 10)), SegmentRule("Small", monetary=(1, 9))]
    rfm = RFMTransformer(columns="scores", n_bins=10).fit(today)
    segments = rfm.segment(today, SegmentTable(rules, levels=10))
    assert ((segments == "Big") == (rfm.transform(today)["monetary_score"] == 10)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"table": "RFM_SEGMENTS"}, "'table' parameter .* a SegmentTable or None"),
        ({"table": list(RFM_SEGMENTS.rules)}, "'table' parameter .* a SegmentTable or None"),
        ({"language": "de"}, r"'language' parameter .* one of \{'en', 'zh'\}"),
    ],
)
def test_refused_segments(today, options, message):
    with pytest.raises(ParameterError, match=message):
        RFMTransformer().fit(today).segment(today, **options)


# --------------------------------------------------------------------------------- frames and names


def polars_snapshot():
    frame = pl.from_pandas(load_cdnow())
    return EventLog.from_frame(frame, customer="customer_id", time="date", value="value").snapshot("1997-10-01")


@pytest.mark.parametrize("columns", ["values", "scores", "all"])
def test_the_frame_is_that_of_the_log(today, columns):
    rfm = RFMTransformer(columns=columns)
    names = {"values": VALUES, "scores": SCORES, "all": VALUES + SCORES}[columns]
    assert rfm.get_feature_names_out().tolist() == names  # fitted or not
    assert rfm.get_feature_names_out().dtype == object
    pandas = rfm.fit_transform(today)
    assert pandas.columns.tolist() == names
    assert pandas.index.names == ["customer_id", "as_of"]
    assert pandas.index.get_level_values(0).tolist() == today.customer_id.tolist()
    polars = rfm.fit_transform(polars_snapshot())
    assert isinstance(polars, pl.DataFrame)
    assert polars.columns == names
    assert (polars.to_numpy() == pandas.to_numpy()).all()
    assert rfm.transform(today).equals(pandas)


@pytest.mark.parametrize("polars_log", [False, True])
def test_set_output_is_obeyed(today, polars_log):
    X = polars_snapshot() if polars_log else today
    expected = RFMTransformer(columns="all").fit_transform(today)
    rfm = RFMTransformer(columns="all").set_output(transform="pandas")
    pd.testing.assert_frame_equal(rfm.fit_transform(X), expected)
    pd.testing.assert_series_equal(rfm.segment(X), rfm.segment(today))
    rfm.set_output(transform="polars")
    assert rfm.transform(X).equals(pl.from_pandas(expected))
    assert rfm.segment(X).to_list() == rfm.set_output(transform="default").segment(today).tolist()
    with sklearn.config_context(transform_output="polars"):
        assert isinstance(RFMTransformer().fit_transform(X), pl.DataFrame)
    assert isinstance(RFMTransformer().fit_transform(X), pl.DataFrame if polars_log else pd.DataFrame)


def test_segments_and_values_go_into_one_table(today):
    rfm = RFMTransformer().fit(today)
    for X in (today, polars_snapshot()):
        table = X.to_frame(rfm=rfm.transform(X), segment=rfm.segment(X))
        assert list(table.columns) == ["customer_id", "as_of", *VALUES, "segment"]
        assert list(table["segment"][:3]) == rfm.segment(today).tolist()[:3]


# ------------------------------------------------------------------------------ scikit-learn's contract

# scikit-learn runs no check on an estimator whose input is no array. These need no array, or only one that is refused.
CHECKS = [
    sklearn_checks.check_parameters_default_constructible,
    sklearn_checks.check_no_attributes_set_in_init,
    sklearn_checks.check_get_params_invariance,
    sklearn_checks.check_set_params,
    sklearn_checks.check_estimator_cloneable,
    sklearn_checks.check_estimator_repr,
    sklearn_checks.check_do_not_raise_errors_in_init_or_set_params,
    sklearn_checks.check_mixin_order,
    sklearn_checks.check_estimator_tags_renamed,
    sklearn_checks.check_valid_tag_types,
    sklearn_checks.check_param_validation,
]

OPTIONS = [
    {},
    {"columns": "all", "monetary": "mean", "collapse": None, "n_bins": 3},
    {"columns": "scores", "n_bins": 10},
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_scikit_learn_s_checks(check, options):
    check("RFMTransformer", RFMTransformer(**options))


def test_scikit_learn_offers_no_others():
    """Should it one day run further checks on such input, this fails, and they are to be run here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        offered = [check.func for _, check in sklearn_checks.estimator_checks_generator(RFMTransformer())]
    assert set(offered) <= set(CHECKS)
    assert get_tags(RFMTransformer()).input_tags.two_d_array is False


OWN_CHECKS = [
    (name, check, str(options)) for options in OPTIONS for name, check in estimator_checks(RFMTransformer(**options))
]


@pytest.mark.parametrize("check", [check for _, check, _ in OWN_CHECKS], ids=[f"{n}-{o}" for n, _, o in OWN_CHECKS])
def test_our_own_family(check):
    check()


def test_our_own_family_is_large_enough():
    assert len(OWN_CHECKS) >= 13 * len(OPTIONS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_bins": 1}, r"'n_bins' .* range \[2, 100\]. Got 1"),
        ({"n_bins": 5.0}, "'n_bins'"),
        ({"monetary": "median"}, "'monetary'"),
        ({"collapse": "M"}, "'collapse'"),
        ({"columns": "score"}, "'columns'"),
    ],
)
def test_refused_parameters(today, options, message):
    with pytest.raises(ValueError, match=message):
        RFMTransformer(**options).fit(today)


@pytest.mark.parametrize("method", ["fit", "fit_transform", "transform", "segment"])
@pytest.mark.parametrize(
    ("table", "message"),
    [
        (load_cdnow(), r"Got a DataFrame of shape \(\d+, 4\)\. Build them .* EventLog\.from_frame\(.*\.snapshot\(\)"),
        (np.ones((3, 2)), r"Got a ndarray of shape \(3, 2\)"),
        ([[1, 2]], "Got a list"),
        (None, "Got a NoneType"),
    ],
)
def test_only_snapshots_are_taken(today, method, table, message):
    with pytest.raises(ParameterError, match=message):
        getattr(RFMTransformer().fit(today), method)(table)


def test_the_log_itself_is_refused(cdnow):
    with pytest.raises(ParameterError, match=r"Take log\.snapshot\(\)"):
        RFMTransformer().fit(cdnow)


def test_a_log_without_money_is_refused():
    log = EventLog.from_frame({"c": [1], "t": ["2024-01-01"]}, customer="c", time="t")
    with pytest.raises(ParameterError, match=r"Name value=, or price= and quantity=, in EventLog\.from_frame"):
        RFMTransformer().fit(log.snapshot())


def test_not_fitted(today):
    for method in ("transform", "segment"):
        with pytest.raises(NotFittedError):
            getattr(RFMTransformer(), method)(today)


def test_what_is_kept(cdnow):
    X = cdnow.snapshots(["1997-06-01", "1997-09-01", "1997-12-01"])
    rfm = RFMTransformer().fit(X)
    first, last = np.datetime64("1997-06-01", "us"), np.datetime64("1997-12-01", "us")
    assert rfm.fitted_on_ == (cdnow.fingerprint, (first, last))
    assert not hasattr(rfm, "n_features_in_")
    assert len(pickle.dumps(rfm)) < 3_000
    assert set(vars(clone(rfm))) == {"n_bins", "monetary", "collapse", "columns"}


def test_in_a_pipeline_and_a_union(cdnow):
    X = cdnow.snapshots(["1997-06-01", "1997-09-01"], horizon="90D")
    model = make_pipeline(RFMTransformer(columns="scores"), LogisticRegression())
    assert cross_val_score(model, X, X.churned(), cv=2, scoring="roc_auc").mean() > 0.7
    union = FeatureUnion([("sum", RFMTransformer()), ("mean", RFMTransformer(monetary="mean", columns="scores"))])
    assert union.fit_transform(X).shape == (len(X), 6)
    assert union.get_feature_names_out().tolist() == [*(f"sum__{v}" for v in VALUES), *(f"mean__{s}" for s in SCORES)]


@pytest.mark.slow
def test_in_a_search_on_two_processes(cdnow):
    X = cdnow.snapshots(["1997-06-01", "1997-09-01"], horizon="90D")
    model = make_pipeline(RFMTransformer(), LogisticRegression(max_iter=1_000))
    grid = {"rfmtransformer__n_bins": [3, 5], "rfmtransformer__columns": ["values", "scores"]}
    one = GridSearchCV(model, grid, cv=2, scoring="roc_auc", n_jobs=1).fit(X, X.churned())
    two = GridSearchCV(model, grid, cv=2, scoring="roc_auc", n_jobs=2).fit(X, X.churned())
    assert (one.cv_results_["mean_test_score"] == two.cv_results_["mean_test_score"]).all()
    assert two.best_score_ > 0.7
