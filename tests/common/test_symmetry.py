"""The symmetrised denoiser commutes with the group, and equals the denoiser where that does."""

import pytest
import torch
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError
from undrift.common.symmetry import Symmetrised


def lopsided(x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None) -> Estimate:
    kernel = torch.arange(9, dtype=x.dtype).reshape(1, 1, 3, 3) / 36
    return Estimate(torch.nn.functional.conv2d(x + (0 if y is None else 2 * y), kernel, padding=1))


def pointwise(
    x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
) -> Estimate:
    return Estimate(torch.tanh(x))


@pytest.mark.parametrize("count", [2, 4, 8])
def test_commutes_with_its_group(count: int) -> None:
    x, y = torch.randn(2, 1, 1, 7, 5, generator=torch.Generator().manual_seed(0)).double()
    wrapped = Symmetrised(lopsided, count)
    straight, turned = wrapped(x, 0.5, y).x0, wrapped(x.flip(-1, -2), 0.5, y.flip(-1, -2)).x0
    assert torch.allclose(turned.flip(-1, -2), straight, atol=1e-12)
    if count >= 4:
        quarter = wrapped(torch.rot90(x, 1, (2, 3)), 0.5, torch.rot90(y, 1, (2, 3))).x0
        assert torch.allclose(torch.rot90(quarter, -1, (2, 3)), straight, atol=1e-12)
    if count == 8:
        mirrored = wrapped(x.flip(-1), 0.5, y.flip(-1)).x0
        assert torch.allclose(mirrored.flip(-1), straight, atol=1e-12)
    assert not torch.allclose(lopsided(x, 0.5, y).x0, straight)


def test_leaves_a_symmetric_denoiser_alone() -> None:
    x = torch.randn(1, 3, 4, 6, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(Symmetrised(pointwise, 8)(x, 0.1).x0, torch.tanh(x), atol=1e-6)


def blocks(x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None) -> Estimate:
    """Means of blocks of 4 x 4 pixels, laid from the first row and column."""
    mean = torch.nn.functional.avg_pool2d(x, 4, ceil_mode=True, count_include_pad=False)
    return Estimate(
        mean.repeat_interleave(4, 2).repeat_interleave(4, 3)[..., : x.shape[2], : x.shape[3]]
    )


def test_turned_pictures_have_the_blocks_of_the_straight_one() -> None:
    x = torch.randn(1, 1, 10, 7, generator=torch.Generator().manual_seed(2)).double()
    filled = torch.nn.functional.pad(x, (0, 1, 0, 2), mode="replicate")
    expected = blocks(filled, 0.1).x0[..., :10, :7]
    assert torch.allclose(Symmetrised(blocks, 8, 4)(x, 0.1).x0, expected, atol=1e-12)
    assert not torch.allclose(Symmetrised(blocks, 8)(x, 0.1).x0, expected, atol=1e-3)


def test_refuses_other_counts() -> None:
    with pytest.raises(UsageError, match="expected 1, 2, 4 or 8"):
        Symmetrised(pointwise, 3)
