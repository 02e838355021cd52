"""Channels of the simulated atmosphere, their symmetries, and banks of states."""

import math

import numpy as np
import pytest
import torch

from undrift.common.errors import InputError
from undrift.scientific.atmosphere.banks import (
    FIRST_SEED,
    GROUP,
    StateSettings,
    group_run,
    group_states,
    split_of,
    state_bank,
)
from undrift.scientific.atmosphere.channels import (
    CORIOLIS,
    GAS,
    GRAVITY,
    KELVIN,
    SURFACE_CHANNELS,
    THERMAL,
    background,
    fields,
    layered_flow,
    surface_flow,
)
from undrift.scientific.atmosphere.flows.run import Run
from undrift.scientific.atmosphere.samples import mirrored, turned

SMALL = {"n": 16, "states": 2, "spin_up": 0.5, "apart": 0.5}


def _random(levels: int, n: int = 16, seed: int = 0) -> torch.Tensor:
    made = torch.Generator().manual_seed(seed)
    q = torch.randn(2, levels, n, n, generator=made, dtype=torch.float64)
    return torch.fft.rfft2(q - q.mean((-2, -1), keepdim=True))


def _without_last(spectrum: torch.Tensor) -> torch.Tensor:
    """Without the waves of two points, whose derivative a grid cannot hold."""
    n = spectrum.shape[-2]
    out = spectrum.clone()
    out[..., n // 2, :] = out[..., n // 2] = 0
    return out


def test_a_wave_of_surface_buoyancy_has_the_wind_of_the_closed_form():
    flow = surface_flow(16)
    square, amplitude = flow.square, 10.0
    k = 2 * math.pi / square.length * 3
    place = torch.arange(16, dtype=torch.float64) * square.step
    q = amplitude * torch.sin(k * place)[:, None].expand(16, 16)  # of y alone
    t, u, v = fields(flow, torch.fft.rfft2(q)[None, None], SURFACE_CHANNELS)[0]
    # psi = q / k, u = -dq/dy / k = -amplitude cos(k y)
    assert torch.allclose(u, -amplitude * torch.cos(k * place)[:, None].expand(16, 16), atol=1e-9)
    assert v.abs().max() < 1e-9
    assert torch.allclose(t, q * 290 * 0.01 / GRAVITY)


def test_wind_and_temperature_of_the_surface_have_the_same_energy():
    flow = surface_flow(16)
    t, u, v = fields(flow, _without_last(_random(1)), SURFACE_CHANNELS).unbind(1)
    assert float((u**2 + v**2).sum() / (t / KELVIN).square().sum()) == pytest.approx(1, rel=1e-12)


def test_thermal_wind_between_the_layers():
    flow = layered_flow(16)
    square, state = flow.square, _without_last(_random(2)) * 1e-5
    names = ("t", "u250", "v250", "u750", "v750")
    t, u1, v1, u2, v2 = fields(flow, state, names).unbind(1)
    wave = torch.fft.rfft2(t)
    across, along = square.field(1j * square.ky * wave), square.field(1j * square.kx * wave)
    ratio = GAS * math.log(750 / 250) / CORIOLIS
    assert torch.allclose(u1 - u2, 10 - ratio * across, atol=1e-8)
    assert torch.allclose(v1 - v2, ratio * along, atol=1e-8)
    slope = background(flow).squeeze().diff() / square.step
    assert torch.allclose(-THERMAL * slope, torch.full_like(slope, 10.0))


def test_height_and_vorticity_are_those_of_the_wind():
    flow = layered_flow(16)
    square, state = flow.square, _without_last(_random(2, seed=1)) * 1e-5
    u, v, z, vorticity = fields(flow, state, ("u750", "v750", "z750", "vo750")).unbind(1)
    z, curl = torch.fft.rfft2(z), torch.fft.rfft2(v)
    geostrophic = square.field(1j * square.kx * z) * GRAVITY / CORIOLIS
    assert torch.allclose(v, geostrophic, atol=1e-8)
    curl = square.field(1j * square.kx * curl - 1j * square.ky * torch.fft.rfft2(u))
    assert torch.allclose(vorticity, curl, atol=1e-12)


def test_a_channel_of_the_other_flow_is_named():
    with pytest.raises(InputError, match="no channel 't850' in this flow"):
        fields(layered_flow(16), _random(2), ("t850",))


def _channels(flow, q: torch.Tensor) -> torch.Tensor:
    return fields(flow, torch.fft.rfft2(q), SURFACE_CHANNELS)


def _buoyancy(x: torch.Tensor) -> torch.Tensor:
    return x[:, :1] / KELVIN


@pytest.mark.parametrize("change", [turned, lambda x: mirrored(x, SURFACE_CHANNELS)])
def test_a_changed_state_has_the_wind_of_its_temperature_and_flows_alike(change):
    flow = surface_flow(16)
    q = flow.square.field(_without_last(_random(1)))
    x = _channels(flow, q)
    other = change(x)
    assert torch.allclose(_channels(flow, _buoyancy(other)), other, atol=1e-10)
    later = _channels(flow, Run(flow, q, 500.0).advance(20).q)
    assert torch.allclose(
        _channels(flow, Run(flow, _buoyancy(other), 500.0).advance(20).q), change(later), atol=1e-10
    )
    assert (later - x).abs().max() > 0.1  # it did flow


def test_the_mirror_keeps_the_layered_flow():
    flow = layered_flow(16)
    q = flow.square.field(_without_last(_random(2))) * 1e-5
    names = ("t", "u250", "v250")
    later = fields(flow, Run(flow, q, 900.0).advance(10).spectrum, names)
    run = Run(flow, -q.flip(-2), 900.0).advance(10)
    assert torch.allclose(fields(flow, run.spectrum, names), mirrored(later, names), atol=1e-9)


def test_splits_have_no_seed_in_common():
    assert [split_of(first, 8) for first in FIRST_SEED.values()] == list(FIRST_SEED)
    for first in (99_996, 101_000, 150_000):
        with pytest.raises(InputError, match="not in one split"):
            split_of(first, 8)


def test_a_bank_refuses_seeds_of_another_split(tmp_path):
    with pytest.raises(InputError, match="are of the split validation, not train"):
        state_bank(StateSettings(first=100_000), "train", tmp_path)


def test_a_bank_is_made_once_and_group_by_group(tmp_path):
    settings = StateSettings(count=9, **SMALL)
    bank = state_bank(settings, "train", tmp_path)
    assert len(bank) == 2  # whole groups
    assert bank.whole().shape == (2 * GROUP * 2, 3, 16, 16) and bank.whole().dtype == np.float16
    assert not np.array_equal(bank[0], bank[1])
    bank.paths[0].unlink()
    kept = bank.paths[1].stat().st_mtime_ns
    again = state_bank(StateSettings(count=9, **SMALL), "train", tmp_path)
    assert np.array_equal(again[0], group_states(0, settings))
    assert again.paths[1].stat().st_mtime_ns == kept
    other = state_bank(StateSettings(count=8, first=8, **SMALL), "train", tmp_path)
    assert other.paths == bank.paths[1:]  # the same seeds are the same file


@pytest.mark.parametrize("names", [SURFACE_CHANNELS, ("t", "u250", "v250")])
def test_members_begin_differently_and_depend_on_the_seed(names):
    settings = StateSettings(n=16, channels=names)
    first, second = group_run(0, settings).q, group_run(1, settings).q
    every = torch.cat([first, second]).flatten(1)
    distance = torch.cdist(every, every) + torch.eye(len(every)) * 1e9
    assert distance.min() > 0.5 * every.norm(dim=1).mean()
    assert torch.equal(group_run(1, settings).q, second)


@pytest.mark.slow
def test_states_are_turbulent_and_forget_each_other():
    states = group_states(FIRST_SEED["validation"] // GROUP, StateSettings(states=12))
    x = torch.from_numpy(states.astype(np.float32)).unflatten(0, (GROUP, 12))
    assert 2 < x[:, :, 0].std() < 5 and 5 < x[:, :, 1:].std() < 11  # K, m/s
    near = float((x[:, 1:] * x[:, :-1]).mean() / x.square().mean())
    assert near < 0.5
    wave = torch.fft.rfft2(x[:, :, 0])
    small = surface_flow(64).square.number > 8
    share = float((wave.abs().square() * small).sum() / wave.abs().square().sum())
    assert 0.02 < share < 0.2  # what a coarse field of x4 cannot tell
