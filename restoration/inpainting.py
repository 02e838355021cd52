"""`inpaint`: fills in what a mask, transparency or NaN says is missing."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.operators.diagonal import Mask
from undrift.common.results import Restored
from undrift.restoration.asked import (
    FAINTEST,
    check_fidelity,
    check_noise,
    noise_of,
    wishes_for,
)
from undrift.restoration.classical import CLASSICAL, check_filled, filled
from undrift.restoration.filling import first_guess
from undrift.restoration.images import Picture, to_pixels
from undrift.restoration.inverse import solved
from undrift.restoration.inverse_problem import PRIOR, Problem, prior_for
from undrift.restoration.masks import checked_mask, grown, read_mask
from undrift.restoration.outcome import Measured, outcome
from undrift.restoration.scratches import find_scratches
from undrift.restoration.unlearned import Unlearned, check_no_model

TOP, BOTTOM = 30 / 255, 1 / 255  # levels of the prior


def inpaint(
    image: Any,
    *,
    mask: Any,
    grow: int = 0,
    noise: float | str = 0.0,
    fidelity: float = 1.0,
    method: str = "auto",
    model: str = PRIOR,
    **wishes: Any,
) -> Restored:
    """Fills in missing pixels.

    mask: a picture of the same size, white where pixels are missing; a folder that holds one of
    the same stem; an array (h, w), not 0 where missing; "alpha": transparent pixels are missing,
    and the result is opaque; "nan", for arrays and tensors of floats; or "scratches": those that
    `find_scratches` finds (`info["missing"]` is their share). grow: pixels around the missing ones
    that are taken out too. noise: of the known pixels, on the 0..255 scale, or "auto"; 0 returns
    them exactly as they came. fidelity, method: as for `deblur`; or without a network "biharmonic"
    or "nearest".
    Raises InputError for bad pictures, for a mask of another size, and for one that marks nothing
    or everything as missing; UsageError for unknown names and numbers that cannot be.
    """
    began = time.monotonic()
    plain = method in CLASSICAL["inpaint"]
    wanted = wishes_for(image, wishes)
    if plain:
        check_no_model(method, model, PRIOR)
    sampler = Unlearned(method, wanted) if plain else prior_for(model, wanted, method)
    check_inpaint(sampler, mask=mask, grow=grow, noise=noise, fidelity=fidelity)
    image, missing = _nan(image) if _is(mask, "nan") else (image, None)
    picture, back = to_pixels(image)
    if missing is None:
        missing = _missing(picture, mask, sampler.wishes.item)
    size = (picture.height, picture.width)
    missing = checked_mask(grown(missing, int(grow)), size, "the grown mask" if grow else "mask")
    alpha = np.ones(size, np.float32) if _is(mask, "alpha") else None
    extra = {
        "task": "inpaint", "missing": round(float(missing.mean()), 6), "grow": int(grow),
        "noise": 0.0, "noise_given": noise, "fidelity": float(fidelity),
    }  # fmt: skip
    if isinstance(sampler, Unlearned):
        return filled(
            picture, back, method, missing=missing, sampler=sampler, extra=extra, alpha=alpha
        )
    known = torch.from_numpy(~missing)[None, None].float()
    pixels = torch.from_numpy(picture.pixels.copy())[None]
    exact = not isinstance(noise, str) and float(noise) == 0
    guess = first_guess(pixels, known)
    level = FAINTEST if exact else noise_of(picture, guess, noise)
    operator = Mask(known[0].double(), tuple(pixels.shape[1:]))
    y = operator(pixels)

    def keep(samples: Tensor) -> Tensor:
        return torch.where(known > 0, pixels, samples) if exact else samples

    problem = Problem(operator, y, level, guess, TOP, BOTTOM, keep=keep, known=known)
    samples = solved(problem, sampler, fidelity)
    residual = y - operator(samples.mean(0, keepdim=True))
    seen = float(known.mean()) ** 0.5  # the residual of missing pixels is 0 and counts for nothing
    measured = Measured(residual, None if exact else level * seen)
    extra = {**extra, "noise": 0.0 if exact else round(255 * level, 4), **sampler.how}
    return outcome(picture, back, samples, measured, sampler, extra, began, alpha)


def check_inpaint(
    sampler: Any,
    *,
    mask: Any,
    grow: int = 0,
    noise: float | str = 0.0,
    fidelity: float = 1.0,
    **_: Any,
) -> None:
    """Raises UsageError for numbers that cannot be, InputError for a mask that is not there."""
    check_noise(noise)
    check_fidelity(fidelity)
    if isinstance(sampler, Unlearned):
        check_filled(sampler, noise, fidelity)
    if isinstance(grow, bool) or not isinstance(grow, int) or grow < 0:
        raise UsageError(f"grow {grow!r}: expected whole pixels, 0 or more")
    named = isinstance(mask, str | Path) and str(mask) not in ("alpha", "nan", "scratches")
    if named and not Path(mask).expanduser().exists():
        raise InputError(
            f"mask {mask}: no such file or folder; expected a picture, a folder of pictures, "
            "'alpha', 'nan' or 'scratches'"
        )


def _is(mask: Any, word: str) -> bool:
    return isinstance(mask, str) and mask == word


def _missing(picture: Picture, mask: Any, item: str) -> np.ndarray:
    size = (picture.height, picture.width)
    if _is(mask, "scratches"):
        found = find_scratches(picture.pixels)
        if not found.any():
            raise InputError(
                f"{picture.path or 'the picture'} has no scratches or dust that could be found; "
                "paint a mask if you see some"
            )
        return found
    if not _is(mask, "alpha"):
        return read_mask(mask, size, item)
    if picture.alpha is None:
        raise InputError(
            f"{picture.path or 'the picture'} has no alpha channel that could say what is missing; "
            "give a mask file"
        )
    return checked_mask(picture.alpha < 0.5, size, "the alpha channel")


def _nan(image: Any) -> tuple[Any, np.ndarray]:
    """The array or tensor with 0 for NaN, and where pixels are missing, (h, w)."""
    if isinstance(image, np.ndarray) and image.dtype.kind == "f":
        gone = np.isnan(image)
        flat = np.asarray(gone if gone.ndim == 2 else gone.any(-1))
        return np.where(gone, 0, image).astype(image.dtype), flat
    if isinstance(image, Tensor) and image.is_floating_point():
        holes = torch.isnan(image)
        plane = holes if holes.ndim == 2 else holes.any(0)
        return torch.where(holes, 0, image), plane.cpu().numpy()
    if isinstance(image, str | Path) and Path(image).suffix.lower() in (".tif", ".tiff"):
        import tifffile

        return _nan(np.asarray(tifffile.imread(image)))
    raise InputError(
        f"mask 'nan' needs an array or a tensor of floats, or a float TIFF; got "
        f"{type(image).__name__}; give a mask file"
    )
