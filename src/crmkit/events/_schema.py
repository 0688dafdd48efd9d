"""What the columns of the caller's frame mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from crmkit._validation import check_option
from crmkit.exceptions import ParameterError

OWNER = "EventLog.from_frame"


@dataclass(frozen=True)
class Schema:
    """Column names of the frame and the rules by which its rows are read."""

    customer: str
    time: str
    value: str | None = None
    price: str | None = None
    quantity: str | None = None
    item: str | None = None
    order: str | None = None
    kind: str | None = None
    purchases: tuple[Any, ...] = ()
    columns: tuple[str, ...] = ()
    tz: str | None = None
    aware: bool = False
    refunds: Literal["net", "drop"] = "net"
    duplicates: Literal["keep", "drop", "raise"] = "keep"
    backend: Literal["pandas", "polars"] = "pandas"

    def __post_init__(self) -> None:
        check_option("refunds", self.refunds, {"net", "drop"}, OWNER)
        check_option("duplicates", self.duplicates, {"keep", "drop", "raise"}, OWNER)
        for role in ("customer", "time"):
            if getattr(self, role) is None:
                raise ParameterError(f"{role}=None: name the column of the frame that holds it.")
        if self.value is not None and self.price is not None:
            raise ParameterError(
                f"Both value={self.value!r} and price={self.price!r} are given. Name the column that holds the money "
                "of the line as value=, or name price= and quantity=, whose product it is."
            )
        if self.price is not None and self.quantity is None:
            raise ParameterError(
                f"price={self.price!r} is given without quantity=. The money of a line is price times quantity: name "
                "the column of quantities, or pass the money of the line as value=."
            )
        if self.kind is not None and not self.purchases:
            raise ParameterError(
                f"kind={self.kind!r} is given without purchases=. Say which kinds are purchases, "
                "for example purchases=['order']."
            )
        if self.kind is None and self.purchases:
            raise ParameterError("purchases= is given without kind=. Name the column that says the kind of each row.")
        names = [name for _, name in self.wanted()]
        twice = {name for name in self.columns if names.count(name) > 1}
        if twice:
            raise ParameterError(
                f"columns={sorted(twice)} are read already, or named twice. Leave them out of columns=."
            )

    def wanted(self) -> list[tuple[str, str]]:
        """Every (parameter, column name) that is read."""
        roles = ("customer", "time", "value", "price", "quantity", "item", "order", "kind")
        named = [(role, getattr(self, role)) for role in roles if getattr(self, role) is not None]
        return named + [("columns", name) for name in self.columns]

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Schema:
        """From what `to_json` gave."""
        lists = {"purchases": tuple(values["purchases"]), "columns": tuple(values["columns"])}
        return cls(**{**values, **lists})


def as_tuple(values: Any) -> tuple[Any, ...]:
    """One name, or several, as a tuple of names."""
    if values is None:
        return ()
    if isinstance(values, str) or not isinstance(values, Iterable):
        return (values,)
    return tuple(values)
