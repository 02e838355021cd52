"""Queues: samples that wait for others, and values at frames that are read between them."""

import torch
from torch import Tensor

from undrift.common.errors import InputError


class Held:
    """A queue along the last axis. count: samples that went in; taken: that came out."""

    def __init__(self) -> None:
        self._parts: list[Tensor] = []
        self.count = 0
        self.taken = 0

    def put(self, samples: Tensor) -> None:
        """Adds samples at the end."""
        if samples.shape[-1] or not self._parts:
            self._parts.append(samples)
            self.count += samples.shape[-1]

    def zeros(self, count: int) -> Tensor:
        """So many zeros, shaped like what is held."""
        return self._whole().new_zeros(*self._whole().shape[:-1], count)

    def take(self, count: int) -> Tensor:
        """The first `count` samples. Raises InputError where there are fewer."""
        whole = self._whole()
        if count > whole.shape[-1]:
            raise InputError(f"{count} samples are wanted, {whole.shape[-1]} are there")
        self._parts = [whole[..., count:].clone()]
        self.taken += count
        return whole[..., :count]

    def _whole(self) -> Tensor:
        if not self._parts:
            raise InputError("the signal ended before it began")
        if len(self._parts) > 1:
            self._parts = [torch.cat(self._parts, -1)]
        return self._parts[0]


class Track:
    """Values at the frames, read at the times of samples by straight lines between them."""

    def __init__(self, per_sample: float):
        self.per_sample = per_sample  # frames a sample
        self._values: Tensor | None = None
        self._first = 0

    def push(self, values: Tensor) -> None:
        """Adds the values (c, m) of the next frames."""
        self._values = values if self._values is None else torch.cat([self._values, values], -1)

    def at(self, start: int, count: int) -> Tensor:
        """(c, count) from sample `start` on; forgets what lies before. The last value goes on."""
        if self._values is None or not count:
            raise InputError("no frame has come")
        place = (start + torch.arange(count, dtype=torch.float64)) * self.per_sample - self._first
        place = place.clamp(0, self._values.shape[-1] - 1)
        low = place.floor().long()
        high = (low + 1).clamp(max=self._values.shape[-1] - 1)
        share = (place - low).to(self._values.dtype)
        out = self._values[:, low] * (1 - share) + self._values[:, high] * share
        done = int(low[-1])
        self._values = self._values[:, done:]
        self._first += done
        return out
