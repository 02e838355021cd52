"""Operators that are not linear: values, Jacobians, and what composition makes of them."""

import io

import numpy as np
import pytest
import torch
from operator_cases import PLANE, complex_values, holes, kernel, values

from undrift.common.errors import InputError
from undrift.common.operators import (
    JPEG,
    Affine,
    Average,
    Blur,
    Clip,
    Fourier,
    FromReal,
    Gamma,
    Magnitude,
    Network,
    Operator,
    Saturation,
    check_adjoint,
    dense_matrix,
    phase_retrieval,
    stack,
)

NETWORK = torch.nn.Sequential(
    torch.nn.Conv2d(2, 3, 3, padding=1), torch.nn.Tanh(), torch.nn.Conv2d(3, 1, 2)
).double().requires_grad_(False)  # fmt: skip
BENT: dict[str, Operator] = {
    "clip": Clip(PLANE),
    "gamma": Gamma(PLANE, 0.45, gain=0.3),
    "affine": Affine(PLANE, values(1), values(6, 8)),
    "saturation": Saturation(PLANE, gain=2.0, sharpness=5.0),
    "magnitude": Magnitude(PLANE),
    "magnitude squared": Magnitude(PLANE, 2),
    "phase-retrieval": phase_retrieval((1, 6, 6)),
    "phase-retrieval squared": phase_retrieval((1, 6, 6), 1.5, 2),
    "network": Network(NETWORK, PLANE),
    "clipped blur": Clip(PLANE) @ Blur(kernel(3, 3), PLANE),
    "blurred network": Average((1, 5, 7), 1) @ Network(NETWORK, PLANE),
    "stack": stack(Clip(PLANE), Average(PLANE, 2), Gamma(PLANE)),
}
EVERY = pytest.mark.parametrize("operator", BENT.values(), ids=BENT.keys())


