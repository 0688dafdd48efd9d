"""What the pictures of surveys hold: shares by hand, figures of tables and results, and labels that can be read."""

from __future__ import annotations

import datetime as dt
import itertools
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.dates import date2num
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression

from crmkit.exceptions import ColumnNotFoundError, CrmkitWarning, ParameterError
from crmkit.metrics import Estimate
from crmkit.plotting import DriverDisplay, GapDisplay, IndexDisplay, LikertDisplay, _surveys
from crmkit.plotting._axes import COLOURS, PALE
from crmkit.satisfaction import DriverAnalysis, answer_counts, index_table, nps, servqual

LONG = "How likely is it that you would recommend our shop ($ and $$) to a friend or a colleague who asks you? " * 2
CHINESE = "您对我们的服务总体上有多满意？请按照一到五分打分，五分表示非常满意，一分表示非常不满意。" * 2


@pytest.fixture(autouse=True)
def nothing_is_left_behind():
    """No display changes the settings, and all can be drawn without a word of matplotlib."""
    before = dict(mpl.rcParams)
    yield
    for number in plt.get_fignums():
        plt.figure(number).canvas.draw()
    plt.close("all")
    assert dict(mpl.rcParams) == before


@pytest.fixture
def letters(monkeypatch):
    """Collect what fonts are asked for, and ask for none."""
    asked = []
    plain = _surveys.fonts_for

    def fonts_for(*texts):
        asked.extend(map(str, texts))
        return plain()

    monkeypatch.setattr(_surveys, "fonts_for", fonts_for)
    return asked


def estimate(value, arm, n=100):
    return Estimate(value, value - arm, value + arm, n=n, coverage=0.95, method="t")


def names(ax):
    return [text.get_text() for text in ax.get_yticklabels()]


def texts(ax):
    return [text.get_text() for text in ax.texts]


def spans(container):
    """Where the bars begin and end."""
    return [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in container]


def ends(container, across=0):
    """Ends of the bars of errors: of those that lie, or of those that stand."""
    return np.array(container[2][0].get_segments())[:, :, across]


def hexed(bars):
    return [mpl.colors.to_hex(bar.get_facecolor()) for bar in bars]


# ----------------------------------------------------------------------------------------- answers


ANSWERS = pd.DataFrame({"price": [1, 1, 2, 3, 4], "staff": [5, 5, 4, 3, 2], "parking": [np.nan] * 5})


def test_answers_stand_to_both_sides_of_the_middle():
    display = LikertDisplay.from_answers(ANSWERS, scale=(1, 5))
    assert names(display.ax_) == ["staff", "price", "parking"]
    assert display.shares_.loc["price"].tolist() == [0.4, 0.2, 0.2, 0.2, 0]
    assert display.shares_.loc["parking"].tolist() == [0] * 5
    # Of price .6 are low and .2 astride: it begins at -.7.
    expected = {1: (-0.7, -0.3), 2: (-0.3, -0.1), 3: (-0.1, 0.1), 4: (0.1, 0.3), 5: (0.3, 0.3)}
    for step, span in expected.items():
        assert spans(display.bars_[step])[1] == pytest.approx(span)
    written = texts(display.ax_)
    assert [written.count(one) for one in ("n = 5", "n = 0", "60%", "20%")] == [2, 1, 2, 8]
    display.figure_.canvas.draw()
    shares = [text.get_window_extent() for text in display.ax_.texts if "%" in text.get_text()]
    assert all(display.ax_.bbox.x0 <= box.x0 < box.x1 <= display.ax_.bbox.x1 for box in shares)
    # Behind bars that stand astride.
    assert display.ax_.lines[0].get_zorder() < display.bars_[3][0].get_zorder()


