"""Sampling as in SGMSE+ (Richter et al. 2023) and BBED (Lay et al. 2023), for any such denoiser.

    start      x = (a + b) y + s z                       at t = `start`, Eq. (17): y and noise
    times      `steps` evenly from `start` to `least`, then the clean end
    "pc"       at each time first the corrector, then a step of the reverse SDE, Algorithm 1
    "ode"      the probability flow from `start` to `least` by RK45, then one step of the SDE's mean

`least` is the papers' t_eps, where their networks were last trained. Nothing is drawn in the last
step, whose mean is returned. States are real channels (b, 2, bins, frames) and the process is in
their units: noise of deviation s a channel. The authors' complex noise of total variance 1 makes
their sigmas the root of two times as large; correctors do not depend on it.
"""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from undrift.common.errors import UsageError, nearest
from undrift.common.processes.process import Process, start
from undrift.common.solvers.adaptive import probability_flow
from undrift.common.solvers.corrector import PredictorCorrector
from undrift.common.solvers.loop import Denoise, Draw, run_plan
from undrift.common.solvers.plan import Step, calls

KINDS = ("pc", "ode")
COMPATS = ("", "even-steps")


@dataclass(frozen=True)
class ScoreSampler:
    """kind: "pc" or "ode". snr, corrector ("ald", "langevin", "none"), corrections: of "pc".

    compat: "even-steps" makes every predictor step 1/steps long, whatever the times, as StoRM's
    program does and SGMSE's did before June 2024; numbers published until then were made so.
    Raises UsageError for unknown names and times that do not fall.
    """

    kind: Literal["pc", "ode"] = "pc"
    steps: int = 30
    corrector: Literal["ald", "langevin", "none"] = "ald"
    corrections: int = 1
    snr: float = 0.5
    least: float = 0.03
    start: float = 1.0
    compat: Literal["", "even-steps"] = ""

    def __post_init__(self) -> None:
        for name, given, known in (
            ("kind", self.kind, KINDS),
            ("compat", self.compat, COMPATS),
        ):
            if given not in known:
                names = ", ".join(repr(k) for k in known)
                raise UsageError(f"{name} {given!r} is not one of {names}{nearest(given, known)}")
        if self.steps < 1 or not 0 < self.least < self.start <= 1:
            raise UsageError(
                f"steps {self.steps}, start {self.start:g}, least {self.least:g}: expected one "
                "step or more and 0 < least < start <= 1"
            )
        self._solver()  # knows the correctors

    def times(self) -> tuple[float, ...]:
        """steps + 1 times, the last one 0."""
        stride = (self.start - self.least) / max(self.steps - 1, 1)
        return (*(self.start - k * stride for k in range(self.steps)), 0.0)

    def plan(self, process: Process) -> list[Step]:
        """The steps of "pc"."""
        return self._solver().plan(process, self.times())

    def planned_calls(self, process: Process) -> int | None:
        """Network calls; None for "ode", whose step control decides."""
        return calls(self.plan(process)) if self.kind == "pc" else None

    def __call__(self, denoise: Denoise, process: Process, y: Tensor, draw: Draw) -> Tensor:
        """An estimate of x0, as y: (b, 2, bins, frames).

        draw: standard normal noise like y by number; 0 is the start's, k + 1 that of step k.
        """
        x = start(process, y, draw(0).to(y), self.start)
        if self.kind == "ode":
            return self._flow(denoise, process, x, y)
        return run_plan(denoise, x, self.plan(process), y=y, draw=draw)

    def _flow(self, denoise: Denoise, process: Process, x: Tensor, y: Tensor) -> Tensor:
        x, _ = probability_flow(denoise, process, x, self.start, self.least, y=y)
        last = PredictorCorrector("none").plan(process, (self.least, 0.0))
        return run_plan(denoise, x, last, y=y)

    def _solver(self) -> PredictorCorrector:
        even = 1 / self.steps if self.compat == "even-steps" else None
        count = 0 if self.corrector == "none" else self.corrections
        return PredictorCorrector(self.corrector, self.snr, count, even)


# As published. Reverberation (WSJ0-REVERB) wants more and gentler steps, a README of the authors
# says; StoRM's second stage begins near the end, so that it needs few and no corrector; BBED may
# begin at half time, where y and noise are close to the state anyway.
SGMSE_PLUS = ScoreSampler()
SGMSE_PLUS_REVERB = ScoreSampler(steps=50, snr=0.33)
STORM = ScoreSampler(steps=20, corrector="none")
BBED_WHOLE = ScoreSampler(start=0.999)
BBED_HALF = ScoreSampler(steps=15, start=0.5)
