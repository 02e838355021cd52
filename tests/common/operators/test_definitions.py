"""What each operator computes, against scipy and torch."""

import math

import numpy as np
import pytest
import scipy.linalg
import scipy.ndimage
import scipy.signal
import torch
from operator_cases import PLANE, holes, inside, values

from undrift.common.operators import (
    Average,
    Bicubic,
    Blur,
    BlurDownsample,
    CoarseGrain,
    GaussianBlur,
    GaussianDownsample,
    Grey,
    Hadamard,
    PointSample,
    RandomGaussian,
    Sample,
    VaryingBlur,
    areas,
    dense_matrix,
    gaussian_kernel,
    motion_kernel,
    shake_kernel,
)
from undrift.common.resize import bicubic, downscale

SCIPY = {"circular": "wrap", "reflect": "mirror", "symmetric": "reflect", "replicate": "nearest",
         "zero": "constant"}  # fmt: skip


@pytest.mark.parametrize("border", SCIPY)
@pytest.mark.parametrize("shape", [(11,), (8, 9), (4, 6, 5)])
def test_blur_is_scipys_convolution(border: str, shape: tuple[int, ...]) -> None:
    kernel, x = values(*(3, 4, 2)[: len(shape)]), values(1, 1, *shape)
    blur = Blur(kernel, (1, *shape), border)  # pyright: ignore[reportArgumentType]
    odd = np.zeros([n + 1 - n % 2 for n in kernel.shape])  # the same centre k // 2 as an odd one
    odd[tuple(slice(0, n) for n in kernel.shape)] = kernel.numpy()
    want = scipy.ndimage.convolve(x[0, 0].numpy(), odd, mode=SCIPY[border])
    np.testing.assert_allclose(blur(x)[0, 0].numpy(), want, rtol=0, atol=1e-13)


def test_valid_blur_is_scipys() -> None:
    kernel, x = values(3, 4), values(8, 9)
    want = scipy.signal.convolve2d(x.numpy(), kernel.numpy(), mode="valid")
    got = Blur(kernel, (1, 8, 9), "valid")(x[None])[0]
    np.testing.assert_allclose(got.numpy(), want, rtol=0, atol=1e-13)


def test_channels_may_have_their_own_kernels() -> None:
    kernels, x = values(2, 3, 3), values(1, *PLANE)
    got = Blur(kernels, PLANE, "zero")(x)[0]
    for c in range(2):
        want = scipy.signal.convolve2d(x[0, c].numpy(), kernels[c].numpy(), mode="same")
        np.testing.assert_allclose(got[c].numpy(), want, rtol=0, atol=1e-13)


@pytest.mark.parametrize("border", ["reflect", "circular", "zero"])
def test_gaussian_blur_is_the_general_blur_of_its_kernel(border) -> None:
    x = values(1, *PLANE)
    want = Blur(gaussian_kernel(0.9, 5), PLANE, border)(x)
    torch.testing.assert_close(GaussianBlur(PLANE, 0.9, border, 5)(x), want)
    small = GaussianDownsample(PLANE, 2, 0.9, border, 5)(x)
    torch.testing.assert_close(small, want[..., 1::2, 1::2])


def test_blur_downsample_is_blur_then_stride() -> None:
    kernel, x = values(3, 4), values(2, 2, 6, 8)
    want = Blur(kernel, PLANE)(x)[..., ::3, ::2]
    torch.testing.assert_close(BlurDownsample(kernel, PLANE, (3, 2))(x), want)


def test_varying_blur_uses_one_kernel_where_its_map_is_one() -> None:
    kernels, x = values(2, 3, 3), values(1, 1, 9, 9)
    maps = torch.zeros(2, 9, 9, dtype=torch.float64)
    maps[0, :5], maps[1, 5:] = 1, 1
    got = VaryingBlur(kernels, (1, 9, 9), maps)(x)
    for k, rows in enumerate((slice(0, 4), slice(6, 9))):
        want = Blur(kernels[k], (1, 9, 9), "reflect")(x)
        torch.testing.assert_close(got[..., rows, :], want[..., rows, :])
    same = VaryingBlur(kernels[:1].expand(4, 3, 3), (1, 9, 9), layout=(2, 2))
    torch.testing.assert_close(same(x), Blur(kernels[0], (1, 9, 9), "reflect")(x))


def test_means_over_blocks() -> None:
    x = values(2, 3, 8, 12)
    want = torch.nn.functional.avg_pool2d(x, (4, 3))
    torch.testing.assert_close(Average((3, 8, 12), (4, 3))(x), want)
    volume = values(1, 2, 4, 6, 8)
    want = torch.nn.functional.avg_pool3d(volume, 2)
    torch.testing.assert_close(Average((2, 4, 6, 8), 2)(volume), want)


