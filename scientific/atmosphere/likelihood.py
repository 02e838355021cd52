"""All sources of a field as one operator, what explains them, and how well it does.

    y = (y_1, y_2, ...),   A x = (A_1 x, A_2 x, ...),   R = diag(R_1, R_2, ...),   x = T^-1(z)

The sources are stacked and not solved one after the other: where two of them see the same place,
the covariance of the pair decides who is believed, and by how much. Every row is in units of its
own error, so that the noise of the stack is 1; the prior lives in z, see `transforms`.

Which covariance x0 has around its estimate is what methods differ in (`METHODS`): the exact
posterior of a Gaussian needs the full one. chi = sqrt(mean of ((y - A x) / error)^2) of a source is
near 1 for a field drawn from the posterior, as the truth is one too; far above 1 the field ignores
the source, or its errors are stated too small; far below, they are stated too large.
"""

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Operator
from undrift.common.operators.stack import Stack
from undrift.common.posterior.conditional import Conditional
from undrift.common.posterior.gradient import DPS
from undrift.common.posterior.moment_matching import MomentMatching
from undrift.common.posterior.pigdm import PiGDM
from undrift.common.posterior.warm import Warm
from undrift.common.processes.process import Process
from undrift.common.solvers.loop import Denoise
from undrift.scientific.atmosphere.climatology import KnownCovariance
from undrift.scientific.atmosphere.sources import Place, Seen, Source
from undrift.scientific.atmosphere.transforms import Physical, Scale

# name -> class, its own options. The first is the default.
METHODS: Mapping[str, tuple[type[Conditional], Mapping[str, Any]]] = {
    "tweedie": (MomentMatching, {"iterations": 5}),
    "tweedie-gmres": (MomentMatching, {"iterations": 5, "method": "gmres"}),
    "sda": (DPS, {"rule": "sda", "gamma": 0.05}),
    "dps": (DPS, {"rule": "annealed"}),
    "pigdm": (PiGDM, {}),
    "climatology": (KnownCovariance, {}),
}
_NEAR = 0.25  # of chi from 1, beyond what its own scatter explains
_SCATTER = 3.0  # deviations of chi, which is about 1 / sqrt(2 m)


class Observed(Operator):
    """z -> the whitened rows of all sources. Its Jacobian is a product of known operators."""

    def __init__(self, rows: LinearOperator, physical: Physical):
        super().__init__(physical.shape_in, rows.shape_out, "real", "real")
        self.rows, self.physical = rows, physical

    def _forward(self, x: Tensor) -> Tensor:
        return self.rows._forward(self.physical._forward(x))

    def linearise(self, x: Tensor) -> tuple[Tensor, LinearOperator]:
        """A(T^-1 z), and A times the slope of T^-1."""
        value, slope = self.physical.linearise(x)
        return self.rows(value), self.rows @ slope


class Beside(Operator):
    """r -> A(mean + r). mean: (c, rows, columns) in the units of z."""

    def __init__(self, operator: Operator, mean: Tensor):
        super().__init__(operator.shape_in, operator.shape_out, "real", "real")
        self.operator, self.mean = operator, mean

    def _forward(self, x: Tensor) -> Tensor:
        return self.operator._forward(self.mean + x)

    def linearise(self, x: Tensor) -> tuple[Tensor, LinearOperator]:
        """A(mean + r), and the Jacobian there."""
        return self.operator.linearise(self.mean.to(x) + x)


class Likelihood:
    """sources: what was seen of a field at `place`; scale: between z and physical units.

    Raises InputError where a source does not fit the field, or two have one name.
    """

    def __init__(self, sources: Sequence[Source], place: Place, scale: Scale):
        names = [source.name for source in sources]
        if not names or len(set(names)) != len(names):
            raise InputError(
                f"got sources named {', '.join(names) or 'nothing'}; expected one or more, with "
                "names that differ; pass name= to a source"
            )
        self.seen: list[Seen] = [source.observe(place) for source in sources]
        self.rows = Stack([seen.operator for seen in self.seen])
        self.operator: Operator = Observed(self.rows, Physical(scale, place.full))
        self.measurement = torch.cat([seen.values for seen in self.seen])[None]

    def conditional(
        self, denoise: Denoise, process: Process, sigma_d: float, method: str = "tweedie",
        dtype: torch.dtype = torch.float32, **options: Any,
    ) -> Conditional:  # fmt: skip
        """A denoiser that knows the sources. options: fields of the method's class.

        Raises UsageError for unknown methods and options.
        """
        if method not in METHODS:
            raise UsageError(
                f"method {method!r} is not one of {', '.join(METHODS)}{nearest(method, METHODS)}"
            )
        kind, preset = METHODS[method]
        known = set(kind.__dataclass_fields__) - set(Conditional.__dataclass_fields__)
        for name in options:
            if name not in known:
                raise UsageError(
                    f"method {method} has no option {name!r}; it has "
                    f"{', '.join(sorted(known)) or 'none'}{nearest(name, known)}"
                )
        if kind is DPS:
            options = {"units": self.units(), **options}
        return kind(
            denoise, process, self.operator, self.measurement.to(dtype), 1.0, sigma_d,
            warm=Warm(), **{**preset, **options},
        )  # fmt: skip

    def beside(self, mean: Tensor) -> "Likelihood":
        """The same of r = z - mean, (c, rows, columns): observations moved to the residual."""
        moved = copy.copy(self)
        moved.operator = Beside(self.operator, mean)
        return moved

    def units(self) -> Tensor:
        """(m,) what a field of 1 deviation everywhere would change in each value."""
        zero = torch.zeros(1, *self.operator.shape_in, dtype=torch.float64)
        return self.operator.linearise(zero)[1](torch.ones_like(zero))[0].abs()

    def chi(self, z: Tensor) -> dict[str, list[float]]:
        """Source -> the misfit of each member of z (members, c, rows, columns); 1 is right."""
        left = (self.measurement - self.operator(z.double())).square()
        parts = left.split(self.rows.counts, 1)
        return {
            seen.name: part.mean(1).sqrt().tolist()
            for seen, part in zip(self.seen, parts, strict=True)
        }

    def counts(self) -> dict[str, int]:
        """Source -> the number of values that count."""
        return {s.name: n for s, n in zip(self.seen, self.rows.counts, strict=True)}


def overall(chi: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Source -> the root mean square over the members."""
    return {name: math.sqrt(sum(v * v for v in each) / len(each)) for name, each in chi.items()}


def complaints(chi: Mapping[str, float], counts: Mapping[str, int]) -> list[str]:
    """A sentence for each source whose chi is far from 1."""
    found = []
    for name, value in chi.items():
        slack = _NEAR + _SCATTER / math.sqrt(2 * counts[name])
        if value > 1 + slack:
            found.append(
                f"source '{name}': chi {value:.2f} of {counts[name]} values; the fields contradict "
                "it: its std may be too small, or it and another source disagree"
            )
        elif value < 1 - slack:
            found.append(
                f"source '{name}': chi {value:.2f} of {counts[name]} values; the fields copy it: "
                "its std may be too large"
            )
    return found
