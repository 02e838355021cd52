"""Filtered back projection, for parallel and fan beams (Kak & Slaney 1988, Ch. 3).

    parallel:  f = sum_t dt (h * p_t)(s),   s = x cos t + y sin t              (Eqs. 61, 67)
    fan:       f = sum_b db (R/L)^2 (h * p_b R / sqrt(R^2 + u^2))(u)           (Eqs. 98, 99)

h is the ramp sampled in space (Eq. 61 of Ch. 3), with a window where asked; u the place on the
detector as seen in the centre, R the distance of the source, L that of the pixel along the axis.
An angle counts for half the gaps to its neighbours. Rays measured twice count half: all of a full
turn; of a turn of 180 degrees and the fan, by Parker's weights (Med. Phys. 9, 1982). With fewer
angles than that parts of the image are missing, not weighted up.
"""

import math

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError, nearest
from undrift.medical.ct.geometry import Fan, Geometry

Values = npt.NDArray[np.float32]
WINDOWS = {
    "ramp": lambda f: torch.ones_like(f),
    "cosine": lambda f: torch.cos(0.5 * math.pi * f),
    "hann": lambda f: 0.5 + 0.5 * torch.cos(math.pi * f),
}


def filtered_back_projection(sinogram: Values, geometry: Geometry, window: str = "ramp") -> Values:
    """(slices, angles, cells) of line integrals -> (slices, rows, columns) of attenuation per mm.

    geometry: one that knows its image. window: "ramp", "cosine" or "hann" (smoother). Raises
    UsageError for another window, InputError for a sinogram of another shape.
    """
    if window not in WINDOWS:
        known = ", ".join(WINDOWS)
        raise UsageError(f"window {window!r} is not one of {known}{nearest(window, WINDOWS)}")
    given = torch.as_tensor(np.ascontiguousarray(sinogram))
    wanted = (len(geometry.angles), geometry.cells)
    if given.ndim != 3 or tuple(given.shape[1:]) != wanted:
        raise InputError(
            f"a sinogram of {tuple(given.shape)}; expected (slices, angles, cells) with {wanted}"
        )
    angles = torch.deg2rad(torch.tensor(geometry.angles, dtype=torch.float64))
    pitch = geometry.pitch
    if isinstance(geometry, Fan):
        pitch = pitch * geometry.source / (geometry.source + geometry.detector)
        given = given * _fan_weights(geometry, angles, pitch).to(given.dtype)
    else:
        given = given * _gaps(geometry.angles, 180.0)[:, None].to(given.dtype)
    return _back_projected(_ramped(given, pitch, window), geometry, angles, pitch).numpy()


def _ramped(rows: Tensor, pitch: float, window: str) -> Tensor:
    """Rows (..., cells) convolved with the ramp."""
    n = rows.shape[-1]
    place = torch.arange(-n, n, dtype=torch.float64)
    odd = place.remainder(2) == 1
    ramp = torch.where(odd, -1 / (math.pi * torch.where(odd, place, 1)) ** 2, 0)
    ramp[n] = 0.25
    gain = torch.fft.rfft(torch.fft.ifftshift(ramp)).real / pitch
    gain = (gain * WINDOWS[window](torch.linspace(0, 1, n + 1, dtype=torch.float64))).to(rows.dtype)
    return torch.fft.irfft(gain * torch.fft.rfft(rows, 2 * n), 2 * n)[..., :n]


def _back_projected(rows: Tensor, geometry: Geometry, angles: Tensor, pitch: float) -> Tensor:
    """Sums over angles, each pixel interpolating between two cells; all slices at once."""
    height, width = geometry.image
    x = (torch.arange(width, dtype=torch.float64) - (width - 1) / 2) * geometry.pixel
    y = ((height - 1) / 2 - torch.arange(height, dtype=torch.float64))[:, None] * geometry.pixel
    cells = torch.nn.functional.pad(rows, (1, 2)).permute(1, 2, 0).contiguous()
    total = rows.new_zeros(height * width, rows.shape[0])
    for angle, cell in zip(angles.tolist(), cells, strict=True):
        place = x * math.cos(angle) + y * math.sin(angle)
        share = None
        if isinstance(geometry, Fan):
            far = geometry.source - x * math.sin(angle) + y * math.cos(angle)
            place = place * (geometry.source / far)
            share = ((geometry.source / far) ** 2).flatten().to(rows.dtype)
        place = (place / pitch + (geometry.cells - 1) / 2).clamp(-1, geometry.cells).flatten()
        low = place.floor()
        part = (place - low).to(rows.dtype)[:, None]
        low = low.long() + 1
        found = torch.lerp(cell.index_select(0, low), cell.index_select(0, low + 1), part)
        total += found if share is None else found * share[:, None]
    return total.T.reshape(-1, height, width)


def _gaps(angles: tuple[float, ...], period: float) -> Tensor:
    """What each angle stands for, in radians: half the gaps to its neighbours, modulo a period.

    A gap more than three times the middle one is one where nothing was measured: there, the middle
    one counts. Angles that coincide share theirs.
    """
    folded = torch.tensor(angles, dtype=torch.float64).remainder(period)
    order = torch.argsort(folded)
    ahead = torch.roll(folded[order], -1) - folded[order]
    ahead[-1] += period
    new = ahead > 1e-6 * period
    middle = float(ahead[new].median())
    ahead = torch.where(ahead > 3 * middle, middle, ahead)
    weight = torch.empty_like(ahead)
    weight[order] = (ahead + torch.roll(ahead, 1)) / 2
    return torch.deg2rad(weight)


def _fan_weights(geometry: Fan, angles: Tensor, pitch: float) -> Tensor:
    """(angles, cells): obliquity, the angle's part of the turn, and how often a ray was seen."""
    u = (torch.arange(geometry.cells, dtype=torch.float64) - (geometry.cells - 1) / 2) * pitch
    slant = geometry.source / torch.sqrt(geometry.source**2 + u**2)
    gaps = _gaps(geometry.angles, 360.0)[:, None]
    span = float(gaps.sum())
    gamma = torch.atan(u / geometry.source)
    if span > 2 * math.pi * (1 - 1e-6):
        seen = torch.full((len(angles), geometry.cells), 0.5, dtype=torch.float64)
    elif span >= math.pi + 2 * float(gamma.abs().max()):
        seen = _parker(angles, gaps, gamma, (span - math.pi) / 2)
    else:
        seen = torch.ones(len(angles), geometry.cells, dtype=torch.float64)
    return slant * gaps * seen


def _parker(angles: Tensor, gaps: Tensor, gamma: Tensor, over: float) -> Tensor:
    """Parker's weights (Eq. 12), smooth over the angles at both ends; over: half of what the turn
    has beyond 180 degrees."""
    beta = (angles - angles.min() + gaps.min() / 2)[:, None]
    begin = beta / (over + gamma)
    end = (math.pi + 2 * over - beta) / (over - gamma)
    rise = torch.sin(math.pi / 4 * begin.clamp(0, 2)) ** 2
    fall = torch.sin(math.pi / 4 * end.clamp(0, 2)) ** 2
    return torch.minimum(rise, fall)
