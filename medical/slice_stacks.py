"""A two-dimensional network on a volume: all slices march in step and share their estimates.

A network that restores stacks of S adjacent slices (channels of a picture) sees, at every call, the
stack about each slice of the volume; the S estimates that a slice gets, one from each stack that
holds it, are averaged, and the next state is a volume again (the averaging of overlaps of
CT2MRI, MICCAI 2024, without its score corrections). The state, the noise and the normalisation are
those of the volume, so that neighbouring slices cannot drift apart.
"""

import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Estimate
from undrift.common.errors import InputError

_AT_ONCE = 2**18  # voxels of all stacks that a network gets at once


class SliceStacks:
    """Wraps a denoiser of stacks (b, S, h, w) as one of volumes (b, 1, x, y, z).

    slices: S, odd. axis: across the slices, 2 for z. Stacks at the ends repeat the outer slice.
    Raises InputError for an even S.
    """

    def __init__(self, denoiser: Denoiser, slices: int, axis: int = 2):
        if slices < 1 or slices % 2 == 0:
            raise InputError(f"stacks of {slices} slices: expected an odd number")
        self.denoiser, self.slices, self.axis = denoiser, slices, axis
        self.process, self.scaling = denoiser.process, denoiser.scaling

    @property
    def network(self) -> nn.Module:
        """The network."""
        return self.denoiser.network

    @property
    def reach(self) -> tuple[int | None, int | None, int | None]:
        """Of an estimate along each axis; None where it is not bounded."""
        inside: int | None = getattr(self.network, "reach", None)
        first, second = (axis for axis in range(3) if axis != self.axis)
        found: dict[int, int | None] = {first: inside, second: inside, self.axis: self.slices - 1}
        return found[0], found[1], found[2]

    @property
    def multiple(self) -> tuple[int, int, int]:
        """What sides of tiles are multiples of."""
        inside = int(getattr(self.network, "multiple", 1))
        x, y, z = (1 if axis == self.axis else inside for axis in range(3))
        return x, y, z

    @property
    def bytes_per_element(self) -> float:
        """Memory of a call for each voxel: what is held of all, and the stacks at work."""
        inside = float(getattr(self.network, "bytes_per_element", 1024))
        return 4.0 * (6 + 2 * self.slices) + inside / self.slices

    def __call__(
        self, x: Tensor, t: Tensor | float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """As `Denoiser.forward`; x, y: (1, 1, x, y, z)."""
        slices = self._slices(x)
        beside = None if y is None else self._slices(y)
        total = torch.zeros_like(slices)
        counts = torch.zeros(len(slices), 1, 1, dtype=x.dtype, device=x.device)
        half, last = self.slices // 2, len(slices) - 1
        at_once = max(1, _AT_ONCE // (slices[0].numel() * self.slices))
        offsets = torch.arange(-half, half + 1, device=x.device)
        for low in range(0, len(slices), at_once):
            middle = torch.arange(low, min(low + at_once, len(slices)), device=x.device)
            members = middle[:, None] + offsets
            inside = (members >= 0) & (members <= last)
            index = members.clamp(0, last)
            found = self.denoiser(
                slices[index], t, None if beside is None else beside[index],
                None if level is None else level.expand(len(middle), -1),
            ).x0  # fmt: skip
            for k in range(self.slices):
                use = inside[:, k]
                total.index_add_(0, index[use, k], found[use, k].to(total.dtype))
                counts.index_add_(0, index[use, k], counts.new_ones(int(use.sum()), 1, 1))
        return Estimate((total / counts).movedim(0, self.axis)[None, None])

    def _slices(self, x: Tensor) -> Tensor:
        """(1, 1, x, y, z) as (slices, h, w)."""
        if x.shape[:2] != (1, 1):
            raise InputError(f"stacks of slices take (1, 1, x, y, z), got {tuple(x.shape)}")
        return x[0, 0].movedim(self.axis, 0)
