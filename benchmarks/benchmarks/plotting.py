"""Speed of pictures, and of finding fonts for their labels."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd

from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.model_selection import TemporalSplit
from crmkit.plotting import TemporalSplitDisplay, fonts_for


class Split:
    """Five folds of rows at a month's distance, or at a day's."""

    params = ["MS", "D"]
    param_names = ["dates"]

    def setup(self, dates):
        log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
        self.X = log.snapshots(pd.date_range("1997-04-01", "1998-04-01", freq=dates)[-120:], horizon="30D")
        self.time_draw(dates)

    def teardown(self, dates):
        plt.close("all")

    def time_draw(self, dates):
        TemporalSplitDisplay.from_splitter(TemporalSplit(5), self.X).figure_.canvas.draw()
        plt.close("all")


class Fonts:
    """What a label costs once the fonts of the machine are known."""

    params = ["Champions", "冠军客户"]
    param_names = ["label"]

    def setup(self, label):
        self.time_fonts(label)

    def time_fonts(self, label):
        with fonts_for(label):
            pass
