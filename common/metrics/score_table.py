"""A table of scores: items x settings x methods, with its summaries as text and as JSON lines.

Every method is summarised by mean, standard deviation, bootstrap interval and number of items;
models are compared to every other method on the items that both restored, by the mean
difference and by the number of items on which the model is *below*: averages hide those.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from undrift.common.metrics.summary import RESAMPLES, Paired, Summary, compare, summarise


@dataclass(frozen=True)
class ItemScore:
    """One method on one item: its `scores` by metric, or the `error` that stopped it."""

    item: str
    setting: str
    method: str
    scores: Mapping[str, float]
    seconds: float | None = None
    error: str | None = None


@dataclass(frozen=True)
class Table:
    """Scores of `methods` (name -> "model", "baseline" or "oracle") and what they were made with.

    `settings` holds everything needed to repeat the table; `metrics` the names of the scores, of
    which the first ranks; larger must be better. `resamples` are those of the intervals.
    """

    title: str
    settings: Mapping[str, Any]
    metrics: tuple[str, ...]
    methods: Mapping[str, str]
    scores: list[ItemScore] = field(default_factory=list)
    resamples: int = RESAMPLES

    @property
    def conditions(self) -> list[str]:
        """The settings met, such as "sigma 25", in order."""
        return list(dict.fromkeys(entry.setting for entry in self.scores))

    @property
    def failed(self) -> list[ItemScore]:
        """The entries without a score."""
        return [entry for entry in self.scores if entry.error is not None]

    def values(self, method: str, setting: str, metric: str) -> dict[str, float]:
        """Item name -> score, for the items that succeeded."""
        return {
            entry.item: entry.scores[metric]
            for entry in self.scores
            if (entry.method, entry.setting, entry.error) == (method, setting, None)
        }

    def summary(self, method: str, setting: str, metric: str) -> Summary | None:
        """Mean, spread and interval; None where the method failed on every item."""
        values = self.values(method, setting, metric)
        if not values:
            return None
        return summarise(list(values.values()), resamples=self.resamples)

    def seconds(self, method: str, setting: str) -> float | None:
        """Median time per item."""
        times = [
            entry.seconds
            for entry in self.scores
            if (entry.method, entry.setting, entry.error) == (method, setting, None)
            and entry.seconds is not None
        ]
        return median(times) if times else None

    def comparisons(
        self, setting: str, metric: str | None = None
    ) -> Iterator[tuple[str, str, Paired]]:
        """(model, other method, `metric` or the first compared on the items both restored)."""
        metric = metric or self.metrics[0]
        for model in (name for name, kind in self.methods.items() if kind == "model"):
            ours = self.values(model, setting, metric)
            for other in (name for name in self.methods if name != model):
                theirs = self.values(other, setting, metric)
                items = [item for item in ours if item in theirs]
                if items:
                    first, second = [ours[i] for i in items], [theirs[i] for i in items]
                    yield model, other, compare(first, second, resamples=self.resamples)

    def records(self) -> Iterator[dict[str, Any]]:
        """JSON-ready records: one "table", then "item", "method" and "comparison" ones.

        Infinite scores become the string "inf", since JSON has no infinity.
        """
        head = {"title": self.title, "metrics": self.metrics, "settings": dict(self.settings)}
        yield record_of("table", **head)
        for entry in self.scores:
            yield item_record(entry)
        for setting in self.conditions:
            for method, kind in self.methods.items():
                found = {name: self.summary(method, setting, name) for name in self.metrics}
                yield record_of(
                    "method", setting=setting, method=method, kind=kind,
                    seconds=self.seconds(method, setting),
                    **{name: asdict(value) if value else None for name, value in found.items()},
                )  # fmt: skip
            for model, other, paired in self.comparisons(setting):
                yield record_of(
                    "comparison", setting=setting, method=model, baseline=other,
                    metric=self.metrics[0], **asdict(paired),
                )  # fmt: skip


def item_record(entry: ItemScore) -> dict[str, Any]:
    """One score as a JSON-ready record."""
    return record_of("item", **asdict(entry))


def record_of(record: str, **values: Any) -> dict[str, Any]:
    """A JSON-ready record of this kind; infinite numbers become words."""
    return {"v": 1, "record": record} | {key: _jsonable(value) for key, value in values.items()}


def _jsonable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): _jsonable(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(entry) for entry in value]
    return value
