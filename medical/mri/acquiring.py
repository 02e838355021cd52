"""`undrift.medical.acquire`: which lines of k-space to measure next, chosen while sampling.

Active diffusion subsampling (Nolan et al. 2025): particles are drawn together from the posterior
given the lines measured so far; at some of the steps the lines on which they disagree most are
measured, and the same particles go on, given all that is known by then. One pass of sampling gives
a mask made for this very image, and its reconstruction.

    x_i at t    ->  x0_i = E[x0 | x_i, y so far]  ->  k_i = F S_c x0_i  ->  the column of most
    entropy is measured  ->  x_i at the next t, given y with that column

Here a fully measured slice stands in for the scanner.
"""

import math
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.grids import by_log_snr
from undrift.common.noise import Noise
from undrift.common.operators.linear import LinearOperator
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.posterior.priors import Prior
from undrift.common.posterior.stationary import Stationary
from undrift.common.posterior.warm import Warm
from undrift.common.processes.process import start
from undrift.common.solvers import build_solver
from undrift.common.wishes import counted
from undrift.medical.mri.gathering import Gathered, Part
from undrift.medical.mri.methods import Choice, Posterior
from undrift.medical.mri.models import cartesian
from undrift.medical.mri.pieces import Piece, Preparation, prepare
from undrift.medical.mri.scans import Scan, scan_of
from undrift.medical.mri.scores import best_columns, find_score
from undrift.medical.mri.tasks import DEFAULT_PRIOR, Reconstruction, back

WINDOW = (0.1, 0.7)  # shares of the steps between which lines are chosen
_LOW = 0.02  # s/a of the last call


@dataclass(frozen=True)
class Plan:
    """lines: measured in all, of which `initial` around the centre come first. score, sigma: of
    `scores`. particles, steps: of the sampling. window: shares of the steps in which lines are
    chosen. Raises UsageError for unknown scores and numbers that cannot be."""

    lines: int
    initial: int = 4
    score: str = "gmm_entropy"
    sigma: float | None = None
    particles: int = 16
    steps: int = 30
    window: tuple[float, float] = WINDOW

    def __post_init__(self) -> None:
        find_score(self.score)
        for name in ("lines", "initial", "steps"):
            counted(name, getattr(self, name))
        counted("particles", self.particles, 2)
        low, high = self.window
        if self.initial > self.lines or not 0 <= low < high <= 1:
            raise InputError(
                f"{self.initial} lines first, {self.lines} in all, window {self.window}: expected "
                "no more first than in all, and two rising shares of the steps"
            )

    def after_step(self) -> list[int]:
        """How many lines are chosen at each step: as even as it goes, within the window."""
        first = min(self.steps - 1, math.floor(self.window[0] * self.steps))
        last = max(first + 1, math.floor(self.window[1] * self.steps))
        share = (self.lines - self.initial) / (last - first)
        due = [round(share * (min(max(k - first + 1, 0), last - first))) for k in range(self.steps)]
        return [now - before for before, now in zip([0, *due], due, strict=False)]


@dataclass
class Session:
    """Particles of one piece on their way. y: all of its k-space, of which `measured` is used."""

    plan: Plan
    prior: Prior
    piece: Piece
    noise: Noise
    measured: Tensor  # bool (columns,)
    maps: Tensor | None
    order: list[int] = field(default_factory=list)
    calls: int = 0

    def run(self) -> Tensor:
        """Samples (particles, 2, h, w) at the end; `order` then has the columns as chosen."""
        prior, process = self.prior, self.prior.process
        times = by_log_snr(process, self.plan.steps, prior.sigma_d, low=_LOW / prior.sigma_d)
        steps = build_solver("sde-1", prior.sigma_d).plan(process, times)
        x = start(process, None, self._draw(0))
        choices = iter(self.plan.after_step())
        conditional = self._conditional()
        for number, step in enumerate(steps, 1):
            found = [x]
            if step.calls:
                found = [conditional(x, step.t).x0]
                self.calls += len(x)
                if count := next(choices, 0):
                    self._choose(found[0], count)
                    conditional = self._conditional()
            x = step.advance([x], found if step.calls else (), None, lambda n=number: self._draw(n))
        return x

    def _choose(self, x0: Tensor, count: int) -> None:
        everywhere = self.operator_of(torch.ones_like(self.measured))
        kspace = everywhere(x0)
        chosen = best_columns(kspace, self.measured, count, self.plan.score, self.plan.sigma)
        self.order += chosen
        self.measured = self.measured.clone()
        self.measured[chosen] = True

    def operator_of(self, columns: Tensor) -> LinearOperator:
        """The forward model of some columns, bool (columns,)."""
        return cartesian(self.maps, columns.double(), tuple(self.piece.y.shape[2:]))

    def _conditional(self) -> Conditional:
        operator, y = self.operator_of(self.measured), self.piece.y * self.measured
        parts = (self.prior.denoise, self.prior.process, operator, y, self.piece.sigma)
        if self.prior.spectrum is None:
            return MomentMatching(*parts, self.prior.sigma_d, warm=Warm())
        spectrum = self.prior.spectrum
        return Stationary(*parts, self.prior.sigma_d, warm=Warm(), spectrum=spectrum)

    def _draw(self, number: int) -> Tensor:
        shape = (1, *self.piece.operator.shape_in)
        dtype = self.piece.y.dtype.to_real()
        kinds = [replace(self.noise, sample=k) for k in range(self.plan.particles)]
        return torch.cat([noise(shape, number, dtype=dtype) for noise in kinds])