@pytest.mark.parametrize(
    ("scale", "neutral", "begin"),
    [
        ((1, 4), None, -0.4),
        ((1, 4), (2, 3), -0.4),
        ((1, 5), None, -0.5),
        ((1, 5), (4, 4), -0.8),
        ((1, 5), (1, 5), -0.5),
    ],
)
def test_what_counts_for_neither_side(scale, neutral, begin):
    # .2 at each of 1 and 2, .2 at 3, .4 at 4
    display = LikertDisplay.from_answers([1, 2, 3, 4, 4], scale=scale, neutral=neutral, title="Shares")
    assert spans(display.bars_[1])[0][0] == pytest.approx(begin)
    assert display.ax_.get_title() == "Shares"
    before = display.ax_.lines[0].get_zorder() > display.bars_[1][0].get_zorder()
    assert before == (scale == (1, 4) and neutral is None)


def test_detractors_and_promoters():
    answers = np.repeat(np.arange(11), [1, 0, 0, 0, 0, 1, 1, 2, 1, 3, 1])
    display = LikertDisplay.from_answers(answers, scale=(0, 10), neutral=(7, 8))
    assert {"30%", "40%"} <= set(texts(display.ax_))
    assert spans(display.bars_[0])[0][0] == pytest.approx(-0.45)
    colours = [hexed(bars)[0] for bars in display.bars_.values()]
    assert colours[7] == colours[8]
    assert (colours[0], colours[10]) == (COLOURS[1], COLOURS[0])
    assert len(set(colours)) == 10
    assert len(display.ax_.get_legend().get_texts()) == 11


def test_weights_and_turned_questions_are_those_of_the_counts():
    options = {"scale": (1, 5), "reverse": ["price"], "sample_weight": [1, 2, 3, 4, 5], "not_applicable": [2]}
    display = LikertDisplay.from_answers(ANSWERS, **options)
    counts = answer_counts(ANSWERS, **options)
    shares = counts.div(counts.sum(axis=1), axis=0).fillna(0.0)
    pd.testing.assert_frame_equal(display.shares_.loc[shares.index], shares)


def test_names_and_texts_that_are_long(letters):
    scale = {"非常不满意": 1, "2": 2, "neither satisfied nor dissatisfied": 3, "4": 4, "satisfied in every way" * 2: 5}
    X = pd.DataFrame({LONG: ["2", "4"], CHINESE: ["4", "4"]})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # no font of this machine need have the letters
        display = LikertDisplay.from_answers(X, scale=scale, title="客户")
        display.figure_.canvas.draw()
        assert set("您客非常") <= set("".join(letters))
        for name in names(display.ax_):
            lines = name.split("\n")
            assert len(lines) == 3
            assert max(map(len, lines)) <= (20 if "您" in name else 40)
            assert name.endswith("…")
        assert not any(text.get_parse_math() for text in display.ax_.get_yticklabels())
        width = display.figure_.bbox.width
        boxes = [text.get_window_extent() for text in display.ax_.get_yticklabels()]
        assert all(box.x0 >= 0 for box in boxes)
        legend = display.ax_.get_legend().get_window_extent()
        assert 0 <= legend.x0 < legend.x1 <= width
        assert legend.y0 >= 0
        plt.close("all")
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == list(scale)


def test_twenty_questions_have_room():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.integers(1, 6, (50, 20)), columns=[f"{LONG[:90]} {j}" for j in range(20)])
    display = LikertDisplay.from_answers(X, scale=(1, 5))
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.ax_.get_yticklabels()]
    assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))


def test_many_steps_have_a_legend_of_two():
    display = LikertDisplay.from_answers([0, 15, 30], scale=(0, 30))
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["0", "30"]


@pytest.mark.parametrize("neutral", [(3,), (3, 9), (4, 2), (1, 2, 3)])
def test_neutral_steps_that_are_none(neutral):
    with pytest.raises(
        ParameterError, match=r"'neutral' parameter of LikertDisplay must be two of the steps \[1, 2, 3"
    ):
        LikertDisplay.from_answers(ANSWERS, scale=(1, 5), neutral=neutral)


# ------------------------------------------------------------------------------------------- index


WEEKS = pd.date_range("2026-01-05", periods=24, freq="7D")


