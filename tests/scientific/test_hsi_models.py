"""One model for cubes of any number of bands: what it may see, gives back and gains."""

from typing import TypeVar

import numpy as np
import pytest
import torch

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.networks.scaled_channels import ScaledChannels, box
from undrift.common.networks.spectral_nafnet3d import SpectralNAFNet3d
from undrift.common.processes.residual_shift import ResidualShift
from undrift.common.tiling import Tiled
from undrift.common.wishes import Wishes
from undrift.scientific.hyperspectral import metrics
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.eigen_images import non_local_means
from undrift.scientific.hyperspectral.learned import CubeModel, denoise_cube, open_cube_model
from undrift.scientific.hyperspectral.low_rank import separate
from undrift.scientific.hyperspectral.noise.cases import add_case, add_gaussian
from undrift.scientific.hyperspectral.noise.pushbroom import Pushbroom, sweep
from undrift.scientific.hyperspectral.scenes.scene import scene
from undrift.scientific.hyperspectral.scenes.sensors import sensor

Network = TypeVar("Network", bound=torch.nn.Module)


def lively(network: Network) -> Network:
    """Weights that are all at work, also those which begin at zero."""
    torch.manual_seed(0)
    for value in network.parameters():
        value.data.normal_(std=0.1)
    return network.eval()


def small() -> ScaledChannels:
    return lively(ScaledChannels(3, 8, 2, [8, 8], [1, 1], features=16))


@pytest.fixture(scope="module")
def model() -> CubeModel:
    return open_cube_model(wishes=Wishes(device="cpu", samples=2, steps=3, seed=4), turned=1)


def test_a_box_is_the_mean_of_what_is_there():
    x = np.random.default_rng(0).standard_normal((1, 2, 9, 11)).astype(np.float32)
    found = box(torch.from_numpy(x), 1, 2).numpy()
    assert found[0, 1, 4, 5] == pytest.approx(x[0, 1, 3:6, 3:8].mean(), abs=1e-6)
    assert found[0, 0, 0, 0] == pytest.approx(x[0, 0, :2, :3].mean(), abs=1e-6)
    assert np.allclose(box(torch.full((1, 1, 5, 5), 7.0), 8, 32), 7)


