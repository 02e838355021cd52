"""The models of fields that ship, on a few states with seeds of validation.

The states are made here: half a minute of a core.
"""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from undrift.common.metrics.ensembles import crps, spread_skill
from undrift.common.noise import Noise
from undrift.common.processes.process import time_of_angle
from undrift.common.weights.model import load_model
from undrift.scientific.atmosphere.banks import FIRST_SEED, GROUP, StateSettings, group_states
from undrift.scientific.atmosphere.coarse import coarse_grain, interpolated
from undrift.scientific.atmosphere.mean import Mean
from undrift.scientific.atmosphere.members import Drawing
from undrift.scientific.atmosphere.samples import sensor_maps
from undrift.scientific.atmosphere.signal import read_signal
from undrift.scientific.atmosphere.stations import Network, point_operator
from undrift.scientific.atmosphere.two_step import Residual

pytestmark = pytest.mark.slow
SEEDS = FIRST_SEED["validation"] // GROUP + 1


@pytest.fixture(scope="module")
def states() -> Tensor:
    """(8, 3, 64, 64) in the numbers of the networks, one of each member."""
    made = group_states(SEEDS, StateSettings(states=1, spin_up=20.0))
    signal = read_signal(load_model("atmos-prior").settings.signal)
    return signal.scale.forward(torch.from_numpy(made.astype(np.float32)))


def _rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt())


@pytest.mark.parametrize("sigma", [0.1, 0.3, 1.0, 2.0])
def test_the_prior_is_ahead_of_the_best_linear_denoiser(states, sigma):
    """Untrained, the network is that denoiser, with the spectrum of the training states."""
    model = load_model("atmos-prior")
    noise = torch.cat([Noise(k, "shipped")((1, 3, 64, 64)) for k in range(8)])
    time = time_of_angle(
        model.denoiser.process, torch.tensor(math.atan(sigma), dtype=torch.float64), 1.0
    )
    x = model.denoiser.process.a(time).float() * (states + sigma * noise)
    with torch.inference_mode():
        ours, linear = (d(x, float(time)).x0 for d in (model.denoiser, model.settings.build()))
    assert _rms(ours - states) < 0.97 * _rms(linear - states)


def _given(states: Tensor, factor: int) -> Tensor:
    noise = torch.cat([Noise(k, "coarse")((1, 3, 64 // factor, 64 // factor)) for k in range(8)])
    return interpolated(coarse_grain((3, 64, 64), factor)(states) + 0.02 * noise, factor)


@pytest.mark.parametrize(("factor", "share"), [(4, 1.0), (8, 0.95)])
def test_regressions_are_ahead_of_a_cubic_and_sensors_help(states, factor, share):
    """At x4 the coarse field leaves less open than a sensor errs: 200 of them help little."""
    y = _given(states, factor)
    plain = Mean(load_model("atmos-mean").denoiser)(y, factor)
    assert _rms(plain - states) < 0.5 * _rms(y - states)
    shown = Mean(load_model("atmos-mean-sensors").denoiser)
    network, errors = Network(), []
    sigma = torch.from_numpy(network.std(("t850", "u850", "v850")) / np.array([3.0, 7.0, 7.0]))
    for count in (0, 200):
        places = network.places(count, (64, 64), seed=1)
        maps = torch.zeros(8, 6, 64, 64)
        for k in range(8 if count else 0):
            noise = Noise(k, "sensors")((1, 3, count))[0] * sigma[:, None].float()
            beyond = point_operator(places, (3, 64, 64))(states[k] - y[k]) + noise
            maps[k] = sensor_maps(beyond, places, (64, 64))
        errors.append(_rms(shown(y, factor, maps) - states))
    assert errors[1] < share * errors[0]
    assert errors[0] < 0.5 * _rms(y - states)


def test_the_residual_makes_an_ensemble_that_knows_its_error(states):
    truth, factor = states[:2], 8
    mean = Mean(load_model("atmos-mean").denoiser)(_given(states, factor)[:2], factor)
    model, scores, errors = load_model("atmos-residual"), [], []
    for k in range(2):
        residual = Residual(model.denoiser, mean[k], factor)
        sigma_d = model.denoiser.scaling.sigma_d
        drawn = Drawing(members=8, item=str(k)).draw(
            lambda r=residual: r, model.denoiser.process, (3, 64, 64), sigma_d
        )
        members = (mean[k] + drawn).double().numpy()
        scores.append(float(crps(truth[k].numpy(), members).mean()))
        errors.append(float((mean[k] - truth[k]).abs().mean()))
        skill = spread_skill(truth[k].numpy(), members)
        assert 0.6 < float(np.mean(skill)) < 1.5
    assert np.mean(scores) < 0.85 * np.mean(errors)
