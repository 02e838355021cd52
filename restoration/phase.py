"""`restore(task="phase")`: a picture from the modulus of its oversampled Fourier transform.

The modulus leaves a problem with many valleys. So: many random starts by the hybrid input-output
algorithm (Fienup 1982, "Phase retrieval algorithms: a comparison", Eq. 44),

    x <- P x inside the frame where P x is in [0, 1],      x - beta P x elsewhere,

P the projection on the measured modulus; error reduction; the start with the smallest residual
goes on; then the denoiser and error reduction in turn, at falling noise levels (as prDeep, Metzler
et al. 2018); and, where the modulus is noisy, half-quadratic splitting with its noise. The picture
turned by half a circle has the same modulus, and so has one moved within dark surroundings: one of
them is returned, and `aligned` picks the one near a reference for scoring. Colours are solved one
by one and turned to agree with the first.
"""

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.noise import Noise
from undrift.common.operators.operator import Operator
from undrift.common.operators.phase import phase_retrieval
from undrift.common.posterior.half_quadratic import HalfQuadratic, falling
from undrift.common.results import Restored
from undrift.common.sampling import Sampler
from undrift.restoration.asked import is_number, wishes_for
from undrift.restoration.channels import GreyAsColour
from undrift.restoration.images import Picture
from undrift.restoration.inverse_problem import PRIOR, called, prior_for
from undrift.restoration.linear_tasks import as_array
from undrift.restoration.measurements import read_measurement
from undrift.restoration.outcome import Measured, outcome

BETA = 0.9
POLISH = 20 / 255, 2 / 255  # noise levels of the denoiser, and so many rounds between
BETWEEN = 20
FEW = 2e-3  # noise of the modulus above which it is weighed against the prior, in so many calls
LAST = 8


@dataclass(frozen=True, eq=False)
class Moduli:
    """Measured moduli (b, 1, N, N), uncentred, of pictures of n x n pixels in the corner."""

    values: Tensor
    n: int

    def projected(self, x: Tensor) -> Tensor:
        """P x: the nearest signal with the measured modulus; x (b, k, N, N)."""
        spectrum = torch.fft.rfft2(x, norm="ortho")
        half = self.values[..., : spectrum.shape[-1]]
        turned = half * torch.polar(torch.ones_like(spectrum.real), spectrum.angle())
        return torch.fft.irfft2(turned, s=x.shape[-2:], norm="ortho")

    def residual(self, x: Tensor) -> Tensor:
        """Root mean square misfit of the modulus, (b, k)."""
        seen = torch.fft.fft2(x, norm="ortho").abs()
        return (seen - self.values).square().mean((-2, -1)).sqrt()

    def framed(self, x: Tensor) -> Tensor:
        """x inside the frame and within [0, 1], 0 elsewhere."""
        out = torch.zeros_like(x)
        out[..., : self.n, : self.n] = x[..., : self.n, : self.n].clamp(0, 1)
        return out

    def reduced(self, x: Tensor, rounds: int) -> Tensor:
        """Error reduction."""
        for _ in range(rounds):
            x = self.framed(self.projected(x))
        return x

    def hybrid(self, x: Tensor, rounds: int) -> Tensor:
        """Hybrid input-output."""
        inside = torch.zeros_like(x[:1, :1], dtype=torch.bool)
        inside[..., : self.n, : self.n] = True
        for _ in range(rounds):
            new = self.projected(x)
            fine = inside & (new >= 0) & (new <= 1)
            x = torch.where(fine, new, x - BETA * new)
        return x


def retrieve(
    modulus: Any,
    *,
    oversample: float | None = None,
    noise: float | None = None,
    starts: int = 16,
    rounds: int = 600,
    model: str = PRIOR,
    **wishes: Any,
) -> Restored:
    """A picture in [0, 1] from |F x|, the centred orthonormal transform of the picture in zeros.

    modulus: array (N, N) or (c, N, N), c = 1 or 3; N = n + 2 round((oversample - 1) n / 2), as of
    `degrade_operators.Diffracted`. noise: standard deviation of the modulus in its unit. starts:
    random beginnings, of `rounds` rounds each; more find the picture more often.
    A path of an .npz tells oversample and noise itself (`measurements`).
    Returns an array (n, n) or (n, n, 3), up to a turn by half a circle; `info["residual_rms"]`
    well above the noise says that the picture was not found.
    Raises InputError for other shapes, negative or non-finite values, UsageError for numbers.
    """
    began = time.monotonic()
    sampler = prior_for(model, wishes_for(modulus, wishes))
    if sampler.choice.samples > 1:
        raise UsageError("phase retrieval finds one picture, it draws no samples; ask for one")
    plain, said = read_measurement(modulus)
    factor = said.get("oversample", 2.0) if oversample is None else oversample
    given: Any = said.get("noise", 0.0) if noise is None else noise
    if not is_number(given) or not given >= 0:
        raise UsageError(f"noise {given!r}: expected 0 or more, in the unit of the modulus")
    y = _checked(plain)
    _, n = _sides(y.shape[-1], factor)
    moduli = Moduli(torch.fft.ifftshift(y, dim=(-2, -1))[:, None], n)
    found = best_start(moduli, starts, rounds, sampler.wishes.seed, sampler.wishes.item)
    x = _agreed(found[:, 0, :n, :n])
    sampler.model = GreyAsColour.around(sampler.model, x[None])
    level = max(float(given), 1e-3)
    operator = phase_retrieval((len(x), n, n), factor)
    x = _polished(x, moduli, sampler)
    if level > FEW:
        x = _weighed(x, y, operator, level, sampler)
    residual = y - operator(x)
    extra = {
        "task": "phase", "oversample": float(factor), "noise": float(given),
        "starts": starts, "rounds": rounds, "method": "hybrid-input-output",
        "why": "many valleys: random starts, then the prior",
    }  # fmt: skip
    picture = Picture(np.zeros(x.shape, np.float32), None, "float32")
    measured = Measured(residual[None], level if given else None)
    return outcome(picture, as_array, x[None], measured, sampler, extra, began)


