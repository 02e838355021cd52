"""Task calls of the image domain: one verb, one function.

Every function takes a path, a NumPy array (h, w[, c]), a torch tensor (c, h, w), a PIL image or a
`Picture`, and returns a `Restored` whose `.value` is of the same kind, with depth, alpha and
metadata kept (a path gives a `Picture`). Keywords shared by all tasks are those of `Wishes`:
preset, steps, solver, samples, seed, item (of a path: its name), device, dtype, tile, max_memory,
batch, pad.
"""

import time
from typing import Any

import torch

from undrift.common.errors import UsageError, nearest
from undrift.common.results import Restored
from undrift.common.sampling import Sampler, make_sampler
from undrift.restoration.asked import check_fidelity, is_number, wishes_for
from undrift.restoration.channels import GreyAsColour, prepared
from undrift.restoration.classical import CLASSICAL, check_interpolated, interpolated
from undrift.restoration.consistency import consistent, enlarged, level_of, reduced, rounding_noise
from undrift.restoration.denoising import check_denoise, denoise
from undrift.restoration.images import to_pixels
from undrift.restoration.outcome import Measured, outcome
from undrift.restoration.unlearned import Unlearned, check_no_model

__all__ = ["check_denoise", "check_sr", "denoise", "sr"]

DEGRADATIONS = ("bicubic", "real")


def sr(
    image: Any,
    *,
    scale: float = 4.0,
    method: str = "model",
    fidelity: float = 1.0,
    degradation: str = "bicubic",
    model: str | None = None,
    **wishes: Any,
) -> Restored:
    """Enlarges a picture `scale` times (2 to 4 for the default model, whole or not).

    method "model": by a network made for it, `photos-sr`. "operator": by a prior and the kernel
    that shrank the picture, any scale to 16; keywords kernel, noise, fidelity of `enlarge`.
    "bicubic", "lanczos": without a network, any scale to 16.

    degradation "real": pictures that are not clean reductions but blurred, noisy or compressed are
    enlarged by bicubic and then restored, see `enlarge_real`.

    With "bicubic" the picture is taken as the antialiased bicubic reduction of the result. Sampling
    starts at the bicubic enlargement; back-projection then makes the result agree with the picture
    given, down to the rounding of its depth over `fidelity`. h becomes ceil(h scale). Alpha is
    enlarged, too.
    Raises InputError for bad pictures, UsageError for unknown names and a scale outside the model's
    range.
    """
    if method == "operator":
        from undrift.restoration.linear_tasks import enlarge

        named = {} if model is None else {"model": model}
        return enlarge(image, scale=scale, fidelity=fidelity, **named, **wishes)
    check_sr_method(method, degradation)
    if degradation == "real":
        from undrift.restoration.real_sr import enlarge_real

        return enlarge_real(image, scale=scale, fidelity=fidelity, model=model, **wishes)
    if method in CLASSICAL["sr"]:
        check_no_model(method, model)
        return interpolated(image, method, scale=scale, fidelity=fidelity, wishes=wishes)
    began = time.monotonic()
    picture, back = to_pixels(image)
    low = prepared(picture)
    sampler = make_sampler(model or "photos-sr", "sr", wishes_for(image, wishes))
    check_sr(sampler, scale, fidelity=fidelity)
    sampler.model = GreyAsColour.around(sampler.model, low)
    modes = sampler.wishes.pad_modes()
    y = enlarged(low, scale, modes)
    samples = sampler.draw_samples(y.shape, y=y, level=level_of(scale)).cpu()
    noise = rounding_noise(picture)
    most = sampler.choice.back_projections
    least = None if noise is None else noise / float(fidelity)
    samples, rounds = consistent(samples, low, scale, most, least, modes)
    measured = Measured(low - reduced(samples.mean(0, keepdim=True), low, scale, modes), noise)
    alpha = None
    if picture.alpha is not None:
        plane = torch.from_numpy(picture.alpha)[None]
        alpha = enlarged(plane, scale, modes)[0].clamp(0, 1).numpy()
    extra = {
        "task": "sr", "scale": float(scale), "back_projections": rounds,
        "fidelity": float(fidelity),
    }  # fmt: skip
    return outcome(picture, back, samples, measured, sampler, extra, began, alpha)


def check_sr(
    sampler: Sampler | Unlearned,
    scale: float = 4.0,
    method: str = "model",
    fidelity: float = 1.0,
    degradation: str = "bicubic",
    **operator: Any,
) -> None:
    """Raises UsageError for a scale that the model was not trained for, or an unknown method."""
    if method == "operator":
        from undrift.restoration.linear_tasks import check_enlarge

        return check_enlarge(sampler, scale=scale, fidelity=fidelity, **operator)
    check_sr_method(method, degradation)
    if degradation == "real":
        from undrift.restoration.real_sr import check_enlarge_real

        return check_enlarge_real(sampler, scale, fidelity)
    check_fidelity(fidelity)
    if isinstance(sampler, Unlearned):
        return check_interpolated(sampler, scale, fidelity)
    low, high = sampler.model.settings.ranges.get("scale", (1.0, 64.0))
    if not is_number(scale) or not low <= float(scale) <= high:
        raise UsageError(
            f"scale {scale}: {sampler.model.id} was trained for {low:g} to {high:g}; "
            "method 'operator' takes any scale to 16, or name another model"
        )


def check_sr_method(method: str, degradation: str = "bicubic") -> None:
    """Raises UsageError for an unknown method or degradation, with the nearest."""
    if degradation not in DEGRADATIONS:
        hint = nearest(str(degradation), DEGRADATIONS)
        raise UsageError(f"degradation {degradation!r}{hint}; expected bicubic or real")
    if degradation == "real" and method != "model":
        raise UsageError(f"degradation 'real' is done by a network; leave out method {method!r}")
    names = ("model", "operator", *CLASSICAL["sr"])
    if method not in names:
        raise UsageError(
            f"method {method!r}{nearest(method, names)} (for sr there are: {', '.join(names)})"
        )
