"""The best start is the one with the smallest mean, and serves every size."""

import pytest
import torch

from undrift.common.errors import UsageError
from undrift.common.noise import Noise
from undrift.common.start_search import FixedStart, best_start, fitted


def test_the_start_with_the_best_mean_is_chosen() -> None:
    candidates = [torch.full((1, 1, 2, 2), float(value)) for value in (3, 1, 2)]
    targets = [0.0, 2.0, 2.5]  # the mean distance is smallest at 2
    found = best_start(lambda z, k: abs(float(z.mean()) - targets[k]), candidates, 3)
    assert found.number == 2
    torch.testing.assert_close(found.errors, torch.tensor([1.5, 7 / 6, 5 / 6]).double())
    with pytest.raises(UsageError, match="at least one candidate"):
        best_start(lambda z, k: 0.0, [], 3)


def test_a_fixed_start_replaces_the_first_draw_only() -> None:
    inner, noise = Noise(3, "a"), torch.randn(1, 3, 8, 8)
    fixed, shape = FixedStart(noise, inner), (1, 3, 5, 11)
    first = fixed(shape, 0, device="cpu")
    assert first.shape == shape
    assert torch.equal(first[..., :8], noise[:, :, :5])
    assert torch.equal(first[..., 8:], noise[:, :, :5, :3])
    assert torch.equal(fixed(shape, 2), inner(shape, 2))
    with pytest.raises(UsageError, match=r"this start is for \(1, 3, 8, 8\)"):
        fitted(noise, (1, 1, 8, 8))
