import datetime as dt
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit._periods import Frequency, frequency, infer_frequency
from crmkit.exceptions import ParameterError

DAY = 24 * 60 * 60 * 10**6
PANDAS = {"h": "h", "D": "D", "W": "W-SUN", "M": "M", "Q": "Q-DEC", "Y": "Y-DEC"}
MOMENTS = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1))


def microseconds(*moments):
    return np.array(moments, dtype="M8[us]").view(np.int64)


@pytest.mark.parametrize("name", PANDAS)
@given(moments=st.lists(MOMENTS, min_size=1, max_size=20))
def test_periods_are_those_of_pandas(name, moments):
    period = frequency(name, "f")
    numbers = period.number(microseconds(*moments))
    starts = period.start(numbers)
    oracle = pd.PeriodIndex([pd.Timestamp(moment).to_period(PANDAS[name]) for moment in moments])
    assert starts.view("M8[us]").tolist() == [one.start_time.to_pydatetime() for one in oracle]
    np.testing.assert_array_equal(numbers - numbers[0], oracle.astype(np.int64) - oracle.astype(np.int64)[0])
    np.testing.assert_array_equal(period.number(starts), numbers)
    np.testing.assert_array_equal(period.number(period.start(numbers + 1) - 1), numbers)


@pytest.mark.parametrize("name", ["M", "Q", "Y"])
def test_many_times_of_few_days_are_looked_up_and_come_out_the_same(name):
    period = frequency(name, "f")
    times = microseconds("1969-11-30", "1970-03-01") + np.arange(0, 5_000, 7)[:, None] * DAY // 50
    np.testing.assert_array_equal(period.number(times), [[period.number(one) for one in row] for row in times])


@given(
    moment=MOMENTS,
    text=st.sampled_from(["14D", "30min", "5h", "10D", "1.5h", "3W"]),
)
def test_a_fixed_duration_counts_from_a_monday(moment, text):
    period = frequency(text, "f")
    time = microseconds(moment)
    length = pd.Timedelta(text) // pd.Timedelta("1us")
    assert period.number(microseconds("1970-01-05")).tolist() == [0]
    assert period.number(time).tolist() == [(int(time[0]) - 4 * DAY) // length]
    assert 0 <= (time - period.start(period.number(time)))[0] < length
    assert period.season == 1


def test_whole_numbers_are_their_own_periods():
    period = frequency("I", "f")
    assert period.counts
    assert not frequency("D", "f").counts
    assert period.number([3, -1]).tolist() == period.start([3, -1]).tolist() == [3, -1]


@pytest.mark.parametrize(
    ("spelling", "name", "season"),
    [
        ("h", "h", 24),
        ("H", "h", 24),
        ("60min", "h", 24),
        ("D", "D", 7),
        ("1D", "D", 7),
        (" 1 D ", "D", 7),
        ("24h", "D", 7),
        ("W", "W", 52),
        ("W-MON", "W", 52),
        ("W-SUN", "W", 52),
        ("7D", "W", 52),
        ("1W", "W", 52),
        (dt.timedelta(weeks=1), "W", 52),
        ("M", "M", 12),
        ("MS", "M", 12),
        ("ME", "M", 12),
        ("1MS", "M", 12),
        (pd.offsets.MonthBegin(), "M", 12),
        ("Q", "Q", 4),
        ("QS", "Q", 4),
        ("QS-JAN", "Q", 4),
        ("QE-DEC", "Q", 4),
        ("Y", "Y", 1),
        ("YS", "Y", 1),
        ("YE-DEC", "Y", 1),
        ("14D", "14D", 1),
        ("2W", "14D", 1),
        ("15min", "15min", 1),
        ("1min", "1min", 1),
        ("1s", "1s", 1),
        ("1.5h", "90min", 1),
        ("11D", "11D", 1),
        ("10D", "10D", 1),
        (np.timedelta64(14, "D"), "14D", 1),
        ("I", "I", 1),
    ],
)
def test_spellings(spelling, name, season):
    found = frequency(spelling, "f")
    assert (found.name, found.season) == (name, season)
    assert frequency(found, "f") is found
    assert pickle.loads(pickle.dumps(found)) == found


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ("W-WED", "Weeks begin on Monday"),
        ("2M", "Several 'M' have no fixed length"),
        ("3MS", "Several 'M' have no fixed length"),
        ("2Q", "Several 'Q' have no fixed length"),
        ("QS-FEB", "Quarters and years are those of the calendar"),
        ("YE-JUN", "Quarters and years are those of the calendar"),
        ("B", "say 'D'"),
        ("week", "Write 'W'."),
        ("Monthly", "Write 'M'."),
        ("d", "Write 'D'."),
        ("", "Got '' instead."),
        ("fortnight", "Got 'fortnight' instead."),
    ],
)
def test_other_names_are_refused(wrong, hint):
    with pytest.raises(ParameterError, match="The 'freq' parameter of EventLog.demand must be one of 'h'") as caught:
        frequency(wrong, "EventLog.demand")
    assert hint in str(caught.value)


