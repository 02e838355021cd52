"""The benchmark's scores as text and as JSON records: mean, spread and number of items."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from undrift.common.metrics.score_table import ItemScore
from undrift.common.metrics.score_text import aligned
from undrift.common.metrics.summary import Summary, summarise
from undrift.scientific.atmosphere.benchmark.suite import Plan

MAIN = ("rmse", "crps", "mean crps", "ssr", "spectrum", "chi coarse", "chi stations")
_DIGITS = {"rmse": 4, "crps": 4, "mean crps": 4, "spectrum": 2}


def summaries(scores: Sequence[ItemScore], row: str, method: str) -> dict[str, Summary]:
    """Metric -> its summary over the items of a row that have it; ssr is pooled over them."""
    own = [e for e in scores if (e.setting, e.method, e.error) == (row, method, None)]
    names = dict.fromkeys(name for entry in own for name in entry.scores)
    found = {n: summarise([e.scores[n] for e in own if n in e.scores]) for n in names}
    if "variance" in found:
        pooled = math.sqrt(found["variance"].mean / found["mse"].mean)
        each = found["ssr"]
        found["ssr"] = Summary(each.n, pooled, each.std, each.low, each.high)
    return found


def records(asked: Plan, scores: Sequence[ItemScore], items: bool = False) -> Iterator[dict]:
    """JSON-ready: a "table", a "method" a row and method, and the items."""
    yield {"record": "table", "settings": about(asked)}
    for row in asked.rows:
        for method in asked.methods:
            found = summaries(scores, row.name, method)
            if found:
                told = {name: vars(s) for name, s in found.items()}
                yield {"record": "method", "setting": row.name, "method": method, **told}
    for entry in scores:
        if items or entry.error:
            yield {"record": "item", **vars(entry)}


def about(asked: Plan) -> dict[str, Any]:
    """What is needed to repeat it."""
    return {"domain": "atmosphere", "split": asked.split, "seed": asked.seed, "items": asked.count,
            "rows": [row.name for row in asked.rows], "methods": dict(asked.identities),
            "left out": dict(asked.missing)}  # fmt: skip


def as_text(asked: Plan, scores: Sequence[ItemScore]) -> str:
    """Each row with its methods: mean and standard deviation over items, aligned."""
    lines = [f"downscaling of simulated states, {asked.split}, seed {asked.seed}; deviations"]
    for row in asked.rows:
        table = [["method", *MAIN, "n", "s/item"]]
        for method in asked.methods:
            found = summaries(scores, row.name, method)
            if not found:
                continue
            own = [e.seconds for e in scores
                   if (e.setting, e.method) == (row.name, method) and e.seconds]  # fmt: skip
            pace = f"{sum(own) / len(own):.2g}" if own else "-"
            cells = [_cell(name, found.get(name)) for name in MAIN]
            table.append([method, *cells, str(found["rmse"].n), pace])
        lines += ["", row.name, *aligned(table)]
    lines += [f"left out {name}: {reason}" for name, reason in asked.missing.items()]
    failed = [e for e in scores if e.error]
    lines += [f"failed: {e.setting} {e.item} {e.method}: {e.error}" for e in failed]
    return "\n".join(lines)


def _cell(name: str, summary: Summary | None) -> str:
    if summary is None:
        return "-"
    digits = _DIGITS.get(name, 2)
    spread = "" if summary.std is None else f" ± {summary.std:.{digits}f}"
    return f"{summary.mean:.{digits}f}{spread}"
