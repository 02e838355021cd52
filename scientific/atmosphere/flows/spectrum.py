"""Spectra over shells of wavenumbers, whose sum is the variance or the energy."""

import torch
from torch import Tensor

from undrift.scientific.atmosphere.flows.square import Square


def shells(square: Square, spectrum: Tensor) -> Tensor:
    """Power (..., n // 2) of spectra (..., n, n // 2 + 1) in the shells k = 1 ... n // 2.

    Shell k holds the waves whose number rounds to k. Summed over all shells, with those in the
    corners beyond n // 2, it is the variance of the field.
    """
    power = square.twice * spectrum.abs().double().square() / square.n**4
    number = square.number.round().long().flatten()
    total = power.new_zeros(*power.shape[:-2], int(number.max()) + 1)
    total.index_add_(-1, number, power.flatten(-2))
    return total[..., 1 : square.n // 2 + 1]


def kinetic_energy(square: Square, stream: Tensor) -> Tensor:
    """Kinetic energy in the shells, of spectra of stream functions; as `shells`."""
    return 0.5 * shells(square, square.k2.sqrt() * stream)


def slope(energy: Tensor, first: int, last: int) -> float:
    """The exponent of a power law fitted to the shells `first` to `last` of (n // 2,)."""
    k = torch.arange(first, last + 1, dtype=torch.float64)
    x, y = k.log(), energy[first - 1 : last].double().log()
    x = x - x.mean()
    return float((x * (y - y.mean())).sum() / x.square().sum())
