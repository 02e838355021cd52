"""Grids: descending, clean at the end, and equal steps in what their names say."""

import itertools
import math

import pytest
import torch
from oracles import EVERY, abs_at, number

from undrift.common.errors import InputError, UsageError
from undrift.common.grids import (
    GRIDS,
    build_grid,
    by_angle,
    by_log_snr,
    default_grid,
    karras,
    quadratic,
    time_of_ratio,
    uniform,
    warped,
)
from undrift.common.processes import ColdDiffusion, Process
from undrift.common.processes.process import angle, log_snr

SIGMA_D = 0.3


@pytest.fixture(params=EVERY)
def process(request: pytest.FixtureRequest) -> Process:
    return EVERY[request.param]


@pytest.mark.parametrize("name", ["auto", *GRIDS])
@pytest.mark.parametrize("start", [1.0, 0.6])
def test_every_grid_descends_from_its_start_to_a_clean_end(
    name: str, start: float, process: Process
) -> None:
    for n in (1, 2, 3, 10):
        grid = build_grid(name, process, n, SIGMA_D, start)
        assert len(grid) == n + 1
        assert (grid[0], grid[-1]) == (start, 0.0)
        assert all(late > early for late, early in itertools.pairwise(grid))


def spacing(values: torch.Tensor) -> torch.Tensor:
    steps = values[1:] - values[:-1]
    return (steps - steps.mean()).abs().max() / steps.abs().max()


def test_steps_are_equal_in_what_the_name_says(process: Process) -> None:
    n, start = 7, 0.9
    times = {f: torch.tensor(f(process, n, SIGMA_D, start), dtype=torch.float64)
             for f in (uniform, quadratic, by_angle, by_log_snr, karras)}  # fmt: skip
    assert spacing(times[uniform]) < 1e-12
    assert spacing(times[quadratic].sqrt()) < 1e-12
    assert spacing(angle(process, times[by_angle], SIGMA_D)) < 1e-9
    assert spacing(log_snr(process, times[by_log_snr][:-1])) < 1e-9
    ratios = torch.exp(-log_snr(process, times[karras][:-1]))
    assert spacing(ratios ** (1 / 7)) < 1e-9
    for name in (by_log_snr, karras):  # the last noisy node is at s/a = .1 sigma_d
        ratio = -float(log_snr(process, times[name][-2]))
        assert ratio == pytest.approx(math.log(0.1 * SIGMA_D), abs=1e-9)


def test_an_infinite_start_is_replaced_for_the_nodes_after_it() -> None:
    times = torch.tensor(by_log_snr(EVERY["flow"], 5, SIGMA_D), dtype=torch.float64)
    ratios = torch.exp(-log_snr(EVERY["flow"], times[1:-1]))
    expected = 20 * SIGMA_D * (0.1 / 20) ** (torch.arange(1, 5, dtype=torch.float64) / 4)
    torch.testing.assert_close(ratios, expected)


def test_the_default_is_the_angle_and_for_higher_orders_the_warped_one(process: Process) -> None:
    for n in (2, 7, 30):
        assert default_grid(process, n, SIGMA_D, order=1) == by_angle(process, n, SIGMA_D)
        assert default_grid(process, n, SIGMA_D, order=2) == warped(process, n, SIGMA_D)
        assert build_grid("auto", process, n, SIGMA_D, order=2) == warped(process, n, SIGMA_D)


def test_the_warped_grid_is_uniform_in_its_angle(process: Process) -> None:
    for n, start in ((2, 1.0), (5, 1.0), (9, 0.4)):
        times = torch.tensor(warped(process, n, SIGMA_D, start), dtype=torch.float64)
        ratio = torch.exp(-log_snr(process, times)) / ((0.5 + 1.4 / n) * SIGMA_D)
        assert spacing(torch.atan(ratio ** (1 / 1.2))) < 1e-8


def test_a_cold_process_has_no_noise_to_warp() -> None:
    cold = ColdDiffusion()
    assert warped(cold, 6, SIGMA_D) == by_angle(cold, 6, SIGMA_D)


def test_the_time_of_a_noise_level(process: Process) -> None:
    a, _, s = abs_at(process, time_of_ratio(process, 0.07, SIGMA_D))
    assert s / a == pytest.approx(0.07, rel=1e-10)
    assert time_of_ratio(process, 0.0, SIGMA_D) == 0.0
    assert math.isfinite(float(log_snr(process, number(0.5))))


def test_misuse_is_told() -> None:
    with pytest.raises(UsageError, match="did you mean 'karras'"):
        build_grid("karas", EVERY["flow"], 3, SIGMA_D)
    with pytest.raises(UsageError, match="at least one step, got 0"):
        uniform(EVERY["flow"], 0, SIGMA_D)
    with pytest.raises(InputError, match="outside this process"):
        time_of_ratio(EVERY["IR-SDE"], 1e3, SIGMA_D)
