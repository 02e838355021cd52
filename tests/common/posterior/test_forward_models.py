"""Training without clean signals on Gaussian ones, where the optimum is a known matrix.

The losses are quadratic, so that the points +-sqrt(2d) L e_i of the joint law of signal and noise
give their exact expectation: training then has to find the exact denoiser, to rounding.
"""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError
from undrift.common.noise import Noise
from undrift.common.operators import Identity, Mask, Matrix
from undrift.common.posterior.forward_models import (
    Rendered,
    further_corrupted,
    further_corruption_loss,
    rendered_loss,
)
from undrift.common.processes import BrownianBridge, VariancePreserving

VP = VariancePreserving()
D, T = 3, 0.35
MASKS = [m for m in itertools.product((0.0, 1.0), repeat=D) if any(m)]


def ends() -> tuple[float, float]:
    t = torch.tensor(T, dtype=torch.float64)
    return float(VP.a(t)), float(VP.s(t))


def root() -> Tensor:
    """L of the covariance L L^T of the signals."""
    return torch.eye(D).double() + 0.5 * Noise(4)((1, 1, D, D), dtype=torch.float64)[0, 0]


def points(size: int) -> tuple[Tensor, Tensor]:
    """Signals (k, D) and noise (k, size) with exact joint first and second moments."""
    n = D + size
    unit = n**0.5 * torch.eye(n).double()
    unit = torch.cat([unit, -unit])
    return unit[:, :D] @ root().T, unit[:, D:]


