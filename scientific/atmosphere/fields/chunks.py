"""A long series of fields, such as a year in Zarr, one piece of time after another, on any machine.

The target is laid out first, as TARGET.part, and each piece of time fills the chunks that are its
own; two workers never write to one chunk. Every time is worked on by itself, and its noise depends
on the date and on places, hence neither the chunks of the source, nor those of the target, nor the
number of workers can change a bit. What is done stands in TARGET.part.jsonl: the same
command goes on after an interruption. At the end the folder gets its name.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from undrift.common import cluster
from undrift.common.errors import InputError, PartialFailure, UndriftError, require
from undrift.common.files import fingerprint
from undrift.common.manifest import append, read
from undrift.scientific.atmosphere.fields import targets
from undrift.scientific.atmosphere.fields.files import load, open_fields

if TYPE_CHECKING:
    from xarray import DataArray, Dataset

Span = tuple[int, int]  # first time and the one after the last


class Step(Protocol):
    """What is done to one time of a field; a frozen dataclass at module level, since it travels.

    data: in the order inside, one time. key: the time as text, for noise. Returns the same time, in
    the order inside; its grid, and further dimensions, may be others.
    """

    def __call__(self, data: "Dataset", key: str) -> "Dataset": ...


@dataclass(frozen=True)
class Series:
    """source: a file or Zarr store with times. step: see `Step`. units, convert: see `open_fields`.

    times: of the result's chunks. tiles: rows and columns of its chunks, None for whole fields.
    history: a line for the result.
    """

    source: Path
    step: Step
    times: int = 1
    tiles: int | None = None
    units: Mapping[str, str] | None = None
    convert: bool = False
    history: str = ""

    def identity(self) -> str:
        """Of all that settles the result and its chunks."""
        found = self.source.stat()
        return fingerprint([
            str(self.source.resolve()), found.st_mtime_ns, repr(self.step), self.times, self.tiles,
            dict(self.units or {}), self.convert,
        ])  # fmt: skip

    def fields(self) -> Any:
        """The source, open."""
        return open_fields(self.source, units=self.units, convert=self.convert)


def process(series: Series, target: Path, scheduler: str | None = None) -> dict[str, Any]:
    """Works through a series into the Zarr store `target`; returns counts for the record.

    scheduler: address of a scheduler of dask; here and in order by default. Raises PartialFailure
    where pieces fail in all of their tries, after the others are done, UsageError where nobody
    answers at the address, InputError for a source without times.
    """
    require("dask")
    require("zarr")
    part = target.with_name(target.name + ".part")
    notes = part.with_name(part.name + ".jsonl")
    spans, done = _begin(series, part, notes)
    todo = [span for span in spans if span not in done]
    call = _Piece(series, part.resolve())
    failed: dict[Span, str] = {}
    for span, outcome in _outcomes(call, todo, scheduler):
        if outcome["status"] == "written":
            append(notes, {"span": span})
        else:
            failed[span] = outcome["error"]
            if outcome["kind"] == "UsageError":
                break
    if failed:
        first, last = min(failed)
        raise PartialFailure(
            f"{len(failed)} of {len(spans)} pieces of {series.source} failed, the first (times "
            f"{first} to {last - 1}): {failed[first, last]}; the others are kept in {part}, and "
            "the same command goes on"
        )
    targets.give_name(part, target)
    notes.unlink()
    return {"pieces": len(spans), "pieces_done_before": len(done)}


@dataclass(frozen=True)
class _Piece:
    """One piece of time, from the source to its chunks."""

    series: Series
    part: Path

    def __call__(self, span: Span) -> dict[str, Any]:
        try:
            with self.series.fields() as fields:
                made = [self._one(fields.data, k) for k in range(*span)]
                targets.fill(self.part, joined(made), fields.layout, span)
        except UndriftError as error:
            return {"status": "failed", "error": str(error), "kind": type(error).__name__}
        except Exception as error:
            text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            return {"status": "failed", "error": text, "kind": _kind(error)}
        return {"status": "written"}

    def _one(self, data: "Dataset", k: int) -> "Dataset":
        one = load(data.isel(time=[k]), self.series.source)
        return self.series.step(one, time_key(one["time"]))


def joined(made: Sequence["Dataset"]) -> "Dataset":
    """Times one after the other; what has no time is the first's."""
    import xarray as xr

    return xr.concat(
        made, "time", data_vars="minimal", coords="minimal", compat="override", join="override"
    )


def time_key(times: "DataArray") -> str:
    """The first time of an axis as text, such as 2020-01-01T12:00:00, in its own calendar."""
    first = times.values.flat[0]
    if isinstance(first, np.datetime64):
        return str(np.datetime_as_string(first, unit="s"))
    return first.isoformat()


def _kind(error: Exception) -> str:
    return "OSError" if isinstance(error, OSError) else type(error).__name__


def _outcomes(
    call: _Piece, todo: Sequence[Span], scheduler: str | None
) -> Iterator[tuple[Span, dict[str, Any]]]:
    if not todo:
        return
    if scheduler is not None:
        pairs = [(span, span) for span in todo]
        yield from cluster.scatter(call, pairs, lambda _: None, scheduler)
        return
    for span in todo:
        outcome = call(span)
        for _ in range(cluster.TRIES - 1):
            if outcome["status"] == "failed" and outcome["kind"] in cluster.PASSING:
                outcome = call(span)
        yield span, outcome


def _begin(series: Series, part: Path, notes: Path) -> tuple[list[Span], set[Span]]:
    """All pieces, and those that an earlier run has finished; lays the target out if need be."""
    with series.fields() as fields:
        if "time" not in fields.data.dims:
            raise InputError(f"{series.source}: has no times; a series is worked on time by time")
        count = fields.data.sizes["time"]
        spans = [(k, min(k + series.times, count)) for k in range(0, count, series.times)]
        head, *lines = read(notes) or [{}]
        if part.is_dir() and head.get("series") == series.identity():
            return spans, {(line["span"][0], line["span"][1]) for line in lines if "span" in line}
        shutil.rmtree(part, ignore_errors=True)
        notes.unlink(missing_ok=True)
        one = load(fields.data.isel(time=[0]), series.source)
        made = series.step(one, time_key(one["time"]))
        targets.lay_out(
            part, made, fields.data["time"], fields.layout, times=series.times, tiles=series.tiles,
            history=series.history,
        )  # fmt: skip
    append(notes, {"series": series.identity()})
    return spans, set()
