"""Blurs into a frame: the preconditioned solve against the plain one and against a dense matrix."""

import pytest
import torch

from undrift.common.operators.blur import Blur
from undrift.common.operators.conjugate_gradient import conjugate_gradient
from undrift.common.operators.kernels import gaussian_kernel, shake_kernel
from undrift.common.operators.linear import LinearOperator


@pytest.mark.parametrize("variance", [1.0, 1e-3])
def test_the_gain_is_that_of_the_dense_matrix(variance: float) -> None:
    blur = Blur(shake_kernel(7, 0.9, 3), (1, 16, 18), "valid")
    matrix = blur(torch.eye(16 * 18, dtype=torch.float64).reshape(-1, 1, 16, 18)).flatten(1).T
    v = torch.randn(2, *blur.shape_out, generator=torch.Generator().manual_seed(0)).double()
    noise = 1e-4
    whole = variance * matrix @ matrix.T + noise * torch.eye(len(matrix), dtype=torch.float64)
    expected = variance * (torch.linalg.solve(whole, v.flatten(1).T).T @ matrix)
    torch.testing.assert_close(
        blur.gain(v, variance, noise).flatten(1), expected, atol=1e-9, rtol=0
    )


def test_it_takes_a_third_of_the_steps() -> None:
    blur = Blur(gaussian_kernel(2.0), (1, 80, 80), "valid")
    v = torch.randn(1, *blur.shape_out, generator=torch.Generator().manual_seed(0)).double()
    power, noise = blur.transfer.abs() ** 2, 1e-4
    counted = {"plain": 0, "framed": 0}

    def seen(u: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
        wide = torch.nn.functional.pad(u, (0, 16, 0, 16))
        return torch.fft.ifft2(gain * torch.fft.fft2(wide)).real[..., :64, :64]

    def apply(u: torch.Tensor) -> torch.Tensor:
        return seen(u, power) + noise * u

    assert blur.shape_out == (1, 64, 64)
    counted["plain"] = conjugate_gradient(apply, v, tol=1e-6).iterations
    framed = conjugate_gradient(
        apply, v, tol=1e-6, precondition=lambda r: seen(r, 1 / (power + noise))
    )
    counted["framed"] = framed.iterations
    assert counted["framed"] * 3 <= counted["plain"]
    plain = LinearOperator._gain(blur, v, 1.0, noise, None, None, 5000)
    torch.testing.assert_close(blur.gain(v, 1.0, noise), plain, atol=1e-7, rtol=0)
