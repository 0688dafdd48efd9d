"""The one way in which crmkit compiles functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

import numba

from crmkit._numba._cache import KernelCache, cache_folder, forget_contents

__all__ = ["kernel", "registered_kernels"]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_kernels: dict[tuple[str, str], Any] = {}


@overload
def kernel(function: _Function, /) -> _Function: ...
@overload
def kernel(**options: Any) -> Callable[[_Function], _Function]: ...
def kernel(function: Any = None, /, **options: Any) -> Any:
    """Compile a function with Numba, when it is first called.

    Kernels release the GIL, divide as numpy does (``1.0 / 0.0`` is infinite), keep the arithmetic
    of IEEE 754, and are compiled once for each user and version of crmkit (see
    `crmkit._numba._cache`). Where nothing can be written they are compiled in each process.

    Parameters
    ----------
    function : callable
        A plain function of arrays and numbers, in a file named ``*_kernels.py``. It returns arrays
        and a status code, never raises, and imports only numpy and this decorator.
    **options : object
        Further options of `numba.njit`, with the measured reason in a comment beside them.

    Returns
    -------
    callable
        The kernel; its attribute ``py_func`` is the function itself.

    Examples
    --------
    >>> import numpy as np
    >>> @kernel
    ... def total(values):
    ...     result = 0.0
    ...     for value in values:
    ...         result += value
    ...     return result
    >>> total(np.array([1.0, 2.5]))
    3.5
    """
    if function is None:
        return lambda function: _compiled_later(function, options)
    return _compiled_later(function, options)


def registered_kernels() -> dict[str, Any]:
    """Return all kernels that were declared in this process, by module and name."""
    return {f"{module}.{name}": found for (module, name), found in _kernels.items()}


def _compiled_later(function: Any, options: dict[str, Any]) -> Any:
    name = (function.__module__, function.__qualname__)
    if name in _kernels:
        forget_contents()  # its module is being loaded again, so the file may have changed
    compiled = numba.njit(nogil=True, error_model="numpy", **options)(function)
    folder = cache_folder(function)
    if numba.config.DISABLE_JIT:
        compiled.py_func = function  # it is the function itself: give it what callers of a kernel may use
    elif folder is not None:
        compiled._cache = KernelCache(function, folder)  # as Numba's enable_caching() does with its own
    _kernels[name] = compiled
    return compiled
