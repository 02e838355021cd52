"""`undrift hsi report`: the noise of a cube as a page, a table (CSV) and numbers (JSON)."""

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import undrift
from undrift.common.files import sha256_of, stem, write_text
from undrift.common.items import Item
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.files import open_cube
from undrift.scientific.hyperspectral.noise.estimate import NoiseReport, noise_report
from undrift.scientific.hyperspectral.pictures import COLOURS, Line, composite, grey, lines
from undrift.scientific.hyperspectral.report import axis_of

COLUMNS = (
    "band", "wavelength_nm", "sigma", "snr", "striped_share", "stripe_rms", "offset_rms",
    "dead_columns", "missing_share", "bad", "bad_in_file",
)  # fmt: skip
EXPLAINED = (
    "sigma: standard deviation of random noise, from the regression of a band on all others; snr: "
    "mean over sigma; striped_share: columns whose offset stands out by five of its own "
    "deviations, and stripe_rms their root mean square; offset_rms: estimated deviation of the "
    "faint offsets of all columns; bad: 8 times as noisy as most, relative to the signal."
)


@dataclass(frozen=True, eq=False)
class Measured:
    """A cube with its noise. own: (bands,) deviation of faint offsets of columns. gain: that of a
    gain of columns which all bands share."""

    cube: Cube
    report: NoiseReport
    own: npt.NDArray[np.float64]
    gain: float

    def table(self) -> list[dict[str, Any]]:
        """A dictionary of `COLUMNS` for each band; None where nothing can be said."""
        found, cube = self.report, self.cube
        rms = np.sqrt((found.stripes**2).mean(1))
        return [
            dict(zip(COLUMNS, (
                band, None if cube.wavelengths is None else float(cube.wavelengths[band]),
                _number(found.sigma[band]), _number(found.snr[band]),
                _number(found.striped[band]), _number(rms[band]), _number(self.own[band]),
                int(found.dead[band].sum()), _number(found.missing[band]), bool(found.bad[band]),
                None if cube.good is None else not bool(cube.good[band]),
            ), strict=True))
            for band in range(cube.bands)
        ]  # fmt: skip

    def facts(self) -> dict[str, Any]:
        """The cube as a whole."""
        found = self.report
        return {
            "bands": self.cube.bands,
            "rows": self.cube.array.shape[1],
            "columns": self.cube.array.shape[2],
            "sigma_median": _number(np.nanmedian(found.sigma)),
            "snr_median": _number(np.nanmedian(found.snr)),
            "striped_share": _number(found.striped.mean()),
            "dead_detectors": int(found.dead.sum()),
            "common_gain": _number(self.gain),
            "missing_share": _number(found.missing.mean()),
            "bad_bands": np.flatnonzero(found.bad).tolist(),
        }


def measure(cube: Cube) -> Measured:
    """Measures a cube; needs three bands or more with values."""
    from undrift.scientific.hyperspectral.destripe import column_offsets

    report = noise_report(cube)
    own, gain = np.full(cube.bands, np.nan), 0.0
    usable = (report.missing < 0.2) & (report.sigma > 0) & np.isfinite(report.sigma)
    if usable.sum() > 2:
        values = cube.array[usable].astype(np.float64) - report.stripes[usable, None]
        empty = np.isnan(values) | report.dead[usable, None]
        middle = np.nanmedian(np.where(empty, np.nan, values), (1, 2))
        columns = column_offsets(
            np.where(empty, middle[:, None, None], values), report.sigma[usable]
        )
        own[usable], gain = columns.own, columns.common
    return Measured(cube, report, own, gain)


