"""Published networks behind the package's signature: asked at the time that the angle psi means.

A `Denoiser` shows a network w = x - (a + b) y scaled to unit variance, y, and psi. Networks of
SGMSE know the state x itself and the time t of their own process; both follow:

    t = the time of psi on that process,    x = sqrt(a^2 sigma_d^2 + s^2) w + (a + b) y

with a, b, s at t. So such a network also runs on any other process, by the state of equal psi.
The authors draw complex noise of total variance 1; s is of one real channel, S = sqrt(2) s of both.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.errors import InputError
from undrift.common.padding import pad
from undrift.common.processes import build_process
from undrift.common.processes.process import over, time_of_angle

PADDINGS = ("zero", "reflect")


class OnPath(nn.Module):
    """process: name and params of what the network was trained on. sigma_d: as in its `Scaling`.

    least, most: the times between which it was trained; it is never asked beyond. padding: "zero"
    or "reflect", how frames are added up to a multiple. Raises InputError for another.
    """

    reach = None  # attention and group norms see everything

    def __init__(
        self,
        process: dict[str, object],
        sigma_d: float = 0.1,
        least: float = 0.03,
        most: float = 1.0,
        padding: str = "zero",
    ):
        super().__init__()
        if set(process) != {"name", "params"} or not isinstance(process["params"], dict):
            raise InputError(f"process {process}: expected a name and params")
        if padding not in PADDINGS:
            raise InputError(f"padding {padding!r} is not one of {', '.join(PADDINGS)}")
        self.padding = padding
        self.process = build_process(str(process["name"]), process["params"])
        self.sigma_d, self.least, self.most = sigma_d, least, most

    def deviation(self, t: Tensor) -> Tensor:
        """S(t) of complex noise of total variance 1; t: (b,)."""
        return math.sqrt(2) * self.process.s(t)

    def state(self, inputs: Tensor, psi: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(x, y, t) of what a denoiser shows: (b, 2 c, bins, frames) and angles (b,).

        t is float64, kept between `least` and `most`.
        """
        w, y = inputs.chunk(2, 1)
        t = time_of_angle(self.process, psi, self.sigma_d)
        a, b, s = self.process.a(t), self.process.b(t), self.process.s(t)
        spread = torch.sqrt((a * self.sigma_d) ** 2 + s**2)
        x = over(spread.to(w.dtype), w) * w + over((a + b).to(w.dtype), y) * y
        return x, y, t.clamp(self.least, self.most)

    def padded(self, x: Tensor, multiple: int) -> Tensor:
        """Frames after the last one, up to a multiple."""
        missing = (0, -x.shape[-1] % multiple)
        return pad(x, ("reflect",), [missing]) if self.padding == "reflect" else F.pad(x, missing)

    def noise(self, score: Tensor, t: Tensor) -> Tensor:
        """The unit noise of real channels that a score of the authors means: -sqrt(2) S score."""
        return -math.sqrt(2) * over(self.deviation(t).to(score.dtype), score) * score


def refuse_level(level: Tensor | None) -> None:
    """Raises ValueError for a level, which no such network takes."""
    if level is not None:
        raise ValueError(f"the network takes 0 levels, {level.shape[1]} came")
