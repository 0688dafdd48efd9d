from __future__ import annotations

import itertools
import pickle
import re

import numpy as np
import pytest

from crmkit.exceptions import ParameterError
from crmkit.features import RFM_CLASSES, RFM_SEGMENTS, SegmentRule, SegmentTable
from crmkit.features._segments import levels_of_scores

# Recency 5 (top line) to 1, frequency 1 (left) to 5: the grid in common use, here written a second time by hand.
GRID = {
    5: ["New", "Potential Loyalists", "Potential Loyalists", "Champions", "Champions"],
    4: ["Promising", "Potential Loyalists", "Potential Loyalists", "Loyal", "Loyal"],
    3: ["About to Sleep", "About to Sleep", "Need Attention", "Loyal", "Loyal"],
    2: ["Hibernating", "Hibernating", "At Risk", "At Risk", "Can't Lose Them"],
    1: ["Lost", "Lost", "At Risk", "At Risk", "Can't Lose Them"],
}


def matching(table, place):
    """Names of all rules that take a place, by their definition."""
    return [
        rule.name
        for rule in table.rules
        if all(
            bounds is None or bounds[0] <= level <= bounds[1]
            for bounds, level in zip((rule.recency, rule.frequency, rule.monetary), place, strict=True)
        )
    ]


def name_at(table, *place, language="en"):
    levels = (np.array([level]) for level in place)
    return table.names(language)[table.codes(*levels)[0]]


def test_the_usual_segments():
    for recency, names in GRID.items():
        for frequency, name in enumerate(names, start=1):
            for monetary in range(1, 6):
                assert name_at(RFM_SEGMENTS, recency, frequency, monetary) == name
    assert len(set(itertools.chain(*GRID.values()))) == 11


@pytest.mark.parametrize(
    ("place", "chinese"),
    [
        ("高高高", "重要价值客户"),
        ("高低高", "重要发展客户"),
        ("低高高", "重要保持客户"),
        ("低低高", "重要挽留客户"),
        ("高高低", "一般价值客户"),
        ("高低低", "一般发展客户"),
        ("低高低", "一般保持客户"),
        ("低低低", "一般挽留客户"),
    ],
)
def test_the_eight_classes(place, chinese):
    levels = [1 + (letter == "高") for letter in place]
    assert name_at(RFM_CLASSES, *levels, language="zh") == chinese


@pytest.mark.parametrize("table", [RFM_SEGMENTS, RFM_CLASSES], ids=["segments", "classes"])
def test_every_combination_has_one_rule(table):
    for place in itertools.product(range(1, table.n_levels + 1), repeat=3):
        (name,) = matching(table, place)
        assert name_at(table, *place) == name


@pytest.mark.parametrize("n_bins", range(2, 11))
def test_every_combination_of_scores_has_one_name_for_every_number_of_bins(n_bins):
    scale = levels_of_scores(n_bins, RFM_SEGMENTS.n_levels)
    assert scale[0] == 1
    assert scale[-1] == 5
    assert (np.diff(scale) >= 0).all()
    assert (scale == 6 - scale[::-1]).all() or n_bins % 2 == 1  # mirrored, but for halves, which go down
    named = set()
    for place in itertools.product(range(n_bins), repeat=3):
        levels = [scale[score] for score in place]
        assert len(matching(RFM_SEGMENTS, levels)) == 1
        named.add(name_at(RFM_SEGMENTS, *levels))
    if n_bins >= 5:
        assert len(named) == 11


@pytest.mark.parametrize(("n_bins", "levels"), [(2, [1, 5]), (3, [1, 3, 5]), (4, [1, 2, 4, 5]), (5, [1, 2, 3, 4, 5])])
def test_scale(n_bins, levels):
    assert levels_of_scores(n_bins, 5).tolist() == levels


