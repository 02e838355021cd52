"""The benchmark's scores as text and as JSON records: mean, spread and number of items."""

from collections.abc import Iterator, Sequence
from typing import Any

from undrift.common.metrics.score_table import ItemScore
from undrift.common.metrics.score_text import aligned
from undrift.common.metrics.summary import Summary, summarise
from undrift.medical.benchmark.suite import OURS, Plan

MAIN = ("psnr", "ssim", "mae", "crps", "coverage")
DIGITS = {"psnr": 2, "ssim": 4, "coverage": 3}


def summaries(scores: Sequence[ItemScore], row: str, method: str) -> dict[str, Summary]:
    """Metric -> its summary over the items of a row that have it."""
    own = [e for e in scores if (e.setting, e.method, e.error) == (row, method, None)]
    names = dict.fromkeys(name for entry in own for name in entry.scores)
    return {n: summarise([e.scores[n] for e in own if n in e.scores]) for n in names}


def gains(scores: Sequence[ItemScore], row: str) -> dict[str, Summary]:
    """Classical method -> the PSNR of the better of our estimates less its own, item by item.

    The better one is chosen by its mean over the row, once.
    """
    by = {
        m: {
            e.item: e.scores["psnr"]
            for e in scores
            if (e.setting, e.method) == (row, m) and e.scores
        }
        for m in dict.fromkeys(e.method for e in scores if e.setting == row)
    }
    ours = [m for m in by if m in ("model", "model-mean") and by[m]]
    if not ours:
        return {}
    best = max(ours, key=lambda m: sum(by[m].values()) / len(by[m]))
    return {
        m: summarise([by[best][item] - v for item, v in found.items() if item in by[best]])
        for m, found in by.items()
        if m not in OURS and found
    }


def records(asked: Plan, scores: Sequence[ItemScore], items: bool = False) -> Iterator[dict]:
    """JSON-ready: a "table", a "method" a row and method, "gain" beside each classical one."""
    yield {"record": "table", "settings": about(asked)}
    for row in asked.rows:
        for method in asked.methods[row.kind]:
            found = summaries(scores, row.name, method)
            if found:
                told = {name: vars(s) for name, s in found.items()}
                yield {"record": "method", "setting": row.name, "method": method, **told}
        for method, gain in gains(scores, row.name).items():
            yield {"record": "gain", "setting": row.name, "baseline": method, "psnr": vars(gain)}
    for entry in scores:
        if items or entry.error:
            yield {"record": "item", **vars(entry)}


def about(asked: Plan) -> dict[str, Any]:
    """What is needed to repeat it."""
    told = {f"{kind} {name}": value for (kind, name), value in asked.identities.items()}
    return {"domain": "medical", "split": asked.split, "seed": asked.seed,
            "rows": [row.name for row in asked.rows], "methods": told,
            "not installed": dict(asked.missing)}  # fmt: skip


def as_text(asked: Plan, scores: Sequence[ItemScore]) -> str:
    """Each row with its methods: mean ± standard deviation, aligned; then errors by tissue."""
    lines = [f"medical tasks on simulated phantoms, {asked.split}, seed {asked.seed}"]
    for row in asked.rows:
        head = [["method", *MAIN, "n", "s/item"]]
        tissues: list[list[str]] = []
        for method in asked.methods[row.kind]:
            found = summaries(scores, row.name, method)
            if not found:
                continue
            seconds = [e.seconds for e in scores
                       if (e.setting, e.method) == (row.name, method) and e.seconds]  # fmt: skip
            pace = f"{sum(seconds) / len(seconds):.2g}" if seconds else "-"
            cells = [_cell(name, found.get(name)) for name in MAIN]
            head.append([method, *cells, str(found["psnr"].n), pace])
            parts = {n.removeprefix("mae "): s for n, s in found.items() if n.startswith("mae ")}
            tissues.append([method, ", ".join(f"{n} {s.mean:.3g}" for n, s in parts.items())])
        lines += ["", row.name, *aligned(head)]
        for method, gain in gains(scores, row.name).items():
            lines.append(f"  PSNR above {method}: {gain.mean:+.2f} dB, n = {gain.n}")
        if any(text for _, text in tissues):
            lines += ["  mean absolute error by tissue:", *aligned(tissues)]
    lines += [f"left out {name}: {reason}" for name, reason in asked.missing.items()]
    failed = [e for e in scores if e.error]
    lines += [f"failed: {e.setting} {e.item} {e.method}: {e.error}" for e in failed]
    return "\n".join(lines)


def _cell(name: str, summary: Summary | None) -> str:
    if summary is None:
        return "-"
    digits = DIGITS.get(name, 1 if summary.mean > 5 else 4)
    spread = "" if summary.std is None else f" ± {summary.std:.{digits}f}"
    return f"{summary.mean:.{digits}f}{spread}"
