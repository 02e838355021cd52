"""A denoiser: network + process + prediction + preconditioning -> an estimate of x0.

The state is centred, w = x - b y - a c, with c the degraded signal itself (restoration) or a
constant (an unconditional prior). Then w = a (x0 - c) + s eps has variance a^2 sigma_d^2 + s^2
where sigma_d is the spread of x0 - c, and the network sees w scaled to unit variance together with
the angle psi = atan2(s, a sigma_d): never the process. Its output is scaled so that its target has
unit variance as well. So a network trained on one process runs on any other with the same sigma_d
(the extension of EDM's scalings, Karras et al. 2022, Table 1, to paths with two ends).
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from undrift.common import predictions
from undrift.common.blending import Value, blend, is_one, plus
from undrift.common.errors import InputError
from undrift.common.processes.process import Process, angle, over

Numbers = tuple[float, float, float, float]


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


@dataclass(frozen=True)
class Gains:
    """The numbers of the formulas at one time: w = x - b y - a c, x0 = c + keep w - take F.

    spread: of w, so that w / spread has unit variance; psi: the angle the network is shown.
    """

    a: Value
    b: Value
    spread: Value
    psi: Value
    keep: Value
    take: Value


class Denoiser(nn.Module):
    """Wraps a network F(inputs, psi, level) -> (b, c, *space).

    inputs: (b, c or 2c, *space), the scaled state and, if the centre is y, the normalised y;
    psi: (b,) in [0, pi/2]; level: (b, k) degradation levels. Process, prediction and scaling are
    fixed: what a number t implies is computed once, in float64, and remembered. With `variance`
    the network has a second half of channels, the logarithm of the variance of F (loss "nll");
    x0 = c + keep w - take F then has take^2 times that variance.
    """

    def __init__(
        self,
        network: nn.Module,
        process: Process,
        prediction: str,
        scaling: Scaling,
        variance: bool = False,
    ):
        super().__init__()
        self.variance = variance
        self.network = network
        self.process = process
        self.prediction = prediction
        self.scaling = scaling
        self._known: dict[float, Gains] = {}

    def with_process(self, process: Process) -> "Denoiser":
        """Returns the same network on another process: at equal psi it gives the same x0.

        Raises InputError for a prediction that psi alone does not fix (velocity, displacement).
        """
        if self.prediction in predictions.OWN:
            raise InputError(
                f"a network trained to predict the {self.prediction} of {self.process} means "
                "something else on another process; train with balanced, x0, eps or residual"
            )
        return Denoiser(self.network, process, self.prediction, self.scaling, self.variance)

    def with_network(self, network: nn.Module) -> "Denoiser":
        """Returns the same denoiser around another network of the same signature."""
        return type(self)(network, self.process, self.prediction, self.scaling, self.variance)

    def forward(
        self, x: Tensor, t: Tensor | float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """Estimates x0 from x at time t (a number or (b,)); see `Scaling` for when y is needed.

        Raises InputError if the process or the network needs y and none is given.
        """
        gains = self._gains(t, x)
        w = self._centred(x, y, gains)
        out = self._call(w, y, level, gains)
        var = None
        if self.variance:
            out, spread = out.chunk(2, 1)
            var = torch.exp(spread) * gains.take**2
        return Estimate(plus(plus(self._centre(y), gains.keep, w), -gains.take, out), var=var)

    def combined(
        self,
        x: Tensor,
        t: float,
        y: Tensor | None,
        level: Tensor | None,
        weights: tuple[float, float, float],
    ) -> Tensor:
        """A x + B x0 + C y for weights (A, B, C), with fewer passes since x0 is never formed.

        Raises InputError as `forward` does, and if C is not 0 and there is no y.
        """
        A, B, C = weights
        gains = self._gains(t, x)
        w = self._centred(x, y, gains)
        out = self._call(w, y, level, gains)
        a, b, keep, take = cast(Numbers, (gains.a, gains.b, gains.keep, gains.take))
        of_y, constant = A * b + C, 0.0  # x = w + b y + a c
        if self.scaling.centre is None:
            of_y += A * a + B
        else:
            constant = (A * a + B) * self.scaling.centre
        out = out.chunk(2, 1)[0] if self.variance else out
        x = blend(w, A + B * keep, out, -B * take, y, of_y)
        return x.add_(constant) if constant else x

    def output(self, x: Tensor, t: Tensor, y: Tensor | None, level: Tensor | None) -> Tensor:
        """The bare network output, F and with `variance` its log-variance, for training."""
        gains = self._gains(t, x)
        return self._call(self._centred(x, y, gains), y, level, gains)

    def target(self, x0: Tensor, t: Tensor, y: Tensor | None, noise: Tensor) -> Tensor:
        """What F should be: (p (x0 - c) + r eps) / gain, of unit variance."""
        p, r, gain = self._output(_as_time(t, x0), x0)
        return (p * (x0 - self._centre(y)) + r * noise) / gain

    def _gains(self, t: Tensor | float, x: Tensor) -> Gains:
        if isinstance(t, Tensor):
            return self._computed(_as_time(t, x), x)
        if t not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            fine = torch.zeros((), dtype=torch.float64)
            gains = self._computed(torch.tensor(t, dtype=torch.float64), fine)
            self._known[t] = Gains(*(float(value) for value in vars(gains).values()))
        return self._known[t]

    def _computed(self, time: Tensor, like: Tensor) -> Gains:
        """Everything from the time, in the precision and shape of `like`."""
        sigma_d = self.scaling.sigma_d
        s = self.process.s(time).clamp(min=1e-12)  # not 0: at a pinned start x0 would be 0/0
        parts = (self.process.a(time), self.process.b(time), s)
        a, b, s = (over(v.to(like.dtype), like) for v in parts)
        p, r, gain = self._output(time, like)
        spread = torch.sqrt((a * sigma_d) ** 2 + s**2).clamp(min=1e-12)  # 0: bridge start
        psi = angle(self.process, time, sigma_d).to(like.dtype)
        unit = r * a - s * p
        # An output that says nothing of x0 (eps at pure noise) leaves the centre as the estimate.
        told = unit.abs() * _BLIND * sigma_d > s * gain
        unit = torch.where(told, unit, 1)
        keep, take = (torch.where(told, v / unit, 0) for v in (r, s * gain))
        return Gains(a, b, spread, psi, keep, take)

    def _output(self, time: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weights p, r and gain of what the network is trained to give."""
        p, _, r = predictions.weights(self.prediction, self.process, time, self.scaling.sigma_d)
        gain = torch.sqrt((p * self.scaling.sigma_d) ** 2 + r**2)
        p, r, gain = (over(v.to(x.dtype), x) for v in (p, r, gain))
        return p, r, gain

    def _centre(self, y: Tensor | None) -> Value:
        if self.scaling.centre is not None:
            return self.scaling.centre
        if y is None:
            raise InputError("this denoiser is conditioned on a degraded signal; pass y")
        return y

    def _centred(self, x: Tensor, y: Tensor | None, gains: Gains) -> Tensor:
        centre = self._centre(y)
        if y is None:
            if self.process.needs_degraded if isinstance(gains.b, Tensor) else gains.b != 0:
                raise InputError(f"{type(self.process).__name__} joins x0 to y; pass y")
            return x - gains.a * centre if centre else x
        if centre is y and not isinstance(gains.a, Tensor):
            return plus(x, -(gains.a + gains.b), y)
        return x - gains.b * y - gains.a * centre

    def _call(self, w: Tensor, y: Tensor | None, level: Tensor | None, gains: Gains) -> Tensor:
        scaling = self.scaling
        inputs = w if is_one(gains.spread) else w / gains.spread
        if scaling.centre is None and y is not None:
            inputs = torch.cat([inputs, (y - scaling.mean) / scaling.std], dim=1)
        if isinstance(gains.psi, Tensor):
            psi = gains.psi.to(w).expand(w.shape[0])
        else:  # written on the device itself, so that nothing waits for it
            psi = torch.full((w.shape[0],), gains.psi, dtype=w.dtype, device=w.device)
        return self.network(inputs, psi, level)


_REMEMBERED = 4096  # times; a sampler uses a few
_BLIND = 1e4  # a network's error times this, in units of sigma_d, is no estimate any more


def _as_time(t: Tensor, x: Tensor) -> Tensor:
    """Times are kept in float64, whatever the state is, so that schedules lose nothing."""
    return t.to(x.device, torch.float64)
