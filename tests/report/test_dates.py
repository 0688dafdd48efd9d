from __future__ import annotations

import datetime as dt

import hypothesis.strategies as st
import pandas as pd
import pytest
from hypothesis import given

from crmkit.exceptions import EventDataError, ParameterError
from crmkit.report._dates import read_times


def text(*cells: str | None) -> pd.Series:
    return pd.Series(cells, dtype="str")


def read(*cells: str | None, form: str | None = None) -> list[str]:
    return read_times(text(*cells), "--time 't'", form).times.astype("str").tolist()


@pytest.mark.parametrize(
    ("cell", "form"),
    [
        ("2010-12-01", "%Y-%m-%d"),
        ("2010-12-01 08:26", "%Y-%m-%d %H:%M"),
        ("2010-12-01T08:26:00", "%Y-%m-%dT%H:%M:%S"),
        ("2010-12-01 08:26:00.000000", "%Y-%m-%d %H:%M:%S.%f"),
        ("2010/12/1 8:26", "%Y/%m/%d %H:%M"),
        ("2010.12.1", "%Y.%m.%d"),
        ("2010年12月1日", "%Y年%m月%d日"),
        ("2010年12月1日 8时26分", "%Y年%m月%d日 %H时%M分"),
        ("20101201", "%Y%m%d"),
        ("20101201082600", "%Y%m%d%H%M%S"),
        ("12/1/2010 8:26 AM", None),
        ("1.12.2010 08:26", None),
    ],
)
def test_forms(cell, form):
    others = {"12/1/2010 8:26 AM": "12/31/2010 8:26 PM", "1.12.2010 08:26": "31.12.2010 20:26"}
    cells = text(cell, others.get(cell))
    found = read_times(cells, "t")
    assert str(found.times[0])[:10] == "2010-12-01"
    assert str(found.times[0])[11:16] in {"08:26", "00:00"}
    assert len(found.formats) == 1
    if form is not None:
        assert found.formats == (form,)


def test_the_day_cannot_be_guessed():
    with pytest.raises(EventDataError) as raised:
        read("01/02/2011", "03/04/2011")
    assert "'01/02/2011', in which either number may be the day" in str(raised.value)
    assert "--time-format '%d/%m/%Y' or --time-format '%m/%d/%Y'" in str(raised.value)


def test_one_date_of_the_column_can_tell():
    assert read("01/02/2011", "13/02/2011") == ["2011-02-01", "2011-02-13"]
    assert read("01/02/2011", "02/13/2011") == ["2011-01-02", "2011-02-13"]


def test_dates_that_are_the_same_either_way_need_no_telling():
    assert read("05/05/2011", "06/06/2011") == ["2011-05-05", "2011-06-06"]


def test_a_column_that_shows_both_is_refused():
    with pytest.raises(EventDataError, match="mixes dates that begin with the day and dates that begin with the month"):
        read("13/02/2011", "02/13/2011")


def test_two_digits_may_be_the_year_too():
    with pytest.raises(EventDataError, match="either number may be the day"):
        read("01/02/03")
    assert read("01/31/03", "02/28/03") == ["2003-01-31", "2003-02-28"]


def test_a_form_that_is_given_is_used():
    assert read("01/02/2011", form="%d/%m/%Y") == ["2011-02-01"]
    assert read("01/02/2011", form="%m/%d/%Y") == ["2011-01-02"]
    with pytest.raises(EventDataError, match="does not have the form '%Y'"):
        read("01/02/2011", form="%Y")
    with pytest.raises(ParameterError, match="'%Q' is not a form of dates"):
        read("01/02/2011", form="%Q")


def test_seconds_since_1970_must_be_said():
    with pytest.raises(EventDataError, match="say --time-format s"):
        read("1704412800")
    assert read("1704412800", form="s") == ["2024-01-05"]
    assert read("1704412800000", form="ms") == ["2024-01-05"]


def test_one_bad_cell_among_good_ones_is_marked():
    found = read_times(text("2024-01-05", "soon", None, "2024-01-07"), "t")
    assert found.unreadable.tolist() == [False, True, False, False]
    assert found.times.isna().tolist() == [False, True, True, False]


def test_a_first_cell_that_is_no_date_hides_nothing():
    found = read_times(text("n/a?", "2024-01-05", "2024-01-06"), "t")
    assert found.unreadable.tolist() == [True, False, False]


def test_a_column_of_words_is_refused():
    with pytest.raises(EventDataError, match=r"--time 't' holds 'hello' in row 1, which cannot be read as a time"):
        read("hello", "world")


def test_dates_with_and_without_a_time_of_day_may_stand_together():
    assert read("2024-01-05", "2024-01-06 12:30") == ["2024-01-05 00:00:00", "2024-01-06 12:30:00"]


def test_zones():
    found = read_times(text("2024-01-05 08:00+08:00", "2024-07-05 08:00+0900"), "t")
    assert found.times.astype("str").tolist() == ["2024-01-05 00:00:00+00:00", "2024-07-04 23:00:00+00:00"]
    with pytest.raises(EventDataError, match="mixes times with a zone and times without one"):
        read("2024-01-05 08:00+08:00", "2024-07-05 08:00")


def test_datetimes_stay_as_they_are():
    cells = pd.Series(pd.to_datetime(["2024-01-05", None]))
    pd.testing.assert_series_equal(read_times(cells, "t").times, cells)
    dates = pd.Series([dt.date(2024, 1, 5), None], dtype=object)
    assert read_times(dates, "t").times[0] == pd.Timestamp("2024-01-05")


def test_days_as_whole_numbers():
    assert read_times(pd.Series([20240105, 20240209]), "t").times.astype("str").tolist() == ["2024-01-05", "2024-02-09"]


@given(
    st.lists(st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1)), min_size=1),
    st.sampled_from(["%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%m-%d-%y", "%Y%m%d", "%Y-%m-%d"]),
)
def test_a_column_is_read_right_or_refused(days, form):
    cells = text(*(day.strftime(form) for day in days))
    try:
        found = read_times(cells, "t")
    except EventDataError:
        swapped = any(
            all(readable(cell, other) for cell in cells) and other != form
            for other in ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m.%d.%Y", "%m-%d-%y", "%d-%m-%y", "%y-%m-%d")
        )
        assert swapped
    else:
        expected = [pd.Timestamp(dt.datetime.strptime(cell, form)) for cell in cells]  # noqa: DTZ007  a day has no zone
        assert found.times.tolist() == expected


def readable(cell: str, form: str) -> bool:
    try:
        dt.datetime.strptime(cell, form)  # noqa: DTZ007  a day has no zone
    except ValueError:
        return False
    return True
