"""A posterior problem: prior, operator, measurement and noise, and how well x explains it."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.operators.diagonal import Diagonal
from undrift.common.operators.noise_models import Gaussian, NoiseModel
from undrift.common.operators.operator import Operator, require_finite
from undrift.common.posterior.priors import Prior


@dataclass(frozen=True, eq=False)
class Problem:
    """measurement: (1, *shape_out) of the operator. degraded: a bridge's own y, (1, *shape_in).

    level: of the degradation, as the prior's network takes it. Raises InputError where the parts do
    not fit one another.
    """

    prior: Prior
    operator: Operator
    measurement: Tensor
    noise: NoiseModel
    degraded: Tensor | None = None
    level: Tensor | None = None

    def __post_init__(self) -> None:
        self.operator.check_measurement(self.measurement)
        if self.operator.field_in == "complex":
            raise InputError(
                f"{self.operator!r} takes complex signals; the prior restores real ones; use "
                "operator @ FromReal(shape), or operator @ FromChannels(shape) for two channels"
            )
        if self.operator.field_out != "complex" and self.measurement.is_complex():
            raise InputError(
                f"got a complex measurement; {self.operator!r} gives real values of a real signal; "
                "pass y.real, or an operator from real to complex values"
            )
        bridge = self.degraded is not None or self.prior.needs_degraded
        if self.prior.latent is not None and bridge:
            raise InputError(
                f"{self.prior.name} is a prior of latents, with a degraded signal of its own; "
                "expected none; leave out degraded=, or take a prior of pictures"
            )
        if self.degraded is not None:
            self.operator.check_signal(self.degraded)
            require_finite(self.degraded, "degraded")
        elif self.prior.needs_degraded:
            raise InputError(
                f"{self.prior.name} restores a degraded signal of its own; pass degraded=, shaped "
                f"{self.operator.shape_in}, or take a prior that needs none"
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """(1, c, *space) of the state: the signal, or its latents."""
        latent = self.prior.latent
        return (1, *(self.operator.shape_in if latent is None else latent.latent_shape))

    def behind(self, operator: Operator) -> Operator:
        """An operator of signals as one of states: behind the decoder of a prior of latents."""
        latent = self.prior.latent
        return operator if latent is None else latent.through(operator)

    def signal(self, state: Tensor) -> Tensor:
        """What a clean state shows, (b, c, *space): itself, or latents decoded."""
        return state if self.prior.latent is None else self.prior.latent.decode(state)

    @property
    def exact(self) -> bool:
        """Whether the noise is 0."""
        return isinstance(self.noise, Gaussian) and not bool(
            torch.as_tensor(self.noise.sigma).any()
        )

    def seen(self) -> Tensor:
        """Where anything is measured: rows of A that are not 0, bool like the measurement."""
        generator = torch.Generator().manual_seed(0)
        shape = (1, *self.operator.shape_in)
        probe = 0.25 + 0.5 * torch.rand(shape, generator=generator)
        real = self.measurement.real if self.measurement.is_complex() else self.measurement
        value, jacobian = self.operator.linearise(probe.to(real))
        return (jacobian(probe.to(real)).abs() > 0) | (value.abs() > 0)

    def plain(self) -> tuple[Operator, Tensor, float]:
        """Operator, measurement and one sigma for all of it; other noise is whitened to sigma 1.

        Where the variance depends on the signal, that of the measurement is taken.
        """
        noise, seen = self.noise, self.measurement * self.seen()
        if isinstance(noise, Gaussian) and torch.as_tensor(noise.sigma).numel() == 1:
            return self.operator, seen, float(noise.sigma)
        root = torch.sqrt(noise.precision(self.measurement)).expand(self.measurement.shape)[0]
        whiten = Diagonal(root, self.operator.shape_out)
        return whiten @ self.operator, whiten(seen), 1.0

    def residual(self, x: Tensor) -> Tensor:
        """m - A(x), 0 where nothing is measured; x: (k, c, *space)."""
        return (self.measurement - self.operator(x)) * self.seen()

    def chi(self, x: Tensor) -> Tensor:
        """The misfit of each of x in units of the noise, (k,), where it is measured; 1 is right."""
        value = self.operator(x)
        precision = (self.noise.precision(value) * self.seen()).expand(value.shape)
        parts = 2 if value.is_complex() else 1
        total = ((self.measurement - value).abs() ** 2 * precision).flatten(1).sum(1)
        return torch.sqrt(total / (parts * (precision > 0).flatten(1).sum(1)))

    def to(self, device: str, dtype: torch.dtype) -> "Problem":
        """Measurement and degraded signal on a device, in a real precision."""

        def moved(v: Tensor) -> Tensor:
            return v.to(device, dtype.to_complex() if v.is_complex() else dtype)

        degraded = None if self.degraded is None else moved(self.degraded)
        return replace(self, measurement=moved(self.measurement), degraded=degraded)