@EVERY
def test_jacobian_is_the_slope_of_the_values(operator: Operator) -> None:
    x, u = values(2, *operator.shape_in), values(2, *operator.shape_in, seed=1)
    value, jacobian = operator.linearise(x)
    torch.testing.assert_close(value, operator(x))
    step = 1e-6
    want = (operator(x + step * u) - operator(x - step * u)) / (2 * step)
    torch.testing.assert_close(jacobian(u), want, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(operator.jvp(x, u), jacobian(u))


@EVERY
def test_adjoint_of_the_jacobian(operator: Operator) -> None:
    jacobian = operator.linearise(values(1, *operator.shape_in))[1]
    report = check_adjoint(jacobian)
    assert report.error < 1e-10, report
    x, v = values(1, *operator.shape_in), values(1, *operator.shape_out, seed=2)
    torch.testing.assert_close(operator.vjp(x, v), operator.linearise(x)[1].adjoint(v))


@EVERY
def test_gauss_newton_steps_are_exact(operator: Operator) -> None:
    jacobian = operator.linearise(values(1, *operator.shape_in))[1]
    matrix, rhs = dense_matrix(jacobian), values(1, *operator.shape_in, seed=3)
    system = 2.0 * matrix.T @ matrix + 0.5 * torch.eye(matrix.shape[1], dtype=torch.float64)
    want = torch.linalg.solve(system, rhs.flatten()).reshape(rhs.shape)
    torch.testing.assert_close(jacobian.solve(rhs, 2.0, 0.5, tol=1e-13), want, rtol=1e-8, atol=1e-9)


@EVERY
def test_single_precision(operator: Operator) -> None:
    if "network" not in repr(operator).lower():
        x = values(2, *operator.shape_in)
        got = operator(x.float())
        assert got.dtype == torch.float32
        torch.testing.assert_close(got.double(), operator(x), rtol=1e-3, atol=1e-4)
        assert operator(x.half()).dtype == torch.float16


def test_derivative_in_complex_signals() -> None:
    operator = Magnitude(PLANE) @ Fourier(PLANE)
    x = complex_values(1, *PLANE)
    assert check_adjoint(operator.linearise(x)[1]).error < 1e-10
    u = complex_values(1, *PLANE, seed=3)
    want = (operator(x + 1e-6 * u) - operator(x - 1e-6 * u)) / 2e-6
    torch.testing.assert_close(operator.jvp(x, u), want, rtol=1e-5, atol=1e-6)


def test_values_of_the_tone_curves() -> None:
    x = torch.linspace(-1, 1, 9, dtype=torch.float64)[None]
    torch.testing.assert_close(Clip((9,))(x), (2 * x).clamp(-1, 1))
    light = x.clamp(min=0.25)
    torch.testing.assert_close(Gamma((9,), 2.0, 0.5, 0.1)(light), 0.5 * light**2 + 0.1)
    dark = torch.tensor([[-0.1, 0.0]], dtype=torch.float64)
    assert bool(torch.isfinite(Gamma((2,), 0.45).vjp(dark, torch.ones_like(dark))).all())
    soft = Saturation((9,), 3.0, 1.0, 200.0)(x)
    torch.testing.assert_close(soft, (3 * x).clamp(max=1), rtol=0, atol=5e-3)
    factor, offset = values(9), values(1)
    torch.testing.assert_close(Affine((9,), factor, offset)(x), factor * x + offset)


def test_phase_is_lost_and_nothing_else() -> None:
    operator, x = phase_retrieval((1, 6, 6)), values(1, 1, 6, 6)
    assert operator.shape_out == (1, 12, 12)
    wide = torch.nn.functional.pad(x, (3, 3, 3, 3))
    shifted = torch.fft.ifftshift(wide, (-2, -1))
    want = torch.fft.fftshift(torch.fft.fft2(shifted, norm="ortho"), (-2, -1)).abs()
    torch.testing.assert_close(operator(x), want)
    torch.testing.assert_close(operator(-x), want)
    square = phase_retrieval((1, 6, 6), power=2)
    torch.testing.assert_close(square(x), want**2)
    assert bool(torch.isfinite(operator.vjp(torch.zeros_like(x), want)).all())


def picture(h: int, w: int) -> np.ndarray:
    """A colourful smooth picture with an edge, uint8 (h, w, 3)."""
    y, x = np.mgrid[0:h, 0:w] / 16.0
    planes = [np.sin(x + 0.3 * c) * np.cos(0.7 * y - c) + 0.8 * (x + c / 4 > 2) for c in range(3)]
    return np.clip(110 + 60 * np.stack(planes, -1), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("quality", [10, 50, 90])
@pytest.mark.parametrize("halve", [False, True])
@pytest.mark.parametrize("size", [(48, 64), (45, 61)])
def test_jpeg_is_what_pillow_decodes(quality: int, halve: bool, size: tuple[int, int]) -> None:
    from PIL import Image

    pixels = picture(*size)
    file = io.BytesIO()
    subsampling = 2 if halve else 0
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    want = np.asarray(Image.open(file)).astype(float)
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None].double() / 255
    got = JPEG((3, *size), quality, halve)(x).clamp(0, 1)[0].permute(1, 2, 0).numpy() * 255
    gap = np.sqrt(((got - want) ** 2).mean())
    # Integer arithmetic rounds at every stage there; at a tie a whole coefficient flips.
    assert gap < 1.25
    assert gap < 0.5 * np.sqrt(((want - pixels) ** 2).mean()) + 0.3


def test_jpeg_of_a_grey_picture_is_exact_to_rounding() -> None:
    from PIL import Image

    pixels = picture(40, 56)[..., 0]
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=30)
    want = np.asarray(Image.open(file)).astype(float)
    x = torch.from_numpy(pixels)[None, None].double() / 127.5 - 1
    got = (JPEG((1, 40, 56), 30, low=-1.0)(x)[0, 0].clamp(-1, 1).numpy() + 1) * 127.5
    assert np.abs(np.round(got) - want).max() <= 1


def test_jpeg_passes_gradients_straight_through() -> None:
    """Without halved colour the Jacobian is the identity, whatever the rounding does."""
    x, v = values(1, 3, 16, 16), values(1, 3, 16, 16, seed=1)
    operator = JPEG((3, 16, 16), 40, halve=False)
    torch.testing.assert_close(operator.vjp(x, v), v)
    torch.testing.assert_close(operator.jvp(x, v), v)
    assert check_adjoint(JPEG((3, 13, 16), 40).linearise(values(1, 3, 13, 16))[1]).error < 1e-10


def test_a_network_that_gives_another_shape() -> None:
    with pytest.raises(InputError, match="state its shape_out"):
        Network(NETWORK, PLANE, (1, 6, 8))(values(1, *PLANE))
    assert Network(NETWORK, PLANE).shape_out == (1, 5, 7)


def test_a_jacobian_is_tied_to_its_points() -> None:
    jacobian = Clip(PLANE).linearise(values(2, *PLANE))[1]
    with pytest.raises(InputError, match="2 points got 3 signals"):
        jacobian(values(3, *PLANE))
    with pytest.raises(InputError, match="expected real values"):
        Clip(PLANE)(complex_values(1, *PLANE))


def test_composition_of_fields() -> None:
    seen = Magnitude(PLANE) @ Fourier(PLANE, holes(6, 8)) @ FromReal(PLANE)
    assert (seen.field_in, seen.field_out) == ("real", "real")
    assert not seen.linear
    assert (Fourier(PLANE) @ FromReal(PLANE)).linear
