"""Fonts are chosen by the glyphs that they have."""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from crmkit.exceptions import CrmkitWarning
from crmkit.plotting import _fonts, fonts_for

DEJAVU = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
MATHS = Path(mpl.get_data_path()) / "fonts" / "ttf" / "STIXGeneral.ttf"


@pytest.fixture(autouse=True)
def nothing_said_yet(monkeypatch):
    monkeypatch.setattr(_fonts, "_warned", set())


def install(monkeypatch, glyphs):
    """Pretend that fonts with these letters are installed, in this order."""
    monkeypatch.setattr(_fonts, "_installed", lambda: tuple((name, f"/{name}.ttf") for name in glyphs))
    monkeypatch.setattr(_fonts, "_glyphs", lambda path: frozenset(glyphs[Path(path).stem]))


def test_the_usual_font_is_kept_where_it_has_everything():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fonts_for("Recency (days)", 3, "—“£€ Größe") as families:
            assert families == list(mpl.rcParamsDefault["font.family"])


def test_a_font_that_has_the_glyphs_is_put_behind(monkeypatch):
    install(monkeypatch, {"DejaVu Sans": "abc", "Chinese": "客户", "Other": "客"})
    with fonts_for("abc", "客户") as families:
        assert families == ["sans-serif", "Chinese"]
        assert mpl.rcParams["font.family"] == ["sans-serif", "Chinese"]
    assert mpl.rcParams["font.family"] == ["sans-serif"]


def test_several_fonts_may_be_needed(monkeypatch):
    install(monkeypatch, {"DejaVu Sans": "abc", "Chinese": "客", "Thai": "ล", "More": "ลก"})
    with fonts_for("客 ลก") as families:
        assert families == ["sans-serif", "Chinese", "Thai", "More"]


def test_what_no_font_has_is_said_once(monkeypatch):
    install(monkeypatch, {"DejaVu Sans": "abc"})
    with pytest.warns(CrmkitWarning, match=r"glyphs '客户', so boxes.*fonts-noto-cjk") as caught, fonts_for("客户"):
        pass
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fonts_for("户", "a"):
            pass


def test_known_fonts_come_first(monkeypatch):
    class Font:
        style, weight = "normal", 400

        def __init__(self, name):
            self.name = self.fname = name

    manager = type("Manager", (), {"ttflist": [Font("Arial"), Font("SimHei"), Font("Noto Sans CJK SC")]})
    monkeypatch.setattr("matplotlib.font_manager.fontManager", manager)
    assert [name for name, _ in _fonts._installed()] == ["Noto Sans CJK SC", "SimHei", "Arial"]


def test_glyphs_of_a_file():
    assert {"a", "é", "—"} <= _fonts._glyphs(str(DEJAVU))
    assert "客" not in _fonts._glyphs(str(DEJAVU))
    assert _fonts._glyphs("/no/such/font.ttf") == frozenset()


def test_text_drawn_inside_keeps_its_fonts_outside():
    """A letter that DejaVu Sans lacks and STIXGeneral, which matplotlib brings along, has."""
    only = sorted(_fonts._glyphs(str(MATHS)) - _fonts._glyphs(str(DEJAVU)))
    assert only
    with fonts_for(only[0]) as families:
        assert len(families) == 2
        figure = plt.figure()
        text = figure.text(0.5, 0.5, only[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a glyph that it does not find
        figure.canvas.draw()
    assert text.get_fontfamily() == families
    plt.close(figure)
