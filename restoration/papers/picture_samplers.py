"""How papers on picture restoration sample: times, start and steps as their programs have them."""

from collections.abc import Callable

from torch import Tensor

from undrift.common.external import External, Outside
from undrift.common.processes import RDDM
from undrift.common.processes import rddm as clocks
from undrift.common.processes.process import Process, start
from undrift.common.residual_heads import ResidualHeads
from undrift.common.solvers import DDIM, EulerMaruyama, Solver, ancestral
from undrift.common.solvers.loop import run_plan

Draw = Callable[[int], Tensor]


def whole_chain(
    network: Outside, process: Process, steps: int, prediction: str, y: Tensor, draw: Draw,
    solver: Solver | None = None,
) -> Tensor:  # fmt: skip
    """All integer steps from y and noise: ResShift and Resfusion by the posterior of the chain."""
    times = [(steps - k) / steps for k in range(steps)] + [0.0]
    plan = (solver or ancestral()).plan(process, times)
    denoise = External(network, process, prediction)
    return run_plan(denoise, start(process, y, draw(0)), plan, y=y, draw=draw)


def ir_sde(network: Outside, process: Process, y: Tensor, draw: Draw) -> Tensor:
    """The hundred Euler steps of IR-SDE's `reverse_sde`, whose bias its loss has trained away."""
    return whole_chain(network, process, 100, "eps", y, draw, EulerMaruyama(denoise_last=False))


def rddm(
    network: Outside, process: RDDM, y: Tensor, draw: Draw, calls: int = 5, clip: float | None = 1.0
) -> Tensor:
    """RDDM's deterministic sampler with two heads.

    clip: bound of residual and x0; at 1, as published, residuals that reach up to 2 are cut.
    """
    times = clocks.skipped(calls, process.steps)
    heads = ResidualHeads(network, process, "pred_res_noise", clip=clip, direct=times[-2])
    begin = clocks.start(process, y, draw(0))
    return run_plan(heads, begin, DDIM().plan(process, times), y=y, draw=draw)
