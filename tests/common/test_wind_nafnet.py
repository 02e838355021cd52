"""The denoiser of a scalar with its wind: the optimal linear one to begin with, exact relations."""

import math

import pytest
import torch

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.networks.build import build_network
from undrift.common.networks.wind_nafnet import WindNAFNet
from undrift.common.processes.variance_exploding import VarianceExploding

POWER, GAINS = [50.0, 40.0, 20.0, 5.0, 1.0, 0.1], (0.1, 0.15)
PARAMS = {"unshuffle": 2, "widths": [8, 8], "depths": [1, 1], "side": 16}


def _network() -> WindNAFNet:
    torch.manual_seed(0)
    return WindNAFNet(POWER, GAINS, **PARAMS).double().requires_grad_(False)


def _trained() -> WindNAFNet:
    network = _network()
    torch.nn.init.normal_(network.inner.leave.weight, std=0.1)
    return network


def _covariance(n: int) -> torch.Tensor:
    """The covariance of (T, u, v), (3 n^2, 3 n^2), from waves of q and what its wind is."""
    k = torch.fft.fftfreq(n, dtype=torch.float64)
    ky, kx = torch.meshgrid(k, k, indexing="ij")
    size = torch.hypot(kx, ky)
    place = (size * 16).clamp(max=len(POWER) - 1)
    low = place.floor().long().clamp(max=len(POWER) - 2)
    logs = torch.tensor(POWER, dtype=torch.float64).log()
    power = torch.exp(logs[low] + (logs[low + 1] - logs[low]) * (place - low))
    power = torch.where((size == 0) | (ky.abs() == 0.5) | (kx.abs() == 0.5), 0.0, power)
    unit = torch.where(size == 0, 1.0, size)
    c = torch.stack([GAINS[0] + 0j * kx, -1j * GAINS[1] * ky / unit, 1j * GAINS[1] * kx / unit])
    spectrum = power * torch.einsum("iyx,jyx->ijyx", c, c.conj())
    lag = torch.fft.ifft2(spectrum).real  # E x_i(r + s) x_j(s)
    index = torch.arange(n)
    row = (index[:, None] - index) % n
    full = lag[:, :, row[:, None, :, None], row[None, :, None, :]]  # i, j, y, x, y', x'
    return full.permute(0, 2, 3, 1, 4, 5).reshape(3 * n * n, 3 * n * n)


@pytest.mark.parametrize("sigma", [0.03, 0.5, 4.0])
def test_before_training_it_is_the_wiener_filter_of_its_covariance(sigma):
    n = 8
    process = VarianceExploding(law="linear", high=10.0)
    denoiser = Denoiser(_network(), process, "balanced", Scaling(1.0, 0.0, 1.0, 0.0))
    made = torch.Generator().manual_seed(1)
    x = torch.randn(2, 3, n, n, generator=made, dtype=torch.float64)
    covariance = _covariance(n)
    gain = covariance @ torch.linalg.inv(covariance + sigma**2 * torch.eye(len(covariance)))
    wanted = (x.flatten(1) @ gain.T).reshape(x.shape)
    assert torch.allclose(denoiser(x, sigma / 10).x0, wanted, atol=1e-6)


def test_every_estimate_has_the_wind_of_its_temperature():
    process = VarianceExploding(law="linear", high=10.0)
    denoiser = Denoiser(_trained().float(), process, "balanced", Scaling(1.0, 0.0, 1.0, 0.0))
    x = torch.randn(1, 3, 16, 24, generator=torch.Generator().manual_seed(2))
    plain = Denoiser(_network().float(), process, "balanced", Scaling(1.0, 0.0, 1.0, 0.0))
    estimate = denoiser(x, 0.05).x0
    assert (estimate - plain(x, 0.05).x0).abs().max() > 0.01  # the network has its say
    wave = torch.fft.fft2(estimate.detach().double())[0]
    ky, kx = (torch.fft.fftfreq(m, dtype=torch.float64) for m in (16, 24))
    k = torch.hypot(ky[:, None], kx[None]).clamp(min=1e-9)
    ratio = GAINS[1] / GAINS[0]
    close = 1e-4 * float(wave.abs().max())
    for found, slope in ((wave[1], -1j * ky[:, None]), (wave[2], 1j * kx[None])):
        assert torch.allclose(found, ratio * slope / k * wave[0], atol=close)


def test_it_goes_round_with_the_field_and_takes_any_whole_blocks():
    network, psi = _trained().float(), torch.tensor([0.7])
    x = torch.randn(1, 3, 16, 24, generator=torch.Generator().manual_seed(3))
    moved = network(x.roll((4, -8), (2, 3)), psi)
    assert torch.allclose(moved, network(x, psi).roll((4, -8), (2, 3)), atol=1e-5)
    with pytest.raises(ValueError, match="multiples of 4"):
        network(x[..., :-2], psi)


def test_its_derivative_is_that_of_differences():
    network, psi = _trained().float(), torch.tensor([0.7])
    made = torch.Generator().manual_seed(4)
    x, u = (torch.randn(1, 3, 16, 16, generator=made) for _ in range(2))
    slope = torch.func.jvp(lambda z: network(z, psi), (x,), (u,))[1]
    step = 1e-2
    wanted = (network(x + step * u, psi) - network(x - step * u, psi)) / (2 * step)
    assert torch.allclose(slope, wanted, atol=2e-3 * float(wanted.abs().max()))
    v = torch.randn(slope.shape, generator=made)
    x.requires_grad_(True)
    (back,) = torch.autograd.grad(network(x, psi), x, v)
    assert math.isclose(float((back * u).sum()), float((v * slope).sum()), rel_tol=1e-3)


def test_wrong_numbers_are_named():
    for power, gains in (([1.0], GAINS), (POWER, (1.0,))):
        with pytest.raises(Exception, match="network wind-nafnet: got"):
            build_network("wind-nafnet", {"power": power, "gains": gains, **PARAMS})
