from __future__ import annotations

import shlex

import pytest

from crmkit.report._headings import FLAGS, HEADINGS, command, guess_columns, plain

NOTHING = dict.fromkeys(FLAGS)


def test_no_heading_means_two_things():
    known = [(plain(name), role) for role, names in HEADINGS.items() for name in names]
    assert len({name for name, _ in known}) == len(known)


@pytest.mark.parametrize("heading", ["Customer ID", "CustomerID", "customer_id", " CUSTOMER-ID ", "customer.id"])
def test_case_and_marks_do_not_matter(heading):
    assert guess_columns([heading], NOTHING) == {"customer": heading}


def test_online_retail_as_published():
    first = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
    second = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
    for names in (first, second):
        invoice, item, _, quantity, date, price, customer, _ = names
        assert guess_columns(names, NOTHING) == {
            "customer": customer, "time": date, "price": price, "quantity": quantity, "item": item, "order": invoice,
        }  # fmt: skip  # a table


def test_chinese_headings():
    names = ["订单号", "客户ID", "商品编号", "数量", "单价", "下单时间"]
    assert guess_columns(names, NOTHING) == {
        "customer": "客户ID", "time": "下单时间", "price": "单价", "quantity": "数量", "item": "商品编号",
        "order": "订单号",
    }  # fmt: skip  # a table


@pytest.mark.parametrize(
    ("headings", "money"),
    [
        (["amount"], {"value": "amount"}),
        (["price", "quantity"], {"price": "price", "quantity": "quantity"}),
        # One of the two is enough, and never the price alone.
        (["price"], {}),
        (["quantity"], {}),
        (["price", "amount"], {"value": "amount"}),
        (["price", "quantity", "amount"], {"value": "amount"}),
    ],
)
def test_money_is_a_value_or_price_times_quantity(headings, money):
    assert guess_columns(headings, NOTHING) == money


def test_what_is_named_is_taken_and_not_taken_twice():
    columns = guess_columns(["customer", "user", "date"], {**NOTHING, "item": "customer"})
    assert columns == {"item": "customer", "customer": "user", "time": "date"}


def test_a_named_price_wins_over_a_heading_of_amounts():
    columns = guess_columns(["amount", "price", "qty"], {**NOTHING, "price": "price"})
    assert columns == {"price": "price", "quantity": "qty"}


def test_the_most_telling_heading_wins():
    assert guess_columns(["date", "order date"], NOTHING) == {"time": "order date"}


def test_the_command_comes_back_from_the_shell():
    options = {"customer": "Customer ID", "item": None, "time_format": "%d/%m/%Y %H:%M", "value": "-v"}
    assert shlex.split(command("my file.csv", options)) == [
        "python", "-m", "crmkit", "report", "my file.csv", "--customer", "Customer ID",
        "--time-format", "%d/%m/%Y %H:%M", "--value=-v",
    ]  # fmt: skip  # a command
