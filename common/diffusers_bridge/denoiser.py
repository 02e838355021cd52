"""A network of diffusers as our denoiser: its inputs, its time value, its target, its variance.

A network with twice the channels also gives the variance of the reverse step (Nichol and Dhariwal
2021, Eq. (15)): ln Sigma = v ln beta + (1 - v) ln beta~ with v = (output + 1)/2 ("learned_range"),
or Sigma itself ("learned"). The law of total variance turns it into that of x0,

    Var(x0 | x_i) = (Sigma - beta~) / c^2,    c = sqrt(abar_{i-1}) beta_i / (1 - abar_i),

with c the weight of x0 in the posterior mean (Ho et al. 2020, Eq. (7)); exact at whole steps i >= 1
of the training schedule, and given only there.
"""

import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from undrift.common.blending import blend
from undrift.common.denoisers import Estimate
from undrift.common.diffusers_bridge.latents import Latents
from undrift.common.diffusers_bridge.schedule import Parts, Schedule
from undrift.common.errors import InputError
from undrift.common.processes.process import Process


@dataclass(frozen=True)
class _Known:
    """What a time implies: the weights of x0, the time value, the scale of the input, and beta~,
    beta and c of the reverse step where it is one of the training schedule."""

    parts: Parts
    timestep: float
    scale: float
    reverse: tuple[float, float, float] | None


class PipelineDenoiser(nn.Module):
    """network(inputs, timestep=..., **conditions) -> output, of any of diffusers' models.

    conditions: passed on at every call (class_labels, encoder_hidden_states, ...). variance_type:
    what the second half of a doubled output means, "learned", "learned_range" or nothing. latents:
    the autoencoder, if the pipeline has one.
    """

    def __init__(
        self,
        network: nn.Module,
        schedule: Schedule,
        *,
        variance_type: str | None = None,
        latents: Latents | None = None,
        conditions: Mapping[str, object] | None = None,
    ):
        super().__init__()
        self.network = network
        self.schedule = schedule
        self.variance_type = variance_type
        self.latents = latents
        self.conditions = dict(conditions or {})
        self._accepted = inspect.signature(network.forward).parameters
        self._remembered: dict[float, _Known] = {}
        if unknown := {*self.conditions} - {*self._accepted}:
            raise InputError(
                f"{type(network).__name__} takes no {', '.join(sorted(unknown))}; it takes "
                f"{', '.join(self._accepted)}"
            )

    @property
    def process(self) -> Process:
        """The process the network was trained on."""
        return self.schedule.process

    @property
    def channels(self) -> tuple[int, int]:
        """Channels the network takes and gives."""
        config = cast(Mapping[str, int], self.network.config)
        inputs = config["in_channels"]
        return inputs, config.get("out_channels") or inputs

    @property
    def missing(self) -> list[str]:
        """Conditions that the network asks for at every call, and was not given."""
        given = {"timestep", *self.conditions}
        return [
            name
            for name, value in [*self._accepted.items()][1:]
            if value.default is value.empty
            and value.kind is value.POSITIONAL_OR_KEYWORD
            and name not in given
        ]

    def with_conditions(self, **conditions: object) -> "PipelineDenoiser":
        """The same network under other conditions; raises InputError for names it does not take."""
        return PipelineDenoiser(
            self.network,
            self.schedule,
            variance_type=self.variance_type,
            latents=self.latents,
            conditions={**self.conditions, **conditions},
        )

    def forward(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """Estimates x0 from x at time t; y joins as further channels where the network has them.

        Raises InputError if the channels of x and y are not those of the network.
        """
        known = self._known(t)
        out = self._call(x, y, known)
        width = x.shape[1]
        x0 = self.schedule.clean(known.parts, out[:, :width], x, y)
        return Estimate(x0, None, self._variance(out[:, width:], known))

    def combined(
        self,
        x: Tensor,
        t: float,
        y: Tensor | None,
        level: Tensor | None,
        weights: tuple[float, float, float],
    ) -> Tensor:
        """A x + B x0 + C y for weights (A, B, C), with fewer passes since x0 is never formed."""
        A, B, C = weights
        if self.schedule.clip is not None:
            x0 = self.forward(x, t, y, level).x0
            return blend(x, A, x0, B, y, C)
        known = self._known(t)
        of_out, of_x, of_y = known.parts
        out = self._call(x, y, known)[:, : x.shape[1]]
        of_y = 0.0 if y is None else of_y
        return blend(x, A + B * of_x, out, B * of_out, y, B * of_y + C)

    def _call(self, x: Tensor, y: Tensor | None, known: _Known) -> Tensor:
        inputs = self._inputs(x, y, known.scale)
        whole = float(known.timestep).is_integer()
        kind = torch.int64 if whole else torch.float32
        timestep = torch.full((len(x),), known.timestep, dtype=kind, device=x.device)
        return self.network(inputs, timestep=timestep, **self.conditions, return_dict=False)[0]

    def _inputs(self, x: Tensor, y: Tensor | None, scale: float) -> Tensor:
        inputs = x if scale == 1 else x * scale
        wanted, given = self.channels[0], x.shape[1] + (0 if y is None else y.shape[1])
        if x.shape[1] == wanted:
            return inputs
        if y is None or given != wanted:
            raise InputError(f"the network takes {wanted} channels, x and y have {given}")
        return torch.cat([inputs, y], dim=1)

    def _known(self, t: float) -> _Known:
        if t not in self._remembered:
            schedule = self.schedule
            parts, timestep = schedule.to_clean(t), schedule.timestep(t)
            known = _Known(parts, timestep, schedule.input_scale(t), self._reverse(t))
            self._remembered[t] = known
        return self._remembered[t]

    def _reverse(self, t: float) -> tuple[float, float, float] | None:
        place = self.schedule.steps * t
        if self.schedule.timestep_type != "index" or abs(place - round(place)) > 1e-6 or place < 2:
            return None
        (a, _, s), (before, _, less) = (
            self.schedule.at(v) for v in (t, t - 1 / self.schedule.steps)
        )
        beta = 1 - (a / before) ** 2
        return (less / s) ** 2 * beta, beta, before * beta / s**2

    def _variance(self, head: Tensor, known: _Known) -> Tensor | None:
        learned = self.variance_type in ("learned", "learned_range")
        if not head.shape[1] or not learned or known.reverse is None:
            return None
        least, most, weight = known.reverse
        if self.variance_type == "learned":
            spread = head - least
        else:
            share = (head + 1) / 2
            spread = least * torch.expm1(share * math.log(most / least))
        return spread.clamp(min=0) / weight**2
