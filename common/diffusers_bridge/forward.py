"""The forward side of a scheduler: noisy states, starts and targets."""

import torch
from torch import Tensor

from undrift.common import predictions
from undrift.common.diffusers_bridge.schedule import Schedule
from undrift.common.errors import InputError
from undrift.common.processes.process import marginal, start


class Forward:
    """What a scheduler does without a run; timesteps are what the network is told, (b,)."""

    schedule: Schedule
    degraded: Tensor | None = None

    def add_noise(self, original_samples: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """x_t = a x0 + b y + s eps for x0 = original_samples; all (b, c, *space).

        Raises InputError if the process joins x0 to y and `set_degraded` was not called.
        """
        y, t = self._signal(original_samples), self._times(timesteps, original_samples)
        x = marginal(self.schedule.process, original_samples, y, t, noise)
        return x.to(original_samples.dtype)

    def start(self, noise: Tensor) -> Tensor:
        """The state where a run begins: (a + b) y + s noise; InputError as for `add_noise`."""
        return start(self.schedule.process, self._signal(noise), noise)

    def training_target(self, sample: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """What the network should give where x0 = sample and eps = noise, (b, c, *space)."""
        target = self._target(self.schedule.prediction, sample, noise, timesteps)
        return self.schedule.sign * target

    def get_velocity(self, sample: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """diffusers' v = cos(psi) eps - sin(psi) x0 / sigma_d; eps - x0 for flow matching."""
        if self.schedule.prediction == "velocity":
            return self._target("velocity", sample, noise, timesteps)
        return -self._target("balanced", sample, noise, timesteps)

    def _target(self, name: str, sample: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        y, t = self._signal(sample), self._times(timesteps, sample)
        pqr = predictions.weights(name, self.schedule.process, t, self.schedule.sigma_d)
        y = torch.zeros_like(sample) if y is None else y
        return predictions.target(pqr, sample, y, noise).to(sample.dtype)

    def _signal(self, like: Tensor) -> Tensor | None:
        if not self.schedule.process.needs_degraded:
            return None
        if self.degraded is None:
            name = type(self.schedule.process).__name__
            raise InputError(f"{name} joins x0 to y; call set_degraded(y) before")
        return self.degraded.to(like)

    def _times(self, timesteps: Tensor, like: Tensor) -> Tensor:
        times = [self.schedule.time(value) for value in timesteps.flatten().tolist()]
        return torch.tensor(times, dtype=torch.float64, device=like.device)
