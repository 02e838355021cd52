"""The pieces of a reconstruction put together: images in their own units, spread, and honesty."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from undrift.common.results import Restored
from undrift.medical.honesty.invented import null_space_map
from undrift.medical.honesty.measurement import measurement_check
from undrift.medical.mri.models import to_complex
from undrift.medical.mri.pieces import Piece

_TOL, _ITERATIONS = 1e-3, 50  # of the null-space map: what takes longer is hardly measured


@dataclass(frozen=True, eq=False)
class Reconstruction(Restored):
    """A `Restored` of images: `value` complex, `std` the deviation of the complex values, both in
    the units of the coils' root of sum of squares (or of the given maps).

    residual: |A^H (y - A x)| over what noise alone makes of it; 1 is right, structure is missing.
    invented: |x - A^+ A x|: what the measurement leaves open and the prior has filled in.
    """

    invented: Any = None


@dataclass(frozen=True, eq=False)
class Part:
    """Of one piece: complex samples (k, *space) in units of the image, and maps (*space)."""

    samples: Tensor
    residual: Tensor
    invented: Tensor
    chi: float
    warnings: tuple[str, ...]

    @staticmethod
    def of(piece: Piece, drawn: Tensor) -> "Part":
        """drawn: (k, 2, *space) in units of the prior."""
        mean = drawn.mean(0)
        check = measurement_check(
            piece.operator, mean, piece.y[0].to(_complex_like(mean)), piece.sigma, piece.measured
        )
        gain = piece.gain.to(drawn) if isinstance(piece.gain, Tensor) else piece.gain
        null = null_space_map(piece.operator, mean, _TOL, _ITERATIONS)
        residual = torch.linalg.vector_norm(check.image, dim=0) / 2**0.5
        invented = torch.linalg.vector_norm(null.image, dim=0) * gain
        chi, warnings = check.chi, check.warnings()
        return Part(to_complex(drawn) * gain, residual, invented, chi, warnings)


class Gathered:
    """Parts by the numbers of their slices, as stacks (slices, h, w)."""

    def __init__(self, slices: int, plane: tuple[int, int]):
        self.parts: list[tuple[Sequence[int], Part]] = []
        self.slices, self.plane = slices, plane

    def take(self, numbers: Sequence[int], part: Part) -> None:
        """numbers: of the slices of the part."""
        self.parts.append((numbers, part))

    @property
    def drawn(self) -> Tensor:
        """(k, slices, h, w)."""
        return self._stacked([part.samples for _, part in self.parts])

    @property
    def value(self) -> Tensor:
        """The mean of the samples."""
        return self.drawn.mean(0)

    @property
    def samples(self) -> tuple[Tensor, ...]:
        """Each, or () for one."""
        return tuple(self.drawn) if len(self.drawn) > 1 else ()

    @property
    def std(self) -> Tensor | None:
        """Root of the variance of real plus that of imaginary part; None for one sample."""
        drawn = self.drawn
        if len(drawn) < 2:
            return None
        return torch.sqrt(drawn.real.var(0) + drawn.imag.var(0))

    @property
    def residual(self) -> Tensor:
        """See `Reconstruction`."""
        return self._stacked([part.residual[None] for _, part in self.parts])[0]

    @property
    def invented(self) -> Tensor:
        """See `Reconstruction`."""
        return self._stacked([part.invented[None] for _, part in self.parts])[0]

    def result(self, info: dict[str, Any]) -> Reconstruction:
        """All of it, as tensors."""
        return Reconstruction(
            value=self.value,
            std=self.std,
            samples=self.samples,
            residual=self.residual,
            invented=self.invented,
            info=info,
        )

    def record(self, several: bool) -> dict[str, Any]:
        """chi of all, root of the mean square, and the warnings of each slice once."""
        chis = [part.chi for _, part in self.parts]
        texts = [
            f"slice {numbers[0]}: {text}" if len(self.parts) > 1 else text
            for numbers, part in self.parts
            for text in part.warnings
        ]
        return {
            "chi": round((sum(c**2 for c in chis) / len(chis)) ** 0.5, 4),
            "chi_slices": [round(c, 4) for c in chis],
            "warnings": texts if several else [],
        }

    def _stacked(self, parts: list[Tensor]) -> Tensor:
        """(k, [slices,] h, w) of each part as one (k, slices, h, w)."""
        shape = (len(parts[0]), -1, *self.plane)
        return torch.cat([part.reshape(shape) for part in parts], 1)


def _complex_like(x: Tensor) -> torch.dtype:
    return x.dtype.to_complex()
