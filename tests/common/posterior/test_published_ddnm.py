"""DDNM with time travel and the code's unrotated noise, each written out from paper and code."""

import math

import pytest
import torch
from gaussian_posterior import VP, by_index
from published import SHAPE, average, bent, levels, normals
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.posterior.ddnm import DDNMPlus, DDNMShift, travelled
from undrift.common.posterior.ddnm_official import OfficialDDNMPlus


@pytest.mark.parametrize(("length", "repeat"), [(1, 1), (2, 2), (1, 3)])
def test_ddnm_with_time_travel(length: int, repeat: int) -> None:
    """Down by algorithm 1, up by renewing the noise of the last estimate, one index at a time."""
    operator, seen = average()
    times, eta = by_index(10), 0.85
    grid = [*levels(times)[::-1]]  # by index 0..9, clean to noisy
    walk, left, place = [9], dict.fromkeys(range(0, 10 - length, length), repeat - 1), 9
    while place >= 0:
        if left.get(place, 0):
            left[place] -= 1
            for _ in range(length):
                place += 1
                walk.append(place)
        place -= 1
        walk.append(place)
    x, clean = normals(2, *SHAPE), None
    for k in range(1, len(walk)):
        now, later, n = walk[k - 1], walk[k], normals(2, *SHAPE, seed=100 + k)
        a1, s1 = grid[later] if later >= 0 else (1.0, 0.0)
        if later < now:
            a, s = grid[now]
            clean = bent(x, times[9 - now]).x0
            fixed = clean + operator.pinv(seen - operator(clean))
            x = a1 * fixed + s1 * (eta * n + math.sqrt(1 - eta**2) * (x - a * clean) / s)
        else:
            assert clean is not None
            x = a1 * clean + s1 * n
    method = DDNMShift(bent, VP, operator, seen, 0.0, eta=eta)
    found = travelled(
        method, times, normals(2, *SHAPE), lambda k: normals(2, *SHAPE, seed=100 + k), length,
        repeat,
    )  # fmt: skip
    assert len(walk) > 11 or repeat == 1
    torch.testing.assert_close(found, x, rtol=1e-9, atol=1e-9)


def test_noisy_ddnm_travels_in_the_coordinates_of_the_operator() -> None:
    """With one visit of each time it is `run`; with more it differs and stays finite."""
    operator, seen = average()
    method = DDNMPlus(bent, VP, operator, seen, 0.1)
    start, times = normals(2, *SHAPE), by_index(10)
    svd = operator.at(seen).svd()
    assert svd is not None

    def draw(k: int) -> Tensor:
        return svd.vh(normals(2, *SHAPE, seed=k))

    once = travelled(method, times, start, draw)
    torch.testing.assert_close(once, method.run(times, draw, start=start))
    twice = travelled(method, times, start, draw, 2, 2)
    assert bool(twice.isfinite().all()) and float((twice - once).abs().max()) > 1e-3


def test_the_code_of_noisy_ddnm_needs_the_order_of_its_pixels() -> None:
    operator, seen = average()
    with pytest.raises(InputError, match="needs layout"):
        OfficialDDNMPlus(bent, VP, operator, seen, 0.1)
