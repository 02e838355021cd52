"""Puts samples back into the kind that came: mean, standard deviation, residual, record."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.results import Restored
from undrift.common.sampling import Sampler
from undrift.restoration.images import Picture, to_pixels, write_picture
from undrift.restoration.unlearned import Unlearned

NOISE_MAP = "noise_map"  # in `info`: an array, where a method found one


@dataclass(frozen=True)
class Measured:
    """The residual (1, c, h, w) of the measurement, and its noise (None: unknown).

    noise: a standard deviation, or one for each pixel, broadcastable to the residual.
    """

    residual: Tensor
    noise: float | Tensor | None

    def chi(self) -> float | None:
        """Root mean square of the residual in units of the noise, where there is any."""
        if isinstance(self.noise, Tensor):
            noise = self.noise.double().expand(self.residual.shape)
            seen = noise > 0
            if not bool(seen.any()):
                return None
            return float((self.residual.double()[seen] / noise[seen]).square().mean().sqrt())
        if not self.noise:
            return None
        return float(self.residual.double().square().mean().sqrt()) / self.noise


def outcome(
    picture: Picture,
    back: Callable[..., Any],
    samples: Tensor,
    measured: Measured,
    sampler: Sampler | Unlearned,
    extra: Mapping[str, Any],
    began: float,
    alpha: np.ndarray | None = None,
) -> Restored:
    """Builds the result of a task; samples: (k, c, h, w) on any device."""
    samples = samples.float().cpu()
    several = len(samples) > 1
    value = back(_planes(samples.mean(0)), alpha)
    chi = measured.chi()
    info = {
        **extra,
        **sampler.record(),
        "chi": None if chi is None else round(chi, 4),
        "residual_rms": float(measured.residual.square().mean().sqrt()),
        "shape_in": list(picture.pixels.shape),
        "shape_out": list(samples.shape[1:]),
        "seconds": round(time.monotonic() - began, 3),
    }
    return Restored(
        value=value,
        std=_plain(samples.std(0), value) if several else None,
        samples=tuple(back(_planes(sample), alpha) for sample in samples) if several else (),
        residual=_plain(measured.residual[0], value),
        info={k: v for k, v in info.items() if not (isinstance(v, float) and math.isnan(v))},
        writer=_write,
    )


def _planes(pixels: Tensor) -> np.ndarray:
    return np.ascontiguousarray(pixels.numpy(), dtype=np.float32)


def _plain(pixels: Tensor, like: Any) -> Any:
    """(c, h, w), alpha apart, as float32 in the layout of `like`: a tensor, else an array."""
    if isinstance(like, torch.Tensor):
        return (pixels[0] if like.ndim == 2 else pixels).to(like.device)
    array = np.moveaxis(_planes(pixels), 0, -1)
    axis_kept = isinstance(like, np.ndarray) and like.ndim == 3
    return array if axis_kept or array.shape[-1] == 3 else array[..., 0]


def provenance(info: Mapping[str, Any]) -> dict[str, Any]:
    """What an output says of its making: all but the time, so that equal runs give equal bytes.

    A map of the noise is a file of its own.
    """
    return {name: value for name, value in info.items() if name not in ("seconds", NOISE_MAP)}


def _write(path: Path, value: Any, info: Mapping[str, Any]) -> None:
    write_picture(path, to_pixels(value)[0], provenance=provenance(info))
