"""How papers on picture restoration score 8-bit pictures: one description for each protocol.

A protocol cuts, resizes, takes a colour space, leaves out a border, then measures. What differs
from table to table, as the authors' evaluation programs have it:

    luma      Y = 16 + (65.481 R + 128.553 G + 24.966 B)/255 of 0..255, MATLAB's rgb2ycbcr, which
              rounds it for 8-bit pictures; some programs in Python do not
    resizing  MATLAB's imresize, which rounds an 8-bit picture after each axis; numbers stay exact
    SSIM      "window": Wang et al. 2004, where the window fits; "volume": MATLAB's ssim, which
              takes a colour picture for a volume of three layers; "square": scikit-image's default

LPIPS, FID and scores without a reference need weights that do not ship, and are not computed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from undrift.common.errors import InputError
from undrift.common.metrics.fidelity import SIGMA, WINDOW, psnr, ssim
from undrift.restoration.metrics import luma

Space = Literal["rgb", "luma", "rounded luma"]
Structure = Literal["window", "volume", "square"]


@dataclass(frozen=True)
class Protocol:
    """How a table is measured. All numbers are pixels.

    border: left out on each side. side: both pictures are resized to a square of it, with `exact`
    as numbers, else as 8-bit pictures. centre: a central square is cut first. A restored picture of
    another size than the clean one has that one resized to its own, as the programs do.
    """

    space: Space = "rgb"
    border: int = 0
    side: int | None = None
    exact: bool = False
    centre: int | None = None
    structure: Structure = "window"

    def prepared(self, picture: np.ndarray) -> np.ndarray:
        """uint8 (3, h, w) to float64 (c, h', w'), cut and resized, in units of the range."""
        picture = _checked(picture)
        if self.centre is not None:
            picture = _central(picture, self.centre)
        if self.side is None or picture.shape[1:] == (self.side, self.side):
            return self._coloured(picture / 255)
        size = (self.side, self.side)
        return self._coloured(imresize(picture / 255 if self.exact else picture, size))

    def scores(self, restored: np.ndarray, clean: np.ndarray) -> dict[str, float]:
        """ "PSNR" in dB and "SSIM" of uint8 (3, h, w); PSNR is inf for equal pictures.

        Raises InputError for other kinds of arrays, and if too little is left to be scored.
        """
        if self.side is None and restored.shape != clean.shape:
            clean = _checked(clean)
            clean = np.rint(255 * imresize(clean, _checked(restored).shape[1:])).astype(np.uint8)
        x, ref = self.prepared(restored), self.prepared(clean)
        return {
            "PSNR": float(psnr(x, ref, data_range=1.0, crop_border=self.border)),
            "SSIM": self.structural(_inside(x, self.border), _inside(ref, self.border)),
        }

    def structural(self, x: np.ndarray, ref: np.ndarray) -> float:
        """SSIM of prepared pictures."""
        return {"window": _window, "volume": _volume, "square": _square}[self.structure](x, ref)

    def _coloured(self, picture: np.ndarray) -> np.ndarray:
        picture = np.asarray(picture, dtype=np.float64)
        if self.space == "rgb":
            return picture
        y = luma(picture)
        return y if self.space == "luma" else np.floor(255 * y + 0.5) / 255


def imresize(picture: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """MATLAB's bicubic imresize of (c, h, w) to (c, *size), as float64 in units of the range.

    uint8 is clipped and rounded after each axis, the one that shrinks most first, the rows first
    where they are equal; numbers in [0, 1] are neither.
    """
    import torch

    from undrift.common.resize import bicubic

    height, width = picture.shape[1:]
    first = (size[0], width) if size[0] / height <= size[1] / width else (height, size[1])
    rounds = picture.dtype == np.uint8
    x = torch.from_numpy(np.asarray(picture, np.float64))
    for shape in (first, (size[0], size[1])):
        x = bicubic(x, shape)
        if rounds:  # halves up; what rounding errors leave of a half counts as one
            x = torch.floor(x.clamp(0, 255) + 0.5 + 1e-9)
    return x.numpy() / (255 if rounds else 1)


def _window(x: np.ndarray, ref: np.ndarray) -> float:
    return float(ssim(x, ref, data_range=1.0))


def _square(x: np.ndarray, ref: np.ndarray) -> float:
    from skimage.metrics import structural_similarity

    value = structural_similarity(x, ref, data_range=1.0, channel_axis=0)
    return float(value)  # type: ignore[arg-type]


def _volume(x: np.ndarray, ref: np.ndarray) -> float:
    """MATLAB's ssim of (3, h, w): a Gaussian of three axes, edges repeated, the whole mean."""
    from scipy.ndimage import gaussian_filter

    def smooth(value: np.ndarray) -> np.ndarray:
        return gaussian_filter(value, SIGMA, mode="nearest", radius=WINDOW // 2)

    means = smooth(x), smooth(ref)
    left, right = (smooth(v * v) - m * m for v, m in zip((x, ref), means, strict=True))
    both = smooth(x * ref) - means[0] * means[1]
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * means[0] * means[1] + c1) * (2 * both + c2)
    return float((top / ((means[0] ** 2 + means[1] ** 2 + c1) * (left + right + c2))).mean())


def _checked(picture: np.ndarray) -> np.ndarray:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[0] != 3:
        raise InputError(
            f"this protocol scores 8-bit colour pictures, uint8 (3, h, w); got {picture.dtype} "
            f"{picture.shape}"
        )
    return picture


def _central(picture: np.ndarray, side: int) -> np.ndarray:
    if min(picture.shape[1:]) < side:
        raise InputError(f"a square of {side} pixels does not fit into {picture.shape[1:]}")
    top, left = ((n - side) // 2 for n in picture.shape[1:])
    return picture[:, top : top + side, left : left + side]


def _inside(picture: np.ndarray, border: int) -> np.ndarray:
    return picture[:, border : picture.shape[1] - border, border : picture.shape[2] - border]
