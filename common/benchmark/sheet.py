"""The scores of a plan as text and as JSON records: mean, spread and number of items.

Text: a table a row of the plan, mean ± standard deviation over items, then what was left out and
what failed. Records: a "table" with all that is needed to repeat it, a "method" a row and method,
what a domain compares, and the items.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from undrift.common.benchmark.plan import Line, Plan
from undrift.common.metrics.score_table import ItemScore
from undrift.common.metrics.score_text import aligned
from undrift.common.metrics.summary import Summary, summarise

Scores = Sequence[ItemScore]


class Sheet(ABC):
    """How the scores of a domain are told.

    columns: the metrics of the text -> their digits; the items of a row are those of the first.
    brief: the metric that is told of each item while it runs.
    """

    columns: ClassVar[Mapping[str, int]]
    brief: ClassVar[str]

    @abstractmethod
    def heading(self, asked: Plan) -> list[str]:
        """The lines above all."""

    def digits(self, name: str, mean: float) -> int:
        """Of a mean and its spread."""
        return self.columns[name]

    def summaries(self, scores: Scores, row: str, method: str) -> dict[str, Summary]:
        """Metric -> its summary over the items of a row that have it, failed ones apart."""
        own = [e for e in scores if (e.setting, e.method, e.error) == (row, method, None)]
        names = dict.fromkeys(name for entry in own for name in entry.scores)
        return {n: summarise([e.scores[n] for e in own if n in e.scores]) for n in names}

    def comparisons(self, scores: Scores, row: str) -> Iterator[dict[str, Any]]:
        """The records that compare the methods of a row."""
        yield from ()

    def below(self, scores: Scores, row: Line) -> list[str]:
        """The lines below the table of a row."""
        return []

    def closing(self, asked: Plan, scores: Scores) -> list[str]:
        """The lines below all."""
        return []

    def records(self, asked: Plan, scores: Scores, items: bool = False) -> Iterator[dict[str, Any]]:
        """All, JSON-ready. items: those that did not fail, too."""
        yield {"record": "table", "settings": dict(asked.about)}
        for row in asked.rows:
            for method in row.methods:
                found = self.summaries(scores, row.name, method)
                if found:
                    told = {name: vars(summary) for name, summary in found.items()}
                    yield {"record": "method", "setting": row.name, "method": method, **told}
            yield from self.comparisons(scores, row.name)
        for entry in scores:
            if items or entry.error:
                yield {"record": "item", **vars(entry)}

    def as_text(self, asked: Plan, scores: Scores) -> str:
        """All, for people."""
        lines = self.heading(asked)
        for row in asked.rows:
            lines += ["", row.name, *aligned(self._table(scores, row)), *self.below(scores, row)]
        lines += [f"left out {name}: {reason}" for name, reason in asked.missing.items()]
        failed = [e for e in scores if e.error]
        lines += [f"failed: {e.setting} {e.item} {e.method}: {e.error}" for e in failed]
        return "\n".join([*lines, *self.closing(asked, scores)])

    def said(self, entry: ItemScore) -> str:
        """One item, in a few words: why it failed, or its main score and time."""
        if entry.error:
            return entry.error
        digits = self.columns[self.brief]
        return f"{self.brief} {entry.scores[self.brief]:.{digits}f}, {entry.seconds:.1f} s"

    def _table(self, scores: Scores, row: Line) -> list[list[str]]:
        lines = [["method", *self.columns, "n", "s/item"]]
        first = next(iter(self.columns))
        for method in row.methods:
            found = self.summaries(scores, row.name, method)
            if found:
                cells = [self._cell(name, found.get(name)) for name in self.columns]
                pace = _pace(scores, row.name, method)
                lines.append([method, *cells, str(found[first].n), pace])
        return lines

    def _cell(self, name: str, summary: Summary | None) -> str:
        if summary is None:
            return "-"
        return f"{summary.mean:.{self.digits(name, summary.mean)}f}{self.spread(name, summary)}"

    def spread(self, name: str, summary: Summary) -> str:
        """ " ± " and the deviation, with the digits of the metric; nothing for a single item."""
        if summary.std is None:
            return ""
        return f" ± {summary.std:.{self.digits(name, summary.mean)}f}"


def by_item(scores: Scores, row: str, metric: str) -> dict[str, dict[str, float]]:
    """Method -> item -> score of a row, failed items and methods that failed on all apart."""
    found: dict[str, dict[str, float]] = {}
    for entry in scores:
        if entry.setting == row:
            own = found.setdefault(entry.method, {})
            if not entry.error:
                own[entry.item] = entry.scores[metric]
    return {method: own for method, own in found.items() if own}


def _pace(scores: Scores, row: str, method: str) -> str:
    """Mean seconds an item."""
    own = [e.seconds for e in scores if (e.setting, e.method) == (row, method) and e.seconds]
    return f"{sum(own) / len(own):.2g}" if own else "-"
