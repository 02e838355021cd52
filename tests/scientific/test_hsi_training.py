"""Banks and samples of models of cubes, and what a scene without a clean version can teach."""

from pathlib import Path

import numpy as np
import pytest
import torch

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.networks.scaled_channels import ScaledChannels
from undrift.common.processes.residual_shift import ResidualShift
from undrift.common.training.recipes import read_recipe
from undrift.common.training.trial import try_out
from undrift.common.weights.files import save_weights
from undrift.scientific.hyperspectral.banks import Bank, PairSettings, open_bank
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.envi import write_envi
from undrift.scientific.hyperspectral.noise.cases import add_gaussian
from undrift.scientific.hyperspectral.own_scene import OwnScene, held_error, pair
from undrift.scientific.hyperspectral.samples import Coefficients, scales
from undrift.scientific.hyperspectral.scenes.scene import scene
from undrift.scientific.hyperspectral.scenes.sensors import sensor

SMALL = ("schedule.batch=2", "schedule.iterations=2", "schedule.precision=no")
DATA = ("data.side=32", "data.patch=32")


def test_a_bank_goes_on_where_it_stopped_and_keeps_validation_apart(tmp_path: Path):
    settings = PairSettings(count=2, side=32)
    bank = open_bank(settings, tmp_path)
    first = bank[0].copy()
    bank.paths[0].unlink()
    assert np.array_equal(open_bank(settings, tmp_path)[0], first)
    assert first.shape == (3, 12, 32, 32)
    with pytest.raises(InputError, match="seeds 799 to 800"):
        open_bank(PairSettings(count=2, first=799), tmp_path)


def test_samples_depend_on_seed_and_number_alone(tmp_path: Path):
    noisy, truth, guess = (np.full((12, 40, 40), n, np.float32) for n in (3, 2, 1))
    noisy[9:] = truth[9:] = guess[9:] = 0
    np.save(tmp_path / "a.npy", np.stack([noisy, truth, guess]))
    dataset = Coefficients(Bank((tmp_path / "a.npy",)), patch=32, seed=3)
    one, again, other = dataset[5], dataset[5], dataset[6]
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["noise"], other["noise"])
    sign = one["y"][:12].sign()
    assert torch.equal(one["y"], torch.cat([sign, 3 * sign]))  # guess, noisy
    assert torch.equal(one["x0"], torch.cat([2 * sign, 3 * sign]))  # true, noisy
    assert not one["noise"][12:].any() and not sign[9:].any()
    assert torch.allclose(one["level"][:9], torch.tensor(3.0).log())
    assert torch.equal(one["level"][9:], torch.zeros(3))


def test_scales_are_those_of_the_channels():
    images = np.random.default_rng(0).standard_normal((3, 200, 200)) * [[[50]], [[3]], [[0.1]]]
    assert np.allclose(scales(images), [np.log(50), np.log(3), 0], atol=0.02)


def twice(images: np.ndarray) -> np.ndarray:
    """Images as guesses of themselves, and a fourth channel that is empty."""
    both = np.zeros((2, 4, *images.shape[1:]))
    both[:, :3] = images
    return both.reshape(8, *images.shape[1:])


def test_two_noisy_images_of_one_are_independent():
    rng = np.random.default_rng(1)
    noise, z = rng.standard_normal((2, 4, 300, 300))
    y, other = pair(noise, z, 0.6)
    count = noise.size
    assert (y * other).mean() == pytest.approx(0, abs=4 * y.std() * other.std() / np.sqrt(count))
    assert y.var() == pytest.approx(1, abs=0.01)


def test_the_error_without_truth_is_the_error():
    """A network that says nothing returns its guess, here y, with the noise as error: 1."""
    network = ScaledChannels(4, 8, 2, [8, 8], [1, 1], features=16)
    torch.nn.init.zeros_(network.body.leave.weight)
    denoiser = Denoiser(network, ResidualShift(0.8), "x0", Scaling(1.0, 0.0, 1.0))
    truth = np.linspace(-9, 9, 3)[:, None, None] * np.ones((3, 96, 96))
    images = truth + np.random.default_rng(2).standard_normal(truth.shape)
    assert held_error(denoiser, images, twice, 0.6) == pytest.approx(1, abs=0.06)


def test_patches_of_an_own_scene_are_repeatable_and_have_noise_of_one():
    images = np.random.default_rng(3).standard_normal((3, 70, 50))
    dataset = OwnScene(images, twice, 0.6, 64, seed=1)
    one, again = dataset[7], dataset[7]
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert one["y"].shape == (8, 64, 50)
    assert float(one["y"][:3].std()) == pytest.approx(1, abs=0.03)
    assert torch.equal(one["x0"][4:], one["y"][4:])
    assert not one["x0"][3].any() and not one["noise"][4:].any()


@pytest.mark.parametrize(
    ("recipe", "network"),
    [
        ("hsi-subspace", "network.params={images: 16, width: 8, widths: [8, 8], depths: [1, 1]}"),
        ("hsi-bridge", "network.params={unshuffle: 2, widths: [8, 8], depths: [1, 1]}"),
    ],
)
def test_recipes_can_be_tried(recipe: str, network: str):
    facts = try_out(recipe, (network, *SMALL, *DATA), cpu=True)
    assert np.isfinite(facts["losses"]).all()
    assert facts["sample"]["x0"] in ([32, 32, 32], [4, 24, 32, 32])


def test_a_scene_of_the_users_can_be_tried(tmp_path: Path):
    clean = scene(40, 40, sensor("visible"), seed=833)
    noisy = Cube(add_gaussian(clean.array, 30, seed=1).cube, clean.wavelengths)
    write_envi(tmp_path / "own.hdr", noisy)
    settings = read_recipe("hsi-subspace").settings({})
    begin = tmp_path / "begin.safetensors"
    save_weights(begin, settings.build().network.state_dict(), settings)
    given = (f"data.scene={tmp_path / 'own.hdr'}", f"start={begin}")
    facts = try_out("hsi-own-scene", (*given, *SMALL), cpu=True)
    assert facts["sample"]["x0"] == [32, 30, 40]  # a quarter of the rows is held out
    with pytest.raises(InputError, match=r"data\.scene"):
        try_out("hsi-own-scene", SMALL, cpu=True)