def acquire(
    kspace: Any,
    lines: int,
    maps: Any = None,
    prior: Any = DEFAULT_PRIOR,
    *,
    initial: int = 4,
    score: str = "gmm_entropy",
    sigma: float | None = None,
    particles: int = 16,
    steps: int = 30,
    window: tuple[float, float] = WINDOW,
    noise: Any = None,
    calibration: int = 24,
    seed: int = 0,
    item: str = "",
    device: str = "auto",
) -> Reconstruction:
    """Chooses `lines` of the phase encodings of fully measured slices, and reconstructs from them.

    kspace: complex (coils, readout, phase) or (slices, coils, readout, phase), or a path, see
    `reconstruct_mri`, as are maps (estimated from all of k-space), prior and noise. initial: lines
    around the centre that come first. score: gmm_entropy, variance or ads_compat; sigma: its width
    in units of whitened k-space over the scale, None: that of the usual pair. particles, steps: of
    sampling; window: shares of the steps in which lines are chosen.

    Returns a `Reconstruction` of the particles' mean; `.info["order"]` has for each slice the
    phase encodings in their order, the initial ones first. Raises InputError for k-space with
    missing lines or of other shapes, UsageError for unknown scores and numbers that cannot be.
    """
    plan = Plan(lines, initial, score, sigma, particles, steps, window)
    choice = Choice("acquire", steps=steps, samples=particles, seed=seed, item=item, device=device)
    if isinstance(kspace, str | Path):
        from undrift.medical.mri.files import on_grid, read_kspace

        file = read_kspace(Path(kspace))
        given = (file.maps if maps is None else maps, file.noise if noise is None else noise)
        found = acquire_scan(file.scan, *given, prior, calibration, plan, choice)
        return on_grid(found, file)
    scan = scan_of(kspace, None, 2)
    found = acquire_scan(scan, maps, noise, prior, calibration, plan, choice)
    return back(found, kspace, getattr(kspace, "ndim", 4) == 3)


def acquire_scan(
    scan: Scan, maps: Any, noise: Any, prior: Any, calibration: int, plan: Plan, choice: Choice
) -> Reconstruction:
    """Every slice of a scan by itself, as tensors (slices, h, w)."""
    began = time.monotonic()
    if scan.volume:
        raise InputError("lines are chosen for slices; 3-D k-space has planes of them")
    prepared = prepare(scan, maps, noise, calibration)
    base = Posterior(prior, choice).prior
    gathered, orders, calls = Gathered(scan.shape[0], scan.shape[2:]), [], 0
    for number in range(scan.shape[0]):
        session = _session(prepared, number, base, plan, choice)
        with torch.no_grad():
            drawn = session.run()
        piece = replace(
            session.piece,
            operator=session.operator_of(session.measured),
            y=session.piece.y * session.measured,
            measured=session.measured,
        )
        gathered.take([number], Part.of(piece, drawn.cpu()))
        orders.append(session.order)
        calls += session.calls
    return Reconstruction(
        value=gathered.value,
        std=gathered.std,
        samples=gathered.samples,
        residual=gathered.residual,
        invented=gathered.invented,
        info={
            "task": "acquire",
            "shape": list(scan.shape),
            **choice.record(),
            "model": base.name,
            "weights": base.sha256,
            "score": plan.score,
            "lines": plan.lines,
            "particles": plan.particles,
            "steps": plan.steps,
            "order": orders,
            "acceleration": round(scan.shape[3] / plan.lines, 3),
            **gathered.record(several=True),
            "nfe": calls,
            "seconds": round(time.monotonic() - began, 3),
        },
    )


def _session(
    prepared: Preparation, number: int, prior: Prior, plan: Plan, choice: Choice
) -> Session:
    mask, width = prepared.scan.mask_of(number), prepared.scan.shape[3]
    missing = int((~mask.all(0)).sum())
    if missing or plan.lines > width:
        raise InputError(
            f"slice {number} has {width} phase encodings of which {missing} are not measured; "
            f"choosing {plan.lines} takes fully measured k-space"
        )
    piece = prepared.piece([number])
    first = width // 2 - plan.initial // 2
    order = list(range(first, first + plan.initial))
    measured = torch.zeros(width, dtype=torch.bool)
    measured[order] = True
    item = "/".join(part for part in (choice.item, piece.name) if part)
    found = prepared.maps_of([number])
    maps = None if found is None else found[:, 0]
    shaped = prior.for_signals(piece.operator.shape_in)
    return Session(plan, shaped, piece, Noise(choice.seed, item), measured, maps, order)
