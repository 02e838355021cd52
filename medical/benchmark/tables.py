"""How the scores are told: beside the table, what was gained and the errors by tissue."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from undrift.common.benchmark.plan import Line, Plan
from undrift.common.benchmark.sheet import Sheet, by_item
from undrift.common.metrics.score_table import ItemScore
from undrift.common.metrics.score_text import aligned
from undrift.common.metrics.summary import Summary, summarise
from undrift.medical.benchmark.suite import OURS


def gains(scores: Sequence[ItemScore], row: str) -> dict[str, Summary]:
    """Classical method -> the PSNR of the better of our estimates less its own, item by item.

    The better one is chosen by its mean over the row, once.
    """
    by = by_item(scores, row, "psnr")
    ours = [m for m in by if m in ("model", "model-mean")]
    if not ours:
        return {}
    best = max(ours, key=lambda m: sum(by[m].values()) / len(by[m]))
    return {
        m: summarise([by[best][item] - v for item, v in found.items() if item in by[best]])
        for m, found in by.items()
        if m not in OURS
    }


class _Medical(Sheet):
    columns: ClassVar = {"psnr": 2, "ssim": 4, "mae": 4, "crps": 4, "coverage": 3}
    brief = "psnr"

    def heading(self, asked: Plan) -> list[str]:
        return [f"medical tasks on simulated phantoms, {asked.split}, seed {asked.seed}"]

    def digits(self, name: str, mean: float) -> int:
        """One digit for errors in HU, four for those of the brightest."""
        return 1 if name in ("mae", "crps") and mean > 5 else self.columns[name]

    def comparisons(self, scores: Sequence[ItemScore], row: str) -> Iterator[dict[str, Any]]:
        for method, gain in gains(scores, row).items():
            yield {"record": "gain", "setting": row, "baseline": method, "psnr": vars(gain)}

    def below(self, scores: Sequence[ItemScore], row: Line) -> list[str]:
        lines = [
            f"  PSNR above {method}: {gain.mean:+.2f} dB, n = {gain.n}"
            for method, gain in gains(scores, row.name).items()
        ]
        tissues = []
        for method in row.methods:
            if found := self.summaries(scores, row.name, method):
                parts = [f"{n.removeprefix('mae ')} {s.mean:.3g}" for n, s in found.items()
                         if n.startswith("mae ")]  # fmt: skip
                tissues.append([method, ", ".join(parts)])
        if any(text for _, text in tissues):
            lines += ["  mean absolute error by tissue:", *aligned(tissues)]
        return lines


SHEET = _Medical()
as_text, records, summaries = SHEET.as_text, SHEET.records, SHEET.summaries
