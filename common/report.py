"""One self-contained HTML page for a run or a benchmark: settings, scores, pictures.

The page needs no network and no other file: pictures are embedded as thumbnails, the slider
between before and after is a few lines of script, and a content policy in its head forbids
everything else. All text is escaped, so a hostile file name stays text. Pictures larger than a
thumbnail are reduced, and their middle is shown once more at full resolution: noise and texture
do not survive reduction. Only the first `PICTURED` rows show pictures, all are in the table.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from undrift.common.files import write_text
from undrift.common.report_pictures import Frame, frames

PICTURED = 40

EXPLANATIONS = {
    "chi": "chi: root mean square of y - A(x), measurement minus the restoration measured again, "
    "in units of the noise. Near 1 the restoration explains the data; well above 1 the data "
    "contradict it; well below 1 it fits the noise.",
    "psnr": "psnr: peak signal-to-noise ratio in dB, larger is better.",
    "ssim": "ssim: structural similarity, 1 for equal pictures.",
}


@dataclass(frozen=True)
class Row:
    """One item: arrays (h, w) or (c, h, w), c = 1 or 3, numpy or torch; float in [0, 1] or uint8.

    `before` may be smaller than `after` (super-resolution); `std` is in the unit of `after`,
    `std_before` in that of `before`, where that is a restoration too. With a reference there are
    maps of errors. A row without pictures, both None, is in the table alone.
    """

    name: str
    before: Any
    after: Any
    std: Any = None
    reference: Any = None
    std_before: Any = None
    labels: tuple[str, str] | None = None  # of this row, where they differ from the page's
    further: Mapping[str, Any] = field(default_factory=dict)  # caption -> picture, shown as it is
    scores: Mapping[str, float | int | str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class ReportTable:
    """A further table: `rows` of cells below `columns`; a line of text may follow in `note`."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What the page shows, from top to bottom: title, tables, pictures, settings.

    `labels` name what is left and right of the line of a slider.
    """

    title: str
    settings: Mapping[str, Any]
    rows: Sequence[Row] = ()
    tables: Sequence[ReportTable] = ()
    labels: tuple[str, str] = ("before", "after")


def write_report(path: str | Path, report: Report) -> None:
    """Writes `report` to `path` as one HTML file, whole or not at all.

    Raises:
        InputError: a row holds something that is not a picture; its name is in the message.
    """
    write_text(Path(path), render(report))


def render(report: Report) -> str:
    """The HTML of `report`."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["cell"] = cell
    source = Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    columns = list(dict.fromkeys(name for row in report.rows for name in row.scores))
    return environment.from_string(source).render(
        report=report,
        columns=columns,
        items=_items(report),
        hidden=max(0, len(report.rows) - PICTURED),
        explanations=[EXPLANATIONS[name] for name in columns if name in EXPLANATIONS],
    )


def cell(value: Any) -> str:
    """A value as a table shows it: floats to four digits or two decimals, None as a minus sign.

    >>> cell(31.4159), cell(0.91234567), cell(None), cell([1, 2])
    ('31.42', '0.9123', '-', '1, 2')
    """
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2f}" if 10 <= abs(value) < 1e4 else f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {cell(entry)}" for key, entry in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(cell(entry) for entry in value)
    return str(value)


def _items(report: Report) -> list[tuple[Row, list[Frame]]]:
    shown = [
        (
            row,
            frames(
                row.name, row.before, row.after, reference=row.reference, std=row.std,
                std_before=row.std_before, labels=row.labels or report.labels,
                further=row.further,
            ) if row.before is not None else [],
        )
        for row in report.rows[:PICTURED]
    ]  # fmt: skip
    return shown + [(row, []) for row in report.rows[PICTURED:]]
