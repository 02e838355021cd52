"""Active subsampling: scores in closed form, and the order of columns whose variance is known."""

import numpy as np
import pytest
import torch
from mri_toys import complex_normal, unit_maps
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import InputError, UsageError
from undrift.common.operators.fourier import centred_fft, centred_ifft
from undrift.common.posterior.priors import Prior
from undrift.common.processes.variance_preserving import VariancePreserving
from undrift.medical import acquire
from undrift.medical.mri.models import cartesian, to_channels, to_complex
from undrift.medical.mri.particles import Plan
from undrift.medical.mri.scores import SCORES, best_columns, distances, usual_width

WIDTH = 8
# The deviation of each column of k-space; the centre is 4. Distinct by a factor of 1.5 or more.
DEVIATIONS = torch.tensor([0.06, 0.9, 0.1, 0.4, 3.0, 1.4, 0.2, 0.6], dtype=torch.float64)


def column_prior(deviations: Tensor = DEVIATIONS) -> Prior:
    """Images whose columns of k-space are independent, with these deviations in each part."""
    process = VariancePreserving()

    def denoise(x: Tensor, t: float, y: Tensor | None, level: Tensor | None) -> Estimate:
        time = torch.tensor(t, dtype=torch.float64)
        a, s = process.a(time), process.s(time)
        gain = a * deviations**2 / (a**2 * deviations**2 + s**2)
        k = centred_fft(to_complex(x.double())[:, None], 2)
        return Estimate(to_channels(centred_ifft(gain * k, 2)).to(x))

    spread = float(deviations.square().mean().sqrt())
    return Prior(denoise, process, spread, channels=2, name="columns")


def test_distances_and_scores() -> None:
    k = complex_normal(5, 2, 3, 4)
    d = distances(k)
    direct = (k[:, None] - k[None]).abs().square().sum((2, 3))
    assert (d - direct).abs().max() < 1e-12
    spread = (k - k.mean(0)).abs().square().sum((0, 1, 2)) / 5
    assert (SCORES["variance"](d, 1.0) - spread).abs().max() < 1e-12
    # two particles at squared distance D: H = -2 log(1 + exp(-D / (2 sigma^2)))
    two = torch.zeros(2, 1, 1, 1, dtype=torch.complex128)
    two[1] = 3.0
    wanted = -2 * np.log1p(np.exp(-9 / (2 * 4)))
    assert float(SCORES["gmm_entropy"](distances(two), 2.0)) == pytest.approx(wanted)
    wanted = 2 * np.log1p(np.exp(9 / (2 * 4)))
    assert float(SCORES["ads_compat"](distances(two), 2.0)) == pytest.approx(wanted)
    assert torch.isfinite(SCORES["ads_compat"](distances(1e3 * two), 1e-3)).all()
    assert usual_width(distances(two)) == pytest.approx((9 / 2) ** 0.5)


@pytest.mark.parametrize("score", SCORES)
def test_scores_rank_columns_by_their_variance(score: str) -> None:
    """Particles of a Gaussian whose columns have known deviations: all scores agree on the order,
    measured columns left out."""
    k = DEVIATIONS * complex_normal(64, 1, 16, WIDTH, seed=1)
    measured = torch.zeros(WIDTH, dtype=torch.bool)
    measured[4] = True
    found = best_columns(k, measured, 5, score, sigma=50.0)
    assert found == [5, 1, 7, 3, 6]


@pytest.mark.parametrize("score", SCORES)
def test_the_columns_that_vary_most_are_measured_first(score: str) -> None:
    """Whole passes over an exact prior: from the centre on, the order is that of the variances."""
    image = centred_ifft(DEVIATIONS * complex_normal(1, 16, WIDTH, seed=3), 2)
    kspace = cartesian(None, torch.ones(WIDTH), (16, WIDTH))(to_channels(image[None]))[0]
    # the prior is in units of the scale; that changes no order
    found = acquire(
        kspace, 5, prior=column_prior(DEVIATIONS / 3), initial=1, score=score, particles=12,
        steps=10, noise=1e-3, seed=1,
    )  # fmt: skip
    assert found.info["order"] == [[4, 5, 1, 7, 3]]
    assert found.info["acceleration"] == pytest.approx(8 / 5) and found.info["nfe"] == 120
    # what was measured is met: the residual is that of the five columns alone
    back = centred_fft(found.value, 2)[:, [4, 5, 1, 7, 3]]
    truth = kspace[0][:, [4, 5, 1, 7, 3]]
    assert (back - truth).abs().max() < 0.05 * truth.abs().max()
    assert found.value.shape == (16, WIDTH) and len(found.samples) == 12
    rest = centred_fft(found.value, 2)[:, [0, 2, 6]]
    assert found.invented.square().sum() == pytest.approx(
        float(rest.abs().square().sum()), rel=1e-3
    )


def test_lines_are_spread_over_the_window() -> None:
    plan = Plan(lines=20, initial=4, steps=30)
    counts = plan.after_step()
    assert sum(counts) == 16 and len(counts) == 30
    assert not any(counts[:3]) and not any(counts[21:]) and max(counts) == 1
    assert sum(Plan(lines=64, initial=4, steps=10).after_step()) == 60
    assert Plan(lines=5, initial=4, steps=1).after_step() == [1]


def test_several_coils_and_slices() -> None:
    maps = unit_maps(2, 8, WIDTH)
    image = centred_ifft(DEVIATIONS * complex_normal(1, 8, WIDTH, seed=3), 2)
    one = cartesian(maps, torch.ones(WIDTH), (8, WIDTH))(to_channels(image[None]))[0]
    given = {"prior": column_prior(DEVIATIONS / 3), "noise": 1e-3, "particles": 3, "steps": 4}
    found = acquire(np.stack([one.numpy()] * 2), 4, maps.numpy(), initial=2, **given)
    assert isinstance(found.value, np.ndarray) and found.value.shape == (2, 8, WIDTH)
    assert [len(set(order)) for order in found.info["order"]] == [4, 4]
    assert all(order[:2] == [3, 4] for order in found.info["order"])


def test_what_cannot_be_acquired() -> None:
    kspace = complex_normal(1, 8, WIDTH)
    given = {"prior": column_prior(), "noise": 1e-3}
    with pytest.raises(UsageError, match=r"'entropy' is not one of gmm_entropy"):
        acquire(kspace, 4, score="entropy", **given)
    with pytest.raises(UsageError, match="particles 1"):
        acquire(kspace, 4, particles=1, **given)
    with pytest.raises(InputError, match="no more first than in all"):
        acquire(kspace, 2, initial=4, **given)
    with pytest.raises(InputError, match="choosing 9 takes"):
        acquire(kspace, 9, **given)
    kspace[..., 2] = 0
    with pytest.raises(InputError, match="of which 1 are not measured"):
        acquire(kspace, 4, **given)
    with pytest.raises(InputError, match="2 columns of 1"):
        best_columns(kspace[:, None], torch.tensor([True] * 7 + [False]), 2, "variance")
