"""`reconstruct_mri`: exact posteriors of Gaussian images, units, kinds of input, and refusals."""

import numpy as np
import pytest
import torch
from mri_toys import complex_normal, dense_posterior, drawn, smooth_covariance, toy_prior, unit_maps
from torch import Tensor

from undrift.common.errors import InputError, UsageError
from undrift.common.operators.fourier import centred_fft, centred_ifft
from undrift.medical import reconstruct_mri
from undrift.medical.mri.masks import line_mask
from undrift.medical.mri.models import cartesian, to_channels
from undrift.medical.mri.scans import scan_of

N = 8
C = smooth_covariance(N, N)


def measured(
    mask: Tensor, sigma: float = 0.02, unit: float = 1.0, n: int = N, covariance: Tensor = C
) -> tuple[Tensor, Tensor, Tensor]:
    """k-space (coils, n, n), maps, and the image."""
    maps, x = unit_maps(2, n, n), unit * drawn(covariance, n, n, seed=4)
    clean = cartesian(maps, mask, (n, n))(to_channels(x[None, None]))[0]
    noise = 2**0.5 * unit * sigma * complex_normal(2, n, n, seed=5)
    return clean + mask * noise, maps, x


def test_samples_are_those_of_the_posterior() -> None:
    """Mean and deviation of a Gaussian image given its k-space, in the units of the data."""
    n, count, sigma = 4, 40, 30.0
    prior_covariance = smooth_covariance(n, n)
    mask = torch.tensor([1, 0, 1, 1])
    kspace, maps, _ = measured(mask, sigma / 300, 300.0, n, prior_covariance)
    found = reconstruct_mri(
        kspace, mask, maps, toy_prior(prior_covariance, n, n), noise=sigma, samples=count,
        steps=20, seed=1, options={"iterations": 12, "tol": 1e-6},
    )  # fmt: skip
    unit = found.info["scale"] * sigma * 2**0.5  # 1 of the prior, in units of the data
    operator = cartesian(maps, mask, (n, n))
    mean, covariance = dense_posterior(operator, kspace, sigma, unit**2 * prior_covariance)
    variance = covariance.diagonal().reshape(2, n, n).sum(0)
    apart = found.value - torch.complex(*mean)
    # The mean of `count` samples strays by std / sqrt(count), and 20 steps widen them by 5 %.
    share = float((apart.abs().square() / variance).mean()) ** 0.5
    assert share < 1.3 / count**0.5
    ratio = float((found.std.square() / variance).mean()) ** 0.5
    assert 0.93 < ratio < 1.12
    assert len(found.samples) == count and found.info["acceleration"] == pytest.approx(4 / 3, 1e-3)


def test_a_full_measurement_gives_the_image_back() -> None:
    """Units: whatever number the data come in, the image has it; nothing is invented."""
    kspace, maps, x = measured(torch.ones(N), sigma=1e-5, unit=7e-4)
    for method in ("zero-filled", "cg-sense"):
        found = reconstruct_mri(kspace, None, maps, method=method, noise=7e-9)
        assert (found.value - x).abs().max() < 2e-4 * x.abs().max()
        assert found.invented.max() < 1e-3 * x.abs().max()
        assert found.std is None and found.samples == ()
    found = reconstruct_mri(kspace, None, maps, toy_prior(C, N, N), noise=7e-9, samples=1, steps=6)
    assert (found.value - x).abs().max() < 5e-3 * x.abs().max()


def test_what_the_prior_invents_is_said() -> None:
    """One coil, half of k-space: A^+ A keeps the measured half, the map is the other one."""
    mask = torch.zeros(N)
    mask[2:6] = 1
    kspace, _, _ = measured(torch.ones(N))
    one = kspace[:1]
    found = reconstruct_mri(one, mask, prior=toy_prior(C, N, N), noise=0.02, samples=1, steps=6)
    rest = centred_ifft((1 - mask) * centred_fft(found.value, 2), 2)
    # the map has magnitudes of both parts, which is the magnitude of the complex difference
    assert (found.invented - rest.abs()).abs().max() < 1e-6 * found.value.abs().max()
    assert float(found.residual.square().mean()) == pytest.approx(found.info["chi"] ** 2, rel=0.15)


def test_slices_are_done_one_by_one_and_alike() -> None:
    mask = torch.from_numpy(line_mask("random", N, 2, 0.25, seed=3))
    kspace, maps, _ = measured(mask)
    options = {"prior": toy_prior(C, N, N), "noise": 0.02, "samples": 2, "steps": 2}
    stack = torch.stack([kspace, 2 * kspace])
    both = reconstruct_mri(stack, mask, maps, **options)
    assert both.value.shape == (2, N, N) and both.std.shape == (2, N, N)
    array = reconstruct_mri(stack.numpy(), mask.numpy(), maps.numpy(), **options)
    assert isinstance(array.value, np.ndarray)
    assert np.abs(array.value - both.value.numpy()).max() < 1e-12
    again = reconstruct_mri(stack, mask, maps, **options)
    assert torch.equal(again.value, both.value)
    classical = {"method": "cg-sense", "noise": 0.02, "options": {"iterations": 400}}
    once = reconstruct_mri(stack, mask, maps, **classical)
    whole = reconstruct_mri(stack, mask, maps, together=True, **classical)
    assert (once.value - whole.value).abs().max() < 1e-6 and len(whole.info["chi_slices"]) == 1
    other = reconstruct_mri(stack, mask, maps, **{**options, "seed": 2})
    assert not torch.equal(other.samples[0], both.samples[0])


