from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import crmkit.report
from crmkit.report._strings import LANGUAGES, STRINGS, sentence

FOLDER = Path(crmkit.report.__file__).parent


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", STRINGS)
def test_both_languages_say_the_same_figures(key):
    english, chinese = STRINGS[key]
    assert english
    assert chinese
    assert fields(english) == fields(chinese)
    for mark in ("**", "`"):
        assert english.count(mark) % 2 == chinese.count(mark) % 2 == 0


def test_chinese_is_chinese():
    same = [key for key, (english, chinese) in STRINGS.items() if english == chinese]
    assert same == ["say.customers"]


def test_no_sentence_is_missing_and_none_is_left_over():
    code = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.py"))
    plain = set(re.findall(r'"([a-z]+\.[A-Za-z_]+)"', code)) & STRINGS.keys()
    groups = {key.partition(".")[0] for key in STRINGS}
    named = {one for one in re.findall(r'"([a-z]+\.[A-Za-z_]+)"', code) if one.partition(".")[0] in groups}
    assert named - STRINGS.keys() <= {"page.css", "customers.csv"}
    # What is put together, as f"segments.{name}", is looked up by the tests of the sections.
    composed = set(re.findall(r'f"([a-z]+)\.[a-z_]*\{', code))
    assert {key for key in STRINGS if key not in plain and key.partition(".")[0] not in composed} == set()


def test_a_sentence_takes_its_figures():
    assert LANGUAGES == ("en", "zh")
    assert sentence("segments.few", "en", customers=3).startswith("There are only 3 customers")
    assert sentence("segments.few", "zh", customers=3).startswith("只有 3 位客户")
