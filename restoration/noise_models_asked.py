"""From what a caller says of the noise to what a method is told: numbers, maps, cameras, "auto".

Everything a caller says is on the 0..255 scale, whatever the depth of the picture: a standard
deviation, each value of a map, the deviation of reading, and the gain, which is what one counted
photon adds. A 16-bit file whose camera gives 2 units of 65535 a photon has gain 2 x 255 / 65535.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import UsageError, nearest
from undrift.restoration.asked import is_number
from undrift.restoration.noise_models import KnownNoise
from undrift.restoration.noise_models_map import read_map
from undrift.restoration.sigma import estimate_sigma

CAMERA = "poisson-gaussian"
KINDS = ("white", CAMERA)
EXPECTED = (
    "expected 'auto', or 0 or more on the 0..255 scale, or an array or a file (npy, tiff, "
    "png) of the picture's size"
)


@dataclass(frozen=True, eq=False)
class NoiseAsked:
    """sigma: "auto", a number, an array, a tensor or a path. noise: of `KINDS`, or None to tell."""

    sigma: Any = "auto"
    noise: str | None = None
    gain: float | None = None
    read_noise: float | None = None

    @property
    def is_camera(self) -> bool:
        """Whether the noise grows with the light."""
        numbers = self.gain is not None or self.read_noise is not None
        return self.noise == CAMERA or (self.noise is None and numbers)

    def check(self) -> None:
        """Raises UsageError for names and numbers that cannot be, or that contradict each other."""
        if self.noise is not None and self.noise not in KINDS:
            raise UsageError(
                f"noise {self.noise!r}{nearest(str(self.noise), KINDS)} (there are: "
                f"{', '.join(KINDS)})"
            )
        _check_number("gain", self.gain, positive=True)
        _check_number("read_noise", self.read_noise)
        if not self.is_camera and (self.gain is not None or self.read_noise is not None):
            raise UsageError(f"gain and read_noise belong to noise {CAMERA!r}, not to 'white'")
        automatic = isinstance(self.sigma, str) and self.sigma == "auto"
        if self.is_camera and not automatic:
            raise UsageError(
                f"sigma and {CAMERA} noise both say how strong the noise is; give sigma, or gain "
                "and read_noise"
            )
        named = isinstance(self.sigma, Path | str) and Path(self.sigma).is_file()
        if automatic or named or is_map(self.sigma):
            return
        level: Any = self.sigma
        if not is_number(level) or not 0 <= float(level) < math.inf:
            absent = isinstance(level, Path | str) and Path(level).suffix
            said = "there is no such file; " if absent else ""
            raise UsageError(f"sigma {self.sigma!r}: {said}{EXPECTED}")

    def known(self, pixels: Tensor) -> tuple[KnownNoise, Mapping[str, Any]]:
        """What a method is told of (1, c, h, w), and what the record tells.

        Raises InputError for pictures too small to estimate from, and maps that do not fit.
        """
        if self.is_camera:
            return self._camera(pixels)
        if isinstance(self.sigma, str) and self.sigma == "auto":
            value = round(255 * estimate_sigma(pixels), 3)
            return KnownNoise(value / 255), {"sigma": value, "sigma_given": "auto"}
        if is_number(self.sigma) and not is_map(self.sigma):
            value = float(self.sigma)
            return KnownNoise(value / 255), {"sigma": value, "sigma_given": value}
        found = read_map(self.sigma, tuple(pixels.shape[1:]))
        level = float(found.square().mean().sqrt())
        given = str(self.sigma) if isinstance(self.sigma, str | Path) else "map"
        ends = [round(255 * float(end), 3) for end in (found.min(), found.max())]
        told = {"sigma": round(255 * level, 3), "sigma_given": given, "sigma_range": ends}
        if ends[0] == ends[1]:
            return KnownNoise(float(found.max())), told
        return KnownNoise(level, found), told

    def _camera(self, pixels: Tensor) -> tuple[KnownNoise, Mapping[str, Any]]:
        from undrift.restoration.noise_models_fit import estimate_gain_and_read

        gain = None if self.gain is None else self.gain / 255
        read = None if self.read_noise is None else self.read_noise / 255
        gain, read = estimate_gain_and_read(pixels, gain, read)
        return self.camera(gain, read, float(pixels.double().clamp(min=0).mean()))

    def camera(self, gain: float, read: float, light: float) -> tuple[KnownNoise, dict[str, Any]]:
        """The same for a gain and a reading noise that are known, and the mean of the picture."""
        sigma = math.sqrt(gain * light + read**2)
        told = {
            "noise": CAMERA,
            "gain": round(255 * gain, 5),
            "read_noise": round(255 * read, 4),
            "gain_given": self.gain,
            "read_noise_given": self.read_noise,
            "sigma": round(255 * sigma, 3),
        }
        return KnownNoise(sigma, gain=gain, read=read), told


def is_map(value: Any) -> bool:
    """Whether it is an array or a tensor of more than one number."""
    return isinstance(value, np.ndarray | torch.Tensor) and value.ndim > 0


def _check_number(name: str, value: object, positive: bool = False) -> None:
    if value is None:
        return
    number = float(value) if is_number(value) else math.nan  # type: ignore[arg-type]
    if math.isfinite(number) and (number > 0 if positive else number >= 0):
        return
    least = "above 0" if positive else "of 0 or more"
    hint = "; noise that does not grow with the light is given by sigma" if positive else ""
    raise UsageError(f"{name} {value!r}: expected a number {least} on the 0..255 scale{hint}")
