"""Nodes placed for a problem, and solvers searched for it: never worse, and better than chance."""

import itertools
from dataclasses import replace
from functools import partial

import pytest

from undrift.common.errors import UsageError
from undrift.common.exact import sharp
from undrift.common.papers.exact_problems import Trial, distance
from undrift.common.papers.exact_problems import problems as exact_problems
from undrift.common.placement import Calibration, place
from undrift.common.processes import BrownianBridge, Flow, Process, VariancePreserving
from undrift.common.processes.process import start
from undrift.common.solvers import DDIM, build_solver
from undrift.common.solvers.search import search
from undrift.common.weights.settings import Preset


def batch(process: Process, seed: int = 0, count: int = 64) -> Calibration:
    problem = exact_problems()["sharp"]
    trial = Trial(problem, count, seed)
    x = start(process, trial.y, trial.draw(0))
    fixed = {k: trial.draw(k) for k in range(1, 9)}
    return Calibration(
        trial.denoiser(process), process, x, problem.sigma_d, trial.y, draw=fixed.__getitem__
    )


@pytest.mark.parametrize("process", [VariancePreserving(), BrownianBridge(), Flow()])
def test_placed_nodes_are_a_grid_and_come_nearer_also_on_fresh_samples(process: Process) -> None:
    calibration, n = batch(process), 4
    found = place(calibration, n)
    assert len(found.times) == n + 1
    assert (found.times[0], found.times[-1]) == (1.0, 0.0)
    assert all(late > early for late, early in itertools.pairwise(found.times))
    assert found.after < 0.8 * found.before
    fresh, auto = batch(process, 5, 2048), build_solver("auto", calibration.sigma_d)
    before, after = (distance(fresh.run(auto, times), sharp())
                     for times in (fresh.grid(auto, n), found.times))  # fmt: skip
    assert after < before


def test_the_best_node_of_two_is_found_as_by_exhaustion() -> None:
    """DDIM with one inner node: the search ends within the error of a fine scan."""
    calibration, solver = batch(VariancePreserving()), DDIM()
    wanted = calibration.reference()

    def error(times: tuple[float, ...]) -> float:
        return float((calibration.run(solver, times) - wanted).square().mean().sqrt())

    scan = min(error((1.0, k / 60, 0.0)) for k in range(1, 60))
    assert place(calibration, 2, solver).after < 1.05 * scan


def test_one_call_has_nothing_to_place() -> None:
    found = place(batch(Flow()), 1)
    assert found.times == (1.0, 0.0)
    assert found.before == found.after
    with pytest.raises(UsageError, match="at least one step"):
        place(batch(Flow()), 0)


def test_a_solver_that_is_searched_is_a_preset_and_better() -> None:
    calibration = batch(VariancePreserving())
    found = search(calibration, 4, restarts=1)
    assert found.error < found.default
    preset = Preset.model_validate_json(Preset(**found.preset).model_dump_json())
    assert preset.times is not None
    solver = build_solver(preset.solver, 99.0, preset.options)
    again = calibration.run(solver, preset.times)
    gap = float((again - calibration.reference()).square().mean().sqrt())
    assert gap == pytest.approx(found.error, rel=1e-9)
    assert len(preset.times) == preset.steps + 1 == 5


def test_a_search_repeats_itself_and_asks_another_distance() -> None:
    calibration = batch(Flow(), count=16)
    found = [search(calibration, 2, restarts=1, seed=3).preset for _ in range(2)]
    assert found[0] == found[1]
    noisy = search(
        calibration, 3, distance=partial(distance, mixture=sharp()), etas=(0.0, 0.5), restarts=0
    )
    assert noisy.error <= noisy.default + 1e-9
    assert replace(noisy, tried=0).preset["steps"] == 3
