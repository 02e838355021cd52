"""Sources as operators: adjoints, errors by name, gaps and flags; transforms and their slopes."""

from pathlib import Path

import numpy as np
import pytest
import torch

from undrift.common.errors import InputError
from undrift.common.operators.check import check_adjoint
from undrift.scientific.atmosphere.likelihood import Likelihood, Observed, complaints
from undrift.scientific.atmosphere.soundings import read_igra
from undrift.scientific.atmosphere.sources import Background, Coarse, Place, Radiosondes, Stations
from undrift.scientific.atmosphere.spectral import Spectral
from undrift.scientific.atmosphere.transforms import Physical, Scale

NAMES = ("t850", "u850", "v850")
PLACE = Place(NAMES, (8, 12), (True, True))


def some(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


def test_rows_are_means_and_values_between_points_in_units_of_their_errors() -> None:
    field = torch.from_numpy(some(3, 8, 12))
    coarse = Coarse(some(3, 2, 3), {"air_temperature": 0.5, "u850": 2.0, "northward_wind": 4.0})
    seen = coarse.observe(PLACE)
    means = field.reshape(3, 2, 4, 3, 4).mean((2, 4)) / torch.tensor([0.5, 2, 4])[:, None, None]
    assert seen.operator(field) == pytest.approx(means.flatten())
    station = Stations({"eastward_wind": [7.0]}, 2.0, [[7.25, 11.5]])  # across both borders
    seen = station.observe(PLACE)
    here = field[1]
    value = 0.75 * (here[7, 11] + here[7, 0]) / 2 + 0.25 * (here[0, 11] + here[0, 0]) / 2
    assert seen.operator(field) == pytest.approx(value[None] / 2)
    assert seen.values == pytest.approx(torch.tensor([3.5], dtype=torch.float64))


def test_gaps_flags_and_places_outside_are_left_out() -> None:
    place = Place(NAMES, (8, 12))
    values = some(3, 4)
    values[0, 1] = np.nan
    rejected = np.zeros((3, 4), bool)
    rejected[2, 0] = True
    where = [[0, 0], [1.5, 2], [7, 11], [7.5, 3]]  # the last lies beyond the last row
    seen = Stations(values, 1.0, where, rejected=rejected).observe(place)
    kept = np.ones((3, 3), bool)
    kept[0, 1] = kept[2, 0] = False
    assert seen.values == pytest.approx(torch.from_numpy(values[:, :3][kept]))
    with pytest.raises(InputError, match="has no value"):
        Coarse(np.full((3, 2, 3), np.nan), 1.0).observe(place)
    with pytest.raises(InputError, match="an error of 0 or less"):
        Coarse(some(3, 2, 3), 0.0).observe(place)


def test_a_background_whose_errors_are_waves_is_whitened() -> None:
    states = torch.from_numpy(some(40, 3, 8, 12))
    states = states + states.roll(1, -1) + 0.5 * states[:, :1]
    errors = Spectral.of([states])
    seen = Background(some(3, 8, 12), 2.0, errors).observe(PLACE)
    eye = torch.eye(288, dtype=torch.float64).reshape(288, 3, 8, 12)
    rows = seen.operator(eye)
    covariance = 4 * errors.times(eye).reshape(288, 288)
    assert rows @ covariance @ rows.T == pytest.approx(torch.eye(288).double(), abs=1e-8)
    check_adjoint(seen.operator)


def test_spectra_are_the_covariance_of_the_states() -> None:
    states = torch.from_numpy(some(300, 2, 6, 8, seed=3))
    mixed = states + 0.7 * states.roll(1, -2) + 0.4 * states.flip(1).roll(2, -1)
    spectral = Spectral.of([mixed[:100], mixed[100:]])
    shifted = [mixed.roll((i, j), (2, 3)) for i in range(6) for j in range(8)]
    flat = torch.cat(shifted).flatten(1)
    sample = flat.T @ flat / len(flat)
    eye = torch.eye(96, dtype=torch.float64).reshape(96, 2, 6, 8)
    found = spectral.times(eye).reshape(96, 96)
    assert found == pytest.approx(sample, abs=1e-4)
    variance = sample.diagonal().reshape(2, -1).mean(1)
    assert spectral.variance() == pytest.approx(variance, rel=1e-4)
    root = spectral.function(torch.sqrt)
    assert root.times(root.times(eye)).reshape(96, 96) == pytest.approx(found, abs=1e-10)


def test_transforms_have_their_slopes_and_come_back() -> None:
    scale = Scale(
        ("r", "rh", "t"), torch.tensor([0.5, 0.0, 280.0]), torch.tensor([0.8, 1.5, 5.0]),
        ("log1p", "logit", "identity"),
    )  # fmt: skip
    z = torch.from_numpy(np.abs(some(2, 3, 4, 4)))
    x = scale.back(z)
    assert bool((x[:, 0] >= 0).all())
    assert bool(((x[:, 1] > 0) & (x[:, 1] < 1)).all())
    assert scale.forward(x) == pytest.approx(z)
    place = Place(scale.names, (4, 4))
    rows = Coarse(some(3, 2, 2), 0.5).observe(place).operator
    operator = Observed(rows, Physical(scale, place.full))
    along = torch.from_numpy(some(2, 3, 4, 4, seed=1))
    step = 1e-6
    difference = (operator(z + step * along) - operator(z - step * along)) / (2 * step)
    value, jacobian = operator.linearise(z)
    assert value == pytest.approx(operator(z))
    assert jacobian(along) == pytest.approx(difference, rel=1e-6, abs=1e-6)
    back = torch.from_numpy(some(2, 12, seed=2))
    inner = (jacobian(along) * back).sum(), (along * jacobian.adjoint(back)).sum()
    assert float(inner[0]) == pytest.approx(float(inner[1]))


def test_observations_move_to_the_residual() -> None:
    scale = Scale(NAMES, torch.zeros(3), torch.tensor([3.0, 7.0, 7.0]))
    likelihood = Likelihood([Coarse(some(3, 2, 3), 1.0)], PLACE, scale)
    mean, rest = (torch.from_numpy(some(3, 8, 12, seed=k)) for k in (1, 2))
    moved = likelihood.beside(mean)
    assert moved.operator(rest) == pytest.approx(likelihood.operator(mean + rest))
    value, jacobian = moved.operator.linearise(rest[None])
    left = likelihood.measurement - likelihood.operator(mean)  # y - A mean
    assert likelihood.measurement - value + jacobian(rest[None]) == pytest.approx(left)


def test_radiosondes_are_read_at_the_levels_of_the_field() -> None:
    path = Path(__file__).parents[1] / "reference" / "scientific" / "igra_sample.txt"
    soundings = read_igra(path)
    found = []
    for sounding in soundings:
        values = [
            float(sounding.at([85000.0], name)[0])
            for name in ("temperature", "eastward_wind", "northward_wind")
        ]
        found.append(values)
    expected = np.array(found).T
    where = np.array([[1.0, 2.0]] * len(soundings))
    seen = Radiosondes(soundings, 0.5, indices=where).observe(PLACE)
    assert seen.values == pytest.approx(torch.from_numpy(expected[np.isfinite(expected)] / 0.5))
    with pytest.raises(InputError, match="whose place on the Earth is known"):
        Radiosondes(soundings, 0.5).observe(PLACE)


def test_chi_is_complained_of_beyond_its_scatter_only() -> None:
    assert complaints({"a": 1.2, "b": 0.8}, {"a": 1000, "b": 1000}) == []
    assert complaints({"few": 1.8}, {"few": 3}) == []
    assert "too small" in complaints({"many": 1.5}, {"many": 1000})[0]
    assert "too large" in complaints({"many": 0.5}, {"many": 1000})[0]
