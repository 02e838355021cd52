"""`compare`: two or more runs on the same pictures, scored and tested item by item.

A run is a folder of restored pictures, the manifest `undrift.jsonl` of one (then only what it says
was written counts), a single picture, or the folder that `undrift benchmark --save` left, whose
scores are there already. Differences are those of a run to the first one, on the items that both
have; p-values are adjusted by Holm's rule over all tests of the table.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import undrift
from undrift.common.errors import InputError, UsageError
from undrift.common.metrics.paired import PairedTest, holm, paired_test
from undrift.common.metrics.score_table import Table, record_of
from undrift.common.metrics.summary import RESAMPLES
from undrift.restoration.comparing_runs import (
    Pictures,
    labels,
    pictures_of,
    saved_scores,
    scored_file,
    scores_of_pictures,
)
from undrift.restoration.metrics import known_metrics


@dataclass(frozen=True)
class Tested:
    """One metric of one condition: run `second` against `first`; p-values adjusted by Holm."""

    setting: str
    first: str
    second: str
    metric: str
    test: PairedTest
    wilcoxon: float
    sign: float


@dataclass(frozen=True)
class Comparison:
    """The scores (the runs are the methods of the table), the tests, and where pictures are.

    pictures: run -> item -> (restored, reference), of runs of pictures. notes: what was left out.
    """

    table: Table
    tests: list[Tested]
    pictures: Mapping[str, Pictures] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def differences(self, other: str, setting: str) -> list[tuple[str, float]]:
        """(item, other - first run) in the first metric, the smallest first."""
        return sorted(_differences(self.table, other, setting), key=lambda pair: pair[1])

    def records(self) -> Iterator[dict[str, Any]]:
        """JSON-ready: those of the table, one "test" each, and a "difference" for each item."""
        yield from self.table.records()
        for tested in self.tests:
            yield record_of("test", **asdict(tested))
        first, *others = self.table.methods
        for other in others:
            for setting in self.table.conditions:
                for item, value in self.differences(other, setting):
                    yield record_of(
                        "difference", setting=setting, item=item, first=first, second=other,
                        metric=self.table.metrics[0], value=value,
                    )  # fmt: skip


def compare_runs(
    runs: Sequence[str | Path],
    reference: str | Path | None = None,
    *,
    metrics: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    crop_border: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Scores runs and tests each against the first of them.

    Args:
        runs: two or more, all of pictures or all saved by a benchmark.
        reference: folder (or file) of the truth, for pictures.
        metrics: names in `metrics.METRICS` (None: psnr, ssim), or of saved scores (None: all).
        methods: of saved benchmarks, one for all runs or one for each. None compares every method
            that all of them have.
        crop_border: pixels left out along each side, of pictures.
        resamples: of the bootstrap intervals.

    Raises:
        UsageError: fewer than two runs, options that do not belong, unknown metrics. InputError:
            a run that is missing or empty, or no item in common.
    """
    places = [Path(run) for run in runs]
    if len(places) < 2:
        raise UsageError(f"compare needs two runs or more, got {len(places)}")
    for place in places:
        if not place.exists():
            raise InputError(f"no such file or folder: {place}")
    saved = [scored_file(place) is not None for place in places]
    if any(saved) != all(saved):
        raise UsageError("some runs are saved scores, others pictures; compare runs of one kind")
    names = labels(places, methods)
    settings = {"undrift": undrift.__version__, "runs": [str(place) for place in places]}
    kinds = dict.fromkeys(names, "baseline")
    if saved[0]:
        if reference is not None or crop_border:
            raise UsageError("saved scores need neither --ref nor --crop-border; leave them out")
        scores, found = saved_scores(places, names, methods)
        settings |= {"methods": methods or "all that the runs share"}
        chosen = _chosen(metrics, found)
        table = Table(" and ".join(names), settings, chosen, kinds, scores, resamples)
        return Comparison(table, _tests(table))
    if reference is None:
        raise UsageError("pictures are compared by their scores: name the truth with --ref")
    if methods:
        raise UsageError("--method belongs to saved scores; of pictures, give two folders")
    chosen, truth = known_metrics(metrics or ("psnr", "ssim")), Path(reference)
    settings |= {"reference": str(reference), "crop_border": crop_border}
    table = Table(f"{' and '.join(names)} against {truth}", settings, chosen, kinds,
                  resamples=resamples)  # fmt: skip
    pictures, notes = {}, []
    for name, place in zip(names, places, strict=True):
        pictures[name], said = pictures_of(place, truth)
        notes += said
        table.scores.extend(scores_of_pictures(name, pictures[name], chosen, crop_border))
    return Comparison(table, _tests(table), pictures, notes)


def _chosen(metrics: Sequence[str] | None, found: Sequence[str]) -> tuple[str, ...]:
    for name in metrics or ():
        if name not in found:
            raise UsageError(f"the saved scores have no metric '{name}' (only {', '.join(found)})")
    return tuple(metrics or found)


def _differences(table: Table, other: str, setting: str) -> list[tuple[str, float]]:
    metric, first = table.metrics[0], next(iter(table.methods))
    mine, theirs = (table.values(run, setting, metric) for run in (first, other))
    return [
        (item, 0.0 if mine[item] == theirs[item] else theirs[item] - mine[item])
        for item in mine
        if item in theirs
    ]


def _tests(table: Table) -> list[Tested]:
    """All runs against the first, in all conditions and metrics, adjusted together."""
    first, *others = table.methods
    found: list[tuple[str, str, str, str, PairedTest]] = []
    for setting in table.conditions:
        for other in others:
            items = [item for item, _ in _differences(table, other, setting)]
            for metric in table.metrics if items else ():
                mine, theirs = (table.values(run, setting, metric) for run in (first, other))
                test = paired_test(
                    [mine[i] for i in items], [theirs[i] for i in items], resamples=table.resamples
                )
                found.append((setting, first, other, metric, test))
    if not found:
        raise InputError("the runs have no picture in common that could be scored")
    ranks, signs = (holm([getattr(t[4], kind) for t in found]) for kind in ("wilcoxon", "sign"))
    return [
        Tested(setting, one, other, metric, test, p, q)
        for (setting, one, other, metric, test), p, q in zip(found, ranks, signs, strict=True)
    ]
