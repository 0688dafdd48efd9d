"""Which learner tells churners best on two tables of contracts, untuned; and why not to resample before splitting.

    CRMKIT_DATA=/data python benchmarks/studies/churn_tables.py
    CRMKIT_DATA=/data python benchmarks/studies/churn_tables.py --only telco

telco     7,043 customers of IBM's sample, 19 columns, 26.5 % churn.
mlc       5,000 customers of the MLC++ set (artificial), 19 columns, 14.1 % churn.
resample  A forest on telco where churners are drawn again until classes are even: before splitting, and after.

Every learner is within `ChurnClassifier`, which encodes, calibrates and knows the churn label. Five stratified folds,
shuffled with seed 0, predictions pooled. Intervals are for 95 %, from drawing customers again.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from crmkit import ChurnClassifier
from crmkit.metrics import estimate, expected_maximum_profit_churn, lift, maximum_profit_churn


def telco(folder):
    """Blank total charges are those of customers who have just come."""
    table = pd.read_csv(folder / "telco_churn_ibm" / "telco_customer_churn.csv.gz")
    table["TotalCharges"] = pd.to_numeric(table["TotalCharges"], errors="coerce")
    return table.drop(columns=["customerID", "Churn"]), (table["Churn"] == "Yes").to_numpy().astype(int)


def mlc(folder):
    table = pd.read_csv(folder / "mlc_churn" / "mlc_churn.csv.gz")
    y = (table["churn"] == "yes").to_numpy().astype(int)
    return table.drop(columns=[name for name in ("rownames", "churn") if name in table]), y


LEARNERS = {
    "ChurnClassifier": None,
    "logistic regression": LogisticRegression(max_iter=2000),
    "tree": DecisionTreeClassifier(min_samples_leaf=50, random_state=0),
    "forest": RandomForestClassifier(300, min_samples_leaf=5, random_state=0),
    "extra trees": ExtraTreesClassifier(300, min_samples_leaf=5, random_state=0),
    "boosting": HistGradientBoostingClassifier(learning_rate=0.05, max_iter=150, max_leaf_nodes=15, random_state=0),
    "support vectors": SVC(C=0.5, random_state=0),
    "neural net": MLPClassifier((16,), alpha=1.0, early_stopping=True, random_state=0),
}


def brier(y, p):
    return float(np.mean((p - y) ** 2))


FIGURES = {
    "AUC": roc_auc_score,
    "AP": average_precision_score,
    "Brier": brier,
    "log loss": log_loss,
    "lift": lift,
    "EMPC": expected_maximum_profit_churn,
    "MPC": maximum_profit_churn,
}


def out_of_fold(model, X, y):
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return cross_val_predict(model, X, y, cv=folds, method="predict_proba")[:, 1]


def study(name, X, y):
    print(f"\n{name}: {len(y):,} customers, {X.shape[1]} columns, {y.mean():.2%} churn")
    print(
        f"{'':20s}"
        + "".join(f" {figure:>8s}" for figure in FIGURES)
        + "  processors   AUC less that of ChurnClassifier"
    )
    said = {}
    for label, learner in LEARNERS.items():
        began = time.process_time()
        said[label] = out_of_fold(ChurnClassifier(learner, random_state=0), X, y)
        took = time.process_time() - began
        figures = "".join(f" {figure(y, said[label]):8.4f}" for figure in FIGURES.values())
        print(f"{label:20s}{figures} {took:8.1f} s   {behind(y, said, label)}", flush=True)
    for figure in ("AUC", "Brier", "EMPC"):
        found = estimate(FIGURES[figure], y, said["ChurnClassifier"], n_resamples=1000, random_state=0)
        print(f"ChurnClassifier, {figure:6s} {found:.4f}")


def behind(y, said, label):
    if label == "ChurnClassifier":
        return ""

    def less(y, other, own):
        return roc_auc_score(y, other) - roc_auc_score(y, own)

    return f"{estimate(less, y, said[label], said['ChurnClassifier'], n_resamples=300, random_state=0):+.4f}"


def resample(X, y):
    """What a forest seems to know when the same churner is learnt from and tested."""
    forest = RandomForestClassifier(300, random_state=0)
    more = np.random.default_rng(0).choice(np.flatnonzero(y), (y == 0).sum() - y.sum())
    every = np.concatenate([np.arange(len(y)), more])
    print("\nA forest on telco, five folds")
    print(f"  as they are                     {roc_auc_score(y, out_of_fold(ChurnClassifier(forest), X, y)):.4f}")
    p = out_of_fold(ChurnClassifier(forest), X.iloc[every].reset_index(drop=True), y[every])
    print(f"  churners repeated, then split   {roc_auc_score(y[every], p):.4f}")
    p = np.empty(len(y))
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(X, y):
        churned = train[y[train] == 1]
        more = np.random.default_rng(0).choice(churned, len(train) - 2 * len(churned))
        rows = np.concatenate([train, more])
        model = ChurnClassifier(forest, calibration=None).fit(X.iloc[rows], y[rows])
        p[test] = model.predict_proba(X.iloc[test])[:, 1]
    said = f"the mean probability is {p.mean():.3f}, {y.mean():.3f} churned, Brier score {brier(y, p):.4f}"
    print(f"  split, then repeated to learn   {roc_auc_score(y, p):.4f}; {said}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="telco,mlc,resample")
    only = parser.parse_args().only.split(",")
    warnings.simplefilter("ignore")
    folder = Path(os.environ["CRMKIT_DATA"])
    for name, load in (("telco", telco), ("mlc", mlc)):
        if name in only:
            study(name, *load(folder))
    if "resample" in only:
        resample(*telco(folder))


if __name__ == "__main__":
    main()
