"""Logs on disk: one .npy file per array and one JSON file, no pickles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crmkit._frames import Category
from crmkit.events._attributes import Attributes
from crmkit.events._schema import Schema
from crmkit.events._store import Store
from crmkit.exceptions import CrmkitError, ParameterError

if TYPE_CHECKING:
    from crmkit.events._log import EventLog

_FORMAT = 1
_INDEX = "log.json"


def save(folder: Path, log: EventLog) -> None:
    """Write a log into a folder."""
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"folder={str(folder)!r} is a file. Name a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / _INDEX).exists():
        raise ParameterError(f"folder={str(folder)!r} holds other files. Name an empty folder.")
    for old in folder.glob("*.npy"):
        old.unlink()
    files: dict[str, str] = {}
    tables = [("store", log._store.arrays())]
    tables += [(f"attributes.{number}", table.arrays()) for number, table in enumerate(log._attributes)]
    for prefix, arrays in tables:
        for name, array in arrays:
            # Column names may hold anything; file names are numbers, the index says whose.
            file = f"{len(files):04d}.npy"
            np.save(folder / file, array, allow_pickle=False)
            files[f"{prefix}.{name}"] = file
    index = {
        "format": _FORMAT,
        "schema": log._schema.to_json(),
        "observed_until": log._end,
        "quality": list(log._quality),
        "n_read": log._n_read,
        "has_money": log._store.has_money,
        "extras": list(log._store.extras),
        "attributes": [list(table.columns) for table in log._attributes],
        "files": files,
    }
    (folder / _INDEX).write_text(json.dumps(index, ensure_ascii=False, indent=1), encoding="utf-8")


def _damaged(folder: Path, file: str) -> CrmkitError:
    return CrmkitError(
        f"{folder} is a damaged log: {file} is missing or cut short. Save the log again, or build it from its source."
    )


def load(cls: type[EventLog], folder: Path, *, mmap: bool) -> EventLog:
    """Read a log from a folder."""
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise _damaged(folder, _INDEX) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CrmkitError(f"{folder} holds no saved log: it has no {_INDEX}. Write one with EventLog.save.") from error
    if index["format"] != _FORMAT:
        raise CrmkitError(
            f"{folder} was saved in format {index['format']}; this version reads format {_FORMAT}. "
            "Build the log again from its source."
        )
    files: Mapping[str, str] = index["files"]

    def read(name: str) -> Any:
        """An array, a category, or None where the log has no such column."""
        if f"{name}.codes" in files:
            return Category(read(f"{name}.codes"), read(f"{name}.levels"))
        if name not in files:
            return None
        try:
            array = np.load(folder / files[name], mmap_mode="r" if mmap else None, allow_pickle=False)
        except (FileNotFoundError, EOFError, ValueError) as error:
            raise _damaged(folder, files[name]) from error
        # A memory map of nothing is refused by the operating system, so numpy gives a plain array then.
        return np.asarray(array)

    plain = {entry.name for entry in fields(Store)} - {"has_money", "extras"}
    store = Store(
        **{name: read(f"store.{name}") for name in plain},
        has_money=index["has_money"],
        extras={name: read(f"store.extras.{name}") for name in index["extras"]},
    )
    tables = tuple(
        Attributes(
            read(f"attributes.{number}.customers"),
            read(f"attributes.{number}.pointers"),
            read(f"attributes.{number}.known_at"),
            {name: read(f"attributes.{number}.columns.{name}") for name in names},
        )
        for number, names in enumerate(index["attributes"])
    )
    quality = tuple((str(rule), int(count)) for rule, count in index["quality"])
    return cls(store, Schema.from_json(index["schema"]), index["observed_until"], quality, index["n_read"], tables)
