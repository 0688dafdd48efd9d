"""
The report of a shop, and what to do with its table
===================================================

``python -m crmkit report FILE`` writes a page and a table of customers. Here the same is done from Python, for
half of the public CDNOW customers as of 1 April 1998, and the table is compared with the three months that followed.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd

from crmkit import EventLog
from crmkit.datasets import load_cdnow
from crmkit.report import write_report

purchases = load_cdnow()
purchases = purchases[purchases["customer_id"] % 2 == 0]
log = EventLog.from_frame(purchases, customer="customer_id", time="date", value="value")
with tempfile.TemporaryDirectory() as folder:
    report = write_report(log.before("1998-04-01"), folder, name="CDNOW")
    customers = pd.read_csv(report.customers)
    kilobytes = Path(report.page).stat().st_size / 1000

# %%
# In short
# --------
# What the page says first. It is one file with its pictures inside, and needs no network.

for headline in report.headlines:
    print("-", headline)
print(f"\n{kilobytes:.0f} kB")

# %%
# The table
# ---------
# One line for each customer: values, scores, segment, the probability of buying within 90 days, what is
# expected of the next 52 weeks, the probability that an active customer falls silent, and whether it pays to
# contact that customer.

print(customers.head().to_string(index=False))

# %%
# Whom to contact
# ---------------
# Under the assumptions that the page names, and that ``profit=ChurnProfit(...)`` sets.

contact = customers[customers["contact"] == 1].sort_values("expected_profit", ascending=False)
print(f"{len(contact)} customers, expected to earn {contact['expected_profit'].sum():.0f}")
print(contact[["customer_id", "churn_probability_90D", "expected_profit"]].head().to_string(index=False))

# %%
# What came
# ---------
# The report saw nothing of the 90 days from 1 April. The log knows them.

(probability,) = customers.filter(regex="^probability_")
ahead = log.snapshot("1998-04-01", horizon="90D")
came = pd.DataFrame({"customer_id": ahead.customer_id, "came": 1 - ahead.churned()})
table = customers.merge(came, on="customer_id")
tenths = table.groupby(pd.qcut(table[probability].rank(method="first"), 10, labels=range(1, 11)), observed=True)
said_and_came = tenths[[probability, "came"]].mean()

figure, ax = plt.subplots(figsize=(8, 3.5), layout="constrained")
said_and_came.plot.bar(ax=ax, color=["#bdbdbd", "#0072b2"], rot=0)
ax.set(xlabel="tenth of the customers, least likely first", ylabel="share that buys")
ax.legend(["predicted on 1 April", "came"], frameon=False)
print(f"expected {table[probability].sum():.0f} buyers, {table['came'].sum()} came")
plt.show()
