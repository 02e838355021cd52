"""The operators of the published samplers and of ASTRA, as their own code computes them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from undrift.common.operators import (
    Average,
    Bicubic,
    Blur,
    Clip,
    Grey,
    Hadamard,
    LinearOperator,
    Mask,
    Radon,
    Sample,
    dense_matrix,
)

FILE = Path(__file__).parents[2] / "reference" / "problems" / "operators.npz"
SMALL = (3, 8, 8)


def stored(name: str) -> Tensor:
    with np.load(FILE) as content:
        return torch.from_numpy(content[name].astype(np.float64))


def same(operator: LinearOperator, name: str, tolerance: float = 1e-7) -> None:
    torch.testing.assert_close(dense_matrix(operator), stored(name), rtol=0, atol=tolerance)


def test_block_means() -> None:
    same(Average(SMALL, 2), "ddrm_sr2")
    torch.testing.assert_close(
        dense_matrix(Average((1, 8, 8), 2)), stored("gaussian_sr2_A"), rtol=0, atol=1e-15
    )
    y = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0)).double()
    want = (stored("ddnm_sr2_pinv") @ y.flatten()).reshape(1, *SMALL)
    torch.testing.assert_close(Average(SMALL, 2).pinv(y), want, rtol=0, atol=1e-6)


def test_colour_to_grey() -> None:
    same(Grey(SMALL, (0.3333, 0.3334, 0.3333)), "ddrm_color")  # the weights of the repository


def test_inpainting_keeps_pixels_in_an_order_of_its_own() -> None:
    matrix = stored("ddrm_inpaint")
    mask = matrix.sum(0).reshape(SMALL)
    ours = dense_matrix(Sample(mask, SMALL))
    order = matrix.argmax(1).argsort()
    assert torch.equal(ours, matrix[order])
    assert torch.equal(dense_matrix(Sample(stored("gaussian_inpaint_A").sum(0).reshape(1, 8, 8),
                                           (1, 8, 8))), stored("gaussian_inpaint_A"))  # fmt: skip
    diagonal = stored("reddiff_in2")
    assert torch.equal(dense_matrix(Mask(diagonal.reshape(SMALL), SMALL)), diagonal.diag())


def test_compressed_sensing_is_a_choice_of_hadamard_coefficients() -> None:
    matrix = stored("ddrm_cs2")  # rows run through the channels first
    full = dense_matrix(Hadamard((1, 8, 8), 64))
    keep = (matrix[0::3, :64] @ full.T).abs().argmax(1)
    ours = dense_matrix(Hadamard(SMALL, keep=keep)).reshape(3, 32, 192)
    torch.testing.assert_close(ours.transpose(0, 1).reshape(96, 192), matrix, rtol=0, atol=1e-7)


def test_bicubic_resizer_of_dps() -> None:
    same(Bicubic((3, 16, 16), 4), "dps_sr4")


def test_gaussian_blur_of_dps_reflects() -> None:
    matrix = stored("dps_gblur")
    kernel = matrix[:, 8 * 16 + 8].reshape(16, 16)[6:11, 6:11]
    same(Blur(kernel, (1, 16, 16), "reflect"), "dps_gblur")


def test_circular_blur_of_the_gaussian_problem() -> None:
    matrix = stored("gaussian_blur_A")
    torch.testing.assert_close(
        dense_matrix(Blur(matrix[:, 4 * 8 + 4].reshape(8, 8), (1, 8, 8))),
        matrix,
        rtol=0,
        atol=1e-15,
    )


def test_high_dynamic_range_clips_twice_the_image() -> None:
    """y is clip(2 x) with noise of .05 in [0, 1], hence .1 in [-1, 1]."""
    gap = stored("reddiff_hdr_y") - Clip(SMALL)(stored("reddiff_hdr_x"))
    assert float(gap.std()) == pytest.approx(0.1, rel=0.15)
    assert float(gap.mean().abs()) < 3 * 0.1 / 192**0.5


def test_radon_is_the_linear_projector_of_astra() -> None:
    image, angles = stored("astra_image")[None], stored("astra_degrees")
    got = Radon(angles, (1, 15, 20), cells=26)(image)[0]
    want = stored("astra_sinogram")
    torch.testing.assert_close(got, want, rtol=0, atol=2e-5 * float(want.max()))  # its float32
