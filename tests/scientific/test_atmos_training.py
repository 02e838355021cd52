"""Samples of models of fields, regressions with and without sensors, and a step of each recipe."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.processes.cold_diffusion import ColdDiffusion
from undrift.common.processes.variance_preserving import VariancePreserving
from undrift.common.training.recipes import read_recipe
from undrift.common.training.trial import try_out
from undrift.scientific.atmosphere.banks import StateSettings
from undrift.scientific.atmosphere.channels import SURFACE_CHANNELS
from undrift.scientific.atmosphere.coarse import coarse_grain, interpolated
from undrift.scientific.atmosphere.mean import Mean, WithMaps, factor_level
from undrift.scientific.atmosphere.samples import States
from undrift.scientific.atmosphere.signal import Signal, read_signal
from undrift.scientific.atmosphere.stations import Network
from undrift.scientific.atmosphere.training import open_mean, open_objective, open_samples
from undrift.scientific.atmosphere.validation import Validation, ValidationSettings

SIGNAL = Signal(channels=SURFACE_CHANNELS, mean=(0.0, 1.0, 0.0), std=(3.0, 7.0, 7.0))
TINY = ("network.params={inputs: %d, outputs: 3, widths: [8, 8], depths: [1, 1], levels: %d, "
        "periodic: true}")  # fmt: skip


def _states(count: int = 4, n: int = 16) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (7 * rng.standard_normal((count, 3, n, n))).astype(np.float16)


def test_a_sample_depends_on_its_number_alone_and_is_scaled():
    made = States(_states(), SIGNAL, pairs=True, sensors=20, seed=3)
    again = States(_states(), SIGNAL, pairs=True, sensors=20, seed=3)
    made[5]
    first, second = made[17], again[17]
    assert first.keys() == second.keys() == {"x0", "noise", "u", "y", "level", "maps"}
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["x0"], made[18]["x0"])
    values = torch.stack([made[n]["x0"] for n in range(64)])
    assert values.std((0, 2, 3)).numpy() == pytest.approx([7 / 3, 1, 1], rel=0.05)


def test_pairs_are_coarse_fields_of_their_own_factor():
    made, seen = States(_states(), SIGNAL, pairs=True), set()
    for n in range(8):
        item = made[n]
        factor = round(2 ** float(item["level"][0] + 2.5))
        seen.add(factor)
        wanted = interpolated(coarse_grain((3, 16, 16), factor)(item["x0"])[None], factor)[0]
        assert float((item["y"] - wanted).square().mean().sqrt()) == pytest.approx(0.02, rel=0.5)
    assert seen == {4, 8}


def test_maps_say_what_lies_beyond_y():
    names = ("air_temperature", "eastward_wind", "northward_wind")
    exact = Network(instrument=dict.fromkeys(names, 1e-9), representation={})
    smooth = np.zeros((1, 3, 16, 16), np.float16)
    smooth[:] = np.cos(2 * np.pi * np.arange(16) / 16)[:, None] * 7
    made = States(smooth, SIGNAL, pairs=True, sensors=300, network=exact)
    counts = []
    for n in range(40):
        item = made[n]
        values, known = item["maps"].chunk(2)
        counts.append(int(known[0].sum()))
        assert (
            set(known.unique().tolist()) <= {0.0, 1.0} and (values * (1 - known)).abs().max() == 0
        )
        beyond = (item["x0"] - item["y"])[known > 0]
        if counts[-1] > 30:  # a sensor is up to half a cell from the point of its cell
            assert np.corrcoef(values[known > 0], beyond)[0, 1] > 0.7
    assert min(counts) < 10 and max(counts) > 80


def test_a_mean_is_one_call_with_what_it_is_told():
    class Sum(nn.Module):
        def forward(self, x, psi, level):
            assert level.tolist() == [[0.5], [0.5]] and not x[:, :3].any()
            return x[:, 6:9] + level[:, :, None, None]

    denoiser = Denoiser(Sum(), ColdDiffusion(), "x0", Scaling(0.3, 0.0, 1.0))
    y, maps = torch.rand(2, 3, 8, 8), torch.rand(2, 6, 8, 8)
    assert torch.allclose(Mean(denoiser)(y, 8, maps), y + 0.3 * (maps[:, :3] + 0.5), atol=1e-6)
    assert float(factor_level(4)) == -0.5


def test_a_periodic_network_turns_with_the_field():
    network = LocalNAFNet(9, 3, widths=(8, 8), depths=(1, 1), levels=1, periodic=True)
    torch.nn.init.normal_(network.leave.weight)
    x, maps, psi, level = (
        torch.rand(1, 3, 16, 16),
        torch.rand(1, 6, 16, 16),
        torch.ones(1),
        torch.ones(1, 1),
    )
    out = WithMaps(network, maps)(x, psi, level)
    moved = WithMaps(network, maps.roll((4, -8), (2, 3)))(x.roll((4, -8), (2, 3)), psi, level)
    assert out.std() > 0.01 and torch.allclose(moved, out.roll((4, -8), (2, 3)), atol=1e-5)
    with pytest.raises(ValueError, match="multiples of 4"):
        network(torch.rand(1, 9, 16, 18), psi, level)


def test_the_linear_denoiser_of_white_states_is_a_number(tmp_path, monkeypatch):
    """With the spectrum of white noise of deviation 1 the best linear estimate is w / (1 + s^2)."""
    monkeypatch.setattr("undrift.scientific.atmosphere.validation.state_bank", _white)
    chosen = ValidationSettings(items=8, sigmas=[0.5, 2.0])
    signal = Signal(channels=SURFACE_CHANNELS, mean=(0, 0, 0), std=(7, 7, 7))
    validation = Validation(chosen, StateSettings(n=16), signal, "atmos-prior")

    class Zero(nn.Module):
        def forward(self, x, psi, level):
            return torch.zeros_like(x)

    prior = Denoiser(Zero(), VariancePreserving(), "balanced", Scaling(1.0, 0.0, 1.0, 0.0))
    scores = validation(prior, tmp_path)
    for sigma in (0.5, 2.0):
        wanted = sigma / math.sqrt(1 + sigma**2)
        assert scores[f"linear{sigma:g}"] == pytest.approx(wanted, rel=0.03)
        assert scores[f"sigma{sigma:g}"] == pytest.approx(wanted, rel=0.03)  # F = 0 says the same


class _White:
    def __init__(self, *given):
        pass

    def __len__(self):
        return 1

    def __getitem__(self, group):
        return _states(400)

    def whole(self):
        return _states(40)


def _white(*given):
    return _White()


@pytest.mark.parametrize("recipe", ["atmos-prior", "atmos-mean", "atmos-mean-sensors"])
def test_two_steps_of_a_recipe(recipe):
    small = (
        "network.params.widths=[8, 8]",
        "network.params.depths=[1, 1]",
        "schedule.batch=2",
        "data.bank.n=16",
        "schedule.precision='no'",
    )
    facts = try_out(recipe, small, cpu=True)
    assert all(math.isfinite(loss) for loss in facts["losses"])
    assert facts["sample"]["x0"] == [3, 16, 16]
    assert ("maps" in facts["sample"]) == recipe.endswith("sensors")


def test_a_residual_is_trained_around_a_finished_mean(tmp_path):
    from undrift.common.training.session import open_session

    small = (TINY % (6, 1), "schedule.batch=2", "data.bank.n=16", "schedule.iterations=1",
             "validation={}", "schedule.precision='no'")  # fmt: skip
    weights = open_session("atmos-mean", tmp_path / "mean", small, cpu=True, trial=tmp_path).train()
    facts = try_out("atmos-residual", (*small[:3], small[5], f"data.mean={weights}"), cpu=True)
    assert all(math.isfinite(loss) for loss in facts["losses"])
    assert open_mean(str(weights))(torch.rand(1, 3, 16, 16), 4).shape == (1, 3, 16, 16)


def test_data_that_do_not_fit_the_task_are_refused(tmp_path):
    for recipe, extra in (("atmos-residual", "data.mean=''"), ("atmos-prior", "data.sensors=3")):
        with pytest.raises(InputError, match="expected a mean for atmos-residual alone"):
            open_samples(read_recipe(recipe, (extra,)), tmp_path)
    assert open_objective(read_recipe("atmos-mean")) is None
    assert open_objective(read_recipe("atmos-mean-sensors")) is not None


@pytest.mark.parametrize(("change", "message"), [
    ({"std": (1.0, 0.0, 1.0)}, "above 0"), ({"mean": (0.0,)}, "as many of each"),
    ({"channels": ("t850", "u850", "w")}, "channels w"),
])  # fmt: skip
def test_a_signal_says_what_is_wrong(change, message):
    given = {"channels": SURFACE_CHANNELS, "mean": (0, 0, 0), "std": (1, 1, 1), **change}
    with pytest.raises(InputError, match=message):
        read_signal(given)


def test_the_scale_of_a_signal_goes_both_ways():
    x = torch.rand(2, 3, 4, 4, dtype=torch.float64)
    z = SIGNAL.scale.forward(x)
    assert torch.allclose(z[:, 1], (x[:, 1] - 1) / 7) and torch.allclose(SIGNAL.scale.back(z), x)
