"""What the heat map shows is what the table holds."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest

from crmkit import EventLog
from crmkit.cohorts import cohort_table
from crmkit.datasets import load_cdnow
from crmkit.exceptions import ParameterError
from crmkit.plotting import CohortDisplay
from crmkit.plotting._cohorts import period_name

COLUMNS = {"customer": "customer_id", "time": "date", "value": "value"}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def log():
    return EventLog.from_frame(load_cdnow(), **COLUMNS)


@pytest.mark.parametrize("values", ["customers", "purchases", "money"])
@pytest.mark.parametrize("by", ["week", "month", "quarter", "year"])
def test_the_picture_holds_the_table(log, by, values):
    display = CohortDisplay.from_log(log, by, values)
    table = cohort_table(log, by, values, per_customer=True)
    np.testing.assert_array_equal(display.table, table)
    np.testing.assert_array_equal(np.ma.filled(display.mesh_.get_array(), np.nan), table)
    np.testing.assert_array_equal(display.sizes, cohort_table(log, by)[0])
    assert display.ax_.get_xlabel() == f"{by}s since the first purchase"
    display.figure_.canvas.draw()


def test_what_is_unfinished_is_hatched(log):
    display = CohortDisplay.from_log(log.before("1997-06-10"))
    corners = {tuple(path.vertices[0] + 0.5) for path in display.hatches_.get_paths()}
    assert corners == {(5.0, 0.0), (4.0, 1.0), (3.0, 2.0)}
    assert display.finished.sum() + 3 == np.isfinite(display.table).sum()
    assert CohortDisplay.from_log(log.before("1997-06-01")).hatches_.get_paths() == []


def test_colours_span_what_is_finished_after_age_zero(log):
    display = CohortDisplay.from_log(log.before("1997-06-10"))
    assert display.mesh_.get_clim() == (0.0, display.table[:2, 1].max())


def test_figures_and_names(log):
    display = CohortDisplay.from_log(log.before("1997-06-10"))
    assert len(display.texts_) == np.isfinite(display.table).sum()
    assert [text.get_text() for text in display.texts_[:3]] == ["100%", "16%", "12%"]
    names = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert names == ["1997-01  (781)", "1997-02  (857)", "1997-03  (719)"]
    assert display.plot(annotate=False).texts_ == []
    money = CohortDisplay.from_log(log.before("1997-06-10"), values="money")
    assert money.texts_[0].get_text() == f"{money.table[0, 0]:.2f}"
    with pytest.raises(ParameterError, match="'annotate' parameter of CohortDisplay.plot must be a bool"):
        display.plot(annotate="no")


def test_many_cohorts_are_not_written_over_each_other():
    days = np.arange("2020-01-01", "2024-01-01", dtype="M8[D]")
    log = EventLog.from_frame({"c": np.arange(len(days)), "t": days}, customer="c", time="t")
    display = CohortDisplay.from_log(log, "week")
    assert len(display.cohorts) > 200
    assert display.texts_ == []
    assert len(display.ax_.get_yticklabels()) <= 45


@pytest.mark.parametrize(
    ("by", "name"), [("week", "2024-05-06"), ("month", "2024-05"), ("quarter", "2024 Q2"), ("year", "2024")]
)
def test_names_of_periods(by, name):
    assert period_name(np.datetime64("2024-05-06"), by) == name


def test_polars_is_drawn_alike(log):
    other = EventLog.from_frame(pl.from_pandas(load_cdnow()), **COLUMNS)
    one, two = (CohortDisplay.from_log(each.before("1997-06-10"), values="money") for each in (log, other))
    np.testing.assert_array_equal(one.table, two.table)
    np.testing.assert_array_equal(one.finished, two.finished)
    np.testing.assert_array_equal(one.cohorts, two.cohorts)
    np.testing.assert_array_equal(one.sizes, two.sizes)


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_an_empty_log_one_event_and_nothing_but_refunds(kind):
    build = pl.DataFrame if kind == "polars" else pd.DataFrame
    for times, money in (([], []), (["2024-02-10"], [0.0]), (["2024-02-10"], [-5.0])):
        frame = build({"c": np.arange(len(times)), "t": np.array(times, "M8[us]"), "v": np.array(money, float)})
        log = EventLog.from_frame(frame, customer="c", time="t", value="v")
        for values in ("customers", "money"):
            CohortDisplay.from_log(log, values=values).figure_.canvas.draw()


def test_it_draws_where_it_is_told_and_leaves_settings_alone(log):
    before = dict(mpl.rcParams)
    _, ax = plt.subplots()
    display = CohortDisplay.from_log(log, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert dict(mpl.rcParams) == before
