"""What is counted in which window: the parameters of `WindowAggregator`, read into a plan for its kernels."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crmkit._durations import duration_name, to_microseconds
from crmkit._validation import parameter_error
from crmkit.exceptions import ParameterError
from crmkit.features._windows_kernels import HALF, WHOLE

OWNER: Final = "WindowAggregator"

#: The kernel of each statistic, and the place of the statistic among those of the kernel: of events themselves,
#: of numbers, and of labels.
OF_EVENTS: Final = {
    "count": ("describe_edges", 0),
    "days_since_first": ("describe_edges", 1),
    "days_since_last": ("describe_edges", 2),
    "trend": ("describe_edges", 3),
    "share": ("share_of_events", 0),
    "days": ("describe_visits", 0),
    "sessions": ("describe_visits", 1),
    "session_length": ("describe_visits", 2),
    "session_depth": ("describe_visits", 3),
    "orders": ("count_first", 0),
    "mean_gap": ("describe_gaps", 0),
    "std_gap": ("describe_gaps", 1),
    "regularity": ("describe_gaps", 2),
}
OF_NUMBERS: Final = {
    "sum": ("add_numbers", 0),
    "mean": ("add_numbers", 1),
    "trend": ("add_numbers", 2),
    "share": ("share_of_sums", 0),
    "min": ("compare_numbers", 0),
    "max": ("compare_numbers", 1),
    "std": ("compare_numbers", 2),
    "first": ("compare_numbers", 3),
    "last": ("compare_numbers", 4),
}
OF_LABELS: Final = {"distinct": ("count_first", 0)}

STATISTICS: Final = tuple(dict.fromkeys((*OF_EVENTS, *OF_NUMBERS, *OF_LABELS)))

_WINDOWS = (
    "a sequence of windows, or a mapping of windows to their statistics, where a window is a duration such as '90D', a "
    "pair such as ('365D', '335D'), or 'all'"
)


@dataclass(frozen=True)
class Window:
    """A stretch of time before as_of; offsets in microseconds, or -1 for the whole history."""

    name: str
    begin: int
    end: int
    statistics: tuple[str, ...]

    @property
    def half(self) -> int:
        """Where the recent half begins; where the window begins, if nobody asks."""
        if "trend" not in self.statistics:
            return self.begin
        return HALF if self.begin == WHOLE else (self.begin + self.end) // 2


@dataclass(frozen=True)
class Task:
    """One kernel's part of the work on one source: see `_windows_kernels` for `windows` and `lines`."""

    kernel: str
    source: str
    windows: NDArray[np.int64]
    lines: NDArray[np.int64]


@dataclass(frozen=True)
class Plan:
    """What the kernels do, and the columns that come out.

    Attributes
    ----------
    names : tuple of str
        Columns in their order.
    offsets : ndarray of int64
        Where windows begin, end and have their middle, before as_of; the first is as_of itself.
    tasks : tuple of tuples of Task
        Those of all events, then of the events of each kind.
    """

    names: tuple[str, ...]
    offsets: NDArray[np.int64]
    tasks: tuple[tuple[Task, ...], ...]


def read_windows(windows: Any, statistics: Any) -> tuple[Window, ...]:
    """The windows of the parameters, in their order, each with its statistics."""
    if isinstance(windows, str) or not isinstance(windows, Sequence | Mapping) or len(windows) == 0:
        raise parameter_error("windows", windows, _WINDOWS, OWNER)
    everywhere = _read_statistics(statistics, "statistics")
    if isinstance(windows, Mapping):
        found = [_read_window(window, _read_statistics(own, "windows")) for window, own in windows.items()]
    else:
        found = [_read_window(window, everywhere) for window in windows]
    twice = [name for name, count in Counter(window.name for window in found).items() if count > 1]
    if twice:
        raise parameter_error("windows", windows, "windows that differ", OWNER)
    return tuple(found)


def _read_window(window: Any, statistics: tuple[str, ...]) -> Window:
    if isinstance(window, str) and window == "all":
        return Window("all", WHOLE, 0, statistics)
    if not isinstance(window, tuple | list):
        begin = to_microseconds(window, "windows")
        return Window(duration_name(begin), begin, 0, statistics)
    if len(window) != 2:
        raise parameter_error("windows", window, _WINDOWS, OWNER)
    begin, end = to_microseconds(window[0], "windows"), to_microseconds(window[1], "windows", allow_zero=True)
    if begin <= end:
        hint = "The first of a pair is where the window begins, further back than its end."
        raise parameter_error("windows", window, "pairs such as ('365D', '335D')", OWNER, hint)
    name = duration_name(begin)
    return Window(f"{name}_{duration_name(end)}" if end else name, begin, end, statistics)


def _read_statistics(statistics: Any, parameter: str) -> tuple[str, ...]:
    names = [statistics] if isinstance(statistics, str) else statistics
    if not isinstance(names, Sequence) or not names or any(name not in STATISTICS for name in names):
        raise parameter_error(parameter, statistics, f"one or several of {STATISTICS}", OWNER)
    return tuple(dict.fromkeys(names))


def make_plan(windows: tuple[Window, ...], numbers: Sequence[str], labels: Sequence[str], kinds: NDArray[Any]) -> Plan:
    """Say which line of the output each statistic of each source, window and kind goes to.

    The columns come window by window, statistic by statistic, source by source, those of all events
    before those of each kind.
    """
    used = {offset for window in windows for offset in (window.begin, window.end, window.half)}
    starts = [0, *sorted(used - {0})]
    place = {offset: position for position, offset in enumerate(starts)}
    names: list[str] = []
    wanted: dict[tuple[int, str, str], dict[str, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    for window in windows:
        for statistic in window.statistics:
            for source, (kernel, entry) in _sources(statistic, numbers, labels):
                for part in range(statistic == "share", len(kinds) + 1):
                    kind = f"_{kinds[part - 1]}" if part else ""
                    wanted[part, kernel, source][window.name][entry] = len(names)
                    names.append(f"{statistic}_{'events' if source == 'orders' else source}{kind}_{window.name}")
    by_name = {window.name: window for window in windows}
    tasks: list[list[Task]] = [[] for _ in range(len(kinds) + 1)]
    for (part, kernel, source), of_windows in wanted.items():
        lines = np.full((len(of_windows), 5), -1, dtype=np.int64)
        for row, entries in enumerate(of_windows.values()):
            lines[row, list(entries)] = list(entries.values())
        edges = [[place[w.begin], place[w.end], place[w.half]] for w in (by_name[name] for name in of_windows)]
        tasks[part].append(Task(kernel, source, np.array(edges, dtype=np.int64), lines))
    return Plan(_unique(names), np.array(starts, dtype=np.int64), tuple(map(tuple, tasks)))


def _sources(statistic: str, numbers: Sequence[str], labels: Sequence[str]) -> list[tuple[str, tuple[str, int]]]:
    """What a statistic is made of, each with its kernel."""
    found = []
    if statistic in OF_EVENTS:
        found.append(("orders" if statistic == "orders" else "events", OF_EVENTS[statistic]))
    if statistic in OF_NUMBERS:
        found += [(name, OF_NUMBERS[statistic]) for name in numbers]
    if statistic in OF_LABELS:
        found += [(name, OF_LABELS[statistic]) for name in labels]
    return found


def _unique(names: list[str]) -> tuple[str, ...]:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ParameterError(
            f"WindowAggregator would make the column {twice[0]!r} twice, because a column of the log, or a kind, is "
            "called like another. Leave it out of columns= or kinds=, or rename it before from_frame."
        )
    return tuple(names)
