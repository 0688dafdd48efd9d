"""Sixteen float32 at once, in vector registers.

The companion of `crmkit._numba._wide_words`: a comparison of sixteen numbers gives sixteen bits, which
Numba's loops cannot hand on. Each function and operator has a plain twin that works on an array of
sixteen float32, so that a kernel's ``.py_func`` gives the same.
"""

# ruff: noqa: ARG001, PLW0108  Numba calls with fixed arguments, and reads an implementation by its own parameters
from __future__ import annotations

import operator
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped] # has no types
from numba.core import types
from numba.extending import intrinsic, models, overload, register_model
from numpy.typing import NDArray

__all__ = ["N_LANES", "at_least", "first_bit", "load_floats", "lower", "spread"]

N_LANES = 16

_VECTOR = ir.VectorType(ir.FloatType(), N_LANES)


class _WideFloat(types.Type):
    """The type of sixteen float32, as Numba knows it."""

    def __init__(self) -> None:
        super().__init__(name="WideFloat")


_wide_float = _WideFloat()


@register_model(_WideFloat)
class _WideFloatModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _VECTOR)


def load_floats(values: NDArray[np.float32], first: int) -> NDArray[np.float32]:
    """Return sixteen values of a contiguous array."""
    return values[first : first + N_LANES].copy()


def spread(value: np.float32) -> NDArray[np.float32]:
    """Return the same float32 sixteen times."""
    return np.full(N_LANES, value, dtype=np.float32)


def lower(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the lower of each two."""
    return np.where(one < other, one, other)


def at_least(one: NDArray[np.float32], other: NDArray[np.float32]) -> int:
    """Return a number with bit k set where number k of one is at least that of the other."""
    return int(np.packbits(one >= other, bitorder="little").view(np.uint16)[0])


def first_bit(bits: int) -> int:
    """Return the number of the lowest bit of a positive number below 2^63."""
    bits = int(bits)  # numpy's numbers do not have its method in all versions
    return (bits & -bits).bit_length() - 1


@intrinsic
def _load(typing_context: Any, values: Any, first: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        address = builder.gep(array.data, [arguments[1]])
        return builder.load(builder.bitcast(address, _VECTOR.as_pointer()), align=4)

    return _wide_float(values, types.intp), generate


@intrinsic
def _spread(typing_context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), arguments[0], ir.Constant(ir.IntType(32), 0))
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), N_LANES), [0] * N_LANES)
        return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), everywhere)

    return _wide_float(types.float32), generate


@intrinsic
def _lower(typing_context: Any, one: Any, other: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", *arguments), *arguments)

    return _wide_float(one, other), generate


@intrinsic
def _at_least(typing_context: Any, one: Any, other: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = builder.bitcast(builder.fcmp_ordered(">=", *arguments), ir.IntType(N_LANES))
        return builder.zext(bits, ir.IntType(64))

    return types.int64(one, other), generate


@intrinsic
def _first_bit(typing_context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), generate


def _arithmetic(name: str) -> Any:
    @intrinsic
    def combine(typing_context: Any, one: Any, other: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, name)(*arguments)

        return _wide_float(one, other), generate

    return combine


_add = _arithmetic("fadd")
_multiply = _arithmetic("fmul")


def _is_floats(values: Any) -> bool:
    return (
        isinstance(values, types.Array) and values.ndim == 1 and values.layout == "C" and values.dtype == types.float32
    )


def _are_wide(*found: Any) -> bool:
    return all(isinstance(one, _WideFloat) for one in found)


# Not strict: the plain twins have annotations, and what is compiled has none.


@overload(load_floats, strict=False)
def _load_floats(values: Any, first: Any) -> Any:
    return (lambda values, first: _load(values, first)) if _is_floats(values) else None


@overload(spread, strict=False)
def _spread_float(value: Any) -> Any:
    return (lambda value: _spread(value)) if value == types.float32 else None


@overload(lower, strict=False)
def _lower_floats(one: Any, other: Any) -> Any:
    return (lambda one, other: _lower(one, other)) if _are_wide(one, other) else None


@overload(at_least, strict=False)
def _at_least_floats(one: Any, other: Any) -> Any:
    return (lambda one, other: _at_least(one, other)) if _are_wide(one, other) else None


@overload(first_bit, strict=False)
def _first_bit_of(bits: Any) -> Any:
    return (lambda bits: _first_bit(bits)) if isinstance(bits, types.Integer) else None


@overload(operator.add, strict=False)
def _wide_add(one: Any, other: Any) -> Any:
    return (lambda one, other: _add(one, other)) if _are_wide(one, other) else None


@overload(operator.mul, strict=False)
def _wide_multiply(one: Any, other: Any) -> Any:
    return (lambda one, other: _multiply(one, other)) if _are_wide(one, other) else None
