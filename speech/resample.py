"""Change of the sampling rate by a Kaiser-windowed sinc, whole or block by block.

With both rates divided by their greatest common divisor, p -> q, and f = min(p, q) rolloff, sample
j of the output is the sum of the inputs i weighted by

    h(u) = f / p  sinc(u)  I0(beta sqrt(1 - (u / width)^2)) / I0(beta),  u = f (i / p - j / q),

for |u| <= width. Width 64 (zero crossings on each side), rolloff 0.9476 and beta 14.77 are the
"Kaiser best" of the resampy package: 80 dB of a tone beyond the new band is gone 2 % above it, and
a tone in the band is off by 1e-6 at most. The delay is zero: sample j lies at the time j / rate.
The weights repeat after q outputs, so that a window is one matrix product.
"""

import functools
import math

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.speech.windows import Windows

WIDTH = 64
ROLLOFF = 0.9475937167399596
BETA = 14.769656459379492
_SIZE = 8192  # samples of a window
_LARGEST = 1 << 23  # weights of a matrix; rates without a common divisor go row by row


class Resampler:
    """Block by block: (c, n) at `rate` in, (c, m) at `to` out, as they are settled.

    The output is the same to the last bit whatever the blocks. size: samples of a window, about:
    the least that come at once (a smaller one may change the last bit).
    latency: samples of the input after a moment that its output depends on.

    Raises InputError for a rate that is not a positive whole number.
    """

    def __init__(self, rate: int, to: int, size: int = _SIZE):
        if min(rate, to) <= 0 or rate != int(rate) or to != int(to):
            raise InputError(f"rates are positive whole numbers, got {rate} and {to}")
        divisor = math.gcd(rate, to)
        self.rate, self.to = rate, to
        self._p, self._q = rate // divisor, to // divisor
        self.latency = 0 if rate == to else _reach(self._p, self._q)
        self._periods = max(1, round(2 * self.latency / self._p))
        self._dense = (
            self._periods * self._q * (self._periods * self._p + 2 * self.latency) <= _LARGEST
        )
        if not self._dense:
            self._periods = 1
        hop = self._periods * self._p
        self._windows = Windows(max(1, size // hop) * hop, self.latency, self.latency)
        self._made = 0
        self._none = torch.zeros(0, 0)  # (c, 0) once something came

    def push(self, block: Tensor) -> Tensor:
        """Takes (c, n) float32, n >= 0; returns (c, m)."""
        self._none = block[:, :0]
        if self.rate == self.to:
            return block
        made = torch.cat([self._none, *(self._apply(w) for w in self._windows.push(block))], -1)
        self._made += made.shape[-1]
        return made

    def finish(self, length: int | None = None) -> Tensor:
        """The rest. In all `length` samples have then come, or ceil(n to / rate).

        To come back to exactly n samples after a change of rate and back, give n.
        """
        pushed = self._windows.pushed
        total = -(-pushed * self._q // self._p) if length is None else length
        parts = [self._apply(w) for w in self._windows.finish()]
        return torch.cat([self._none, *parts], -1)[:, : max(0, total - self._made)]

    def _apply(self, window: Tensor) -> Tensor:
        wide = window if window.device.type == "mps" else window.double()  # mps has no float64
        if self._dense:
            weights = _matrix(self._p, self._q, self._periods).to(wide)
            rows = wide.unfold(-1, weights.shape[0], self._periods * self._p)
            return (rows.contiguous() @ weights).flatten(-2).to(window)
        places, weights = _rows(self._p, self._q)
        return (wide[:, places.to(wide.device)] * weights.to(wide)).sum(-1).to(window)


def resample(wave: Tensor, rate: int, to: int, length: int | None = None) -> Tensor:
    """A whole sound (..., n) float32 at the other rate: (..., length or ceil(n to / rate)).

    Equal to `Resampler` to the last bit.
    Raises InputError for a rate that is not a positive whole number.
    """
    resampler = Resampler(rate, to)
    if rate == to or not wave.shape[-1]:
        return wave
    flat = wave.reshape(-1, wave.shape[-1])
    flat = torch.cat([resampler.push(flat), resampler.finish(length)], -1)
    return flat.reshape(*wave.shape[:-1], flat.shape[-1])


def _reach(p: int, q: int) -> int:
    """Input samples on each side of an output that its weights reach."""
    return math.ceil(WIDTH * p / (min(p, q) * ROLLOFF))


@functools.lru_cache(maxsize=8)
def _matrix(p: int, q: int, periods: int) -> Tensor:
    """(inputs, outputs) float64 weights of the outputs of some periods."""
    reach = _reach(p, q)
    inputs = torch.arange(-reach, periods * p + reach, dtype=torch.float64)[:, None]
    outputs = torch.arange(periods * q, dtype=torch.float64)
    return _weights(inputs / p - outputs / q, p, q)


@functools.lru_cache(maxsize=2)
def _rows(p: int, q: int) -> tuple[Tensor, Tensor]:
    """Of one period: the places in the window of each output's inputs, and their weights."""
    reach = _reach(p, q)
    outputs = torch.arange(q)[:, None]
    first = outputs * p // q - reach
    inputs = first + torch.arange(2 * reach + 1)
    weights = _weights(inputs.double() / p - outputs.double() / q, p, q)
    inside = inputs < p + reach
    return (inputs + reach).clamp(max=p + 2 * reach - 1), weights * inside


def _weights(time: Tensor, p: int, q: int) -> Tensor:
    """h at times in units of the common period, float64."""
    scale = min(p, q) * ROLLOFF
    u = (time * scale).double()
    inside = (1 - (u / WIDTH) ** 2).clamp(min=0).sqrt()
    window = torch.special.i0(BETA * inside) / torch.special.i0(torch.tensor(BETA).double())
    return torch.where(u.abs() <= WIDTH, torch.sinc(u) * window, 0.0) * scale / p
