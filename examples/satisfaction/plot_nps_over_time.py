"""
Has the net promoter score moved?
=================================

Every week some customers say how likely they are to recommend a shop, from 0 to 10, and every week the score is
another. Which changes are news? Intervals show how far chance alone may carry a week, and a control chart says when
several weeks together are more than chance.

The answers are simulated, so it is known that all was well for a year and a half, and that deliveries went wrong from
the end of July 2024 on.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit.plotting import ControlChartDisplay, IndexDisplay
from crmkit.satisfaction import SurveyIndexTransformer, index_table, nps, nps_difference
from crmkit.smoothing import EWMAChart, PChart

rng = np.random.default_rng(3)
monday = pd.date_range("2023-01-02", periods=104, freq="7D")
week = monday[np.sort(rng.integers(0, 104, 4200))]
change = pd.Timestamp("2024-07-29")
content = rng.normal(np.where(week < change, 8.2, 7.9), 1.9)
recommend = pd.Series(np.clip(np.round(content), 0, 10), index=week, name="recommend")
well, year = week < "2024-01-01", week >= "2024-01-01"
recommend.value_counts().sort_index()

# %%
# Week by week
# ------------
# Forty answers a week: each score is known to some twenty points. The band is the score of 2023 with its own interval.
# A few weeks lie off it, and would do so if nothing ever changed: of twenty intervals of 95 % one misses.

before = nps(recommend[well])
weeks = index_table(nps, recommend, week)
IndexDisplay.from_table(weeks[weeks["segment"] >= "2024-01-01"], label="NPS", reference=before)
print(before)

# %%
# Longer periods are known better, and say it later. By quarter:

quarters = index_table(nps, recommend, week.to_period("Q"))
IndexDisplay.from_table(quarters, label="NPS", reference=before)
quarters.round({"value": 1, "low": 1, "high": 1})

# %%
# When is it more than chance?
# ----------------------------
# A control chart looks at one week after the other and remembers those before. Weeks with few answers may stray
# further, so each is measured in its own standard errors: the points of single answers (-100, 0 or 100) have a standard
# deviation, learnt in the good year, and a week of n answers has that over the root of n.

points = SurveyIndexTransformer("nps").fit_transform(recommend[well].to_frame())
error = points.std().iloc[0] / np.sqrt(weeks["n"])
standardised = ((weeks["value"] - before.value) / error).set_axis(monday)
chart = EWMAChart(target=0, sigma=1, arl0=370).fit(standardised[:52])
display = ControlChartDisplay.from_estimator(chart, standardised[52:], name="NPS, in standard errors of a week")
line = display.ax_.axvline(change, color="0.6", linestyle=":")

# %%
# The dotted line is where deliveries went wrong, by nine tenths of a standard error of a week. When was it found, and
# when is a change of that size found on average?

alarms = chart.alarms(standardised[52:])
first = alarms.loc[alarms["time"] >= change, "time"].iloc[0]
print(f"{(first - change).days // 7 + 1} weeks after the change; {(alarms['time'] < change).sum()} alarms before it")
print(f"on average after {chart.run_length(shift=-0.9):.0f} weeks, in vain after {chart.run_length():.0f}")

# %%
# Detractors alone
# ----------------
# A share has a chart of its own, with limits from the binomial distribution of each week's number of answers. It
# looks at single weeks: a bad one it finds at once, a lasting shift of this size after a year and more.

share = pd.DataFrame({"count": recommend <= 6, "size": 1}).groupby(level=0).sum()
detractors = PChart(arl0=370).fit(share[:52])
ControlChartDisplay.from_estimator(detractors, share[52:], name="Share of detractors")
print(f"on average after {detractors.run_length(shift=0.9):.0f} weeks, in vain after {detractors.run_length():.0f}")

# %%
# How large is it?
# ----------------
# Once the date is known, compare before and after. An alarm that chooses its moment makes the change look larger than
# it is, so take the date from what happened, not from the chart.

print(nps_difference(recommend[week >= change], recommend[year & (week < change)]))
plt.show()
