"""Numba: the policy by which kernels are compiled, and the threads they run on.

A kernel takes clean arrays, returns arrays and a status code, never raises, and imports only numpy
and `kernel`. It stands in a file named ``*_kernels.py``.
"""

from __future__ import annotations

from crmkit._numba._policy import kernel
from crmkit._numba._threads import n_threads, run_in_ranges

__all__ = ["kernel", "n_threads", "run_in_ranges"]