def test_nothing_further_than_the_reach_is_seen():
    network = small()
    side = 2 * network.reach + 40
    x = torch.randn(1, 12, 16, side, generator=torch.Generator().manual_seed(1))
    level = torch.zeros(1, 3)
    other = x.clone()
    other[..., : side - network.reach - 20] += 1
    with torch.no_grad():
        a, b = (network(v, torch.ones(1), level) for v in (x, other))
    assert torch.equal(a[..., -10:], b[..., -10:])
    assert not torch.allclose(a[..., : side // 2], b[..., : side // 2])


def test_tiles_of_coefficients_equal_the_whole():
    denoiser = Denoiser(small(), ResidualShift(0.8), "x0", Scaling(1.0, 0.0, 1.0))
    shape = (1, 6, 150, 118)
    x, y = (torch.randn(shape, generator=torch.Generator().manual_seed(n)) for n in (2, 3))
    level = torch.tensor([[0.5, 0.0, 2.0]])
    with torch.no_grad():
        whole = denoiser(x, 0.7, y, level).x0
        tiles = Tiled(denoiser, 32)(x, 0.7, y, level).x0
    assert torch.allclose(whole, tiles, atol=1e-5)


def test_training_begins_at_the_guess_and_what_is_known_comes_back():
    network = ScaledChannels(3, 8, 2, [8, 8], [1, 1], features=16)
    torch.nn.init.zeros_(network.body.leave.weight)
    denoiser = Denoiser(network, ResidualShift(0.4), "x0", Scaling(0.4, 0.0, 1.0))
    x, y = (torch.randn((2, 6, 20, 22), generator=torch.Generator().manual_seed(n)) for n in (2, 3))
    with torch.no_grad():
        assert torch.allclose(denoiser(x, 1.0, y, torch.zeros(2, 3)).x0, y, atol=1e-6)
        denoiser.network = lively(network)
        after = denoiser(x, 1.0, y, torch.zeros(2, 3)).x0
    assert torch.allclose(after[:, 3:], y[:, 3:], atol=1e-6)
    assert not torch.allclose(after[:, :3], y[:, :3], atol=1e-2)


def test_tiles_of_voxels_equal_the_whole_and_what_is_known_comes_back():
    network = lively(SpectralNAFNet3d(2, [8, 8], [1, 1], features=16))
    denoiser = Denoiser(network, ResidualShift(0.3), "x0", Scaling(0.4, 0.0, 1.0))
    shape = (1, 4, 31, 40, 22)
    x, y = (torch.randn(shape, generator=torch.Generator().manual_seed(n)) for n in (2, 3))
    with torch.no_grad():
        whole = denoiser(x, 1.0, y).x0
        tiles = Tiled(denoiser, 16)(x, 1.0, y).x0
        moved = y.clone()
        moved[:, 3] += 0.1
        other = denoiser(x, 1.0, moved).x0
    assert torch.allclose(whole, tiles, atol=1e-5)
    assert torch.allclose(whole[:, 1:], y[:, 1:], atol=1e-6)
    assert not torch.allclose(whole[:, 0], other[:, 0], atol=1e-3)  # wavelengths count


@pytest.mark.parametrize("name", ["visible", "near-infrared", "shortwave"])
def test_one_model_takes_any_number_of_bands_and_is_ahead(name: str, model: CubeModel):
    clean = scene(48, 48, sensor(name), seed=830).array
    noisy = Cube(add_case(clean, "non-iid", seed=8).cube)
    ours = denoise_cube(noisy, model).estimate
    theirs = separate(noisy, non_local_means, turns=2).estimate
    assert ours.shape == clean.shape
    assert metrics.mpsnr(clean, ours) > metrics.mpsnr(clean, theirs)
    assert metrics.sam(clean, ours) < metrics.sam(clean, theirs)


def test_the_network_is_asked_in_the_last_turn_alone(model: CubeModel):
    eye = sensor("near-infrared")
    clean = scene(48, 48, eye, seed=834).array
    noisy = Cube(sweep(clean, eye.wavelengths, Pushbroom(), seed=5).cube)
    found = denoise_cube(noisy, model)
    space, given = found.found.subspace, found.found.noisy
    without = separate(noisy, model.guesses, model.signal.turns)
    assert np.array_equal(given, without.noisy)
    asked = space.cube(model.mean(given))
    whole = found.found.outliers.mean((1, 2)) <= 0.4  # others are fitted to the images
    assert np.allclose(found.estimate[whole], asked[whole], atol=1e-6)
    assert not np.allclose(found.estimate, without.estimate, atol=1e-5)
    assert metrics.mpsnr(clean, found.estimate) > metrics.mpsnr(clean, noisy.array) + 8


def test_images_beyond_the_channels_of_the_network_are_left_to_the_prior(model: CubeModel):
    images = 30 * np.random.default_rng(6).random((18, 24, 24))
    made, drawn = model.mean(images), model.draw(images)
    assert np.array_equal(made[16:], model.guesses(images[16:]))
    assert np.array_equal(made[:16], model.mean(images[:16]))
    assert drawn.shape[1:] == images.shape and np.array_equal(drawn[0, 16:], made[16:])


def test_missing_bands_and_regions_stay_missing_and_do_no_harm(model: CubeModel):
    clean = scene(48, 48, sensor("visible"), seed=831).array
    array = add_gaussian(clean, 30, seed=1).cube
    whole = denoise_cube(Cube(array), model).estimate
    array = array.copy()
    array[[3, 17]] = np.nan
    array[:, :6, :9] = np.nan
    array[8, 20:26] = np.nan
    found = denoise_cube(Cube(array), model)
    assert np.array_equal(np.isnan(found.estimate), np.isnan(array))
    assert found.used.sum() == 29
    there = ~np.isnan(array)
    error, before = (np.sqrt(((v - clean)[there] ** 2).mean()) for v in (found.estimate, whole))
    assert error < 1.25 * before
    filled = denoise_cube(Cube(array), model, fill=True).estimate
    assert [n for n, band in enumerate(filled) if np.isnan(band).any()] == [3, 17]
    assert np.sqrt(((filled - clean)[8, 20:26] ** 2).mean()) < 0.05


def test_samples_are_repeatable_and_scatter_about_the_mean(model: CubeModel):
    clean = scene(48, 48, sensor("visible"), seed=832).array
    noisy = Cube(add_gaussian(clean, 40, seed=2).cube)
    found, again = (denoise_cube(noisy, model, samples=True) for _ in range(2))
    assert np.array_equal(found.samples, again.samples)
    assert found.samples.shape == (2, *clean.shape)
    off = found.samples - found.estimate
    error = np.sqrt(((found.estimate - clean) ** 2).mean())
    assert 0.3 * error < off.std() < 3 * error


def test_too_few_bands_are_refused(model: CubeModel):
    array = np.full((5, 20, 20), np.nan, np.float32)
    array[:2] = 0.5
    with pytest.raises(InputError, match="2 of 5 bands hold values"):
        denoise_cube(Cube(array), model)
