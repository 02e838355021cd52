"""Degradations against independent implementations and closed forms."""

import numpy as np
import pytest
import torch

from undrift.common.errors import InputError
from undrift.restoration.degrade import (
    Bicubic,
    GaussianNoise,
    add_gaussian_noise,
    back_project,
    bicubic,
    downscale,
    quantise,
    replay,
    upscale,
)


def picture(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def keys(t: float) -> float:
    t = abs(t)
    if t <= 1:
        return 1.5 * t**3 - 2.5 * t**2 + 1
    return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t <= 2 else 0.0


def imresize_line(line: np.ndarray, new: int, factor: float) -> np.ndarray:
    """The rule pixel by pixel: every input of the mirrored line within the support, normalised."""
    n, shrink = len(line), min(factor, 1.0)
    mirrored = np.pad(line, 3 * n, mode="symmetric")
    out = np.zeros(new)
    for i in range(new):
        centre = (i + 0.5) / factor - 0.5
        total = 0.0
        for j in range(int(centre - 2 / shrink) - 2, int(centre + 2 / shrink) + 3):
            weight = keys((centre - j) * shrink)
            total += weight
            out[i] += weight * mirrored[j + 3 * n]
        out[i] /= total
    return out


def imresize(x: np.ndarray, size: tuple[int, int], factor: tuple[float, float]) -> np.ndarray:
    rows = np.stack([imresize_line(c, size[0], factor[0]) for c in x.T], 1)
    return np.stack([imresize_line(r, size[1], factor[1]) for r in rows], 0)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((24, 36), (12, 18)),
        ((24, 36), (8, 12)),
        ((24, 36), (6, 9)),
        ((6, 9), (12, 18)),
        ((6, 9), (18, 27)),
        ((6, 9), (24, 36)),
        ((510, 3), (200, 5)),
        ((31, 40), (17, 53)),
        ((5, 5), (1, 2)),
    ],
)
def test_bicubic_is_the_imresize_rule(old: tuple[int, int], new: tuple[int, int]) -> None:
    x = picture(1, *old)
    want = imresize(x[0].numpy(), new, (new[0] / old[0], new[1] / old[1]))
    np.testing.assert_allclose(bicubic(x, new)[0].numpy(), want, rtol=0, atol=1e-12)


def test_enlarging_twice_has_the_published_weights() -> None:
    impulse = torch.zeros(1, 1, 9, dtype=torch.float64)
    impulse[..., 4] = 1
    got = bicubic(impulse, (1, 18))[0, 0, 4:14]
    half = [-0.0234375, -0.0703125, 0.2265625, 0.8671875]  # Keys' kernel at 7/4, 5/4, 3/4, 1/4
    want = torch.tensor([0.0, *half, *half[::-1], 0.0], dtype=torch.float64)
    torch.testing.assert_close(got, want, rtol=0, atol=1e-15)


@pytest.mark.parametrize("new", [(256, 192), (170, 128), (128, 96), (333, 211), (200, 150)])
def test_bicubic_equals_torch_antialias_inside(new: tuple[int, int]) -> None:
    x = picture(1, 3, 512, 384)
    want = torch.nn.functional.interpolate(x, new, mode="bicubic", antialias=True)
    inside = (..., slice(4, -4), slice(4, -4))
    torch.testing.assert_close(bicubic(x, new)[inside], want[inside], rtol=0, atol=1e-10)


def test_long_axes_take_the_other_route_to_the_same_pixels() -> None:
    x = picture(1, 2048, 2)  # 2048 x 512 is beyond the dense limit
    want = np.stack([imresize_line(c, 512, 0.25) for c in x[0].numpy().T], 1)
    np.testing.assert_allclose(bicubic(x, (512, 2))[0].numpy(), want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [2, 3, 4, 2.7])
def test_constants_stay_constant(scale: float) -> None:
    flat = torch.full((2, 3, 31, 22), 0.3, dtype=torch.float64)
    low = downscale(flat, scale)
    assert low.shape[-2:] == (int(np.ceil(31 / scale)), int(np.ceil(22 / scale)))
    torch.testing.assert_close(low, torch.full_like(low, 0.3))
    torch.testing.assert_close(upscale(low, scale, (31, 22)), flat)


def test_downscale_of_indivisible_size_keeps_the_factor() -> None:
    x = picture(1, 10, 11)
    want = imresize(x[0].numpy(), (3, 3), (0.25, 0.25))
    np.testing.assert_allclose(downscale(x, 4)[0].numpy(), want, rtol=0, atol=1e-12)


