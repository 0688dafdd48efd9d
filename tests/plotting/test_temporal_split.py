"""What the picture of a split shows is what the split does."""

from __future__ import annotations

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.dates import date2num
from sklearn.model_selection import KFold

from crmkit import EventLog
from crmkit.datasets import make_purchases
from crmkit.exceptions import ParameterError
from crmkit.model_selection import TemporalSplit
from crmkit.plotting import TemporalSplitDisplay


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def log():
    frame, _ = make_purchases(40, span="60W", random_state=0)
    return EventLog.from_frame(frame, customer="customer_id", time="time", value="value", observed_until="2024-02-25")


@pytest.fixture(scope="module", name="X")
def snapshots(log):
    return log.snapshots(pd.date_range("2023-05-01", "2024-01-01", freq="MS"), horizon="30D", gap="15D")


def test_each_dot_is_an_as_of_of_its_fold(X):
    splitter = TemporalSplit(3)
    display = TemporalSplitDisplay.from_splitter(splitter, X)
    for part in ("train", "purged", "test"):
        drawn = {tuple(dot) for dot in display.dots_[part].get_offsets().tolist()}
        expected = {
            (date2num(day), fold.number)
            for fold in splitter.folds(X)
            for day in np.unique(X.as_of[getattr(fold, part)])
        }
        assert drawn == expected


def test_no_training_window_crosses_the_split(X):
    display = TemporalSplitDisplay.from_splitter(TemporalSplit(3), X)
    splits = [segment[0][0] for segment in display.split_lines_.get_segments()]
    for segment in display.windows_["train"].get_segments():
        fold = round(segment[0][1] - 0.25)
        assert segment[1][0] <= splits[fold]
        assert segment[1][0] - segment[0][0] == pytest.approx(30)
    for segment in display.windows_["test"].get_segments():
        assert segment[0][0] == pytest.approx(splits[round(segment[0][1] - 0.25)] + 15)


def test_counts_are_kept(X):
    splitter = TemporalSplit(2, customers="disjoint")
    display = TemporalSplitDisplay.from_splitter(splitter, X)
    for chop, fold in zip(display.chops, splitter.folds(X), strict=True):
        assert chop.n_rows["train"].sum() == len(fold.train)
        assert chop.n_rows["test"].sum() == len(fold.test)
        assert chop.split_time == fold.split_time


def test_it_draws_where_it_is_told(X):
    _, ax = plt.subplots()
    display = TemporalSplitDisplay.from_splitter(TemporalSplit(3), X, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert [label.get_text() for label in ax.get_yticklabels()] == ["fold 0", "fold 1", "fold 2"]
    legend = {text.get_text() for text in ax.get_legend().get_texts()}
    assert legend == {"training rows", "purged: label not complete", "test rows", "split time"}
    assert display.plot().ax_ is not ax


def test_rows_without_labels_have_no_windows(log):
    X = log.snapshots(["2023-05-01", "2023-06-01", "2023-07-01"])
    display = TemporalSplitDisplay.from_splitter(TemporalSplit(2, purge=None), X)
    assert display.windows_ == {}
    assert set(display.dots_) == {"train", "test"}
    display.figure_.canvas.draw()


def test_settings_of_matplotlib_are_left_alone(X):
    before = dict(mpl.rcParams)
    TemporalSplitDisplay.from_splitter(TemporalSplit(3), X)
    assert dict(mpl.rcParams) == before


def test_other_splitters_are_refused(X):
    with pytest.raises(ParameterError, match=r"'splitter' parameter of TemporalSplitDisplay.*Got KFold"):
        TemporalSplitDisplay.from_splitter(KFold(3), X)
