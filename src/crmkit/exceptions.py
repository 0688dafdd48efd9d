"""Every public error and warning of crmkit.

::

    Exception
    └── CrmkitError
        ├── ParameterError          (ValueError, TypeError)  an argument is not one of those allowed
        ├── EventDataError          (ValueError)             rows of an event table break a rule
        ├── ColumnNotFoundError     (ValueError)             a named column is not in the frame
        ├── CensoredWindowError     (ValueError)             a label window ends after the log does
        └── UnknownCustomerError    (KeyError)               an id that the log does not hold

    UserWarning
    └── CrmkitWarning
        ├── FewLevelsWarning                                 fewer distinct levels than bins asked for
        └── SpendWarning                                     money that a model of spend does not suit

Each class also inherits from the built-in error it specialises, so ``except ValueError`` keeps
working for callers who do not import crmkit's names.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = [
    "CensoredWindowError",
    "ColumnNotFoundError",
    "CrmkitError",
    "CrmkitWarning",
    "EventDataError",
    "FewLevelsWarning",
    "InvalidRows",
    "ParameterError",
    "SpendWarning",
    "UnknownCustomerError",
]


class CrmkitError(Exception):
    """Base of every error that crmkit raises on purpose."""


class ParameterError(CrmkitError, ValueError, TypeError):
    """An argument is not one of those allowed.

    It is a ValueError and a TypeError, as in scikit-learn, because a wrong value and a value of
    the wrong type are refused by the same table of constraints.
    """


class ColumnNotFoundError(CrmkitError, ValueError):
    """A named column is not in the frame."""

    @classmethod
    def from_name(cls, parameter: str, column: object, available: Iterable[object]) -> ColumnNotFoundError:
        """Build the error, with the nearest names that the frame does have.

        Parameters
        ----------
        parameter : str
            The argument that named the column.
        column : object
            The name that is missing.
        available : iterable
            The columns of the frame.

        Returns
        -------
        ColumnNotFoundError
        """
        names = [str(name) for name in available]
        near = difflib.get_close_matches(str(column), names, n=3, cutoff=0.5)
        folded = {name.casefold(): name for name in names}
        if str(column).casefold() in folded:
            near = [folded[str(column).casefold()]]
        hint = f"Did you mean {' or '.join(repr(name) for name in near)}? " if near else ""
        return cls(f"{parameter}={column!r}: the frame has no such column. {hint}Its columns are {names}.")


@dataclass(frozen=True)
class InvalidRows:
    """The rows of a frame that break one rule.

    Attributes
    ----------
    rule : str
        What the rows break, such as ``"null customer"``.
    count : int
        Number of rows.
    positions : tuple of int
        The first positions, counted from 0 in the order of the frame.
    cell : str
        The offending cell of the first such row.
    """

    rule: str
    count: int
    positions: tuple[int, ...]
    cell: str


class EventDataError(CrmkitError, ValueError):
    """Rows of an event table break the rules of an event log.

    Attributes
    ----------
    rules : tuple of InvalidRows
        One entry for each rule that is broken. Customer ids and whole rows are never part of it:
        errors end in the logs of servers.
    """

    rules: tuple[InvalidRows, ...] = ()

    @classmethod
    def from_rules(cls, rules: Sequence[InvalidRows], n_rows: int) -> EventDataError:
        """Build the error that lists every broken rule with its count, positions and cell.

        Parameters
        ----------
        rules : sequence of InvalidRows
            The broken rules.
        n_rows : int
            Number of rows of the frame.

        Returns
        -------
        EventDataError
            The rules are kept in its `rules`.
        """
        lines = [
            f"  {rule.rule}: {rule.count:,} of {n_rows:,} rows, at position"
            f"{'s' if rule.count > 1 else ''} {', '.join(map(str, rule.positions))}"
            f"{', …' if rule.count > len(rule.positions) else ''} (first cell: {rule.cell})"
            for rule in rules
        ]
        error = cls(
            "The frame has rows that cannot be events:\n"
            + "\n".join(lines)
            + "\nCorrect them, or pass invalid='drop' to leave them out and count them in log.quality."
        )
        error.rules = tuple(rules)
        return error


class CensoredWindowError(CrmkitError, ValueError):
    """A label window ends after the instant up to which the log is complete."""


class UnknownCustomerError(CrmkitError, KeyError):
    """An id that the log does not hold."""

    def __str__(self) -> str:
        # KeyError shows the repr of its argument, which would put the sentence in quotes.
        return str(self.args[0]) if self.args else ""


class CrmkitWarning(UserWarning):
    """Base of every warning that crmkit gives."""


class FewLevelsWarning(CrmkitWarning):
    """A column has fewer distinct levels than the bins asked for."""


class SpendWarning(CrmkitWarning):
    """Money that a model of spend does not suit: none, refunds, or more of it the more often somebody buys."""
