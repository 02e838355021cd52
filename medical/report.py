"""The page about a run over volumes: three planes of every map, what went and came, warnings.

A row compares the planes of input and output under a slider, and shows all maps with their bars;
of a series those of the frame in the middle of what was done, under a name that says so.
Where the input is no volume (k-space, sinograms), the record's "before" may name one to compare
with; without it, a row has facts only.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from undrift.common.errors import UndriftError
from undrift.common.files import full_suffix, stem
from undrift.common.manifest import Record
from undrift.common.run_options import RunOptions
from undrift.medical.honesty.findings import Findings, examine
from undrift.medical.notice import NOTICE
from undrift.medical.volume_output import examining, noise_floor
from undrift.medical.volumes.files import read_volume
from undrift.medical.volumes.nifti_series import count_frames, open_series
from undrift.medical.volumes.volume import Volume

ACROSS = ("translate",)  # tasks whose output has another contrast
EXPLAINED = (
    "mm^3 and mm (right, anterior, superior) of the file's own affine; contrast: median inside "
    "minus median of a shell of 4 mm around, before and after. Small or faint structures can be "
    "missed, and what is listed need not be wrong: look at it."
)
TISSUES = "by bands of HU, or by two thresholds of the input; no segmentation, to compare only"


def report_writer(options: RunOptions) -> Callable[[Sequence[Record]], None] | None:
    """A function that writes the HTML report of a run, or None if none is asked for."""
    if options.report is None:
        return None
    path = options.report
    same = options.task not in ACROSS

    def write(records: Sequence[Record]) -> None:
        from undrift.common.report import PICTURED

        done = [r for r in records if r["status"] in ("written", "skipped")]
        found = {
            r["output"]: findings_of(r, same) if _has_room(r, options.max_memory) else None
            for r in done[:PICTURED]
        }
        settings = {k: v for k, v in vars(options).items() if v not in (None, (), {})}
        write_page(path, f"undrift medical {options.task}", settings, records, found)

    return write


def _has_room(record: Record, max_memory: int | None) -> bool:
    needed, room = examining(math.prod((record.get("shape_out") or ())[:3]), max_memory)
    return needed <= room


def findings_of(record: Record, same_contrast: bool) -> Findings | None:
    """What there is to say of one output, of a series of one frame; None where its input is no
    volume."""
    output = Path(record["output"])
    units = record.get("units") or "unknown"
    place, number = _middle(record)
    try:
        after = _frame(output, place, units)
        given = Path(record.get("before") or record["input"])
        before = _frame(given, number, units if same_contrast else "unknown")
        maps = {name: _beside(output, name, place) for name in ("std", "invented")}
        invented = None if maps["invented"] is None else maps["invented"].array
        return examine(
            before, after, std=maps["std"], invented=invented, same_contrast=same_contrast,
            floor=noise_floor(record),
        )  # fmt: skip
    except UndriftError:  # the run has said already what is wrong with a volume
        return None


def write_page(
    path: Path,
    title: str,
    settings: dict[str, Any],
    records: Sequence[Record],
    found: dict[str, Findings | None],
) -> None:
    """Writes the page. found: output -> findings; outputs without have facts only."""
    from undrift.common.report import Report, write_report

    names = {r["output"]: _name(r) for r in records if r.get("output")}
    named = {names[output]: one for output, one in found.items() if one is not None}
    rows = [
        _row(r, found.get(r["output"])) for r in records if r["status"] in ("written", "skipped")
    ]
    tables = [*_files(records), *_components(named), *_tissues(named)]
    write_report(path, Report(f"{title}: for research use only", settings, rows, tables))


def _row(record: Record, findings: Findings | None) -> Any:
    from undrift.common.report import Row

    name = _name(record)
    facts = {
        "voxels": " x ".join(str(n) for n in record.get("shape_out") or ()) or None,
        **{key: record.get(key) for key in ("units", "clipped", "chi", "nfe", "seconds")},
    }
    facts = {key: value for key, value in facts.items() if value is not None}
    if findings is None:
        return Row(name, None, None, scores=facts)
    from undrift.medical.triplanar import strips

    if findings.flicker is not None:
        facts["flicker"] = max(findings.flicker.index)
    facts["structures that went or came"] = len(findings.components)
    before, after = (one.transpose(2, 0, 1) for one in strips(findings))
    return Row(name, before, after, scores=facts, further=findings.pictures())


def _files(records: Sequence[Record]) -> list[Any]:
    from undrift.common.report import ReportTable

    rows, said = [], []
    for record in records:
        name = Path(record["input"]).name
        texts = [*(record.get("warnings") or ()), *filter(None, [record.get("error")])]
        rows.append([name, record["status"], len(texts)])
        said += [[text, name] for text in texts]
    tables = [ReportTable("Files", ("file", "status", "warnings and errors"), rows, NOTICE)]
    return tables + ([ReportTable("Warnings and errors", ("text", "file"), said)] if said else [])


def _components(named: dict[str, Findings]) -> list[Any]:
    from undrift.common.report import ReportTable

    rows = [
        [name, c.kind, round(c.volume), *(round(v, 1) for v in c.centroid), c.contrast_before,
         c.contrast_after]
        for name, one in named.items()
        for c in one.components[:20]
    ]  # fmt: skip
    columns = ("file", "structure", "mm^3", "R mm", "A mm", "S mm", "contrast before", "after")
    return [ReportTable("What appeared or disappeared", columns, rows, EXPLAINED)] if rows else []


def _tissues(named: dict[str, Findings]) -> list[Any]:
    from undrift.common.report import ReportTable

    rows = [
        [name, t.name, t.before, t.after, 100 * (t.after / t.before - 1) if t.before else None]
        for name, one in named.items()
        for t in one.tissues
    ]
    columns = ("file", "tissue", "ml before", "ml after", "change in %")
    return [ReportTable("Volumes of tissues", columns, rows, TISSUES)] if rows else []


def _beside(output: Path, name: str, place: int) -> Any:
    """The volume NAME.std.nii.gz, say, beside NAME.nii.gz; None without one."""
    path = output.with_name(f"{stem(output)}.{name}{full_suffix(output)}")
    return _frame(path, place, "unknown") if path.exists() else None


def _middle(record: Record) -> tuple[int, int]:
    """Place in the output and number in the input of the frame that is shown; 0 of volumes."""
    frames = record.get("frames") or [0]
    place = len(frames) // 2
    return place, frames[place]


def _frame(path: Path, number: int, units: str) -> Volume:
    """A volume, or a frame of a series."""
    if count_frames(path) == 1:
        return read_volume(path, units)
    with open_series(path, units) as opened:
        return opened.frame(number)


def _name(record: Record) -> str:
    name = Path(record["output"]).name
    return f"{name}, frame {_middle(record)[1]}" if record.get("frames") else name
