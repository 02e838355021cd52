"""PhysicsNeMo's diffusion of fields: EDM's numbers and samplers, patches, guidance.

Stand-in: D = (.3 x + s^2 m) / (.3 + s^2), m = .6 c_0 - .2 c_1 + .1 tanh(c_0 rolled by a column),
with c_0 the mean of the fine field and c_1 the first coarse channel; that of patches adds .05
linspace(-1, 1) along rows to D, and rolls inside of a patch. The guided paths have .01 before 0.
"""

import functools
from collections.abc import Callable, Iterator

import numpy as np
import torch
from gaussian_fields import PLACE, gaussian_prior, sources
from parity.case import Case, load, relative, tensor, worst
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser, Estimate, Scaling
from undrift.common.grids import karras
from undrift.common.posterior.conditional import Conditional
from undrift.common.processes.process import log_snr
from undrift.common.processes.variance_exploding import VarianceExploding
from undrift.common.solvers import Heun
from undrift.common.solvers.loop import Denoise, run_plan
from undrift.scientific.atmosphere.likelihood import Likelihood
from undrift.scientific.atmosphere.patches import Patched, Patches
from undrift.scientific.atmosphere.sources import Source

SOURCE = "physicsnemo 94b3551"
EDM, DPS, CUT = (f"scientific/{n}_physicsnemo" for n in ("edm", "dps", "patching"))
SPREAD, LEAST = 0.5, 0.002
GAMMA = 0.05


def times(n: int, top: float, high: float | None = None, least: float = LEAST) -> list[float]:
    """EDM's levels from `top` to `least` and 0, as times of a process that ends at `high`."""
    process = VarianceExploding(high=high or top, law="linear")
    start = top / (high or top)
    return list(karras(process, n, SPREAD, start, low=least / SPREAD))


def _grid(n: int, top: float) -> float:
    return relative(tensor(np.array(times(n, top))) * top, load(EDM)[f"t_steps_n{n}_smax{top:g}"])


class _Nothing(nn.Module):
    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        return torch.zeros_like(x)


def _scalings() -> float:
    """c_in, c_skip, c_out, c_noise and the weight of the loss, out of what a denoiser does."""
    data = load(EDM)
    process = VarianceExploding(high=800.0, law="linear")
    denoiser = Denoiser(_Nothing(), process, "balanced", Scaling(SPREAD, centre=0.0))
    sigma, x = tensor(data["sigma"]), torch.ones(1, 1, 1, 1, dtype=torch.float64)
    gains = [denoiser._gains(float(s) / 800, x) for s in sigma]
    spread, keep, take = (
        torch.tensor([getattr(g, name) for g in gains], dtype=torch.float64)
        for name in ("spread", "keep", "take")
    )
    return max(
        relative(1 / spread, data["c_in"]), relative(keep, data["c_skip"]),
        relative(take.abs(), data["c_out"]), relative(1 / take**2, data["loss_weight"]),
        relative(-log_snr(process, sigma / 800) / 4, data["c_noise"]),
    )  # fmt: skip


def _standin(high: float, sloped: bool = False) -> Denoise:
    def denoise(x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None):
        assert y is not None
        noise, s2 = (high * t) ** 2, float(load(EDM)["s2"])
        mean = 0.6 * y[:, :1] - 0.2 * y[:, 1:2] + 0.1 * torch.tanh(torch.roll(y[:, :1], 1, -1))
        found = (s2 * x + noise * mean) / (s2 + noise)
        if sloped:
            found = found + 0.05 * torch.linspace(-1, 1, x.shape[-2], dtype=x.dtype)[:, None]
        return Estimate(found)

    return denoise


def _sampled(
    name: str, n: int, top: float, solver: Heun, high: float | None = None, patched: bool = False
) -> float:
    data, end = load(EDM), high or top
    image = tensor(data["img_lr"])
    y = torch.cat([tensor(data["mean_hr"]).expand(len(image), -1, -1, -1), image], 1)
    denoise = _standin(end, patched)
    if patched:
        denoise = Patched(denoise, Patches((20, 24), 12, 4, 2))
    process = VarianceExploding(high=end, law="linear")
    plan = solver.plan(process, times(n, top, high))
    x = tensor(data["latents"]) * top
    return worst(run_plan(denoise, x, plan, y=y, draw=lambda k: torch.zeros_like(x)), data[name])


