"""Tasks whose operator is known and linear: enlargement, colour from grey, compressed sensing."""

import time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.operators.channels import Grey
from undrift.common.results import Restored
from undrift.restoration.asked import (
    check_fidelity,
    check_noise,
    is_number,
    noise_of,
    wishes_for,
)
from undrift.restoration.channels import prepared
from undrift.restoration.degrade_operators import reduction, sensing
from undrift.restoration.images import Picture, to_pixels
from undrift.restoration.inverse import solved
from undrift.restoration.inverse_problem import PRIOR, Problem, prior_for
from undrift.restoration.measurements import read_measurement
from undrift.restoration.outcome import Measured, outcome

LONGER = 3  # times the usual calls for compressed sensing, whose patterns mix all pixels


def enlarge(
    image: Any,
    *,
    scale: float = 4.0,
    kernel: str = "bicubic",
    noise: float | str = 0.0,
    fidelity: float = 1.0,
    method: str = "auto",
    model: str = PRIOR,
    **wishes: Any,
) -> Restored:
    """Enlarges a picture that was shrunk by a known kernel: what `sr(method="operator")` calls.

    kernel: "bicubic" (any scale from 1), "average" (a detector's pixels, whole scales), or
    "gaussian:1.2" (standard deviation in large pixels, whole scales). noise: on the 0..255 scale,
    or "auto"; 0 means that of rounding. method, fidelity: as for `deblur`.
    Raises InputError for bad pictures and a scale that does not fit, UsageError for numbers.
    """
    began = time.monotonic()
    picture, back = to_pixels(image)
    low = prepared(picture)
    sampler = prior_for(model, wishes_for(image, wishes), method)
    check_enlarge(sampler, scale=scale, kernel=kernel, noise=noise, fidelity=fidelity)
    level = noise_of(picture, low, noise)
    size = (round(low.shape[2] * scale), round(low.shape[3] * scale))
    operator = reduction(kernel, (low.shape[1], *size), scale)
    start = torch.nn.functional.interpolate(low, size, mode="bicubic", align_corners=False)
    problem = Problem(operator, low, level, start)
    samples = solved(problem, sampler, fidelity)
    alpha = None
    if picture.alpha is not None:
        plane = torch.from_numpy(picture.alpha)[None, None]
        wide = torch.nn.functional.interpolate(plane, size, mode="bicubic", align_corners=False)
        alpha = wide[0, 0].clamp(0, 1).numpy()
    residual = low - operator(samples.mean(0, keepdim=True))
    extra = {
        "task": "sr", "scale": float(scale), "kernel": kernel, "noise": round(255 * level, 4),
        "noise_given": noise, "fidelity": float(fidelity), **sampler.how,
    }  # fmt: skip
    return outcome(picture, back, samples, Measured(residual, level), sampler, extra, began, alpha)


def check_enlarge(
    sampler: Any,
    *,
    scale: float = 4.0,
    kernel: str = "bicubic",
    noise: float | str = 0.0,
    fidelity: float = 1.0,
    **_: Any,
) -> None:
    """Raises UsageError for numbers that cannot be, InputError for an unknown kernel."""
    check_noise(noise)
    check_fidelity(fidelity)
    if not is_number(scale) or not 1 < float(scale) <= 16:
        raise UsageError(f"scale {scale}: expected a number above 1 up to 16")
    side = 16 * max(2, int(scale))
    reduction(kernel, (1, side, side), float(scale))


def colourise(
    image: Any,
    *,
    weights: str = "rec601",
    noise: float | str = 0.0,
    fidelity: float = 1.0,
    method: str = "auto",
    model: str = PRIOR,
    **wishes: Any,
) -> Restored:
    """Colours for a grey picture whose grey values are kept: weights . (r, g, b) = grey.

    weights: rec601 (broadcast luma), rec709 or mean. A colour picture is made grey first. Colour
    cannot be told from grey values: the result is one that the prior finds likely, and a prior
    without knowledge of things, as the default one, leaves most of it grey. Returns a picture of
    three channels. noise, fidelity, method: as for `deblur`. Raises InputError, UsageError.
    """
    began = time.monotonic()
    picture, _ = to_pixels(image)
    sampler = prior_for(model, wishes_for(image, wishes), method)
    check_colourise(sampler, noise=noise, fidelity=fidelity)
    pixels = prepared(picture)
    operator = Grey((3, *pixels.shape[2:]), weights)
    grey = pixels if pixels.shape[1] == 1 else operator(pixels)
    level = noise_of(picture, grey, noise)
    problem = Problem(operator, grey, level, grey.expand(1, 3, -1, -1).contiguous())
    samples = solved(problem, sampler, fidelity)
    residual = grey - operator(samples.mean(0, keepdim=True))
    extra = {
        "task": "colourise", "weights_of_grey": weights, "noise": round(255 * level, 4),
        "noise_given": noise, "fidelity": float(fidelity), **sampler.how,
    }  # fmt: skip
    back = _in_colour(image, picture)
    return outcome(picture, back, samples, Measured(residual, level), sampler, extra, began)


