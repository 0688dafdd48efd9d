"""Recommendations on Online Retail, judged by what came: every recommender, new items and repeats.

    CRMKIT_DATA=/data python benchmarks/studies/recommend_online_retail.py
    CRMKIT_DATA=/data python benchmarks/studies/recommend_online_retail.py --day 2011-07-01

Everything is learnt from purchases before 1 October 2011 and judged by those of the 70 days after it: NDCG@10
over the whole catalogue, with 95 % intervals from drawing customers again. "New" asks for items that the customer
had not bought, "any" for everything. Items that were first sold later cannot be recommended by whoever knows
purchases alone; they count as misses. Settings are the defaults but those in the names, which were chosen on
the 70 days from 1 July (the second command). The hybrid adds up own rates of purchase, item cosine with shrinkage
20 and the popularity of the last weeks.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

import crmkit.recommend as room
from crmkit import EventLog
from crmkit.metrics import estimate
from crmkit.model_selection import RecommendationScorer


def online_retail(folder):
    """One year of a wholesaler of gifts: the log, and the names of its items."""
    columns = {"customer": "customer_id", "time": "invoice_date", "item": "stock_code", "order": "invoice"}
    lines = pd.read_csv(folder / "online_retail" / "online_retail_2010_2011.csv.gz", dtype={"stock_code": str})
    names = pd.read_csv(folder / "online_retail" / "products.csv.gz", dtype=str)
    return EventLog.from_frame(lines, price="unit_price", quantity="quantity", **columns), names


def recommenders(names):
    """What is compared. The first is what the others are compared with in the last column."""
    content = {"item": "stock_code", "text": "description"}
    blend = [
        ("own", room.RepeatPurchaseRecommender(timing="rate", halflife="180D")),
        ("item", room.ItemCosineRecommender(shrinkage=20)),
        ("recent", room.PopularityRecommender(halflife="14D")),
    ]
    return {
        "ItemCosine, per target": room.ItemCosineRecommender(),
        "ItemCosine, per source": room.ItemCosineRecommender(keep="source"),
        "ItemCosine, idf": room.ItemCosineRecommender(weighting="idf"),
        "ItemCosine, counts": room.ItemCosineRecommender(interaction="count"),
        "ItemCosine, shrinkage 20": room.ItemCosineRecommender(shrinkage=20),
        "ItemCosine, halflife 90D": room.ItemCosineRecommender(halflife="90D"),
        "ItemSimilarity, Jaccard": room.ItemSimilarityRecommender("jaccard"),
        "UserCosine, 100 neighbours": room.UserCosineRecommender(100),
        "EASE, l2=500": room.EASERecommender(l2=500),
        "Popularity": room.PopularityRecommender(),
        "Popularity, halflife 14D": room.PopularityRecommender(halflife="14D"),
        "Content, names of items": room.ContentRecommender(names, **content),
        "RepeatPurchase": room.RepeatPurchaseRecommender(),
        "RepeatPurchase, rate, 180D": room.RepeatPurchaseRecommender(timing="rate", halflife="180D"),
        "Hybrid 1 : .2 : .1": room.HybridRecommender(blend, weights=[1, 0.2, 0.1]),
    }


def judge(model, X, y, *, new):
    """NDCG@10 of each row, and the share of the catalogue that is shown to anybody."""
    rows = RecommendationScorer(exclude_seen=new).by_row(model, X, y)
    shown = model.recommend(X, n=10, exclude_seen=new)
    return rows, shown["item"].nunique() / len(model.items_)


def figure(rows, base=None):
    """The mean over customers with its interval; the difference from `base`, if given."""
    values = rows if base is None else rows - base
    found = estimate(np.mean, values[~np.isnan(values)], random_state=0)
    sign = "" if base is None else "+"
    return f"{float(found):{sign}.3f} [{found.low:{sign}.3f}, {found.high:{sign}.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--day", default="2011-10-01", help="what is known ends here")
    day = parser.parse_args().day
    warnings.simplefilter("ignore")
    log, names = online_retail(Path(os.environ["CRMKIT_DATA"]))
    X = log.snapshot(day, horizon="70D")
    y = X.future_items()
    buyers = int((np.diff(y.csr.indptr) > 0).sum())
    print(f"{len(X):,} customers as of {day}; {buyers:,} of them buy in the 70 days after it")
    header = f"{'':27s} {'fit':>6s}  {'new items':21s} {'coverage':8s}  {'any item':21s} {'coverage':8s}"
    print(f"{header}  {'new, less the first':24s} any, less the first")
    first = {}
    for name, model in recommenders(names).items():
        began = time.perf_counter()
        model.fit(X)
        cells, differences = [f"{name:27s} {time.perf_counter() - began:5.2f}s"], []
        for new in (True, False):
            rows, coverage = judge(model, X, y, new=new)
            cells.append(f"{figure(rows)} {coverage:8.3f}")
            differences.append(figure(rows, first.setdefault(new, rows)))
        print("  ".join([*cells, *differences]), flush=True)


if __name__ == "__main__":
    main()
