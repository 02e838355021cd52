"""The posterior samplers by name: how each is built and run, what it needs, and what it costs.

Conditional denoisers run under any solver and grid; the others have a law of their own. Names that
end in -official repeat the authors' code, step sizes and all. `about` and the class attributes
`operators`, `derivative` and `price` are what `undrift solve --list-methods` shows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from torch import Tensor

from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.operators.linear import LinearOperator
from undrift.common.posterior import crowds, running
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.daps import DAPS
from undrift.common.posterior.ddnm import DDNMPlus, DDNMShift
from undrift.common.posterior.ddrm import DDRM
from undrift.common.posterior.dpg import DPG
from undrift.common.posterior.dps_shift import DPSShift
from undrift.common.posterior.enkg import EnKG, EnsembleMatching
from undrift.common.posterior.flowchef import FlowChef
from undrift.common.posterior.gdp import GDP
from undrift.common.posterior.gradient import DPS
from undrift.common.posterior.half_quadratic import TOP, WEIGHT
from undrift.common.posterior.jfps import JFPS
from undrift.common.posterior.lgd import LGD, LGDShift
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.posterior.pigdm import PiGDM
from undrift.common.posterior.pigdm_shift import PiGDMShift
from undrift.common.posterior.problem import Problem
from undrift.common.posterior.proximal import DDNM, DiffPIR, ScaledDDNM
from undrift.common.posterior.psld import PSLD
from undrift.common.posterior.red_diff import RedDiff
from undrift.common.posterior.running import Run
from undrift.common.posterior.scg import SCG
from undrift.common.posterior.smc import TwistedSMC
from undrift.common.posterior.split_gibbs import SplitGibbs
from undrift.common.posterior.stationary import Stationary
from undrift.common.posterior.stsl import STSL
from undrift.common.posterior.tmpd import TMPD

Counts = Callable[[Mapping[str, Any]], int]


@dataclass(frozen=True)
class Method:
    """kind: the class. run: how it makes one sample, (1, c, *space). options: preset fields of the
    class; extra: arguments of `run` with their defaults.

    steps, solver, grid: defaults; any_solver: whether others can be asked for. calls: of the
    network in a step, forward and backward, for given options. official: repeats published code.
    temperature: of the noise of the default solver where one value is asked for: below 1 it is
    nearer to the posterior mean than a sample is. several: the solver for several samples, whose
    spread has to be right; empty: the same.
    """

    about: str
    kind: type[Conditional]
    run: Callable[..., Tensor] = running.conditional
    steps: int = 20
    solver: str = "multistep-2"
    grid: str = "log-snr"
    any_solver: bool = True
    calls: Counts = lambda options: 1
    official: bool = False
    temperature: float = 1.0
    several: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    def check(self, name: str, problem: Problem) -> None:
        """Raises InputError where the operator or the noise is not for this method."""
        if self.kind.latents and problem.prior.latent is None:
            raise InputError(
                f"{name} needs a prior of latents, {problem.prior.name} is one of signals; take a "
                "pipeline folder of diffusers with an autoencoder, or another method"
            )
        operator, wanted = problem.operator, self.kind.operators
        if not self.kind.latents:
            operator = problem.behind(operator)
        linear = isinstance(operator, LinearOperator)
        if wanted != "any" and not linear:
            raise InputError(
                f"{name} needs a linear operator, got {operator!r}{_bent(problem)}; take one of "
                f"{', '.join(fitting('any'))}"
            )
        if wanted == "svd" and linear and operator.svd() is None:
            raise InputError(
                f"{name} needs a cheap singular value decomposition, which {operator!r} has not; "
                f"take one of {', '.join(fitting('any', 'linear'))}"
            )
        if problem.exact and not self.kind.noiseless:
            raise InputError(
                f"{name} got noise 0; it divides by the noise of the measurement; state what "
                "remains, such as noise=0.001, or take a method for exact measurements: "
                f"{', '.join(k for k, m in METHODS.items() if m.kind.noiseless)}"
            )

    def checked(self, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """The options with the presets below them. Raises UsageError for unknown ones."""
        own = {f.name for f in fields(self.kind)} - {f.name for f in fields(Conditional)}
        own = {*own, *self.extra} - {"latent"}
        for key in given:
            if key not in own:
                raise UsageError(
                    f"method {name} has no option {key!r}; it has "
                    f"{', '.join(sorted(own)) or 'none'}{nearest(key, own)}"
                )
        return {**self.options, **self.extra, **given}


def _bent(problem: Problem) -> str:
    return "" if problem.prior.latent is None else ", as seen through a decoder"


def _products(options: Mapping[str, Any]) -> int:
    return 1 + 1 + int(options.get("iterations", 5))  # one more to begin at the last solution


def _two(options: Mapping[str, Any]) -> int:
    return 2


def _inner(options: Mapping[str, Any]) -> int:
    """Of STSL: in each inner step those of the data, the trace and its probes; and a step."""
    inner, probes = int(options.get("inner", 5)), int(options.get("probes", 1))
    return 1 + inner * (4 + 2 * probes)


def _each(price: int, name: str) -> Counts:
    """A price for each of `name`, 16 by default."""
    return lambda options: price * int(options.get(name, 16))


METHODS: dict[str, Method] = {
    "stationary": Method(
        "covariance of a field with a natural spectrum; default for networks", Stationary,
        solver="sde-1", temperature=0.7, several="sde-multistep-2",
    ),
    "moment-matching": Method(
        "covariance by products with the network's derivative (MMPS); default for exact priors",
        MomentMatching, calls=_products,
    ),
    "pigdm": Method("one variance for all pixels and the derivative (PiGDM, score form)", PiGDM,
                    running.spread_out, solver="sde-multistep-2", calls=_two,
                    extra={"spread": "prior"}),
    "jfps": Method("one variance for all pixels, no derivative (JFPS)", JFPS, running.spread_out,
                   extra={"spread": "prior"}),
    "lgd": Method("likelihood of points around the estimate (LGD)", LGD, calls=_two),
    "tmpd": Method("row sums of the covariance", TMPD, calls=lambda options: 3),
    "diffpir": Method("proximal step with the weight of Bayes' rule (DiffPIR)", DiffPIR),
    "ddnm": Method("projection, for exact measurements (DDNM)", DDNM),
    "ddnm-scaled": Method("projection scaled by noise, direction by direction", ScaledDDNM),
    "dps-gauss": Method("gradient of the likelihood at the estimate; stiff", DPS, calls=_two,
                        steps=100, options={"rule": "gauss"}),
    "dps-annealed": Method("the same, with the spread of the estimate added", DPS, calls=_two,
                           options={"rule": "annealed"}),
    "sda": Method("the same, with a share of that spread (gamma)", DPS, calls=_two,
                  options={"rule": "sda"}),
    "ddrm": Method("singular direction by direction (DDRM)", DDRM, running.spectral,
                   any_solver=False, grid="uniform"),
    "ddnm-plus": Method("DDRM's step with eta_b = 1 (DDNM+)", DDNMPlus, running.spectral, steps=100,
                        any_solver=False, grid="uniform"),
    "daps": Method("every level drawn afresh by Langevin moves (DAPS)", DAPS, running.annealed,
                   steps=20, any_solver=False, calls=lambda o: int(o.get("calls", 5))),
    "split-gibbs": Method("likelihood and prior in turns (PnP-DM)", SplitGibbs, running.in_turns,
                          steps=30, any_solver=False, calls=lambda o: int(o.get("calls", 20))),
    "red-diff": Method("one picture by stochastic optimisation (RED-Diff)", RedDiff,
                       running.descent, steps=100, any_solver=False, grid="uniform"),
    "half-quadratic": Method("one picture by splitting, with a denoiser as the prior", Conditional,
                             running.split, any_solver=False,
                             extra={"weight": WEIGHT, "top": TOP, "bottom": None, "start": None,
                                    "stir": 0.0, "iterations": 500, "moves": ""}),
    "stsl": Method("gradient steps at each time and a trace (STSL)", STSL, running.climbing,
                   steps=50, solver="ddim", any_solver=False, calls=_inner),
    "psld": Method("two norms, through decoder and encoder, for latents only (PSLD)", PSLD,
                   running.shifted, 1000, "ddim", "uniform", calls=_two,
                   options={"omega": 2.0}),  # the paper's 1 on pictures in [-1, 1]
    "smc": Method("weighed particles, for several modes (TDS)", TwistedSMC, crowds.weighed,
                  steps=100, solver="ancestral", grid="angle", any_solver=False,
                  calls=_each(2, "particles"), extra={"particles": 100}),
    "scg": Method("the best of several next states; no derivative of A", SCG, running.selected,
                  steps=100, solver="ancestral", any_solver=False, calls=_each(1, "candidates")),
    "dpg": Method("weighed draws around the estimate; no derivative of A", DPG),
    "enkg": Method("particles tell how A moves; no derivative of A (EnKG)", EnKG, crowds.pushed,
                   steps=100, solver="ancestral", any_solver=False, extra={"particles": 64},
                   calls=_each(1, "particles")),
    "ensemble-matching": Method("moment matching by particles; no derivative of A",
                                EnsembleMatching, crowds.matched, extra={"particles": 64},
                                calls=_each(1, "particles")),
    "eki": Method("draws of the prior moved onto the data; no derivative of A", Conditional,
                  crowds.inverted, any_solver=False, extra={"particles": 64},
                  calls=_each(1, "particles")),
    "dps-official": Method("steps of length zeta along the gradient (DPS)", DPSShift,
                           running.shifted, 1000, "ancestral", "uniform", calls=_two,
                           official=True),
    "pigdm-official": Method("pushes along A^+ (PiGDM, noiseless form)", PiGDMShift,
                             running.shifted, 100, "ddim", "uniform", calls=_two, official=True),
    "ddnm-official": Method("projection with the state's noise kept (DDNM)", DDNMShift,
                            running.redrawn, 100, any_solver=False, grid="uniform", official=True),
    "lgd-official": Method("LGD as InverseBench codes it", LGDShift, running.shifted, 1000,
                           "ancestral", "uniform", calls=_two, official=True,
                           options={"official": True}),
    "red-diff-official": Method("means in place of sums, no sigma (RED-Diff)", RedDiff,
                                running.descent, 100, any_solver=False, grid="uniform",
                                official=True, options={"official": True}),
    "gdp-official": Method("pushes along A^T (GDP)", GDP, running.shifted, 1000, "ancestral",
                           "uniform", official=True),
    "flowchef-official": Method("pushes along A^T on a flow (FlowChef)", FlowChef, running.shifted,
                                20, "ddim", "uniform", official=True),
}  # fmt: skip


def find_method(name: str) -> Method:
    """The method of a name; raises UsageError with the nearest ones."""
    if name not in METHODS:
        raise UsageError(
            f"method {name!r} is not one of auto, {', '.join(METHODS)}"
            f"{nearest(name, ['auto', *METHODS])}"
        )
    return METHODS[name]


def fitting(*operators: str) -> list[str]:
    """Names of the methods, of signals, that ask no more of the operator than one of these."""
    return [
        name
        for name, method in METHODS.items()
        if method.kind.operators in operators and not method.kind.latents
    ]


def sample(method: Method, run: Run) -> Tensor:
    """One sample, (1, c, *space); latents come out decoded."""
    extra = {name: run.options[name] for name in method.extra}
    own = {name: value for name, value in run.options.items() if name not in extra}
    return run.problem.signal(method.run(run.build(method.kind, own), run, **extra))