def test_names():
    assert RFM_SEGMENTS.names()[:3] == ("Champions", "Loyal", "Potential Loyalists")
    assert RFM_SEGMENTS.names()[-1] == "Never Bought"
    for table, n in ((RFM_SEGMENTS, 12), (RFM_CLASSES, 9)):
        chinese = table.names("zh")
        assert len(set(table.names())) == len(set(chinese)) == n
        assert all(re.fullmatch("[\u4e00-\u9fff]+", name) for name in chinese)
    own = SegmentTable([SegmentRule("贵宾", monetary=(2, 3)), SegmentRule("Rest", monetary=(1, 1))], levels=3)
    assert own.names("zh") == ("贵宾", "Rest", "未购买客户")
    with pytest.raises(ParameterError, match=r"'language' parameter .* must be one of \{'en', 'zh'\}. Got 'fr'"):
        own.names("fr")


def test_a_segment_of_several_blocks():
    corner = [
        SegmentRule("Core", recency=(2, 2), frequency=(2, 2)),
        SegmentRule("Others", recency=(1, 1)),
        SegmentRule("Others", recency=(2, 2), frequency=(1, 1)),
    ]
    table = SegmentTable(corner, levels=2, never_bought="Others")
    assert table.names() == ("Core", "Others")
    assert [name_at(table, *place, 1) for place in [(2, 2), (2, 1), (1, 2)]] == ["Core", "Others", "Others"]


def test_an_uncovered_combination_is_named():
    rules = [rule for rule in RFM_SEGMENTS.rules if rule.name != "Need Attention"]
    with pytest.raises(ParameterError, match=r"No rule .* takes recency 3, frequency 3, any monetary\. Add one"):
        SegmentTable(rules)


def test_a_doubly_covered_combination_is_named():
    rules = [*RFM_SEGMENTS.rules, SegmentRule("VIP", recency=(5, 5), monetary=(5, 5))]
    message = r"take recency 5, frequency 1, monetary 5: rules\[3\] \('New'\) and rules\[11\] \('VIP'\)"
    with pytest.raises(ParameterError, match=message):
        SegmentTable(rules)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SegmentTable([]), "'rules' parameter .* a list of SegmentRule"),
        (lambda: SegmentTable(["Champions"]), "'rules' parameter .* a list of SegmentRule"),
        (lambda: SegmentTable(RFM_SEGMENTS.rules, levels=1), "'levels' parameter .* range"),
        (lambda: SegmentTable(RFM_SEGMENTS.rules, levels="median"), "'levels' parameter .* or 'mean'. Got 'median'"),
        (lambda: SegmentTable(RFM_SEGMENTS.rules, levels=4), "'recency' .* at most 4 in rule 'Champions'"),
        (lambda: SegmentTable(RFM_SEGMENTS.rules, levels="mean"), "1 is low and 2 is high"),
        (lambda: SegmentTable(RFM_SEGMENTS.rules, never_bought=""), "'never_bought'"),
        (lambda: SegmentRule(""), "'name'"),
        (lambda: SegmentRule("A", recency=5), r"'recency' .* two levels .* Got 5 .* Write \(3, 3\)"),
        (lambda: SegmentRule("A", frequency=(3, 2)), "'frequency' .* Got 2"),
        (lambda: SegmentRule("A", monetary=(0, 2)), "'monetary' .* Got 0"),
        (lambda: SegmentRule("A", monetary=(1.0, 2.0)), "'monetary' .* an int"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ParameterError, match=message):
        make()


def test_tables_are_values():
    again = pickle.loads(pickle.dumps(RFM_SEGMENTS))
    assert again == RFM_SEGMENTS
    assert hash(again) == hash(RFM_SEGMENTS)
    with pytest.raises(AttributeError):
        RFM_SEGMENTS.levels = 3
    assert SegmentTable(list(RFM_SEGMENTS.rules)) == RFM_SEGMENTS
    assert SegmentRule("A", recency=[1, 2]).recency == (1, 2)
