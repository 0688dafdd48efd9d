"""Cohorts by age: against dicts and sets, against pandas, and against Online Retail."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import EventLog
from crmkit.cohorts import cohort_table, period_table
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError


def log_of(frame, options):
    return EventLog.from_frame(frame, **options)


@pytest.fixture(scope="module")
def cdnow():
    return EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")


# ---------------------------------------------------------------------------------------- oracle


@given(data=st.data())
def test_customers_and_purchases_counted_one_by_one(data, drawn, naive):
    frame, options = data.draw(drawn["tables"](orders=True))
    by, collapse = data.draw(drawn["by"]), data.draw(drawn["collapse"])
    expected = naive(frame, options, by)
    log = log_of(frame, options)
    table = cohort_table(log, by)
    np.testing.assert_array_equal(table, expected.table("customers"))
    assert [str(day.date()) for day in table.index] == [str(one.start_time.date()) for one in expected.cohorts]
    is_marked = table.attrs["unfinished"] is not None
    assert is_marked == (expected.first is not None and not expected.finished)
    assert not is_marked or table.attrs["unfinished"] == str(expected.last.start_time.date())
    found = cohort_table(log, by, "purchases", collapse=collapse)
    np.testing.assert_array_equal(found, expected.table("purchases", collapse))


@given(data=st.data())
def test_money_added_up_one_by_one(data, drawn, naive):
    frame, options = data.draw(drawn["tables"](money=True))
    by = data.draw(drawn["by"])
    found = cohort_table(log_of(frame, options), by, "money")
    np.testing.assert_allclose(found, naive(frame, options, by).table("money"), atol=1e-6)


@given(data=st.data())
def test_other_kinds(data, drawn, naive):
    frame, options = data.draw(drawn["tables"](kinds=True))
    by = data.draw(drawn["by"])
    kinds = data.draw(st.sampled_from([["visit"], ["order", "cancel"], ["no such kind"]]))
    log = log_of(frame, options)
    expected = naive(frame, options, by, kinds)
    np.testing.assert_array_equal(cohort_table(log, by, kinds=kinds), expected.table("customers"))
    np.testing.assert_array_equal(cohort_table(log, by, "purchases", kinds), expected.table("purchases"))


@given(data=st.data())
def test_periods_are_those_of_the_zone(data, drawn, naive):
    frame, options = data.draw(drawn["tables"](zones=True))
    by = data.draw(drawn["by"])
    expected = naive(frame, options, by)
    log = log_of(frame, options)
    np.testing.assert_array_equal(cohort_table(log, by), expected.table("customers"))
    np.testing.assert_array_equal(cohort_table(log, by, "purchases"), expected.table("purchases"))


# ------------------------------------------------------------------------------------ properties


@settings(max_examples=40)
@given(data=st.data())
def test_rows_in_any_order_and_any_frame(data, drawn):
    frame, options = data.draw(drawn["tables"](money=True, ids="text"))
    by, values = data.draw(drawn["by"]), data.draw(st.sampled_from(["customers", "purchases", "money"]))
    table = cohort_table(log_of(frame, options), by, values)
    shuffled = frame.sample(frac=1, random_state=data.draw(st.integers(0, 9)))
    pd.testing.assert_frame_equal(cohort_table(log_of(shuffled, options), by, values), table, check_exact=True)
    other = cohort_table(log_of(pl.from_pandas(frame), options), by, values)
    assert isinstance(other, pl.DataFrame)
    assert other["cohort"].to_list() == [day.date() for day in table.index]
    assert other.columns == ["cohort", *map(str, table.columns), "unfinished_age"]
    for age in table:
        np.testing.assert_array_equal(other[str(age)], table[age])
    lived = table.notna().sum(axis=1).to_numpy() - 1.0
    expected = lived if table.attrs["unfinished"] else np.full(len(table), np.nan)
    np.testing.assert_array_equal(other["unfinished_age"], expected)


@settings(max_examples=40)
@given(data=st.data())
def test_a_row_belongs_to_its_cohort_alone(data, drawn):
    """Without the other customers the row of a cohort is the same, bit for bit."""
    frame, options = data.draw(drawn["tables"](min_events=1))
    by = data.draw(drawn["by"])
    log = log_of(frame, options)
    table = cohort_table(log, by)
    own = {day: log.without(log.customers) for day in table.index}
    for customer in log.customers:
        for day in cohort_table(log.customer(customer), by).index:
            others = [one for one in log.customers if cohort_table(log.customer(one), by).index.tolist() != [day]]
            own[day] = log.without(others)
    for day, members in own.items():
        alone = cohort_table(members, by)
        np.testing.assert_array_equal(alone.loc[day].dropna(), table.loc[day].dropna())


@given(data=st.data())
def test_diagonals_are_periods(data, drawn):
    frame, options = data.draw(drawn["tables"](money=True))
    by = data.draw(drawn["by"])
    log = log_of(frame, options)
    periods = period_table(log, by)
    for values, column in (("customers", "active"), ("purchases", "purchases"), ("money", "money")):
        table = cohort_table(log, by, values)
        places = periods.index.get_indexer(table.index)
        sums = np.zeros(len(periods))
        for row, age in zip(*np.nonzero(table.notna().to_numpy()), strict=True):
            sums[places[row] + age] += table.iloc[row, age]
        np.testing.assert_allclose(sums, periods[column], atol=1e-6)


@given(data=st.data())
def test_what_comes_later_changes_nothing(data, drawn):
    frame, options = data.draw(drawn["tables"](min_events=1))
    by = data.draw(drawn["by"])
    day = frame["time"].min() + pd.Timedelta(days=data.draw(st.integers(1, 200)))
    day = min(day.normalize(), pd.Timestamp(options["observed_until"]))
    past = log_of(frame[frame["time"] < day], {**options, "observed_until": day})
    found, expected = cohort_table(log_of(frame, options).before(day), by), cohort_table(past, by)
    pd.testing.assert_frame_equal(found, expected, check_exact=True)
    assert found.attrs == expected.attrs


# ----------------------------------------------------------------------------------- real shops


def test_online_retail(data_folder):
    """Both files, without the 776 invoices that stand in both."""
    parts = [
        pd.read_csv(data_folder / "online_retail" / f"online_retail_{years}.csv.gz", parse_dates=["invoice_date"])
        for years in ("2009_2010", "2010_2011")
    ]
    both = pd.concat([parts[0][~parts[0]["invoice"].isin(parts[1]["invoice"])], parts[1]])
    log = EventLog.from_frame(
        both, customer="customer_id", time="invoice_date", price="unit_price", quantity="quantity", order="invoice"
    )
    assert log.n_customers == 5878
    table = cohort_table(log)
    assert table.shape == (25, 25)
    first = [955, 337, 319, 406, 363, 343, 360, 327, 321, 346, 403, 473, 359, 270]
    assert table.loc["2009-12-01", :13].tolist() == first
    assert table.attrs["unfinished"] == "2011-12-01"
    month, begin = both["invoice_date"].dt.to_period("M"), both.groupby("customer_id")["invoice_date"].transform("min")
    begin = begin.dt.to_period("M")
    age = month.astype("int64") - begin.astype("int64")
    cells = both.assign(money=both["quantity"] * both["unit_price"]).groupby([begin, age])
    np.testing.assert_array_equal(table, by_pandas(cells["customer_id"].nunique(), table))
    money = cohort_table(log, values="money")
    np.testing.assert_allclose(money, by_pandas(cells["money"].sum(), table), rtol=1e-10)
    orders = cohort_table(log, values="purchases", collapse="order")
    np.testing.assert_array_equal(orders, by_pandas(cells["invoice"].nunique(), table))


def by_pandas(cells, table):
    """A group-by as a table, with zeros where somebody could have bought."""
    wide = cells.unstack().to_numpy()
    return np.where(table.notna(), np.nan_to_num(wide), np.nan)


def test_cohorts_of_cdnow(cdnow):
    """Everybody came in the first quarter of 1997."""
    table = cohort_table(cdnow)
    assert table.shape == (3, 18)
    assert table[0].sum() == 2357
    assert table.attrs == {"by": "month", "values": "customers", "unfinished": None}
    assert table.isna().sum(axis=1).tolist() == [0, 1, 2]


def test_per_customer(cdnow):
    table, money = cohort_table(cdnow), cohort_table(cdnow, values="money")
    np.testing.assert_array_equal(cohort_table(cdnow, per_customer=True), table.div(table[0], axis=0))
    found = cohort_table(cdnow, values="money", per_customer=True)
    np.testing.assert_array_equal(found, money.div(table[0], axis=0))


# ------------------------------------------------------------------------------------ odd inputs


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_an_empty_log(kind):
    frame = pd.DataFrame({"c": np.array([], int), "t": np.array([], "M8[us]"), "v": np.array([])})
    log = EventLog.from_frame(pl.from_pandas(frame) if kind == "polars" else frame, customer="c", time="t", value="v")
    for values in ("customers", "purchases", "money"):
        table = cohort_table(log, values=values)
        if kind == "polars":
            assert table.columns == ["cohort", "unfinished_age"]
            assert table.schema["cohort"] == pl.Date
            assert table.height == 0
        else:
            assert table.shape == (0, 0)
            assert table.attrs["unfinished"] is None


def test_one_event():
    log = EventLog.from_frame({"c": [5], "t": ["2024-02-29"], "v": [2.5]}, customer="c", time="t", value="v")
    table = cohort_table(log, values="money")
    assert table.to_dict() == {0: {pd.Timestamp("2024-02-01"): 2.5}}
    assert table.attrs["unfinished"] is None  # the log ends with the month
    assert cohort_table(log, "week").attrs["unfinished"] == "2024-02-26"


def test_a_refund_counts_in_its_own_period_and_before_the_first_not_at_all():
    frame = {
        "c": [1, 1, 1, 2, 2, 3],
        "t": ["2024-01-05", "2024-03-01", "2023-12-31", "2024-01-09", "2024-01-03", "2024-01-02"],
        "v": [10.0, -4.0, -100.0, 7.0, -1.0, -50.0],
    }
    log = EventLog.from_frame(frame, customer="c", time="t", value="v", observed_until="2024-04-01")
    assert cohort_table(log, values="money").to_numpy().tolist() == [[16.0, 0.0, -4.0]]
    assert cohort_table(log).to_numpy().tolist() == [[2.0, 0.0, 0.0]]


def test_far_dates():
    frame = {"c": [1, 1, 2], "t": ["1900-01-01", "1969-12-31 23:59:59", "2199-12-31"]}
    log = EventLog.from_frame(frame, customer="c", time="t", observed_until="2200-01-01")
    table = cohort_table(log, "year")
    assert table.shape == (2, 300)
    assert table.loc["1900-01-01", [0, 69, 299]].tolist() == [1, 1, 0]
    weeks = cohort_table(log, "week")
    assert str(weeks.index[0].date()) == "1900-01-01"  # a Monday
    assert np.nansum(weeks) == 3


def test_a_thread_more_changes_no_bit(monkeypatch):
    rng = np.random.default_rng(0)
    frame = {
        "c": rng.integers(30_000, size=60_000),
        "t": np.datetime64("2023-01-01", "us") + rng.integers(400, size=60_000).astype("m8[D]"),
        "v": rng.normal(size=60_000) / 3,
    }
    log = EventLog.from_frame(frame, customer="c", time="t", value="v")
    tables = []
    for threads in (1, 2, 5):
        monkeypatch.setattr("crmkit._numba._threads.n_threads", lambda n=threads: n)
        tables.append((cohort_table(log, values="money"), period_table(log)))
    for table, periods in tables[1:]:
        pd.testing.assert_frame_equal(table, tables[0][0], check_exact=True)
        pd.testing.assert_frame_equal(periods, tables[0][1], check_exact=True)


def test_nothing_is_changed_and_files_keep_the_table(cdnow, tmp_path):
    before = cdnow.fingerprint
    table = cohort_table(cdnow)
    object.__delattr__(cdnow, "_fingerprint")
    assert cdnow.fingerprint == before
    cdnow.save(tmp_path / "log")
    pd.testing.assert_frame_equal(cohort_table(EventLog.load(tmp_path / "log")), table)
    table.columns = table.columns.astype(str)
    table.to_parquet(tmp_path / "table.parquet")
    assert pd.read_parquet(tmp_path / "table.parquet").attrs == table.attrs


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": "fortnight"}, "'by' parameter of cohort_table must be one of {'month', 'quarter', 'week', 'year'}"),
        ({"by": 30}, "Got 30 instead"),
        ({"values": "revenue"}, "'values' parameter of cohort_table must be one of {'customers', 'money', 'purcha"),
        ({"collapse": "W"}, "A week may lie in two months"),
        ({"collapse": "order"}, "the log has no orders. Name their column as order= in from_frame"),
        ({"per_customer": "yes"}, "'per_customer' parameter of cohort_table must be a bool"),
        ({"kinds": "visit"}, "the log has no kinds. Name their column as kind= in from_frame"),
    ],
)  # fmt: skip  # one refusal a line
def test_refusals(cdnow, arguments, message):
    with pytest.raises(ParameterError, match=message):
        cohort_table(cdnow, **arguments)


def test_other_nouns_are_refused(cdnow):
    with pytest.raises(ParameterError, match=r"must be an EventLog.*Build one with EventLog.from_frame"):
        cohort_table(cdnow.to_frame())
    with pytest.raises(ParameterError, match=r"Pass the log of these rows.*X.log.before\(day\)"):
        cohort_table(cdnow.snapshot("1997-10-01"))
    without = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date")
    with pytest.raises(ParameterError, match="The log has no money. Name value="):
        cohort_table(without, values="money")