def test_a_volume_is_the_same_as_its_dense_posterior() -> None:
    """3-D k-space: the readout is transformed, the rest is one problem; the least-squares solution
    is that of the full 3-D model."""
    space = (4, 6, 5)
    maps, x = unit_maps(3, *space), complex_normal(*space, seed=1)
    mask = (torch.rand(6, 5, generator=torch.Generator().manual_seed(2)) < 0.7).double()
    mask[2:4, 1:4] = 1
    whole = cartesian(maps, mask, space)
    kspace = whole(to_channels(x[None, None]))[0]
    found = reconstruct_mri(
        kspace, mask, maps, method="cg-sense", noise=1e-3, dims=3,
        options={"spread": 1e6, "iterations": 400},
    )  # fmt: skip
    direct = whole.pinv(kspace[None], tol=1e-12)[0]
    assert found.value.shape == space
    assert (found.value - torch.complex(*direct)).abs().max() < 1e-6
    inferred = scan_of(kspace, None, 3)
    assert torch.equal(inferred.mask[0], mask.bool()) and inferred.volume


def test_maps_are_estimated() -> None:
    """Without maps the result is the image with the root of sum of squares of the coils, whose
    phase is that of the first coil."""
    maps, n = unit_maps(4, 48, 48), 48
    grid = torch.meshgrid(*[torch.linspace(-1, 1, n, dtype=torch.float64)] * 2, indexing="ij")
    x = torch.where(grid[0] ** 2 + (grid[1] / 0.8) ** 2 < 0.7, 1.0 + 0.3 * grid[0], 0.0)
    x = x * torch.exp(1j * grid[1])
    mask = torch.from_numpy(line_mask("equispaced", n, 2, 0.3))
    kspace = cartesian(maps, mask, (n, n))(to_channels(x[None, None]))[0]
    kspace = kspace + 0.002 * mask * complex_normal(4, n, n, seed=3)
    found = reconstruct_mri(kspace, mask, method="cg-sense", noise=0.002 / 2**0.5)
    error = (found.value.abs() - x.abs())[x.abs() > 0].abs()
    assert float(error.median()) < 0.01 and found.info["maps"] == "estimated"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kspace": torch.zeros(2, N, N, dtype=torch.complex64)}, "0 everywhere"),
        ({"kspace": torch.ones(2, N, N)}, r"expected complex \(coils, h, w\)"),
        ({"kspace": torch.ones(N, N, dtype=torch.complex64)}, r"expected complex \(coils, h, w\)"),
        ({"mask": torch.ones(N + 1)}, r"a mask of \(9,\) for k-space of"),
        ({"mask": torch.zeros(N)}, "0 everywhere, so nothing is measured"),
        ({"mask": torch.full((N,), 0.5)}, "other than 0 and 1"),
        ({"maps": torch.ones(3, N, N)}, "maps of"),
        ({"maps": torch.zeros(2, N, N)}, "0 everywhere"),
        ({"noise": 0.0}, "above 0"),
        ({"noise": torch.ones(3, 3)}, "for 2 coils"),
        ({"dims": 3}, "for dims=3"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict, text: str) -> None:
    kspace, maps, _ = measured(torch.ones(N))
    given = {"kspace": kspace, "maps": maps, "prior": toy_prior(C, N, N), "noise": 0.02}
    with pytest.raises(InputError, match=text):
        reconstruct_mri(**{**given, **change})


def test_more_refusals() -> None:
    kspace, maps, _ = measured(torch.ones(N))
    bad = kspace.clone()
    bad[0, 1, 2] = float("nan")
    with pytest.raises(InputError, match="1 samples that are not finite"):
        reconstruct_mri(bad, None, maps, toy_prior(C, N, N), noise=0.02)
    with pytest.raises(UsageError, match=r"'cgsense' is not one of .*cg-sense"):
        reconstruct_mri(kspace, method="cgsense")
    with pytest.raises(UsageError, match="no option 'wieght'"):
        reconstruct_mri(kspace, None, maps, method="tv", noise=0.02, options={"wieght": 1})
    with pytest.raises(UsageError, match="samples"):
        reconstruct_mri(kspace, samples=0)
    with pytest.raises(InputError, match="3 channels"):
        prior = toy_prior(C, N, N)
        object.__setattr__(prior, "channels", 3)
        reconstruct_mri(kspace, None, maps, prior, noise=0.02)


def test_the_shipped_prior_begins_at_total_variation_and_says_so() -> None:
    """A head of simple shapes, half of its lines at random; the prior is the default one."""
    rows, columns = np.mgrid[-1:1:48j, -1:1:48j]
    head = np.where(rows**2 / 0.8 + columns**2 / 0.55 < 1, 0.6, 0.0)
    head = np.where((rows / 0.3) ** 2 + ((columns - 0.2) / 0.2) ** 2 < 1, 1.0, head)
    image = torch.from_numpy(head * np.exp(0.5j * rows)).to(torch.complex64)
    maps = torch.ones(1, 48, 48, dtype=torch.complex64)
    mask = torch.from_numpy(line_mask("random", 48, 2, seed=3))
    kspace = mask * (centred_fft(image[None], 2) + 0.02 * complex_normal(1, 48, 48, seed=8))
    ours = reconstruct_mri(kspace, mask, maps, noise=0.0142, samples=2, steps=6, seed=1)
    assert ours.info["options"]["start"] == "given"
    assert ours.info["nfe"] == 6 + 12 and float(ours.std.max()) > 0
    apart = np.abs(np.abs(ours.value.numpy()) - head)
    assert apart.mean() < 0.05  # zero-filled: .08
    assert 0.5 < ours.info["chi"] < 1.5
