"""UndriftScheduler carries out any plan, begins anywhere, survives a folder, explains errors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers_steps import SCALED, X, gap, network
from tiny_pipelines import diffusers
from torch import Tensor

from undrift.common.diffusers_bridge.scheduler import UndriftScheduler
from undrift.common.errors import InputError, UsageError
from undrift.common.external import External
from undrift.common.grids import build_grid
from undrift.common.processes import PROCESSES
from undrift.common.processes.process import start
from undrift.common.solvers import SOLVERS, Exponential, build_solver
from undrift.common.solvers.loop import run_plan


def our_loop(scheduler: UndriftScheduler, solver: str, y: Tensor, count: int) -> Tensor:
    """The same by our own loop and denoiser."""
    process, schedule = scheduler.process, scheduler.schedule
    times = build_grid("auto", process, count, 1.0, order=build_solver(solver).order)
    steps = build_solver(solver).plan(process, times)

    def told(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        return network(x, schedule.timestep(t))

    generator = torch.Generator().manual_seed(0)

    def draw(number: int) -> Tensor:
        return torch.randn(X.shape, generator=generator, dtype=torch.float64)

    denoise = External(told, process, schedule.prediction)
    given = y if process.needs_degraded else None
    return run_plan(denoise, start(process, given, X.double()), steps, y=given, draw=draw)


@pytest.mark.parametrize("process", PROCESSES)
@pytest.mark.parametrize("solver", ["multistep-2", "ancestral", "heun"])
def test_any_process_equals_our_own_loop(process: str, solver: str) -> None:
    y = torch.tanh(X.flip(-1)).double()
    scheduler = UndriftScheduler(
        process=process, prediction_type="x0", timestep_type="time", solver=solver
    ).set_degraded(y)
    scheduler.set_timesteps(6)
    generator = torch.Generator().manual_seed(0)
    x = scheduler.start(X.double())
    for t in scheduler.timesteps:
        output = network(x, scheduler.schedule.timestep(scheduler.schedule.time(float(t))))
        x = scheduler.step(output, t, x, generator=generator).prev_sample
    assert gap(our_loop(scheduler, solver, y, 6), x) < 1e-5


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_ends_at_the_estimate(solver: str) -> None:
    scheduler = UndriftScheduler(
        process="variance-preserving", solver=solver, prediction_type="sample"
    )
    for count in (1, 3):
        scheduler.set_timesteps(count)
        x = X
        for t in scheduler.timesteps:
            x = scheduler.step(torch.tanh(X), t, x).prev_sample
        assert torch.allclose(x, torch.tanh(X), atol=1e-4)


def test_a_configuration_survives_a_folder(tmp_path: Path) -> None:
    ours = UndriftScheduler(
        process="residual-shift", process_params={"kappa": 1.5}, solver="sde-multistep-2",
        prediction_type="x0", timestep_type="time", sigma_d=0.4,
    )  # fmt: skip
    ours.save_pretrained(tmp_path)
    again: Any = UndriftScheduler.from_pretrained(tmp_path)
    hidden = {"_use_default_values"}
    assert again.schedule == ours.schedule
    assert {**again.config} == {k: v for k, v in ours.config.items() if k not in hidden}
    assert again.solver == ours.solver


@pytest.mark.parametrize("prediction", ["epsilon", "sample", "v_prediction", "resnoise"])
def test_the_target_gives_back_the_sample(prediction: str) -> None:
    y = torch.tanh(X.flip(-1))
    scheduler = UndriftScheduler(
        process="mean-reverting", prediction_type=prediction, timestep_type="time"
    ).set_degraded(y)
    scheduler.set_timesteps(4)
    noise = X.flip(0)
    for t in scheduler.timesteps:
        x = scheduler.add_noise(X, noise, t.expand(2))
        output = scheduler.training_target(X, noise, t.expand(2))
        place = scheduler.timesteps.tolist().index(float(t))
        parts = scheduler.schedule.to_clean(scheduler._calls.times[place])
        assert gap(X, scheduler.schedule.clean(parts, output, x, y)) < 1e-3


def test_a_run_may_begin_later() -> None:
    scheduler = UndriftScheduler(**SCALED)
    scheduler.set_timesteps(6)
    timesteps = scheduler.timesteps
    scheduler.set_begin_index(2)
    x = scheduler.add_noise(X, X.flip(0), timesteps[2:3])
    assert (scheduler.begin_index, scheduler.step_index) == (2, None)
    found = x
    for t in timesteps[2:]:
        found = scheduler.step(network(found, float(t)), t, found).prev_sample
    assert scheduler.step_index == 6
    schedule = scheduler.schedule
    times = [*map(schedule.time, timesteps[2:].tolist()), 0.0]
    denoise = External(lambda x, y, t: network(x, schedule.timestep(t)), scheduler.process, "eps")
    expected = run_plan(denoise, x, Exponential(2).plan(scheduler.process, times))
    assert gap(expected, found) < 1e-4


def test_the_first_call_is_found_by_its_timestep() -> None:
    scheduler = UndriftScheduler(**SCALED)
    scheduler.set_timesteps(6)
    scheduler.step(X, scheduler.timesteps[4], X)
    assert (scheduler.begin_index, scheduler.step_index) == (4, 5)


def test_whole_steps_only() -> None:
    scheduler = UndriftScheduler(snap_timesteps=True, **SCALED)
    scheduler.set_timesteps(9)
    assert scheduler.timesteps.dtype == torch.int64 and int(scheduler.timesteps[0]) == 999
    few = UndriftScheduler(4, snap_timesteps=True)
    few.set_timesteps(20)
    assert few.timesteps.tolist() == [3, 2, 1, 0]


def test_half_precision_keeps_its_type() -> None:
    scheduler = UndriftScheduler(**SCALED)
    scheduler.set_timesteps(3)
    x = X.to(torch.bfloat16)
    result = scheduler.step(x, scheduler.timesteps[0], x)
    assert result.prev_sample.dtype == torch.bfloat16


def steps(scheduler: UndriftScheduler, count: int, **more: Any) -> None:
    scheduler.set_timesteps(count)
    for _ in range(count + 1):
        scheduler.step(X, scheduler.timesteps[0], X, **more)


def begin(scheduler: UndriftScheduler, count: int, place: int) -> None:
    scheduler.set_timesteps(count)
    scheduler.set_begin_index(place)


@pytest.mark.parametrize(
    ("settings", "call", "says"),
    [
        ({"solver": "ancestrel"}, None, "did you mean 'ancestral'"),
        ({"prediction_type": "epsilom"}, None, "did you mean 'epsilon'"),
        ({"beta_schedule": "linea"}, None, "did you mean 'linear'"),
        ({"process": "flows"}, None, "did you mean 'flow'"),
        ({"timestep_type": "steps"}, None, "index, time, edm, sigma"),
        ({}, lambda s: s.step(X, 999, X), "set_timesteps"),
        ({}, lambda s: s.set_timesteps(), "a number of steps"),
        ({}, lambda s: s.set_timesteps(timesteps=[1000]), "outside 0 .. 999"),
        ({}, lambda s: steps(s, 2), "this run is over"),
        ({}, lambda s: steps(s, 2, eta=1.0), "solver='ancestral'"),
        ({"process": "brownian-bridge"}, lambda s: s.start(X), "set_degraded"),
        ({"process": "brownian-bridge", "prediction_type": "x0"}, lambda s: steps(s, 2), "y"),
        ({"solver": "multistep-3"}, lambda s: begin(s, 20, 5), "cannot begin at call 5"),
    ],
)  # fmt: skip
def test_errors_say_what_to_do(
    settings: dict[str, Any], call: Callable[[UndriftScheduler], object] | None, says: str
) -> None:
    with pytest.raises((InputError, UsageError), match=says):
        scheduler = UndriftScheduler(**settings)
        if call is not None:
            call(scheduler)


@pytest.mark.parametrize(
    "theirs",
    [diffusers.LCMScheduler(), diffusers.DDIMScheduler(thresholding=True),
     diffusers.CMStochasticIterativeScheduler()],
)  # fmt: skip
def test_schedulers_that_cannot_be_replaced_are_refused(theirs: Any) -> None:
    with pytest.raises(InputError):
        UndriftScheduler.from_config(theirs.config)
