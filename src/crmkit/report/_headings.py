"""Which column of a file means what, when nobody says: a table of the usual headings."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

#: Role of a column, and its usual headings, the most telling first. Case, spaces and marks between words do not matter:
#: "Customer ID", "customer_id" and "CustomerID" are one heading.
HEADINGS: dict[str, tuple[str, ...]] = {
    "customer": (
        "customer id", "customer", "customer no", "customer number", "customer code", "customer key", "cust id",
        "client id", "client", "user id", "user", "member id", "member", "buyer id", "buyer", "shopper id",
        "account id", "household id", "household key", "visitor id",
        "客户id", "客户编号", "客户号", "客户代码", "客户", "会员id", "会员编号", "会员号", "会员卡号", "会员",
        "用户id", "用户编号", "用户", "买家id", "买家昵称", "买家会员名", "顾客id", "顾客编号", "顾客",
    ),
    "time": (
        "invoice date", "order date", "purchase date", "transaction date", "order purchase timestamp", "order time",
        "purchase time", "transaction time", "order timestamp", "event time", "created at", "order datetime",
        "datetime", "timestamp", "date", "time", "day",
        "下单时间", "订单时间", "购买时间", "交易时间", "付款时间", "支付时间", "订单付款时间", "订单创建时间",
        "消费时间", "成交时间", "下单日期", "订单日期", "购买日期", "交易日期", "消费日期", "销售日期", "时间", "日期",
    ),
    "value": (
        "value", "amount", "sales amount", "sales value", "total amount", "total price", "total value", "line total",
        "order value", "order total", "revenue", "sales", "spend", "payment value", "net amount", "total",
        "金额", "订单金额", "消费金额", "交易金额", "实付金额", "支付金额", "付款金额", "买家实际支付金额", "销售额",
        "销售金额", "成交金额", "总金额", "总价", "实付款",
    ),
    "price": (
        "unit price", "price", "item price", "price per unit", "selling price",
        "单价", "商品单价", "价格", "售价", "销售单价",
    ),
    "quantity": (
        "quantity", "qty", "units", "item quantity", "order quantity",
        "数量", "购买数量", "商品数量", "销售数量", "件数", "宝贝总数量",
    ),
    "item": (
        "stock code", "item id", "product id", "sku", "sku id", "item", "product", "product code", "item code",
        "article id",
        "商品编号", "商品id", "商品编码", "商品代码", "产品编号", "产品id", "货号", "商品", "产品",
    ),
    "order": (
        "invoice no", "invoice", "invoice id", "invoice number", "order id", "order no", "order number", "order",
        "transaction id", "transaction no", "basket id", "receipt id", "receipt no",
        "订单号", "订单编号", "订单id", "发票号", "交易号", "小票号", "单号", "流水号",
    ),
}  # fmt: skip  # a table is read in lines of related words

#: How a role is named on the command line.
FLAGS = {role: f"--{role}" for role in (*HEADINGS, "kind")}


def plain(heading: str) -> str:
    """Return a heading without case, spaces and marks."""
    return re.sub(r"[\W_]+", "", heading.casefold())


def guess_columns(headings: Iterable[str], given: Mapping[str, str | None]) -> dict[str, str]:
    """Give each role its column: the one that the caller named, else the first that the table knows.

    Parameters
    ----------
    headings : iterable of str
        The headings of the file.
    given : mapping of role to heading or None
        What the caller said.

    Returns
    -------
    dict of role to heading
        Roles without a column are left out. Money is a `value`, or `price` with `quantity`; what is not
        needed beside it is left out too.
    """
    taken = {name for name in given.values() if name is not None}
    by_name: dict[str, str] = {}
    for heading in headings:
        if heading not in taken:
            by_name.setdefault(plain(heading), heading)
    columns = {role: name for role, name in given.items() if name is not None}
    for role, known in HEADINGS.items():
        if role not in columns:
            match = next((by_name[plain(name)] for name in known if plain(name) in by_name), None)
            if match is not None:
                columns[role] = match
                by_name.pop(plain(match))
    return _one_kind_of_money(columns, given)


def _one_kind_of_money(columns: dict[str, str], given: Mapping[str, str | None]) -> dict[str, str]:
    wants_product = given.get("price") is not None
    if "value" in columns and not wants_product:
        unneeded = {"price", "quantity"}
    elif "price" in columns and "quantity" in columns:
        unneeded = set() if given.get("value") is not None else {"value"}
    else:
        # Never the price alone: what a line costs is price times quantity.
        unneeded = {"price", "quantity"}
    return {role: name for role, name in columns.items() if role not in unneeded or given.get(role) is not None}


def command(path: str, options: Mapping[str, str | None]) -> str:
    """Return the command line that says everything, to be copied into a shell.

    Examples
    --------
    >>> command("orders 2024.csv", {"customer": "Customer ID", "time": "date", "value": None})
    "python -m crmkit report 'orders 2024.csv' --customer 'Customer ID' --time date"
    """
    words = ["python", "-m", "crmkit", "report", path]
    for name, value in options.items():
        if value is not None:
            # A word that begins with a dash would be read as another option.
            words += [f"--{name.replace('_', '-')}={value}"] if value.startswith("-") else [
                f"--{name.replace('_', '-')}", value
            ]  # fmt: skip  # the two spellings side by side
    return shlex.join(words)