def test_area_weights_conserve_the_integral() -> None:
    """The global mean of the coarse field is that of the fine one, whatever the field."""
    latitudes = torch.linspace(87, -87, 30)
    area = areas(latitudes)
    torch.testing.assert_close(float(area.sum()), 2.0)  # of sin(lat) from pole to pole
    coarse_area = area.reshape(10, 3).sum(1, keepdim=True)
    x = values(1, 1, 30, 8)
    y = CoarseGrain((1, 30, 8), (3, 4), area)(x)
    fine = (x * area).sum() / (area.sum() * 8)
    torch.testing.assert_close((y * coarse_area).sum() / (coarse_area.sum() * 2), fine)


@pytest.mark.parametrize("factor", [2, 2.5, 4])
def test_bicubic_is_the_exact_resize(factor: float) -> None:
    x = values(2, 3, 24, 17)
    torch.testing.assert_close(Bicubic((3, 24, 17), factor)(x), downscale(x, factor))
    torch.testing.assert_close(Bicubic((3, 24, 16), 4)(x[..., :16]), bicubic(x[..., :16], (6, 4)))


def test_grey_and_samples() -> None:
    x = values(1, 3, 4, 5)
    torch.testing.assert_close(Grey((3, 4, 5), "mean")(x), x.mean(1, keepdim=True))
    mask = holes(4, 5)
    torch.testing.assert_close(Sample(mask, (3, 4, 5))(x)[0], x[0][:, mask > 0].flatten())


def test_hadamard_is_sylvesters() -> None:
    want = torch.from_numpy(scipy.linalg.hadamard(16)) / 4.0
    torch.testing.assert_close(dense_matrix(Hadamard((1, 4, 4), 16)), want.double())
    order = torch.tensor([3, 1, 0, 2])
    got = dense_matrix(Hadamard((1, 4), keep=torch.tensor([2, 1]), order=order))
    small = torch.from_numpy(scipy.linalg.hadamard(4)) / 2.0
    torch.testing.assert_close(got[:, order], small[[2, 1]].double())


def test_random_gaussian_is_nearly_an_isometry_and_named_by_its_seed() -> None:
    made = RandomGaussian((1, 20, 20), 4000, seed=5)
    x = values(1, 1, 20, 20)
    ratio = float(torch.linalg.vector_norm(made(x)) / torch.linalg.vector_norm(x))
    assert ratio == pytest.approx(1, abs=0.05)
    assert torch.equal(made.matrix, RandomGaussian((1, 20, 20), 4000, seed=5).matrix)
    assert not torch.equal(made.matrix, RandomGaussian((1, 20, 20), 4000, seed=6).matrix)


@pytest.mark.parametrize("space", [(9,), (6, 8), (3, 4, 5)])
def test_points_are_scipys_linear_interpolation(space: tuple[int, ...]) -> None:
    where, x = inside(20, *space), values(1, 2, *space)
    got = PointSample(where, (2, *space))(x)[0]
    for c in range(2):
        want = scipy.ndimage.map_coordinates(x[0, c].numpy(), where.T.numpy(), order=1)
        np.testing.assert_allclose(got[c].numpy(), want, atol=1e-12)


def test_points_at_the_edge_and_around_it() -> None:
    x = values(1, 1, 3, 4)
    corners = torch.tensor([[0.0, 0.0], [2.0, 3.0], [1.0, 3.0]])
    want = torch.stack([x[0, 0, 0, 0], x[0, 0, 2, 3], x[0, 0, 1, 3]])
    torch.testing.assert_close(PointSample(corners, (1, 3, 4))(x)[0, 0], want)
    around = PointSample(torch.tensor([[1.0, 3.5], [1.0, -0.25]]), (1, 3, 4), (False, True))
    row = x[0, 0, 1]
    want = torch.stack([(row[3] + row[0]) / 2, 0.25 * row[3] + 0.75 * row[0]])
    torch.testing.assert_close(around(x)[0, 0], want)


def test_kernels_are_what_they_say() -> None:
    kernel = gaussian_kernel((1.0, 2.0), (9, 17))
    place = torch.arange(17, dtype=torch.float64) - 8
    spread = torch.sqrt((kernel.sum(0) * place**2).sum())
    assert float(spread) == pytest.approx(2, rel=1e-2)
    torch.testing.assert_close(
        motion_kernel(3.0, 0).sum(0)[[0, -1]], motion_kernel(3.0, 90).sum(1)[[0, -1]]
    )
    for kernel in (motion_kernel(7.3, 33), shake_kernel(15, 0.7, seed=3), gaussian_kernel(1.3)):
        assert float(kernel.sum()) == pytest.approx(1)
        assert float(kernel.min()) >= 0
    line = motion_kernel(8.0, 30, 11)
    y, x = torch.meshgrid(torch.arange(11.0) - 5, torch.arange(11.0) - 5, indexing="ij")
    along = torch.sqrt((line * (x * math.cos(math.pi / 6) - y * 0.5) ** 2).sum())
    assert float(along) == pytest.approx(8 / math.sqrt(12), rel=0.05)  # of a uniform line
    across = (line * (x * 0.5 + y * math.cos(math.pi / 6)) ** 2).sum()
    assert float(across) < 0.3
    assert torch.equal(shake_kernel(15, seed=3), shake_kernel(15, seed=3))
    assert not torch.equal(shake_kernel(15, seed=3), shake_kernel(15, seed=4))
