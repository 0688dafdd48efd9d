"""Compile all kernels ahead of time, for the image of a server."""

from __future__ import annotations

import importlib
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numba

import crmkit
from crmkit._numba._cache import cache_folder
from crmkit._numba._policy import registered_kernels
from crmkit.exceptions import CrmkitError

__all__ = ["Warmed", "warm"]


@dataclass(frozen=True)
class Warmed:
    """What `warm` did.

    Attributes
    ----------
    n_kernels : int
        Number of kernels.
    seconds : float
        Time it took.
    folder : str
        Where the compiled kernels are kept.
    """

    n_kernels: int
    seconds: float
    folder: str


def warm(cache_dir: str | os.PathLike[str] | None = None) -> Warmed:
    """Compile every kernel of crmkit for the types of arguments that the library passes.

    A room with kernels has a module ``_warm_up.py``, whose function ``warm_up()`` runs the room's
    own functions on a few rows. So the kernels are compiled for exactly what they will be given.

    Parameters
    ----------
    cache_dir : path-like, default=None
        Folder for the compiled code; by default the one that crmkit uses anyway. Processes find it
        when their ``NUMBA_CACHE_DIR`` names it. It can be given only before any kernel is loaded.

    Returns
    -------
    Warmed
        The number of kernels, the seconds, the folder.

    Raises
    ------
    CrmkitError
        If the folder cannot be written, or if it is given too late.
    """
    start = time.perf_counter()
    before = numba.config.CACHE_DIR
    if cache_dir is not None:
        if registered_kernels():
            raise CrmkitError("warm(cache_dir) must come before any kernel is loaded: call it in a new process.")
        numba.config.CACHE_DIR = os.fspath(Path(cache_dir).absolute())
    try:
        folder = _writable_folder(cache_dir)
        for module in _modules("*_kernels.py"):
            importlib.import_module(module)
        for module in _modules("_warm_up.py"):
            importlib.import_module(module).warm_up()
    finally:
        numba.config.CACHE_DIR = before
    own = [name for name in registered_kernels() if name.startswith("crmkit.")]
    return Warmed(len(own), time.perf_counter() - start, str(folder))


def _writable_folder(cache_dir: str | os.PathLike[str] | None) -> Path:
    folder = cache_folder(warm)
    if folder is not None:
        try:
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            pass
    place = "The cache folder of this user" if cache_dir is None else f"The folder {os.fspath(cache_dir)!r}"
    raise CrmkitError(f"{place} cannot be written. Name another with --cache or NUMBA_CACHE_DIR.")


def _modules(pattern: str) -> list[str]:
    return [
        ".".join(("crmkit", *path.relative_to(root).with_suffix("").parts))
        for root in crmkit.__path__
        for path in sorted(Path(root).rglob(pattern))
    ]
