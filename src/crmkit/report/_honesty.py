"""The honesty box: what a random split would have promised, beside what came."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crmkit.report._context import Context
from crmkit.report._figures import number, percent, points, ratio
from crmkit.report._page import Section, figure, note, paragraph, table
from crmkit.report._pictures import BLUE, GREY, only_horizontal
from crmkit.report._study import Impossible, Study, auc, forest, model

_NAMES = {"model": "model_name", "forest": "forest"}


def section(context: Context) -> Section:
    """The section."""
    text, study = context.text, context.study
    title = text("honesty.title")
    if isinstance(study, Impossible):
        return Section("honesty", title, [note(text("honesty.impossible"))])
    context.say(text("say.honesty"))
    y = study.y[study.tested]
    promised = {"model": study.random_split(model()), "forest": study.random_split(forest())}
    came = {"model": study.predictions["prediction"], "forest": study.in_time_order(forest())}
    scores = {name: (_mean_auc(study, promised[name]), _mean_auc(study, came[name])) for name in promised}
    bought = int(y.sum())
    rows = [
        [
            text(f"honesty.{_NAMES[name]}"),
            f"{scores[name][0]:.3f}",
            f"{scores[name][1]:.3f}",
            points(scores[name][1] - scores[name][0]),
            number(promised[name].sum()),
            number(came[name].sum()),
            number(bought),
        ]
        for name in promised
    ]
    names = ("what", "promised", "came", "difference", "buyers_promised", "buyers_came", "buyers")
    header = [text(f"honesty.{name}") for name in names]
    blocks = [paragraph(text("honesty.how", days=study.days, step=study.step))]
    if context.pen.can_draw:
        blocks.append(_picture(context, scores))
    blocks.append(table(text("honesty.table"), header, rows))
    values = {
        "promised": f"{scores['forest'][0]:.2f}",
        "came": f"{scores['forest'][1]:.2f}",
        "gap": points(scores["model"][1] - scores["model"][0]),
        "off": percent(abs(ratio(promised["model"].sum() - bought, bought))),
        "off_in_time": percent(abs(ratio(came["model"].sum() - bought, bought))),
    }
    trap = "trap" if scores["forest"][0] - scores["forest"][1] > 0.02 else "no_trap"
    blocks.append(note(text(f"honesty.{trap}", **values)))
    blocks.append(paragraph(text("honesty.model", **values)))
    return Section("honesty", title, blocks, text(f"honesty.headline_{trap}", **values))


def _mean_auc(study: Study, said: NDArray[np.float64]) -> float:
    """Mean over the dates, as the back-test takes it."""
    y, fold = study.y[study.tested], study.predictions["fold"]
    return float(np.mean([auc(y[fold == one], said[fold == one]) for one in np.unique(fold)]))


def _picture(context: Context, scores: dict[str, tuple[float, float]]) -> str:
    pen = context.pen

    def paint(axes: Any) -> None:
        place = np.arange(len(scores))
        for offset, color, key, column in ((-0.19, GREY, "promised", 0), (0.19, BLUE, "came", 1)):
            heights = [pair[column] for pair in scores.values()]
            bars = axes.bar(place + offset, heights, 0.36, color=color, label=pen.label(f"honesty.{key}"))
            axes.bar_label(bars, fmt="%.3f", fontsize=8.5, padding=2, color="#5a6675")
        axes.set_xticks(place, [pen.label(f"honesty.{_NAMES[name]}") for name in scores])
        everything = [score for pair in scores.values() for score in pair]
        # Heights are above what blind picking gives.
        axes.set_ylim(min(0.5, min(everything) - 0.02), max(everything) + 0.04)
        axes.legend(loc="upper left", ncols=2, bbox_to_anchor=(0, 1.16), borderaxespad=0)
        only_horizontal(axes)

    source = pen.draw(paint, height=2.9)
    alt = context.text("honesty.alt", pairs="; ".join(f"{a:.3f} / {b:.3f}" for a, b in scores.values()))
    return figure(source, alt, context.text("honesty.caption"))
