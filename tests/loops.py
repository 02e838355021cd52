"""Sampling loops around a network that does nothing: ours, diffusers' and deepinv's."""

import warnings
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from cost import Prepare, Run, Timed
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Scaling
from undrift.common.grids import build_grid
from undrift.common.processes import build_process
from undrift.common.solvers import Step, build_solver
from undrift.common.solvers.loop import run_plan
from undrift.common.training.recipes import read_recipe

CALLS = 5
SIDE = 256
Shape = Sequence[int]
# The first of each pair is our solver of the same order, cost and noise.
SCHEDULERS = {
    "DDIMScheduler": "ddim",
    "DDPMScheduler": "ancestral",
    "DPMSolverMultistepScheduler": "multistep-2",
    "UniPCMultistepScheduler": "unipc-2",
    "EulerDiscreteScheduler": "ddim",
    "HeunDiscreteScheduler": "heun",
    "PNDMScheduler": "plms",
    "DEISMultistepScheduler": "deis-2",
    "FlowMatchEulerDiscreteScheduler": "ddim",
}


class Nothing(nn.Module):
    """A network that costs nothing, whatever it is told."""

    def forward(self, x: Tensor, *told: object, **more: object) -> Tensor:
        return x


def plan(denoiser: Denoiser, solver: str) -> list[Step]:
    """Five steps of a solver."""
    times = build_grid("angle", denoiser.process, CALLS, denoiser.scaling.sigma_d)
    return build_solver(solver).plan(denoiser.process, times)


def ours(solver: str, shape: Shape, process: str = "variance-preserving", device: str = "cpu"):
    """Five steps of our loop with our denoiser."""
    prediction = "velocity" if process == "flow" else "eps"
    scaling = Scaling(1.0, centre=0.0)
    denoiser = Denoiser(Nothing(), build_process(process, {}), prediction, scaling)
    steps, x = plan(denoiser, solver), torch.randn(*shape, device=device)

    def draw(number: int) -> Tensor:
        return torch.randn(*shape, device=device)

    return lambda: lambda: run_plan(denoiser, x, steps, draw=draw)


def theirs(scheduler: str, shape: Shape, device: str = "cpu") -> Prepare:
    """Five steps of the loop of diffusers' documentation."""
    import diffusers

    made = getattr(diffusers, scheduler)()
    network, x = Nothing(), torch.randn(*shape, device=device)
    scales = hasattr(made, "scale_model_input")

    def prepare() -> Run:
        made.set_timesteps(CALLS, device=device)  # also forgets the run before
        return run

    def run() -> Tensor:
        state = x
        for t in made.timesteps:
            inputs = made.scale_model_input(state, t) if scales else state
            state = made.step(network(inputs, t), t, state).prev_sample
        return state

    return prepare


def deepinv_loops(shape: Shape, device: str = "cpu") -> dict[str, Prepare]:
    """Five steps by each of deepinv's solvers, on its variance preserving path and on its flow."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampling = pytest.importorskip("deepinv.sampling")
    common: dict[str, Any] = {"denoiser": Nothing(), "dtype": torch.float32, "device": device}
    paths = {"vp": sampling.VariancePreservingDiffusion, "flow": sampling.FlowMatching}
    kinds = ("EulerSolver", "HeunSolver", "DDIMSolver", "DDPMSolver")
    times, x = torch.linspace(0.99, 0.01, CALLS + 1), torch.randn(*shape, device=device)

    def loop(path: str, kind: str) -> Prepare:
        generator = torch.Generator(device).manual_seed(0)
        solver = getattr(sampling, kind)(timesteps=times, rng=generator)
        sde = paths[path](solver=solver, **common)
        return lambda: lambda: solver.sample(sde, x)

    return {f"{kind} on {path}": loop(path, kind) for path in paths for kind in kinds}


def every(shape: Shape, device: str = "cpu") -> dict[str, Prepare]:
    """Each of diffusers' common schedulers."""
    return {name: theirs(name, shape, device) for name in SCHEDULERS}


def default_model() -> tuple[Run, Timed]:
    """A run of five calls with the default super-resolver, and its network."""
    recipe = read_recipe("leaves-sr")
    torch.manual_seed(0)
    denoiser = recipe.settings({}).build().eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    denoiser.network = Timed(denoiser.network)
    steps = plan(denoiser, "ddim")
    y, level = torch.rand(1, 3, SIDE, SIDE), torch.tensor([[1.0]])
    return lambda: run_plan(denoiser, y, steps, y=y, level=level), denoiser.network
