from __future__ import annotations

import contextlib
import io

import numpy as np
import pandas as pd
import pytest

from crmkit.events import EventLog
from crmkit.exceptions import EventDataError, ParameterError
from crmkit.features import RFMTransformer
from crmkit.report import report_file


@pytest.fixture(scope="module")
def online_retail(tmp_path_factory) -> tuple[pd.DataFrame, object]:
    """Return a small shop as Online Retail was published, and its file: Latin-1, returns, rows without a customer."""
    rng = np.random.default_rng(0)
    n = 6000
    minute = rng.integers(0, 240 * 24 * 60, n)
    time = pd.Timestamp("2010-12-01") + pd.to_timedelta(np.sort(minute), unit="min")
    returned = rng.random(n) < 0.02
    number = 536365 + np.arange(n) // 3
    frame = pd.DataFrame(
        {
            "InvoiceNo": np.where(returned, "C", "") + number.astype(str).astype(object),
            "StockCode": rng.choice(["85123A", "71053", "POST"], n),
            "Description": rng.choice(["CRÈME T-LIGHT", "SET OF 3, RED", "£5 VOUCHER"], n),
            "Quantity": np.where(returned, -1, 1) * rng.integers(1, 12, n),
            "InvoiceDate": [f"{one.month}/{one.day}/{one.year} {one.hour}:{one.minute:02}" for one in time],
            "UnitPrice": rng.choice([0.85, 2.55, 7.65], n),
            "CustomerID": pd.array(rng.integers(12346, 12846, n), dtype="Int64"),
            "Country": "Éire",
        }
    )
    frame.loc[rng.random(n) < 0.2, "CustomerID"] = pd.NA
    path = tmp_path_factory.mktemp("data") / "Online Retail.csv"
    frame.to_csv(path, index=False, encoding="latin-1")
    return frame, path


