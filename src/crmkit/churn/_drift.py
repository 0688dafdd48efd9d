"""Whether customers, and what a model says of them, still look as they did."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crmkit._decisions import churn_column
from crmkit._durations import instant_name
from crmkit._frames import Category, column_names, extra_column, make_frame, read_columns
from crmkit._tables import backend_of, is_frame
from crmkit._validation import check_float, check_int, parameter_error
from crmkit.events import Snapshots
from crmkit.exceptions import ColumnNotFoundError, ParameterError
from crmkit.metrics import population_stability_index, stability_cutoff

Floats = NDArray[np.float64]
Columns = dict[str, NDArray[Any]]
Backend = Literal["pandas", "polars"]

_OWNER = "DriftReport"

#: Values that each bin of a number should hold, and the fewest that a level of its own does, where nothing has
#: moved: in smaller bins chance exceeds the cutoff much more often than it should.
_PER_BIN, _PER_LEVEL = 20, 10

#: Lines of a report that are printed; a page shows all.
_MOST_SHOWN = 20

_HEADS = ("name", "sort", "psi", "cutoff", "moved", "missing_then", "missing_now")


@dataclass(frozen=True, eq=False, repr=False)
class DriftReport:
    """How far each feature, and the scores of a model, have moved between two groups of rows.

    Attributes
    ----------
    table : frame
        One row per feature, and one for the scores, the largest move first: ``name``; ``sort``,
        ``"feature"`` or ``"score"``; ``psi``, the population stability index; ``cutoff``, what chance alone
        stays below in the share `level` of such comparisons; ``moved``, whether psi is above it;
        ``missing_then`` and ``missing_now``, shares of the rows.
    n_then, n_now : int
        Customers of Snapshots; rows of tables.
    level : float

    See Also
    --------
    from_estimator, from_tables : The ways to make one.
    drift_over_time : One date after the other.
    crmkit.metrics.population_stability_index : The index, and what it does not see.
    crmkit.plotting.ScoreDriftDisplay : The picture.

    Notes
    -----
    Numbers are put into ten bins by the quantiles of then, fewer where there are less than 200 customers;
    categories, and numbers of which there are only so many, are counted one by one. Levels that would hold less
    than ten customers count together with those that are new. A missing value is a bin of its own.

    One of twenty features that have not moved at all is said to have, by the default level. Of many customers
    even a small move is no chance: whether it matters says the index itself, where the trade takes 0.1 for a
    move and 0.25 for a large one. Where both groups hold the same customers, chance moves them less. Whether
    scores that have moved are wrong, or those that have not are right, only outcomes show.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from crmkit.churn import DriftReport
    >>> rng = np.random.default_rng(0)
    >>> then = pd.DataFrame({"visits": rng.poisson(4, 1000), "plan": rng.choice(["a", "b"], 1000)})
    >>> now = pd.DataFrame({"visits": rng.poisson(5, 500), "plan": rng.choice(["a", "b"], 500)})
    >>> DriftReport.from_tables(then, now)
    DriftReport(1 of 2 moved, 0.1 expected by chance; 1,000 rows then, 500 now)
               sort    psi  cutoff  moved  missing_then  missing_now
    visits  feature  0.224   0.033    yes          0.0%         0.0%
    plan    feature  0.001   0.012     no          0.0%         0.0%
    """

    table: Any
    n_then: int
    n_now: int
    level: float
    _unit: str = "rows"

    @classmethod
    def from_estimator(
        cls, estimator: Any, X_then: Any, X_now: Any, *, bins: int | None = None, level: float = 0.95
    ) -> Self:
        """Compare what a fitted estimator is told of two groups of rows, and what it says of them.

        Parameters
        ----------
        estimator : fitted estimator or transformer
            Features are those of its `feature_table` or `features`; of a pipeline that takes Snapshots, what its
            last step is told; of a transformer, what it makes; else the columns of X. Scores are the probability
            of churn, the decision function, or the predictions. Of a search, those of its best estimator.
        X_then, X_now : Snapshots or table of n rows
            As the estimator takes them. Best one date each, such as that of the fit and that of today.
        bins : int, default=None
            Most bins of a number; None is ten, fewer where there are less than 200 customers.
        level : float, default=0.95
            Of the cutoffs.

        Returns
        -------
        DriftReport

        Raises
        ------
        ParameterError
            If there are no rows, or the estimator has nothing to compare.
        """
        check_parameters(bins, level, _OWNER)
        then, now = _told(estimator, X_then), _told(estimator, X_now)
        return cls._make(then, now, bins, level, "customers" if isinstance(X_then, Snapshots) else "rows")

    @classmethod
    def from_tables(
        cls, then: Any, now: Any, *, scores: tuple[str, ...] = (), bins: int | None = None, level: float = 0.95
    ) -> Self:
        """Compare the columns of two tables.

        Parameters
        ----------
        then, now : frame, dict of arrays, or array of shape (n, n_columns)
            Numbers and categories; `now` has at least the columns of `then`. One row a customer.
        scores : tuple of str, default=()
            Columns that are scores, not features.
        bins, level
            As in `from_estimator`.

        Returns
        -------
        DriftReport

        Raises
        ------
        ParameterError
            If a table is empty, or a column is a number in one and text in the other.
        ColumnNotFoundError
            If `now` lacks a column, or `then` one of `scores`.
        """
        check_parameters(bins, level, _OWNER)
        own = _Sample.of_table(then, "then", (), scores)
        other = _Sample.of_table(now, "now", (*own.features, *own.scores), scores)
        return cls._make(own, other, bins, level, "rows")

    @classmethod
    def _make(cls, then: _Sample, now: _Sample, bins: int | None, level: float, unit: str) -> Self:
        lines = sorted(compare(then, now, bins, level), key=lambda line: -line["psi"])
        return cls(_frame(lines, _HEADS, then.backend), then.n, now.n, level, unit)

    def _lines(self) -> tuple[str, list[list[str]]]:
        """A sentence, and the table as text."""
        columns = [self.table[head].to_list() for head in _HEADS]
        lines = [
            [name, sort, f"{psi:.3f}", f"{cutoff:.3f}", "yes" if moved else "no", f"{then:.1%}", f"{now:.1%}"]
            for name, sort, psi, cutoff, moved, then, now in zip(*columns, strict=True)
        ]
        said = (
            f"{sum(columns[4])} of {len(lines)} moved, {len(lines) * (1 - self.level):.1f} expected by chance; "
            f"{self.n_then:,} {self._unit} then, {self.n_now:,} now"
        )
        return said, lines

    def __repr__(self) -> str:
        said, lines = self._lines()
        cells = [["", *_HEADS[1:]], *lines[:_MOST_SHOWN]]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        text = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in cells]
        more = [f"… and {len(lines) - _MOST_SHOWN} more"] if len(lines) > _MOST_SHOWN else []
        return "\n".join([f"DriftReport({said})", *text, *more])

    def _repr_html_(self) -> str:
        said, lines = self._lines()
        head = "".join(f"<th>{one.replace('_', ' ')}</th>" for one in _HEADS)
        cells = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in lines]
        bold = [" style='font-weight:bold'" if row[4] == "yes" else "" for row in lines]
        body = "".join(f"<tr{style}>{row}</tr>" for style, row in zip(bold, cells, strict=True))
        return f"<table><caption>DriftReport: {said}</caption><tr>{head}</tr>{body}</table>"


def drift_over_time(
    estimator: Any, X: Snapshots, *, reference: Any = None, bins: int | None = None, level: float = 0.95
) -> Any:
    """Compare features and scores of each as_of with those of one of them.

    Parameters
    ----------
    estimator : fitted estimator or transformer
        As in `DriftReport.from_estimator`.
    X : Snapshots of n rows
        Of several dates.
    reference : date-like, default=None
        The as_of that others are compared with; the first if None.
    bins, level
        As in `DriftReport.from_estimator`.

    Returns
    -------
    frame
        One row per other as_of and feature or score: ``as_of``, ``n`` customers, and ``name``, ``sort``,
        ``psi``, ``cutoff`` and ``moved`` as in `DriftReport`, which says how to read them.

    Raises
    ------
    ParameterError
        If X are not Snapshots with the reference and another date.

    See Also
    --------
    DriftReport : Two groups of rows, with more about each.

    Examples
    --------
    >>> import pandas as pd
    >>> from crmkit import EventLog, RFMTransformer
    >>> from crmkit.churn import drift_over_time
    >>> from crmkit.datasets import load_cdnow
    >>> log = EventLog.from_frame(load_cdnow(), customer="customer_id", time="date", value="value")
    >>> X = log.snapshots(pd.date_range("1997-10-01", "1998-04-01", freq="3MS"))
    >>> found = drift_over_time(RFMTransformer().fit(X), X)
    >>> found.loc[found["name"] == "frequency", ["psi", "cutoff", "moved"]].round(3)
         psi  cutoff  moved
    1  0.017   0.008   True
    4  0.046   0.008   True
    """
    owner = "drift_over_time"
    check_parameters(bins, level, owner)
    if not isinstance(X, Snapshots):
        raise parameter_error("X", X, "Snapshots of several dates", owner, "DriftReport compares two tables.")
    dates = np.unique(X.as_of)
    first = dates[0] if reference is None and len(dates) else np.datetime64(pd.Timestamp(reference), "us")
    if len(dates) < 2 or first not in dates:
        raise ParameterError(
            f"{owner} compares dates, and needs the reference and another one. X has {len(dates)} dates"
            + (f", and {instant_name(first)} is none of them." if len(dates) > 1 else ".")
        )
    said = _told(estimator, X)
    then = said.take(X, X.as_of == first)
    lines = [
        {"as_of": date, "n": now.n, **line}
        for date in dates[dates != first]
        for now in [said.take(X, X.as_of == date)]
        for line in compare(then, now, bins, level)
    ]
    return _frame(lines, ("as_of", "name", "sort", "n", *_HEADS[2:5]), said.backend)


def check_parameters(bins: Any, level: Any, owner: str) -> None:
    """Refuse what are no bins or no level."""
    if bins is not None:
        check_int("bins", bins, owner, low=2)
    check_float("level", level, owner, low=0, high=1, closed="neither")


@dataclass(frozen=True)
class _Sample:
    """Columns of some rows, and how many customers these are."""

    features: Columns
    scores: Columns
    n: int
    backend: Backend

    @classmethod
    def of_table(cls, table: Any, parameter: str, wanted: tuple[str, ...], scores: tuple[str, ...]) -> _Sample:
        columns = _columns(table, parameter)
        for name in (*wanted, *scores):
            if name not in columns:
                raise ColumnNotFoundError.from_name(parameter, name, columns)
        n = len(next(iter(columns.values()), ()))
        features = {name: column for name, column in columns.items() if name not in scores}
        return cls(features, {name: columns[name] for name in scores}, n, backend_of(table))

    def take(self, X: Snapshots, rows: NDArray[np.bool_]) -> _Sample:
        """Some of the rows, which are those of X."""
        features = {name: column[rows] for name, column in self.features.items()}
        scores = {name: column[rows] for name, column in self.scores.items()}
        return _Sample(features, scores, len(np.unique(X.codes[rows])), self.backend)


def compare(then: _Sample, now: _Sample, bins: int | None, level: float) -> Iterator[dict[str, Any]]:
    """A line of the table for each feature and score."""
    if not then.n or not now.n:
        raise ParameterError(f"{_OWNER} compares rows, and there are none {'now' if then.n else 'then'}.")
    n = min(then.n, now.n)
    bins = max(2, min(10, n // _PER_BIN)) if bins is None else bins
    for sort, own, other in (("feature", then.features, now.features), ("score", then.scores, now.scores)):
        for name, column in own.items():
            codes = _codes(name, column, other[name], n, bins)
            n_bins = max(2, len(np.unique(np.concatenate(codes))))
            psi = population_stability_index(*codes, bins=n_bins)
            cutoff = stability_cutoff(then.n, now.n, n_bins, level=level)
            missing = (float(np.isnan(one).mean()) for one in codes)
            yield dict(zip(_HEADS, (name, sort, psi, cutoff, psi > cutoff, *missing), strict=True))


def _frame(lines: list[dict[str, Any]], heads: tuple[str, ...], backend: Backend) -> Any:
    return make_frame({head: np.array([line[head] for line in lines]) for head in heads}, backend)


def _codes(name: str, then: NDArray[Any], now: NDArray[Any], n: int, bins: int) -> tuple[Floats, Floats]:
    """The bin of each value, NaN where it is missing."""
    gone = pd.isna(then), pd.isna(now)
    for column, other, empty in ((then, now, gone[1]), (now, then, gone[0])):
        # Flags with gaps come as objects, and flags without as flags.
        if column.dtype.kind == "O" and other.dtype.kind not in "Ob" and not empty.all():
            raise ParameterError(
                f"The column {name!r} holds text or categories in one group of rows, and numbers in the other. "
                "Convert one of them."
            )
    known = then[~gone[0]]
    if known.dtype.kind != "O" and len(np.unique(known)) > bins:
        edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="inverted_cdf"))
        found = (
            np.where(empty, np.nan, np.searchsorted(edges, one)) for one, empty in zip((then, now), gone, strict=True)
        )
        return next(found), next(found)
    # Levels that are too rare to be counted alone are one, with those that are new.
    codes, levels = pd.factorize(np.concatenate([then, now]))
    held = np.bincount(codes[: len(then)][~gone[0]], minlength=len(levels)) * (n / len(then))
    kept = np.append(np.where(held < _PER_LEVEL, len(levels), np.arange(len(levels))), np.nan)[codes]
    return kept[: len(then)], kept[len(then) :]


def _told(estimator: Any, X: Any) -> _Sample:
    """What an estimator is told of some rows, and what it says of them."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    table, names = X, None
    makers = [getattr(estimator, name, None) for name in ("feature_table", "features")]
    method = next((one for one in makers if callable(one)), None)
    if method is not None:
        table = method(X)
    elif isinstance(X, Snapshots) or not _says(estimator):
        maker = estimator[:-1] if hasattr(estimator, "steps") and _says(estimator) else estimator
        if not hasattr(maker, "transform"):
            raise ParameterError(
                f"{_OWNER} finds nothing to compare: {type(estimator).__name__} has neither feature_table, features "
                "nor transform. Compare tables by DriftReport.from_tables."
            )
        table = maker.transform(X)
        names = getattr(maker, "get_feature_names_out", lambda: None)()
    features = _columns(table, "X", names)
    said = _said(estimator, X)
    scores = {} if said is None else {said[0]: said[1]}
    n = len(np.unique(X.codes)) if isinstance(X, Snapshots) else len(next(iter(features.values()), ()))
    return _Sample(features, scores, n, backend_of(table))


