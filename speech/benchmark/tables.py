"""The benchmark's table as JSON records and as text.

For every condition and method: mean, standard deviation, 95 % interval and number of clips of every
metric; for every model the paired differences to every other method, in every metric. The first
condition is the mean over the noisy ones, clip by clip.
"""

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from undrift.common.metrics.score_table import Table, record_of
from undrift.common.metrics.score_text import DIGITS, aligned, number
from undrift.speech.benchmark.suite import with_means


def records(table: Table, *, items: bool = False) -> Iterator[dict[str, Any]]:
    """JSON-ready records: a "table", then "method" and "comparison"; `items` adds each clip."""
    whole = with_means(table)
    for record in whole.records():
        kind = record["record"]
        if kind in ("table", "method") or (kind == "item" and (items or record["error"])):
            yield record
    for setting in whole.conditions:
        for metric in whole.metrics:
            for model, other, paired in whole.comparisons(setting, metric):
                yield record_of(
                    "comparison", setting=setting, method=model, baseline=other, metric=metric,
                    **asdict(paired),
                )  # fmt: skip


def as_text(table: Table) -> str:
    """Each condition with its methods: mean ± standard deviation [95 % interval], aligned."""
    whole = with_means(table)
    lines = [whole.title]
    for setting in whole.conditions:
        rows = [["method", *(f"{m} [95 %]" for m in whole.metrics), "n", "s/clip"]]
        for method in whole.methods:
            found = {m: whole.summary(method, setting, m) for m in whole.metrics}
            seconds = whole.seconds(method, setting)
            first = next(iter(found.values()))
            rows.append(
                [method, *(_cell(m, s) for m, s in found.items()), str(first.n if first else 0),
                 "-" if seconds is None else f"{seconds:.2g}"]
            )  # fmt: skip
        lines += ["", setting, *aligned(rows)]
        for model, other, paired in whole.comparisons(setting):
            metric, change = whole.metrics[0], paired.difference
            digits = DIGITS.get(metric, 4)
            interval = ""
            if change.low is not None and change.high is not None:
                interval = f" [{change.low:+.{digits}f}, {change.high:+.{digits}f}]"
            below = f"below on {paired.losses} of {change.n}"
            lines.append(
                f"  {metric}, {model} - {other}: {change.mean:+.{digits}f}{interval}, {below}"
            )
    for name, reason in table.settings.get("not installed", {}).items():
        lines += ["", f"{name}: not installed ({reason})"]
    lines += [f"failed: {e.item} {e.setting} {e.method}: {e.error}" for e in table.failed]
    return "\n".join(lines)


def _cell(metric: str, summary: Any) -> str:
    if summary is None:
        return "-"
    text = number(metric, summary.mean)
    if summary.std is None or not math.isfinite(summary.mean):
        return text
    spread = f"{number(metric, summary.low)}, {number(metric, summary.high)}"
    return f"{text} ± {number(metric, summary.std)} [{spread}]"
