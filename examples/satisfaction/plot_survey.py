"""
A survey, from the answers to an index
======================================

Seven hundred customers were asked five questions on a scale of 1 to 5, and whether they would recommend the shop, from
0 to 10. 9 stands for "does not apply", one question is put the other way round, and some customers answered more
readily than others. What comes out, and how sure is it?

The answers are simulated.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from crmkit import SatisfactionScorer
from crmkit.exceptions import ParameterError
from crmkit.plotting import IndexDisplay, LikertDisplay
from crmkit.satisfaction import csat, index_table, nps, reliability

rng = np.random.default_rng(3)
n = 700
region = rng.choice(["north", "east", "south", "west"], n, p=[0.55, 0.25, 0.15, 0.05])
content = rng.normal(pd.Series({"north": 0.1, "east": -0.1, "south": 0.3, "west": -0.4})[region], 1)


def answered(low: int, high: int, middle: float, loading: float) -> np.ndarray:
    noise = rng.normal(0, 0.15 * (high - low), n)
    return np.clip(np.round(middle + loading * content + noise), low, high)


survey = pd.DataFrame(
    {
        "The staff was friendly.": answered(1, 5, 4.2, 0.6),
        "It arrived when I needed it.": answered(1, 5, 3.3, 0.9),
        "It was easy to find what I wanted.": answered(1, 5, 3.8, 0.6),
        "I had to ask twice.": answered(1, 5, 2.1, -0.7),
        "Complaints are taken seriously.": answered(1, 5, 3.6, 0.7),
    }
)
survey.loc[rng.random(n) < 0.3, "Complaints are taken seriously."] = 9  # never had any
recommend = answered(0, 10, 8.0, 1.3)

# %%
# Scales are declared
# -------------------
# A code that nobody declared is refused, not averaged.

try:
    reliability(survey, scale=(1, 5))
except ParameterError as error:
    print(error)

# %%
# What they answered
# ------------------
# Bars stand to both sides of the middle; at the right, how many answered.

declared = {"scale": (1, 5), "not_applicable": [9]}
likert = LikertDisplay.from_answers(survey, **declared)

# %%
# Do the questions belong together?
# ---------------------------------
# A question in which agreement is bad news spoils every sum. It runs against the others, and is named.

with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    print(f"alpha {reliability(survey, **declared).alpha:.2f}")
print(said[0].message)

# %%
# Turned round, five questions measure one thing well enough to compare groups. Without any of them they would do it
# worse: ``alpha_if_dropped`` is below alpha.

declared["reverse"] = ["I had to ask twice."]
found = reliability(survey, **declared)
print(found)
found.items.round(2)

# %%
# One score a customer, by region
# -------------------------------
# From 0 to 100: where answers stand on their scales, on average of those that were given. Few came from the west,
# and its interval says so.

scorer = SatisfactionScorer(**declared).fit(survey)
IndexDisplay.from_table(scorer.score_table(survey, region), label="satisfaction, 0 to 100")
scorer.transform(survey).describe().T.round(1)

# %%
# Would they recommend it?
# ------------------------
# The same regions by net promoter score. Its intervals are four times as wide, on a scale twice as wide: it counts
# sorts of answers to one question, where the score above averages five.

display = IndexDisplay.from_table(index_table(nps, recommend, region), label="NPS", reference=nps(recommend))

# %%
# Who answered?
# -------------
# More than half of the answers came from the north, where four customers in ten live. Weights put that right, at a
# price: the interval is that of the effective number of answers.

customers = pd.Series({"north": 0.4, "east": 0.2, "south": 0.2, "west": 0.2})
weight = (customers / pd.Series(region).value_counts(normalize=True))[region].to_numpy()
print("as answered", nps(recommend))
print("as customers", nps(recommend, sample_weight=weight))
print(f"{n} answers are worth {weight.sum() ** 2 / (weight**2).sum():.0f}")

# %%
# For single questions the share of 4 and 5 is what most reports show:

for name in survey.columns.drop("I had to ask twice."):
    print(f"{name:36} {csat(survey[name], not_applicable=[9]):.2f}")
plt.show()
