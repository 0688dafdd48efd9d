"""
What to work on first
=====================

Customers rate six parts of a service and the whole. Which parts does the whole depend on, and how well does each go?
What is important and goes badly is the work to do.

The answers are simulated: the whole is made of three of the parts. The other three only go along with them, because who
is content is content with everything.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit.plotting import DriverDisplay, GapDisplay
from crmkit.satisfaction import DriverAnalysis, servqual

rng = np.random.default_rng(2)
n = 900
content = rng.normal(size=n)
means = {"speed": 5.6, "price": 6.4, "app": 5.9, "staff": 8.1, "opening hours": 7.4, "shop": 8.0}
parts = pd.DataFrame(
    {name: np.clip(np.round(mean + content + rng.normal(0, 1.3, n)), 1, 10) for name, mean in means.items()}
)
whole = 0.5 * parts["speed"] + 0.3 * parts["staff"] + 0.15 * parts["price"] + 0.6 * content + rng.normal(0.5, 0.9, n)
whole = np.clip(np.round(whole), 1, 10)
parts.corr().round(2)

# %%
# Importance
# ----------
# All parts are correlated with the whole and with each other, so neither correlations nor coefficients say how
# important one is. Shapley values share out what all of them explain together; they add up to R².

analysis = DriverAnalysis(random_state=0).fit(parts, whole)
DriverDisplay.from_estimator(analysis)
analysis.table().round(3)

# %%
# The app, the shop and opening hours have no effect here, and still have their share: they carry news of
# contentment, which the whole depends on, too. Importance says what goes along, not what an investment brings. Only a
# trial can say that.
#
# Importance and performance
# --------------------------
# Speed explains most and is rated worst. The dividing lines are means of these six parts: something will always stand
# above on the left, however good all are.

grid = DriverDisplay.from_estimator(analysis, kind="grid")

# %%
# How steady is the order?
# ------------------------
# Johnson's relative weights are another way to share R² out, and a yes or no (8 and more) another outcome. What changes
# places between them is not worth a dispute.

others = {
    "Shapley": analysis,
    "Johnson": DriverAnalysis("johnson", n_resamples=0).fit(parts, whole),
    "8 or more": DriverAnalysis(model="logistic", n_resamples=0).fit(parts, whole >= 8),
}
shares = pd.DataFrame({name: one.importances_ / one.r2_ for name, one in others.items()}, index=list(parts))
shares.round(2)

# %%
# Parts that belong together are one driver, and what is no lever can be a control, such as the age of a customer. Here
# whatever the app explains is taken out first.

grouped = DriverAnalysis(groups={"place": ["shop", "opening hours"]}, controls=["app"], random_state=0).fit(
    parts, whole
)
print(f"R² {grouped.r2_:.2f}, of which {grouped.r2_controls_:.2f} is the app's")
grouped.table().round(3)

# %%
# What was expected?
# ------------------
# A rating of 6 is bad news where 9 was expected. SERVQUAL asks twice and takes the difference. Grey bars may be
# chance.

expected = {"speed": 7.4, "price": 6.3, "app": 6.6, "staff": 7.9, "opening hours": 7.4, "shop": 7.0}
wanted = pd.DataFrame(
    {name: np.clip(np.round(mean + 0.6 * content + rng.normal(0, 1.2, n)), 1, 10) for name, mean in expected.items()}
)
gaps = servqual(
    wanted[:200],
    parts[:200],
    scale=(1, 10),
    dimensions={
        "promptness": ["speed", "app"],
        "people": ["staff"],
        "place": ["shop", "opening hours"],
        "price": ["price"],
    },
    importance={"promptness": 40, "people": 30, "place": 10, "price": 20},
)
display = GapDisplay.from_servqual(gaps)
plt.show()

# %%

gaps.to_frame().round(2)
