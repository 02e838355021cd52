"""The networks of SGMSE, SGMSE+, SB-VE and BBED with the scalings around them.

Their `ScoreModel.forward` gives, from F = network(c_in x, c_in y, ln t) and, where so trained, F/S
or F/t in place of F (Richter et al. 2025, below Eq. (7)),

    "score"      sign (c_skip x + c_out F), the score -(x - mean)/S^2 of complex data
    "denoiser"   (F - x)/S^2, the same from an estimate of the mean
    "x0"         sign (c_skip x + c_out F), an estimate of x0 (bridges)

with sign -1 and no scalings for all networks but ncsnpp_v2. The EDM scalings (Karras et al. 2022,
Table 1) are c_in = 1/R, c_out = S d/R and c_skip = d^2/R^2 with d = sigma_data, R^2 = S^2 + d^2.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.networks.ncsnpp.on_path import OnPath, refuse_level
from undrift.common.networks.ncsnpp.variants import build_ncsnpp
from undrift.common.processes.process import over

Gives = Literal["score", "denoiser", "x0"]
In = Literal["1", "edm"]
Out = Literal["1", "sigma", "1/sigma", "edm"]
Skip = Literal["0", "edm"]
Division = Literal["none", "1/sigma", "1/t"]


@dataclass(frozen=True)
class Rules:
    """How an answer is read, see the module; names as in the authors' options.

    Raises InputError for a name that is none of them.
    """

    gives: Gives = "score"
    sign: int = -1
    c_in: In = "1"
    c_out: Out = "1"
    c_skip: Skip = "0"
    division: Division = "none"
    sigma_data: float = 0.1

    def __post_init__(self) -> None:
        known = {"gives": Gives, "c_in": In, "c_out": Out, "c_skip": Skip, "division": Division}
        for name, kind in known.items():
            if getattr(self, name) not in get_args(kind):
                choice = ", ".join(get_args(kind))
                raise InputError(f"{name} {getattr(self, name)!r} is not one of {choice}")
        if self.sign not in (1, -1):
            raise InputError(f"sign {self.sign} is not 1 or -1")

    def shown(self, x: Tensor, S: Tensor) -> Tensor:
        """c_in x."""
        return x if self.c_in == "1" else x / self._root(S)

    def read(self, F: Tensor, x: Tensor, S: Tensor, t: Tensor) -> Tensor:
        """The answer; S and t broadcast over x."""
        if self.division != "none":
            F = F / (S if self.division == "1/sigma" else t)
        if self.gives == "denoiser":
            return (F - x) / S**2
        out = {"1": 1.0, "sigma": S, "1/sigma": 1 / S}.get(self.c_out)
        F = F * (S * self.sigma_data / self._root(S) if out is None else out)
        if self.c_skip == "edm":
            F = F + (self.sigma_data / self._root(S)) ** 2 * x
        return self.sign * F

    def _root(self, S: Tensor) -> Tensor:
        return torch.sqrt(S**2 + self.sigma_data**2)


class ScoreNetwork(OnPath):
    """(b, 4, bins, frames), angles (b,) -> (b, 2, bins, frames): eps, or (x0 - y)/sigma_d.

    The first with prediction "eps" of its denoiser, the second, of rules that give x0, with "x0".
    backbone: settings of `NCSNpp`. rules: of `Rules`. Any number of frames: zeros are added to a
    multiple. The remaining arguments are those of `OnPath`.
    """

    def __init__(
        self,
        backbone: dict[str, object],
        process: dict[str, object],
        rules: dict[str, object] | None = None,
        sigma_d: float = 0.1,
        least: float = 0.03,
        most: float = 1.0,
        padding: str = "zero",
    ):
        super().__init__(process, sigma_d, least, most, padding)
        self.rules = Rules(**(rules or {}))  # type: ignore[arg-type]
        self.dnn = build_ncsnpp(**backbone)

    def raw(self, x: Tensor, y: Tensor, t: Tensor) -> Tensor:
        """What the authors' model gives at times (b,), see the module; x, y: (b, 2, bins, frames).

        Raises InputError for bins or frames that do not halve often enough.
        """
        S = over(self.deviation(t), x)
        shown = torch.cat([self.rules.shown(x, S), self.rules.shown(y, S)], 1)
        return self.rules.read(self.dnn(shown, t), x, S, over(t, x))

    def forward(self, inputs: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        """As `Denoiser` asks; raises ValueError for a level."""
        refuse_level(level)
        x, y, time = self.state(inputs, psi)
        state, noisy = (self.padded(part, self.dnn.multiple) for part in (x, y))
        t = time.to(x.dtype)
        answer = self.raw(state, noisy, t)[..., : x.shape[-1]]
        return (answer - y) / self.sigma_d if self.rules.gives == "x0" else self.noise(answer, t)
