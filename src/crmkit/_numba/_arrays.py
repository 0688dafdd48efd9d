"""Arrays as kernels take them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_only(array: Any, dtype: Any = None) -> NDArray[Any]:
    """Return a contiguous view that cannot be written, so that kernels are compiled for one sort of array only.

    Parameters
    ----------
    array : ndarray
        It is copied only where it is not contiguous or of another type.
    dtype : dtype, default=None
        The type that is wanted; its own if None.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import numpy as np
    >>> read_only(np.arange(3), np.int32).flags.writeable
    False
    """
    view = np.ascontiguousarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view
