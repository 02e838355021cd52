"""The benchmark of everything at once: every row of the table in the README, with its methods.

    undrift benchmark skimage-photos --task all

Each row is one way to degrade and score pictures, and the classical methods that can answer it.
Rows of white noise in colour use the pictures that have colours if these are twelve or more; with
fewer, all pictures, grey ones as they are. Rows named grey use the luma (ITU-R BT.601, 8 bits) of
every picture. All scores are of pictures clipped to [0, 1]; `vif` needs 41 pixels a side.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any, Literal

import numpy as np

from undrift.common.errors import UsageError, nearest
from undrift.restoration.protocols import Case, Condition
from undrift.restoration.protocols_blind import Camera, Jpeg, UnknownSmall
from undrift.restoration.protocols_operators import Deblurring, Inpainting

METRICS = ("psnr", "ssim", "vif")
ENOUGH = 12  # pictures with colours
SR = ("bicubic", "lanczos")
REMOVERS = ("tv", "tv-oracle", "wavelet", "nlm", "bm3d")
NOISE = ("identity", *REMOVERS)
BLUR = (
    "blurred", "wiener", "richardson-lucy", "richardson-lucy-oracle", "tv-deconvolution",
    "tv-deconvolution-oracle",
)  # fmt: skip
HOLES = ("masked", "nearest", "biharmonic")
Pictures = Literal["all", "colour", "grey"]


@dataclass(frozen=True)
class Row:
    """One row: `case` degrades and scores, `baselines` answer; `pictures` says which take part.

    It is a `Case` itself, of the name of the row and with the metrics of the table.
    """

    name: str
    label: str
    case: Case
    baselines: tuple[str, ...]
    pictures: Pictures = "all"
    metrics = METRICS

    @property
    def task(self) -> str:
        """The task of the case."""
        return self.case.task

    @property
    def crop_border(self) -> int:
        """Pixels on each side that are not scored."""
        return self.case.crop_border

    def pair(self, picture: np.ndarray, *, seed: int, item: str) -> tuple[np.ndarray, ...]:
        """Clean and degraded (c, h, w); the luma of `picture` in a row of grey ones."""
        shown = grey(picture) if self.pictures == "grey" else picture
        return self.case.pair(shown, seed=seed, item=item)

    def known(self, size: tuple[int, int], *, seed: int, item: str) -> Any:
        """What a method is told besides."""
        return self.case.known(size, seed=seed, item=item)

    def record(self) -> dict[str, Any]:
        """All that settles the degraded pictures and the scores."""
        settings = asdict(self.case) if is_dataclass(self.case) else {}  # type: ignore[arg-type]
        return {
            "case": type(self.case).__name__, **settings, "grey": self.pictures == "grey",
            "metrics": self.metrics,
        }  # fmt: skip


def _noises(kind: Pictures, prefix: str) -> list[Row]:
    return [
        Row(f"{prefix}-{level:g}", f"white noise {level:g}, {kind}",
            Condition("denoise", sigma=level), NOISE, kind)
        for level in (15.0, 25.0, 50.0)
    ]  # fmt: skip


ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        Row("sr-x2", "enlarging 2 times", Condition("sr", scale=2), SR),
        Row("sr-x3.5", "enlarging 3.5 times", Condition("sr", scale=3.5), SR),
        Row("sr-x4", "enlarging 4 times", Condition("sr", scale=4), SR),
        Row("sr-x4-mild", "enlarging 4 times, unknown mild history",
            UnknownSmall("resshift-test"), (*SR, *REMOVERS)),
        Row("sr-x4-second", "enlarging 4 times, unknown second-order history",
            UnknownSmall("real-esrgan"), (*SR, *REMOVERS)),
        *_noises("colour", "noise"),
        *_noises("grey", "grey"),
        Row("camera", "photon noise (peak 30) and read noise 4", Camera(), NOISE),
        Row("blur", "Gaussian blur 1.6, noise 1 %", Deblurring("gaussian:1.6"), BLUR),
        Row("motion", "motion blur of 15 pixels, noise 1 %", Deblurring("motion:15,30"), BLUR),
        *(Row(f"jpeg-{q}", f"JPEG of quality {q}, 4:2:0", Jpeg(q), NOISE) for q in (10, 20, 40)),
        Row("missing-30", "30 % of the pixels missing", Inpainting("random:0.3"), HOLES),
        Row("missing-70", "70 % of the pixels missing", Inpainting("random:0.7"), HOLES),
        Row("scratches", "twelve scratches", Inpainting("scratches:12"), HOLES),
        Row("text", "text written over", Inpainting("text:18"), HOLES),
    )
}  # fmt: skip


def rows_named(names: Sequence[str] | None) -> list[Row]:
    """The rows of these names, or all. Raises UsageError for an unknown one."""
    for name in names or ():
        if name not in ROWS:
            raise UsageError(f"no row '{name}'{nearest(name, ROWS)} (there are: {', '.join(ROWS)})")
    return [ROWS[name] for name in dict.fromkeys(names or ROWS)]


def grey(picture: np.ndarray) -> np.ndarray:
    """(c, h, w) in [0, 1], c = 1 or 3, to its luma (1, h, w) of ITU-R BT.601 in 256 levels."""
    if len(picture) == 1:
        return picture
    luma = np.tensordot([0.299, 0.587, 0.114], picture.astype(np.float64), axes=1)[None]
    return (np.round(255 * luma) / 255).astype(np.float32)


def taking_part(row: Row, channels: dict[str, int]) -> list[str]:
    """Which items (name -> number of channels) a row uses, by the rule for rows in colour."""
    coloured = [name for name, count in channels.items() if count == 3]
    return coloured if row.pictures == "colour" and len(coloured) >= ENOUGH else list(channels)
