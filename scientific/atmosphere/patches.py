"""Patches of fixed size as CorrDiff lays them: overlaps are averaged, borders reflected.

Along each axis, with patch p, overlap o and boundary b: stride = p - o - b, ceil(n / stride)
patches, the field reflected by b in front and behind up to stride (count - 1) + p + b. Patches come
column by column, and for each place all items of the batch; `fused` puts them together with equal
weights. It is what networks trained on patches of one size expect (Mardani et al. 2023); for
networks of bounded reach `common.tiling` is exact at a lower price.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.solvers.loop import Denoise


@dataclass(frozen=True)
class Patches:
    """patch, overlap, boundary: points. shape: rows, columns of the whole field.

    Raises InputError for a patch that its overlap and boundary leave nothing of.
    """

    shape: tuple[int, int]
    patch: int
    overlap: int = 4
    boundary: int = 2

    def __post_init__(self) -> None:
        if self.stride < 1 or min(self.overlap, self.boundary) < 0:
            raise InputError(
                f"patches of {self.patch} with overlap {self.overlap} and boundary "
                f"{self.boundary}; expected a patch larger than both together, neither below 0"
            )

    @property
    def stride(self) -> int:
        """Points from one patch to the next."""
        return self.patch - self.overlap - self.boundary

    @property
    def counts(self) -> tuple[int, int]:
        """Patches along rows and columns."""
        return math.ceil(self.shape[0] / self.stride), math.ceil(self.shape[1] / self.stride)

    @property
    def padded(self) -> tuple[int, int]:
        """Size with the reflected borders."""
        rows, columns = (self.stride * (n - 1) + self.patch + self.boundary for n in self.counts)
        return rows, columns

    def cut(self, x: Tensor) -> Tensor:
        """(places b, c, patch, patch) of (b, c, rows, columns)."""
        behind = [p - n - self.boundary for p, n in zip(self.padded, self.shape, strict=True)]
        pads = (self.boundary, behind[1], self.boundary, behind[0])
        wide = functional.pad(x, pads, mode="reflect")
        parts = wide.unfold(2, self.patch, self.stride).unfold(3, self.patch, self.stride)
        return parts.permute(3, 2, 0, 1, 4, 5).flatten(0, 2)

    def index(self) -> Tensor:
        """(places, 2, patch, patch) rows and columns of each point of each patch."""
        axes = [torch.arange(n) for n in self.shape]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]
        return self.cut(grid.double()).long()

    def overlaps(self) -> Tensor:
        """(1, 1, *padded) how many patches cover each point."""
        places = self.counts[0] * self.counts[1]
        return self._laid(torch.ones(places, 1, self.patch, self.patch, dtype=torch.float64))

    def fused(self, patches: Tensor) -> Tensor:
        """The means of (places b, c, patch, patch) as (b, c, rows, columns)."""
        total = self._laid(patches) / self.overlaps().to(patches)
        b, (rows, columns) = self.boundary, self.shape
        return total[:, :, b : b + rows, b : b + columns]

    def _laid(self, patches: Tensor) -> Tensor:
        down, along = self.counts
        split = patches.unflatten(0, (along, down, -1)).permute(2, 3, 4, 5, 1, 0)
        flat = split.flatten(4, 5).flatten(1, 3)
        height, width = (self.stride * (n - 1) + self.patch for n in self.counts)
        whole = functional.fold(flat, (height, width), self.patch, stride=self.stride)
        more = [p - n for p, n in zip(self.padded, (height, width), strict=True)]
        return functional.pad(whole, (0, more[1], 0, more[0]))


@dataclass(frozen=True)
class Patched:
    """Wraps a denoiser; call it as one: every estimate is fused from those of patches."""

    denoise: Denoise
    patches: Patches

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """x, y: (b, c, rows, columns)."""
        told = None if y is None else self.patches.cut(y)
        found = self.denoise(self.patches.cut(x), t, told, level)
        return Estimate(self.patches.fused(found.x0))
