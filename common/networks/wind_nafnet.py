"""A denoiser of a scalar with its wind: the best linear estimate, and a network for what it misses.

Three channels z = (T, u, v) of a periodic field are one field q, wave by wave

    (T^, u^, v^) = c q^,      c = (g_T, -i g_w ky / k, i g_w kx / k),

as at the surface of a quasi-geostrophic fluid, where u = -psi_y, v = psi_x and psi^ = q^ / k. The
state z = cos(psi) x0 + sin(psi) eps then has the linear estimate of x0 of least error (Wiener)

    x0^ = cos p c (c^H z^) / (cos^2 p |c|^2 + sin^2),     p the power of q at k.

What is put out is its F = sin x0 - cos eps, "balanced" with sigma_d = 1, and a correction c h^ by a
`LocalNAFNet` that is shown q of the state and the estimate. So the error begins at that of the
optimal linear denoiser, and every estimate has the wind of its temperature. The transform sees the
whole field: this network is for whole periodic fields of one grid step and any size, not for tiles.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from undrift.common.networks.local_nafnet import LocalNAFNet

_SMALLEST = 1e-30  # power of a wave that has none


class WindNAFNet(nn.Module):
    """(b, 3, h, w) -> (b, 3, h, w); h and w multiples of `multiple`.

    power: of q at 0, 1, 2, ... waves in `side` points, with orthonormal transforms; between them
    its logarithm is a line, beyond the last it stays. gains: g_T, g_w. params: of the LocalNAFNet.
    """

    logs: Tensor

    def __init__(
        self, power: Sequence[float], gains: Sequence[float], side: int = 64, **params: Any
    ):
        super().__init__()
        if len(power) < 2 or len(gains) != 2:
            raise ValueError(f"got {len(power)} powers and {len(gains)} gains; expected 2 gains")
        self.side, self.gains = side, (float(gains[0]), float(gains[1]))
        logs = [math.log(max(float(p), _SMALLEST)) for p in power]
        self.register_buffer("logs", torch.tensor(logs), persistent=False)
        self.inner = LocalNAFNet(inputs=4, outputs=1, levels=0, periodic=True, **params)

    @property
    def multiple(self) -> int:
        """Sides must be multiples of this."""
        return self.inner.multiple

    @property
    def bytes_per_element(self) -> float:
        """Peak memory of a call, as of `LocalNAFNet`, with the spectra of three channels."""
        return self.inner.bytes_per_element + 48

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        """Raises ValueError for sides that are no multiples of `multiple`."""
        z = x if x.dtype == torch.float64 else x.float()  # transforms know no half types
        cos, sin = (v.to(z)[:, None, None] for v in (torch.cos(psi), torch.sin(psi)))
        direction, power = self._waves(z)
        wave = torch.fft.rfft2(z, norm="ortho")
        q = (direction.conj() * wave).sum(1)  # of unit gain: c / |c| q is the field
        estimate = cos * power / (cos**2 * power + sin**2) * q
        shown = torch.cat([q[:, None], direction * estimate[:, None]], 1)
        features = torch.fft.irfft2(shown, s=z.shape[-2:], norm="ortho")
        more = torch.fft.rfft2(self.inner(features, psi).to(z)[:, 0], norm="ortho")
        # Along c: (estimate - cos q) / sin; across it there is noise alone, whose F is -cos eps.
        along = cos * sin * (power - 1) / (cos**2 * power + sin**2) + cos / sin
        out = direction * (along * q + more)[:, None] - (cos / sin)[:, None] * wave
        return torch.fft.irfft2(out, s=z.shape[-2:], norm="ortho")

    def covariance(self, rows: int, columns: int) -> Tensor:
        """(rows, columns // 2 + 1, 3, 3) what the linear estimate takes for that of fields of this
        size, wave by wave, float64."""
        like = torch.zeros(1, 3, rows, columns, dtype=torch.float64, device=self.logs.device)
        direction, power = self._waves(like)
        return torch.einsum("irk,jrk,rk->rkij", direction, direction.conj(), power + 0j).detach()

    def _waves(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """c / |c|, (3, h, w // 2 + 1), and the power of |c| q."""
        rows, columns = z.shape[-2:]
        ky = torch.fft.fftfreq(rows, dtype=z.dtype, device=z.device)[:, None].expand(
            rows, columns // 2 + 1
        )
        kx = torch.fft.rfftfreq(columns, dtype=z.dtype, device=z.device)[None].expand(
            rows, columns // 2 + 1
        )
        k = torch.sqrt(kx**2 + ky**2)
        heat, wind = self.gains
        unit = torch.where(k > 0, k, torch.ones_like(k))
        parts = [torch.full_like(k, heat) + 0j, -1j * wind * ky / unit, 1j * wind * kx / unit]
        size = math.hypot(heat, wind)
        place = (k * self.side).clamp(max=len(self.logs) - 1)
        low = place.floor().long().clamp(max=len(self.logs) - 2)
        logs = self.logs.to(z)
        power = torch.exp(torch.lerp(logs[low], logs[low + 1], place - low)) * size**2
        flat = k == 0
        direction = torch.stack(parts) / size
        edge = (ky.abs() == 0.5) | (kx == 0.5)  # waves of two points have no slope on the grid
        direction = torch.where(flat | edge, torch.zeros_like(direction), direction)
        return direction, torch.where(flat | edge, torch.zeros_like(power), power)
