"""Sampling a signal that comes in blocks: every call of the sampler is one link of a chain.

A causal network with a carried `State` turns blocks of its input into blocks of its output, `ahead`
frames late. A sampler of n calls is then a chain of n such networks: link k takes the state of the
sampler, its past states and estimates, and y, all of the same frames, and hands on what its step
makes of them. Nothing else couples frames (noise is a function of the absolute frame), so that the
result is that of the whole signal, whatever the blocks, n `ahead` frames late.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from undrift.common.denoisers import Denoiser
from undrift.common.errors import InputError
from undrift.common.networks.carried import State
from undrift.common.solvers.plan import Step

DrawFrames = Callable[[tuple[int, ...], int, int], Tensor]  # shape, number of the draw, first frame


class Blockwise:
    """Pushed frames y (b, 2, bins, n) come out as x0, `delay` frames late; then `finish`.

    denoiser: its network takes a `state` and says how far it looks `ahead`. steps: a plan. draw:
    unit noise of a shape, for draw 0 (the start), 1, ... and the number of the first frame. start:
    makes the first state from y and noise. Raises InputError for a network without a state.
    """

    def __init__(
        self,
        denoiser: Denoiser,
        steps: Sequence[Step],
        draw: DrawFrames,
        start: Callable[[Tensor, Tensor], Tensor],
    ):
        if not hasattr(denoiser.network, "ahead"):
            raise InputError(f"{type(denoiser.network).__name__} carries no state between blocks")
        self._draw, self._start = draw, start
        self._links = [_Link(denoiser, step, draw, number) for number, step in enumerate(steps, 1)]
        self._frames = 0
        self._like: Tensor | None = None

    @property
    def delay(self) -> int:
        """Frames between what is pushed and what comes out."""
        return sum(link.ahead for link in self._links)

    def push(self, y: Tensor) -> Tensor:
        """Takes n frames, returns those that are settled; the first blocks give fewer."""
        if y.shape[-1] == 0:
            return y
        x = self._start(y, self._draw(tuple(y.shape), 0, self._frames))
        self._frames += y.shape[-1]
        self._like = y[..., :0]
        passed = _Frames([x], [], y)
        for link in self._links:
            passed = link.push(passed)
        return passed.states[0]

    def finish(self) -> Tensor:
        """The last frames; the signal ends here."""
        if self._like is None:
            return torch.zeros(0)
        done = []
        for number, link in enumerate(self._links):
            passed = link.finish()
            for later in self._links[number + 1 :]:
                passed = later.push(passed)
            done.append(passed.states[0])
        return torch.cat(done, -1) if done else self._like


class _Frames:
    """Some frames on their way: states and estimates, newest first, and y."""

    def __init__(self, states: list[Tensor], values: list[Tensor], y: Tensor):
        self.states, self.values, self.y = states, values, y

    def then(self, other: "_Frames") -> "_Frames":
        """These frames and the ones after them."""
        return self._each(lambda a, b: torch.cat([a, b], -1), other)

    def split(self, count: int) -> tuple["_Frames", "_Frames"]:
        """The first `count` frames and the rest."""
        first = self._each(lambda a, _: a[..., :count], self)
        return first, self._each(lambda a, _: a[..., count:], self)

    def _each(self, act: Callable[[Tensor, Tensor], Tensor], other: "_Frames") -> "_Frames":
        states = [act(a, b) for a, b in zip(self.states, other.states, strict=True)]
        values = [act(a, b) for a, b in zip(self.values, other.values, strict=True)]
        return _Frames(states, values, act(self.y, other.y))


class _Link:
    """One step of the plan on frames as they come."""

    def __init__(self, denoiser: Denoiser, step: Step, draw: DrawFrames, number: int):
        self.denoiser, self.step, self.draw, self.number = denoiser, step, draw, number
        self.ahead = int(denoiser.network.ahead) if step.calls else 0  # type: ignore[arg-type]
        self.carried = denoiser.with_network(_Carried(denoiser.network))
        self.waiting: _Frames | None = None  # frames whose output is still to come
        self.done = 0

    def push(self, new: _Frames) -> _Frames:
        if not self.step.calls:
            return self._advanced(new, None)
        told = self.carried.output(new.states[0], self.step.t, new.y, None)  # type: ignore[arg-type]
        self.waiting = new if self.waiting is None else self.waiting.then(new)
        return self._settled(told)

    def finish(self) -> _Frames:
        """What was waiting: `ahead` frames, told by zeros in the place of what would follow."""
        if self.waiting is None:
            raise InputError("the signal ended before any frame came")
        if not self.ahead:
            return self.waiting
        told = self.carried.network.ended(self.ahead)  # type: ignore[operator]
        return self._settled(told)

    def _settled(self, told: Tensor) -> _Frames:
        if self.waiting is None:
            raise InputError("a result came before any frame")
        ready, self.waiting = self.waiting.split(told.shape[-1])
        given = self.denoiser.with_network(_Given(told))
        x0 = given(ready.states[0], self.step.t, ready.y).x0
        return self._advanced(ready, x0)

    def _advanced(self, frames: _Frames, x0: Tensor | None) -> _Frames:
        step, first = self.step, self.done
        values = frames.values if x0 is None else [x0, *frames.values]
        shape = tuple(frames.y.shape)

        def noise() -> Tensor:
            return self.draw(shape, self.number, first) if shape[-1] else frames.y

        x = step.advance(frames.states, values, frames.y, noise)
        self.done += shape[-1]
        return _Frames([x, *frames.states][:_MEMORY], values[:_MEMORY], frames.y)


_MEMORY = 4  # states and estimates that a step may look back at


class _Carried(nn.Module):
    """A network with the state of its signal."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.state = State()
        self._last: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        if x.shape[-1] == 0:
            return x[:, :2]
        self._last = x[..., :1], psi
        return self.network(x, psi, level, self.state)

    def ended(self, ahead: int) -> Tensor:
        """What `ahead` frames of zeros bring out."""
        if self._last is None:
            raise InputError("the signal ended before any frame came")
        x, psi = self._last
        zeros = x.new_zeros(*x.shape[:-1], ahead)
        return self.network(zeros, psi, None, self.state)


class _Given(nn.Module):
    """In the place of a network whose output is there already."""

    def __init__(self, output: Tensor):
        super().__init__()
        self.output = output

    def forward(self, x: Tensor, psi: Tensor, level: Tensor | None = None) -> Tensor:
        return self.output