@pytest.fixture(scope="module")
def weekly():
    rng = np.random.default_rng(0)
    return rng.integers(0, 11, 2400), np.repeat(WEEKS, 100)


def test_weeks_of_an_index(weekly):
    table = index_table(nps, *weekly)
    total = nps(weekly[0])
    display = IndexDisplay.from_table(table, label="NPS", reference=total)
    line = display.points_[0]
    np.testing.assert_array_equal(line.get_xdata(), WEEKS)
    np.testing.assert_array_equal(line.get_ydata(), table["value"])
    np.testing.assert_allclose(ends(display.points_, 1), table[["low", "high"]])
    assert [bar.get_height() for bar in display.bars_] == [100] * 24
    assert [bar.get_x() + bar.get_width() / 2 for bar in display.bars_] == pytest.approx(date2num(WEEKS).tolist())
    assert {round(bar.get_width(), 6) for bar in display.bars_} == {4.9}
    assert display.index_ax_.get_ylabel() == "NPS"
    assert display.count_ax_.get_ylabel() == "answers"
    assert display.index_ax_.lines[-1].get_ydata() == [float(total)] * 2
    (band,) = display.index_ax_.patches
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((total.low, total.high))


@pytest.mark.parametrize(
    "segment",
    [
        pd.period_range("2026-01-05", periods=3, freq="D"),
        pd.date_range("2026-01-05", periods=3, tz="Asia/Shanghai"),
        [dt.date(2026, 1, day) for day in (5, 6, 7)],
        [dt.datetime(2026, 1, day) for day in (5, 6, 7)],
    ],
    ids=["periods", "zone", "dates", "times"],
)
@pytest.mark.parametrize("turn", [False, True])
def test_times_of_any_sort(segment, turn):
    table = pd.DataFrame({"segment": segment, "value": [1, 2, 3], "low": 0, "high": 4, "n": 10})
    display = IndexDisplay.from_table(table[::-1] if turn else table)
    np.testing.assert_array_equal(display.points_[0].get_xdata(), np.arange("2026-01-05", "2026-01-08", dtype="M8[D]"))
    assert display.points_[0].get_ydata().tolist() == [1, 2, 3]


def test_a_table_of_polars():
    table = pl.DataFrame(
        {"segment": [dt.date(2026, 1, 5), dt.date(2026, 2, 5)], "value": [1.0, None], "low": [0.0, None]}
    ).with_columns(high=pl.col("low") + 3, n=pl.Series([7, 0]))
    display = IndexDisplay.from_table(table)
    np.testing.assert_array_equal(display.points_[0].get_ydata(), [1, np.nan])
    assert [bar.get_height() for bar in display.bars_] == [7, 0]


def test_answers_without_a_time_are_told(weekly):
    answers, by = weekly
    table = index_table(nps, answers, pd.Series(by).where(np.arange(2400) > 4))
    with pytest.warns(CrmkitWarning, match="leaves out 5 answers that have no time") as caught:
        display = IndexDisplay.from_table(table)
    assert caught[0].filename == __file__
    assert len(display.points_[0].get_xdata()) == 24


def test_one_week():
    table = pd.DataFrame({"segment": WEEKS[:1], "value": 1.0, "low": 0.0, "high": 2.0, "n": 10})
    assert len(IndexDisplay.from_table(table).bars_) == 1


def test_names_along_the_time(weekly):
    table = index_table(nps, weekly[0], [f"2026-W{week.week:02d}" for week in weekly[1]])
    display = IndexDisplay.from_table(table, kind="time", reference=20)
    assert display.points_[0].get_xdata().tolist() == list(range(24))
    assert [text.get_text() for text in display.count_ax_.get_xticklabels()] == list(table["segment"][::3])
    assert not display.index_ax_.patches
    assert display.index_ax_.lines[-1].get_ydata() == [20, 20]