def _patches() -> float:
    data = load(CUT)
    sizes = (int(data[name]) for name in ("patch", "overlap", "boundary"))
    cut = Patches((20, 24), *sizes)
    parts = cut.cut(tensor(data["x"]))
    ramp = torch.arange(len(parts), dtype=torch.float64)[:, None, None, None]
    return max(
        worst(parts, data["patches"]), worst(cut.fused(parts), data["fused"]),
        worst(cut.fused(ramp.expand(-1, 1, 12, 12)), data["fused_from_ramp"]),
        worst(cut.overlaps(), data["overlap_count"]),
        worst(cut.index().double(), data["global_index"]),
    )  # fmt: skip


def _guided(given: tuple[Source, ...], method: str, **options: float) -> Conditional:
    prior = gaussian_prior()
    likelihood = Likelihood(given, PLACE, prior.scale)
    denoise, process = prior.prior.denoise, prior.prior.process
    return likelihood.conditional(denoise, process, 1.0, method, torch.float64, **options)  # type: ignore[arg-type]


def _scores(name: str, make: Callable[[], Denoise]) -> float:
    """(D - x) / s^2 at the two stored states."""
    data = load(DPS)
    found = [
        (make()(x[None], float(s) / 80, None, None).x0[0] - x) / s**2
        for x, s in zip(tensor(data["x"]), tensor(data["t"]), strict=True)
    ]
    return worst(found, data[name])


def _prior_estimates() -> float:
    data, prior = load(DPS), gaussian_prior().prior
    found = [
        prior.denoise(x[None], float(s) / 80, None, None).x0[0]
        for x, s in zip(tensor(data["x"]), data["t"], strict=True)
    ]
    return relative(found, data["x0"])


def _path(name: str, given: tuple[Source, ...]) -> float:
    """24 steps of Heun from a stored start, gamma 1."""
    data = load(DPS)
    prior = gaussian_prior().prior
    denoise = _guided(given, "sda", gamma=1.0) if given else prior.denoise
    plan = Heun().plan(prior.process, times(24, 80.0, least=0.01))
    return worst(run_plan(denoise, tensor(data["latents"]), plan), data[f"traj_{name}"])


def cases() -> Iterator[Case]:
    """All of the above."""
    for n, top in ((18, 800.0), (18, 80.0), (9, 800.0)):
        yield Case(
            f"EDM levels {n}, {top:g}", SOURCE, 1e-9, functools.partial(_grid, n, top), "EDM"
        )
    yield Case("EDM preconditioning", SOURCE, 1e-9, _scalings, "EDM")
    churned, high = Heun(churn=2.0, noise=0.0), 160.0
    for name, n, top, solver, end, cut, tolerance in (
        ("stoch_n18_smax800", 18, 800.0, Heun(), None, False, 1e-6),
        ("stoch_n6_smax80_churn2_noiseless", 6, 80.0, churned, high, False, 1e-6),
        ("det_heun_n9", 9, 800.0, Heun(), None, False, 1e-9),
        ("det_euler_n9", 9, 800.0, Heun(second=False), None, False, 1e-9),
        ("stoch_patched_n6", 6, 80.0, Heun(), None, True, 1e-6),
        ("new_heun_n10", 10, 80.0, Heun(), None, False, 1e-9),
        ("new_euler_n10", 10, 80.0, Heun(second=False), None, False, 1e-9),
    ):
        run = functools.partial(_sampled, name, n, top, solver, end, cut)
        yield Case(f"EDM {name}", SOURCE, tolerance, run, "EDM")
    yield Case("patches", SOURCE, 1e-12, _patches, "EDM")
    yield Case("guidance: prior", SOURCE, 1e-8, _prior_estimates, "EDM")
    both = sources()
    for name, method, tolerance, options in (
        ("score_gamma0", "sda", 1e-7, {"gamma": 0.0}),  # theirs has deviations in float32
        ("score_gamma005", "sda", 1e-8, {"gamma": GAMMA}),
        ("score_exact", "tweedie", 1e-8, {"iterations": 60, "tol": 1e-14}),
    ):
        make = functools.partial(_guided, both, method, **options)
        run = functools.partial(_scores, name, make)
        yield Case(f"guidance: {name}", SOURCE, tolerance, run, "EDM")
    run = functools.partial(_scores, "score_prior", lambda: gaussian_prior().prior.denoise)
    yield Case("guidance: score_prior", SOURCE, 1e-8, run, "EDM")
    for name, given in (("none", ()), ("coarse", both[:1]), ("sensor", both[1:]), ("both", both)):
        run = functools.partial(_path, name, given)
        yield Case(f"guidance: path, {name}", SOURCE, 1e-8, run, "EDM")
