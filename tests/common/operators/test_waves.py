"""Fourier, non-uniform and short-time transforms, and rooms, against numpy, torch and scipy."""

import math

import numpy as np
import pytest
import scipy.signal
import torch
from operator_cases import PLANE, complex_values, holes, values

from undrift.common.operators import (
    STFT,
    CoilFourier,
    Fourier,
    NonUniformFourier,
    RoomResponse,
)


@pytest.mark.parametrize("shape", [(2, 6, 7), (1, 3, 4, 5)])
def test_fourier_is_numpys_centred_and_orthonormal(shape: tuple[int, ...]) -> None:
    x = complex_values(1, *shape)
    axes = tuple(range(2, len(shape) + 1))
    shifted = np.fft.ifftshift(x.numpy(), axes)
    want = np.fft.fftshift(np.fft.fftn(shifted, axes=axes, norm="ortho"), axes)
    np.testing.assert_allclose(Fourier(shape)(x).numpy(), want, atol=1e-13)


def test_coils_multiply_the_image() -> None:
    coils, x, mask = complex_values(3, 6, 7), complex_values(1, 1, 6, 7, seed=1), holes(1, 7)
    got = CoilFourier(coils, (1, 6, 7), mask)(x)
    torch.testing.assert_close(got, mask * Fourier((3, 6, 7))(coils * x))
    unit = coils / torch.sqrt((coils.abs() ** 2).sum(0))
    torch.testing.assert_close(CoilFourier(unit, (1, 6, 7)).normal(x), x)


@pytest.mark.parametrize("space", [(9,), (6, 7), (3, 4, 5)])
def test_nonuniform_fourier_is_the_sum_it_says(space: tuple[int, ...]) -> None:
    k, x = values(11, len(space)).clamp(-3, 3), complex_values(1, 2, *space)
    axes = [torch.arange(n, dtype=torch.float64) - n // 2 for n in space]
    place = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(space))
    waves = torch.exp(-1j * (k @ place.T)) / math.sqrt(place.shape[0])
    want = torch.einsum("pr,bcr->bcp", waves, x.flatten(2))
    torch.testing.assert_close(NonUniformFourier(k, (2, *space))(x), want, rtol=0, atol=1e-11)


def test_nonuniform_fourier_on_the_grid_is_fourier() -> None:
    axes = [2 * math.pi * (torch.arange(n, dtype=torch.float64) - n // 2) / n for n in (6, 8)]
    k = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 2)
    x = complex_values(1, *PLANE)
    got = NonUniformFourier(k, PLANE)(x).reshape(1, *PLANE)
    torch.testing.assert_close(got, Fourier(PLANE)(x), rtol=0, atol=1e-11)


def test_derivatives_go_through_the_nonuniform_transform() -> None:
    operator = NonUniformFourier(values(7, 2).clamp(-3, 3), PLANE)
    x, v = complex_values(1, *PLANE).requires_grad_(), complex_values(1, 2, 7, seed=5)
    (got,) = torch.autograd.grad((operator(x).conj() * v).real.sum(), x)
    torch.testing.assert_close(got, operator.adjoint(v))
    u = complex_values(1, *PLANE, seed=9)
    torch.testing.assert_close(torch.func.jvp(operator, (x.detach(),), (u,))[1], operator(u))


@pytest.mark.parametrize(
    ("n_fft", "hop", "normalised"), [(16, 4, False), (16, 5, True), (8, 8, False)]
)
def test_stft_is_torchs(n_fft: int, hop: int, normalised: bool) -> None:
    x = values(3, 61)
    window = torch.hann_window(n_fft, dtype=torch.float64)
    want = torch.stft(x, n_fft, hop, window=window, normalized=normalised, return_complex=True)
    got = STFT((3, 61), n_fft, hop, normalised=normalised)(x)
    torch.testing.assert_close(got, want)


def test_room_is_scipys_convolution() -> None:
    x, h = values(2, 30), values(7)
    want = np.stack([scipy.signal.fftconvolve(row, h.numpy()) for row in x.numpy()])
    np.testing.assert_allclose(RoomResponse(h, (2, 30), tail=True)(x).numpy(), want, atol=1e-12)
    np.testing.assert_allclose(RoomResponse(h, (2, 30))(x).numpy(), want[:, :30], atol=1e-12)
    both = RoomResponse(torch.stack([h, 2 * h]), (1, 30))(x[:1])
    np.testing.assert_allclose(both.numpy(), np.stack([want[0], 2 * want[0]])[:, :30], atol=1e-12)