def test_segments(weekly):
    table = index_table(nps, weekly[0][:9], ["north"] * 5 + ["south"] * 3 + [None])
    display = IndexDisplay.from_table(table, label="NPS", reference=estimate(10.0, 5.0))
    assert names(display.ax_) == ["north", "south", "missing"]
    assert [text for text in texts(display.ax_) if text.startswith("n")] == ["n = 5", "n = 3", "n = 1"]
    np.testing.assert_array_equal(display.points_[0].get_xdata(), table["value"])
    found, there = ends(display.points_), table["low"].notna().to_numpy()
    np.testing.assert_allclose(found[there], table.loc[there, ["low", "high"]])
    assert display.ax_.get_xlabel() == "NPS"
    assert display.ax_.lines[-1].get_xdata() == [10, 10]
    dates = IndexDisplay.from_table(index_table(nps, *weekly), kind="segments")
    assert len(names(dates.ax_)) == 24


def test_ends_that_are_missing():
    table = pd.DataFrame({"segment": ["a", "b"], "value": [1.0, 2.0], "low": [np.nan, -np.inf], "high": np.nan, "n": 1})
    for across, kind in enumerate(("segments", "time")):
        display = IndexDisplay.from_table(table, kind=kind)
        np.testing.assert_array_equal(ends(display.points_, across), [[1, 1], [2, 2]])


def test_tables_that_are_refused(weekly):
    table = index_table(nps, *weekly)
    with pytest.raises(ColumnNotFoundError, match="'low'"):
        IndexDisplay.from_table(table.drop(columns="low"))
    with pytest.raises(ColumnNotFoundError, match="'segment'"):
        IndexDisplay.from_table([1, 2])
    with pytest.raises(ParameterError, match="'table' parameter of IndexDisplay"):
        IndexDisplay.from_table(table.assign(n="many"))
    with pytest.raises(ParameterError, match="'kind' parameter of IndexDisplay"):
        IndexDisplay.from_table(table, kind="weeks")


# ----------------------------------------------------------------------------------------- drivers


DRIVERS = ["Price", "Delivery on time", "Friendly staff", "Range of products", "Easy returns", "Website", "App"]
DRIVERS += ["Opening hours", "Parking", "Answers within a day", "Clear invoices", "Payment methods", "Product quality"]
DRIVERS += ["The packaging was neat and could be reused", "Loyalty points"]


@pytest.fixture(scope="module")
def analysis():
    rng = np.random.default_rng(0)
    taste = rng.normal(size=(400, 1))
    X = pd.DataFrame(np.clip(np.round(rng.normal(3.5 + rng.normal(size=15) / 2 + taste / 2)), 1, 5), columns=DRIVERS)
    y = X.to_numpy() @ rng.gamma(0.6, size=15) + rng.normal(size=400)
    return DriverAnalysis(random_state=0, n_resamples=50).fit(X, y)


def test_bars_of_drivers(analysis):
    display = DriverDisplay.from_estimator(analysis)
    order = np.argsort(-np.asarray(analysis.importances_))
    assert [name.replace("\n", " ") for name in names(display.ax_)] == [DRIVERS[j] for j in order]
    np.testing.assert_allclose(spans(display.bars_), [(0, analysis.importances_[j]) for j in order])
    np.testing.assert_allclose(ends(display.points_), np.asarray(analysis.importance_intervals_)[order])
    assert display.ax_.get_xlabel() == f"part of R² (in all {analysis.r2_:.2f})"
    assert texts(display.ax_) == [f"{analysis.importances_[j]:.3f}" for j in order]


def test_the_grid_is_divided_at_the_means(analysis):
    display = DriverDisplay.from_estimator(analysis, kind="grid")
    order = np.argsort(-np.asarray(analysis.importances_))
    line = display.points_[0]
    np.testing.assert_allclose(line.get_xdata(), np.asarray(analysis.performance_)[order])
    np.testing.assert_allclose(line.get_ydata(), np.asarray(analysis.importances_)[order])
    upright, level = display.ax_.lines[-2:]
    assert upright.get_xdata()[0] == pytest.approx(np.mean(analysis.performance_))
    assert level.get_ydata()[0] == pytest.approx(np.mean(analysis.importances_))
    assert texts(display.ax_)[:4] == ["work on this", "keep it up", "can wait", "perhaps too much"]
    # Above on the left stands what is important and goes badly.
    where = {text.get_text(): text.get_position() for text in display.ax_.texts[:4]}
    assert where["work on this"] == pytest.approx((0.01, 0.99))
    assert where["perhaps too much"] == pytest.approx((0.99, 0.01))


