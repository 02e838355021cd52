"""A Gaussian field of 16 x 16 points whose posterior is known: coarse means and five sensors.

tests/reference/scientific/dps_physicsnemo.npz: K1 (16, 16), the covariance of a row, K = K1 (x) K1;
y_coarse, means of 4 x 4 points with deviation .05; y_sensor at the True points of mask, .2; and the
posterior's mean and variance.
"""

import functools
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.posterior.priors import Prior
from undrift.common.processes.variance_exploding import VarianceExploding
from undrift.scientific.atmosphere.sources import Coarse, Place, Stations
from undrift.scientific.atmosphere.tasks import FieldPrior
from undrift.scientific.atmosphere.transforms import Scale

REFERENCE = Path(__file__).parents[0] / "reference" / "scientific"
NAMES = ("t",)


@functools.cache
def arrays(name: str) -> dict[str, Tensor]:
    """The arrays of a file, numbers in float64."""
    with np.load(REFERENCE / f"{name}.npz") as data:
        return {key: torch.from_numpy(np.array(data[key])) for key in data}


def gaussian_prior(top: float = 80.0, mean: float = 0.0, std: float = 1.0) -> FieldPrior:
    """The exact denoiser of N(0, K) for noise s = top t; mean and std: of physical units."""
    values, vectors = torch.linalg.eigh(arrays("dps_physicsnemo")["K1"])
    power = values[:, None] * values

    def denoise(x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None):
        gain = power / (power + (top * t) ** 2)
        found = vectors @ (gain * (vectors.T @ x.double() @ vectors)) @ vectors.T
        return Estimate(found.to(x))

    process = VarianceExploding(high=top, law="linear")
    scale = Scale(NAMES, torch.tensor([mean]), torch.tensor([std]))
    return FieldPrior(Prior(denoise, process, 1.0), scale)


def sources(mean: float = 0.0, std: float = 1.0) -> tuple[Coarse, Stations]:
    """The two measurements, in physical units mean + std z."""
    data = arrays("dps_physicsnemo")
    where = data["mask"][0, 0].nonzero()
    told = data["y_sensor"][0, 0][tuple(where.T)]
    coarse = Coarse(mean + std * data["y_coarse"][0].numpy(), 0.05 * std)
    return coarse, Stations((mean + std * told[None]).numpy(), 0.2 * std, where.double().numpy())


PLACE = Place(NAMES, (16, 16))
