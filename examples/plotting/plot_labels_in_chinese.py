"""
Pictures with Chinese labels
============================

matplotlib draws boxes for letters that its font lacks. Here the segments of a shop are drawn under their
Chinese names where the machine has a font for them, and under their English ones where it has none.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit import EventLog, RFMTransformer
from crmkit.datasets import load_cdnow
from crmkit.features import RFM_CLASSES
from crmkit.model_selection import TemporalSplit
from crmkit.plotting import TemporalSplitDisplay, fonts_for, has_glyphs

log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
today = log.snapshot("1997-10-01")
rfm = RFMTransformer().fit(today)

# %%
# Which language can be drawn
# ---------------------------
# ``has_glyphs`` asks the installed fonts, so that a report need not guess.

language = "zh" if has_glyphs(*RFM_CLASSES.names("zh")) else "en"
counts = rfm.segment(today, RFM_CLASSES, language=language).value_counts(sort=False)
counts = counts[counts > 0]
print(counts.to_string())

# %%
# ``fonts_for`` puts such a font behind the usual one, for what is drawn inside.

with fonts_for(*counts.index):
    figure, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
    bars = ax.barh(counts.index.astype(str), counts, color="#0072b2")
    ax.bar_label(bars, padding=3)
    ax.invert_yaxis()
    ax.set_xlabel("customers")
    figure.canvas.draw()

# %%
# A display is yours to change
# ----------------------------
# Displays keep what they drew. Here two splits share a figure, and the axes get titles of their own.

X = log.snapshots(pd.date_range("1997-04-01", "1998-04-01", freq="MS"), horizon="90D")
figure, axes = plt.subplots(2, 1, figsize=(8, 5), layout="constrained", sharex=True)
for ax, purge in zip(axes, ("label", None), strict=True):
    display = TemporalSplitDisplay.from_splitter(TemporalSplit(3, purge=purge), X, ax=ax)
    display.ax_.set_title(f"purge={purge!r}")
    crossing = sum(int((chop.as_of["train"] + X.horizon > chop.split_time).sum()) for chop in display.chops)
    print(f"purge={purge!r}: {crossing} label windows of training rows cross their split time")
axes[0].get_legend().remove()
print("rows of each fold:", [int(np.sum(chop.n_rows["train"])) for chop in display.chops])
plt.show()
