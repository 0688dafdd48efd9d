"""The highest bit of a number, in one machine instruction; `crmkit._numba._wide_floats.first_bit` is the lowest."""

# ruff: noqa: ARG001, PLW0108  Numba calls with fixed arguments, and reads an implementation by its own parameters
from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped] # has no types
from numba import types
from numba.extending import intrinsic, overload

__all__ = ["last_bit"]


def last_bit(bits: int) -> int:
    """Return the number of the highest bit of a positive number below 2^63.

    Examples
    --------
    >>> last_bit(0b10110)
    4
    """
    return int(bits).bit_length() - 1


@intrinsic
def _last_bit(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        zeros = builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 1))
        return builder.sub(ir.Constant(ir.IntType(64), 63), zeros)

    return types.int64(types.int64), generate


@overload(last_bit, strict=False)  # not strict: the plain twin has annotations, and what is compiled has none
def _last_bit_of(bits: Any) -> Any:
    return (lambda bits: _last_bit(bits)) if isinstance(bits, types.Integer) else None
