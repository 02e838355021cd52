"""How the scores are told: in deviations of a channel, the ratio of spread and error pooled."""

import math
from collections.abc import Sequence
from typing import ClassVar

from undrift.common.benchmark.plan import Plan
from undrift.common.benchmark.sheet import Sheet
from undrift.common.metrics.score_table import ItemScore
from undrift.common.metrics.summary import Summary


class _Fields(Sheet):
    columns: ClassVar = {
        "rmse": 4, "crps": 4, "mean crps": 4, "ssr": 2, "spectrum": 2, "chi coarse": 2,
        "chi stations": 2,
    }  # fmt: skip
    brief = "crps"

    def heading(self, asked: Plan) -> list[str]:
        return [f"downscaling of simulated states, {asked.split}, seed {asked.seed}; deviations"]

    def summaries(self, scores: Sequence[ItemScore], row: str, method: str) -> dict[str, Summary]:
        """As of all benchmarks; ssr is the root of the mean variance over the mean square error."""
        found = super().summaries(scores, row, method)
        if "variance" in found:
            pooled = math.sqrt(found["variance"].mean / found["mse"].mean)
            each = found["ssr"]
            found["ssr"] = Summary(each.n, pooled, each.std, each.low, each.high)
        return found


SHEET = _Fields()
