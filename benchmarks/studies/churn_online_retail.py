"""Who will not buy for 90 days: ChurnClassifier, rules and purchase models on Online Retail, out of time.

    CRMKIT_DATA=/data python benchmarks/studies/churn_online_retail.py
    CRMKIT_DATA=/data python benchmarks/studies/churn_online_retail.py --only recency

models    Rows: first days of months from March 2010 to September 2011, customers with a purchase in the 180 days
          before; four folds test June to September 2011, each trained on the rows whose 90 days were over by then.
          Purchase models are fitted on everybody's past at the split. Profit is what contacting earns per customer:
          a value of 200, an incentive of 10, a contact for 1, of churners 30 % accept. "EMPC" is the best that the
          order of customers can earn, "earned" what the cut chosen on earlier rows did earn.
recency   How good the days since the last purchase are by themselves, for whom one asks.
splits    The same models judged by folds drawn at random from all rows, and in time order.

Intervals are for 95 %, from drawing customers again with all of their rows; fitted models are taken as given.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from crmkit import ChurnClassifier, EventLog, RFMTransformer
from crmkit.churn import ChurnProfit
from crmkit.metrics import estimate, expected_maximum_profit_churn, lift
from crmkit.model_selection import TemporalSplit
from crmkit.value import BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD

DATES = pd.date_range("2010-03-01", "2011-09-01", freq="MS")
HORIZON = "90D"
PROFIT = ChurnProfit(value=200, incentive=10, contact=1)
N_RESAMPLES = 400


def online_retail(folder):
    """Two years of a wholesaler of gifts; 776 invoices are in both files."""
    parts = [
        pd.read_csv(folder / "online_retail" / f"online_retail_{years}.csv.gz", dtype={"invoice": str})
        for years in ("2009_2010", "2010_2011")
    ]
    lines = pd.concat([parts[0], parts[1][~parts[1]["invoice"].isin(parts[0]["invoice"].unique())]])
    return EventLog.from_frame(
        lines,
        customer="customer_id",
        time="invoice_date",
        price="unit_price",
        quantity="quantity",
        item="stock_code",
        order="invoice",
        tz="Europe/London",
    )


def days_since(X):
    return RFMTransformer(columns="values").fit_transform(X)["recency_days"].to_numpy()


class Recency:
    """The days since the last purchase, as the only column of a logistic regression: a rule with a probability."""

    def fit(self, X, y):
        self.model = LogisticRegression().fit(np.log(days_since(X))[:, None], y)
        return self

    def predict_proba(self, X):
        return self.model.predict_proba(np.log(days_since(X))[:, None])


class Purchases:
    """A purchase model: the probability of having left, or of no purchase within the horizon."""

    def __init__(self, model, *, alive):
        self.model, self.alive = model, alive

    def fit(self, X, y):
        # Everybody's past as of the split, not only those who bought lately.
        self.model.fit(X.log.snapshot(X.as_of.max() + np.timedelta64(90, "D")))
        return self

    def predict_proba(self, X):
        churn = 1 - self.model.alive_probability(X)
        if not self.alive:
            churn = self.model.purchase_count_probability(X, 0, HORIZON)
        return np.column_stack([1 - churn, churn])


def models():
    options = {"profit": PROFIT, "random_state": 0}
    forest = RandomForestClassifier(50, min_samples_leaf=10, random_state=0)
    boosting = HistGradientBoostingClassifier(learning_rate=0.05, max_iter=150, random_state=0)
    return {
        "ChurnClassifier": ChurnClassifier(**options),
        "the same, logistic regression": ChurnClassifier(LogisticRegression(C=0.1, max_iter=2000), **options),
        "the same, boosting": ChurnClassifier(boosting, **options),
        "the same, forest": ChurnClassifier(forest, **options),
        "logistic regression on RFM": ChurnClassifier(LogisticRegression(), features=RFMTransformer(), **options),
        "days since the last purchase": Recency(),
        "BG/NBD, P(alive)": Purchases(BetaGeoNBD(), alive=True),
        "BG/NBD, no purchase in 90 days": Purchases(BetaGeoNBD(), alive=False),
        "MBG/NBD, P(alive)": Purchases(ModifiedBetaGeoNBD(), alive=True),
        "MBG/NBD, no purchase in 90 days": Purchases(ModifiedBetaGeoNBD(), alive=False),
        "Pareto/NBD, P(alive)": Purchases(ParetoNBD(), alive=True),
        "Pareto/NBD, no purchase in 90 days": Purchases(ParetoNBD(), alive=False),
    }


def contacted(model, X, y, p, later, p_later):
    """Whom each model would contact: by its own cut, or by the one that earned most on the latest earlier rows."""
    if isinstance(model, ChurnClassifier):
        return model.predict(later).astype(bool)
    latest = X.as_of == X.as_of.max()
    return p_later >= PROFIT.cut(y[latest], p[latest]).threshold


def earned(y, contact):
    gain = 0.3 * (PROFIT.value - PROFIT.incentive) - PROFIT.contact
    return float(np.mean(contact * np.where(y == 1, gain, -(PROFIT.incentive + PROFIT.contact))))


def brier(y, p):
    return float(np.mean((p - y) ** 2))


#: Of the outcome and what a model said: its probabilities (0), or whom it would contact (1).
FIGURES = {
    "AUC": (roc_auc_score, 0),
    "lift": (lift, 0),
    "Brier": (brier, 0),
    "EMPC": (expected_maximum_profit_churn, 0),
    "earned": (earned, 1),
}


def by_fold(figure, fold, y, said):
    of, which = FIGURES[figure]
    return [of(y[fold == number], said[which][fold == number]) for number in np.unique(fold)]


def compare(log, active_within):
    X = log.snapshots(DATES, horizon=HORIZON, active_within=active_within)
    y = X.churned()
    folds = TemporalSplit(n_splits=4).folds(X)
    tested = np.concatenate([fold.test for fold in folds])
    fold_of = np.repeat(np.arange(4), [len(fold.test) for fold in folds])
    who, came = X.codes[tested], y[tested]
    print(f"\n{len(X):,} rows, {y.mean():.1%} churn; active within {active_within}")
    for fold in folds:
        print(
            f"  {fold.split_time.astype('M8[D]')}: {len(fold.train):,} rows to learn from, {len(fold.test):,} tested, "
            f"{y[fold.test].mean():.1%} churn"
        )
    said = {}
    for name, model in models().items():
        began, p, contact = time.process_time(), [], []
        for fold in folds:
            train, test = X[fold.train], X[fold.test]
            model.fit(train, y[fold.train])
            p.append(model.predict_proba(test)[:, 1])
            past = None if isinstance(model, ChurnClassifier) else model.predict_proba(train)[:, 1]
            contact.append(contacted(model, train, y[fold.train], past, test, p[-1]))
        said[name] = np.concatenate(p), np.concatenate(contact)
        print(f"  {name:36s} {time.process_time() - began:6.1f} s of processors", flush=True)
    said["contact everybody"] = np.full(len(came), came.mean()), np.ones(len(came), dtype=bool)
    table(said, fold_of, came)
    gains(said, fold_of, came, who)


def table(said, fold_of, came):
    print(
        f"\n{'mean of four folds; of each fold':36s}" + "".join(f" {name:>7s}" for name in FIGURES) + "   AUC | earned"
    )
    for name, one in said.items():
        found = {figure: by_fold(figure, fold_of, came, one) for figure in FIGURES}
        means = "".join(f" {np.mean(values):7.3f}" for values in found.values())
        each = " ".join(f"{v:.3f}" for v in found["AUC"]) + " | " + " ".join(f"{v:.2f}" for v in found["earned"])
        print(f"{name:36s}{means}   {each}")


def gains(said, fold_of, came, who):
    """How far ChurnClassifier is ahead of each, figure by figure."""
    own = said["ChurnClassifier"]
    print("\nChurnClassifier itself")
    for figure in FIGURES:
        print(f"  {figure:8s} {interval(figure, fold_of, came, who, own):.3f}")
    print(f"{'ChurnClassifier less':36s}" + "".join(f" {figure:>26s}" for figure in FIGURES))
    for name, other in said.items():
        if name != "ChurnClassifier":
            cells = [f"{interval(figure, fold_of, came, who, own, other):+.3f}" for figure in FIGURES]
            print(f"{name:36s}" + "".join(f" {cell:>26s}" for cell in cells), flush=True)


def interval(figure, fold_of, came, who, own, other=None):
    def value(fold, y, *said):
        found = np.mean(by_fold(figure, fold, y, said[:2]))
        return float(found - np.mean(by_fold(figure, fold, y, said[2:])) if said[2:] else found)

    return estimate(value, fold_of, came, *own, *(other or ()), groups=who, n_resamples=N_RESAMPLES, random_state=0)


def recency(log):
    """The rule that knows one number."""
    print("\nAUC of the days since the last purchase, mean of the four dates June to September 2011")
    for horizon in ("30D", "60D", "90D", "180D"):
        cells = []
        for active in (None, "365D", "180D", "90D", "60D", "30D"):
            dates = DATES[-4:] if horizon != "180D" else DATES[-7:-3]
            X = log.snapshots(dates, horizon=horizon, active_within=active)
            y, days = X.churned(), days_since(X)
            auc = estimate(
                lambda fold, y, p: float(np.mean(by_fold("AUC", fold, y, [p]))),
                X.as_of_us, y, days, groups=X.codes, n_resamples=100, random_state=0,
            )  # fmt: skip
            cells.append(f"{active or 'everybody':>9s} {auc:.2f} ({y.mean():.0%})")
        print(f"  {horizon:>5s}: " + "  ".join(cells), flush=True)


def splits(log):
    """What random folds promise, and what comes."""
    X = log.snapshots(DATES, horizon=HORIZON, active_within="180D")
    y = X.churned()
    forest, options = RandomForestClassifier(30, random_state=0), {"calibration": None, "random_state": 0}
    contestants = {
        "forest, grown out": ChurnClassifier(forest, **options),
        "forest, leaves of 10": ChurnClassifier(clone(forest).set_params(min_samples_leaf=10), **options),
        "ChurnClassifier": ChurnClassifier(**options),
    }
    folds = TemporalSplit(n_splits=4).folds(X)
    print("\nAUC by five random folds of rows, and in time order (four folds)")
    for name, model in contestants.items():
        p = cross_val_predict(model, X, y, cv=StratifiedKFold(5, shuffle=True, random_state=0), method="predict_proba")
        latest = X.as_of >= folds[0].split_time
        later = [
            roc_auc_score(y[f.test], model.fit(X[f.train], y[f.train]).predict_proba(X[f.test])[:, 1]) for f in folds
        ]
        drawn = (
            f"random {roc_auc_score(y, p[:, 1]):.3f}, of the four dates {roc_auc_score(y[latest], p[latest, 1]):.3f}"
        )
        print(f"  {name:24s} {drawn}; in time order {np.mean(later):.3f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="models,recency,splits")
    parser.add_argument("--active-within", default="180D")
    said = parser.parse_args()
    warnings.simplefilter("ignore")
    log = online_retail(Path(os.environ["CRMKIT_DATA"]))
    if "models" in said.only:
        compare(log, said.active_within)
    if "recency" in said.only:
        recency(log)
    if "splits" in said.only:
        splits(log)


if __name__ == "__main__":
    main()
