"""HIR-Diff's parts: the choice of bands, exact products, guidance, schedules, the network."""

import itertools

import numpy as np
import pytest
import torch
from parity.case import load
from parity.hir_diff_cases import FILE
from torch import Tensor

from undrift.common.denoisers import Denoiser, Estimate, Scaling
from undrift.common.errors import InputError
from undrift.common.networks.sr3_unet import Sr3UNet
from undrift.common.processes import VariancePreserving
from undrift.scientific.hyperspectral.hir_diff.chain import of_denoiser, restore, told_abar
from undrift.scientific.hyperspectral.hir_diff.factors import (
    choose_bands,
    coefficients,
    equal_steps,
    singular_vectors,
)
from undrift.scientific.hyperspectral.hir_diff.guidance import Guidance, differences, edges
from undrift.scientific.hyperspectral.hir_diff.schedules import schedule, walked


def volume(vectors: np.ndarray, bands: np.ndarray) -> float:
    return abs(float(np.linalg.det(vectors[bands])))


def test_exchanges_make_the_coefficients_small() -> None:
    from scipy.linalg import qr

    rng = np.random.default_rng(1)
    exchanged = 0
    for _ in range(200):
        vectors = np.linalg.qr(rng.standard_normal((9, 3)))[0] * rng.choice([1.0, 0.1], (9, 1))
        first = np.sort(qr(vectors.T, mode="r", pivoting=True)[-1][:3])
        chosen = choose_bands(vectors, 1.01)
        assert abs(coefficients(vectors, chosen)).max() <= 1.01 + 1e-12
        assert volume(vectors, chosen) >= volume(vectors, first) * (1 - 1e-12)
        exchanged += sorted(chosen) != sorted(first)
    assert exchanged > 5


def test_no_single_exchange_is_better_than_the_bound_says() -> None:
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((7, 3))
    chosen = choose_bands(vectors, 1.2)
    for band, other in itertools.product(range(3), range(7)):
        changed = chosen.copy()
        changed[band] = other
        assert volume(vectors, changed) <= 1.2 * volume(vectors, chosen) + 1e-12


def test_pure_bands_are_found_and_make_all_others() -> None:
    rng = np.random.default_rng(3)
    pure = rng.random((3, 8, 9))
    shares = rng.dirichlet(np.ones(3), 12)
    shares[[2, 5, 11]] = np.eye(3)
    cube = np.tensordot(shares, pure, 1)
    chosen = choose_bands(singular_vectors(cube), 1.0)
    assert chosen.tolist() == [2, 5, 11]
    factor = coefficients(singular_vectors(cube), chosen)
    np.testing.assert_allclose(factor, shares, atol=1e-9)
    np.testing.assert_allclose(np.tensordot(factor, cube[chosen], 1), cube, atol=1e-9)
    assert equal_steps(12).tolist() == [3, 6, 9]
    with pytest.raises(InputError, match="1 or more"):
        choose_bands(factor, 0.9)
    with pytest.raises(InputError, match="3 bands and pixels"):
        singular_vectors(cube[:2])
    with pytest.raises(InputError, match="not finite"):
        singular_vectors(np.full((4, 3, 3), np.nan))


def test_total_variation_of_a_ramp() -> None:
    x = torch.arange(4.0, dtype=torch.float64).expand(1, 2, 3, 4) / 4
    assert differences(x, -1)[0, 0, 0].tolist() == [0.25, 0.25, 0.25, -0.75]
    loss = Guidance(x, 5.0, 2.0)  # |steps| have the mean (3/4 + 3/4) / 4, once of three axes
    assert float(loss(x)) == pytest.approx(2 * 0.375)
    assert float(loss(x + 0.1)) == pytest.approx(5 * 0.01 + 2 * 0.375)
    mask = torch.zeros_like(x)
    mask[..., 0] = 1  # 6 values are known; without a way around, steps have the mean 1/4
    assert float(Guidance(x, 5.0, 2.0, mask=mask)(x + 0.1)) == pytest.approx(5 * 0.01 + 2 * 0.25)


def test_weights_are_least_at_the_edge() -> None:
    y = torch.zeros(1, 5, 8, 8, dtype=torch.float64)
    y[..., 4:] = 1
    found = edges(y)
    assert found[1, 0].tolist() == pytest.approx([1, 1, 1, 1 / 3, 1, 1, 1, 1 / 3])
    assert (found[[0, 2]] == 1).all()


def test_few_levels_of_a_schedule() -> None:
    abar = schedule("exponential", 5.0)
    levels = walked(abar, 20)
    assert len(levels) == 20
    assert levels[0][0] == abar[951]
    assert levels[-1] == (abar[1], 1.0)
    assert all(now[1] == later[0] for now, later in itertools.pairwise(levels))
    with pytest.raises(InputError, match="1 to 1000"):
        walked(abar, 1001)


def test_a_denoiser_that_knows_gives_the_cube_back() -> None:
    """Every x0 is the truth, and without a pull the last state is it."""
    rng = np.random.default_rng(4)
    cube = np.tensordot(rng.dirichlet(np.ones(3), 6), rng.random((3, 5, 7)), 1)
    chosen = choose_bands(singular_vectors(cube))
    truth = torch.from_numpy(2 * cube[chosen] - 1)[None]

    class Known(Denoiser):
        def forward(self, x: Tensor, t, y=None, level=None) -> Estimate:
            return Estimate(truth + 0 * x)

    process = VariancePreserving()
    denoiser = Known(torch.nn.Identity(), process, "balanced", Scaling(0.5, centre=0.0))
    loss = Guidance(torch.from_numpy(cube)[None], 1.0, 0.0)
    *_, last = restore(cube, of_denoiser(denoiser), loss, steps=5, k=5.0)
    np.testing.assert_allclose(last.result.numpy(), cube, atol=1e-9)
    *_, coarse = restore(cube, of_denoiser(denoiser), loss, steps=5, bands=np.array([0, 2, 4]))
    assert abs(coarse.result.numpy() - cube).max() > 1e-3


def test_what_the_network_is_told() -> None:
    seen = []

    class Probe(torch.nn.Module):
        def forward(self, x: Tensor, level: Tensor) -> Tensor:
            seen.append(level.tolist())
            return x

    for root in (False, True):
        told_abar(Probe(), root)(torch.zeros(1, 3, 2, 2), 0.25)
    assert seen == [[[0.25]], [[0.5]]]


def test_the_published_weights_would_fit() -> None:
    with torch.device("meta"):
        network = Sr3UNet()
    ours = {k: "x".join(map(str, v.shape)) for k, v in network.state_dict().items()}
    data = load(FILE)
    theirs = dict(zip(data["full_keys"].tolist(), data["full_shapes"].tolist(), strict=True))
    assert ours == theirs
    assert sum(p.numel() for p in network.parameters()) == 391_048_067