@pytest.mark.parametrize("scale", [2, 3, 4, 2.5])
def test_shrinking_and_enlarging_does_not_shift(scale: float) -> None:
    ramp = torch.linspace(0, 1, 121, dtype=torch.float64).expand(1, 121, 121)
    back = upscale(downscale(ramp, scale), scale, (121, 121))
    torch.testing.assert_close(back[..., 24:-24], ramp[..., 24:-24], rtol=0, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_any_float_type_comes_back(dtype: torch.dtype) -> None:
    x = picture(2, 3, 20, 30)
    got = bicubic(x.to(dtype), (10, 45))
    assert got.dtype == dtype
    torch.testing.assert_close(got.double(), bicubic(x.to(dtype).double(), (10, 45)), rtol=0,
                               atol=4 * torch.finfo(dtype).eps)  # fmt: skip


def test_gradients_flow_after_a_first_use_in_inference_mode() -> None:
    with torch.inference_mode():
        bicubic(picture(1, 14, 14), (7, 7))
    x = picture(1, 14, 14).requires_grad_()
    bicubic(x, (7, 7)).sum().backward()
    assert x.grad is not None
    assert float(x.grad.sum()) == pytest.approx(49.0)


def test_bad_arguments_are_named() -> None:
    with pytest.raises(InputError, match=r"uint8 of shape \(3, 4, 4\)"):
        bicubic(torch.zeros(3, 4, 4, dtype=torch.uint8), (2, 2))
    with pytest.raises(InputError, match=r"size=\(0, 2\)"):
        bicubic(torch.zeros(3, 4, 4), (0, 2))
    with pytest.raises(InputError, match="check the scale"):
        back_project(torch.zeros(3, 40, 40), torch.zeros(3, 20, 20), 4, 1)


@pytest.mark.parametrize("scale", [2, 3, 4, 2.7])
def test_back_projection_converges_to_consistency(scale: float) -> None:
    smooth = upscale(picture(1, 3, 16, 12), 8)[..., :127, :90]
    low = downscale(smooth, scale)
    start = upscale(low, scale, (127, 90))
    rests = [
        float((downscale(back_project(start, low, scale, k), scale) - low).abs().mean())
        for k in (0, 5, 50)
    ]
    assert rests[1] < 0.5 * rests[0]
    assert rests[2] < 0.02 * rests[0]


def test_consistent_pictures_are_fixed_points() -> None:
    x = picture(1, 3, 24, 24)
    torch.testing.assert_close(back_project(x, downscale(x, 3), 3, 4), x)


def test_quantise_rounds_and_clips() -> None:
    x = torch.tensor([-0.2, 0.0, 0.5 / 255 + 1e-4, 0.3, 1.7])
    want = torch.tensor([0.0, 0.0, 1 / 255, round(0.3 * 255) / 255, 1.0])
    torch.testing.assert_close(quantise(x), want)
    assert set(quantise(torch.rand(1000), 3).mul(3).round().int().tolist()) == {0, 1, 2, 3}


def test_gaussian_noise_has_its_sigma_and_is_not_clipped() -> None:
    noise = torch.randn(1, 3, 200, 200, generator=torch.Generator().manual_seed(1))
    x = torch.full_like(noise, 0.02)
    y = GaussianNoise(0.1)(x, noise)
    assert float((y - x).std()) == pytest.approx(0.1, rel=0.01)
    assert float(y.min()) < 0
    assert float(GaussianNoise(0.1, clip=True)(x, noise).min()) == 0
    with pytest.raises(InputError, match="equal shapes"):
        add_gaussian_noise(x, 0.1, noise[0])


@pytest.mark.parametrize("made", [Bicubic(3.0), Bicubic(2.5, levels=None), GaussianNoise(0.1)])
def test_records_replay(made: Bicubic | GaussianNoise) -> None:
    assert replay(made.record()) == made
    x, noise = picture(1, 3, 15, 15), picture(1, 3, 15, 15, seed=1)
    torch.testing.assert_close(replay(made.record())(x, noise), made(x, noise), rtol=0, atol=0)


def test_unknown_records_get_a_hint() -> None:
    with pytest.raises(InputError, match="did you mean 'bicubic'"):
        replay({"name": "bicubik"})
    with pytest.raises(InputError, match="sgima"):
        replay({"name": "gaussian-noise", "sgima": 1})
