"""The tables and the page of a contest.

Pairs of numbers are compared picture by picture: an entrant's score minus that of the regression
network on the same picture, with the bootstrap interval of the mean.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from undrift.common.metrics.summary import compare, summarise
from undrift.common.report import Report, ReportTable, Row, write_report
from undrift.common.weights.model import load_model
from undrift.restoration.contest.contest import Result
from undrift.restoration.contest.drawing import Item, draw

COLUMNS = {
    "psnr_mean": "PSNR of the mean, dB",
    "psnr_one": "PSNR of a sample, dB",
    "ssim_mean": "SSIM of the mean",
    "vif_mean": "VIF of the mean",
    "vif_one": "VIF of a sample",
    "crps": "CRPS, 1/255",
    "error": "error of the mean, 1/255",
    "spread": "spread of samples, 1/255",
    "chi": "chi",
}
NOTE = (
    "Mean and standard deviation over the pictures. CRPS: less is better; of one sample it is the "
    "mean absolute error. chi: error of the mean in units of the samples' spread; 1 is calibrated, "
    "more is too sure. VIF: visual information fidelity, more is better."
)
_PICTURED = 3


def score_rows(results: Sequence[Result]) -> list[list[str]]:
    """A head, then one row for each entrant and way."""
    names = [
        name for name in COLUMNS if any(_values(r, way, name) for r in results for way in r.scores)
    ]
    rows = [["process", "way", "n", *(COLUMNS[name] for name in names)]]
    for result in results:
        for way in result.scores:
            cells = [_cell(_values(result, way, name)) for name in names]
            rows.append([result.process, way, str(len(result.scores[way])), *cells])
    return rows


def paired_rows(results: Sequence[Result]) -> list[list[str]]:
    """A head, then the differences to the first entrant, the regression network."""
    names = [name for name in ("psnr_mean", "psnr_one", "vif_mean", "vif_one", "crps") if any(
        _values(results[0], way, name) for way in results[0].scores)]  # fmt: skip
    rows = [["process", "way", *(f"{COLUMNS[name]}, minus regression" for name in names)]]
    first = results[0].scores[str(results[0].way)]
    for result in results[1:]:
        for way, scores in result.scores.items():
            rows.append([result.process, way, *(_difference(scores, first, n) for n in names)])
    return rows


def _difference(
    scores: Mapping[str, Mapping[str, float]], first: Mapping[str, Mapping[str, float]], name: str
) -> str:
    found = compare([v[name] for v in scores.values()], [first[item][name] for item in scores])
    difference = found.difference
    shown = f"{difference.mean:+.3g}"
    if difference.low is not None and difference.high is not None:
        shown += f" [{difference.low:+.2g}, {difference.high:+.2g}]"
    return f"{shown}, above on {found.wins} of {difference.n}"


def _values(result: Result, way: str, name: str) -> list[float]:
    found = (scores.get(name) for scores in result.scores[way].values())
    return [value for value in found if value is not None]


def _cell(values: Sequence[float]) -> str:
    if not values:
        return "-"
    found = summarise(values)
    digits = 4 if math.isfinite(found.mean) and abs(found.mean) < 100 else 3
    spread = "" if found.std is None else f" ± {found.std:.2g}"
    return f"{found.mean:.{digits}g}{spread}"


def write_page(
    path: Path, results: Sequence[Result], tested: Sequence[Item], about: Mapping[str, Any],
    device: str = "cpu",
) -> None:  # fmt: skip
    """One HTML page: tables, and of the first pictures what each entrant makes of them."""
    tables = [
        ReportTable("Scores on the test pictures", *_parts(score_rows(results)), NOTE),
        ReportTable("Against the regression network", *_parts(paired_rows(results))),
        ReportTable("CRPS on validation, 1/255", ["process", "tried"], _tried(results)),
    ]
    rows = [row for item in tested[:_PICTURED] for row in _pictures(item, results, about, device)]
    write_report(path, Report("Contest of processes", about, rows, tables))


def _pictures(
    item: Item, results: Sequence[Result], about: Mapping[str, Any], device: str
) -> list[Row]:
    rows = []
    for result in results:
        model = load_model(result.weights, device)
        samples = draw(model, result.way, item, about["samples"], about["seed"], device)
        std = samples.std(0) if len(samples) > 1 else None
        name = f"{item.name}: {result.process}, mean of {result.way}"
        scores = result.scores[str(result.way)][item.name]
        found = Row(name, item.y[0], samples.mean(0), std, item.x0[0], scores=scores)
        rows.append(found)
    return rows


def _parts(rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    return rows[0], rows[1:]


def _tried(results: Sequence[Result]) -> list[list[str]]:
    return [
        [
            result.process,
            ", ".join(f"{way}: {value:.4g}" for way, value in result.validation.items()),
        ]
        for result in results
    ]
