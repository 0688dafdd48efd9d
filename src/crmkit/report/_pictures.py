"""Pictures as SVG inside the page: no file beside it, sharp on every screen and on paper."""

from __future__ import annotations

import base64
import importlib.util
import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from crmkit.exceptions import CrmkitWarning
from crmkit.features import RFM_SEGMENTS
from crmkit.plotting import fonts_for, has_glyphs
from crmkit.report._strings import STRINGS, Language, sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, LINE = "#1d2530", "#5a6675", "#dde3ea"
BLUE, ORANGE, GREY, TEAL = "#0b5d8f", "#d9972b", "#a9b4c0", "#4f9d8f"

_WIDTH = 10.0  # inches: the width of the page on a desk, so that letters there have their own size


class Pen:
    """Draws in one language, or says that it cannot draw.

    Attributes
    ----------
    language : {"en", "zh"}
        Of the words in pictures: English where no font has the Chinese characters.
    can_draw : bool
        Whether matplotlib is installed.
    """

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self.can_draw = importlib.util.find_spec("matplotlib") is not None
        if not self.can_draw:
            return
        self._words = _chinese() if language == "zh" else ""
        if not has_glyphs(self._words):
            self.language, self._words = "en", ""
            warnings.warn(
                "No installed font has Chinese characters, so the words in the pictures are English. Install one, such "
                "as Noto Sans CJK (Debian and Ubuntu: apt install fonts-noto-cjk), and run this again.",
                CrmkitWarning,
                stacklevel=2,
            )
        self._settings: dict[Any, object] = {
            "svg.fonttype": "path", "svg.hashsalt": "crmkit", "font.size": 10, "axes.edgecolor": SOFT,
            "axes.labelcolor": SOFT, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
            "axes.grid": True, "grid.color": LINE, "grid.linewidth": 0.8, "text.color": INK, "xtick.color": SOFT,
            "ytick.color": SOFT, "legend.frameon": False, "axes.titlesize": 11, "axes.titlelocation": "left",
            "axes.titleweight": "bold", "axes.unicode_minus": False,
        }  # fmt: skip  # settings read as a paragraph

    def label(self, key: str, **values: object) -> str:
        """Return words of the table of strings, in the language of the pictures."""
        return sentence(key, self.language, **values)

    def draw(
        self, paint: Callable[..., None], *, height: float, panels: int = 1, widths: list[float] | None = None
    ) -> str:
        """Draw and return the picture as the source of an ``<img>``.

        Parameters
        ----------
        paint : callable
            Takes as many axes as there are panels.
        height : float
            In inches.
        panels : int, default=1
            Number of axes side by side.
        widths : list of float, default=None
            Their relative widths.
        """
        import matplotlib as mpl
        from matplotlib.figure import Figure

        with mpl.rc_context(self._settings), fonts_for(self._words):
            figure = Figure(figsize=(_WIDTH, height), layout="constrained")
            grid = figure.subplots(1, panels, squeeze=False, width_ratios=widths)
            paint(*grid[0])
            buffer = io.BytesIO()
            # No date inside: the same log gives the same bytes.
            figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        return f"data:image/svg+xml;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _chinese() -> str:
    """Return every Chinese character that may stand in a picture."""
    words = [*(chinese for _, chinese in STRINGS.values()), *RFM_SEGMENTS.names("zh")]
    return "".join(sorted({letter for word in words for letter in word if "\u4e00" <= letter <= "\u9fff"}))


def only_horizontal(axes: Axes) -> None:
    """Keep the grid lines on which heights are read."""
    axes.grid(visible=False, axis="x")


def only_vertical(axes: Axes) -> None:
    """Keep the grid lines on which lengths are read."""
    axes.grid(visible=False, axis="y")
