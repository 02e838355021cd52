"""Scores restored picture files against reference files.

How files are matched is told in `undrift.common.metrics.pairs`. Colours are compared as they are
stored, scaled to [0, 1]; alpha is not.
"""

from collections.abc import Sequence
from pathlib import Path

from undrift.common.metrics import pairs
from undrift.common.metrics.pairs import Pairs
from undrift.common.metrics.score_table import Table
from undrift.common.metrics.summary import RESAMPLES
from undrift.restoration.images import SUFFIXES, read_picture
from undrift.restoration.metrics import known_metrics, score

KIND = pairs.Kind("picture", SUFFIXES)
OPTIONS = ("crop_border",)


def match(restored: Path, reference: Path) -> Pairs:
    """Pairs two files, or the pictures below two folders; see `pairs.match`."""
    return pairs.match(restored, reference, KIND)


def evaluate(
    restored: str | Path,
    reference: str | Path,
    *,
    metrics: Sequence[str] = ("psnr", "ssim"),
    crop_border: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[Table, Pairs]:
    """Scores every matched pair; pictures that cannot be scored are the table's `failed`.

    Args:
        restored, reference: two files, or two folders.
        metrics: names in `undrift.restoration.metrics.METRICS`.
        crop_border: pixels left out along each side.
        resamples: of the bootstrap intervals.

    Raises:
        UsageError: an unknown metric. InputError: as `match`.
    """
    chosen = known_metrics(metrics)

    def scored(first: Path, second: Path) -> dict[str, float]:
        return score(read_picture(first).pixels, read_picture(second).pixels, chosen, crop_border)

    settings = {"crop_border": crop_border}
    return pairs.score_files(
        Path(restored), Path(reference), KIND, scored, chosen, settings, resamples
    )


def companion(picture: Path, kind: str) -> Path:
    """The file of this kind ("std", "psf") that a run writes beside a picture."""
    return picture.with_name(f"{picture.stem}.{kind}.tif")
