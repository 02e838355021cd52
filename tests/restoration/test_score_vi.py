"""ScoreDVI: its terms against torch.distributions and exact scores, and a fit of known noise."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Dirichlet, Gamma, Normal, kl_divergence

from undrift.common.errors import InputError, UsageError
from undrift.restoration.self_supervised import score_vi_terms as terms
from undrift.restoration.self_supervised.score_vi import fit_score_vi
from undrift.restoration.self_supervised.score_vi_networks import Posterior
from undrift.restoration.self_supervised.score_vi_prior import evened, noise_of_blocks


def positive(*shape: int, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.exp(torch.randn(shape, generator=draw, dtype=torch.float64))


def test_divergence_of_gammas() -> None:
    alpha, beta = positive(1, 2, 3, 4), positive(1, 2, 3, 4, seed=1)
    for alpha0, beta0 in ((1.0, 0.02), (0.1, 3.0)):
        expected = kl_divergence(Gamma(alpha, beta), Gamma(torch.tensor(alpha0), beta0))
        torch.testing.assert_close(terms.kl_gamma(alpha, beta, alpha0, beta0), expected)


@pytest.mark.parametrize("prior", [1.0, 2.5])
def test_divergence_of_dirichlets(prior: float) -> None:
    d = positive(3, 1, 4, 5)
    given = Dirichlet(d.movedim(0, -1))
    expected = kl_divergence(given, Dirichlet(torch.full((3,), prior, dtype=torch.float64)))
    torch.testing.assert_close(terms.kl_dirichlet(d, prior)[0], expected)


def test_divergence_of_the_choice_is_the_mean_over_dirichlet_draws() -> None:
    pi = torch.softmax(torch.randn(3, 1, 1, 1, dtype=torch.float64), 0)
    d = positive(3, 1, 1, 1) + 1
    drawn = Dirichlet(d.flatten()).sample((100_000,))
    expected = kl_divergence(Categorical(probs=pi.flatten()), Categorical(probs=drawn)).mean()
    assert float(terms.kl_choice(pi, d)) == pytest.approx(float(expected), rel=0.02)


def test_data_term_is_the_mean_of_the_likelihood() -> None:
    mu, v = torch.randn(2, 1, 1, 1, dtype=torch.float64), positive(2, 1, 1, 1)
    pi = torch.tensor([0.3, 0.7], dtype=torch.float64).reshape(2, 1, 1, 1)
    alpha, beta, y = (torch.full((1, 1, 1, 1), n, dtype=torch.float64) for n in (3.0, 2.0, 0.4))
    precision = Gamma(alpha.flatten(), beta.flatten()).sample((400_000,))[:, 0]
    expected = 0.0
    for k in range(2):
        x = Normal(mu[k].flatten(), v[k].flatten().sqrt()).sample((400_000,))[:, 0]
        likely = Normal(x, precision.rsqrt()).log_prob(y.flatten()) + math.log(2 * math.pi) / 2
        expected -= float(pi[k].item() * likely.mean())
    found = float(terms.data_term(mu, v, pi, alpha, beta, y))
    assert found == pytest.approx(expected, rel=0.02)


def test_score_term_has_the_gradient_of_the_expected_energy() -> None:
    """Of a normal prior N(m, s2): E -ln p(z) = ((mu - m)^2 + v) / (2 s2), over many draws."""
    mu = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    v = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    m, s2, count = 0.2, 1.7, 200_000
    noise = torch.randn(count, 1, dtype=torch.float64)
    z = mu + torch.sqrt(v) * noise
    terms.score_term(z, (m - z) / s2, torch.full_like(z, 1 / count)).sum().backward()
    assert mu.grad is not None and v.grad is not None
    assert float(mu.grad) == pytest.approx((0.7 - m) / s2, abs=0.01)
    assert float(v.grad) == pytest.approx(1 / (2 * s2), rel=0.02)


def test_the_posterior_begins_at_its_start_and_the_noise() -> None:
    y = torch.rand(1, 3, 13, 18)
    for count in (1, 3):
        q = Posterior(3, count, 0.1)(y, y / 2, torch.tensor(0.1), float(y.std()))
        assert q["mu"].shape == (count, 3, 13, 18)
        torch.testing.assert_close(q["mu"], y.expand(count, -1, -1, -1) / 2, rtol=0, atol=0.01)
        torch.testing.assert_close(
            q["beta"] / q["alpha"], torch.full_like(y, 0.01), rtol=0.1, atol=0
        )
        assert q["pi"].shape == (count, 1, 13, 18)
        torch.testing.assert_close(q["pi"].sum(0), torch.ones(1, 13, 18))


def halves(side: int, channels: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """A smooth picture, and with noise of 10 on its left half and 30 on its right, of 255."""
    rows, columns = np.mgrid[:side, :side] / side
    x = 0.5 + 0.25 * np.sin(5 * rows) * np.cos(4 * columns)
    clean = torch.from_numpy(x.astype(np.float32)).expand(1, channels, -1, -1)
    sigma = torch.where(torch.arange(side) < side // 2, 10 / 255, 30 / 255)
    draw = torch.Generator().manual_seed(0)
    return clean, clean + sigma * torch.randn(clean.shape, generator=draw)


def test_the_map_finds_the_noise_of_both_halves() -> None:
    """Within 25 %, and the picture gains 8 dB; it begins at the noise found in blocks."""
    clean, y = halves(48)
    found = fit_score_vi(y, steps=80, components=1, device="cpu")
    noise = 255 * found.noise[0, 0]
    left, right = (float(part.square().mean().sqrt()) for part in noise.split(24, 1))
    assert left == pytest.approx(10, rel=0.25)
    assert right == pytest.approx(30, rel=0.25)
    before, after = (float((v - clean).square().mean()) for v in (y, found.estimate))
    assert 10 * math.log10(before / after) > 8
    assert found.calls >= 80


@pytest.mark.parametrize("channels", [1, 3, 7])
def test_any_number_of_channels_and_the_same_again(channels: int) -> None:
    _, y = halves(16, channels)
    first, second = (fit_score_vi(y, steps=2, components=3, device="cpu") for _ in range(2))
    assert first.estimate.shape == first.noise.shape == first.std.shape == y.shape
    assert torch.equal(first.estimate, second.estimate)
    assert first.calls >= 6
    assert not torch.equal(first.estimate, fit_score_vi(y, steps=2, seed=1).estimate)


def test_what_cannot_be_is_told() -> None:
    _, y = halves(16)
    with pytest.raises(UsageError, match="steps 0"):
        fit_score_vi(y, steps=0)
    with pytest.raises(InputError, match="one finite picture"):
        fit_score_vi(y * float("nan"))


def test_the_noise_of_blocks_follows_the_noise() -> None:
    _, y = halves(64)
    found = 255 * noise_of_blocks(y)[0, 0]
    assert float(found[:, :16].mean()) == pytest.approx(10, rel=0.2)
    assert float(found[:, 48:].mean()) == pytest.approx(30, rel=0.2)


def test_deviations_are_evened_over_blocks() -> None:
    v = torch.full((2, 32, 48), 0.04)
    torch.testing.assert_close(evened(v), torch.full((1, 1, 32, 48), 0.2))
