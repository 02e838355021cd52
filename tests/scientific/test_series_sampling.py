"""Filled gaps against series whose posterior is known: autoregressive, hence Gaussian.

x_t = A x_(t-1) + e_t,   Cov(x_i, x_j) = A^(i-j) P,   P = A P A' + Q
"""

from functools import cache

import numpy as np
import pytest
import torch
from scipy.linalg import solve_discrete_lyapunov
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.scientific.atmosphere.series.filling import Sampling, draw, fill, find_anomalies
from undrift.scientific.atmosphere.series.fitting import Fitting, denoiser_of, fit
from undrift.scientific.atmosphere.series.masks import grating, random_hidden
from undrift.scientific.atmosphere.series.network import Posed, SeriesNet

A = np.array([[0.9, 0.2], [-0.2, 0.85]])
Q = np.diag([0.25, 0.16])


def _series(length: int, seed: int) -> np.ndarray:
    rng, x = np.random.default_rng(seed), np.zeros((length + 100, 2))
    for t in range(1, len(x)):
        x[t] = A @ x[t - 1] + rng.normal(size=2) * np.sqrt(np.diag(Q))
    return x[100:]


def _with_gaps(x: np.ndarray, seed: int, longest: int = 15) -> np.ndarray:
    rng, out = np.random.default_rng(seed), x.copy()
    for _ in range(len(x) // 33):
        start = rng.integers(20, len(x) - 20 - longest)
        out[start : start + rng.integers(1, longest + 1), rng.integers(2)] = np.nan
    return out


@cache
def _covariance(length: int) -> np.ndarray:
    """(2 length, 2 length), time by time."""
    powers = [solve_discrete_lyapunov(A, Q)]
    for _ in range(length - 1):
        powers.append(A @ powers[-1])
    blocks = [
        [powers[i - j] if i >= j else powers[j - i].T for j in range(length)] for i in range(length)
    ]
    return np.block(blocks)


def _posterior(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Exact mean and covariance of what is NaN, in the order of `values` flattened."""
    flat, cov = values.reshape(-1), _covariance(len(values))
    known = ~np.isnan(flat)
    gain = cov[np.ix_(~known, known)] @ np.linalg.inv(cov[np.ix_(known, known)])
    return gain @ flat[known], cov[np.ix_(~known, ~known)] - gain @ cov[np.ix_(known, ~known)]


def test_gratings_hide_every_step_once():
    assert grating(7, 2).tolist() == [False, False, True, True, False, False, True]
    assert (grating(40, 5) ^ grating(40, 5, 5)).all()
    valid = torch.ones(64, 2, 50, dtype=torch.bool)
    valid[:, 0, 10:20] = False
    hidden = random_hidden(valid, 4, torch.Generator().manual_seed(0))
    shares = hidden.double().mean((1, 2))
    assert 0.3 < float(shares.mean()) < 0.6
    copied = (hidden == ~valid).all(2).all(1).sum()
    assert 5 < int(copied) < 30  # about a quarter: the gaps of another item


def test_the_sampler_draws_from_the_exact_posterior():
    """With the exact denoiser of the gaps, samples have the exact mean and deviation."""
    values = _series(60, 1)
    values[20:32, 0] = values[28:36, 1] = values[50, 0] = np.nan
    mean, cov = _posterior(values)
    order = np.flatnonzero(np.isnan(values.reshape(-1)))
    m, c = torch.from_numpy(mean), torch.from_numpy(cov)

    def denoise(x: Tensor, t: float, y: object, level: object) -> Estimate:
        flat = x.double().transpose(1, 2).flatten(1)
        a, s = 1 - t, max(t, 1e-9)
        state = flat[:, order]
        gain = a * c @ torch.linalg.inv(a * a * c + s * s * torch.eye(len(m), dtype=c.dtype))
        out = torch.zeros_like(flat)
        out[:, order] = m + (state - a * m) @ gain.T
        return Estimate(out.reshape(len(x), -1, 2).transpose(1, 2).to(x.dtype))

    count = 1500
    drawn = draw(denoise, (1, 2, 60), Sampling(count, 16, seed=3))
    found = drawn.transpose(1, 2).flatten(1)[:, order].double().numpy()
    assert found.shape == (count, 21)
    error = (found.mean(0) - mean) / np.sqrt(np.diag(cov) / count)
    assert np.sqrt(np.mean(error**2)) < 1.5  # in standard errors of a mean
    assert abs(found.std(0) / np.sqrt(np.diag(cov)) - 1).max() < 0.1


def test_a_sample_does_not_depend_on_how_many_there_are():
    network = SeriesNet(2, 8, (1, 2))
    torch.nn.init.normal_(network.last.weight, generator=torch.Generator().manual_seed(1))
    known = torch.zeros(1, 2, 30)
    posed = denoiser_of(Posed(network, known, known > 1, None))
    many, few = (draw(posed, (1, 2, 30), Sampling(n, 4, seed=5)) for n in (5, 2))
    torch.testing.assert_close(many[:2], few)
    other = draw(posed, (1, 2, 30), Sampling(2, 4, seed=6))
    assert not torch.allclose(other, few)


def test_the_network_reaches_as_far_as_it_says_and_hides_what_is_hidden():
    network = SeriesNet(1, 8, (1, 4))
    torch.nn.init.normal_(network.last.weight, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(1, 1, 61, dtype=torch.bool)
    mask[..., 30] = True
    known = torch.zeros(1, 1, 61)
    state, psi = torch.zeros(1, 1, 61), torch.tensor([0.7])
    base = Posed(network, known, mask, None)(state, psi)
    changed = Posed(network, known + 5, mask, None)(state, psi)
    told = (base != changed)[0, 0].nonzero()
    assert int(told.min()) == 30 - network.reach and int(told.max()) == 30 + network.reach
    # What the state is at known places is never seen, nor known values where the mask is False.
    again = Posed(network, torch.where(mask, known, 9), mask, None)(state + 7 * mask, psi)
    assert torch.equal(again, base)
    # Unconditional: at pure noise the network sees nothing of the known value.
    noise, end = torch.ones(1, 1, 61), torch.tensor([torch.pi / 2])
    a, b = (Posed(network, known + v, mask, noise)(state, end) for v in (0.0, 1000.0))
    torch.testing.assert_close(a, b, atol=1e-3, rtol=0)


@pytest.mark.slow
def test_a_fitted_model_comes_near_the_exact_posterior():
    """Gaps of up to 15 steps, filled from the other sensor and both sides."""
    full = _series(2000, 0)
    values = _with_gaps(full, 1)
    model = fit(values, Fitting(iterations=600))
    drawn = fill(model, values, Sampling(32, 16))
    gaps = np.isnan(values)
    assert np.array_equal(drawn[:, ~gaps], np.broadcast_to(values[~gaps], (32, (~gaps).sum())))
    exact, spread = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    for start in range(0, 2000, 200):  # neighbours beyond 40 steps tell nothing here
        low, high = max(0, start - 40), min(2000, start + 240)
        mean, cov = _posterior(values[low:high])
        for target, source in ((exact, mean), (spread, np.sqrt(np.diag(cov)))):
            part = np.full((high - low, 2), np.nan)
            part[np.isnan(values[low:high])] = source
            target[start : start + 200] = part[start - low : start - low + 200]
    filled, std = drawn.mean(0)[gaps], drawn.std(0, ddof=1)[gaps]

    def rms(estimate: np.ndarray) -> float:
        return float(np.sqrt(np.mean((estimate - full[gaps]) ** 2)))

    times = np.arange(2000)
    lines = [np.interp(times, times[~g], v[~g]) for g, v in zip(gaps.T, values.T, strict=True)]
    linear = np.stack(lines, 1)[gaps]
    assert gaps.sum() > 300
    assert rms(filled) < 1.1 * rms(exact[gaps]) < 0.9 * rms(linear)
    assert 0.85 < np.mean(std / spread[gaps]) < 1.15
    assert 0.85 < np.mean(abs(filled - full[gaps]) < 1.645 * std) < 0.95  # 0.90 if exact


@pytest.mark.slow
def test_spikes_are_found_without_labels():
    clean, tested = _series(2000, 3), _series(600, 4)
    model = fit(clean, Fitting(mode="unconditional", iterations=400))
    places = np.arange(25, 600, 50)
    tested[places, 0] += 4.0
    found = find_anomalies(model, tested, Sampling(8, 16), 0.99, clean[model.held_from :])
    others = np.ones(600, bool)
    for step in (-1, 0, 1):
        others[places + step] = False
    assert found.flags[places].mean() > 0.8
    assert found.flags[others].mean() < 0.05
    assert (found.score[places] > found.threshold).mean() > 0.8