def page(name: str, found: Measured) -> Any:
    """The `Report` of a cube for `common.report`."""
    from undrift.common.report import Report, ReportTable, Row

    cube, report = found.cube, found.report
    worst = int(np.nanargmin(np.where(np.isfinite(report.snr), report.snr, np.inf)))
    pictures = {
        "noise by band": _plot(found),
        "signal over noise by band": _ratio(found),
        "stripes by band (down) and column; dead detectors black": _map(report),
    }
    where = "" if cube.wavelengths is None else f", {cube.wavelengths[worst]:.0f} nm"
    before, after = composite(cube), np.repeat(grey(cube.array[worst])[None], 3, 0)
    said = [[note] for note in cube.notes]
    rows = [[_shown(row[column]) for column in COLUMNS] for row in found.table()]
    shown = Row(name, before, after, scores=found.facts(), further=pictures,
                labels=("composite", f"noisiest band, {worst}{where}"))  # fmt: skip
    tables = [ReportTable("Bands", COLUMNS, rows, EXPLAINED)]
    if said:
        tables.insert(0, ReportTable("What the reader found odd", ("note",), said))
    return Report("undrift hsi report", {"input": name}, [shown], tables)


@dataclass(frozen=True)
class NoisePage:
    """The work on one cube: NAME.json and NAME.csv, then NAME.html. Picklable."""

    key: str | None
    axes: str | None

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        from undrift.common.report import write_report

        found = measure(open_cube(item.source, key=self.key, axes=self.axes))
        target.parent.mkdir(parents=True, exist_ok=True)
        told = {
            "task": "hsi report", "version": undrift.__version__, "input": item.source.name,
            "sha256": None if item.source.is_dir() else sha256_of(item.source),
            "cube": found.facts(), "notes": list(found.cube.notes), "bands": found.table(),
        }  # fmt: skip
        text = json.dumps(told, indent=1, allow_nan=False)
        write_text(target.with_name(f"{stem(target)}.json"), text + "\n")
        write_text(target.with_name(f"{stem(target)}.csv"), as_csv(found))
        write_report(target, page(item.source.name, found))
        return {**found.facts(), "shape_in": list(found.cube.array.shape)}


def as_csv(found: Measured) -> str:
    """The table with a line of names; empty cells where nothing can be said."""
    text = io.StringIO()
    writer: csv.DictWriter[str] = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(found.table())
    return text.getvalue()


def _plot(found: Measured) -> npt.NDArray[np.uint8]:
    x, unit = axis_of(found.cube)
    order = np.argsort(x)
    level = np.nanmean(np.where(np.isnan(found.cube.array), np.nan, found.cube.array), (1, 2))
    shown = [
        Line("mean", np.asarray(level, np.float64)[order], (120, 120, 120)),
        Line("sigma", found.report.sigma[order], COLOURS[0]),
        Line("offsets of columns", found.own[order], COLOURS[1]),
    ]
    return lines("", x[order], shown, unit, logarithmic=True)


def _ratio(found: Measured) -> npt.NDArray[np.uint8]:
    x, unit = axis_of(found.cube)
    order = np.argsort(x)
    snr = found.report.snr[order]
    bad = np.where(found.report.bad[order], snr, np.nan)
    shown = [Line("mean over sigma", snr, COLOURS[0]), Line("bad", bad, COLOURS[1], dots=True)]
    return lines("", x[order], shown, unit, logarithmic=True)


def _map(report: NoiseReport) -> npt.NDArray[np.uint8]:
    """(3, h, w): stripes in units of sigma, blue below and red above; taller if bands are few."""
    from undrift.common.report_pictures import diverging

    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.nan_to_num(report.stripes / report.sigma[:, None])
    pixels = diverging(np.clip(scaled / max(float(abs(scaled).max()), 1e-9), -1, 1))
    pixels = np.where(report.dead[..., None], 0, pixels).astype(np.uint8)
    taller, wider = (max(1, round(300 / side)) for side in pixels.shape[:2])
    return pixels.repeat(taller, 0).repeat(wider, 1).transpose(2, 0, 1)


def _number(value: Any) -> float | None:
    return float(f"{float(value):.6g}") if np.isfinite(value) else None


def _shown(value: Any) -> Any:
    return {True: "yes", False: None}[value] if isinstance(value, bool) else value
