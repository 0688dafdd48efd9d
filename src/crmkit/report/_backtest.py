"""The back-test: who buys again, predicted at dates in the past from what was known then."""

from __future__ import annotations

from typing import Any

import numpy as np

from crmkit.metrics import lift
from crmkit.report._context import Context
from crmkit.report._figures import day, number, percent, points, verdict
from crmkit.report._page import Section, figure, note, paragraph, table
from crmkit.report._pictures import BLUE, GREY, ORANGE, only_horizontal
from crmkit.report._study import Impossible, Study

_TOP = 0.2


def section(context: Context) -> Section:
    """The section."""
    text, study = context.text, context.study
    title = text("backtest.title")
    if isinstance(study, Impossible):
        return Section("backtest", title, [note(text(study.reason, **study.values))])
    said, scores = study.predictions, study.in_time.scores
    caught = _caught(study)
    days = study.days
    dates = text("backtest.one_date") if len(scores) == 1 else text("backtest.dates", n=len(scores))
    blocks = [
        paragraph(text("backtest.how", days=days, dates=dates, first=day(study.X.as_of.min()))),
        paragraph(text("backtest.rule")),
    ]
    blocks += sampled_note(context, study)
    if context.pen.can_draw:
        blocks.append(_picture(context, study))
    blocks.append(_table(context, study, caught))
    gain, model, rule = study.gain, study.in_time.score, study.in_time.baseline_score
    values = {
        "model": f"{model:.3f}",
        "rule": f"{rule:.3f}",
        "gain": points(float(gain)),
        "low": points(gain.low),
        "high": points(gain.high),
    }
    blocks.append(paragraph(text(f"backtest.{verdict(gain)}", **values)))
    blocks.append(paragraph(text("backtest.auc")))
    headline = text(
        "backtest.headline",
        days=days,
        rate=percent(float(said["y"].mean())),
        reached=percent(float(np.mean([one[0] for one in caught]))),
        by_rule=percent(float(np.mean([one[1] for one in caught]))),
    )
    return Section("backtest", title, blocks, headline)


def sampled_note(context: Context, study: Study) -> list[str]:
    """Say it where not all customers were studied."""
    everyone = context.log.n_customers
    if study.n_customers == everyone:
        return []
    said = context.text("backtest.sampled", sampled=number(study.n_customers), customers=number(everyone))
    return [note(said)]


def _caught(study: Study) -> list[tuple[float, float]]:
    """Share of the buyers of each date among the top fifth, by model and by rule."""
    said = study.predictions

    def caught(values: np.ndarray, date: np.ndarray) -> float:
        return _TOP * lift(said["y"][date], values[date], share=_TOP)

    dates = [said["fold"] == fold for fold in np.unique(said["fold"])]
    return [(caught(said["prediction"], date), caught(study.rule, date)) for date in dates]


def _table(context: Context, study: Study, caught: list[tuple[float, float]]) -> str:
    text, said = context.text, study.predictions
    scores = {name: np.asarray(study.in_time.scores[name]) for name in study.in_time.scores.columns}
    rows = []
    for fold, (model, rule) in enumerate(caught):
        own = said["fold"] == fold
        bought = int(said["y"][own].sum())
        rows.append(
            [
                day(scores["split_time"][fold]),
                number(scores["n_test"][fold]),
                f"{number(bought)} ({percent(bought / own.sum())})",
                number(scores["n_train"][fold]),
                f"{scores['score'][fold]:.3f}",
                f"{scores['baseline'][fold]:.3f}",
                percent(model),
                percent(rule),
            ]
        )
    means = np.mean(caught, axis=0)
    rows.append(
        [
            text("backtest.mean"), "", "", "", f"{study.in_time.score:.3f}", f"{study.in_time.baseline_score:.3f}",
            percent(means[0]), percent(means[1]),
        ]
    )  # fmt: skip  # one row
    names = ("date", "customers", "bought", "n_train", "auc_model", "auc_rule", "top_model", "top_rule")
    header = [text(f"backtest.{name}", days=study.days) for name in names]
    return table(text("backtest.table", days=study.days), header, rows, foot=True)


def _picture(context: Context, study: Study) -> str:
    pen, said = context.pen, study.predictions
    scores = study.in_time.scores
    dates = [day(one) for one in np.asarray(scores["split_time"])]

    def paint(left: Any, right: Any) -> None:
        place = np.arange(len(dates))
        for offset, column, color, key in ((-0.2, "score", BLUE, "model"), (0.2, "baseline", ORANGE, "rule_name")):
            label = pen.label(f"backtest.{key}")
            bars = left.bar(place + offset, np.asarray(scores[column]), 0.38, color=color, label=label)
            left.bar_label(bars, fmt="%.2f", fontsize=8, padding=2, color="#5a6675")
        left.set_xticks(place, dates, fontsize=8.5)
        low, high = (float(end([scores["score"], scores["baseline"]])) for end in (np.nanmin, np.nanmax))
        left.set_ylim(min(0.5, low - 0.02), high + 0.08)  # heights are above what blind picking gives
        left.set_title(pen.label("backtest.auc_title"))
        left.legend(loc="upper right", ncols=2)
        only_horizontal(left)
        for values, color, key in ((said["prediction"], BLUE, "model"), (study.rule, ORANGE, "rule_name")):
            right.plot(*_gains(said["y"], values), color=color, linewidth=2, label=pen.label(f"backtest.{key}"))
        right.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--", label=pen.label("backtest.blind"))
        right.set_xlabel(pen.label("backtest.contacted"))
        right.set_title(pen.label("backtest.gains_title"))
        for axis in (right.xaxis, right.yaxis):
            axis.set_major_formatter(lambda share, _: f"{share:.0%}")
        right.set_xlim(0, 1)
        right.set_ylim(0, 1.01)
        right.legend(loc="lower right")

    source = pen.draw(paint, height=3.4, panels=2, widths=[1, 1])
    alt = context.text(
        "backtest.alt", model=f"{study.in_time.score:.3f}", rule=f"{study.in_time.baseline_score:.3f}", dates=len(dates)
    )
    return figure(source, alt, context.text("backtest.caption", days=study.days))


def _gains(y: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the buyers among the best-scored share of all rows; rows with equal scores count together."""
    order = np.argsort(-values, kind="stable")
    last = np.flatnonzero(np.append(np.diff(values[order]) != 0, True))
    # Two hundred points draw the same line as twenty thousand.
    last = np.unique(last[np.linspace(0, len(last) - 1, min(len(last), 200)).astype(int)])
    share, reached = (last + 1) / len(y), np.cumsum(y[order])[last] / y.sum()
    return np.append(0.0, share), np.append(0.0, reached)
