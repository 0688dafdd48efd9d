"""Words of 512 bits that stay in vector registers.

Numba turns loops over arrays into vector code where it can. Sums of bits by carry-save adders are
beyond it: their operands should never leave the registers. Here is a type for such an operand, made
from a row of eight uint64. Processors whose registers are narrower hold it in several.

Each function and operator has a plain twin that works on an array of eight uint64, so that a kernel's
``.py_func`` gives the same: the twin is the body of the function itself, and numpy's operator.
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

__all__ = ["N_BITS", "N_WORDS", "load_wide", "no_bits", "shifted_left", "shifted_right", "store_wide"]

N_WORDS = 8
N_BITS = 64 * N_WORDS

_VECTOR = ir.VectorType(ir.IntType(64), N_WORDS)


class _WideWord(types.Type):
    """The type of a wide word, as Numba knows it."""

    def __init__(self) -> None:
        super().__init__(name="WideWord")


_wide_word = _WideWord()


@register_model(_WideWord)
class _WideWordModel(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _VECTOR)


def load_wide(words: NDArray[np.uint64], row: int) -> NDArray[np.uint64]:
    """Return a row of a C-contiguous array of shape (n, 8)."""
    return words[row].copy()


def store_wide(words: NDArray[np.uint64], row: int, word: NDArray[np.uint64]) -> None:
    """Write a row of a C-contiguous array of shape (n, 8)."""
    words[row] = word


def no_bits() -> NDArray[np.uint64]:
    """Return the word without a bit."""
    return np.zeros(N_WORDS, dtype=np.uint64)


def shifted_left(word: NDArray[np.uint64], by: int, mask: int) -> NDArray[np.uint64]:
    """Shift each uint64 of a word, and keep the bits of the mask."""
    return (word << np.uint64(by)) & np.uint64(mask)


def shifted_right(word: NDArray[np.uint64], by: int, mask: int) -> NDArray[np.uint64]:
    """Shift each uint64 of a word, and keep the bits of the mask."""
    return (word >> np.uint64(by)) & np.uint64(mask)


def _is_rows(words: Any) -> bool:
    return isinstance(words, types.Array) and words.ndim == 2 and words.layout == "C" and words.dtype == types.uint64


def _address(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    first = builder.mul(arguments[1], ir.Constant(arguments[1].type, N_WORDS))
    return builder.bitcast(builder.gep(array.data, [first]), _VECTOR.as_pointer())


@intrinsic
def _load(typing_context: Any, words: Any, row: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_address(context, builder, signature, arguments), align=8)

    return _wide_word(words, types.intp), generate


@intrinsic
def _store(typing_context: Any, words: Any, row: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _address(context, builder, signature, arguments), align=8)
        return context.get_dummy_value()

    return types.void(words, types.intp, word), generate


@intrinsic
def _zero(typing_context: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(_VECTOR, [0] * N_WORDS)

    return _wide_word(), generate


def _spread(builder: Any, number: Any) -> Any:
    """The same number in each of the eight words."""
    one = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), N_WORDS), [0] * N_WORDS)
    return builder.shuffle_vector(one, ir.Constant(_VECTOR, ir.Undefined), everywhere)


def _shift(name: str) -> Any:
    @intrinsic
    def shift(typing_context: Any, word: Any, by: Any, mask: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            word, by, mask = arguments
            return builder.and_(getattr(builder, name)(word, _spread(builder, by)), _spread(builder, mask))

        return _wide_word(word, types.uint64, types.uint64), generate

    return shift


_shift_left = _shift("shl")
_shift_right = _shift("lshr")


def _bitwise(name: str) -> Any:
    @intrinsic
    def combine(typing_context: Any, one: Any, other: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, name)(*arguments)

        return _wide_word(one, other), generate

    return combine


_and = _bitwise("and_")
_or = _bitwise("or_")
_xor = _bitwise("xor")


@overload(load_wide, strict=False)
def _load_wide(words: Any, row: Any) -> Any:
    return (lambda words, row: _load(words, row)) if _is_rows(words) else None


@overload(store_wide, strict=False)
def _store_wide(words: Any, row: Any, word: Any) -> Any:
    return (lambda words, row, word: _store(words, row, word)) if _is_rows(words) else None


@overload(no_bits, strict=False)
def _no_bits() -> Any:
    return lambda: _zero()


@overload(shifted_left, strict=False)
def _shifted_left(word: Any, by: Any, mask: Any) -> Any:
    return (lambda word, by, mask: _shift_left(word, by, mask)) if isinstance(word, _WideWord) else None


@overload(shifted_right, strict=False)
def _shifted_right(word: Any, by: Any, mask: Any) -> Any:
    return (lambda word, by, mask: _shift_right(word, by, mask)) if isinstance(word, _WideWord) else None


@overload(operator.and_, strict=False)
def _wide_and(one: Any, other: Any) -> Any:
    return (
        (lambda one, other: _and(one, other)) if isinstance(one, _WideWord) and isinstance(other, _WideWord) else None
    )


@overload(operator.or_, strict=False)
def _wide_or(one: Any, other: Any) -> Any:
    return (lambda one, other: _or(one, other)) if isinstance(one, _WideWord) and isinstance(other, _WideWord) else None


@overload(operator.xor, strict=False)
def _wide_xor(one: Any, other: Any) -> Any:
    return (
        (lambda one, other: _xor(one, other)) if isinstance(one, _WideWord) and isinstance(other, _WideWord) else None
    )
