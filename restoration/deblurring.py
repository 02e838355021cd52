"""`deblur`: known, parametric and unknown point-spread functions."""

import time
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.operators.blur import Blur
from undrift.common.operators.operator import Operator
from undrift.common.results import Restored
from undrift.restoration.asked import check_fidelity, check_noise, noise_of, wishes_for
from undrift.restoration.channels import GreyAsColour, prepared
from undrift.restoration.classical import CLASSICAL, check_deconvolved, deconvolved
from undrift.restoration.images import Picture, to_pixels
from undrift.restoration.inverse import solved, split
from undrift.restoration.inverse_problem import PRIOR, PriorSampler, Problem, prior_for
from undrift.restoration.outcome import Measured, outcome
from undrift.restoration.psf import read_psf, trimmed
from undrift.restoration.unlearned import Unlearned, check_no_model

BLIND = 8.0  # an estimated kernel is wrong too: its noise counts as so many times the picture's
TURNS = 16.0, 8.0, 8.0, 8.0  # the same while picture and kernel are improved in turn
WINDOW = 192  # pixels a side that the turns look at
STILL, FAINT = 1e-2, 0.03  # of the kernel's fit, see `KernelFamily`
BORDERS = ("valid", "reflect", "symmetric", "replicate", "circular", "zero")


def deblur(
    image: Any,
    *,
    psf: Any,
    noise: float | str = "auto",
    border: str = "valid",
    fidelity: float = 1.0,
    psf_size: int | None = None,
    method: str = "auto",
    model: str = PRIOR,
    **wishes: Any,
) -> Restored:
    """Undoes a blur that is the same everywhere.

    psf: the point-spread function: a word (gaussian:1.6, motion:15,30, disk:3), a file (PNG, TIFF,
    npy, csv), an array (h, w), or "auto" to estimate one from the picture (`info["psf"]` holds its
    values), of at most `psf_size` pixels a side; None is a seventh of the shorter side, at most 25.
    noise: standard deviation on the 0..255 scale, or "auto". border: "valid" if the scene goes on
    beyond the frame, as in photographs; "circular" for periodic data; also reflect, symmetric,
    replicate, zero. fidelity: 1 trusts the measurement as its noise says; more is sharper and
    noisier, less is smoother. method: "auto", which is half-quadratic splitting for one picture and
    the choice of `undrift.solve` for several samples, or any of its names; or without a network
    "wiener", "richardson-lucy" or "tv-deconvolution".
    Raises InputError for bad pictures and kernels, also for one larger than the picture, and
    UsageError for unknown names and numbers that cannot be.
    """
    if method in CLASSICAL["deblur"]:
        check_no_model(method, model, PRIOR)
        kept = {"psf": psf, "noise": noise, "border": border, "fidelity": fidelity}
        check_deblur(Unlearned(method, wishes_for(image, wishes)), **kept)
        return deconvolved(image, method, **kept, wishes=wishes)
    began = time.monotonic()
    picture, back = to_pixels(image)
    pixels = prepared(picture)
    sampler = prior_for(model, wishes_for(image, wishes), method)
    check_deblur(sampler, psf=psf, noise=noise, border=border, fidelity=fidelity)
    level = noise_of(picture, pixels, noise)
    blind = isinstance(psf, str) and psf == "auto"
    if blind:
        from undrift.restoration.blind import centred, estimate_psf

        kernel = estimate_psf(pixels, psf_size)
        kernel = centred(improved(pixels, kernel, level, sampler))
    else:
        kernel = trimmed(read_psf(psf))
    check_fits(kernel, picture)
    problem, frame = blurred(pixels, kernel, BLIND * level if blind else level, border)
    samples = solved(problem, sampler, fidelity)
    sampler.calls += len(TURNS) * sampler.choice.steps if blind else 0
    residual = problem.y - problem.operator(samples.mean(0, keepdim=True))
    samples = samples[(..., *frame)]
    extra = {
        "task": "deblur", "psf": kernel.tolist() if blind else name_of(psf), "blind": blind,
        "psf_shape": list(kernel.shape), "noise": round(255 * level, 4), "border": border,
        "fidelity": float(fidelity), "noise_given": noise, **sampler.how,
    }  # fmt: skip
    return outcome(picture, back, samples, Measured(residual, level), sampler, extra, began)


def improved(pixels: Tensor, kernel: Tensor, noise: float, sampler: PriorSampler) -> Tensor:
    """A kernel found from edges, after turns of restoring the picture with the prior and fitting.

    pixels (1, c, h, w), of which the middle is looked at; kernel (n, n), n odd; noise of pixels.
    """
    from undrift.common.posterior.blind import alternate
    from undrift.common.posterior.blind_kernels import KernelFamily

    top, left = (max(0, (n - WINDOW) // 2) for n in pixels.shape[2:])
    part = pixels[..., top : top + WINDOW, left : left + WINDOW]
    sampler.model = GreyAsColour.around(sampler.model, part)
    whole, _ = blurred(part, kernel, noise)
    family = KernelFamily(
        whole.operator.shape_in, len(kernel), "valid", smooth=STILL, faint=FAINT, iterations=150
    )

    def sharper(operator: Operator, y: Tensor, turn: int) -> Tensor:
        return split(replace(whole, operator=operator, noise=TURNS[turn] * noise), sampler).cpu()

    return alternate(family, part, sharper, len(TURNS), {"kernel": kernel})[1]["kernel"]


def blurred(
    pixels: Tensor, kernel: Tensor, noise: float, border: str = "valid"
) -> tuple[Problem, tuple[slice, slice]]:
    """The problem of pixels (1, c, h, w), and where the frame lies in its solution."""
    _, channels, height, width = pixels.shape
    if border != "valid":
        operator = Blur(kernel, (channels, height, width), border)  # type: ignore[arg-type]
        return Problem(operator, pixels, noise, pixels), (slice(None), slice(None))
    tall, wide = kernel.shape
    operator = Blur(kernel, (channels, height + tall - 1, width + wide - 1), "valid")
    top, left = (tall - 1) // 2, (wide - 1) // 2
    sides = [left, wide - 1 - left, top, tall - 1 - top]
    start = torch.nn.functional.pad(pixels, sides, mode="replicate")
    frame = (slice(top, top + height), slice(left, left + width))
    return Problem(operator, pixels, noise, start), frame


def check_deblur(
    sampler: Any,
    *,
    psf: Any,
    noise: float | str = "auto",
    border: str = "valid",
    fidelity: float = 1.0,
    **_: Any,
) -> None:
    """Raises UsageError for numbers and names that cannot be, InputError for a bad kernel."""
    check_noise(noise)
    check_fidelity(fidelity)
    if border not in BORDERS:
        raise UsageError(
            f"border {border!r}{nearest(border, BORDERS)} (there are: {', '.join(BORDERS)})"
        )
    if isinstance(sampler, Unlearned):
        check_deconvolved(sampler, psf, noise, border)
    if not (isinstance(psf, str) and psf == "auto"):
        read_psf(psf)


def check_fits(kernel: Tensor, picture: Picture) -> None:
    """Raises InputError for a kernel larger than the picture."""
    if kernel.shape[0] > picture.height or kernel.shape[1] > picture.width:
        raise InputError(
            f"the point-spread function is {kernel.shape[1]} x {kernel.shape[0]} pixels, the "
            f"picture {picture.width} x {picture.height}; expected one no larger than the picture; "
            "crop the kernel to where it matters, or take the whole picture"
        )


def name_of(psf: Any) -> str:
    """What a record says of a kernel."""
    return str(psf) if not hasattr(psf, "shape") else f"array {tuple(psf.shape)}"
