from __future__ import annotations

import base64
import sys
import warnings

import pytest

from crmkit.exceptions import CrmkitWarning
from crmkit.report import _pictures
from crmkit.report._pictures import Pen


def paint(axes):
    axes.bar([0, 1], [1, 2])
    axes.set_title("T")


def test_a_picture_is_svg_inside_the_page_and_always_the_same():
    source = Pen("en").draw(paint, height=2)
    kind, _, content = source.partition(",")
    assert kind == "data:image/svg+xml;base64"
    svg = base64.b64decode(content).decode()
    assert svg.startswith("<?xml")
    assert "<image" not in svg
    assert Pen("en").draw(paint, height=2) == source


def test_drawing_leaves_the_settings_of_matplotlib_alone():
    import matplotlib as mpl

    before = mpl.rcParams.copy()
    Pen("en").draw(paint, height=2)
    assert mpl.rcParams == before


def test_pyplot_is_not_needed(monkeypatch):
    """It would choose a backend for the whole process."""
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    Pen("en").draw(paint, height=2)


def test_without_a_chinese_font_words_in_pictures_are_english(monkeypatch):
    monkeypatch.setattr(_pictures, "has_glyphs", lambda *texts: not "".join(texts))
    with pytest.warns(CrmkitWarning, match="No installed font has Chinese characters") as caught:
        pen = Pen("zh")
    assert len(caught) == 1
    assert pen.label("segments.customers") == "Customers"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pen.draw(paint, height=2)


def test_with_one_they_are_chinese(monkeypatch):
    monkeypatch.setattr(_pictures, "has_glyphs", lambda *_: True)
    assert Pen("zh").label("segments.customers") == "客户数"


def test_without_matplotlib_nothing_is_drawn(monkeypatch):
    monkeypatch.setattr(_pictures.importlib.util, "find_spec", lambda _: None)
    pen = Pen("zh")
    assert not pen.can_draw
    assert pen.language == "zh"
