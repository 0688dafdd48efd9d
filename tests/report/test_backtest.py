from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from crmkit.report import _backtest


def test_the_table_is_that_of_the_study(sections, context, read_page):
    (table,) = read_page("".join(sections[_backtest].blocks)).tables
    said, rule = context.study.predictions, context.study.rule
    dates = np.unique(said["as_of"])
    assert [row[0] for row in table[1:]] == [*(str(date)[:10] for date in dates), "Mean"]
    for row, date in zip(table[1:], dates, strict=False):
        at = said["as_of"] == date
        assert row[1] == f"{at.sum():,}"
        assert row[2].startswith(f"{said['y'][at].sum()} (")
        assert float(row[4]) == pytest.approx(roc_auc_score(said["y"][at], said["prediction"][at]), abs=5e-4)
        assert float(row[5]) == pytest.approx(roc_auc_score(said["y"][at], rule[at]), abs=5e-4)


def test_the_rule_puts_the_most_recent_first(context):
    """It is beside the model only if it is what its name says."""
    said, study = context.study.predictions, context.study
    last = said["as_of"] == said["as_of"].max()
    summary = study.X[study.X.as_of == said["as_of"].max()].summary(time_unit="D")
    silent = (summary["T"] - summary["recency"]).to_numpy()
    order = np.argsort(silent)
    assert (np.diff(study.rule[last][order]) <= 0).all()


def test_the_top_fifth(context):
    said = context.study.predictions
    for number, (model, _) in enumerate(_backtest._caught(context.study)):
        at = said["fold"] == number
        y, score = said["y"][at], said["prediction"][at]
        cut = np.quantile(score, 0.8)
        # Customers with equal scores at the cut count in part: between those above it and those at or above it.
        assert y[score > cut].sum() / y.sum() - 0.01 <= model <= y[score >= cut].sum() / y.sum() + 0.01


def test_gains_by_hand():
    share, reached = _backtest._gains(np.array([1, 0, 1, 0]), np.array([4.0, 3.0, 2.0, 2.0]))
    assert share.tolist() == [0, 0.25, 0.5, 1]
    assert reached.tolist() == [0, 0.5, 0.5, 1]


def test_gains_end_where_everybody_is_contacted():
    rng = np.random.default_rng(0)
    share, reached = _backtest._gains(rng.integers(0, 2, 5000), rng.random(5000))
    assert len(share) <= 201
    assert (share[-1], reached[-1]) == (1, 1)
    assert (np.diff(reached) >= 0).all()


def test_the_verdict_names_the_interval(sections, context, read_page):
    text = read_page("".join(sections[_backtest].blocks)).text
    gain = context.study.gain
    words = "is better than the rule" if gain.low > 0 else "better than the model" if gain.high < 0 else "be told apart"
    assert words in text
    assert f"from {gain.low:+.3f} to {gain.high:+.3f}" in text
