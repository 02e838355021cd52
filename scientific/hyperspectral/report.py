"""The page about a run of `undrift hsi denoise`: composites, spectra, deviation, what was taken.

The middle of the left picture is the input, the right one the result, in one stretch. Spectra are
those of four pixels, dots before and lines after, with two standard deviations shaded.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.errors import UndriftError
from undrift.common.files import full_suffix, stem
from undrift.common.manifest import Record
from undrift.common.run_options import RunOptions
from undrift.common.run_report import page_writer
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.files import open_cube
from undrift.scientific.hyperspectral.pictures import COLOURS, Line, composite, flat, grey, lines

EXPLAINED = (
    "chi: root mean square of input - result, without stripes and outliers, over the noise: near 1 "
    "or a little below where noise was taken away, above 1 where signal was, too. outliers: share "
    "of values replaced from other bands. stripes: their root mean square in the unit of the cube."
)
_FACTS = (
    "bands",
    "rank",
    "outliers",
    "stripes",
    "residual_rms",
    "chi",
    "clipped",
    "nfe",
    "seconds",
)


def report_writer(options: RunOptions) -> Callable[[Sequence[Record]], None] | None:
    """A function that writes the HTML report of a run, or None if none is asked for."""

    def page(records: Sequence[Record], done: Sequence[Record], settings: Any) -> Any:
        from undrift.common.report import Report

        title = f"undrift hsi {options.task}"
        return Report(title, settings, _rows(done, options), [_files(records)])

    return page_writer(options, page)


def _rows(done: Sequence[Record], options: RunOptions) -> list[Any]:
    from undrift.common.report import PICTURED, Row

    rows = []
    for number, record in enumerate(done):
        facts = {name: record.get(name) for name in _FACTS if record.get(name) is not None}
        shown = _cubes(record, options) if number < PICTURED else None
        name = Path(record["output"]).name
        rows.append(Row(name, None, None, scores=facts) if shown is None else row(
            name, *shown, facts))  # fmt: skip
    return rows


def _cubes(record: Record, options: RunOptions) -> tuple[Cube, Cube, Any] | None:
    extras = dict(options.extras)
    how = {name: extras.get(name) for name in ("key", "axes")}
    output = Path(record["output"])
    try:
        before, after = open_cube(record["input"], **how), open_cube(output)
        place = output.with_name(f"{stem(output)}.std{full_suffix(output)}")
        std = open_cube(place).array if place.exists() else None
    except UndriftError:  # the run has said already what is wrong with a file
        return None
    return (before, after, std) if before.array.shape == after.array.shape else None


def row(name: str, before: Cube, after: Cube, std: Any, facts: dict[str, Any]) -> Any:
    """A row of the page: a slider of composites, and plots.

    std: (bands, rows, columns) or None.
    """
    from undrift.common.report import Row

    after = replace(after, wavelengths=before.wavelengths)
    change = before.array.astype(np.float64) - after.array
    noisiest = int(np.argmax(np.nan_to_num(_rms(change) / _rms(after.array))))
    label = f"band {noisiest}{_nm(before, noisiest)}, where most was taken away"
    pair = [grey(cube.array[noisiest], after.array[noisiest]) for cube in (before, after)]
    further = {
        "spectra of four pixels": spectra(before, after, std),
        "noise by band": taken(before, change, std),
        f"{label}: before, after": np.concatenate(pair, 1),
        "what was taken away, root mean square over bands": _bright(flat(change)),
    }
    return Row(
        name, composite(before, after), composite(after), std=None if std is None else flat(std),
        scores=facts, further=further,
    )  # fmt: skip


def axis_of(cube: Cube) -> tuple[npt.NDArray[np.float64], str]:
    """What plots are over: wavelengths, or numbers of bands; and its name."""
    if cube.wavelengths is None:
        return np.arange(cube.bands, dtype=np.float64), "band"
    return cube.wavelengths, "nm"


def pixels_shown(after: Cube) -> list[tuple[int, int]]:
    """(row, column) of four pixels from dark to bright among those with all values."""
    level = np.nanmean(np.where(np.isfinite(after.array), after.array, 0.0), 0)
    whole = np.isfinite(after.array).sum(0)
    level = np.where(whole == whole.max(), level, np.nan)
    order = np.argsort(level, axis=None)[: int(np.isfinite(level).sum())]
    picked = [order[int(share * (len(order) - 1))] for share in (0.02, 0.35, 0.7, 0.98)]
    return [(int(p // level.shape[1]), int(p % level.shape[1])) for p in picked]


def spectra(before: Cube, after: Cube, std: Any = None) -> npt.NDArray[np.uint8]:
    """(3, h, w): dots of the input and lines of the result."""
    x, unit = axis_of(before)
    order = np.argsort(x)
    shown = []
    for (r, c), colour in zip(pixels_shown(after), COLOURS, strict=True):
        light = tuple((255 + channel) // 2 for channel in colour)
        band = None if std is None else 2 * np.asarray(std[:, r, c], np.float64)[order]
        first, last = (cube.array[:, r, c].astype(np.float64)[order] for cube in (before, after))
        shown.append(Line("", first, (light[0], light[1], light[2]), dots=True))
        shown.append(Line(f"row {r}, column {c}", last, colour, band))
    return lines("dots before, lines after", x[order], shown, unit)


def taken(before: Cube, change: Any, std: Any = None) -> npt.NDArray[np.uint8]:
    """(3, h, w): root mean square of what was taken away and of the deviation, by band."""
    x, unit = axis_of(before)
    order = np.argsort(x)
    shown = [Line("taken away", _rms(change)[order], COLOURS[1])]
    if std is not None:
        shown.append(Line("standard deviation", _rms(std)[order], COLOURS[0]))
    return lines("root mean square by band", x[order], shown, unit, logarithmic=True)


def _rms(values: Any) -> npt.NDArray[np.float64]:
    """(bands,), NaN for bands without a value."""
    there = np.isfinite(values)
    squares = np.where(there, np.asarray(values, np.float64) ** 2, 0).sum((1, 2))
    count = there.sum((1, 2))
    return np.sqrt(np.where(count > 0, squares / np.maximum(count, 1), np.nan))


def _bright(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    from undrift.common.report_pictures import heat

    top = float(np.quantile(values, 0.995)) or 1.0
    return heat(values, top).transpose(2, 0, 1)


def _nm(cube: Cube, band: int) -> str:
    return "" if cube.wavelengths is None else f" ({cube.wavelengths[band]:.0f} nm)"


def _files(records: Sequence[Record]) -> Any:
    from undrift.common.report import ReportTable

    rows = []
    for record in records:
        said = [*(record.get("warnings") or ()), *filter(None, [record.get("error")])]
        rows.append([Path(record["input"]).name, record["status"], "; ".join(said) or None])
    return ReportTable("Files", ("file", "status", "warnings and errors"), rows, EXPLAINED)
