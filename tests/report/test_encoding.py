from __future__ import annotations

import gzip

import pytest

from crmkit.exceptions import EventDataError, ParameterError
from crmkit.report._encoding import find_encoding, open_bytes

CHINESE = "客户ID,下单时间,金额\n张三,2024-01-05,20\n李四,2024-01-09,35\n"
FRENCH = "customer,item\n1,crème brûlée\n2,café à Orléans\n3,naïve\n"


@pytest.mark.parametrize(
    ("text", "written", "found"),
    [
        ("customer,time\n1,2024-01-05\n", "ascii", "utf-8"),
        (CHINESE, "utf-8", "utf-8"),
        (CHINESE, "utf-8-sig", "utf-8-sig"),
        (CHINESE, "utf-16", "utf-16"),
        (CHINESE, "gb18030", "gb18030"),
        (CHINESE, "gbk", "gb18030"),
        ("客户,时间\n镕基,2024-01-05\n", "gb18030", "gb18030"),
        (FRENCH, "utf-8", "utf-8"),
        (FRENCH, "latin-1", "latin-1"),
        # Two bytes that are also a (rare) Chinese character: what follows è is a letter of ASCII.
        ("item\ncrème\n", "latin-1", "latin-1"),
        ("price\n£5\n", "latin-1", "latin-1"),
    ],
)
def test_the_encoding_is_found(tmp_path, text, written, found):
    path = tmp_path / "file.csv"
    path.write_bytes(text.encode(written))
    assert find_encoding(path) == found
    assert path.read_text(encoding=found) == text


def test_a_late_character_counts(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(b"1,2\n" * 600_000 + "é à".encode("latin-1"))
    assert find_encoding(path) == "latin-1"


def test_a_character_across_two_reads_is_one(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(b"x" * (2**20 - 1) + "客户".encode())
    assert find_encoding(path) == "utf-8"


def test_compressed_files_are_unpacked_whatever_their_name(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(gzip.compress(CHINESE.encode("gb18030")))
    assert find_encoding(path) == "gb18030"
    with open_bytes(path) as file:
        assert file.read() == CHINESE.encode("gb18030")


def test_what_is_given_is_checked(tmp_path):
    path = tmp_path / "file.csv"
    path.write_bytes(FRENCH.encode("latin-1"))
    assert find_encoding(path, "cp1252") == "cp1252"
    with pytest.raises(EventDataError, match=r"cannot be read as utf-8\. Leave --encoding out"):
        find_encoding(path, "utf-8")
    with pytest.raises(ParameterError, match="there is no such encoding"):
        find_encoding(path, "klingon")
