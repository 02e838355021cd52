"""The spectrogram of a signal that comes in blocks, and back: the whole's, with bounded memory.

Frame k sees the samples [k hop - n_fft/2, k hop + n_fft/2); it can be made once they are there. The
first and last frames see the mirrored border, so that the beginning waits for half a window and the
end for `finish`. Back again, a sample is final once every frame that covers it has come: frames are
added up in pieces of one hop, together with the squares of the window that they are divided by.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from undrift.speech.spectrogram import Spectrogram


class Analysis:
    """Blocks of samples (b, n) to the frames of `Spectrogram.stft` of the whole, uncompressed.

    samples: how many have come; frames: how many have been given. Use it for one signal.
    """

    def __init__(self, spectrogram: Spectrogram):
        self.spectrogram = spectrogram
        self.samples = 0
        self.frames = 0
        self._half = spectrogram.n_fft // 2
        self._held: Tensor | None = None
        self._first = 0  # the position of the first held sample; the mirrored ones are below 0

    def push(self, block: Tensor) -> Tensor:
        """Complex (b, bins, frames) that can be made now; often none."""
        self.samples += block.shape[-1]
        self._held = block if self._held is None else torch.cat([self._held, block], -1)
        if self.frames == 0 and self._first == 0:
            if self.samples <= self._half:
                return self._none()
            self._mirror_start()
        end = self._first + self._held.shape[-1]
        last = (end + self._half - self.spectrogram.n_fft) // self.spectrogram.hop
        return self._made(last + 1)

    def finish(self) -> Tensor:
        """The frames that see the end. Gives none where nothing has come."""
        if self._held is None:
            return self._none()
        if self.samples <= self._half:  # too short to be mirrored
            self._held = F.pad(self._held, (self._half, self._half))
            self._first = -self._half
        else:
            last = self._held.shape[-1] - 1
            mirrored = self._held[..., last - self._half : last].flip(-1)
            self._held = torch.cat([self._held, mirrored], -1)
        return self._made(self.spectrogram.frames(self.samples))

    def _mirror_start(self) -> None:
        if self._held is not None:
            mirrored = self._held[..., 1 : self._half + 1].flip(-1)
            self._held = torch.cat([mirrored, self._held], -1)
            self._first = -self._half

    def _made(self, until: int) -> Tensor:
        """Frames from the next one to `until`; forgets what no later frame, nor a mirror, needs."""
        count, hop = until - self.frames, self.spectrogram.hop
        if count <= 0 or self._held is None:
            return self._none()
        start = self.frames * hop - self._half - self._first
        seen = self._held[..., start : start + (count - 1) * hop + self.spectrogram.n_fft]
        made = torch.stft(
            seen, self.spectrogram.n_fft, hop, window=self.spectrogram._window(seen),
            center=False, return_complex=True,
        )  # fmt: skip
        self.frames = until
        end = self._first + self._held.shape[-1]
        keep = min(until * hop - self._half, end - self._half - 1)
        if keep > self._first:
            self._held = self._held[..., keep - self._first :].clone()
            self._first = keep
        return made

    def _none(self) -> Tensor:
        shape = (0,) if self._held is None else self._held.shape[:-1]
        return torch.zeros(*shape, self.spectrogram.bins, 0, dtype=torch.complex64)


class Synthesis:
    """Frames (b, bins, n) of a plain transform to samples, those of `Spectrogram.istft`."""

    def __init__(self, spectrogram: Spectrogram):
        self.spectrogram = spectrogram
        self.samples = 0  # given so far
        self._hops = math.ceil(spectrogram.n_fft / spectrogram.hop)
        self._skip = spectrogram.n_fft // 2  # samples before the first one
        self._sum: Tensor | None = None  # of frames, and of squared windows: (b, hops, hop)
        self._squares: Tensor | None = None

    def push(self, frames: Tensor) -> Tensor:
        """Samples (b, m) that no later frame changes."""
        count = frames.shape[-1]
        if not count:  # a transform of nothing is an error to some libraries
            return frames.real[:, 0]
        pieces = self._pieces(frames)
        if self._sum is None or self._squares is None:
            self._sum = pieces.new_zeros(pieces.shape[0], self._hops - 1, pieces.shape[-1])
            self._squares = self._sum[:1].clone()
        window = self.spectrogram._window(self._sum)
        one = F.pad(window.square(), (0, self._hops * self.spectrogram.hop - len(window)))
        squares = one.expand(1, count, -1).reshape(1, count, self._hops, -1)
        total, weight = _added(self._sum, pieces), _added(self._squares, squares)
        self._sum, self._squares = total[:, count:], weight[:, count:]
        return self._given(total[:, :count], weight[:, :count])

    def finish(self, samples: int) -> Tensor:
        """The rest, up to `samples` of the whole signal."""
        if self._sum is None or self._squares is None:
            return torch.zeros(0, samples)
        rest = self._given(self._sum, self._squares)
        return rest[..., : samples - self.samples + rest.shape[-1]]

    def _pieces(self, frames: Tensor) -> Tensor:
        """(b, n, hops, hop): each windowed frame, cut into hops, zeros behind it."""
        size, hop = self.spectrogram.n_fft, self.spectrogram.hop
        waves = torch.fft.irfft(frames.transpose(1, 2), size)
        waves = waves * self.spectrogram._window(waves)
        waves = F.pad(waves, (0, self._hops * hop - size))
        return waves.reshape(*waves.shape[:2], self._hops, hop)

    def _given(self, total: Tensor, weight: Tensor) -> Tensor:
        wave = (total / weight.clamp(min=1e-11)).flatten(1)
        skipped = min(self._skip, wave.shape[-1])
        self._skip -= skipped
        wave = wave[..., skipped:]
        self.samples += wave.shape[-1]
        return wave


def _added(held: Tensor, pieces: Tensor) -> Tensor:
    """held (b, hops - 1, hop) and n frames in pieces, each a hop later: (b, hops - 1 + n, hop)."""
    count, hops = pieces.shape[1:3]
    total = F.pad(held, (0, 0, 0, count))
    for place in range(hops):
        total[:, place : place + count] += pieces[:, :, place]
    return total
