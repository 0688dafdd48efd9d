"""Two things that processors do with cache lines, and Numba does not ask them for.

Both are plain functions, which work in Python as they stand; in a kernel they are one or a few
machine instructions, whatever the processor.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped] # has no types
from numba import types
from numba.extending import intrinsic, overload

__all__ = ["largest_of_64", "prefetch"]


def prefetch(array: Any, position: Any) -> None:
    """Ask for the cache line of ``array[position]``, so that it has come by the time that it is read.

    Short lists at random places of a large array are read at the speed of memory otherwise: the
    processor foresees the next line of a long list, not the first lines of the next list. Adding up
    lists of fifty entries takes a quarter to a half of the time with it.

    It changes nothing: a position outside the array does no harm, and in plain Python it does
    nothing at all.

    Parameters
    ----------
    array : ndarray of one dimension, contiguous
    position : int

    Examples
    --------
    >>> import numpy as np
    >>> prefetch(np.arange(3), 1)
    """


def largest_of_64(array: Any, position: Any) -> Any:
    """Return the largest of ``array[position : position + 64]``.

    The loop that Numba makes of it takes three to ten times as long as these vector instructions.

    Parameters
    ----------
    array : ndarray of int32 or int64, of one dimension, contiguous
    position : int
        At least 64 before the end, which is not checked.

    Examples
    --------
    >>> import numpy as np
    >>> int(largest_of_64(np.arange(200, dtype=np.int32), 100))
    163
    """
    return array[position : position + 64].max()


def _is_vector(array: Any) -> bool:
    return isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C"


@overload(prefetch)
def _prefetch(array: Any, position: Any) -> Any:
    def ask(array: Any, position: Any) -> None:  # Numba wants the same names and annotations again
        _prefetch_line(array, position)

    return ask if _is_vector(array) and isinstance(position, types.Integer) else None


@overload(largest_of_64)
def _largest_of_64(array: Any, position: Any) -> Any:
    def find(array: Any, position: Any) -> Any:  # likewise
        return _reduce_64(array, position)

    fits = _is_vector(array) and array.dtype in {types.int32, types.int64}
    return find if fits and isinstance(position, types.Integer) else None


def _address(context: Any, builder: Any, signature: Any, arguments: Any, target: Any) -> Any:
    """A pointer to ``array[position]``, for what stands there to be read as `target`."""
    start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
    return builder.bitcast(builder.gep(start, [arguments[1]]), target.as_pointer())


@intrinsic
def _prefetch_line(_context: Any, array: Any, position: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature, arguments, ir.IntType(8))
        number = ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [address.type, number, number, number])
        function = builder.module.declare_intrinsic("llvm.prefetch", [address.type], function_type)
        # To read (not to write), to be kept in all caches, data (not instructions).
        builder.call(function, [address, number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(array, position), generate


@intrinsic
def _reduce_64(_context: Any, array: Any, position: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        bits = array.dtype.bitwidth
        vector = ir.VectorType(ir.IntType(bits), 64)
        address = _address(context, builder, signature, arguments, vector)
        loaded = builder.load(address, align=bits // 8)
        function_type = ir.FunctionType(vector.element, [vector])
        function = builder.module.declare_intrinsic(f"llvm.vector.reduce.smax.v64i{bits}", (), function_type)
        return builder.call(function, [loaded])

    return array.dtype(array, position), generate
