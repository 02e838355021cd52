"""A stage where its network is: on a device, in a precision, without gradients."""

from collections.abc import Callable

import torch
from torch import Tensor

from undrift.common.devices import autocast
from undrift.speech.stages import Stage


class Placed:
    """A stage on the device of its network and in its precision, without gradients."""

    def __init__(self, stage: Stage, device: str, dtype: torch.dtype):
        self.stage, self.device, self.dtype = stage, device, dtype

    def push(self, frames: Tensor) -> Tensor:
        """As the stage's; frames come from the processor and go back to it."""
        return self._run(lambda: self.stage.push(frames.to(self.device)))

    def finish(self) -> Tensor:
        """As the stage's."""
        return self._run(self.stage.finish)

    def _run(self, act: Callable[[], Tensor]) -> Tensor:
        with torch.inference_mode(), autocast(self.device, self.dtype):
            return act().float().cpu()