class Table(nn.Module):
    """A linear denoiser for each mask, shown as y: (b, D)."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Parameter(torch.zeros(2**D, D, D, dtype=torch.float64))

    def forward(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        assert y is not None
        which = (y @ torch.tensor([2.0**k for k in range(D)], dtype=y.dtype)).long()
        return Estimate(torch.einsum("bij,bj->bi", self.maps[which], x))


def exact(mask: Tensor) -> Tensor:
    """E[x0 | mask (a x0 + s eps)] as a matrix, zero in the columns of hidden values."""
    a, s = ends()
    covariance, kept = root() @ root().T, torch.diag(mask)
    seen = kept @ (a**2 * covariance + s**2 * torch.eye(D).double()) @ kept
    return a * covariance @ kept @ torch.linalg.pinv(seen, hermitian=True)


def fitted(model: nn.Module, loss: Callable[[], Tensor]) -> None:
    """To the minimum of a quadratic loss."""
    optimiser = torch.optim.LBFGS(
        model.parameters(), max_iter=400, tolerance_grad=1e-13, tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure() -> Tensor:
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    for _ in range(4):
        optimiser.step(closure)  # pyright: ignore[reportArgumentType]


def masked(kept: float) -> Callable[[Table], Tensor]:
    """The exact expectation over masks A of chance .7 a value and further ones of chance `kept`."""
    x0, noise = points(D)

    def loss(model: Table) -> Tensor:
        total = torch.zeros((), dtype=torch.float64)
        for mask in MASKS:
            for more in MASKS:
                m, f = torch.tensor(mask).double(), torch.tensor(more).double()
                chance = _chance(m, 0.7) * _chance(f, kept)
                if chance == 0 or not bool((m * f).any()):
                    continue
                operator, further = Mask(m, (D,)), Mask(f, (D,))
                total = total + chance * further_corruption_loss(
                    model, VP, operator, further, operator(x0), T, noise,
                    y=(m * f).expand(len(x0), D),
                )  # fmt: skip
        return total

    return loss


def _chance(mask: Tensor, kept: float) -> float:
    return float(torch.where(mask > 0, kept, 1 - kept).prod())


def test_masked_data_alone_teach_the_exact_denoiser() -> None:
    model, loss = Table(), masked(0.6)
    fitted(model, lambda: loss(model))
    for number, mask in enumerate(itertools.product((0.0, 1.0), repeat=D)):
        kept = torch.tensor(mask[::-1]).double()  # bit k of the number is value k
        if number:
            torch.testing.assert_close(model.maps[number].detach(), exact(kept), rtol=0, atol=1e-6)


def test_without_further_corruption_hidden_values_are_never_learned() -> None:
    model, loss = Table(), masked(1.0)
    fitted(model, lambda: loss(model))
    maps = model.maps.detach()
    torch.testing.assert_close(maps[-1], exact(torch.ones(D).double()), rtol=0, atol=1e-6)
    assert float(maps[1][1:].abs().max()) == 0  # only value 0 was shown: the others stay as begun
    assert float(exact(torch.eye(D).double()[0])[1:].abs().max()) > 0.1


class Linear(nn.Module):
    """S = W x."""

    def __init__(self, size: int):
        super().__init__()
        self.map = nn.Parameter(torch.zeros(D, size, dtype=torch.float64))

    def forward(self, x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        return Estimate(x @ self.map.T)


def views() -> tuple[Tensor, Tensor]:
    first, second = Noise(8)((1, 2, 2, D), dtype=torch.float64)[0]
    return first, second


def wanted(first: Tensor) -> Tensor:
    """E[x0 | a A x0 + s eps] as a matrix."""
    a, s = ends()
    covariance = root() @ root().T
    spread = a**2 * first @ covariance @ first.T + s**2 * torch.eye(2).double()
    return a * covariance @ first.T @ torch.linalg.inv(spread)


@pytest.mark.parametrize("noisy", [False, True])
def test_two_views_teach_the_signal_and_one_does_not(noisy: bool) -> None:
    first, second = views()
    x0, noise = points(2 + 2)
    m1, m2 = x0 @ first.T, x0 @ second.T + 0.3 * noisy * noise[:, 2:]
    A1, A2 = Matrix(first, (D,)), Matrix(second, (D,))
    both, alone = Linear(2), Linear(2)
    fitted(both, lambda: rendered_loss(both, VP, [(A1, m1), (A2, m2)], T, noise[:, :2]))
    fitted(alone, lambda: rendered_loss(alone, VP, [(A1, m1)], T, noise[:, :2]))
    torch.testing.assert_close(both.map.detach(), wanted(first), rtol=0, atol=1e-6)
    gap = alone.map.detach() - wanted(first)
    assert float((first @ gap).abs().max()) < 1e-6  # of its own view it is exact
    assert float(gap.abs().max()) > 0.1
    x = Noise(1)((1, 1, 3, 2), dtype=torch.float64)[0, 0]
    torch.testing.assert_close(Rendered(both, A1)(x, T).x0, x @ both.map.T @ first.T)


@pytest.mark.slow
def test_steps_on_random_batches_come_near_the_exact_denoiser() -> None:
    """Adam on drawn masks, signals and noise: the error falls, below 5 % at the end."""
    model, generator = Table(), torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    fall = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 3000)
    operator, full = Identity((D,)), exact(torch.ones(D).double())
    errors = []
    for number in range(3000):
        x0 = torch.randn(256, D, generator=generator, dtype=torch.float64) @ root().T
        noise = torch.randn(256, D, generator=generator, dtype=torch.float64)
        m, f = ((torch.rand(256, D, generator=generator) < kept).double() for kept in (0.7, 0.6))
        m[:, 0] = torch.where(m.sum(1) == 0, 1.0, m[:, 0])
        f = torch.where((m * f).sum(1, keepdim=True) == 0, 1.0, f)
        operator, further = Mask(m, (D,)), Mask(f, (D,))
        loss = further_corruption_loss(
            model, VP, operator, further, operator(x0), T, noise, y=m * f
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        fall.step()
        if number in (0, 299, 2999):
            errors.append(float((model.maps[-1].detach() - full).norm() / full.norm()))
    print(errors)
    assert errors[0] > 2 * errors[1]
    assert errors[2] < 0.05


def test_what_cannot_be_trained_is_refused() -> None:
    x = torch.zeros(2, D, dtype=torch.float64)
    one = Identity((D,))
    with pytest.raises(InputError, match="expected a process from noise"):
        further_corrupted(BrownianBridge(), one, one, x, torch.tensor(0.5), x)
    with pytest.raises(InputError, match="0 views"):
        rendered_loss(Linear(D), VP, [], T, x)
