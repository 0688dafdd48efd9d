"""Demand that is zero in most periods: Croston's forecasts, and which series they are for."""

from __future__ import annotations

from numbers import Real
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from crmkit._compat import Interval, StrOptions
from crmkit._frames import make_frame
from crmkit._numba import run_in_ranges
from crmkit.exceptions import ParameterError
from crmkit.forecast._baselines import FlatForecaster
from crmkit.forecast._croston_kernels import croston, demand_moments, teunter
from crmkit.forecast._forecaster import Forecaster
from crmkit.forecast._panel import Gaps, Panel, read_panel

#: Cut-offs of Syntetos, Boylan and Croston (2005), figure 2.
_ADI, _CV2 = 1.32, 0.49

_SERIES = 1_000

#: Columns of `demand_classes`, beside that of series.
_CLASSES = ("adi", "cv2", "demand_class")


class CrostonForecaster(FlatForecaster):
    r"""Forecasts demand that is zero in most periods: how much at a time, and how often.

    Parameters
    ----------
    variant : {"classic", "sba", "tsb"}, default="classic"
        Croston's own, which forecasts too much; corrected for that by Syntetos and Boylan; or by
        Teunter, Syntetos and Babai, whose forecast falls while nothing is sold.
    alpha : float, default=0.1
        Weight of the newest size of a demand, above 0 and at most 1.
    beta : float, default=None
        Weight of the newest interval between demands; of the newest period's "sold or not" in
        ``"tsb"``. None is `alpha`.
    steps : int, default=1
        How many periods ahead, unless `predict` is told otherwise.
    season, calibration, clip, series, time, value, freq, gaps, stockouts
        As in `NaiveForecaster`. No value may be negative.

    Attributes
    ----------
    frequency_, season_, series_, n_series_
        As in `NaiveForecaster`.

    See Also
    --------
    demand_classes : Which series are intermittent.
    EMAForecaster : For demand in nearly every period.

    Notes
    -----
    Let z be the smoothed size of demands and p the smoothed number of periods from one to the next, both
    by simple exponential smoothing that begins at the first demand (the first interval is counted from
    the first period) and moves only when there is a demand. The forecast of each period to come is

    - ``"classic"`` [1]_: :math:`z / p`;
    - ``"sba"`` [2]_: :math:`(1 - \beta / 2)\, z / p`, as 1 / p is on average too large;
    - ``"tsb"`` [3]_: :math:`z\, q`, where q, the probability of a demand, moves in every period, so that
      the forecast of an item that nobody buys any more goes to 0.

    A missing period counts as none: it is neither a demand nor a wait. A series without any demand is
    forecast 0. Intervals come from errors at past origins, as those of all forecasters.

    Do not use it where the times of demands have a pattern, such as every fourth week: it knows their
    mean only.

    References
    ----------
    .. [1] J. D. Croston (1972). "Forecasting and stock control for intermittent demands". Operational
       Research Quarterly 23(3), 289-303. :doi:`10.2307/3007885`
    .. [2] A. A. Syntetos and J. E. Boylan (2005). "The accuracy of intermittent demand estimates".
       International Journal of Forecasting 21(2), 303-314. :doi:`10.1016/j.ijforecast.2004.10.001`
    .. [3] R. H. Teunter, A. A. Syntetos and M. Z. Babai (2011). "Intermittent demand: linking forecasting
       to inventory obsolescence". European Journal of Operational Research 214(3), 606-615.
       :doi:`10.1016/j.ejor.2011.05.018`

    Examples
    --------
    Demands of 4 and 8, the first after 2 periods and the second 4 later: z = 4.4, p = 2.2.

    >>> from crmkit.forecast import CrostonForecaster
    >>> sold = {"time": range(7), "value": [0, 4, 0, 0, 0, 8, 0]}
    >>> CrostonForecaster().fit(sold).predict()
      series  time  forecast  is_fallback
    0    all     7       2.0        False
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "variant": [StrOptions({"classic", "sba", "tsb"})],
        "alpha": [Interval(Real, 0, 1, closed="right")],
        "beta": [Interval(Real, 0, 1, closed="right"), None],
        **Forecaster._parameter_constraints,
    }

    def __init__(
        self,
        variant: Literal["classic", "sba", "tsb"] = "classic",
        *,
        alpha: float = 0.1,
        beta: float | None = None,
        steps: int = 1,
        season: int | None = None,
        calibration: int | Literal["auto"] = "auto",
        clip: bool = True,
        series: str | None = "series",
        time: str = "time",
        value: str = "value",
        freq: Any = None,
        gaps: Gaps = "raise",
        stockouts: str | None = None,
    ) -> None:
        super().__init__(
            steps=steps,
            season=season,
            calibration=calibration,
            clip=clip,
            series=series,
            time=time,
            value=value,
            freq=freq,
            gaps=gaps,
            stockouts=stockouts,
        )
        self.variant = variant
        self.alpha = alpha
        self.beta = beta

    def _learn(self, panel: Panel) -> None:
        """Nothing is to be learnt."""

    def _check(self, panel: Panel) -> None:
        _refuse_negative(panel, type(self).__name__)

    def _levels(self, panel: Panel) -> NDArray[np.float64]:
        alpha = float(self.alpha)
        beta = alpha if self.beta is None else float(self.beta)
        sizes, rates = np.empty(len(panel)), np.empty(len(panel))
        smooth = teunter if self.variant == "tsb" else croston
        args = (panel.pointers, panel.values, alpha, beta, sizes, rates)
        run_in_ranges(smooth, len(panel), *args, minimum=_SERIES)
        if self.variant == "tsb":
            return sizes * rates
        return sizes / rates * (1 - beta / 2 if self.variant == "sba" else 1.0)


def demand_classes(
    X: Any,
    *,
    series: str | None = "series",
    time: str = "time",
    value: str = "value",
    freq: Any = None,
    gaps: Gaps = "raise",
    stockouts: str | None = None,
) -> Any:
    """Say how often and how evenly each series is asked for: smooth, erratic, intermittent or lumpy.

    Parameters
    ----------
    X : frame, or dict of arrays
        One row for each series and period.
    series, time, value, freq, gaps, stockouts
        As in `NaiveForecaster`. No value may be negative.

    Returns
    -------
    frame of n_series rows
        Sorted by series: the column of series; ``adi``, the average demand interval, known periods per
        period with demand (infinite without any); ``cv2``, the squared coefficient of variation of the
        demands that are not zero, with their population variance (NaN without any); and
        ``demand_class``: ``"smooth"``, ``"erratic"`` (cv2 of .49 or more), ``"intermittent"`` (adi of 1.32
        or more), ``"lumpy"`` (both), or ``"none"`` without any demand.

    See Also
    --------
    CrostonForecaster : For intermittent and lumpy series.

    Notes
    -----
    The cut-offs are those of Syntetos, Boylan and Croston [1]_, below which the method of Croston is no
    better than simple smoothing in theory. Missing periods are not counted.

    References
    ----------
    .. [1] A. A. Syntetos, J. E. Boylan and J. D. Croston (2005). "On the categorization of demand
       patterns". Journal of the Operational Research Society 56(5), 495-503.
       :doi:`10.1057/palgrave.jors.2601841`

    Examples
    --------
    >>> from crmkit.forecast import demand_classes
    >>> sold = {"time": range(6), "value": [0, 4, 0, 0, 0, 8]}
    >>> demand_classes(sold)
      series  adi       cv2  demand_class
    0    all  3.0  0.111111  intermittent
    """
    panel = read_panel(
        X,
        series=series,
        time=time,
        value=value,
        freq=freq,
        gaps=gaps,
        stockouts=stockouts,
        owner="demand_classes",
    )
    _refuse_negative(panel, "demand_classes")
    if panel.names[0] in _CLASSES:
        raise ParameterError(f"series={series!r} is the name of a column of demand_classes. Rename that of the frame.")
    n = len(panel)
    periods, demands = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    cv2 = np.empty(n)
    args = (panel.pointers, panel.values, periods, demands, cv2)
    run_in_ranges(demand_moments, n, *args, minimum=_SERIES)
    adi = np.where(demands > 0, periods / np.maximum(demands, 1), np.inf)
    # A quarter each, by two questions.
    names = np.array(["smooth", "erratic", "intermittent", "lumpy", "none"])
    which = np.where(demands > 0, 2 * (adi >= _ADI) + (cv2 >= _CV2), 4)
    columns = {panel.names[0]: panel.ids, "adi": adi, "cv2": cv2, "demand_class": names[which]}
    return make_frame(columns, panel.backend)


def _refuse_negative(panel: Panel, owner: str) -> None:
    negative = int((panel.values < 0).sum())
    if negative:
        raise ParameterError(
            f"value={panel.names[2]!r} of {owner} is negative in {negative:,} of {len(panel.values):,} periods, and "
            "demand is not. Cut it at 0, or leave refunds out."
        )
