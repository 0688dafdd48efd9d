from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold

from crmkit.report import _honesty
from crmkit.report._study import model


def test_model_and_forest_stand_side_by_side(sections, read_page):
    (table,) = read_page("".join(sections[_honesty].blocks)).tables
    assert [row[0] for row in table[1:]] == ["RFM, logistic regression", "RFM, random forest"]


def test_what_came_is_what_the_backtest_says(sections, context, read_page):
    (table,) = read_page("".join(sections[_honesty].blocks)).tables
    assert table[1][2] == f"{context.study.in_time.score:.3f}"
    assert table[1][6] == f"{context.study.predictions['y'].sum():,}"


def test_the_promise_is_that_of_a_shuffled_split(sections, context, read_page):
    """Fitted and predicted by hand, over the rows of all dates."""
    study = context.study
    said = np.empty(len(study.X))
    for train, test in KFold(5, shuffle=True, random_state=0).split(np.arange(len(study.X))):
        said[test] = model().fit(study.X[train], study.y[train]).predict_proba(study.X[test])[:, 1]
    dates = np.unique(study.predictions["as_of"])
    scores = [roc_auc_score(study.y[study.X.as_of == date], said[study.X.as_of == date]) for date in dates]
    (table,) = read_page("".join(sections[_honesty].blocks)).tables
    assert table[1][1] == f"{np.mean(scores):.3f}"


def test_a_forest_is_promised_more_than_it_keeps(sections, read_page):
    """On the real purchases of CDNOW: what the box is there to show."""
    (table,) = read_page("".join(sections[_honesty].blocks)).tables
    promised, came = map(float, table[2][1:3])
    assert promised - came > 0.02
    assert "had learnt its customers by heart" in read_page("".join(sections[_honesty].blocks)).text
