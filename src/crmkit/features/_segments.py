"""Named segments: tables of rules over scores, two of which are shipped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from crmkit._validation import check_int, check_option, check_string, parameter_error
from crmkit.exceptions import ParameterError
from crmkit.features._bins import spread

Levels: TypeAlias = tuple[int, int]

LANGUAGES = ("en", "zh")
_CHINESE = {
    "Champions": "冠军客户",
    "Loyal": "忠诚客户",
    "Potential Loyalists": "潜在忠诚客户",
    "New": "新客户",
    "Promising": "潜力客户",
    "Need Attention": "需要关注客户",
    "About to Sleep": "即将沉睡客户",
    "At Risk": "流失风险客户",
    "Can't Lose Them": "不能流失客户",
    "Hibernating": "沉睡客户",
    "Lost": "已流失客户",
    "Never Bought": "未购买客户",
    "Important Value": "重要价值客户",
    "Important Development": "重要发展客户",
    "Important Retention": "重要保持客户",
    "Important Win-back": "重要挽留客户",
    "General Value": "一般价值客户",
    "General Development": "一般发展客户",
    "General Retention": "一般保持客户",
    "General Win-back": "一般挽留客户",
}


@dataclass(frozen=True)
class SegmentRule:
    """One line of a `SegmentTable`: a name for a block of levels.

    Attributes
    ----------
    name : str
        Name of the segment. Several rules may share one.
    recency, frequency, monetary : tuple (low, high) or None
        The levels that the rule takes, both ends included; ``None`` takes all. High is good: the
        highest recency is that of customers who bought most recently.

    Examples
    --------
    >>> from crmkit.features import SegmentRule
    >>> SegmentRule("Champions", recency=(5, 5), frequency=(4, 5))
    SegmentRule(name='Champions', recency=(5, 5), frequency=(4, 5), monetary=None)
    """

    name: str
    recency: Levels | None = None
    frequency: Levels | None = None
    monetary: Levels | None = None

    def __post_init__(self) -> None:
        check_string("name", self.name, "SegmentRule")
        for axis in ("recency", "frequency", "monetary"):
            levels = getattr(self, axis)
            if levels is None:
                continue
            hint = "Write (3, 3) for one level."
            if not isinstance(levels, Sequence) or len(levels) != 2:
                raise parameter_error(axis, levels, "None or two levels (low, high)", "SegmentRule", hint)
            low = check_int(axis, levels[0], "SegmentRule", low=1)
            object.__setattr__(self, axis, (low, check_int(axis, levels[1], "SegmentRule", low=low)))


@dataclass(frozen=True)
class SegmentTable:
    """Rules that give every combination of recency, frequency and money exactly one name.

    Attributes
    ----------
    rules : tuple of SegmentRule
        Their order is that of the segments in a result.
    levels : int or "mean", default=5
        The scale of the rules. Scores on another scale, 1 to `n_bins`, are spread evenly over it, so
        that a table for 5 levels serves any number of bins. ``"mean"``: two levels, of which 2 is
        for scores above the mean score of the rows of `fit`.
    never_bought : str, default="Never Bought"
        Name for rows without any purchase, about whom scores say nothing.

    Raises
    ------
    ParameterError
        If a combination of levels has no rule, or more than one; it names the combination.

    See Also
    --------
    RFMTransformer.segment : Uses a table. `RFM_SEGMENTS` is the default, `RFM_CLASSES` the other one
        that is shipped.

    Examples
    --------
    A table of one's own, on three levels of recency:

    >>> from crmkit.features import SegmentRule, SegmentTable
    >>> table = SegmentTable(
    ...     [
    ...         SegmentRule("VIP", recency=(2, 3), monetary=(3, 3)),
    ...         SegmentRule("Missed", recency=(1, 1), monetary=(3, 3)),
    ...         SegmentRule("Others", monetary=(1, 2)),
    ...     ],
    ...     levels=3,
    ... )
    >>> table.names()
    ('VIP', 'Missed', 'Others', 'Never Bought')
    >>> SegmentTable([SegmentRule("VIP", recency=(2, 3))], levels=3)
    Traceback (most recent call last):
        ...
    crmkit.exceptions.ParameterError: No rule of the SegmentTable takes recency 1, any frequency, any monetary. Add one.
    """

    rules: tuple[SegmentRule, ...]
    levels: int | Literal["mean"] = 5
    never_bought: str = "Never Bought"

    def __post_init__(self) -> None:
        rules = tuple(self.rules)
        if not rules or not all(isinstance(rule, SegmentRule) for rule in rules):
            raise parameter_error("rules", self.rules, "a list of SegmentRule", "SegmentTable")
        object.__setattr__(self, "rules", rules)
        if self.levels != "mean" and not (type(self.levels) is int and 2 <= self.levels <= 100):
            raise parameter_error("levels", self.levels, "an int in the range [2, 100], or 'mean'", "SegmentTable")
        check_string("never_bought", self.never_bought, "SegmentTable")
        _check_cover(rules, self.n_levels)

    @property
    def n_levels(self) -> int:
        """Number of levels of the rules, which is 2 for levels="mean"."""
        return 2 if isinstance(self.levels, str) else self.levels

    def names(self, language: Literal["en", "zh"] = "en") -> tuple[str, ...]:
        """The names of the segments in the order of the rules, that of rows without purchases last.

        Parameters
        ----------
        language : {"en", "zh"}, default="en"
            English or Chinese, for the names that crmkit ships. Names of your own stay as they are.

        Returns
        -------
        tuple of str
        """
        check_option("language", language, LANGUAGES, "SegmentTable.names")
        names = dict.fromkeys([*(rule.name for rule in self.rules), self.never_bought])
        return tuple(_CHINESE.get(name, name) if language == "zh" else name for name in names)

    def codes(
        self, recency: NDArray[np.int64], frequency: NDArray[np.int64], monetary: NDArray[np.int64]
    ) -> NDArray[np.int32]:
        """Which of `names` each row has.

        Parameters
        ----------
        recency, frequency, monetary : ndarray of int64, shape (n,)
            Levels, 1 to `n_levels`.

        Returns
        -------
        ndarray of int32, shape (n,)
        """
        names = self.names()
        cube = np.empty((self.n_levels,) * 3, dtype=np.int32)
        for rule in self.rules:
            cube[_block(rule)] = names.index(rule.name)
        # One index into the flat cube, which takes a third of the time of three indices.
        place = (recency - 1) * self.n_levels
        place += frequency - 1
        place *= self.n_levels
        place += monetary - 1
        return cube.ravel().take(place)


def levels_of_scores(n_bins: int, n_levels: int) -> NDArray[np.int64]:
    """The level of each score, 1 to `n_bins`, on the scale of a table."""
    return spread(np.arange(n_bins), n_bins - 1, n_levels)


def _block(rule: SegmentRule) -> tuple[slice, slice, slice]:
    everything = slice(None)
    recency, frequency, monetary = (
        everything if levels is None else slice(levels[0] - 1, levels[1])
        for levels in (rule.recency, rule.frequency, rule.monetary)
    )
    return recency, frequency, monetary


def _check_cover(rules: tuple[SegmentRule, ...], n_levels: int) -> None:
    axes = ("recency", "frequency", "monetary")
    for rule in rules:
        for axis in axes:
            levels = getattr(rule, axis)
            if levels is not None and levels[1] > n_levels:
                hint = "On the scale of levels='mean', 1 is low and 2 is high." if n_levels == 2 else ""
                raise parameter_error(axis, levels, f"at most {n_levels} in rule {rule.name!r}", "SegmentTable", hint)
    times = np.zeros((n_levels,) * 3, dtype=np.int64)
    for rule in rules:
        times[_block(rule)] += 1
    wrong = np.argwhere(times != 1)
    if len(wrong) == 0:
        return
    place = tuple(int(level) for level in wrong[0])
    used = [any(getattr(rule, axis) is not None for rule in rules) for axis in axes]
    where = ", ".join(
        f"{axis} {level + 1}" if is_used else f"any {axis}"
        for axis, level, is_used in zip(axes, place, used, strict=True)
    )
    if times[place] == 0:
        raise ParameterError(f"No rule of the SegmentTable takes {where}. Add one.")
    taking = [number for number, rule in enumerate(rules) if _takes(rule, place)]
    listed = " and ".join(f"rules[{number}] ({rules[number].name!r})" for number in taking)
    raise ParameterError(f"Several rules of the SegmentTable take {where}: {listed}. Let one of them end before.")


def _takes(rule: SegmentRule, place: tuple[int, ...]) -> bool:
    levels = (rule.recency, rule.frequency, rule.monetary)
    return all(one is None or one[0] <= at + 1 <= one[1] for one, at in zip(levels, place, strict=True))


RFM_SEGMENTS = SegmentTable(
    (
        SegmentRule("Champions", recency=(5, 5), frequency=(4, 5)),
        SegmentRule("Loyal", recency=(3, 4), frequency=(4, 5)),
        SegmentRule("Potential Loyalists", recency=(4, 5), frequency=(2, 3)),
        SegmentRule("New", recency=(5, 5), frequency=(1, 1)),
        SegmentRule("Promising", recency=(4, 4), frequency=(1, 1)),
        SegmentRule("Need Attention", recency=(3, 3), frequency=(3, 3)),
        SegmentRule("About to Sleep", recency=(3, 3), frequency=(1, 2)),
        SegmentRule("At Risk", recency=(1, 2), frequency=(3, 4)),
        SegmentRule("Can't Lose Them", recency=(1, 2), frequency=(5, 5)),
        SegmentRule("Hibernating", recency=(2, 2), frequency=(1, 2)),
        SegmentRule("Lost", recency=(1, 1), frequency=(1, 2)),
    )
)
"""The eleven usual segments, over scores of recency and frequency."""

_LOW, _HIGH = (1, 1), (2, 2)

RFM_CLASSES = SegmentTable(
    (
        SegmentRule("Important Value", recency=_HIGH, frequency=_HIGH, monetary=_HIGH),
        SegmentRule("Important Development", recency=_HIGH, frequency=_LOW, monetary=_HIGH),
        SegmentRule("Important Retention", recency=_LOW, frequency=_HIGH, monetary=_HIGH),
        SegmentRule("Important Win-back", recency=_LOW, frequency=_LOW, monetary=_HIGH),
        SegmentRule("General Value", recency=_HIGH, frequency=_HIGH, monetary=_LOW),
        SegmentRule("General Development", recency=_HIGH, frequency=_LOW, monetary=_LOW),
        SegmentRule("General Retention", recency=_LOW, frequency=_HIGH, monetary=_LOW),
        SegmentRule("General Win-back", recency=_LOW, frequency=_LOW, monetary=_LOW),
    ),
    levels="mean",
)
"""The eight classes of China, by recency, frequency and money above or below the mean score."""
