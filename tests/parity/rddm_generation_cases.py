"""RDDM for generation: the two-loop sampler, the converted DDIM and the families of increments."""

import functools
from collections.abc import Iterator

import torch
from parity.case import Case, load, relative, states, tensor, worst
from parity.rddm_cases import schedule
from parity.standins import first_net, second_net
from torch import Tensor

from undrift.common.external import External
from undrift.common.processes import RDDM
from undrift.common.processes.rddm import ddim, gen_coefficients, skipped
from undrift.common.processes.variance_preserving import discrete
from undrift.common.solvers import DDIM
from undrift.common.solvers.two_clocks import Place, run_legs, two_loops

SOURCE = "RDDM e597481"
FIRST, SECOND = "rddm_exp0_generation", "rddm_exp1_ddim_to_rddm"
FAMILIES = ("increased", "decreased", "average", "normal")
BETAS = [1e-4 + (2e-2 - 1e-4) * i / 999 for i in range(1000)]
UNREAD = {FIRST: {name: "the runs are unconditional" for name in ("x0", "y", "eps")}}


def _converted() -> float:
    return schedule(FIRST, "exp0.convert_ddim_linear", ddim())


@functools.cache
def _two_loops() -> list[Tensor]:
    """The state starts as noise, y is 0, and the network is told both clocks."""
    noise, process = tensor(load(FIRST)["noise"]), ddim()
    y = torch.zeros_like(noise[0])

    def heads(x: Tensor, y: Tensor | None, place: Place) -> tuple[Tensor, Tensor]:
        return first_net(x, y, place[0]).clamp(-1, 1), second_net(x, y, place[1])

    found: list[Tensor] = []
    plan = two_loops(process, skipped(10))
    run_legs(heads, noise[0], plan, y=y, watch=lambda number, x: found.append((x + 1) / 2))
    return found


def _two_loops_error(kind: str) -> float:
    return worst(_two_loops(), load(FIRST)[f"exp0.two_loop.S10.traj01.{kind}"])


def _family(law: str, ratio: str) -> float:
    ours = torch.tensor(gen_coefficients(law, 10, float(ratio)), dtype=torch.float64)
    return relative(ours, load(FIRST)[f"exp0.gen_coefficients.{law}.ratio{ratio}.T10"])


def _exchanged() -> float:
    """Exp. 1: their clocks beside the DDPM table they are made from, and the adjusted one."""
    data, adjusted = load(SECOND), RDDM(residual="decreased", residual_ratio=0.3, noise="ddim")
    t = torch.arange(1, 1001, dtype=torch.float64) / 1000
    return max(
        relative((1 - ddim().residual_clock(t)) ** 2, data["alphas_cumprod"]),
        relative(ddim().residual_clock(t), data["alphas_cumsum_res"]),
        relative(ddim().noise_clock(t), data["betas_cumsum_res"]),
        relative(adjusted.residual_clock(t), data["adjusted_alphas_cumsum_res.decreased.ratio0.3"]),
    )


@functools.cache
def _ddim_run(eta: float) -> list[Tensor]:
    data, process = load(SECOND), discrete(BETAS)
    noise, indices = tensor(data["noise"]), data["timesteps"]
    times = [*((indices + 1) / 1000).tolist(), 0.0]

    def network(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        return second_net(x, y, (round(t * 1000) - 1) / 1000)

    denoise = External(network, process, "eps")
    return states(denoise, process, DDIM(eta), times, noise[0], None, noise[1:])[0][1:]


def _ddim_error(eta: float, name: str) -> float:
    """`step_res` is DDIM written with a residual: the same states."""
    return worst(_ddim_run(eta), load(SECOND)[f"eta{eta}.{name}.traj.f64"])


def cases() -> Iterator[Case]:
    """All cases of this file."""

    def case(name: str, function: str, tolerance: float, error: functools.partial[float]) -> Case:
        return Case(f"RDDM {name}", f"{SOURCE} {function}", tolerance, error, "rddm")

    yield case("converted DDIM clocks", "__init__", 1e-9, functools.partial(_converted))
    for kind, tolerance in (("f64", 1e-9), ("f32", 2e-5)):
        error = functools.partial(_two_loops_error, kind)
        yield case(f"two loops, 10 steps {kind}", "ddim_sample", tolerance, error)
    for law in FAMILIES:
        for ratio in ("0.3", "1", "2"):
            error = functools.partial(_family, law, ratio)
            yield case(f"{law} increments, ratio {ratio}", "gen_coefficients", 2e-5, error)
    yield case("clocks of exp. 1", "set_config_res", 1e-9, functools.partial(_exchanged))
    for eta in (0.0, 0.5, 1.0):
        for name in ("step_ddim", "step_res"):
            error = functools.partial(_ddim_error, eta, name)
            yield case(f"DDIM eta {eta} as {name}", name, 1e-9, error)
