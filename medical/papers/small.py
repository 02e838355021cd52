"""Small heads for smoke runs."""

import torch
from torch import Tensor


def discs(count: int, side: int, seed: int) -> tuple[Tensor, Tensor]:
    """(source, target), (count, 1, side, side) in [-1, 1]: heads of three tissues, two contrasts.

    Skin, brain and fluid are an ellipse in an ellipse in an ellipse, their order of brightness
    reversed from one contrast to the other.
    """
    generator = torch.Generator().manual_seed(seed)
    line = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(line, line, indexing="ij")
    draw = torch.rand(count, 8, 1, 1, generator=generator)
    source, target = -torch.ones(count, side, side), -torch.ones(count, side, side)
    levels = ((0.9, -0.2), (0.3, 0.2), (-0.6, 0.9))
    for number, (first, second) in enumerate(levels):
        wide, high = (0.85 - 0.27 * number - 0.1 * draw[:, k] for k in (number, number + 3))
        off = 0.2 * (draw[:, 6:8, 0] - 0.5)[..., None]
        inside = ((x - off[:, 0]) / wide) ** 2 + ((y - off[:, 1]) / high) ** 2 < 1
        source = torch.where(inside, first, source)
        target = torch.where(inside, second, target)
    return source[:, None], target[:, None]
