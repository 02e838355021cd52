"""Solvers: pure plans of linear steps, and the one loop that runs them.

`SOLVERS` is the one table from names (as presets and the command line write them) to classes;
`summary` says of each its order, whether it draws noise and how often it calls the network.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from undrift.common.errors import UsageError, nearest
from undrift.common.solvers.adams import Adams as Adams
from undrift.common.solvers.adams import ghvb as ghvb
from undrift.common.solvers.adams import ipndm as ipndm
from undrift.common.solvers.adams import plms as plms
from undrift.common.solvers.adams import pndm as pndm
from undrift.common.solvers.auto import Auto as Auto
from undrift.common.solvers.ddim import DDIM as DDIM
from undrift.common.solvers.ddim import ancestral as ancestral
from undrift.common.solvers.deis import deis as deis
from undrift.common.solvers.euler_maruyama import EulerMaruyama as EulerMaruyama
from undrift.common.solvers.exponential import Exponential as Exponential
from undrift.common.solvers.heun import Heun as Heun
from undrift.common.solvers.mrs import MRS as MRS
from undrift.common.solvers.mrs import VARIANTS as _MRS_VARIANTS
from undrift.common.solvers.plan import Solver as Solver
from undrift.common.solvers.plan import Step as Step
from undrift.common.solvers.plan import calls as calls
from undrift.common.solvers.singlestep import SingleStep as SingleStep
from undrift.common.solvers.unipc import UniPC as UniPC

SOLVERS: dict[str, Callable[[], Solver]] = {
    "auto": Auto,
    "auto-sde": lambda: Auto(eta=1.0),
    "ddim": DDIM,
    "ancestral": ancestral,
    "multistep-2": lambda: Exponential(2),
    "multistep-3": lambda: Exponential(3),
    "noise-multistep-2": lambda: Exponential(2, form="noise"),
    "noise-multistep-3": lambda: Exponential(3, form="noise"),
    "singlestep-2": SingleStep,
    "singlestep-3": lambda: SingleStep(3),
    "unipc-1": lambda: UniPC(1),
    "unipc-2": UniPC,
    "unipc-3": lambda: UniPC(3),
    "deis-2": deis,
    "deis-3": lambda: deis(3),
    "deis-4": lambda: deis(4),
    "rho-ab-2": lambda: deis(2, "rho"),
    "rho-ab-3": lambda: deis(3, "rho"),
    "angle-ab-2": lambda: deis(2, "angle", "data"),
    "angle-ab-3": lambda: deis(3, "angle", "data"),
    "plms": plms,
    "pndm": pndm,
    "ipndm": ipndm,
    "ghvb-1.8": ghvb,
    "ghvb-2.5": lambda: ghvb(2.5),
    "heun": Heun,
    "euler": lambda: EulerMaruyama(eta=0.0),
    "ddim-0.5": lambda: DDIM(0.5),
    "sde-1": lambda: Exponential(1, eta=1.0),
    "euler-ancestral": lambda: Exponential(1, eta=1.0),
    "sde-multistep-2": lambda: Exponential(2, eta=1.0),
    "sde-multistep-3": lambda: Exponential(3, eta=1.0),
    "edm-churn": lambda: Heun(churn=10.0),
    "euler-maruyama": EulerMaruyama,
    **{f"mrs-{variant}": functools.partial(MRS, variant) for variant in _MRS_VARIANTS},
}


def build_solver(
    name: str, sigma_d: float | None = None, options: Mapping[str, object] | None = None
) -> Solver:
    """Builds a solver by name; raises UsageError for an unknown one, with the nearest.

    sigma_d: the spread of x0 about the centre, for the solvers that use it. options: fields to set,
    lists as tuples; raises UsageError for a field that the solver does not have.
    """
    if name not in SOLVERS:
        known = ", ".join(SOLVERS)
        raise UsageError(f"solver {name!r} is not one of {known}{nearest(name, SOLVERS)}")
    solver = SOLVERS[name]()
    known_fields: dict[str, Any] = getattr(solver, "__dataclass_fields__", {})
    fields = [field for field, about in known_fields.items() if about.init]
    wanted = {k: tuple(v) if isinstance(v, list) else v for k, v in (options or {}).items()}
    for option in wanted:
        if option not in fields:
            raise UsageError(f"solver {name} has no option {option!r}{nearest(option, fields)}")
    if sigma_d is not None and "sigma_d" in fields:
        wanted.setdefault("sigma_d", sigma_d)
    return replace(cast(Any, solver), **wanted) if wanted else solver


@dataclass(frozen=True)
class Summary:
    """order: of convergence, weak for a noisy solver. noisy: draws noise. calls: text in n."""

    order: int
    noisy: bool
    calls: str


def summary(name: str) -> Summary:
    """What a solver costs and promises, found from its plans to a clean end, n = 20 steps or so."""
    from undrift.common.processes import VariancePreserving

    solver, process = build_solver(name), VariancePreserving()

    def plan(n: int) -> list[Step]:
        return solver.plan(process, [0.99 * (1 - i / n) for i in range(n + 1)])

    few, many = plan(20), plan(30)
    noisy = any(step.sigma > 0 for step in few)
    slope = (calls(many) - calls(few)) // 10
    rest = calls(few) - 20 * slope
    text = "n" if slope == 1 else f"{slope} n"
    if rest:
        text += f" {'+' if rest > 0 else '-'} {abs(rest)}"
    # Past values along a noisy path carry the noise of the path: the weak order ends at 2.
    return Summary(min(solver.order, 2) if noisy else solver.order, noisy, text)
