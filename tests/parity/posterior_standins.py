"""The closed-form functions that stood in for the networks of the posterior samplers, as priors."""

import functools
import math
from dataclasses import dataclass

import torch
from parity.case import Arrays, tensor
from torch import Tensor
from torch.nn import functional

from undrift.common.denoisers import Estimate
from undrift.common.external import External
from undrift.common.operators.matrix import Matrix
from undrift.common.processes.process import Process
from undrift.common.processes.variance_preserving import discrete


def seen(data: Arrays, x: Tensor) -> Tensor:
    """Channels mixed, then a 3 x 3 correlation with periodic borders."""
    kernel, mix = tensor(data["net_K3"]), tensor(data["net_MIX"])
    mixed = torch.einsum("ij,bjhw->bihw", mix, x)
    padded = functional.pad(mixed, (1, 1, 1, 1), mode="circular")
    return functional.conv2d(padded, kernel.expand(3, 1, 3, 3), groups=3)


def noise_net(data: Arrays, x: Tensor, index: int) -> Tensor:
    """eps of the runs on the VP process, from the state and the index of the original schedule."""
    level = float(data["alpha_bar"][index])
    gain = level if "net_mode" in data and str(data["net_mode"]) == "a2" else 1.0
    bent = torch.tanh(seen(data, x) + 0.3 * math.cos(2 * math.pi * index / 1000))
    return math.sqrt(1 - level) * x + 0.1 * gain * bent


def prior(data: Arrays, clip: float | None = None) -> External:
    """The stand-in as a denoiser on the linear schedule of 1000 steps."""
    levels = tensor(data["alpha_bar"])
    betas = 1 - levels / torch.cat([torch.ones(1, dtype=torch.float64), levels[:-1]])

    def network(x: Tensor, y: Tensor | None, t: float) -> Tensor:
        return noise_net(data, x, round(t * 1000) - 1)

    return External(network, discrete(betas.tolist()), "eps", clip=clip)


class Learned:
    """The same on a thinned schedule, with the learned variance of improved DDPM.

    log variance = v ln beta + (1 - v) ln beta_tilde, v from the network: as the variance of x0 that
    makes the step as noisy.
    """

    def __init__(self, data: Arrays, clip: float | None):
        self.data = data
        betas = tensor(data["betas"])
        self.process = discrete(betas.tolist())
        self.count = len(betas)
        self.inner = External(self._network, self.process, "eps", clip=clip)
        levels = torch.cumprod(1 - betas, 0)
        before = torch.cat([torch.ones(1, dtype=torch.float64), levels[:-1]])
        self.least = betas * (1 - before) / (1 - levels)
        self.most, self.weight = betas, betas * before.sqrt() / (1 - levels)

    def _network(self, x: Tensor, y: Tensor | None, t: float) -> Tensor:
        return noise_net(self.data, x, int(self.data["timestep_map"][round(t * self.count) - 1]))

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        return Estimate(self.inner(x, t, y, level).x0, var=self.variance(x, t))

    def variance(self, x: Tensor, t: float) -> Tensor | None:
        """Of x0, so that a step has the learned one."""
        i = round(t * self.count) - 1
        if i == 0:
            return None
        share = (0.3 * torch.sin(x.detach()) + 1) / 2
        total = torch.exp(share * self.most[i].log() + (1 - share) * self.least[i].log())
        return (total - self.least[i]) / self.weight[i] ** 2


@dataclass(frozen=True)
class Table(Process):
    """a and s at equally spaced times: entry 0 at t = 1, the last one at t = 0."""

    scalings: tuple[float, ...]
    sigmas: tuple[float, ...]  # s/a

    def _at(self, t: Tensor, values: tuple[float, ...]) -> Tensor:
        index = ((1 - t) * (len(values) - 1)).round().long()
        return torch.tensor(values, dtype=torch.float64)[index]

    def a(self, t: Tensor) -> Tensor:
        return self._at(t, self.scalings)

    def b(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def s(self, t: Tensor) -> Tensor:
        return self._at(t, self.scalings) * self._at(t, self.sigmas)

    def phi(self, t: Tensor) -> Tensor:
        return self.a(t)


def sharp_net(data: Arrays, x: Tensor, sigma: float) -> Tensor:
    """D of the runs in EDM's form: from x0 + sigma eps."""
    spread = 1 + sigma**2
    return x / spread + 0.2 * sigma**2 / spread * torch.tanh(seen(data, x) / math.sqrt(spread))


def sharp_prior(data: Arrays, process: Process) -> functools.partial[Estimate]:
    """`sharp_net` on any process, of x/a and s/a."""

    def denoise(
        x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        time = torch.tensor(t, dtype=torch.float64)
        a, s = float(process.a(time)), float(process.s(time))
        return Estimate(sharp_net(data, x / a, s / a))

    return functools.partial(denoise)


def operator(data: Arrays, name: str = "A_matrix") -> Matrix:
    """The official operator, written out, on pictures."""
    return Matrix(tensor(data[name]), data["x_true"].shape[1:])
