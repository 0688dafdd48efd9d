"""In which encoding a text file is written."""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from crmkit.exceptions import EventDataError, ParameterError

_CHUNK = 1 << 20
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file, unpacking it if it is compressed by gzip, whatever its name."""
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if compressed else path.open("rb")  # type: ignore[return-value]  # a GzipFile reads bytes


def find_encoding(path: Path, given: str | None = None) -> str:
    """Name the encoding of a text file, after reading all of it.

    Parameters
    ----------
    path : Path
        The file, possibly compressed by gzip.
    given : str, default=None
        What the caller says, which is then only checked.

    Returns
    -------
    str
        What a byte order mark says; else UTF-8 if the whole file is that; else GB18030 if the whole
        file is that, and most of its characters are Chinese ones in daily use; else Latin-1, in which
        every file can be read.

    Notes
    -----
    Bytes of Latin-1 text are often legal GB18030 too: "crème" would be read as "cr鑝e". But the second
    byte is then a letter of ASCII, which it is only in the rare characters outside GB 2312.
    """
    if given is not None:
        _check(path, given)
        return given
    with open_bytes(path) as file:
        start = file.read(4)
    for mark, name in _MARKS:
        if start.startswith(mark):
            _check(path, name)
            return name
    if _other_characters(path, "utf-8") is not None:
        return "utf-8"
    chinese = _other_characters(path, "gb18030")
    if chinese and sum(map(_is_common, chinese)) * 2 > len(chinese):
        return "gb18030"
    return "latin-1"


def _check(path: Path, encoding: str) -> None:
    try:
        codecs.lookup(encoding)
    except LookupError as error:
        message = f"--encoding {encoding}: there is no such encoding. The usual ones are utf-8, gb18030 and latin-1."
        raise ParameterError(message) from error
    if _other_characters(path, encoding) is None:
        raise EventDataError(
            f"{path} cannot be read as {encoding}. Leave --encoding out to have utf-8, gb18030 and latin-1 tried."
        )


def _other_characters(path: Path, encoding: str) -> set[str] | None:
    """Return the characters beyond ASCII that a file holds in an encoding; None if it is not written in it."""
    found: set[str] = set()
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in _chunks(path):
            text = decoder.decode(chunk)
            if not text.isascii():
                found.update(text)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return None
    return {character for character in found if not character.isascii()}


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with open_bytes(path) as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EventDataError(f"{path} cannot be unpacked: {error}. It may be cut short.") from error


def _is_common(character: str) -> bool:
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
