"""Our processes and solvers as a scheduler of diffusers.

A pipeline asks a scheduler for `timesteps` and calls it once after each network call. Here
`set_timesteps` makes the plan of a solver on a grid and `step` carries it out; the configuration
says what the network was trained for (`schedule.Schedule`). States are those of our process. One
that joins x0 to a degraded signal y is given it by `set_degraded`; img2img pipelines then start
rightly of themselves, since their `add_noise` of y at strength 1 is the start of a bridge.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config  # noqa: TID253
from diffusers.schedulers.scheduling_utils import SchedulerMixin  # noqa: TID253
from diffusers.utils.outputs import BaseOutput  # noqa: TID253
from diffusers.utils.torch_utils import randn_tensor  # noqa: TID253
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.diffusers_bridge.calls import Calls
from undrift.common.diffusers_bridge.foreign import translate
from undrift.common.diffusers_bridge.forward import Forward
from undrift.common.diffusers_bridge.placement import place
from undrift.common.diffusers_bridge.schedule import build_schedule
from undrift.common.errors import UsageError
from undrift.common.processes.process import Process
from undrift.common.solvers import Solver, build_solver
from undrift.common.solvers.walk import Walk


@dataclass
class UndriftSchedulerOutput(BaseOutput):
    """prev_sample: the next state; pred_original_sample: the estimate of x0."""

    prev_sample: Tensor
    pred_original_sample: Tensor


class UndriftScheduler(Forward, SchedulerMixin, ConfigMixin):
    """Any process of `PROCESSES` with any solver of `SOLVERS` and grid of `GRIDS`.

    process, process_params: as `build_process` takes them; None is the discrete variance preserving
    process of the beta keys, which are diffusers' own. prediction_type: diffusers' name or one of
    `PREDICTIONS`. timestep_type: see `schedule`. sigma_d: spread of the data. scale_input: the
    network sees the state at unit variance. snap_timesteps: nodes are moved to whole steps. shift:
    of the nodes, t -> shift t / (1 + (shift - 1) t) (Esser et al. 2024, Eq. (23)); `mu` of
    `set_timesteps` replaces it, by e^mu or mu as time_shift_type says. Raises InputError or
    UsageError for unknown names. `solver` may be replaced by any Solver before `set_timesteps`.
    """

    @register_to_config
    def __init__(
        self,
        num_train_timesteps: int = 1000,
        beta_start: float = 0.0001,
        beta_end: float = 0.02,
        beta_schedule: str = "linear",
        trained_betas: Sequence[float] | None = None,
        rescale_betas_zero_snr: bool = False,
        prediction_type: str = "epsilon",
        clip_sample: bool = False,
        clip_sample_range: float = 1.0,
        process: str | None = None,
        process_params: dict[str, Any] | None = None,
        solver: str = "multistep-2",
        grid: str = "auto",
        sigma_d: float = 1.0,
        timestep_type: str = "index",
        scale_input: bool = False,
        snap_timesteps: bool = False,
        shift: float = 1.0,
        time_shift_type: str = "exponential",
    ):
        self.schedule = build_schedule(self.config)
        self.solver: Solver = build_solver(solver)
        self.order = 1
        self.timesteps, self.sigmas = torch.zeros(0), torch.zeros(0)
        self._begin_index: int | None = None
        self._step_index: int | None = None

    @classmethod
    def from_config(
        cls, config: Any = None, return_unused_kwargs: bool = False, **kwargs: Any
    ) -> Any:
        """From our own configuration or that of any scheduler of diffusers (see `foreign`)."""
        if isinstance(config, Mapping) and not {"solver", "grid"} <= {*config}:
            config = translate(config)
        return super().from_config(config, return_unused_kwargs, **kwargs)  # type: ignore[arg-type]

    @property
    def process(self) -> Process:
        """The process of the schedule."""
        return self.schedule.process

    @property
    def init_noise_sigma(self) -> float:
        """Standard deviation of a state at the start, for data of spread sigma_d around 0."""
        a, _, s = self.schedule.at(1.0)
        return math.hypot(a * self.schedule.sigma_d, s)

    @property
    def begin_index(self) -> int | None:
        """The call at which an img2img pipeline enters the run."""
        return self._begin_index

    @property
    def step_index(self) -> int | None:
        """The call that is next; None before the first."""
        return self._step_index

    def __len__(self) -> int:
        return self.schedule.steps

    def set_degraded(self, degraded: Tensor | None) -> Self:
        """Gives the degraded signal y, shaped like the state, to a process that needs it."""
        self.degraded = degraded
        return self

    def set_timesteps(
        self,
        num_inference_steps: int | None = None,
        device: str | torch.device | None = None,
        timesteps: Sequence[float] | None = None,
        sigmas: Sequence[float] | None = None,
        mu: float | None = None,
    ) -> None:
        """Makes the plan of n steps, or of steps at given timesteps or sigmas; ends clean.

        sigmas: s/a, or t for flow matching, before the shift. mu: see the class.
        Raises InputError for times outside the schedule.
        """
        settings, order = self.config, self.solver.order
        shift = settings["shift"]
        if mu is not None:
            shift = math.exp(mu) if settings["time_shift_type"] == "exponential" else mu
        nodes = place(self.schedule, settings, order, num_inference_steps, timesteps, sigmas, shift)
        self._calls = Calls(self.schedule, self.solver, nodes)
        self.timesteps = self._calls.timesteps.to(device)
        self.sigmas = self._calls.sigmas
        self.num_inference_steps = len(nodes) - 1
        self.order = max(1, round(len(self.timesteps) / self.num_inference_steps))
        self._walk: Walk | None = None
        self._begin_index = self._step_index = None

    def set_begin_index(self, begin_index: int = 0) -> None:
        """Enters the run at a later call, as img2img does; the solver begins afresh there.

        Raises UsageError if it cannot, since that call is not at a node.
        """
        if begin_index:
            self._calls = self._calls.rest(begin_index)
        self._begin_index = begin_index

    def scale_model_input(self, sample: Tensor, timestep: float | Tensor | None = None) -> Tensor:
        """What the network sees: the state, at unit variance if the configuration says so."""
        if not self.schedule.scaled:
            return sample
        return sample * self._calls.scales[self._place(timestep)]

    def step(
        self,
        model_output: Tensor,
        timestep: float | Tensor,
        sample: Tensor,
        eta: float = 0.0,
        use_clipped_model_output: bool | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        variance_noise: Tensor | None = None,
        degraded: Tensor | None = None,
        return_dict: bool = True,
    ) -> Any:
        """One step: an UndriftSchedulerOutput, or its pair of tensors without return_dict.

        sample: (b, c, *space), model_output the same or with twice the channels, of which the
        second half (a learned variance) is dropped. degraded: y, if not set before.
        variance_noise replaces drawn noise. eta and use_clipped_model_output are what pipelines of
        DDIM pass: UsageError for eta other than 0, since the solver says how much noise is drawn;
        a clipped estimate always counts. Raises UsageError before `set_timesteps` and after the
        end, InputError if y is needed and missing.
        """
        if eta:
            raise UsageError(f"eta is {eta:g}; take solver='ancestral' for noise in the steps")
        place = self._place(timestep)
        fine = torch.float32 if sample.dtype in (torch.float16, torch.bfloat16) else sample.dtype
        x, output = sample.to(fine), model_output[:, : sample.shape[1]].to(fine)
        y = self._signal(x) if degraded is None else degraded.to(x)

        def draw(number: int) -> Tensor:
            if variance_noise is not None:
                return variance_noise
            return randn_tensor(x.shape, generator, x.device, x.dtype)

        if self._walk is None:
            self._walk = Walk(x, self._calls.steps, y, draw)
        walk = self._walk
        walk.x, walk.y, walk.draw = x, y, draw
        x0 = self.schedule.clean(self._calls.parts[place], output, x, y)
        walk.advance(Estimate(x0))
        self._step_index = (self._begin_index or 0) + place + 1
        after, x0 = walk.x.to(sample.dtype), x0.to(sample.dtype)
        return UndriftSchedulerOutput(after, x0) if return_dict else (after, x0)

    def _place(self, timestep: float | Tensor | None) -> int:
        """The number of the call that is next, within what is left of the run."""
        if not len(self.timesteps):
            raise UsageError("call set_timesteps before the first step")
        if self._step_index is None:
            if self._begin_index is None:
                self.set_begin_index(self._calls.find(timestep))
            self._step_index = self._begin_index
        place = self._step_index - (self._begin_index or 0)  # type: ignore[operator]
        if place >= len(self._calls.times):
            raise UsageError("this run is over; call set_timesteps for another")
        return place
