"""The page: blocks of HTML, their look, and the one file that holds everything."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_STYLE = Path(__file__).with_name("page.css")


@dataclass(frozen=True)
class Section:
    """A section of the report.

    Attributes
    ----------
    key : str
        Its anchor.
    title : str
    blocks : list of str
        HTML.
    headline : str
        The one sentence for the top of the page; empty for none.
    """

    key: str
    title: str
    blocks: list[str] = field(default_factory=list)
    headline: str = ""


def rich(text: str) -> str:
    """Escape text; what stands between ``**`` becomes strong, between backticks code."""
    escaped = html.escape(text)
    escaped = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escaped)
    return re.sub(r"`(.+?)`", r"<code>\1</code>", escaped)


def paragraph(text: str) -> str:
    """A paragraph."""
    return f"<p>{rich(text)}</p>"


def note(text: str) -> str:
    """A paragraph that stands out."""
    return f'<p class="note">{rich(text)}</p>'


def code(text: str) -> str:
    """Text to be copied as it is."""
    return f"<pre><code>{html.escape(text)}</code></pre>"


def tiles(figures: Iterable[tuple[str, str]]) -> str:
    """Figures with what they count, side by side."""
    pairs = ((html.escape(value), html.escape(label)) for value, label in figures)
    return f'<dl class="tiles">{"".join(f"<div><dd>{value}</dd><dt>{label}</dt></div>" for value, label in pairs)}</dl>'


def table(
    caption: str, header: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1, foot: bool = False
) -> str:
    """A table; its first `words` columns hold words, the others figures.

    With `foot`, the last row sums up the others.
    """

    def line(cells: Sequence[str], tag: str = "td") -> str:
        parts = []
        for column, cell in enumerate(cells):
            name, scope = (tag, "col") if tag == "th" else ("th", "row") if column == 0 else ("td", "")
            attributes = (f' scope="{scope}"' if scope else "") + ("" if column < words else ' class="figure"')
            parts.append(f"<{name}{attributes}>{rich(cell)}</{name}>")
        return f"<tr>{''.join(parts)}</tr>"

    lines = [line(row) for row in rows]
    last = f"<tfoot>{lines.pop()}</tfoot>" if foot and lines else ""
    return (
        f'<div class="scroll"><table><caption>{rich(caption)}</caption><thead>{line(header, "th")}</thead>'
        f"<tbody>{''.join(lines)}</tbody>{last}</table></div>"
    )


def figure(source: str, alt: str, caption: str) -> str:
    """A picture; `source` holds it whole."""
    return (
        f'<figure><img src="{source}" alt="{html.escape(alt, quote=True)}">'
        f"<figcaption>{rich(caption)}</figcaption></figure>"
    )


def page(
    *, language: str, title: str, subtitle: str, in_short: str, sections: Sequence[Section], footer: Sequence[str]
) -> str:
    """Put the sections together, with a summary of their headlines on top."""
    headlines = "".join(f"<li>{rich(section.headline)}</li>" for section in sections if section.headline)
    links = "".join(f'<a href="#{section.key}">{html.escape(section.title)}</a>' for section in sections)
    body = "".join(
        f'<section id="{section.key}"><h2>{html.escape(section.title)}</h2>{"".join(section.blocks)}</section>'
        for section in sections
    )
    # The policy lets the browser load nothing but the pictures inside: the page cannot call anyone.
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return f"""<!DOCTYPE html>
<html lang="{"zh-CN" if language == "zh" else "en"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{html.escape(title)}</title>
<style>
{_STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<header><h1>{html.escape(title)}</h1><p>{rich(subtitle)}</p></header>
<main>
<section id="in-short"><h2>{html.escape(in_short)}</h2><ul class="headlines">{headlines}</ul></section>
<nav>{links}</nav>
{body}
</main>
<footer>{"".join(footer)}</footer>
</body>
</html>
"""
