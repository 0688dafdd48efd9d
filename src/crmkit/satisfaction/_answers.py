"""Answers to a survey as numbers on declared scales: nothing is guessed, and what does not fit is refused by name."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Mapping
from numbers import Real
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_array, validate_data

from crmkit._decisions import check_weights
from crmkit._frames import Category, make_frame
from crmkit._tables import backend_of, is_frame, refuse_flat, renamed, table_columns
from crmkit._validation import listed, parameter_error, warn
from crmkit.exceptions import ColumnNotFoundError, ParameterError

Floats = NDArray[np.float64]

#: From so many answers on, none of them above the middle of the scale is worth a warning.
_FEWEST_ANSWERS = 10

_NUMBERS: dict[str, Any] = {"dtype": np.float64, "order": "C", "ensure_all_finite": "allow-nan"}

_SCALES = (
    "a pair (low, high), a mapping of each answer's text to its number, or a mapping of each question to one of these"
)


class Answers(NamedTuple):
    """Respondents in rows, questions in columns.

    Attributes
    ----------
    values : ndarray of float64, shape (n, k)
        NaN where there is no answer. Reverse-keyed questions are turned round.
    names : list of str
        The questions; ``x0``, ``x1``, … where they had no names.
    low, high : ndarray of float64, shape (k,)
        The ends of their scales; NaN where none was declared.
    levels : dict of int to ndarray of float64
        The answers there can be, ascending, of questions whose scale is a mapping; others have steps of 1.
    """

    values: Floats
    names: list[str]
    low: Floats
    high: Floats
    levels: Mapping[int, Floats] = MappingProxyType({})

    def boxes(self, width: int) -> tuple[Floats, Floats]:
        """The least answer in the box of the `width` highest, and the greatest in that of the lowest, by question."""
        top, bottom = self.high - (width - 1), self.low + (width - 1)
        for j, levels in self.levels.items():
            top[j], bottom[j] = levels[-min(width, len(levels))], levels[min(width, len(levels)) - 1]
        return top, bottom


class _Scale(NamedTuple):
    low: float
    high: float
    texts: dict[Any, float] | None = None


def clean_answers(X: Any, *, scale: Any, reverse: Collection[Any] = (), not_applicable: Any = ()) -> Any:
    """Give the answers as numbers that mean the same everywhere: for drivers, models and tables of your own.

    Parameters
    ----------
    X : frame or array of shape (n, k), or array-like of shape (n,)
        A missing value is no answer.
    scale : (low, high), mapping of texts to numbers, or mapping of questions to either
        Other answers are refused. Questions are column names, or positions in an array.
    reverse : list of questions, default=()
        They are turned round, ``low + high - x``.
    not_applicable : list of codes, or mapping of questions to them, default=()
        What stands for no answer.

    Returns
    -------
    frame of shape (n, k)
        float64, NaN where there is no answer; polars where X is, else pandas, with its index.

    Raises
    ------
    crmkit.exceptions.ParameterError
        If answers are off their scale, or text that is not declared, by question and count.

    Examples
    --------
    >>> from crmkit.satisfaction import clean_answers
    >>> answers = {"speed": ["good", "bad", "n/a"], "waited too long": [1, 4, 5]}
    >>> scale = {"speed": {"bad": 1, "good": 2}, "waited too long": (1, 5)}
    >>> clean_answers(answers, scale=scale, reverse=["waited too long"], not_applicable=["n/a"])
       speed  waited too long
    0    2.0              5.0
    1    1.0              2.0
    2    NaN              1.0
    """
    answers = read_answers(X, scale, "clean_answers", reverse=reverse, not_applicable=not_applicable)
    index = X.index if isinstance(X, pd.DataFrame | pd.Series) else None
    return make_frame(dict(zip(answers.names, answers.values.T, strict=True)), backend_of(X), index)


def read_answers(
    X: Any,
    scale: Any,
    owner: str,
    *,
    estimator: Any = None,
    reset: bool = True,
    unscaled: bool = False,
    reverse: Collection[Any] = (),
    not_applicable: Any = (),
) -> Answers:
    """Read answers, and hold them to their scales.

    Parameters
    ----------
    X : frame or array of shape (n, k), or array-like of shape (n,)
        A missing value is no answer.
    scale : (low, high), mapping of texts to numbers, or mapping of questions to either; or None
        The questions of an array are named by position. None holds the answers to nothing, where `unscaled`.
    owner : str
        Whose errors these are.
    estimator : estimator, default=None
        If given, scikit-learn's rules of names and widths hold; `reset` them, or compare. What was read with
        `reset` has a scale that is right: later answers are held to it without a warning.
    reverse : collection of str or int
        Reverse-keyed questions.
    not_applicable : collection of codes, or mapping of questions to them
        What stands for no answer.

    Returns
    -------
    Answers
    """
    X = _without_texts(X, not_applicable)
    alone = estimator is None and not is_frame(X) and np.ndim(X) == 1
    names, found = _columns(X, owner, estimator, reset=reset)
    questions = Questions(names, owner, by_position=not is_frame(X) and not alone)
    if scale is None and not unscaled:
        raise parameter_error("scale", scale, _SCALES, owner)
    scales = questions.scales(scale)
    codes = questions.codes(not_applicable)
    turned = questions.places("reverse", reverse)
    if isinstance(found, list):
        array = np.empty((len(found[0]), len(names)))
        for j, column in enumerate(found):
            array[:, j] = _numbers(column, names[j], scales[j], codes[j], owner)
    else:
        array = _recoded(found, names, scales, codes, owner)
    low, high = np.array([[one.low for one in scales], [one.high for one in scales]])
    _check_range(array, names, low, high, owner, doubt=reset)
    if turned:
        if scale is None:
            raise ParameterError(f"{owner} turns reverse-keyed questions round by their scale. Give scale=(low, high).")
        array = array.copy()
        array[:, turned] = (low + high)[turned] - array[:, turned]
    levels = {j: np.unique(list(one.texts.values())) for j, one in enumerate(scales) if one.texts is not None}
    levels |= {j: (low + high)[j] - levels[j][::-1] for j in turned if j in levels}
    return Answers(array, names, low, high, levels)


def _without_texts(X: Any, not_applicable: Any) -> Any:
    """Numbers among which a text stands for no answer, as sheets have them: without that text."""
    codes = not_applicable.values() if isinstance(not_applicable, Mapping) else [not_applicable]
    texts = {code for some in codes if isinstance(some, Collection) for code in some if isinstance(code, str)}

    def numbers(column: pd.Series[Any]) -> pd.Series[Any]:
        cells = [None if isinstance(cell, str) and cell in texts else cell for cell in column]
        mixed = column.dtype == object and not any(isinstance(cell, str) for cell in cells)
        return pd.Series(cells, column.index, dtype=object, name=column.name) if mixed else column

    if isinstance(X, pd.DataFrame) and texts and len(X):
        return X.apply(numbers)
    flat = isinstance(X, pd.Series | list | tuple) and np.ndim(X) == 1
    return numbers(pd.Series(X)) if texts and flat and len(X) else X


def respondent_weights(sample_weight: Any, n: int, owner: str) -> Floats:
    """Return the weight of each respondent: ones, unless some are given."""
    weights = check_weights(sample_weight, n, owner)
    return np.ones(n) if weights is None else weights


def as_respondents(weight: Floats) -> Floats:
    """Weights that count respondents, as ``n - 1`` needs them: rows twice with half the weight are what they were.

    A mean below a tenth, as of shares of 1, is no such count: they are scaled to mean 1; to a million above that.
    """
    share = weight / weight.max()
    mean = share.mean() * weight.max()
    return weight if 0.1 <= mean <= 1e6 else share * ((1.0 if mean < 1 else 1e6) / share.mean())


def check_scale(scale: Any, owner: str) -> tuple[float, float]:
    """Return the ends of a scale given as a pair."""
    pair = isinstance(scale, tuple | list | np.ndarray) and len(scale) == 2
    numbers = pair and all(isinstance(end, Real) for end in scale)
    if not numbers or not 0 < scale[1] - scale[0] < math.inf:
        raise parameter_error("scale", scale, "a pair (low, high) of finite numbers, low below high", owner)
    return float(scale[0]), float(scale[1])


def _columns(X: Any, owner: str, estimator: Any, *, reset: bool) -> tuple[list[str], list[Any] | Floats]:
    """Names of questions, and their columns, or an array where all of them are numbers."""
    if estimator is None and (isinstance(X, pd.Series) or (hasattr(X, "to_frame") and not is_frame(X))):
        own = getattr(X, "name", None)
        name = own if isinstance(own, str) and own else "answers"
        return [name], list(table_columns(X.to_frame(name), owner).values())
    if not is_frame(X):
        if np.ma.isMaskedArray(X):
            X = np.ma.filled(X.astype(np.float64), np.nan)
        X = np.asarray(X) if isinstance(X, list | tuple) else X
        alone = estimator is None and np.ndim(X) == 1
        if alone:
            X = np.asarray(X)
            if X.dtype.kind not in "iufb":
                return ["answers"], list(table_columns(pd.DataFrame({"answers": X.tolist()}), owner).values())
            X = X.reshape(-1, 1)
        if getattr(getattr(X, "dtype", None), "kind", "O") in "iufb":
            refuse_flat(X, owner)
            if estimator is not None:
                X = validate_data(estimator, X, reset=reset, **_NUMBERS)
            array = check_array(X, input_name="X", estimator=owner, **_NUMBERS) if estimator is None else X
            return ["answers"] if alone else [f"x{j}" for j in range(array.shape[1])], array
    elif isinstance(X, pd.DataFrame) and X.size and X.columns.is_unique and all(map(_is_plain, X.dtypes)):
        # Column by column takes thrice as long, most of it for looking for nulls of each.
        if estimator is not None:
            validate_data(estimator, X, reset=reset, skip_check_array=True)
        return list(map(str, X)), check_array(X.to_numpy(np.float64), input_name="X", estimator=owner, **_NUMBERS)
    columns = table_columns(X, owner, estimator, reset=reset)
    if reset and estimator is not None and isinstance(X, Mapping):
        # scikit-learn knows no dicts: here it learns their names.
        validate_data(estimator, pd.DataFrame(columns=list(columns)), skip_check_array=True)
    if not reset and estimator is not None and hasattr(estimator, "feature_names_in_"):
        columns = renamed(columns, [str(name) for name in estimator.feature_names_in_], X)
    return list(columns), list(columns.values())


def _is_plain(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.kind in "iufb"


class Questions:
    """What is declared of each question, in the order of the columns."""

    def __init__(self, names: list[str], owner: str, *, by_position: bool) -> None:
        self.names = names
        self.owner = owner
        self.keys: list[Any] = list(range(len(names))) if by_position else list(names)

    def place(self, parameter: str, key: Any) -> int:
        if isinstance(key, str) and key in self.names:
            return self.names.index(key)
        if not isinstance(key, str | bool) and key in self.keys:
            return self.keys.index(key)
        # A frame's columns may be named by numbers or tuples, which were read as text.
        if self.keys == self.names and not isinstance(key, bool) and str(key) in self.names:
            return self.names.index(str(key))
        raise ColumnNotFoundError.from_name(parameter, key, self.keys)

    def places(self, parameter: str, keys: Any) -> list[int]:
        if isinstance(keys, str) or not isinstance(keys, Collection):
            raise parameter_error(parameter, keys, "a list of questions", self.owner)
        return [self.place(parameter, key) for key in keys]

    def scales(self, scale: Any) -> list[_Scale]:
        if scale is None:
            return [_Scale(np.nan, np.nan)] * len(self.names)
        if not isinstance(scale, Mapping) or all(isinstance(value, Real) for value in scale.values()):
            return [_one_scale(scale, self.owner)] * len(self.names)
        found = {self.place("scale", key): _one_scale(value, self.owner) for key, value in scale.items()}
        lacking = [name for j, name in enumerate(self.names) if j not in found]
        if lacking:
            raise ParameterError(
                f"The 'scale' parameter of {self.owner} declares no scale for {listed(lacking)}. "
                "Give one for each question, or one pair for all."
            )
        return [found[j] for j in range(len(self.names))]

    def codes(self, not_applicable: Any) -> list[frozenset[Any]]:
        if isinstance(not_applicable, Mapping):
            found = {self.place("not_applicable", key): codes for key, codes in not_applicable.items()}
            return [self._one_set(found.get(j, ())) for j in range(len(self.names))]
        return [self._one_set(not_applicable)] * len(self.names)

    def _one_set(self, codes: Any) -> frozenset[Any]:
        if isinstance(codes, str) or not isinstance(codes, Collection):
            allowed = "a list of codes, or a mapping of questions to lists of codes"
            raise parameter_error("not_applicable", codes, allowed, self.owner)
        try:
            return frozenset(codes)
        except TypeError as error:
            raise parameter_error("not_applicable", codes, "numbers or texts", self.owner) from error


def _one_scale(scale: Any, owner: str) -> _Scale:
    if not isinstance(scale, Mapping):
        if not isinstance(scale, tuple | list | np.ndarray):
            raise parameter_error("scale", scale, _SCALES, owner)
        return _Scale(*check_scale(scale, owner))
    numbers = {key: value for key, value in scale.items() if isinstance(value, Real) and math.isfinite(value)}
    if len(numbers) < len(scale) or len(set(numbers.values())) < 2:
        raise parameter_error(
            "scale", scale, _SCALES, owner, "Texts need finite numbers, of which at least two differ."
        )
    texts = {key if isinstance(key, Real) else str(key): float(value) for key, value in numbers.items()}
    return _Scale(min(texts.values()), max(texts.values()), texts)


def _numbers(column: Any, name: str, scale: _Scale, codes: frozenset[Any], owner: str) -> Floats:
    """One question of a frame."""
    if isinstance(column, Category) and column.levels.dtype.kind in "iufb":
        column = np.append(column.levels.astype(np.float64), np.nan)[column.codes]
    if not isinstance(column, Category):
        column = np.array(column, dtype=np.float64)
        return _recoded(column[:, None], [name], [scale], [codes], owner)[:, 0]
    used = np.bincount(column.codes[column.codes >= 0], minlength=len(column.levels))
    numbers, unknown = np.full(len(column.levels) + 1, np.nan), 0
    applicable = {str(code) for code in codes}
    texts = {str(key): value for key, value in (scale.texts or {}).items()}
    for place, level in enumerate(column.levels):
        text = str(level)
        if text in texts and text not in applicable:
            numbers[place] = texts[text]
        elif text not in applicable:
            unknown += int(used[place])
    if unknown:
        hint = (
            "The mapping in scale lacks them: add them, or declare them as not_applicable."
            if scale.texts
            else "Declare what each stands for, scale={'very dissatisfied': 1, …, 'very satisfied': 5}, or convert the "
            "column to numbers."
        )
        raise ParameterError(f"The question {name!r} of {owner} holds text in {unknown:,} of its answers. {hint}")
    return numbers[column.codes]


def _recoded(array: Floats, names: list[str], scales: list[_Scale], codes: list[frozenset[Any]], owner: str) -> Floats:
    """Numbers whose codes are missing, and mapped where a mapping was declared; the same array if nothing is."""
    copied = False
    for j, name in enumerate(names):
        texts = scales[j].texts
        numbers = [float(code) for code in codes[j] if isinstance(code, Real)]
        if not numbers and texts is None:
            continue
        if not copied:
            array, copied = array.copy(), True
        if numbers:
            array[np.isin(array[:, j], numbers), j] = np.nan
        if texts is not None:
            known = {float(key): value for key, value in texts.items() if isinstance(key, Real)}
            given, place = np.unique(array[:, j], return_inverse=True)
            unknown = ~np.isnan(given) & ~np.isin(given, list(known))
            if unknown.any():
                raise ParameterError(
                    f"The question {name!r} of {owner} holds numbers in {int(unknown[place].sum()):,} of its answers "
                    "that the mapping in scale lacks. Add them, or give the scale as (low, high)."
                )
            array[:, j] = np.array([known.get(value, np.nan) for value in given.tolist()])[place]
    return array


def _check_range(array: Floats, names: list[str], low: Floats, high: Floats, owner: str, *, doubt: bool) -> None:
    """Refuse answers off their scales, and warn of scales that nobody uses the upper half of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        least, most = np.fmin.reduce(array, axis=0), np.fmax.reduce(array, axis=0)
    off = np.flatnonzero((least < low) | (most > high))
    if len(off):
        said = [
            f"{names[j]!r} in {int(((array[:, j] < low[j]) | (array[:, j] > high[j])).sum()):,} "
            f"({least[j]:g} to {most[j]:g}, scale {low[j]:g} to {high[j]:g})"
            for j in off[:5]
        ]
        more = f", and {len(off) - 5} further questions" if len(off) > 5 else ""
        raise ParameterError(
            f"{owner} got answers off the scale: {'; '.join(said)}{more}. Correct the scale, or declare codes that "
            "mean no answer: not_applicable=[99]."
        )
    unused = np.flatnonzero(most <= (low + high) / 2)
    unused = unused[(~np.isnan(array[:, unused])).sum(axis=0) >= _FEWEST_ANSWERS]
    if doubt and len(unused):
        j = unused[0]
        warn(
            f"{owner} got no answer above the middle of the scale for {listed([names[j] for j in unused])}: of "
            f"{names[j]!r} the highest is {most[j]:g}, on a scale of {low[j]:g} to {high[j]:g}. Is the scale right?"
        )
