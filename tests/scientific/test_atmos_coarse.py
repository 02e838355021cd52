"""Coarse fields, and what sensors see of fine ones."""

import numpy as np
import pytest
import torch

from undrift.common.errors import InputError
from undrift.common.operators.check import check_adjoint
from undrift.common.operators.coarse import areas
from undrift.scientific.atmosphere.ascents import Ascents
from undrift.scientific.atmosphere.coarse import coarse_grain, interpolated
from undrift.scientific.atmosphere.samples import sensor_maps
from undrift.scientific.atmosphere.stations import Network, point_operator, rasterised

LATITUDES = torch.linspace(62, 28, 16, dtype=torch.float64)


@pytest.mark.parametrize("latitudes", [None, LATITUDES])
@pytest.mark.parametrize("factor", [2, 4, 8])
def test_coarse_graining_has_its_adjoint_and_keeps_the_mean(factor, latitudes):
    operator = coarse_grain((2, 16, 24), factor, latitudes)
    assert check_adjoint(operator).ok
    weight = torch.ones(16, 1, dtype=torch.float64) if latitudes is None else areas(latitudes)
    x = torch.rand(2, 16, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    blocks = weight.reshape(16 // factor, factor).sum(1)[:, None]
    fine, coarse = (weight * x).sum() / weight.sum(), (blocks * operator(x)).sum() / blocks.sum()
    assert float(fine) / 24 == pytest.approx(float(coarse) / (24 // factor), rel=1e-12)


def test_coarse_rows_of_latitudes_count_by_area():
    x = torch.zeros(1, 16, 16, dtype=torch.float64)
    x[0, 0] = 1.0  # the northernmost row
    step = (62 - 28) / 15
    edges = np.sin(np.deg2rad([62 + step / 2, 62 - step / 2, 62 - 3.5 * step]))
    share = (edges[0] - edges[1]) / (edges[0] - edges[2])
    assert float(coarse_grain((1, 16, 16), 4, LATITUDES)(x)[0, 0, 0]) == pytest.approx(share)


def test_latitudes_fit_the_rows():
    with pytest.raises(InputError, match="one for each row"):
        coarse_grain((1, 16, 16), 4, LATITUDES[:8])


def test_interpolation_passes_through_the_centres_and_knows_lines():
    row = torch.arange(6, dtype=torch.float64)
    coarse = (2 * row[:, None] - 3 * row)[None, None]
    fine = interpolated(coarse, 4, periodic=(False, False))[0, 0]
    place = (torch.arange(24, dtype=torch.float64) + 0.5) / 4 - 0.5
    inner = slice(6, 18)  # away from the edges, where lines end
    wanted = 2 * place[:, None] - 3 * place
    assert torch.allclose(fine[inner, inner], wanted[inner, inner], atol=1e-12)
    values = torch.rand(1, 1, 5, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(interpolated(values, 3)[..., 1::3, 1::3], values, atol=1e-12)


def test_interpolation_goes_round():
    values = torch.rand(1, 2, 6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    moved = interpolated(values.roll((2, -1), (2, 3)), 4)
    assert torch.allclose(moved, interpolated(values, 4).roll((8, -4), (2, 3)), atol=1e-12)


def _plane(a: float, b: float, c: float) -> torch.Tensor:
    row, column = torch.meshgrid(*2 * [torch.arange(16, dtype=torch.float64)], indexing="ij")
    return a + b * row + c * column


def test_sensors_read_linear_fields_exactly_between_the_points():
    fields = torch.stack([_plane(1, 2, -3), _plane(-4, 0.5, 0.25)])
    places = np.array([[0.0, 0.0], [3.25, 7.5], [14.999, 0.5], [2.0, 14.0]])
    told = point_operator(places, (2, 16, 16))(fields).numpy()
    for values, (a, b, c) in zip(told, [(1, 2, -3), (-4, 0.5, 0.25)], strict=True):
        assert np.allclose(values, a + b * places[:, 0] + c * places[:, 1], atol=1e-12)
    half = point_operator(np.array([[15.5, 3.0]]), (2, 16, 16))(fields)  # it goes round
    assert torch.allclose(half[:, 0], (fields[:, 15, 3] + fields[:, 0, 3]) / 2)


def test_errors_of_sensors_are_what_they_are_said_to_be():
    network, names = Network(missing=0.2), ("t850", "u850", "v850")
    field = torch.zeros(3, 16, 16)
    places = network.places(4000, (16, 16), seed=3)
    values = network.observe(field, places, names, seed=3)
    assert np.isnan(values).mean() == pytest.approx(0.2, abs=0.02)
    std = network.std(names)
    assert std == pytest.approx([np.hypot(0.5, 0.6), np.hypot(1.5, 1.3), np.hypot(1.5, 1.3)])
    assert np.nanstd(values, axis=1) == pytest.approx(std, rel=0.05)
    assert np.abs(np.nanmean(values, axis=1)).max() < 0.15
    with pytest.raises(InputError, match="no error is known of 'z250'"):
        network.std(("z250",))


def test_a_sensor_does_not_depend_on_how_many_there_are():
    network = Network(clustered=0.5, missing=0.3)
    field = torch.rand(1, 16, 16, generator=torch.Generator().manual_seed(0))
    few, many = (network.places(n, (16, 16), seed=5, item="a") for n in (3, 40))
    assert np.array_equal(few, many[:3])
    first, second = (network.observe(field, p, ("t850",), 5, "a") for p in (few, many))
    assert np.array_equal(first, second[:, :3], equal_nan=True)
    assert not np.array_equal(few, network.places(3, (16, 16), seed=5, item="b"))
    assert many.min() >= 0 and many.max() < 16


def test_clustered_sensors_lie_in_towns():
    apart = []
    for share in (0.0, 1.0):
        places = torch.from_numpy(Network(clustered=share).places(200, (64, 64), seed=1))
        distance = torch.cdist(places, places) + torch.eye(200) * 1e9
        apart.append(float(distance.min(1).values.mean()))
    assert apart[1] < 0.7 * apart[0]


def test_maps_hold_the_mean_of_each_cell_and_where_there_is_one():
    places = np.array([[2.2, 3.4], [1.8, 2.6], [15.7, 8.0]])  # two in (2, 3), one in (0, 8)
    values = torch.tensor([[1.0, 3.0, 5.0], [float("nan"), 2.0, float("nan")]])
    raster = rasterised(values, places, (16, 16))
    assert raster.shape == (4, 16, 16)
    assert raster[:, 2, 3].tolist() == [2.0, 2.0, 2.0, 1.0]
    assert raster[:, 0, 8].tolist() == [5.0, 0.0, 1.0, 0.0]
    assert float(raster[2:].sum()) == 4
    assert sensor_maps(values, places, (16, 16))[2:, 2, 3].tolist() == [1.0, 1.0]


def test_ascents_come_back_as_the_values_of_their_levels():
    names = ("t", "u250", "v250", "u750", "v750")
    field = torch.stack([torch.full((16, 16), float(v)) for v in (5, 12, -7, -3, 4)])
    exact = Network(dict.fromkeys(("air_temperature", "eastward_wind", "northward_wind"), 0.0), {})
    places = exact.places(300, (16, 16), seed=2)
    clean = Ascents(exact, missing=0.0, gross=0.0).observe(field, places, names, seed=2)
    assert len(clean) == 300 and clean[0].station == "SIM00000"
    for quantity, values in (("eastward_wind", [12, -3]), ("northward_wind", [-7, 4])):
        assert np.allclose(clean[7].at([25000, 75000], quantity), values)
    assert np.isnan(clean[0].temperature).all()  # that of the thickness has no level
    told = Ascents(exact, missing=0.1, gross=0.02).observe(field, places, names, seed=2)
    wind = np.array([s.eastward_wind for s in told]).ravel()
    flagged = np.array([s.flags["eastward_wind"] for s in told]).ravel() == "X"
    assert np.isnan(wind).mean() == pytest.approx(0.1, abs=0.04)
    assert flagged.mean() == pytest.approx(0.02, abs=0.015) and flagged.any()
    usual = np.tile([-3.0, 12.0], 300)
    off = np.abs(wind - usual)
    assert np.nanmax(off[~flagged]) < 1e-9 and np.nanmin(off[flagged]) > 30
    with pytest.raises(InputError, match="has a level"):
        clean_only = Ascents()
        clean_only.observe(field[:1], places, ("t",), seed=0)
