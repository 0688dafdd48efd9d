"""Where compiled kernels are kept between processes.

Numba's own ``cache=True`` looks only at the file of the function itself. A kernel that calls a
kernel of another file keeps the old machine code when that other file changes, so an upgrade
leaves wrong numbers behind, silently. It also fails where nothing can be written, and cannot read
a folder that somebody else filled. Here every version of the kernels has a folder of its own,
named by the hash of all of them, in which nothing can be stale; and each signature has a file of
its own, so that no index of signatures can be mixed up by processes that write at the same time.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import platform
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llvmlite  # type: ignore[import-untyped] # has no types
import numba
import numpy as np
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

__all__ = ["KernelCache", "cache_folder", "forget_contents"]

# What Numba compiles differently, although no signature tells: without this a run with bounds
# checks would be handed the code that was compiled without them.
_CODE_SETTINGS = ("BOUNDSCHECK", "DEBUGINFO_DEFAULT", "LOOP_VECTORIZE", "OPT", "SLP_VECTORIZE", "USING_SVML")

_KEPT_FOLDERS = 3
_KEPT_SECONDS = 24 * 3600


class KernelCache:
    """The compiled signatures of one kernel, in the shape that Numba's dispatchers ask for.

    It never makes a call fail. A full disk, a folder that was removed or cannot be written, and a
    file that was cut short all mean "not cached", and the kernel is compiled.
    """

    def __init__(self, function: Callable[..., Any], folder: Path) -> None:
        self._folder = folder
        self._closure = [cell.cell_contents for cell in function.__closure__ or ()]
        self._source = _file_digest(function.__code__.co_filename)
        name = f"{function.__module__}.{function.__qualname__}".replace("<", "").replace(">", "")
        self._name = f"{name}-{function.__code__.co_firstlineno}"

    @property
    def cache_path(self) -> str:
        """The folder, for `dispatcher.stats`."""
        return str(self._folder)

    def enable(self) -> None:
        """Do nothing: what Numba calls after it has made a cache of its own."""

    def disable(self) -> None:
        """Do nothing, likewise."""

    def flush(self) -> None:
        """Forget all signatures."""
        for path in self._folder.glob(f"{self._name}-*.nbc"):
            path.unlink(missing_ok=True)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled code for a signature, or None."""
        target_context.refresh()
        try:
            path, key = self._file(sig, target_context.codegen())
            stored_key, payload = pickle.loads(path.read_bytes())  # noqa: S301 - written by save_overload
            return CompileResult._rebuild(target_context, *payload) if stored_key == key else None
        except Exception:  # noqa: BLE001 - whatever a damaged file raises, compiling again is the answer
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep the compiled code for a signature."""
        if data.library.has_dynamic_globals or any(not lifted.can_cache for lifted in data.lifted):
            return  # it holds addresses of this process
        path, key = self._file(sig, data.codegen)
        temporary = path.with_suffix(f".{uuid.uuid4().hex}.tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            temporary.write_bytes(dumps((key, data._reduce())))
            temporary.replace(path)  # readers see the whole file or none
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def _file(self, sig: Any, codegen: Any) -> tuple[Path, tuple[Any, ...]]:
        key = (sig, codegen.magic_tuple(), self._source, dumps(self._closure))
        digest = hashlib.sha256(repr(key).encode()).hexdigest()[:16]
        return self._folder / f"{self._name}-{digest}.nbc", key


def cache_folder(function: Callable[..., Any]) -> Path | None:
    """Return the folder for kernels with the present content, or None where there can be none.

    A function that stands in no file of a package, such as one typed at a prompt, has none: it is
    not known which other functions it calls. Nor has any where a folder can neither be found nor
    made.
    """
    package = function.__module__.partition(".")[0]
    roots = tuple(str(Path(path).absolute()) for path in getattr(sys.modules.get(package), "__path__", ()))
    source = Path(function.__code__.co_filename)
    inside = [source.relative_to(root) for root in roots if source.is_relative_to(root)]
    if not inside or not source.is_file():
        return None
    base = _base_folder()
    if base is None:
        return None
    digest = _content(roots, everything=not any(map(_is_kernel_file, inside)))
    return _prepared(base / "crmkit", package, digest)


def forget_contents() -> None:
    """Read the kernel files again at the next declaration of a kernel: they may have been edited."""
    _content.cache_clear()
    _file_digest.cache_clear()


@functools.cache
def _content(roots: tuple[str, ...], *, everything: bool) -> str:
    """Hash what compiled code depends on: kernel files, this policy, settings and versions."""
    settings = [f"{name}={getattr(numba.config, name, None)}" for name in _CODE_SETTINGS]
    versions = [numba.__version__, llvmlite.__version__, np.__version__, sys.version, platform.machine()]
    total = hashlib.sha256("\n".join(settings + versions).encode())
    policy = str(Path(__file__).parents[1])
    for root in dict.fromkeys((*roots, policy)):
        for path in sorted(Path(root).rglob("*.py")):
            relative = path.relative_to(root)
            if _is_kernel_file(relative) or (everything and root != policy):
                total.update(f"\0{relative.as_posix()}\0{_file_digest(str(path))}".encode())
    return total.hexdigest()[:16]


@functools.cache
def _file_digest(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def _is_kernel_file(relative: Path) -> bool:
    return relative.name.endswith("_kernels.py") or "_numba" in relative.parts[:-1]


def _base_folder() -> Path | None:
    """Return the folder that ``NUMBA_CACHE_DIR`` names, or else the user's folder for caches."""
    if numba.config.CACHE_DIR:
        return Path(numba.config.CACHE_DIR).absolute()
    variable, below_home = {
        "win32": ("LOCALAPPDATA", "AppData/Local"),
        "darwin": ("", "Library/Caches"),
    }.get(sys.platform, ("XDG_CACHE_HOME", ".cache"))
    chosen = os.environ.get(variable, "")
    if Path(chosen).is_absolute():
        return Path(chosen)
    # os.path, as Path.home() raises for a user without one. A home that does not exist is not made.
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - see above
    return home / below_home if home.is_absolute() and home.is_dir() else None


@functools.cache
def _prepared(parent: Path, package: str, digest: str) -> Path | None:
    """Find or make the folder and mark it as used; it need not be writable if it is there."""
    folder = parent / f"{package}-{digest}"
    if folder.is_dir():
        with contextlib.suppress(OSError):
            os.utime(folder)
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    _prune(parent, package)
    return folder


def _prune(parent: Path, package: str) -> None:
    """Remove folders of other versions: all but the three used last and those used within a day.

    Another process may still use one that is removed, or remove it at the same time. Both are
    harmless, as no process counts on a file to be there.
    """
    try:
        used = {path: path.stat().st_mtime for path in parent.glob(f"{package}-{'[0-9a-f]' * 16}")}
    except OSError:
        return
    for path in sorted(used, key=used.__getitem__, reverse=True)[_KEPT_FOLDERS:]:
        if used[path] < time.time() - _KEPT_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