def aligned(x: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """x (c, h, w) as near to the reference as the modulus leaves open: turned, moved, or as it is.

    Moved by whole pixels where the surroundings are dark, with 0 for what comes in.
    """
    size = tuple(2 * side for side in x.shape[1:])
    candidates = []
    for v in (x, x[:, ::-1, ::-1]):
        wide = np.fft.rfft2(v, size)
        match = np.fft.irfft2((np.fft.rfft2(reference, size) * wide.conj()).sum(0), size)
        best = np.unravel_index(int(match.argmax()), size)
        padded = np.pad(v, [(0, 0), (0, v.shape[1]), (0, v.shape[2])])
        moved = np.roll(padded, best, (1, 2))[:, : v.shape[1], : v.shape[2]]
        candidates += [v, moved]
    return np.ascontiguousarray(
        min(candidates, key=lambda v: float(np.square(v - reference).mean()))
    )


def _checked(modulus: np.ndarray) -> Tensor:
    y = torch.as_tensor(modulus, dtype=torch.float32)
    y = y[None] if y.ndim == 2 else y
    if y.ndim != 3 or y.shape[0] not in (1, 3) or y.shape[1] != y.shape[2]:
        raise InputError(
            f"got a modulus of shape {tuple(y.shape)}; expected (N, N), or (1 or 3, N, N)"
        )
    if not bool(torch.isfinite(y).all()) or not bool((y > 0).any()):
        raise InputError("the modulus has values that are not finite, or is 0 everywhere")
    return y.clamp(min=0)


def _sides(total: int, oversample: float) -> tuple[int, int]:
    """Zeros on each side, and the pixels of the picture."""
    if not is_number(oversample) or not oversample > 1:
        raise UsageError(f"oversample {oversample}: expected more than 1; 2 is usual")
    for n in range(1, total):
        side = round((oversample - 1) * n / 2)
        if n + 2 * side == total:
            return side, n
    raise InputError(f"no picture gives a modulus of {total} samples a side at {oversample:g} x")


def best_start(moduli: Moduli, starts: int, rounds: int, seed: int, item: str) -> Tensor:
    """(c, 1, N, N): of the random starts, the one with the smallest residual."""
    count, total = len(moduli.values), moduli.values.shape[-1]
    noise = Noise(seed, f"phase/{item}")((count, starts, total, total))
    x = moduli.framed(0.5 + 0.25 * noise)
    x = moduli.reduced(moduli.hybrid(x, rounds // 4), 10)
    order = moduli.residual(x).argsort(1)[:, : max(1, starts // 4)]
    x = torch.stack([x[k, order[k]] for k in range(count)])
    x = moduli.reduced(moduli.hybrid(x, rounds), 60)
    first = moduli.residual(x).argmin(1)
    return torch.stack([x[k, first[k]][None] for k in range(count)])


def _agreed(x: Tensor) -> Tensor:
    """Channels (c, n, n), each turned so that it correlates with the first."""

    def like(v: Tensor) -> Tensor:
        return ((x[0] - x[0].mean()) * (v - v.mean())).sum()

    return torch.stack([v if like(v) >= like(v.flip(0, 1)) else v.flip(0, 1) for v in x])


def _polished(x: Tensor, moduli: Moduli, sampler: Sampler) -> Tensor:
    """Denoiser and error reduction in turn; x (c, n, n); turned channels have equal moduli."""
    from undrift.common.grids import time_of_ratio

    n, denoiser = x.shape[-1], sampler.model.denoiser
    denoise = called(sampler, x.shape[1:])
    top, bottom = POLISH
    best, least = x, float("inf")
    with torch.inference_mode():
        for level in [*falling(sampler.choice.steps, top, bottom), 0.0]:
            wide = moduli.reduced(_wide(x, moduli.values), BETWEEN)
            x = wide[:, 0, :n, :n]
            misfit = float(moduli.residual(wide).square().mean())
            if misfit < least:
                best, least = x, misfit
            if level:
                moment = time_of_ratio(denoiser.process, level, denoiser.scaling.sigma_d)
                a = float(denoiser.process.a(torch.tensor(moment, dtype=torch.float64)))
                x = denoise(a * x[None], moment, None, None).x0[0]
    sampler.calls = sampler.choice.steps
    return best


def _weighed(x: Tensor, y: Tensor, operator: Operator, noise: float, sampler: Sampler) -> Tensor:
    """Half-quadratic splitting from x on: error reduction would follow the noise."""
    denoiser = sampler.model.denoiser
    splitting = HalfQuadratic(
        called(sampler, x.shape[1:]), denoiser.process, operator, noise, denoiser.scaling.sigma_d
    )
    levels = falling(LAST, *POLISH)
    with torch.no_grad():
        found = splitting(y[None], x[None].clone(), levels)[0]
    sampler.calls += LAST
    return found


def _wide(x: Tensor, like: Tensor) -> Tensor:
    wide = torch.zeros_like(like)
    wide[:, 0, : x.shape[-1], : x.shape[-1]] = x
    return wide
