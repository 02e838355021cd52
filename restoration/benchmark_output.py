"""What a benchmark leaves on the disk: pictures, scores, a report.

Pictures go to `FOLDER/<condition>/<method>/<item>.png` (8 bit, clipped: for the eye; the scores are
of the unrounded ones), the degraded ones to `.../degraded/`, all scores to `FOLDER/scores.jsonl`.
The report shows the first model, or the first method where there is none.
"""

import json
from pathlib import Path

import numpy as np

from undrift.common.benchmark.command import all_scores
from undrift.common.console import Console
from undrift.common.errors import UsageError
from undrift.common.files import write_atomically, write_text
from undrift.common.metrics.score_table import ItemScore, Table
from undrift.common.metrics.score_text import comparison_lines, summary_rows
from undrift.common.report import PICTURED, Report, ReportTable, Row, write_report

SCORES = "scores.jsonl"


class Output:
    """Watches a benchmark picture by picture and writes its files.

    Raises:
        UsageError: scores or a report are there already and `overwrite` is False.
    """

    def __init__(
        self, console: Console, *, save: Path | None, report: Path | None, overwrite: bool
    ) -> None:
        for path in (save / SCORES if save else None, report):
            if path is not None and path.exists() and not overwrite:
                raise UsageError(f"{path} exists; give --overwrite or another name")
        self.console, self.save, self.report = console, save, report
        self.rows: dict[str, list[Row]] = {}

    def watch(
        self, entry: ItemScore, clean: np.ndarray, degraded: np.ndarray, restored: np.ndarray | None
    ) -> None:
        """Notes one result; arrays are (c, h, w) in [0, 1]."""
        said = all_scores(entry)
        self.console.detail(f"{entry.item}  {entry.setting}  {entry.method}  {said}")
        if entry.error is not None:
            self.console.error(f"{entry.item} {entry.setting} {entry.method} failed: {said}")
        if restored is None:
            return
        if self.save is not None:
            folder = self.save / entry.setting.replace(" ", "-")
            _write(folder / _file(entry.method) / f"{_file(entry.item)}.png", restored)
            _write(folder / "degraded" / f"{_file(entry.item)}.png", degraded)
        rows = self.rows.setdefault(entry.method, [])
        if self.report is not None:
            name = f"{entry.item}, {entry.setting}, {entry.method}"
            before = after = truth = None
            if len(rows) < PICTURED:
                before, after, truth = _eight(degraded), _eight(restored), _eight(clean)
            rows.append(Row(name, before, after, reference=truth, scores=entry.scores))

    def finish(self, table: Table) -> None:
        """Writes scores and report of the whole table."""
        if self.save is not None:
            lines = [json.dumps(record) for record in table.records()]
            write_text(self.save / SCORES, "\n".join(lines) + "\n")
        if self.report is not None:
            write_report(self.report, benchmark_report(table, self.rows))
            self.console.note(f"report: {self.report}")


def benchmark_report(table: Table, rows: dict[str, list[Row]]) -> Report:
    """The page of `table`, with the pictures of the first model or else of the first method."""
    models = [name for name, kind in table.methods.items() if kind == "model"]
    shown = next((name for name in [*models, *table.methods] if rows.get(name)), None)
    tables = []
    for setting in table.conditions:
        head, *body = summary_rows(table, setting)
        note = "; ".join(comparison_lines(table, setting))
        tables.append(ReportTable(setting, head, body, note))
    settings = {**table.settings, "pictures": f"restored by {shown}" if shown else "none"}
    return Report(table.title, settings, rows.get(shown or "", ()), tables)


def _write(path: Path, picture: np.ndarray) -> None:
    from PIL import Image

    eight = _eight(picture)
    image = Image.fromarray(eight[0] if len(eight) == 1 else eight.transpose(1, 2, 0))
    write_atomically(path, lambda part: image.save(part, "png"))


def _eight(picture: np.ndarray) -> np.ndarray:
    return np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _file(name: str) -> str:
    """A name that is safe as one part of a path."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name).lstrip(".") or "_"
