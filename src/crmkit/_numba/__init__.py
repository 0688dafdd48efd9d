"""Numba: the policy by which kernels are compiled and cached, and the threads they run on.

A kernel takes clean arrays, returns arrays and a status code, never raises, and imports only numpy
and `kernel`. It stands in a file named ``*_kernels.py``. The room's ``_warm_up.py`` has a function
``warm_up()`` that runs the room on a few rows, so that `warm` can compile the kernels beforehand.
"""

from __future__ import annotations

from crmkit._numba._arrays import read_only
from crmkit._numba._policy import kernel, registered_kernels
from crmkit._numba._threads import n_threads, run_in_ranges
from crmkit._numba._warm import Warmed, warm

__all__ = ["Warmed", "kernel", "n_threads", "read_only", "registered_kernels", "run_in_ranges", "warm"]
