"""Banded matrices along an axis: the same as the dense matrix."""

import numpy as np
import pytest
import torch

from undrift.common.banded import BLOCK, banded
from undrift.common.resize import bicubic, resize_matrix, taps


@pytest.mark.parametrize(
    ("old", "new", "factor"), [(70, 140, 2.0), (140, 70, 0.5), (101, 31, 0.3), (9, 9, 1.0)]
)
def test_along_either_axis(old: int, new: int, factor: float) -> None:
    x = torch.rand(2, old, 5, dtype=torch.float64)
    matrix = banded(*taps(old, new, factor), torch.float64, torch.device("cpu"))
    want = resize_matrix(old, new, factor) @ x
    torch.testing.assert_close(matrix.rows(x), want, rtol=0, atol=1e-13)
    torch.testing.assert_close(matrix.columns(x.mT), want.mT, rtol=0, atol=1e-13)
    widest = max(stop - start for start, stop, _ in matrix.blocks)
    assert widest <= BLOCK / factor + 4 / min(factor, 1) + 2  # the blocks are narrow


def test_an_input_named_twice_counts_twice() -> None:
    index, weight = np.array([[0, 0, 2], [1, 2, 2]]), np.array([[1.0, 2, 3], [4, 5, 6]])
    matrix = banded(index, weight, torch.float64, torch.device("cpu"))
    x = torch.tensor([[1.0], [10], [100]], dtype=torch.float64)
    assert matrix.rows(x)[:, 0].tolist() == [303, 1140]


def test_long_axes_are_resized_as_by_their_matrices_and_have_gradients() -> None:
    """600 x 700 inputs times 450 x 900 outputs: too long for dense matrices."""
    x = torch.rand(1, 2, 600, 700, dtype=torch.float64, requires_grad=True)
    down, across = resize_matrix(600, 450, 0.75), resize_matrix(700, 900, 9 / 7)
    got = bicubic(x, (450, 900))
    torch.testing.assert_close(got, down @ x @ across.mT, rtol=0, atol=1e-12)
    weight = torch.rand_like(got)
    (got * weight).sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, down.mT @ weight @ across, rtol=0, atol=1e-12)