@pytest.mark.parametrize("seed", range(3))
def test_labels_of_the_grid_can_be_read(seed):
    rng = np.random.default_rng(seed)
    importances = 0.6 * rng.dirichlet(np.ones(15))
    intervals = importances[:, None] + [-0.02, 0.02]
    display = DriverDisplay(DRIVERS, importances, intervals, 3.6 + 0.4 * rng.normal(size=15)).plot()
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.labels_]
    shared = [mpl.transforms.Bbox.intersection(a, b) for a, b in itertools.combinations(boxes, 2)]
    # Letters do not fill their boxes: of one in fifteen, a tenth may be covered.
    covered = sum(box.width * box.height for box in shared if box is not None)
    assert covered < 0.01 * sum(box.width * box.height for box in boxes)
    frame = display.ax_.bbox
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 <= box.y1 <= frame.y1 for box in boxes)
    middles = np.array([((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2) for box in boxes])
    points = display.ax_.transData.transform(display.points_[0].get_xydata())
    away = np.abs(middles - points) - [(box.width / 2, box.height / 2) for box in boxes]
    assert (away.max(axis=1) < 30).all()
    assert (away.max(axis=1) < 8).sum() >= 10


def test_labels_in_a_part_of_a_figure(analysis):
    root = plt.figure(layout="constrained")
    ax = root.subfigures(1, 2)[1].subplots()
    display = DriverDisplay.from_estimator(analysis, kind="grid", ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure


def test_another_measure_of_performance(analysis):
    shares = np.linspace(0, 1, 15)
    display = DriverDisplay.from_estimator(analysis, kind="grid", performance=shares)
    assert sorted(display.points_[0].get_xdata()) == shares.tolist()
    with pytest.raises(ParameterError, match="'performance' parameter of DriverDisplay must be of length 15"):
        DriverDisplay.from_estimator(analysis, kind="grid", performance=shares[1:])


def test_what_controls_explain_is_no_drivers_part():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    fitted = DriverAnalysis(controls=[0], n_resamples=0).fit(X, X.sum(axis=1) + rng.normal(size=200))
    display = DriverDisplay.from_estimator(fitted)
    assert display.ax_.get_xlabel() == f"part of R² (in all {fitted.r2_ - fitted.r2_controls_:.2f})"
    assert display.intervals is None


def test_drivers_of_a_yes_or_no():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = (X[:, 0] + rng.logistic(size=200) > 0).astype(int)
    display = DriverDisplay.from_estimator(DriverAnalysis(model="logistic", n_resamples=0).fit(X, y))
    assert display.ax_.get_xlabel().startswith("part of McFadden's R² (in all 0.")
    assert names(display.ax_) == ["x0", "x1"]


def test_intervals_that_nobody_asked_for():
    unknown = np.full((2, 2), np.nan)
    for intervals in (None, unknown):
        display = DriverDisplay(["a", "b"], np.array([0.2, -0.1]), intervals).plot()
        np.testing.assert_array_equal(ends(display.points_), [[0.2, 0.2], [-0.1, -0.1]])


def test_what_is_no_analysis(analysis):
    for wrong in (LinearRegression(), DriverAnalysis):
        with pytest.raises(
            ParameterError, match="'analysis' parameter of DriverDisplay must be a fitted DriverAnalysis"
        ):
            DriverDisplay.from_estimator(wrong)
    with pytest.raises(NotFittedError):
        DriverDisplay.from_estimator(DriverAnalysis())
    with pytest.raises(ParameterError, match="'kind' parameter of DriverDisplay"):
        DriverDisplay.from_estimator(analysis, kind="pie")


# -------------------------------------------------------------------------------------------- gaps


@pytest.fixture(scope="module")
def quality():
    rng = np.random.default_rng(0)
    expected = np.clip(np.round(rng.normal(5.8, 0.8, (150, 22))), 1, 7)
    perceived = np.clip(np.round(expected + rng.normal(np.repeat([0.3, -1, -0.5, 0.02, -0.4], [4, 5, 4, 4, 5]))), 1, 7)
    points = {"tangibles": 10, "reliability": 32, "responsiveness": 22, "assurance": 19, "empathy": 17}
    return servqual(expected, perceived, importance=points)


def test_gaps_of_dimensions(quality):
    display = GapDisplay.from_servqual(quality)
    gaps = quality.dimensions.values()
    np.testing.assert_allclose([bar.get_width() for bar in display.bars_], [float(gap) for gap in gaps])
    np.testing.assert_allclose(ends(display.points_), [(gap.low, gap.high) for gap in gaps])
    assert names(display.ax_)[:2] == ["tangibles (10%)", "reliability (32%)"]
    assert f"overall, dashed: {quality.overall:+.2f}" in display.ax_.get_xlabel()
    assert "in brackets: importance" in display.ax_.get_xlabel()
    assert texts(display.ax_) == [f"{float(gap):+.2f}" for gap in gaps]


def test_gaps_of_items(quality):
    display = GapDisplay.from_servqual(quality, level="items")
    assert names(display.ax_) == list(quality.items)
    assert "brackets" not in display.ax_.get_xlabel()


def test_what_may_be_chance_is_grey():
    gaps = {"worse": estimate(-0.5, 0.2), "better": estimate(0.5, 0.2), "chance": estimate(-0.1, 0.2)}
    gaps["alone"] = Estimate(-0.3, -np.inf, np.inf, n=1, coverage=0.95, method="t")
    display = GapDisplay(gaps).plot()
    assert hexed(display.bars_) == [COLOURS[1], COLOURS[0], PALE, PALE]
    assert display.ax_.get_xlabel() == "perceived less expected"
    assert ends(display.points_)[3].tolist() == [-0.3, -0.3]


def test_what_is_no_result(quality):
    with pytest.raises(ParameterError, match="'result' parameter of GapDisplay must be what"):
        GapDisplay.from_servqual({"tangibles": -0.4})
    with pytest.raises(ParameterError, match="'level' parameter of GapDisplay"):
        GapDisplay.from_servqual(quality, level="overall")


# --------------------------------------------------------------------------------------------- all


@pytest.mark.parametrize("name", ["likert", "weeks", "segments", "bars", "gaps"])
def test_it_draws_where_it_is_told(name, weekly, analysis, quality):
    _, ax = plt.subplots(layout="constrained")
    display = {
        "likert": lambda: LikertDisplay.from_answers(ANSWERS, scale=(1, 5), ax=ax),
        "weeks": lambda: IndexDisplay.from_table(index_table(nps, *weekly), ax=ax),
        "segments": lambda: IndexDisplay.from_table(index_table(nps, *weekly), kind="segments", ax=ax),
        "bars": lambda: DriverDisplay.from_estimator(analysis, ax=ax),
        "gaps": lambda: GapDisplay.from_servqual(quality, ax=ax),
    }[name]()
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert len(plt.get_fignums()) == 1
    assert display.plot().ax_ is not ax


@pytest.mark.parametrize("name", ["index", "drivers", "gaps"])
def test_fonts_have_all_the_letters(name, letters):
    table = pd.DataFrame({"segment": ["客户"], "value": 1.0, "low": 0.0, "high": 2.0, "n": 10})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        {
            "index": lambda: IndexDisplay(table, label="满意").plot(),
            "drivers": lambda: DriverDisplay(["客户"], np.ones(1), np.ones((1, 2)), label="满意").plot(),
            "gaps": lambda: GapDisplay({"客户满意": estimate(-1.0, 0.5)}).plot(),
        }[name]()
        plt.close("all")
    assert set("客户满意") <= set("".join(letters))
