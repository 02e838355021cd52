"""StoRM (Lemercier et al. 2023): a predictive network, and a score network that repairs its result.

    y_d = D(y),      x_t on the path from x0 to y_d,      score = -F(x_t, y, y_d, ln t)

The score is told y and y_d ("both"), or one of them ("noisy", "post_denoiser"). A denoiser of this
package is asked with y_d in the place of y, since the path ends there; what else the score is told
is bound to the network:

    y_d = network.first(y)
    denoiser.with_network(network.given(y))(x, t, y_d)
"""

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from undrift.common.errors import InputError
from undrift.common.networks.ncsnpp.on_path import OnPath, refuse_level
from undrift.common.networks.ncsnpp.variants import build_ncsnpp

Condition = Literal["both", "noisy", "post_denoiser"]


class StormNetwork(OnPath):
    """denoiser, score: settings of the two `NCSNpp`. condition: what the score is told.

    The remaining arguments are those of `OnPath`. Raises InputError for another condition.
    """

    def __init__(
        self,
        denoiser: dict[str, object],
        score: dict[str, object],
        process: dict[str, object],
        condition: Condition = "both",
        sigma_d: float = 0.1,
        least: float = 0.03,
        most: float = 1.0,
        padding: str = "zero",
    ):
        super().__init__(process, sigma_d, least, most, padding)
        if condition not in get_args(Condition):
            raise InputError(
                f"condition {condition!r} is not one of {', '.join(get_args(Condition))}"
            )
        self.condition = condition
        self.denoiser_net = build_ncsnpp(**denoiser)
        self.score_net = build_ncsnpp(**score)

    def first(self, y: Tensor) -> Tensor:
        """The predictive estimate y_d of noisy y: (b, 2, bins, frames), any number of frames."""
        return self.denoiser_net(self.padded(y, self.denoiser_net.multiple))[..., : y.shape[-1]]

    def raw(self, x: Tensor, y_d: Tensor, t: Tensor, y: Tensor) -> Tensor:
        """The authors' score at (b,) times; x, y_d, y: (b, 2, bins, frames).

        Raises InputError for bins or frames that do not halve often enough.
        """
        told = {"both": [y, y_d], "noisy": [y], "post_denoiser": [y_d]}[self.condition]
        return -self.score_net(torch.cat([x, *told], 1), t)

    def given(self, y: Tensor) -> nn.Module:
        """This network bound to the noisy y, with the signature that a denoiser asks for."""
        return _Given(self, y)

    def noise_of(self, inputs: Tensor, psi: Tensor, y: Tensor) -> Tensor:
        """eps of each real channel for what a denoiser shows, whose condition is y_d."""
        x, y_d, time = self.state(inputs, psi)
        t, multiple = time.to(x.dtype), self.score_net.multiple
        state, estimate, noisy = (self.padded(v, multiple) for v in (x, y_d, y.expand_as(x)))
        return self.noise(self.raw(state, estimate, t, noisy)[..., : x.shape[-1]], t)

    def forward(self, inputs: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        """As `Denoiser` asks. Raises InputError where the score is told y, see `given`."""
        refuse_level(level)
        if self.condition != "post_denoiser":
            raise InputError("this score network is told the noisy signal too: see `given`")
        return self.noise_of(inputs, psi, inputs.chunk(2, 1)[1])


class _Given(nn.Module):
    """y: (b or 1, 2, bins, frames)."""

    def __init__(self, network: StormNetwork, y: Tensor):
        super().__init__()
        self.network, self.y = network, y

    def forward(self, inputs: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        refuse_level(level)
        return self.network.noise_of(inputs, psi, self.y)
