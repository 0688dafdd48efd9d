"""Fonts that can show what is written."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from crmkit.exceptions import CrmkitWarning

# Tried in this order where a glyph is missing: they hold Chinese, and nearly everything else that names
# of customers, items and segments are written in.
_PREFERRED = (
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "PingFang SC",
    "Hiragino Sans GB",
    "Microsoft YaHei",
    "SimHei",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "Arial Unicode MS",
)
_warned: set[str] = set()


@contextmanager
def fonts_for(*texts: object) -> Iterator[list[str]]:
    """Draw with fonts that have the glyphs of some texts.

    Where matplotlib's own font lacks a glyph, such as those of Chinese, an installed font that has it
    is put behind it for everything drawn inside; letters that the first font has keep their look. If
    no installed font has it, a warning says once what to install.

    Parameters
    ----------
    *texts : object
        What will be written, such as labels and titles; anything with a ``str()``.

    Yields
    ------
    list of str
        The font families, first choice first.

    Examples
    --------
    >>> from crmkit.plotting import fonts_for
    >>> with fonts_for("Recency", "days") as families:
    ...     families == ["sans-serif"]
    True
    """
    import matplotlib as mpl

    families = list(mpl.rcParams["font.family"])
    letters = {letter for text in texts for letter in str(text) if letter.isprintable() and not letter.isspace()}
    missing = letters - set().union(*(_glyphs(path) for path in _paths(tuple(families), _generic())))
    if missing:
        families += _fallbacks(frozenset(missing), _installed())
        missing -= set().union(*(_glyphs(path) for path in _paths(tuple(families), _generic())))
    if missing - _warned:
        _warned.update(missing)
        shown = "".join(sorted(missing)[:8])
        warnings.warn(
            f"No installed font has the glyphs {shown!r}{' and others' if len(missing) > 8 else ''}, so boxes are "
            "drawn in their place. Install a font that has them, for Chinese Noto Sans CJK (Debian and Ubuntu: "
            "apt install fonts-noto-cjk), and start again.",
            CrmkitWarning,
            stacklevel=3,
        )
    with mpl.rc_context({"font.family": families}):
        yield families


def has_glyphs(*texts: object) -> bool:
    """Tell whether the installed fonts have the glyphs of some texts, together.

    Parameters
    ----------
    *texts : object
        What will be written; anything with a ``str()``.

    Returns
    -------
    bool

    See Also
    --------
    fonts_for : Draws with these fonts, and warns where a glyph is in none of them.

    Examples
    --------
    >>> from crmkit.plotting import has_glyphs
    >>> has_glyphs("Recency", "days")
    True
    """
    import matplotlib as mpl

    letters = {letter for text in texts for letter in str(text) if letter.isprintable() and not letter.isspace()}
    own = _paths(tuple(mpl.rcParams["font.family"]), _generic())
    missing = letters - set().union(*(_glyphs(path) for path in own))
    families = tuple(_fallbacks(frozenset(missing), _installed())) if missing else ()
    return not missing - set().union(*(_glyphs(path) for path in _paths(families, _generic())))


def _generic() -> tuple[str, ...]:
    """Return the families that stand behind ``sans-serif``."""
    import matplotlib as mpl

    return tuple(mpl.rcParams["font.sans-serif"])


def _installed() -> tuple[tuple[str, str], ...]:
    """Return name and file of the installed fonts, those that are known to hold much first."""
    from matplotlib.font_manager import fontManager

    fonts = [(font.name, font.fname) for font in fontManager.ttflist if font.style == "normal" and font.weight == 400]
    rank = {name: position for position, name in enumerate(_PREFERRED)}
    return tuple(sorted(set(fonts), key=lambda font: (rank.get(font[0], len(rank)), font)))


def _paths(families: tuple[str, ...], generic: tuple[str, ...]) -> list[str]:
    """Return the files of families, as far as they are installed."""
    files: dict[str, str] = {}
    for name, path in _installed():
        files.setdefault(name, path)
    # Of a generic family matplotlib takes the first member that is installed.
    first = next((name for name in generic if name in files), None)
    names = (first if family == "sans-serif" else family for family in families)
    return [files[name] for name in names if name in files]


def _fallbacks(missing: frozenset[str], installed: tuple[tuple[str, str], ...]) -> list[str]:
    """Return installed families that together have as many of the missing glyphs as there are."""
    left, families = set(missing), []
    for name, path in installed:
        found = left & _glyphs(path)
        # matplotlib's own last resort has a box for every letter of Unicode.
        if found and not name.startswith("Last Resort"):
            families.append(name)
            left -= found
        if not left:
            break
    return families


@functools.lru_cache(maxsize=256)
def _glyphs(path: str) -> frozenset[str]:
    """Return the letters that a font file has; none if it cannot be read."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()
