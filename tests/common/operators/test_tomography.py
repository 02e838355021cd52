"""Line integrals against closed forms and scikit-image."""

import math

import numpy as np
import torch
from operator_cases import values

from undrift.common.operators import (
    FanBeam,
    GaussianBlur,
    Radon,
)


def disc(n: int, radius: float, x: float, y: float) -> torch.Tensor:
    """A disc sampled 8 x 8 fold, (1, n, n): centre (x, y) from the middle, y up."""
    fine = (torch.arange(8 * n, dtype=torch.float64) + 0.5) / 8 - n / 2
    inside_ = ((fine - x) ** 2)[None, :] + ((-fine - y) ** 2)[:, None] <= radius**2
    return inside_.double().reshape(n, 8, n, 8).mean((1, 3))[None]


def test_radon_of_a_disc_is_its_chords() -> None:
    n, radius, x, y = 96, 25.0, 7.0, -11.0
    angles = torch.arange(0.0, 180.0, 7.0)
    got = Radon(angles, (1, n, n))(disc(n, radius, x, y))[0]
    turn = torch.deg2rad(angles.double())[:, None]
    s = torch.arange(got.shape[1], dtype=torch.float64) - (got.shape[1] - 1) / 2
    gap = s - (x * turn.cos() + y * turn.sin())
    want = 2 * torch.sqrt((radius**2 - gap**2).clamp(min=0))
    inner = (gap.abs() < 0.9 * radius) | (gap.abs() > radius + 2)
    assert float((got - want)[inner].abs().max()) < 0.6
    assert float((got - want)[inner].abs().mean()) < 0.05


def test_fan_beam_of_a_disc_is_its_chords() -> None:
    n, radius, x, y, source, detector = 96, 25.0, 7.0, -11.0, 150.0, 80.0
    angles = torch.arange(0.0, 360.0, 13.0)
    fan = FanBeam(angles, (1, n, n), source, detector, pixel=1.0)
    got = fan(disc(n, radius, x, y))[0]
    turn = torch.deg2rad(angles.double())[:, None]
    u = (
        (torch.arange(got.shape[1]).double() - (got.shape[1] - 1) / 2)
        * (source + detector)
        / source
    )
    gamma = torch.atan2(u, torch.tensor(source + detector).double())
    # a ray at fan angle gamma is the parallel ray at turn - gamma and s = source sin(gamma)
    s, theta = source * torch.sin(gamma), turn - gamma
    gap = s - (x * theta.cos() + y * theta.sin())
    want = 2 * torch.sqrt((radius**2 - gap**2).clamp(min=0))
    inner = (gap.abs() < 0.9 * radius) | (gap.abs() > radius + 2)
    assert float((got - want)[inner].abs().max()) < 0.6
    assert float((got - want)[inner].abs().mean()) < 0.05


def test_a_smooth_hill_is_integrated_to_second_order() -> None:
    """exp(-r^2 / 2 s^2) along a line at distance d: sqrt(2 pi) s exp(-d^2 / 2 s^2)."""
    place, x, y, spread = torch.arange(64, dtype=torch.float64) - 31.5, 5.0, 3.0, 5.0
    image = torch.exp(-((place - x) ** 2 + (-place[:, None] - y) ** 2) / (2 * spread**2))[None]
    angles = torch.arange(0.0, 360.0, 11.0)
    turn = torch.deg2rad(angles.double())[:, None]
    u = torch.arange(90, dtype=torch.float64) - 44.5
    gamma = torch.atan2(u, torch.tensor(180.0, dtype=torch.float64))
    for made, s, theta in (
        (Radon(angles, (1, 64, 64), cells=90), u, turn),
        (FanBeam(angles, (1, 64, 64), 120.0, 60.0, 90, 1.0), 120 * gamma.sin(), turn - gamma),
    ):
        gap = s - (x * theta.cos() + y * theta.sin())
        want = math.sqrt(2 * math.pi) * spread * torch.exp(-(gap**2) / (2 * spread**2))
        assert float((made(image)[0] - want).abs().max()) < 0.008 * float(want.max())


def test_integrals_scale_with_the_pixel() -> None:
    x, angles = values(1, 1, 8, 8), torch.tensor([0.0, 30.0, 77.0])
    one = Radon(angles, (1, 8, 8), cells=12)(x)
    torch.testing.assert_close(Radon(angles, (1, 8, 8), cells=12, pixel=0.4)(x), 0.4 * one)
    fan = FanBeam(angles, (1, 8, 8), 20.0, 10.0, cells=12)(x)
    scaled = FanBeam(angles, (1, 8, 8), 8.0, 4.0, cells=12, pixel=0.4)(x)
    torch.testing.assert_close(scaled, 0.4 * fan)


def test_radon_agrees_with_scikit_image() -> None:
    """On a smooth image; the two interpolate differently, so to a fraction of a per cent."""
    from skimage.transform import radon

    n = 65  # odd: both put the axis of rotation into the central pixel
    grid = torch.arange(n, dtype=torch.float64) - n // 2
    y, x = torch.meshgrid(-grid, grid, indexing="ij")
    image = torch.exp(-((x - 5) ** 2 + (y + 7) ** 2) / 60) + 0.6 * torch.exp(
        -((x + 9) ** 2 / 30 + (y - 4) ** 2 / 90)
    )
    image = image * (x**2 + y**2 <= 30**2)
    angles = np.arange(0.0, 180.0, 10.0)
    want = radon(image.numpy(), angles, circle=True).T
    got = Radon(torch.from_numpy(angles), (1, n, n), cells=n)(image[None])[0].numpy()
    assert np.abs(got - want).max() < 5e-3 * want.max()
    np.testing.assert_allclose(got[[0, 9]], want[[0, 9]], rtol=0, atol=1e-10)  # 0 and 90 degrees


def test_filtered_back_projection_recovers_the_image() -> None:
    n = 64
    image = disc(n, 18.0, 3.0, -5.0) + 0.5 * disc(n, 7.0, 0.0, -6.0)
    for pixel in (1.0, 0.3):
        radon = Radon(torch.arange(0.0, 180.0, 1.0), (1, n, n), pixel=pixel)
        back = radon.filtered_back_projection(radon(image[None]))[0]
        smooth = GaussianBlur((1, n, n), 1.5)
        assert float((smooth(back) - smooth(image)).abs().mean()) < 0.012
