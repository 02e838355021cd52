"""The loop never waits for the device: no value of a state, an estimate or y is read on the host.

Tensors on the device "meta" have no values, so reading one, or moving one to the host, fails; the
whole loop runs on them. On a GPU torch itself raises at every call that would wait.
"""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from loops import Nothing
from tiny_pipelines import unet
from torch import Tensor

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.diffusers_bridge.denoiser import PipelineDenoiser
from undrift.common.diffusers_bridge.scheduler import UndriftScheduler
from undrift.common.grids import build_grid
from undrift.common.processes import Process, build_process
from undrift.common.solvers import SOLVERS, build_solver
from undrift.common.solvers.loop import run_plan

SHAPE = (2, 3, 8, 8)
FEW = ["ddim", "multistep-2", "sde-multistep-2", "unipc-2", "heun"]
Maker = Callable[[str], tuple[Any, Process]]


def restorer(device: str) -> tuple[Any, Process]:
    process = build_process("residual-shift", {})
    network = torch.nn.Conv2d(6, 3, 3, padding=1).to(device)

    def call(inputs: Tensor, psi: Tensor, level: Tensor | None) -> Tensor:
        return network(inputs) + psi[:, None, None, None]

    holder = Nothing()
    holder.forward = call  # type: ignore[method-assign]
    return Denoiser(holder, process, "balanced", Scaling(0.25)), process


def prior(device: str) -> tuple[Any, Process]:
    process = build_process("variance-preserving", {})
    return Denoiser(Nothing(), process, "eps", Scaling(1.0, centre=0.5)), process


def pipeline(device: str) -> tuple[Any, Process]:
    schedule = UndriftScheduler(num_train_timesteps=100).schedule
    return PipelineDenoiser(unet().to(device), schedule), schedule.process


def prepared(make: Maker, solver: str, device: str) -> Callable[[], Tensor]:
    """A run of three steps, its weights and inputs already on the device."""
    denoise, process = make(device)
    rule = build_solver(solver)
    steps = rule.plan(process, build_grid("uniform", process, 3, 1.0))
    x = torch.randn(SHAPE, device=device)
    y = torch.randn(SHAPE, device=device) if process.needs_degraded else None

    def run() -> Tensor:
        with torch.no_grad():
            return run_plan(denoise, x, steps, y=y, draw=lambda number: torch.randn_like(x))

    return run


@pytest.mark.parametrize("make", [restorer, prior])
@pytest.mark.parametrize("solver", SOLVERS)
def test_no_value_is_read_on_the_way(make: Maker, solver: str) -> None:
    assert prepared(make, solver, "meta")().shape == SHAPE


@pytest.mark.parametrize("solver", FEW)
def test_nor_by_a_network_of_diffusers(solver: str) -> None:
    assert prepared(pipeline, solver, "meta")().shape == SHAPE


def test_reading_a_value_would_be_noticed() -> None:
    def curious(device: str) -> tuple[Any, Process]:
        denoise, process = prior(device)
        return (lambda *given: denoise(*given) if given[0].max() < 9 else None), process

    with pytest.raises(RuntimeError, match="meta"):
        prepared(curious, "ddim", "meta")()


@pytest.mark.gpu
@pytest.mark.parametrize("make", [restorer, prior, pipeline])
@pytest.mark.parametrize("solver", FEW)
def test_nothing_waits_on_a_gpu(make: Maker, solver: str) -> None:
    run = prepared(make, solver, "cuda")
    run()  # libraries load and tune themselves at the first call
    torch.cuda.set_sync_debug_mode("error")
    try:
        run()
    finally:
        torch.cuda.set_sync_debug_mode("default")