@pytest.mark.parametrize("wrong", [7, 7.0, None, True, "0D", "-1D", ["D"], dt.timedelta(0)])
def test_lengths_that_are_none_are_refused(wrong):
    with pytest.raises(ParameterError, match="'freq' parameter"):
        frequency(wrong, "f")


@pytest.mark.parametrize(
    ("times", "name"),
    [
        (["2020-01-01", "2022-01-01"], "Y"),
        (["2020-01-01", "2020-07-01"], "Q"),
        (["2020-01-01", "2020-02-01"], "M"),
        (["1969-12-01", "1970-01-01"], "M"),
        (["2024-01-01", "2024-01-08", "2024-01-29"], "W"),
        (["2024-01-01", "2024-01-08", "2024-01-30"], "D"),
        (["2024-01-06", "2024-01-08"], "D"),
        (["2024-01-01", "2024-01-01T05"], "h"),
        (["2024-01-01T03", "2024-01-02T03"], "h"),
        ([7, 3], "I"),
    ],
)
def test_inferred(times, name):
    array = np.array(times) if name == "I" else np.array(times, dtype="M8[us]")
    assert infer_frequency(array, "f") is frequency(name, "f")
    assert infer_frequency(np.repeat(array, 50), "f").name == name


@pytest.mark.parametrize("name", PANDAS)
@given(data=st.data())
def test_starts_of_periods_in_a_row_are_inferred(name, data):
    """Two years and a day of them, so that no longer period fits."""
    period = frequency(name, "f")
    first = data.draw(st.integers(-100, 100))
    starts = period.start(np.arange(first, first + (18_000 if name == "h" else 740)))
    shuffled = np.random.default_rng(0).permutation(starts)
    assert infer_frequency(shuffled.view("M8[us]"), "f") is period


@pytest.mark.parametrize(
    ("times", "hint"),
    [
        ([], "not two different times"),
        (["2024-01-01", "2024-01-01"], "not two different times"),
        (["2024-01-01T05", "2024-01-01T05"], "not two different times"),
        (["2024-01-01T05:30", "2024-01-01T06"], "1 of 2 times are not at the start of an hour"),
        (["2024-01-07", "2024-01-21"], "all times are a Sunday"),
        (["1969-12-31", "1970-01-07"], "all times are a Wednesday"),
        (["2024-01-31", "2024-02-29"], "last day of a month"),
    ],
)
def test_not_inferred(times, hint):
    with pytest.raises(ParameterError, match="The 'freq' parameter of f cannot be inferred") as caught:
        infer_frequency(np.array(times, dtype="M8[us]"), "f")
    assert hint in str(caught.value)
    assert "freq='" in str(caught.value)


def test_inferring_agrees_with_a_plain_reading_of_every_time():
    rng = np.random.default_rng(0)
    for _ in range(200):
        days = np.unique(rng.integers(-400, 20_000, size=rng.integers(2, 6)))
        name = rng.choice(["D", "W", "M", "Q", "Y"])
        period = frequency(name, "f")
        times = np.unique(period.start(period.number(days * DAY)))
        fits = [
            longer
            for longer in ("Y", "Q", "M", "W", "D")
            if all(int(frequency(longer, "f").start(frequency(longer, "f").number(time))) == time for time in times)
        ]
        if len(times) > 1 and fits[0] != "D":
            assert infer_frequency(times.view("M8[us]"), "f").name == fits[0]


def test_a_frequency_can_be_compared_and_shown():
    assert repr(frequency("14D", "f")) == "Frequency(name='14D', season=1)"
    assert frequency("14D", "f") == frequency("2W", "g")
    assert isinstance(frequency("D", "f"), Frequency)
