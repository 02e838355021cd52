"""The page about a run: what each file is and became, with its spectrograms; and `.plot()`."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.files import stem
from undrift.common.manifest import Record
from undrift.common.run_options import RunOptions
from undrift.common.run_report import page_writer
from undrift.speech.overview import COLUMNS, Overview, overview
from undrift.speech.triptych import Panel, panels, stretched, triptych

EXPLAINED = (
    "snr: decibels of a signal over its own stationary noise, estimated without a reference; "
    "clipped: samples of the recording at full scale; calls: of the network for each "
    "frame; rtf: seconds of work for a second of sound; limited: dB by which the limiter lowered "
    "the loudest peak. Loudness is in LUFS (ITU-R BS.1770)."
)


def report_writer(options: RunOptions) -> Callable[[Sequence[Record]], None] | None:
    """A function that writes the HTML report of a run, or None if none is asked for."""

    def page(records: Sequence[Record], done: Sequence[Record], settings: Any) -> Any:
        from undrift.common.report import Report

        title = f"undrift speech {options.task or 'enhance'}"
        return Report(title, settings, _rows(done), [_table(records)])

    return page_writer(options, page)


def _rows(done: Sequence[Record]) -> list[Any]:
    from undrift.common.report import PICTURED, Row

    rows = []
    for record in done[:PICTURED]:
        before, after = overview(record["input"]), overview(record["output"])
        heard = (record.get("rate_model") or record["rate_in"]) / 2
        shown = panels(before, after, _spread(Path(record["output"])), heard)
        highest = min(before.highest, after.highest)
        first, last = (stretched(panel.pixels, 512, 256).transpose(2, 0, 1) for panel in shown[:2])
        page = triptych(shown, max(before.seconds, after.seconds), highest)
        rows.append(
            Row(
                Path(record["input"]).name, first, last,
                scores=_facts(record, before.snr, after.snr),
                further={"time in seconds or minutes, frequency in kHz": page},
            )
        )  # fmt: skip
    rows += [Row(Path(r["input"]).name, None, None, scores=_facts(r)) for r in done[PICTURED:]]
    return rows


def _facts(record: Record, before: float | None = None, after: float | None = None) -> Any:
    """What the table of a page says of a file."""
    shape = record.get("shape_in") or [None]
    return {
        "seconds of sound": record.get("duration"),
        "rate": record.get("rate_in"),
        "channels": shape[0],
        "snr before": None if before is None else round(before, 1),
        "snr after": None if after is None else round(after, 1),
        "loudness before": record.get("loudness_in"),
        "loudness after": record.get("loudness_out"),
        "clipped": record.get("clipped_in"),
        "limited": record.get("limited_db"),
        "calls": record.get("nfe"),
        "seconds": record.get("seconds"),
        "rtf": record.get("rtf"),
    }


def _table(records: Sequence[Record]) -> Any:
    from undrift.common.report import ReportTable

    rows = []
    for record in records:
        said = list(record.get("warnings") or ()) + ([record["error"]] if record["error"] else [])
        rows.append([Path(record["input"]).name, record["status"], "; ".join(said) or None])
    return ReportTable("Files", ("file", "status", "warnings and errors"), rows, EXPLAINED)


def _spread(output: Path) -> np.ndarray | None:
    """The file of standard deviations beside an output, as (bins, columns); None without one."""
    path = output.with_name(f"{stem(output)}.std.npy")
    return averaged(np.load(path, mmap_mode="r")) if path.exists() else None


def averaged(spread: np.ndarray, columns: int = COLUMNS) -> np.ndarray:
    """(channels, bins, frames) or (bins, frames) averaged over channels and into columns."""
    frames = spread.shape[-1]
    edges = np.linspace(0, frames, min(columns, frames) + 1).astype(int)
    parts = [np.asarray(spread[..., a:b]).mean(axis=-1) for a, b in pairwise(edges)]
    table = np.stack(parts, axis=-1)
    return table.mean(axis=0) if table.ndim == 3 else table


class Drawn:
    """Draws a result beside its input (an `Audio`); for `Restored.plot`."""

    def __init__(self, before: Any, rate: int):
        self.before, self.rate = before, rate

    def __call__(self, result: Any) -> Any:
        """The matplotlib figure. Raises MissingExtraError without matplotlib."""
        from undrift.common.errors import require
        from undrift.speech.kinds import to_audio

        pyplot = require("matplotlib.pyplot")
        before = overview(self.before)
        value = result.value
        after = overview(value if hasattr(value, "stored") else to_audio(value, self.rate)[0])
        spread = None if result.std is None else averaged(np.asarray(result.std))
        heard = result.info["rate_model"] / 2
        return _figure(pyplot, before, after, panels(before, after, spread, heard))


def _figure(pyplot: Any, before: Overview, after: Overview, shown: list[Panel]) -> Any:
    figure, axes = pyplot.subplots(
        len(shown), 1, figsize=(10, 2.4 * len(shown)), sharex=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    extent = (0, after.seconds, 0, min(before.highest, after.highest) / 1000)
    for axis, panel in zip(axes[:, 0], shown, strict=True):
        axis.imshow(panel.pixels, extent=extent, aspect="auto", interpolation="nearest")
        axis.set_title(f"{panel.title} ({panel.ends[0]} to {panel.ends[1]})", fontsize="medium")
        axis.set_ylabel("kHz")
    axes[-1, 0].set_xlabel("s")
    return figure
