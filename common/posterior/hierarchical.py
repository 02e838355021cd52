"""Pictures of any size with a prior of one size: patches whose estimates are averaged.

Hierarchical guidance of GDP (Fei et al. 2023, Sec. 4.3; patches of 256, 128 apart): the state stays
whole, the network sees overlapping patches of its own size, and where they overlap the mean of
their estimates counts. The measurement guides the whole picture, whatever its operator joins. For
a prior that treats each value alone it equals the whole; a network sees the borders of the patches,
and what it does there is averaged, not removed: for networks of bounded reach `Tiled` is exact.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.solvers.loop import Denoise


class Patched:
    """Wraps a denoiser; call it as one. size: of the patches, one number or one an axis.

    stride: from one patch to the next, by default half the size; the last patch of an axis ends
    with the picture. batch: patches given to the network at once. Pictures smaller than a patch are
    mirrored up to it, so that they have to be more than half as long. Raises UsageError.
    """

    def __init__(
        self,
        denoise: Denoise,
        size: int | Sequence[int],
        stride: int | Sequence[int] | None = None,
        batch: int = 4,
    ):
        self.denoise, self.batch = denoise, batch
        self.size = (size,) if isinstance(size, int) else tuple(size)
        half = tuple(max(1, n // 2) for n in self.size)
        self.stride = (stride,) if isinstance(stride, int) else tuple(stride or half)
        if min(*self.size, *self.stride, batch) < 1:
            raise UsageError(
                f"patches of {self.size}, {self.stride} apart, {batch} at once; expected 1 or more"
            )

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """As the denoiser; x, y: (b, c, *space)."""
        space = x.shape[2:]
        size, stride = (_each(value, len(space)) for value in (self.size, self.stride))
        gaps = [max(0, n - side) for n, side in zip(size, space, strict=True)]
        if any(gaps):
            x, y = _mirrored(x, gaps), None if y is None else _mirrored(y, gaps)
        axes = [
            starts(side, n, step) for side, n, step in zip(x.shape[2:], size, stride, strict=True)
        ]
        places = [
            (..., *(slice(o, o + n) for o, n in zip(origin, size, strict=True)))
            for origin in itertools.product(*axes)
        ]
        sums: dict[str, Tensor] = {}
        counts = torch.zeros(x.shape[2:], dtype=x.dtype, device=x.device)
        for first in range(0, len(places), self.batch):
            group = places[first : first + self.batch]
            self._add(group, x, t, y, level, sums)
            for place in group:
                counts[place] += 1
        crop = (..., *(slice(0, side) for side in space))
        return Estimate(**{name: (total / counts)[crop] for name, total in sums.items()})

    def _add(
        self,
        group: Sequence[tuple],
        x: Tensor,
        t: float,
        y: Tensor | None,
        level: Tensor | None,
        sums: dict[str, Tensor],
    ) -> None:
        """Adds what the network tells about the patches of a group."""
        estimate = self.denoise(
            torch.cat([x[place] for place in group]),
            t,
            None if y is None else torch.cat([y[place] for place in group]),
            None if level is None else level.repeat(len(group), 1),
        )
        for name, value in vars(estimate).items():
            if value is None:
                continue
            before = sums.get(name)
            total = value.new_zeros(len(x), value.shape[1], *x.shape[2:])
            for place, part in zip(group, value.chunk(len(group)), strict=True):
                total[place] += part
            sums[name] = total if before is None else before + total


def starts(side: int, size: int, stride: int) -> list[int]:
    """Where the patches of an axis begin: every stride, and the last one at the end."""
    found = list(range(0, max(1, side - size), stride))
    return [*found, side - size] if side > size else found


def _each(value: tuple[int, ...], axes: int) -> tuple[int, ...]:
    if len(value) not in (1, axes):
        raise UsageError(f"patches of {value} for {axes} axes; expected one number, or one an axis")
    return value * axes if len(value) == 1 else value


def _mirrored(x: Tensor, gaps: Sequence[int]) -> Tensor:
    """Adds so many values after each axis, mirrored without the last one."""
    if any(gap >= side for gap, side in zip(gaps, x.shape[2:], strict=True)):
        raise UsageError(
            f"a picture of {tuple(x.shape[2:])} is too small for patches of "
            f"{tuple(n + g for n, g in zip(x.shape[2:], gaps, strict=True))}; enlarge it, or use a "
            "prior of a smaller size"
        )
    pads = [pad for gap in reversed(gaps) for pad in (0, gap)]
    return functional.pad(x, pads, mode="reflect")