def _says(estimator: Any) -> bool:
    return any(hasattr(estimator, name) for name in ("predict_proba", "decision_function", "predict"))


def _said(estimator: Any, X: Any) -> tuple[str, NDArray[Any]] | None:
    """The name of the score, and the score of each row."""
    if hasattr(estimator, "predict_proba"):
        said = np.asarray(estimator.predict_proba(X))
        if said.ndim == 2 and said.shape[1] == 2:
            # The moves of both columns are the same: where nobody says which means churn, the second does.
            column = churn_column(getattr(estimator, "classes_", (0, 1)), estimator)
            return "probability", said[:, 1 if column is None else column]
    elif hasattr(estimator, "decision_function"):
        said = np.asarray(estimator.decision_function(X))
        if said.ndim == 1:
            return "decision", said
    if not hasattr(estimator, "predict"):
        return None
    said = np.asarray(estimator.predict(X))
    return "prediction", said.astype(object) if said.dtype.kind in "OSU" else said


def _columns(table: Any, parameter: str, names: Any = None) -> Columns:
    """Columns by name: numbers as they are, everything else as objects, None where it is missing."""
    if is_frame(table):
        data = read_columns(table, [(parameter, name) for name in column_names(table)])
        found = {name: extra_column(series, parameter) for name, series in data.series.items()}
        return {name: one.to_array() if isinstance(one, Category) else one for name, one in found.items()}
    array = np.asarray(table.toarray() if hasattr(table, "toarray") else table)
    if array.ndim != 2 or array.dtype.kind not in "iufb":
        allowed = "a frame, a dict of arrays, or an array of numbers of shape (n, n_columns)"
        raise parameter_error(parameter, table, allowed, _OWNER)
    names = [f"x{j}" for j in range(array.shape[1])] if names is None else names
    return {str(name): array[:, j] for j, name in enumerate(names)}
