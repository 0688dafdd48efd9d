"""Net promoter score, and the difference of two."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from crmkit._intervals import effective_n, normal_quantile
from crmkit._validation import check_float, check_generator, check_int, check_option, parameter_error
from crmkit.exceptions import ParameterError
from crmkit.metrics import Estimate
from crmkit.satisfaction._indices import ends_of, one_question, used

_METHODS = {"adjusted_wald": "adjusted Wald", "wald": "Wald", "bootstrap": "bootstrap"}


def nps(
    answers: Any,
    *,
    scale: Any = (0, 10),
    promoters: float | None = None,
    detractors: float | None = None,
    interval: Literal["adjusted_wald", "wald", "bootstrap"] = "adjusted_wald",
    n_resamples: int = 1000,
    random_state: Any = None,
    sample_weight: Any = None,
    coverage: float = 0.95,
    not_applicable: Any = (),
) -> Estimate:
    r"""Net promoter score: per cent of promoters less per cent of detractors.

    Parameters
    ----------
    answers, scale
        As of `rating_mean`: would they recommend it?
    promoters, detractors : float, default=None
        The least answer that promotes, the greatest that detracts. None: 9 and 6, on scales from 0 or 1 to 10;
        others need both.
    interval : {"adjusted_wald", "wald", "bootstrap"}, default="adjusted_wald"
        See the notes.
    n_resamples, random_state
        Of the bootstrap, as of `crmkit.metrics.estimate`. It draws counts.
    sample_weight, coverage, not_applicable
        As of `rating_mean`.

    Returns
    -------
    Estimate
        From -100 to 100.

    Raises
    ------
    crmkit.exceptions.ParameterError
        As of `rating_mean`; or if the cuts are off the scale or cross.

    Notes
    -----
    Of shares p and d the variance is :math:`(p + d - (p - d)^2) / n`, with Kish's effective n under weights.
    The adjusted interval adds 3/4 of a promoter, 3/4 of a detractor and 3/2 passives to score and variance [1]_.
    Per cent of 95 % intervals of 25, 100 and 1,000 answers that hold the true score:

    ==== ==== ================ ================
    p    d    Wald             adjusted
    ==== ==== ================ ================
    0.50 0.20 92.9, 94.5, 94.9 94.7, 94.9, 95.0
    0.80 0.05 86.7, 93.5, 94.9 95.5, 95.4, 95.1
    0.95 0.01 72.1, 90.6, 94.4 96.5, 97.0, 95.3
    0.05 0.85 85.3, 92.9, 94.8 96.7, 95.2, 95.0
    0.05 0.05 97.7, 95.2, 95.0 99.5, 96.0, 95.2
    ==== ==== ================ ================

    At worst, with p or d from 0.01 on, 25 and 100 answers give 53 and 80, adjusted 92.2 and 94.3.

    References
    ----------
    .. [1] B. Rocks (2016). "Interval estimation for the net promoter score". The American Statistician 70(4).

    Examples
    --------
    >>> from crmkit.satisfaction import nps
    >>> nps([10] * 16 + [3] * 9)
    28 [-10, 60] (95%, n=25, adjusted Wald)
    >>> f"{nps([10] * 50 + [8] * 30 + [0] * 20, interval='wald'):.2f}"
    '30.00 [14.69, 45.31]'
    """
    samples = {"nps": (answers, sample_weight)}
    return _estimate(
        "nps", samples, scale, promoters, detractors, interval, n_resamples, random_state, coverage, not_applicable
    )


def nps_difference(
    first: Any,
    second: Any,
    *,
    scale: Any = (0, 10),
    promoters: float | None = None,
    detractors: float | None = None,
    interval: Literal["adjusted_wald", "wald", "bootstrap"] = "adjusted_wald",
    n_resamples: int = 1000,
    random_state: Any = None,
    first_weight: Any = None,
    second_weight: Any = None,
    coverage: float = 0.95,
    not_applicable: Any = (),
) -> Estimate:
    """Difference of two net promoter scores, of independent samples.

    Parameters
    ----------
    first, second : array-like of shape (n,)
        Answers; the second score is taken off the first.
    scale, promoters, detractors, interval, n_resamples, random_state
        As of `nps`. Variances are added; the adjusted interval adds half as many answers to each sample: all
        would cover too much.
    first_weight, second_weight : array-like of shape (n,), default=None
        The sample weights of each.
    coverage, not_applicable
        As of `rating_mean`.

    Returns
    -------
    Estimate
        From -200 to 200; `n` counts both samples.

    Examples
    --------
    >>> from crmkit.satisfaction import nps_difference
    >>> march, april = [10] * 40 + [8] * 35 + [0] * 25, [10] * 50 + [8] * 30 + [0] * 20
    >>> nps_difference(april, march)
    15 [-7, 36] (95%, n=200, adjusted Wald)
    """
    samples = {"nps_difference(first)": (first, first_weight), "nps_difference(second)": (second, second_weight)}
    owner = "nps_difference"
    return _estimate(
        owner, samples, scale, promoters, detractors, interval, n_resamples, random_state, coverage, not_applicable
    )


def nps_cuts(scale: Any, promoters: Any, detractors: Any, owner: str) -> tuple[float, float]:
    """Return the least answer that promotes, and the greatest that detracts."""
    low, high = ends_of(scale, owner)
    if promoters is None and detractors is None and low in (0, 1) and high == 10:
        return 9.0, 6.0
    if promoters is None or detractors is None:
        raise ParameterError(
            f"{owner} knows who promotes and who detracts on scales of 0 to 10 and 1 to 10 alone. On {low:g} to "
            f"{high:g} give promoters, the least answer that promotes, and detractors, the greatest that detracts."
        )
    promoters = check_float("promoters", promoters, owner, low=low, high=high)
    detractors = check_float("detractors", detractors, owner, low=low, high=high)
    if detractors >= promoters:
        raise parameter_error("detractors", detractors, f"below promoters={promoters:g}", owner)
    return promoters, detractors


def _estimate(
    owner: str,
    samples: dict[str, tuple[Any, Any]],
    scale: Any,
    promoters: Any,
    detractors: Any,
    interval: str,
    n_resamples: Any,
    random_state: Any,
    coverage: float,
    not_applicable: Any,
) -> Estimate:
    """Estimate the score of one sample, or the difference of two."""
    check_option("interval", interval, list(_METHODS), owner)
    least, most = nps_cuts(scale, promoters, detractors, owner)
    counted = []
    for part, (answers, given) in samples.items():
        values, weight = used(one_question(answers, scale, part, not_applicable), given, coverage, part)
        # Added up alike, so that the share of everybody is 1.
        sums = [(weight * rows).sum() for rows in (values >= least, values <= most, True)]
        counted.append((*sums, effective_n(weight), len(values)))
    promote, detract, whole, n, rows = np.array(counted).T
    sign = np.array([100.0, -100.0])[: len(n)]
    value = (sign * (promote - detract) / whole).sum()
    p, d = promote / whole, detract / whole
    if interval == "bootstrap":
        fewest = math.ceil(round(2 / (1 - coverage), 6))
        size = check_int("n_resamples", n_resamples, owner, low=fewest)
        rng = check_generator("random_state", random_state, owner)
        drawn = np.zeros(size)
        for j, m in enumerate(np.maximum(n.round(), 1).astype(int)):
            counts = rng.multinomial(m, [p[j], d[j], max(1 - p[j] - d[j], 0)], size)
            drawn += sign[j] / m * (counts[:, 0] - counts[:, 1])
        low, high = np.quantile(drawn, [(1 - coverage) / 2, (1 + coverage) / 2], method="weibull")
    else:
        more = 3 / len(n) if interval == "adjusted_wald" else 0
        p, d = ((share * n + more / 4) / (n + more) for share in (p, d))
        variance = np.maximum(p + d - (p - d) ** 2, 0) / (n + more)
        half = 100 * normal_quantile(coverage) * np.sqrt(variance.sum())
        low, high = np.clip(sign @ (p - d) + [-half, half], -100 * len(n), 100 * len(n))
    low, high = min(low, value), max(high, value)  # of one answer the adjusted interval lies below 100
    return Estimate(value, low, high, n=int(rows.sum()), coverage=coverage, method=_METHODS[interval])
