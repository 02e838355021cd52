"""The command `undrift medical check`."""

import json
from pathlib import Path
from typing import Any

import click

from undrift.common.errors import UsageError
from undrift.medical.notice import NOTICE


def _path() -> Any:
    return click.Path(path_type=Path)


@click.command(epilog=NOTICE)
@click.argument("before", type=_path())
@click.argument("after", type=_path())
@click.option("--std", type=_path(), help="Volume of standard deviations of AFTER.")
@click.option("--units", default="unknown", metavar="HU", help="Of both, where the files are mute.")
@click.option("--across", is_flag=True, help="Two contrasts, such as T1 and T2: no differences.")
@click.option(
    "--threshold", type=click.FloatRange(min=0, min_open=True), default=5.0, show_default=True,
    help="Deviations from which a change counts.",
)  # fmt: skip
@click.option("--model", help="Compare BEFORE with the ranges this model was trained on.")
@click.option("--truth", type=_path(), help="Score AFTER against it: errors of body, bone and air.")
@click.option(
    "--samples",
    type=click.IntRange(2),
    metavar="K",
    help="Behind --std, which --truth judges.",
)
@click.option("--report", type=_path(), help="An HTML page with pictures.")
@click.option("--picture", type=_path(), help="The three planes of all maps as PNG.")
@click.option("--overwrite", is_flag=True, help="Let --report and --picture replace what exists.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def check(
    before: Path,
    after: Path,
    std: Path | None,
    units: str,
    across: bool,
    threshold: float,
    model: str | None,
    truth: Path | None,
    samples: int | None,
    report: Path | None,
    picture: Path | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """List what appeared and disappeared between volumes BEFORE and AFTER, with flicker and seams.

    \b
    Examples:
      undrift medical check lowdose.nii.gz clean.nii.gz --units HU
      undrift medical check t1.nii.gz synth_t2.nii.gz --across --json
      undrift medical check in.nii.gz out.nii.gz --std out.std.nii.gz --report check.html
      undrift medical check low.nii.gz out.nii.gz --units HU --truth full.nii.gz --json
    """
    if samples is not None and (std is None or truth is None):
        raise UsageError("--samples is the number behind --std, which is judged by --truth")
    for path in (report, picture):
        if path is not None and path.exists() and not overwrite:
            raise UsageError(f"{path} exists; give another name, or --overwrite")
    from undrift.medical.honesty.findings import examine
    from undrift.medical.volumes.files import read_volume

    one, other = read_volume(before, units), read_volume(after, units)
    findings = examine(
        one, other, std=None if std is None else read_volume(std), same_contrast=not across,
        model_signal=None if model is None else _signal(model), k=threshold,
    )  # fmt: skip
    scores = {} if truth is None else _scores(other, truth, units, std, samples)
    if picture is not None:
        from undrift.medical.triplanar import write_picture

        write_picture(picture, findings)
    if report is not None:
        _write_report(report, before, after, findings)
    if as_json:
        told = {"Notice": NOTICE, **findings.record(), **({"Truth": scores} if scores else {})}
        click.echo(json.dumps(told, allow_nan=False))
    else:
        _tell(findings, scores)


def _signal(model: str) -> Any:
    from undrift.common.weights.files import read_settings
    from undrift.common.weights.model import find_weights
    from undrift.medical.signal import read_signal

    return read_signal(read_settings(find_weights(model)).signal)


def _scores(
    result: Any, truth: Path, units: str, std: Path | None, samples: int | None
) -> dict[str, Any]:
    from undrift.medical.honesty.against_truth import against_truth
    from undrift.medical.volumes.checks import check_pair
    from undrift.medical.volumes.files import read_volume

    known = read_volume(truth, units)
    check_pair(result, known, ("AFTER", str(truth)))
    return against_truth(result, known, None if std is None else read_volume(std).array, samples)


def _write_report(path: Path, before: Path, after: Path, findings: Any) -> None:
    from undrift.medical.report import write_page

    record = {
        "input": str(before), "output": str(after), "status": "written", "error": None,
        "warnings": list(findings.warnings), "shape_out": list(findings.after.grid),
        "units": findings.after.units,
    }  # fmt: skip
    write_page(path, "undrift medical check", {}, [record], {str(after): findings})


def _tell(findings: Any, scores: dict[str, Any]) -> None:
    for one in findings.components:
        click.echo(str(one))
    if not findings.components:
        click.echo("nothing disappeared or appeared")
    if findings.flicker is not None:
        index = " ".join(f"{v:.3g}" for v in findings.flicker.index)
        click.echo(f"flicker across x, y, z (1 is none): {index}")
    if findings.seams is not None:
        seam = findings.seams
        click.echo(
            f"largest seam (1 is none): {seam.index:.3g} at {'xyz'[seam.axis]} = {seam.plane}"
        )
    for one in findings.tissues:
        click.echo(f"{one.name}: {one.before:.1f} -> {one.after:.1f} ml")
    spread = scores.pop("Calibration", None)
    for name, value in scores.items():
        click.echo(f"against the truth, {name}: {value:.4g}")
    if spread is not None:
        click.echo(
            f"the 90 % interval holds {spread['coverage']:.2f} of the truth (0.9 is right); "
            f"standardised error {spread['standardised']:.3g} (1 is right)"
        )
    for text in findings.warnings:
        click.echo(f"warning: {text}")
    click.echo(NOTICE)
