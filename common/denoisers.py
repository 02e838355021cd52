"""A denoiser: network + process + prediction + preconditioning -> an estimate of x0.

The state is centred, w = x - b y - a c, with c the degraded signal itself (restoration) or a
constant (an unconditional prior). Then w = a (x0 - c) + s eps has variance a^2 sigma_d^2 + s^2 where
sigma_d is the spread of x0 - c, and the network sees w scaled to unit variance together with the
angle psi = atan2(s, a sigma_d): never the process. Its output is scaled so that its target has unit
variance as well. So a network trained on one process runs on any other with the same sigma_d
(the extension of EDM's scalings, Karras et al. 2022, Table 1, to paths with two ends).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from undrift.common import predictions
from undrift.common.errors import InputError
from undrift.common.processes.process import Process, angle, over


@dataclass(frozen=True)
class Estimate:
    """What a denoiser returns; x0, y, var: (b, c, *space), y and var only where known."""

    x0: Tensor
    y: Tensor | None = None
    var: Tensor | None = None


@dataclass(frozen=True)
class Scaling:
    """Numbers that tie a network to its data; all in units of the data.

    sigma_d: spread of x0 - c. mean, std: of the data itself, used to show y to the network.
    centre: None means c = y, a number means that constant.
    """

    sigma_d: float
    mean: float = 0.5
    std: float = 0.25
    centre: float | None = None


class Denoiser(nn.Module):
    """Wraps a network F(inputs, psi, level) -> (b, c, *space).

    inputs: (b, c or 2c, *space), the scaled state and, if the centre is y, the normalised y;
    psi: (b,) in [0, pi/2]; level: (b, k) degradation levels.
    """

    def __init__(self, network: nn.Module, process: Process, prediction: str, scaling: Scaling):
        super().__init__()
        self.network = network
        self.process = process
        self.prediction = prediction
        self.scaling = scaling

    def with_process(self, process: Process) -> "Denoiser":
        """Returns the same network on another process."""
        return Denoiser(self.network, process, self.prediction, self.scaling)

    def forward(
        self, x: Tensor, t: Tensor | float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """Estimates x0 from x at time t (a number or (b,)); see `Scaling` for when y is needed.

        Raises InputError if the process or the network needs y and none is given.
        """
        time = _as_time(t, x)
        centre = self._centre(x, y)
        a, _, s = self._path(time, x)
        w = self._centred(x, time, y, centre)
        p, r, gain = self._gain(time, x)
        out = gain * self._call(w, time, y, level, a, s)
        return Estimate(centre + (r * w - s * out) / (r * a - s * p))

    def output(self, x: Tensor, t: Tensor, y: Tensor | None, level: Tensor | None) -> Tensor:
        """The bare network output F, for training."""
        time = _as_time(t, x)
        a, _, s = self._path(time, x)
        w = self._centred(x, time, y, self._centre(x, y))
        return self._call(w, time, y, level, a, s)

    def target(self, x0: Tensor, t: Tensor, y: Tensor | None, noise: Tensor) -> Tensor:
        """What F should be: (p (x0 - c) + r eps) / gain, of unit variance."""
        p, r, gain = self._gain(_as_time(t, x0), x0)
        return (p * (x0 - self._centre(x0, y)) + r * noise) / gain

    def _gain(self, time: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        p, _, r = predictions.weights(self.prediction, self.process, time, self.scaling.sigma_d)
        gain = torch.sqrt((p * self.scaling.sigma_d) ** 2 + r**2)
        return tuple(over(v.to(x.dtype), x) for v in (p, r, gain))  # type: ignore[return-value]

    def _path(self, time: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        values = (self.process.a(time), self.process.b(time), self.process.s(time))
        return tuple(over(v.to(x.dtype), x) for v in values)  # type: ignore[return-value]

    def _centre(self, x: Tensor, y: Tensor | None) -> Tensor:
        if self.scaling.centre is not None:
            return torch.full((), self.scaling.centre, dtype=x.dtype, device=x.device)
        if y is None:
            raise InputError("this denoiser is conditioned on a degraded signal; pass y")
        return y

    def _centred(self, x: Tensor, time: Tensor, y: Tensor | None, centre: Tensor) -> Tensor:
        a, b, _ = self._path(time, x)
        if y is None and self.process.needs_degraded:
            raise InputError(f"{type(self.process).__name__} joins x0 to y; pass y")
        return x - a * centre if y is None else x - b * y - a * centre

    def _call(
        self, w: Tensor, time: Tensor, y: Tensor | None, level: Tensor | None, a: Tensor, s: Tensor
    ) -> Tensor:
        scaling = self.scaling
        spread = torch.sqrt((a * scaling.sigma_d) ** 2 + s**2).clamp(min=1e-12)  # 0: bridge start
        inputs = w / spread
        if scaling.centre is None and y is not None:
            inputs = torch.cat([inputs, (y - scaling.mean) / scaling.std], dim=1)
        psi = angle(self.process, time, scaling.sigma_d).to(w.dtype).expand(w.shape[0])
        return self.network(inputs, psi, level)


def _as_time(t: Tensor | float, x: Tensor) -> Tensor:
    """Times are kept in float64, whatever the state is, so that schedules lose nothing."""
    if isinstance(t, Tensor):
        return t.to(x.device, torch.float64)
    return torch.tensor(t, dtype=torch.float64, device=x.device)
