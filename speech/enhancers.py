"""A noisy spectrogram to an estimate of the clean one, by a model and the sampler of its paper.

Chunks of a long recording go through here one by one (`chunks.Chunked`): frames are continued to
the multiple that the network halves, noise is drawn by the absolute frame, so that chunks which
overlap have seen the same, and what was added is cut off again.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from undrift.common.denoisers import Denoiser
from undrift.common.noise import Noise
from undrift.speech.checkpoints import SpeechCheckpoint
from undrift.speech.padded_frames import pad_frames
from undrift.speech.storm import Sampler, has_two_stages, repaired


@dataclass(frozen=True)
class SpectrogramEnhancer:
    """Call it with y and the number of its first frame. padding: a name of `PADDINGS`."""

    denoiser: Denoiser
    sampler: Sampler
    noise: Noise
    multiple: int = 64
    padding: str = "reflect"

    @torch.inference_mode()
    def __call__(self, y: Tensor, first: int = 0) -> Tensor:
        """y: (b, 2, bins, frames), any number of frames; the same noise for every item."""
        frames = y.shape[-1]
        whole = pad_frames(y, self.multiple, self.padding)

        def draw(number: int) -> Tensor:
            shape = (1, *whole.shape[1:])
            drawn = self.noise(shape, number, origin=(0, first), device=whole.device)
            return drawn.expand_as(whole)

        if has_two_stages(self.denoiser):
            x0 = repaired(self.denoiser, self.sampler, whole, draw)
        else:
            x0 = self.sampler(self.denoiser, self.denoiser.process, whole, draw)
        return x0[..., :frames]

    @property
    def calls(self) -> int | None:
        """Network calls of one chunk; None where a step control decides."""
        planned = self.sampler.planned_calls(self.denoiser.process)
        return None if planned is None else planned + has_two_stages(self.denoiser)


def enhancer_of(
    checkpoint: SpeechCheckpoint, noise: Noise, steps: int | None = None
) -> SpectrogramEnhancer:
    """The model of a converted checkpoint as its authors run it; steps: in place of theirs."""
    sampler = checkpoint.sampler
    if steps is not None:
        sampler = replace(sampler, steps=steps)
    return SpectrogramEnhancer(checkpoint.denoiser, sampler, noise, padding=checkpoint.padding)
