"""Predictions form a closed group, and a denoiser's network sees unit variance and no process."""

import functools

import pytest
import torch
from oracles import EVERY, abs_at, number
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.predictions import OWN, PREDICTIONS, target, to_ends, to_eps, to_x0, weights
from undrift.common.processes import (
    BrownianBridge,
    Flow,
    Process,
    ResidualShift,
    brownian_bridge,
)
from undrift.common.processes.process import angle, marginal, time_of_angle

SIGMA_D = 0.3
TIMES = [1e-3, 1 / 15, 0.2, 0.5, 0.77, 0.95, 0.999]
UNIVERSAL = sorted(set(PREDICTIONS) - set(OWN))  # fixed by the angle alone


class Answer(nn.Module):
    """A network that always gives the same."""

    def __init__(self, value: Tensor):
        super().__init__()
        self.value = value

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        return self.value


def ends(count: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """x0, y, noise, each (count, 3, 2, 2) float64."""
    generator = torch.Generator().manual_seed(5)
    shape = (3, count, 3, 2, 2)
    x0, y, noise = torch.randn(shape, dtype=torch.float64, generator=generator)
    return 0.5 + SIGMA_D * x0, 0.4 + SIGMA_D * y, noise


def errors(name: str, process: Process, t: float) -> tuple[float, float]:
    """Largest errors of x0 and eps after a round trip through the target."""
    x0, y, noise = ends()
    time = number(t)
    abs_ = (process.a(time), process.b(time), process.s(time))
    x = abs_[0] * x0 + abs_[1] * y + abs_[2] * noise
    pqr = weights(name, process, time, SIGMA_D)
    o = target(pqr, x0, y, noise)
    found = to_x0(pqr, abs_, o, x, y), to_eps(pqr, abs_, o, x, y)
    return float((found[0] - x0).abs().max()), float((found[1] - noise).abs().max())


@pytest.mark.parametrize("name", PREDICTIONS)
@pytest.mark.parametrize("process", EVERY)
def test_every_target_leads_back_to_both_ends(name: str, process: str) -> None:
    for t in TIMES:
        a, _, s = abs_at(EVERY[process], t)
        pqr = [float(w) for w in weights(name, EVERY[process], number(t), SIGMA_D)]
        condition = (abs(pqr[0]) + abs(pqr[2])) * (a + s) / abs(pqr[2] * a - s * pqr[0])
        x0, eps = errors(name, EVERY[process], t)
        assert max(x0, eps) < 1e-13 * condition


@pytest.mark.parametrize("name", ["x0", "residual", "displacement", "velocity", "balanced"])
def test_pure_noise_is_regular_for_all_but_noise_predictions(name: str) -> None:
    assert max(errors(name, Flow(), 1.0)) < 1e-13


@pytest.mark.parametrize("name", ["eps", "velocity", "balanced"])
def test_the_clean_end_is_regular_for_predictions_with_noise(name: str) -> None:
    process = Flow()  # its velocity is finite at t = 0
    assert max(errors(name, process, 0.0)) < 1e-13


def test_targets_are_what_their_names_say() -> None:
    x0, y, noise = ends()
    for process in EVERY.values():
        t = number(0.4)
        a, b, s = abs_at(process, 0.4)
        x = a * x0 + b * y + s * noise
        expected = {
            "x0": x0, "eps": noise, "eps-scaled": s * noise, "residual": y - x0,
            "displacement": x - x0,
        }  # fmt: skip
        for name, value in expected.items():
            torch.testing.assert_close(target(weights(name, process, t), x0, y, noise), value)
        h = 1e-6
        later, sooner = (
            process.a(u) * x0 + process.b(u) * y + process.s(u) * noise for u in (t + h, t - h)
        )
        velocity = target(weights("velocity", process, t), x0, y, noise)
        torch.testing.assert_close(velocity, (later - sooner) / (2 * h), rtol=1e-7, atol=1e-7)


def test_unknown_prediction_is_told() -> None:
    with pytest.raises(InputError, match="did you mean 'velocity'"):
        weights("velocty", Flow(), number(0.5))


class Probe(nn.Module):
    """Remembers what it was shown; answers with a fixed nonlinear function of it."""

    inputs: Tensor
    psi: Tensor

    def forward(self, inputs: Tensor, psi: Tensor, level: Tensor | None) -> Tensor:
        self.inputs, self.psi = inputs, psi
        return torch.tanh(1.3 * inputs[:, :3]) * torch.cos(psi)[:, None, None, None] + 0.2


@pytest.mark.parametrize("name", PREDICTIONS)
@pytest.mark.parametrize("process", EVERY)
@pytest.mark.parametrize("centre", [None, 0.5])
def test_network_input_and_target_have_unit_variance(
    name: str, process: str, centre: float | None
) -> None:
    """In closed form: both are linear in (x0 - c)/sigma_d and eps; the squared weights sum to 1."""
    path, t = EVERY[process], torch.tensor(TIMES, dtype=torch.float64)
    denoiser = Denoiser(Probe(), path, name, Scaling(SIGMA_D, centre=centre))
    y = torch.full((len(t), 3, 1, 1), 0.7, dtype=torch.float64)
    c = y if centre is None else torch.full_like(y, centre)
    seen, aimed = [], []
    for signal, noise in ((SIGMA_D, 0.0), (0.0, 1.0)):
        x0, eps = c + signal, torch.full_like(y, noise)
        denoiser.output(marginal(path, x0, y, t, eps), t, y, None)
        seen.append(denoiser.network.inputs[:, :3])  # type: ignore[union-attr, index]
        aimed.append(denoiser.target(x0, t, y, eps))
    one = torch.ones_like(y)
    torch.testing.assert_close(seen[0] ** 2 + seen[1] ** 2, one, rtol=0, atol=1e-12)
    torch.testing.assert_close(aimed[0] ** 2 + aimed[1] ** 2, one, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", PREDICTIONS)
@pytest.mark.parametrize("process", EVERY)
def test_a_network_that_hits_its_target_gives_the_clean_signal(name: str, process: str) -> None:
    path, t = EVERY[process], torch.tensor(TIMES, dtype=torch.float64)
    x0, y, noise = ends(len(t))
    denoiser = Denoiser(nn.Identity(), path, name, Scaling(SIGMA_D))
    denoiser.network = _Constant(denoiser.target(x0, t, y, noise))
    found = denoiser(marginal(path, x0, y, t, noise), t, y).x0
    p, _, r = weights(name, path, t, SIGMA_D)
    a, s = path.a(t), path.s(t)
    condition = (p.abs() + r.abs()) * (a + s) / (r * a - s * p).abs()
    assert bool(((found - x0).abs().amax((1, 2, 3)) < 1e-12 * condition).all())


@pytest.mark.parametrize("name", ["x0", "residual", "displacement", "balanced"])
@pytest.mark.parametrize("process", [BrownianBridge(), brownian_bridge.published(), Flow()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_start_without_signal_is_regular(name: str, process: Process, dtype: torch.dtype) -> None:
    """At t = 1 the bridge is pinned to y (a = s = 0): the network alone says what x0 is."""
    x0, y, noise = (v.to(dtype) for v in ends())
    a, b, s = abs_at(process, 1.0)
    denoiser = Denoiser(nn.Identity(), process, name, Scaling(SIGMA_D))
    denoiser.network = _Constant(denoiser.target(x0, number(1.0), y, noise))
    found = denoiser(a * x0 + b * y + s * noise, 1.0, y).x0
    torch.testing.assert_close(found, x0, rtol=0, atol=1e-4 if dtype == torch.float32 else 1e-9)


class _Constant(nn.Module):
    def __init__(self, value: Tensor):
        super().__init__()
        self.value = value

    def forward(self, inputs: Tensor, psi: Tensor, level: Tensor | None) -> Tensor:
        return self.value


@functools.cache
def reached(process: Process, psi: float) -> Tensor:
    return time_of_angle(process, number(psi), SIGMA_D)


def _estimates(name: str, psi: float) -> list[Tensor]:
    """The same network at the same angle and scaled state, on every process."""
    unit, y, _ = ends()
    found = []
    for process in (*EVERY.values(), ResidualShift(0.5, 0.1), BrownianBridge(0.3)):
        t = reached(process, psi)
        a, b, s = abs_at(process, float(t))
        assert float(angle(process, t, SIGMA_D)) == pytest.approx(psi, abs=1e-12)
        spread = ((a * SIGMA_D) ** 2 + s**2) ** 0.5
        x = spread * unit + (a + b) * y
        denoiser = Denoiser(Probe(), Flow(), name, Scaling(SIGMA_D)).with_process(process)
        found.append(denoiser(x, float(t), y).x0)
    return found


@pytest.mark.parametrize("name", UNIVERSAL)
@pytest.mark.parametrize("psi", [0.08, 0.4, 0.9, 1.3])
def test_a_network_runs_on_any_process(name: str, psi: float) -> None:
    first, *others = _estimates(name, psi)
    for other in others:
        torch.testing.assert_close(other, first, rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", sorted(set(PREDICTIONS) - set(UNIVERSAL)))
def test_velocity_and_displacement_belong_to_their_process(name: str) -> None:
    """They mix x0 and eps in a ratio that the angle does not fix; such a network cannot move."""
    with pytest.raises(InputError, match="something else on another process"):
        _estimates(name, 0.9)


def test_missing_degraded_signal_is_told() -> None:
    x = torch.zeros(1, 3, 2, 2)
    with pytest.raises(InputError, match="conditioned on a degraded signal; pass y"):
        Denoiser(Probe(), Flow(), "x0", Scaling(0.3))(x, 0.5)
    with pytest.raises(InputError, match="BrownianBridge joins x0 to y; pass y"):
        Denoiser(Probe(), BrownianBridge(), "x0", Scaling(0.3, centre=0.5))(x, 0.5)
    free = Denoiser(Probe(), Flow(), "x0", Scaling(0.3, centre=0.5))
    assert free(x, 0.5).x0.shape == x.shape and free.network.inputs.shape[1] == 3  # type: ignore[union-attr]


def test_noise_at_pure_noise_says_nothing_and_leaves_what_is_known() -> None:
    """a = 0: the conversion falls back on y, a denoiser on its centre; just inside it is exact."""
    x0, y, noise = ends()
    pqr, abs_ = weights("eps", Flow(), number(1.0)), (number(0.0), number(0.0), number(1.0))
    assert torch.equal(to_x0(pqr, abs_, noise, noise, y), y)
    denoiser = Denoiser(Answer(torch.ones_like(x0)), Flow(), "eps", Scaling(SIGMA_D, centre=0.5))
    assert torch.equal(denoiser(noise, 1.0).x0, torch.full_like(x0, 0.5))


@pytest.mark.parametrize("name", PREDICTIONS)
@pytest.mark.parametrize("process", EVERY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_estimates_are_finite_at_both_ends(name: str, process: str, dtype: torch.dtype) -> None:
    """At the pinned start of a bridge and at pure noise, whatever the network was trained for."""
    y = ends()[1].to(dtype)
    denoiser = Denoiser(Answer(torch.ones_like(y)), EVERY[process], name, Scaling(SIGMA_D))
    for t in (1.0, 1 - 1e-9, 1e-9):
        assert bool(denoiser(y, t, y).x0.isfinite().all())


def test_two_outputs_fix_both_ends() -> None:
    """Every pair of different targets and the state: three equations for x0, y and the noise."""
    x0, y, noise = ends()
    process, t = ResidualShift(), number(0.6)
    abs_ = (process.a(t), process.b(t), process.s(t))
    x = abs_[0] * x0 + abs_[1] * y + abs_[2] * noise
    pairs = [
        ("residual", "eps"), ("x0", "eps"), ("residual", "residual+eps"), ("x0", "residual"),
        ("velocity", "score"), ("x0", "residual+eps"), ("drift", "eps"),
    ]  # fmt: skip
    for pair in pairs:
        pqrs = [weights(name, process, t) for name in pair]
        found = to_ends(pqrs, abs_, [target(pqr, x0, y, noise) for pqr in pqrs], x)
        for value, truth in zip(found, (x0, y, noise), strict=True):
            torch.testing.assert_close(value, truth, rtol=0, atol=1e-11)


@pytest.mark.parametrize("pair", [("eps", "eps-scaled"), ("eps", "score"), ("eps", "displacement")])
def test_two_outputs_that_say_the_same_are_refused(pair: tuple[str, str]) -> None:
    x0, y, noise = ends()
    process, t = Flow(), number(0.6)
    abs_ = (process.a(t), process.b(t), process.s(t))
    pqrs = [weights(name, process, t) for name in pair]
    with pytest.raises(InputError, match="do not fix both ends"):
        to_ends(pqrs, abs_, [target(pqr, x0, y, noise) for pqr in pqrs], x0)
