"""The benchmark's scores as text and as JSON records: mean, spread and number of items."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from undrift.common.metrics.score_table import ItemScore
from undrift.common.metrics.score_text import aligned
from undrift.common.metrics.summary import Summary, summarise
from undrift.scientific.hyperspectral.benchmark.suite import JUDGED, OURS, Plan

MAIN = {"mpsnr": 2, "mssim": 4, "sam": 2, "ergas": 2}  # metric -> digits
_WORSE_IF_LARGE = ("sam", "ergas")


@dataclass(frozen=True)
class Gain:
    """Ours over the best peer of a row, chosen by its mean: differences, positive where ours is
    better, and on how many items ours is behind any peer at all."""

    ours: str
    peer: str
    metric: str
    difference: Summary
    behind: int


def summaries(scores: Sequence[ItemScore], row: str, method: str) -> dict[str, Summary]:
    """Metric -> its summary over the items of a row that have it."""
    own = [e for e in scores if (e.setting, e.method, e.error) == (row, method, None)]
    return {n: summarise([e.scores[n] for e in own]) for n in MAIN if own}


def gain(scores: Sequence[ItemScore], row: str, metric: str) -> Gain | None:
    """Ours beside the best peer of a row; None where one of them is missing."""
    by: dict[str, dict[str, float]] = {}
    sign = -1.0 if metric in _WORSE_IF_LARGE else 1.0
    for e in scores:
        if e.setting == row and not e.error:
            by.setdefault(e.method, {})[e.item] = sign * e.scores[metric]
    ours = next((name for name in JUDGED if name in by), None)
    peers = [name for name in by if name not in OURS]
    if ours is None or not peers:
        return None
    own = by[ours]
    peer = max(peers, key=lambda name: sum(by[name].values()) / len(by[name]))
    shared = [item for item in own if item in by[peer]]
    if not shared:
        return None
    found = summarise([own[item] - by[peer][item] for item in shared])
    behind = sum(any(by[name].get(item, own[item]) > own[item] for name in peers) for item in own)
    return Gain(ours, peer, metric, found, behind)


def records(asked: Plan, scores: Sequence[ItemScore], items: bool = False) -> Iterator[dict]:
    """JSON-ready: a "table", a "method" a row and method, a "gain" a row and metric."""
    yield {"record": "table", "settings": about(asked)}
    for row in asked.rows:
        for method in asked.methods:
            found = summaries(scores, row.name, method)
            if found:
                told = {name: vars(s) for name, s in found.items()}
                yield {"record": "method", "setting": row.name, "method": method, **told}
        for metric in MAIN:
            one = gain(scores, row.name, metric)
            if one is not None:
                told = {**vars(one), "difference": vars(one.difference)}
                yield {"record": "gain", "setting": row.name, **told}
    for entry in scores:
        if items or entry.error:
            yield {"record": "item", **vars(entry)}


def about(asked: Plan) -> dict[str, Any]:
    """What is needed to repeat it."""
    return {"domain": "scientific", "suite": "hyperspectral", "split": asked.split,
            "seed": asked.seed, "rows": [row.name for row in asked.rows],
            "methods": dict(asked.identities), "not installed": dict(asked.missing)}  # fmt: skip


def as_text(asked: Plan, scores: Sequence[ItemScore]) -> str:
    """Each row with its methods: mean ± standard deviation, aligned; then what was gained."""
    lines = [
        f"hyperspectral cubes, simulated scenes of 64 x 64, {asked.split}, seed {asked.seed}",
        "mpsnr in dB, sam in degrees, ergas in per cent (Wald), mssim of Wang",
    ]
    for row in asked.rows:
        head = [["method", *MAIN, "n", "s/item"]]
        for method in asked.methods:
            found = summaries(scores, row.name, method)
            if not found:
                continue
            seconds = [e.seconds for e in scores
                       if (e.setting, e.method) == (row.name, method) and e.seconds]  # fmt: skip
            pace = f"{sum(seconds) / len(seconds):.2g}" if seconds else "-"
            cells = [_cell(name, found[name]) for name in MAIN]
            head.append([method, *cells, str(found["mpsnr"].n), pace])
        lines += ["", row.name, *aligned(head)]
        for metric in ("mpsnr", "sam"):
            one = gain(scores, row.name, metric)
            if one is not None:
                lines.append(
                    f"  {metric}: {one.ours} better than {one.peer}, the best peer, by "
                    f"{_signed(metric, one.difference)}, behind some peer on {one.behind} items"
                )
    lines += [f"left out {name}: {reason}" for name, reason in asked.missing.items()]
    failed = [e for e in scores if e.error]
    lines += [f"failed: {e.setting} {e.item} {e.method}: {e.error}" for e in failed]
    return "\n".join([*lines, *_altogether(asked, scores)])


def _altogether(asked: Plan, scores: Sequence[ItemScore]) -> list[str]:
    said = [""]
    for metric in ("mpsnr", "sam"):
        found = [one for row in asked.rows if (one := gain(scores, row.name, metric))]
        if found:
            items = sum(one.difference.n for one in found)
            lost = sum(one.difference.mean < 0 for one in found)
            behind = sum(one.behind for one in found)
            said.append(f"{metric}: behind the best peer in {lost} of {len(found)} rows, behind "
                        f"some peer on {behind} of {items} items")  # fmt: skip
    return said


def _signed(metric: str, found: Summary) -> str:
    spread = "" if found.std is None else f" ± {found.std:.{MAIN[metric]}f}"
    return f"{found.mean:+.{MAIN[metric]}f}{spread}"


def _cell(name: str, found: Summary) -> str:
    spread = "" if found.std is None else f" ± {found.std:.{MAIN[name]}f}"
    return f"{found.mean:.{MAIN[name]}f}{spread}"
