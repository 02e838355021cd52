"""How the scores are told: beside the table, ours against the best peer of each row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from undrift.common.benchmark.plan import Line, Plan
from undrift.common.benchmark.sheet import Sheet, by_item
from undrift.common.metrics.score_table import ItemScore
from undrift.common.metrics.summary import Summary, summarise
from undrift.scientific.hyperspectral.benchmark.suite import JUDGED, OURS

_TOLD = ("mpsnr", "sam")  # of which the text tells gains; the records tell those of all
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


def gain(scores: Sequence[ItemScore], row: str, metric: str) -> Gain | None:
    """Ours beside the best peer of a row; None where one of them is missing."""
    sign = -1.0 if metric in _WORSE_IF_LARGE else 1.0
    by = {
        method: {item: sign * value for item, value in found.items()}
        for method, found in by_item(scores, row, metric).items()
    }
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


class _Cubes(Sheet):
    columns: ClassVar = {"mpsnr": 2, "mssim": 4, "sam": 2, "ergas": 2}
    brief = "mpsnr"

    def heading(self, asked: Plan) -> list[str]:
        truth = asked.about.get("truth", {}).get("about", "simulated scenes of 64 x 64")
        return [
            f"hyperspectral cubes, {truth}, {asked.split}, seed {asked.seed}",
            "mpsnr in dB, sam in degrees, ergas in per cent (Wald), mssim of Wang",
        ]

    def comparisons(self, scores: Sequence[ItemScore], row: str) -> Iterator[dict[str, Any]]:
        for metric in self.columns:
            one = gain(scores, row, metric)
            if one is not None:
                told = {**vars(one), "difference": vars(one.difference)}
                yield {"record": "gain", "setting": row, **told}

    def below(self, scores: Sequence[ItemScore], row: Line) -> list[str]:
        return [
            f"  {metric}: {one.ours} better than {one.peer}, the best peer, by "
            f"{one.difference.mean:+.{self.columns[metric]}f}"
            f"{self.spread(metric, one.difference)}, behind some peer on {one.behind} items"
            for metric in _TOLD
            if (one := gain(scores, row.name, metric))
        ]

    def closing(self, asked: Plan, scores: Sequence[ItemScore]) -> list[str]:
        said = [""]
        for metric in _TOLD:
            found = [one for row in asked.rows if (one := gain(scores, row.name, metric))]
            if found:
                items = sum(one.difference.n for one in found)
                lost = sum(one.difference.mean < 0 for one in found)
                behind = sum(one.behind for one in found)
                said.append(f"{metric}: behind the best peer in {lost} of {len(found)} rows, "
                            f"behind some peer on {behind} of {items} items")  # fmt: skip
        return said


SHEET = _Cubes()
as_text, records = SHEET.as_text, SHEET.records
