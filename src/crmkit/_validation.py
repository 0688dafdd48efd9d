"""Checks that all rooms share: parameters, and vectors of numbers.

Every check returns the clean value, and raises `crmkit.exceptions.ParameterError` in
scikit-learn's sentence, "The 'x' parameter of F must be … Got … instead.", followed by the next
step where there is one. Nothing here loads scikit-learn. No other module casts arrays.
"""

from __future__ import annotations

import contextlib
import math
import sys
import warnings
from collections.abc import Collection, Iterator
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from crmkit.exceptions import CrmkitWarning, ParameterError

__all__ = [
    "all_or_nothing",
    "check_bool",
    "check_float",
    "check_generator",
    "check_int",
    "check_option",
    "check_same_length",
    "check_string",
    "check_vector",
    "listed",
    "parameter_error",
    "shown",
    "threads_of",
    "warn",
]

Closed = Literal["both", "left", "right", "neither"]

#: Longer lists are data.
_MOST_SHOWN = 10

#: More threads than this help nobody, whatever n_jobs says.
_MOST_THREADS = 64


def threads_of(n_jobs: int | None) -> int:
    """Return the number of threads that scikit-learn's ``n_jobs`` stands for, here and in joblib's workers.

    Examples
    --------
    >>> threads_of(2)
    2
    """
    from joblib import effective_n_jobs

    return min(int(effective_n_jobs(n_jobs)), _MOST_THREADS)


@contextlib.contextmanager
def all_or_nothing(estimator: Any) -> Iterator[None]:
    """Leave an estimator as it was if what is done to it fails: half of two models is none.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> model = SimpleNamespace(alpha_=0.3)
    >>> with contextlib.suppress(ValueError), all_or_nothing(model):
    ...     model.alpha_ = 0.5
    ...     raise ValueError
    >>> model.alpha_
    0.3
    """
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def listed(names: Collection[str]) -> str:
    """Name some things in a message, at most five of them.

    Examples
    --------
    >>> listed(["speed", "price"]), listed([f"q{j}" for j in range(9)])
    ("'speed', 'price'", "'q0', 'q1', 'q2', 'q3', 'q4' and 4 more")
    """
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(map(repr, list(names)[:5])) + more


