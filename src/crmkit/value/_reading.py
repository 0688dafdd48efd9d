"""The X of a purchase model, snapshots, frame or array, as `Rows`; and durations as numbers."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import time_unit_microseconds, to_microseconds
from crmkit._frames import column_names, number_column, read_columns
from crmkit._validation import check_float, check_vector
from crmkit.events import EventLog, Snapshots, purchases
from crmkit.exceptions import CrmkitWarning, ParameterError
from crmkit.value._rows import Floats, Rows, frozen

#: Columns that a table of RFM values or scores has, and a purchase model cannot use.
_RFM_COLUMNS = {"recency_days", "monetary", "recency_score", "frequency_score", "monetary_score"}


@dataclass(frozen=True)
class Wanted:
    """What a model wants of its X.

    Attributes
    ----------
    owner : str
        Name of the estimator, for errors.
    columns : sequence of str
        The columns of a frame or array: repeat purchases, recency, and length of observation; or others.
    time_unit : str
    gaps : bool
        Whether the sum of log gaps is wanted: a fifth column of the summary, `sum_log_gaps`.
    collapse : str or int
        What counts as one purchase in snapshots: a day, or a number of microseconds.
    covariates : pair of sequences of str
        Columns of the frame, or of `Snapshots.attributes`, on which purchases and dropout depend.
    """

    owner: str
    columns: Sequence[str]
    time_unit: str
    gaps: bool = False
    collapse: str | int = "D"
    covariates: tuple[Sequence[str], Sequence[str]] = ((), ())


def read_rows(X: Any, wanted: Wanted) -> tuple[Rows, NDArray[np.bool_] | None]:
    """The rows of X, and which rows of X have no purchase and are missing among them (None: not one).

    Parameters
    ----------
    X : Snapshots, frame, or array of three columns
    wanted : Wanted
    """
    if isinstance(X, Snapshots):
        return _rows_of_snapshots(X, wanted)
    columns = read_columns_of(X, wanted)
    x, t_x, T = (columns[name] for name in wanted.columns)
    check_rows(x, t_x, T, wanted)
    purchase, dropout = (_matrix(columns, names) for names in wanted.covariates)
    gaps = columns.get("sum_log_gaps")
    return Rows(x, t_x, T, _ones(len(x)), gaps, purchase, dropout), None


def in_time_units(
    value: Any, name: str, owner: str, *, time_unit: str, snapshots: bool, allow_zero: bool = False
) -> float:
    """A horizon as a number of time units: a duration beside snapshots, a number beside a frame."""
    if snapshots:
        if isinstance(value, int) and value == 0 and allow_zero and not isinstance(value, bool):
            return 0.0
        return to_microseconds(value, name, allow_zero=allow_zero) / time_unit_microseconds(time_unit)
    if isinstance(value, str) or hasattr(value, "total_seconds") or isinstance(value, np.timedelta64):
        raise ParameterError(
            f"{name}={value!r}, but {owner} was fitted on a frame, whose unit of time only you know. Pass a number in "
            "that unit; durations go with snapshots of an event log."
        )
    return check_float(name, value, owner, low=0.0, closed="left" if allow_zero else "neither")


def callers_level() -> int:
    """The `stacklevel` with which a warning points at the line that called into this package."""
    package, level = __name__.partition(".")[0], 1
    frame = inspect.currentframe()
    frame = None if frame is None else frame.f_back
    while frame is not None and str(frame.f_globals.get("__name__")).partition(".")[0] == package:
        frame, level = frame.f_back, level + 1
    return level


def warn_of_no_purchase(none: NDArray[np.bool_], owner: str, what: str) -> None:
    """Say that some rows have no purchase at all."""
    warnings.warn(
        f"{owner}: {int(none.sum()):,} of {len(none):,} rows have no purchase before their as_of, so they are not yet "
        f"customers of a purchase model: {what}. new_customer_purchases() tells what a new customer will do.",
        CrmkitWarning,
        stacklevel=callers_level(),
    )


def _rows_of_snapshots(X: Snapshots, wanted: Wanted) -> tuple[Rows, NDArray[np.bool_] | None]:
    unit = time_unit_microseconds(wanted.time_unit)
    found = purchases(X, wanted.collapse, gaps=wanted.gaps)
    none = found.periods == 0
    x = found.periods - 1.0
    T, t_x = found.age / unit, (found.age - found.idle) / unit
    gaps = None if found.log_gaps is None else found.log_gaps - x * np.log(unit / time_unit_microseconds("D"))
    covariates = _attributes(X, wanted)
    money = frozen(found.repeat_money) if X.log.has_money else None
    rows = Rows(frozen(x), frozen(t_x), frozen(T), _ones(len(x)), frozen(gaps), *covariates, money)
    return (rows.take(~none), none) if none.any() else (rows, None)


def read_columns_of(X: Any, wanted: Wanted) -> dict[str, Floats]:
    """The wanted columns of a frame or array by name, without missing values."""
    names = list(wanted.columns)
    if isinstance(X, EventLog):
        raise ParameterError(
            f"{wanted.owner} takes Snapshots, rows of an event log. Got the EventLog itself: use log.snapshot()."
        )
    if isinstance(X, np.ndarray | list | tuple):
        return _columns_of_array(X, names, wanted)
    available = column_names(X)
    if not set(names) <= set(available) and _RFM_COLUMNS & set(available):
        raise ParameterError(
            f"X is a table of RFM values or scores, whose frequency counts the first purchase and whose recency is "
            f"the time since the last. {wanted.owner} takes {_listed(names)}: pass the snapshots, or X.summary()."
        )
    optional = [name for name in ("sum_log_gaps",) if wanted.gaps and name in available]
    names += optional + [name for group in wanted.covariates for name in group]
    read = read_columns(X, [(f"{wanted.owner} needs the column", name) for name in names])
    return {name: _finite(number_column(read[name], "X"), name, wanted.owner) for name in dict.fromkeys(names)}


def _columns_of_array(X: Any, names: list[str], wanted: Wanted) -> dict[str, Floats]:
    if any(wanted.covariates):
        raise ParameterError(f"{wanted.owner} has covariates, which are named columns: pass a frame, not an array.")
    table = np.asarray(X)
    if table.ndim != 2 or table.shape[1] != len(names):
        raise ParameterError(
            f"X is an array of shape {table.shape}, and {wanted.owner} takes {len(names)} columns: {_listed(names)}, "
            "in this order. A frame may have further columns; Snapshots of an event log are taken as they are."
        )
    return {name: _finite(table[:, j], name, wanted.owner) for j, name in enumerate(names)}


def _finite(values: Any, name: str, owner: str) -> Floats:
    column = check_vector(f"X[{name!r}]", values, np.float64, owner, finite=False)
    missing = ~np.isfinite(column)
    if missing.any():
        raise ParameterError(
            f"The column {name!r} of X has {int(missing.sum()):,} missing or infinite values, the first in row "
            f"{int(missing.argmax()):,}. A summary has them where a row has no purchase: leave those rows out of X."
        )
    return frozen(column + 0.0)


def check_rows(x: Floats, t_x: Floats, T: Floats, wanted: Wanted) -> None:
    """Refuse what no purchase history can be, naming rule, number of rows and the first of them."""
    frequency, recency, length = wanted.columns
    rules = [
        (x < 0, f"{frequency} is negative"),
        (x != np.floor(x), f"{frequency} is not a whole number: it counts repeat purchases"),
        (t_x < 0, f"{recency} is negative"),
        (
            (x == 0) & (t_x > 0),
            f"{frequency} is 0 but {recency} is not: {recency} is the time from first to last purchase",
        ),
        ((x > 0) & (t_x == 0), f"{frequency} is above 0 but {recency} is 0: repeat purchases come after the first"),
        (t_x > T, f"{recency} is above {length}: both are counted from the first purchase"),
    ]
    for broken, rule in rules:
        if broken.any():
            row = int(broken.argmax())
            raise ParameterError(
                f"X breaks a rule of purchase histories in {int(broken.sum()):,} of {len(x):,} rows: {rule}. Row "
                f"{row:,} has {frequency}={x[row]:g}, {recency}={t_x[row]:g}, {length}={T[row]:g}. X.summary() of "
                "snapshots gives the columns as they are meant."
            )


def _attributes(X: Snapshots, wanted: Wanted) -> tuple[Floats | None, Floats | None]:
    if not any(wanted.covariates):
        return None, None
    names = [name for group in wanted.covariates for name in group]
    read = read_columns(X.attributes(), [(f"{wanted.owner} needs the attribute", name) for name in names])
    columns = {name: _finite(number_column(read[name], "X.attributes()"), name, wanted.owner) for name in names}
    purchase, dropout = (_matrix(columns, group) for group in wanted.covariates)
    return purchase, dropout


def _matrix(columns: dict[str, Floats], names: Sequence[str]) -> Floats | None:
    return frozen(np.column_stack([columns[name] for name in names])) if names else None


def _ones(n: int) -> Floats:
    return frozen(np.ones(n))


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
