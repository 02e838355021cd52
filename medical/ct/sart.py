"""SART: simultaneous algebraic reconstruction (Andersen & Kak, Ultrasonic Imaging 6, 1984, Eq. 33).

View by view, an image takes up what it does not explain of that view,

    x <- x + lam A_v^T ((p_v - A_v x) / (A_v 1)) / (A_v^T 1),

rays and pixels each weighed by the weights that meet them. Views go in an order that jumps by the
golden ratio, so that neighbours, which say the same, do not follow each other. Values stay at or
above 0, as attenuation does. Few rounds are best: later ones follow the noise. What counts is the
number of views that are taken up, times lam: with lam .1 to .8 the best image is the same.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import torch

from undrift.common.errors import InputError
from undrift.medical.ct.geometry import Geometry
from undrift.medical.ct.slices import ScannedSlices

Values = npt.NDArray[np.float32]


def sart(integrals: Values, geometry: Geometry, rounds: int = 4, relaxation: float = 0.3) -> Values:
    """(x, y, z) of attenuation per mm from line integrals (slices, angles, cells).

    rounds: over all views. relaxation: lam, in (0, 2). Raises InputError for others.
    """
    if rounds < 1 or not 0 < relaxation < 2:
        raise InputError(
            f"sart got {rounds} rounds and relaxation {relaxation:g}; expected 1 or more, in (0, 2)"
        )
    count = integrals.shape[0]
    given = torch.from_numpy(np.ascontiguousarray(integrals))
    views = []
    for number in _order(len(geometry.angles)):
        one = replace(geometry, angles=(geometry.angles[number],))
        view = ScannedSlices(one, count)
        flat = ScannedSlices(one, 1)
        rays = flat(torch.ones(flat.shape_in))
        pixels = flat.adjoint(torch.ones(flat.shape_out))
        views.append((view, given[:, number : number + 1], _inverse(rays), _inverse(pixels)))
    x = torch.zeros(views[0][0].shape_in)
    for _ in range(rounds):
        for view, seen, rays, pixels in views:
            x = (x + relaxation * pixels * view.adjoint((seen - view(x)) * rays)).clamp(min=0)
    return x[0].numpy()


def _order(count: int) -> list[int]:
    """0 to count - 1, each far from the ones before it."""
    golden = (5**0.5 - 1) / 2
    return sorted(range(count), key=lambda k: (k * golden) % 1.0)


def _inverse(weights: torch.Tensor) -> torch.Tensor:
    """1 / weights, 0 where nothing meets (less than a millionth of the most)."""
    met = weights > 1e-6 * weights.max()
    return torch.where(met, 1 / torch.where(met, weights, 1), 0)
