"""The four small networks of ScoreDVI, fitted to one picture: its means, precisions and weights.

x-net, a U-shaped network with batch normalisation, gives K means and variances; three plain
networks of five layers give the Gamma, the weights and the Dirichlet. The means are
a given start plus what the x-net says, so that the fit begins there.
"""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from undrift.common.networks.local_nafnet import pad_to_multiple

_LAYERS, _WIDTH = 5, 32
_TINY = 1e-4  # least shape, rate and concentration


class Plain(nn.Sequential):
    """Five 3x3 layers of 32 channels; the last begins near zero."""

    def __init__(self, inputs: int, outputs: int):
        widths = [inputs] + [_WIDTH] * (_LAYERS - 1)
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(widths):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU()]
        last = nn.Conv2d(_WIDTH, outputs, 3, padding=1)
        nn.init.normal_(last.weight, std=1e-3)
        nn.init.zeros_(last.bias)  # type: ignore[arg-type]
        super().__init__(*layers, last)


class SmallUNet(nn.Module):
    """(b, inputs, h, w) -> (b, outputs, h, w), three levels with batch normalisation."""

    def __init__(self, inputs: int, outputs: int, width: int = 32):
        super().__init__()
        self.enter = _pair(inputs, width)
        self.down = _pair(width, 2 * width)
        self.deep = _pair(2 * width, 2 * width)
        self.up = _pair(4 * width, width)
        self.out = _pair(2 * width, width)
        self.last = nn.Conv2d(width, outputs, 1)
        nn.init.normal_(self.last.weight, std=1e-3)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        first = self.enter(pad_to_multiple(x, 4))
        second = self.down(F.avg_pool2d(first, 2))
        third = F.interpolate(self.deep(F.avg_pool2d(second, 2)), scale_factor=2)
        back = F.interpolate(self.up(torch.cat([second, third], 1)), scale_factor=2)
        return self.last(self.out(torch.cat([first, back], 1)))[..., :height, :width]


class Posterior(nn.Module):
    """All parameters of the posterior of a picture y (1, c, h, w) with noise near a map.

    mean and variance begin at `start` and (noise/2)^2, the Gamma at shape a0 + 1/2 and at the noise
    (1, 1, h, w), the weights equal.
    """

    def __init__(self, channels: int, components: int, alpha0: float):
        super().__init__()
        self.channels, self.components = channels, components
        self.x_net = SmallUNet(channels, 2 * components * channels)
        self.phi_net = Plain(channels, 2 * channels)
        mixed = components > 1
        self.z_net = Plain(channels, components) if mixed else None
        self.omega_net = Plain(channels, components) if mixed else None
        self.shape0 = alpha0 + 0.5

    def forward(self, y: Tensor, start: Tensor, noise: Tensor, spread: float) -> dict[str, Tensor]:
        """mu, v (K, c, h, w); alpha, beta (1, c, h, w); pi, d (K, 1, h, w). spread: of y."""
        shown = (y - y.mean()) / spread
        out = self.x_net(shown)[0].reshape(2, self.components, self.channels, *y.shape[2:])
        mu = start + out[0] * spread
        v = torch.exp(out[1].clamp(-8, 4)) * (noise / 2) ** 2
        phi = self.phi_net(shown).clamp(-8, 8)
        alpha = self.shape0 * torch.exp(phi[:, : self.channels]) + _TINY
        variance = noise**2 * torch.exp(phi[:, self.channels :])
        found = {"mu": mu, "v": v, "alpha": alpha, "beta": alpha * variance}
        if self.z_net is None or self.omega_net is None:
            one = torch.ones_like(y[:, :1])
            return {**found, "pi": one, "d": one}
        pi = torch.softmax(self.z_net(shown)[0], 0)[:, None]
        d = torch.exp(self.omega_net(shown)[0].clamp(-8, 8))[:, None] + _TINY
        return {**found, "pi": pi, "d": d}


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU(),
    )  # fmt: skip