def warn(said: str, category: type[Warning] = CrmkitWarning) -> None:
    """Warn at the line of the caller's own code, whatever crmkit or scikit-learn does on the way.

    Python shows a warning once for each line that it points at: one inside crmkit would hide those of other calls.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warn("Few answers.")
    >>> print(caught[0].category.__name__, caught[0].message)
    CrmkitWarning Few answers.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in {"crmkit", "sklearn"}:
        frame, level = frame.f_back, level + 1
    warnings.warn(said, category, stacklevel=level)


def parameter_error(name: str, value: object, allowed: str, owner: str, hint: str = "") -> ParameterError:
    """Build the error of a refused parameter.

    Parameters
    ----------
    name, owner : str
        The parameter, and the public function or class that it belongs to.
    value : object
        What came. Long values are shortened, and of data only type and size are said.
    allowed : str
        What is allowed; it completes the words "must be".
    hint : str, default=''
        The next step, as a sentence.

    Returns
    -------
    ParameterError
        To be raised by the caller.

    Examples
    --------
    >>> print(parameter_error("gap", -1, "a duration", "EventLog.snapshots", "Write '30D'."))
    The 'gap' parameter of EventLog.snapshots must be a duration. Got -1 instead. Write '30D'.
    """
    got = f"The {name!r} parameter of {owner} must be {allowed}. Got {shown(value)} instead."
    return ParameterError(f"{got} {hint}".rstrip())


def shown(value: object) -> str:
    """Say what came, in an error: a value as it is written, data by their type and size alone.

    Errors end in server logs, and data in the wrong place may hold ids of customers.

    Examples
    --------
    >>> shown(0.5), shown(np.arange(12).reshape(3, 4)), shown(list(range(100)))
    ('0.5', 'ndarray of shape (3, 4)', 'list of length 100')
    """
    kind = type(value).__name__
    if hasattr(value, "shape") and not isinstance(value, np.generic):
        return f"{kind} of shape {value.shape}"
    if hasattr(value, "columns"):
        return kind
    if isinstance(value, list | tuple | dict | set) and (
        len(value) > _MOST_SHOWN
        or any(hasattr(part, "shape") and not isinstance(part, np.generic) for part in _parts(value))
    ):
        return f"{kind} of length {len(value)}"
    text = repr(value)
    return f"{text[:200]}…" if len(text) > 200 else text


def _parts(value: Any) -> Any:
    return value.values() if isinstance(value, dict) else value


def check_option(name: str, value: Any, options: Collection[Any], owner: str, hint: str = "") -> Any:
    """Return the value if it is one of the options; ``None`` may be one of them.

    Examples
    --------
    >>> check_option("invalid", "drop", {"raise", "drop"}, "EventLog.from_frame")
    'drop'
    """
    # Compared one by one: `value in options` fails for an unhashable value, and 1 == True.
    for option in options:
        if type(value) is type(option) and value == option:
            return option
        if isinstance(value, str) and isinstance(option, str) and value == option:  # numpy.str_
            return option
    listed = "{" + ", ".join(sorted(map(repr, options))) + "}"
    raise parameter_error(name, value, f"one of {listed}", owner, hint)


def check_int(name: str, value: object, owner: str, low: int | None = None, high: int | None = None) -> int:
    """Return a whole number in ``[low, high]`` as an int; booleans and floats are refused.

    Examples
    --------
    >>> check_int("n_bins", np.int32(5), "RFMTransformer", low=2)
    5
    """
    if isinstance(value, Integral) and not isinstance(value, bool | np.bool_):
        number = int(value)
        if (low is None or number >= low) and (high is None or number <= high):
            return number
    raise parameter_error(name, value, f"an int{_range(low, high, 'both')}", owner)


def check_float(
    name: str,
    value: object,
    owner: str,
    low: float | None = None,
    high: float | None = None,
    closed: Closed = "both",
) -> float:
    """Return a finite number between two bounds as a float; booleans are refused.

    Examples
    --------
    >>> check_float("coverage", 0.9, "estimate", low=0, high=1, closed="neither")
    0.9
    """
    if isinstance(value, Real) and not isinstance(value, bool | np.bool_):
        number = float(value)
        above = low is None or number > low or (number == low and closed in ("both", "left"))
        below = high is None or number < high or (number == high and closed in ("both", "right"))
        if math.isfinite(number) and above and below:
            return number
    raise parameter_error(name, value, f"a finite float{_range(low, high, closed)}", owner)


def check_bool(name: str, value: object, owner: str) -> bool:
    """Return a boolean; numbers and strings are refused.

    Examples
    --------
    >>> check_bool("assume_sorted", True, "EventLog.from_frame")
    True
    """
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise parameter_error(name, value, "a bool", owner)


def check_string(name: str, value: object, owner: str, *, allow_empty: bool = False) -> str:
    """Return a str, which must not be empty unless that is allowed.

    Examples
    --------
    >>> check_string("customer", "客户ID", "EventLog.from_frame")
    '客户ID'
    """
    if isinstance(value, str) and (value or allow_empty):
        return str(value)
    raise parameter_error(name, value, "a str" if allow_empty else "a non-empty str", owner)


def check_generator(name: str, value: object, owner: str) -> np.random.Generator:
    """Return the generator of random numbers that a ``random_state`` stands for.

    Parameters
    ----------
    name, owner : str
        The parameter and its function or class.
    value : None, int, numpy.random.Generator or numpy.random.RandomState
        ``None`` draws a seed from the system; an int is the seed; a Generator is used as it is; a
        RandomState gives the seed, and so moves on.

    Returns
    -------
    numpy.random.Generator
        The source of all draws.

    Examples
    --------
    >>> check_generator("random_state", 0, "estimate").integers(100, size=3)
    array([85, 63, 51])
    """
    if value is None or isinstance(value, np.random.Generator):
        return np.random.default_rng(value)
    seed = int(value) if isinstance(value, Integral) and not isinstance(value, bool | np.bool_) else -1
    if seed >= 0:
        return np.random.default_rng(seed)
    if isinstance(value, np.random.RandomState):
        return np.random.default_rng(value.randint(0, 2**32, size=4, dtype=np.uint32))
    allowed = "None, a non-negative int, a numpy.random.Generator or a numpy.random.RandomState"
    raise parameter_error(name, value, allowed, owner)


def check_vector(
    name: str,
    values: object,
    dtype: type[np.float64 | np.int64],
    owner: str,
    *,
    n: int | None = None,
    finite: bool = True,
) -> NDArray[Any]:
    """Return one-dimensional contiguous numbers.

    The result may share memory with what came: it is to be read, never written.

    Parameters
    ----------
    name, owner : str
        The parameter and its function or class.
    values : array-like of shape (n,)
        Numbers or booleans: a list, an array, a column of any frame.
    dtype : {numpy.float64, numpy.int64}
        Type of the result. Floats are taken as int64 only where all of them are whole.
    n : int, default=None
        The length that is needed, if any.
    finite : bool, default=True
        Whether missing and infinite values are refused. With ``finite=False``, for float64 only,
        missing values come back as NaN.

    Returns
    -------
    ndarray of shape (n,)
        C-contiguous, of type `dtype`.

    Raises
    ------
    ParameterError
        If the values are not numbers, not one-dimensional, of another length, missing or infinite
        where that is refused, or do not fit `dtype`.

    Examples
    --------
    >>> check_vector("y_true", [1, 0, True], np.float64, "lift")
    array([1., 0., 1.])
    """
    kind = "numbers" if dtype is np.float64 else "whole numbers"
    array = _as_numbers(values)
    if array is None:
        raise _array_error(name, owner, f"a one-dimensional array of {kind}", _description(values))
    if array.ndim != 1:
        hint = " Pass its single column, for example with .ravel()." if array.ndim == 2 and array.shape[1] == 1 else ""
        raise _array_error(name, owner, f"a one-dimensional array of {kind}", f"an array of shape {array.shape}", hint)
    if n is not None and len(array) != n:
        raise _array_error(name, owner, f"of length {n:,}", f"length {len(array):,}")
    if array.dtype.kind == "f" and (finite or dtype is np.int64):
        _refuse(~np.isfinite(array), array, name, owner, "missing or infinite")
    if dtype is np.int64 and array.dtype.kind in "fu":
        fits = (array == np.floor(array)) & (array < 2.0**63) & (array >= -(2.0**63))
        _refuse(~fits, array, name, owner, "not whole numbers of 64 bits")
    return np.ascontiguousarray(array, dtype=dtype)


def check_same_length(owner: str, **arrays: Any) -> int:
    """Return the one length of several arrays, which are given by their parameter names.

    Examples
    --------
    >>> check_same_length("lift", y_true=[1, 0], y_score=[0.3, 0.1])
    2
    """
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name}: {length:,}" for name, length in lengths.items())
        raise ParameterError(f"The arrays of {owner} must have one length. Got {listed} instead.")
    return next(iter(lengths.values()))


def _as_numbers(values: Any) -> NDArray[Any] | None:
    """Return a float, int or unsigned array, or None if the values are not numbers."""
    try:
        if np.ma.isMaskedArray(values):
            # numpy.asarray would drop the mask and let the hidden values through.
            values = np.ma.filled(values.astype(np.float64), np.nan) if np.ma.is_masked(values) else values.data
        array = np.asarray(values)
        if array.dtype.kind == "O":
            array = _from_objects(values, array)
    except (TypeError, ValueError):
        return None
    if array.dtype.kind == "b":
        return array.astype(np.int64)
    return array if array.dtype.kind in "iuf" else None


def _from_objects(values: Any, array: NDArray[Any]) -> NDArray[Any]:
    if hasattr(values, "isna") and hasattr(values, "to_numpy"):  # pandas: NA becomes NaN
        if getattr(values.dtype, "kind", "O") in "OUSmM":
            return _from_objects(None, array)
        if values.dtype.kind in "iu" and not values.isna().any():
            return np.asarray(values.to_numpy(dtype=f"{values.dtype.kind}8"))  # exact above 2**53
        return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))
    if any(isinstance(value, str | bytes) for value in array.flat):
        raise TypeError("text")
    return np.asarray([np.nan if value is None else float(value) for value in array.flat]).reshape(array.shape)


def _refuse(bad: NDArray[np.bool_], array: NDArray[Any], name: str, owner: str, what: str) -> None:
    count = int(bad.sum())
    if count:
        first = int(bad.argmax())
        raise ParameterError(
            f"The {name!r} parameter of {owner} has {count:,} of {len(array):,} values that are {what}; "
            f"the first is {array[first].item()!r} at position {first}."
        )


def _array_error(name: str, owner: str, allowed: str, got: str, hint: str = "") -> ParameterError:
    return ParameterError(f"The {name!r} parameter of {owner} must be {allowed}. Got {got} instead.{hint}")


def _description(values: object) -> str:
    dtype = getattr(values, "dtype", None)
    return type(values).__name__ + (f" of {dtype}" if dtype is not None else "")


def _range(low: float | None, high: float | None, closed: Closed) -> str:
    if low is None and high is None:
        return ""
    left = "[" if low is not None and closed in ("both", "left") else "("
    right = "]" if high is not None and closed in ("both", "right") else ")"
    return f" in the range {left}{'-inf' if low is None else low}, {'inf' if high is None else high}{right}"
