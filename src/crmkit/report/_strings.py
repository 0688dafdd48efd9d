"""The table of strings: every sentence of the report, in English and Chinese."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final, Literal

Language = Literal["en", "zh"]

LANGUAGES: Final = ("en", "zh")


def _read() -> dict[str, tuple[str, str]]:
    with Path(__file__).with_name("strings.toml").open("rb") as file:
        groups = tomllib.load(file)
    return {f"{group}.{key}": (one["en"], one["zh"]) for group, keys in groups.items() for key, one in keys.items()}


#: Key, then English and Chinese.
STRINGS: Final = _read()


def sentence(key: str, language: str, **values: object) -> str:
    """Return a sentence with its figures.

    Examples
    --------
    >>> sentence("say.section", "en", title="What the data hold")
    'section: What the data hold'
    """
    return STRINGS[key][LANGUAGES.index(language)].format(**values)
