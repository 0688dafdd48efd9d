import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from crmkit._numba import kernel, registered_kernels

needs_compiler = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="looks at compiled code, and NUMBA_DISABLE_JIT is set"
)


@kernel
def divide(values, by):
    return values / by


@kernel
def has_missing(values):
    found = False
    for value in values:
        found |= np.isnan(value)
    return found


@kernel(boundscheck=True)
def element(values, position):
    return values[position]


@needs_compiler
def test_a_kernel_is_compiled_when_it_is_first_called():
    @kernel
    def add(a, b):
        return a + b

    assert add.signatures == []
    assert add(1.0, 2.0) == 3.0
    assert len(add.signatures) == 1


@needs_compiler
def test_a_kernel_lets_other_threads_run():
    assert divide.targetoptions["nogil"] is True
    assert "parallel" not in divide.targetoptions
    assert "fastmath" not in divide.targetoptions


def test_a_kernel_divides_as_numpy_does():
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(divide(np.array([1.0, -1.0]), 0.0), [np.inf, -np.inf])


@needs_compiler
def test_division_of_numbers_by_zero_is_infinite():
    assert divide(1.0, 0.0) == np.inf


def test_a_kernel_sees_missing_values():
    assert has_missing(np.array([1.0, np.nan]))
    assert not has_missing(np.array([1.0, np.inf]))


def test_a_kernel_takes_read_only_arrays():
    values = np.array([1.0, 2.0])
    values.flags.writeable = False
    np.testing.assert_array_equal(divide(values, 2.0), [0.5, 1.0])


def test_options_go_to_numba():
    with pytest.raises(IndexError):
        element(np.zeros(2), 5)


def test_the_function_itself_is_at_hand():
    assert divide.py_func(6, 3) == 2
    assert divide.__name__ == "divide"


def test_the_policy_is_not_up_for_choice():
    with pytest.raises(TypeError, match="nogil"):
        kernel(nogil=False)(lambda a: a)


def test_kernels_are_registered():
    assert registered_kernels()[f"{__name__}.divide"] is divide


def test_without_compiling_a_kernel_is_the_function():
    code = (
        "from crmkit._numba import kernel, registered_kernels\n"
        "def f(a): return a + 1\n"
        "g = kernel(f)\n"
        "print(g is f, g.py_func is f, g(1), list(registered_kernels()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "True True 2 ['__main__.f']"