@pytest.fixture(scope="module")
def guessed(online_retail, tmp_path_factory):
    """Return its report, made without a word about its columns, and what was printed."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        report = report_file(online_retail[1], tmp_path_factory.mktemp("report"), verbose=True)
    return report, out.getvalue(), err.getvalue()


def test_the_raw_layout_goes_through_as_it_is(online_retail, guessed, read_page):
    frame, path = online_retail
    report, out, err = guessed
    assert (
        f"python -m crmkit report '{path}' --customer CustomerID --time InvoiceDate --price UnitPrice "
        "--quantity Quantity --item StockCode --order InvoiceNo --time-format '%m/%d/%Y %H:%M' --encoding latin-1"
    ) in out
    assert "encoding latin-1" in out
    assert "finding its encoding" in err
    shown = read_page(report.page.read_text(encoding="utf-8"))
    table = {row[0]: row[1:3] for row in shown.tables[0][1:]}
    assert table["no customer"] == ["left out", f"{frame['CustomerID'].isna().sum():,}"]
    kept = frame["CustomerID"].notna()
    assert table["a refund (negative amount)"] == ["kept", f"{(kept & (frame['Quantity'] < 0)).sum():,}"]
    assert f"6,000 rows were read, and {kept.sum():,} of them are used" in shown.text


def test_customers_are_those_of_the_transformer(online_retail, guessed):
    frame, _ = online_retail
    clean = frame.dropna(subset="CustomerID")
    clean = clean.assign(
        InvoiceDate=pd.to_datetime(clean["InvoiceDate"], format="%m/%d/%Y %H:%M"),
        CustomerID=clean["CustomerID"].astype("int64"),
    )
    log = EventLog.from_frame(clean, customer="CustomerID", time="InvoiceDate", price="UnitPrice", quantity="Quantity",
                              item="StockCode", order="InvoiceNo")  # fmt: skip  # one call
    expected = RFMTransformer(columns="all").fit_transform(log.snapshot()).reset_index()
    table = pd.read_csv(guessed[0].customers, parse_dates=["as_of"])
    pd.testing.assert_frame_equal(table[expected.columns], expected, check_dtype=False)


def test_the_printed_command_gives_the_same_report(online_retail, guessed, tmp_path):
    _, path = online_retail
    said = report_file(
        path, tmp_path, customer="CustomerID", time="InvoiceDate", price="UnitPrice", quantity="Quantity",
        item="StockCode", order="InvoiceNo", time_format="%m/%d/%Y %H:%M", encoding="latin-1",
    )  # fmt: skip  # as printed
    assert said.page.read_text(encoding="utf-8") == guessed[0].page.read_text(encoding="utf-8")


def test_as_of_looks_at_nothing_later(online_retail, tmp_path):
    frame, path = online_retail
    times = pd.to_datetime(frame["InvoiceDate"], format="%m/%d/%Y %H:%M")
    cut = tmp_path / "cut.csv"
    frame[times < "2010-12-15"].to_csv(cut, index=False, encoding="latin-1")
    early = report_file(path, tmp_path / "a", as_of="2010-12-15").customers.read_text(encoding="utf-8")
    assert early == report_file(cut, tmp_path / "b", as_of="2010-12-15").customers.read_text(encoding="utf-8")


def test_a_chinese_file(tmp_path, read_page, capsys, recwarn):
    path = tmp_path / "订单.csv"
    rows = "订单号,客户ID,商品编号,数量,单价,下单时间\nA1,张三,X,2,9.50,2024/1/5 8:26\nA2,李四,Y,1,20,2024/1/9 18:00\n"
    path.write_text(rows, encoding="gb18030")
    report = report_file(path, tmp_path / "报告", language="zh", verbose=True)
    assert "编码 gb18030" in capsys.readouterr().out
    table = pd.read_csv(report.customers)
    assert table["customer_id"].tolist() == ["张三", "李四"]
    assert table["monetary"].tolist() == [19, 20]
    assert "订单.csv" in read_page(report.page.read_text(encoding="utf-8")).text


def test_kinds(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("customer,time,value,what\n1,2024-01-05,5,order\n1,2024-01-06,,visit\n2,2024-01-07,7,rental\n")
    report = report_file(path, tmp_path, kind="what", purchases="order, rental")
    assert pd.read_csv(report.customers)["frequency"].tolist() == [1, 1]
    with pytest.raises(ParameterError, match="--kind needs --purchases"):
        report_file(path, tmp_path, kind="what")
    with pytest.raises(ParameterError, match="--purchases needs --kind"):
        report_file(path, tmp_path, purchases="order")
    with pytest.raises(
        EventDataError, match=r"no row that is a purchase.*The kinds are \['order', 'rental', 'visit'\]"
    ):
        report_file(path, tmp_path, kind="what", purchases="orders")


def test_zones(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("customer,time,value\n1,2024-01-05T20:00:00Z,5\n")
    in_london = report_file(path, tmp_path, tz="Europe/London").headlines[0]
    in_shanghai = report_file(path, tmp_path, tz="Asia/Shanghai").headlines[0]
    assert "2024-01-05 and 2024-01-05" in in_london
    assert "2024-01-06 and 2024-01-06" in in_shanghai


@pytest.mark.parametrize(
    ("as_of", "said"),
    [
        ("2025-01-01", "--as-of 2025-01-01: the data end on 2024-02-02"),
        ("2024-01-05", "--as-of 2024-01-05: the data begin on 2024-01-05"),
        ("soon", "--as-of holds 'soon', which is not a date"),
    ],
)
def test_as_of_outside_the_data(tmp_path, as_of, said):
    path = tmp_path / "f.csv"
    path.write_text("customer,time,value\n1,2024-01-05,5\n2,2024-02-01,5\n")
    with pytest.raises(ParameterError, match=said):
        report_file(path, tmp_path, as_of=as_of)


def test_value_and_price_are_not_both_taken(tmp_path):
    with pytest.raises(ParameterError, match="but not both"):
        report_file(tmp_path / "f.csv", value="a", price="b")


def test_when_every_row_is_bad_the_rules_are_named(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("customer,time,value\n,2024-01-05,5\n2,2099-02-01,5\n")
    with pytest.raises(EventDataError, match=r"of 2. Found: null customer \(1\), time after today \(1\)"):
        report_file(path, tmp_path)
