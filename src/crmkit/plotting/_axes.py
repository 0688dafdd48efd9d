"""What pictures of several rooms share: colours, and axes to draw on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GREY, PALE = "#4d4d4d", "#9e9e9e"

#: Told apart by colour-blind readers.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


def new_axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes to draw on: those given, or new ones."""
    import matplotlib.pyplot as plt

    if ax is not None:
        return ax
    return plt.subplots(figsize=size, layout="constrained")[1]
