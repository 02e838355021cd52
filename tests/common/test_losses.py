"""Losses: their minimiser is the posterior mean, weights in closed form, immiscible noise."""

import math

import pytest
import torch
from oracles import EVERY, abs_at, number
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.losses import assign_noise, output_error, time_weight, training_loss
from undrift.common.processes import Flow, Process
from undrift.common.processes.process import angle

SIGMA_D = 0.3


class Affine(nn.Module):
    """F = k u, the most that Gaussian data need."""

    def __init__(self) -> None:
        super().__init__()
        self.k = nn.Parameter(torch.zeros((), dtype=torch.float64))

    def forward(self, inputs: Tensor, psi: Tensor, level: Tensor | None) -> Tensor:
        return self.k * inputs[:, :1]


def quadrature(nodes: int = 8) -> tuple[Tensor, Tensor]:
    """Pairs (x0, eps) whose equal-weight moments are those of two standard normals."""
    angles = 2 * math.pi * (torch.arange(nodes, dtype=torch.float64) + 0.5) / nodes
    return math.sqrt(2) * torch.cos(angles), math.sqrt(2) * torch.sin(angles)


@pytest.mark.parametrize("process", EVERY)
@pytest.mark.parametrize("prediction", ["x0", "eps", "residual", "balanced"])
@pytest.mark.parametrize("weighting", ["unit", "x0", "min-snr"])
def test_the_minimiser_is_the_posterior_mean(process: str, prediction: str, weighting: str) -> None:
    """x0 - y ~ N(0, .2^2), not sigma_d: the best k, the vertex of the loss, gives D."""
    path, t, width = EVERY[process], number(0.4), 0.2
    u, eps = (v.reshape(-1, 1, 1, 1) for v in quadrature())
    y = torch.full_like(u, 0.6)
    network = Affine()
    denoiser = Denoiser(network, path, prediction, Scaling(SIGMA_D))
    batch = {"x0": y + width * u, "noise": eps, "y": y}

    def loss(k: float) -> Tensor:
        with torch.no_grad():
            network.k.fill_(k)
        times = t.expand(len(u))
        return training_loss(denoiser, batch, times, kind="l2", weighting=weighting).detach()

    low, middle, high = (float(loss(k)) for k in (-1.0, 0.0, 1.0))
    best = (low - high) / (2 * (low + high - 2 * middle))  # vertex of the parabola
    loss(best)
    a, b, s = abs_at(path, 0.4)
    x = torch.tensor([[[[1.3]]]], dtype=torch.float64)
    found = denoiser(x, 0.4, y[:1]).x0
    exact = y[:1] + a * width**2 / (a**2 * width**2 + s**2) * (x - (a + b) * y[:1])
    # Errors are taken in float32; the vertex of the parabola carries that.
    torch.testing.assert_close(found, exact, rtol=2e-4, atol=2e-4)


def test_errors_of_an_item() -> None:
    output, target = torch.zeros(2, 1, 1, 2), torch.tensor([[[[3.0, -4.0]]], [[[0.0, 0.0]]]])
    assert output_error(output, target, "l2").tolist() == [12.5, 0.0]
    assert output_error(output, target, "l1").tolist() == [3.5, 0.0]
    smooth = output_error(output, target, "charbonnier")
    assert smooth.tolist() == pytest.approx([3.5, 0.01], rel=1e-4)


@pytest.mark.parametrize("process", EVERY)
def test_weights_have_their_closed_forms(process: str) -> None:
    path, t = EVERY[process], torch.linspace(0.05, 0.95, 9, dtype=torch.float64)
    a, s = path.a(t), path.s(t)
    snr = (a * SIGMA_D / s) ** 2
    assert torch.equal(time_weight(path, t, SIGMA_D, "unit", 2), torch.ones_like(t))
    share = 1 / (1 + snr)  # sin^2 psi
    torch.testing.assert_close(time_weight(path, t, SIGMA_D, "x0", 2), share)
    torch.testing.assert_close(time_weight(path, t, SIGMA_D, "x0", 1), share.sqrt())
    torch.testing.assert_close(
        time_weight(path, t, SIGMA_D, "min-snr", 2), (snr.clamp(max=5) + 1) / (snr + 1)
    )


def test_the_x0_weight_measures_the_error_of_the_estimate() -> None:
    """For "balanced", |x0 error|/sigma_d = sin psi |F error|: the weight's meaning."""
    path, t = Flow(), 0.45
    network = Affine()
    denoiser = Denoiser(network, path, "balanced", Scaling(SIGMA_D))
    x, y = torch.tensor([[[[0.9]]]], dtype=torch.float64), torch.full((1, 1, 1, 1), 0.2).double()
    with torch.no_grad():
        network.k.fill_(0.5)
        first, output = denoiser(x, t, y).x0, denoiser.output(x, number(t), y, None)
        network.k.fill_(0.8)
        second, other = denoiser(x, t, y).x0, denoiser.output(x, number(t), y, None)
    ratio = float(((second - first) / SIGMA_D / (other - output)).abs())
    assert ratio == pytest.approx(math.sin(float(angle(path, number(t), SIGMA_D))), rel=1e-12)


def test_immiscible_noise_is_the_same_noise_nearer() -> None:
    generator = torch.Generator().manual_seed(2)
    x0, noise = (torch.randn(16, 1, 3, 3, generator=generator) for _ in range(2))
    assigned = assign_noise(x0, noise)
    rows = {tuple(row.tolist()) for row in noise.flatten(1)}
    assert {tuple(row.tolist()) for row in assigned.flatten(1)} == rows
    assert float((x0 - assigned).square().sum()) < 0.9 * float((x0 - noise).square().sum())
    for i in range(16):  # no exchange of two shortens it further
        for j in range(i):
            swapped = assigned.clone()
            swapped[[i, j]] = assigned[[j, i]]
            kept = float((x0 - assigned).square().sum())
            assert kept <= float((x0 - swapped).square().sum()) * (1 + 1e-6)


def test_immiscible_training_uses_the_assigned_noise() -> None:
    generator = torch.Generator().manual_seed(4)
    x0, noise, y = (torch.randn(6, 1, 2, 2, generator=generator).double() for _ in range(3))
    process: Process = Flow()
    denoiser = Denoiser(Affine(), process, "balanced", Scaling(SIGMA_D))
    t = torch.full((6,), 0.5, dtype=torch.float64)

    def loss(noise: Tensor, immiscible: bool) -> float:
        batch = {"x0": x0, "noise": noise, "y": y, "level": torch.zeros(6, 0)}
        options = {"kind": "l1", "weighting": "unit", "immiscible": immiscible}
        return float(training_loss(denoiser, batch, t, **options).detach())  # type: ignore[arg-type]

    assert loss(noise, True) == loss(assign_noise(x0, noise), False) != loss(noise, False)
