"""The one way in which crmkit compiles functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["kernel"]


def kernel(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function with Numba when it is first called."""
    if function is None:
        return lambda function: kernel(function, **options)
    return numba.njit(nogil=True, error_model="numpy", **options)(function)
