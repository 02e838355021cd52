"""The samplers of speech enhancement on the exact problems: SGMSE+, StoRM, BBED, SB-VE.

Implementations of this package, checked against the official code by tests/parity. A corrector
costs a call, so that n calls are n/2 steps with one and n steps without.
"""

import functools

from torch import Tensor

from undrift.common.papers.exact_problems import Trial
from undrift.common.papers.published_rivals import Rivals, on_grid, ours, walked
from undrift.common.processes import BBED, OUVE, Process, SchroedingerBridge
from undrift.common.solvers import DDIM
from undrift.common.solvers.corrector import PredictorCorrector

LAST = 0.03  # their t_eps; the last step goes from here to the clean end


def ornstein_uhlenbeck() -> Rivals:
    """SGMSE+ with its two correctors, without any, and StoRM's steps of one length."""
    process = OUVE()
    yield from ours(process)
    for label, corrector in (("PC, ald", "ald"), ("PC, langevin", "langevin"), ("P", "none")):
        yield f"SGMSE+ {label}", functools.partial(_sampled, process, 1.0, corrector, False)
    yield "StoRM PC, ald", functools.partial(_sampled, process, 1.0, "ald", True)
    yield "StoRM P", functools.partial(_sampled, process, 1.0, "none", True)
    yield "DDIM, uniform t", on_grid(process, DDIM(), "uniform")


def exponential_bridge() -> Rivals:
    """BBED from the end and from the middle of the process, where its paper starts."""
    process = BBED()
    yield from ours(process)
    for top in (0.999, 0.5):
        run = functools.partial(_sampled, process, top, "ald", False)
        yield f"BBED PC, ald, from t = {top}", run


def paired_bridge() -> Rivals:
    """SB-VE's sampler of the SDE, and of the ODE, which begins at y without noise."""
    process = SchroedingerBridge()
    yield from ours(process)
    for label, eta in (("SDE", 1.0), ("ODE", 0.0)):
        yield f"SB-VE {label}", on_grid(process, DDIM(eta), "uniform", quiet=eta == 0)


def _sampled(
    process: Process, top: float, corrector: str, fixed: bool, n: int, trial: Trial
) -> Tensor:
    steps = n if corrector == "none" else n // 2
    if steps < 1:
        raise ValueError("a step with a corrector takes two calls")
    stride = (top - LAST) / max(steps - 1, 1)
    times = [top - i * stride for i in range(steps)]
    solver = PredictorCorrector(corrector, fixed_step=1 / steps if fixed else None)
    return walked(process, solver, [*times, 0.0], trial)
