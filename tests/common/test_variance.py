"""Networks that tell the variance too: what it means, its training, what samplers make of it."""

import pytest
import torch
from oracles import EVERY, abs_at, gaussian, law, number
from torch import Tensor, nn

from undrift.common.config import load
from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.errors import InputError
from undrift.common.losses import output_error
from undrift.common.predictions import weights
from undrift.common.solvers import ancestral
from undrift.common.training.recipe import Recipe
from undrift.common.training.recipes import read_recipe

DATA = gaussian([0.2, -0.1], [0.3, 0.05])
Y = torch.tensor([0.6, -0.4], dtype=torch.float64)
TIMES = (1.0, 0.7, 0.3, 0.0)


class Fixed(nn.Module):
    """A network that answers zero with a given variance of its output."""

    def __init__(self, variance: float):
        super().__init__()
        self.variance = variance

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        half = x[:, : x.shape[1] // 2]
        return torch.cat([torch.zeros_like(half), torch.full_like(half, self.variance).log()], 1)


@pytest.mark.parametrize("process", EVERY)
@pytest.mark.parametrize("prediction", ["x0", "eps", "residual", "displacement", "balanced"])
def test_the_variance_of_the_output_becomes_that_of_x0(process: str, prediction: str) -> None:
    """Given w = a u + s e with u ~ N(0, sigma_d^2), e ~ N(0, 1), F = (p u + r e)/gain."""
    sigma_d, t = 0.3, 0.6
    a, _, s = abs_at(EVERY[process], t)
    p, _, r = (float(v) for v in weights(prediction, EVERY[process], number(t), sigma_d))
    gain2 = (p * sigma_d) ** 2 + r**2
    total = (a * sigma_d) ** 2 + s**2
    given = (gain2 - (p * a * sigma_d**2 + r * s) ** 2 / total) / gain2
    denoiser = Denoiser(Fixed(given), EVERY[process], prediction, Scaling(sigma_d), variance=True)
    x = torch.randn(1, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    var = denoiser(x, t, x + 0.1).var
    assert var is not None
    expected = torch.full_like(x, (sigma_d * s) ** 2 / total)
    torch.testing.assert_close(var, expected, rtol=1e-9, atol=0)


def test_the_likelihood_is_least_at_mean_and_variance() -> None:
    sample = torch.randn(4000, 1, 1, generator=torch.Generator().manual_seed(1)) * 0.7 + 2
    truth = torch.tensor([sample.mean(), sample.var(correction=0).log()]).reshape(1, 2, 1)
    guess = truth.clone().requires_grad_()
    output_error(guess.expand(4000, 2, 1), sample, "nll").mean().backward()
    assert guess.grad is not None
    assert guess.grad.abs().max() < 1e-5
    off = truth + torch.tensor([0.1, 0.1]).reshape(1, 2, 1)
    errors = [float(output_error(v.expand(4000, 2, 1), sample, "nll").mean()) for v in (truth, off)]
    assert errors[0] < errors[1]


@pytest.mark.parametrize("process", [name for name in EVERY if name != "Brownian bridge"])
def test_three_ancestral_steps_with_the_variance_have_the_exact_law(process: str) -> None:
    """Without it the states between are too narrow: a sharp x0 has no spread of its own."""
    p = EVERY[process]
    steps = ancestral().plan(p, TIMES)
    mean, variance = DATA.moments()
    a, b, s = abs_at(p, 1.0)
    begin = (a * mean + b * Y, a**2 * variance + s**2)
    exact = law(DATA, p, steps, Y, widen=True)
    sharp = law(DATA, p, steps, Y)
    for k, t in enumerate(TIMES[1:-1], start=1):
        a, b, s = abs_at(p, t)
        true_variance = a**2 * variance + s**2
        torch.testing.assert_close(exact[k].mean(begin[0]), a * mean + b * Y, rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(exact[k].variance(begin[1]), true_variance, rtol=1e-9, atol=0)
        assert bool((sharp[k].variance(begin[1]) < true_variance * (1 - 1e-6)).all())


def test_a_recipe_names_the_head_and_its_loss_together() -> None:
    recipe = read_recipe("leaves-denoise").model_dump()
    with pytest.raises(InputError, match="trained with loss kind nll"):
        load(Recipe, recipe | {"variance": True}, "recipe")
