"""Samples around an estimate: their mean is it, their deviation that of the runs, made wider."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from undrift.medical.spread import around, place_about, spread_out

RUNS = torch.tensor([[1.0, 4.0], [3.0, 4.0], [5.0, 10.0]])


def test_samples_have_the_estimate_as_mean_and_a_wider_deviation() -> None:
    found = around(torch.tensor([7.0, -1.0]), RUNS, 1.5)
    torch.testing.assert_close(found.mean(0), torch.tensor([7.0, -1.0]))
    torch.testing.assert_close(found.std(0), 1.5 * RUNS.std(0))
    torch.testing.assert_close(found[0], torch.tensor([7 - 3.0, -1 - 3.0]))


def test_arrays_move_in_place_as_tensors_do() -> None:
    samples = [one.numpy().copy() for one in RUNS]
    place_about(np.array([7, -1], np.float32), RUNS.mean(0).numpy(), samples, 1.5)
    expected = around(torch.tensor([7.0, -1.0]), RUNS, 1.5)
    np.testing.assert_allclose(np.stack(samples), expected.numpy(), rtol=1e-6)


def test_the_estimate_is_not_stirred_and_one_sample_is_it() -> None:
    asked: list[tuple[dict[str, Any], int]] = []

    def solved(options: Mapping[str, Any], count: int) -> Tensor:
        asked.append((dict(options), count))
        return RUNS[:count]

    assert torch.equal(spread_out(solved, {"weight": 2}, 1, 1.5), RUNS[:1])
    assert asked == [({"weight": 2}, 1)]
    found = spread_out(solved, {"weight": 2}, 3, 1.5)
    assert asked[1:] == [({"weight": 2}, 1), ({"weight": 2, "stir": 1.0}, 3)]
    torch.testing.assert_close(found.mean(0), RUNS[0])
