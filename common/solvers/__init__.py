"""Solvers: pure plans of linear steps, and the one loop that runs them.

`SOLVERS` is the one table from names (as presets and the command line write them) to classes.
"""

from collections.abc import Callable

from undrift.common.errors import UsageError, nearest
from undrift.common.solvers.ddim import DDIM as DDIM
from undrift.common.solvers.ddim import ancestral as ancestral
from undrift.common.solvers.euler_maruyama import EulerMaruyama as EulerMaruyama
from undrift.common.solvers.exponential import Exponential as Exponential
from undrift.common.solvers.heun import Heun as Heun
from undrift.common.solvers.plan import Solver as Solver
from undrift.common.solvers.plan import Step as Step

SOLVERS: dict[str, Callable[[], Solver]] = {
    "ddim": DDIM,
    "ancestral": ancestral,
    "multistep-2": lambda: Exponential(2),
    "multistep-3": lambda: Exponential(3),
    "sde-1": lambda: Exponential(1, eta=1.0),
    "sde-multistep-2": lambda: Exponential(2, eta=1.0),
    "heun": Heun,
    "euler": lambda: EulerMaruyama(eta=0.0),
    "euler-maruyama": EulerMaruyama,
}


def build_solver(name: str) -> Solver:
    """Builds a solver by name; raises UsageError for an unknown one, with the nearest."""
    if name not in SOLVERS:
        known = ", ".join(SOLVERS)
        raise UsageError(f"solver {name!r} is not one of {known}{nearest(name, SOLVERS)}")
    return SOLVERS[name]()
