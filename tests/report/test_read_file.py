from __future__ import annotations

import gzip

import pandas as pd
import pytest

from crmkit.exceptions import ColumnNotFoundError, EventDataError, ParameterError
from crmkit.report._headings import FLAGS
from crmkit.report._read_file import read_events

NOTHING = dict.fromkeys(FLAGS)
ROWS = "customer,time,value\n7,2024-01-05,20\n8,2024-01-09,35.50\n7,2024-02-01,15\n"


@pytest.fixture
def read(tmp_path):
    """Write a file and read it."""

    def read(content, name="file.csv", **options):
        path = tmp_path / name
        if isinstance(content, pd.DataFrame):
            content.to_parquet(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_events(path, {**NOTHING, **options.pop("given", {})}, **options)

    return read


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_what_stands_between_cells_is_found(read, separator):
    reading = read(ROWS.replace(",", separator))
    assert reading.separator == separator
    assert reading.n_rows == 3
    assert reading.frame["customer"].tolist() == [7, 8, 7]
    assert reading.frame["time"].tolist() == list(pd.to_datetime(["2024-01-05", "2024-01-09", "2024-02-01"]))
    assert reading.frame["value"].tolist() == [20, 35.5, 15]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("before", ["", "\n", "\ufeff"])
def test_ends_of_lines_and_what_precedes_the_headings(read, end, before):
    assert read(before + ROWS.replace("\n", end)).frame["value"].tolist() == [20, 35.5, 15]


def test_quotes_hide_separators_and_ends_of_lines(read):
    reading = read('"customer","ti\nme","value, net"\n"a, b","2024-01-05","1,200.50"\n', given={"time": "ti\nme",
                   "value": "value, net"})  # fmt: skip  # one call
    assert reading.frame.to_numpy().tolist() == [["a, b", pd.Timestamp("2024-01-05"), 1200.5]]


def test_gzip_and_parquet_give_the_same(read):
    plain = read(ROWS).frame
    pd.testing.assert_frame_equal(read(gzip.compress(ROWS.encode()), "file.csv.gz").frame, plain)
    frame = pd.DataFrame({"customer": [7, 8, 7], "time": plain["time"], "value": [20.0, 35.5, 15.0]})
    reading = read(frame, "file.parquet")
    assert reading.encoding is None
    pd.testing.assert_frame_equal(reading.frame, frame)


def test_a_cell_beyond_the_headings_is_never_cut_off(read):
    """12,50 without quotes would become 12."""
    reading = read("customer,time,value\n1,2024-01-05,12,50\n2,2024-01-09,35\n3,2024-01-09,35,,\n")
    assert reading.n_rows == 3
    assert reading.dropped == [("line with too many cells", 1)]
    assert reading.frame["customer"].tolist() == [2, 3]


def test_a_separator_at_the_end_of_every_line_is_no_cell(read):
    reading = read("customer,time,value\n1,2024-01-05,12,\n2,2024-01-09,35,\n")
    assert reading.dropped == []
    assert reading.frame["value"].tolist() == [12, 35]


def test_rows_that_cannot_be_read_are_left_out_and_counted(read):
    reading = read(ROWS + "9,someday,1\n9,2024-03-01,lots\n9,2024-03-01,\n")
    assert reading.n_rows == 6
    assert reading.dropped == [("unparseable time", 1), ("not a number in value", 1)]
    assert len(reading.frame) == 4  # a missing number is the log's to count


@pytest.mark.parametrize(
    ("cells", "ids"),
    [
        (["17850", "13047"], [17850, 13047]),
        (["17850.0", "", "13047.0"], [17850, None, 13047]),
        (["007", "8"], ["007", "8"]),
        (["12345678901234567890", "8"], ["12345678901234567890", "8"]),
        ([" Ann ", "张三"], ["Ann", "张三"]),
    ],
)
def test_ids(read, cells, ids):
    reading = read("customer,time\n" + "".join(f"{cell},2024-01-05\n" for cell in cells))
    assert [None if pd.isna(one) else one for one in reading.frame["customer"]] == ids


def test_whole_numbers_that_a_missing_one_made_floats(read):
    frame = pd.DataFrame({"customer": [17850.0, None], "time": pd.to_datetime(["2024-01-05", "2024-01-06"])})
    assert read(frame, "file.parquet").frame["customer"].tolist() == [17850, pd.NA]


def test_only_the_columns_that_are_needed_are_kept(read):
    reading = read("name,customer,time,secret\nx,1,2024-01-05,y\n")
    assert list(reading.frame.columns) == ["customer", "time"]


def test_of_two_equal_headings_the_first_counts(read):
    assert read("customer,time,value,value\n1,2024-01-05,2,3\n").frame["value"].tolist() == [2]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        (gzip.compress(b"", mtime=0), "is empty"),
        ("customer,time\n", "has headings but no rows"),
        ("customer,time,value\n1,2024-01-05,12,50\n", "3 headings, and more cells in most of its lines"),
        ("hello world\nnot a table\n", "is not a table: its first line is not cells"),
        (bytes(range(256)), "is not a table but no text"),
        (b"PK\x03\x04\0\0", "is not a table but an Excel workbook"),
        ('{"a": 1}', "is not a table but JSON"),
        ("<html><body></body></html>", "is not a table but HTML"),
        (gzip.compress(ROWS.encode() * 999, mtime=0)[:-20], "cannot be unpacked"),
        (b"PAR1 and no more", "cannot be read as Parquet"),
        (ROWS * 30 + '"8,2024-01-09,1\n', "cannot be read as a table"),
    ],
)
def test_what_is_no_table_of_purchases(read, content, said):
    with pytest.raises(EventDataError, match=said) as raised:
        read(content)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path):
    (tmp_path / "orders.csv").write_text(ROWS)
    with pytest.raises(EventDataError, match=r"order\.csv does not exist. Did you mean 'orders\.csv'\?"):
        read_events(tmp_path / "order.csv", NOTHING)
    with pytest.raises(EventDataError, match="is a folder"):
        read_events(tmp_path, NOTHING)


def test_a_wrong_column_is_named_with_the_nearest(read):
    with pytest.raises(ColumnNotFoundError, match=r"--value 'valu': the file has no such column. Did you mean 'value'"):
        read(ROWS, given={"value": "valu"})


def test_what_cannot_be_guessed_is_asked_for(read):
    with pytest.raises(ParameterError, match=r"Say with --customer which column tells who bought.*'who', 'time'"):
        read("who,time\n1,2024-01-05\n")
    with pytest.raises(ParameterError, match="--price needs --quantity"):
        read("customer,time,p\n1,2024-01-05,2\n", given={"price": "p"})


def test_times_of_utc_need_a_zone(read):
    text = "customer,time\n1,2024-01-05T20:00:00Z\n"
    with pytest.raises(ParameterError, match=r"--time 'time' holds times of UTC\. Say with --tz"):
        read(text)
    assert str(read(text, tz="Asia/Shanghai").frame["time"].dtype.tz) == "UTC"