def check_colourise(
    sampler: Any, *, noise: float | str = 0.0, fidelity: float = 1.0, **_: Any
) -> None:
    """Raises UsageError for numbers that cannot be."""
    check_noise(noise)
    check_fidelity(fidelity)


def sense(
    measurements: Any,
    *,
    size: tuple[int, int] | None = None,
    patterns: str | None = None,
    pattern_seed: int | None = None,
    noise: float | None = None,
    fidelity: float = 1.0,
    method: str = "auto",
    model: str = PRIOR,
    **wishes: Any,
) -> Restored:
    """A picture from fewer measurements than pixels: a single-pixel camera.

    measurements: (m,) or (c, m) array or tensor for "hadamard" patterns, of pictures (c, *size)
    with sides that are powers of 2, and (m,) for "random" ones, grey. pattern_seed: names the
    patterns, which are those of `degrade_operators.Compressed`. noise: of a measurement in its
    unit, 0 for exact ones. A path of an .npz tells all of these itself (`measurements`).
    Returns an array (h, w) or (h, w, 3). Raises InputError, UsageError.
    """
    began = time.monotonic()
    sampler = prior_for(model, wishes_for(measurements, wishes), method, LONGER)
    plain, said = read_measurement(measurements)
    given = {"size": size, "patterns": patterns, "pattern_seed": pattern_seed, "noise": noise}
    told: dict[str, Any] = {"patterns": "hadamard", "pattern_seed": 0, "noise": 0.0, **said}
    told.update({name: value for name, value in given.items() if value is not None})
    level = told["noise"]
    values = torch.as_tensor(plain, dtype=torch.float32)
    y = values[None] if values.ndim == 1 else values
    if y.ndim != 2 or len(y) not in (1, 3) or not bool(torch.isfinite(y).all()):
        raise InputError(
            f"got measurements of shape {tuple(values.shape)}; expected finite numbers (m,), or "
            "(1 or 3, m) for each channel"
        )
    check_fidelity(fidelity)
    if not is_number(level) or not float(level) >= 0:
        raise UsageError(f"noise {level!r}: expected 0 or more, in the unit of the measurements")
    if "size" not in told:
        raise UsageError("no size was given; pass size=(height, width) of the picture")
    shape = (len(y), *(int(side) for side in told["size"]))
    share = min(1.0, y.shape[1] / (shape[1] * shape[2]))
    operator = sensing(told["patterns"], shape, share, int(told["pattern_seed"]))
    y = y.reshape(operator.shape_out)[None]
    least = max(float(level), 1e-3)
    start = operator.adjoint(y)
    samples = solved(Problem(operator, y, least, start, top=0.5), sampler, fidelity)
    residual = (y - operator(samples.mean(0, keepdim=True))).reshape(1, 1, 1, -1)
    picture = Picture(np.zeros(shape, np.float32), None, "float32")
    extra = {
        "task": "compressed-sensing", **{k: told[k] for k in ("patterns", "pattern_seed", "size")},
        "measurements": int(y.shape[-1]), "noise": float(level), **sampler.how,
    }  # fmt: skip
    measured = Measured(residual, least if level else None)
    return outcome(picture, as_array, samples, measured, sampler, extra, began)


def as_array(pixels: np.ndarray, alpha: np.ndarray | None = None) -> np.ndarray:
    """(c, h, w) as an array (h, w) or (h, w, 3)."""
    return pixels[0] if len(pixels) == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0))


def _in_colour(image: Any, picture: Picture) -> Any:
    """Puts three channels into the kind that came."""

    def back(pixels: np.ndarray, alpha: np.ndarray | None = None) -> Any:
        made = picture.with_pixels(pixels, alpha)
        if isinstance(image, Tensor | np.ndarray):
            from undrift.restoration.pictures import values

            out = values.stored(made.pixels, made.alpha, made.depth, made.value_range)
            if isinstance(image, np.ndarray):
                return out.astype(image.dtype, copy=False)
            planes = torch.from_numpy(np.ascontiguousarray(out.transpose(2, 0, 1)))
            return planes.to(image.device, image.dtype)
        if type(image).__module__.startswith("PIL"):
            from PIL import Image

            return Image.fromarray(np.rint(np.clip(as_array(pixels), 0, 1) * 255).astype(np.uint8))
        return made

    return back
