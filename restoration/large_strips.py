"""Strips of rows through a task whose network is streamed row by row (`NAFNetRows`).

Around its network a task works on each pixel for itself. So a strip is restored as if it were a
picture, but where it calls the network it is put aside: its rows are pushed into the stream of that
call, and it begins anew once the stream has said all of its rows, which need those of the strips
below. With n calls one after the other a strip is begun n + 1 times; this costs little beside the
network. No row goes through the network twice, and strips have no margins.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from undrift.common.allocator import give_freed_memory_back
from undrift.common.devices import autocast
from undrift.common.networks.local_nafnet import LocalNAFNet
from undrift.common.networks.local_nafnet_rows import NAFNetRows
from undrift.common.networks.local_nafnet_turned import seeing_turned
from undrift.common.networks.row_lines import Queue
from undrift.common.symmetry import ELEMENTS
from undrift.common.windows import Window
from undrift.restoration.large_answers import StripSampler, Unanswered
from undrift.restoration.large_place import Place
from undrift.restoration.large_plan import Part, Plan, Work

_TIDY = 16  # strips, after which what is free is given back


@dataclass
class Strip:
    """What is known of a strip so far; answers: to its calls, (1, c, rows, w) each."""

    down: Window
    place: Place
    rows: int
    last: bool
    pixels: Tensor
    answers: list[Tensor] = field(default_factory=list)
    draws: dict[int, Tensor] = field(default_factory=dict)


class Call:
    """One call of all strips: what they show the network, and what it says, row by row."""

    def __init__(self, networks: list[LocalNAFNet], asked: Unanswered, sampler: StripSampler):
        with torch.inference_mode(), autocast(sampler.device, sampler.dtype):
            self._streams = [NAFNetRows(network, asked.psi, asked.level) for network in networks]
        self._sampler = sampler
        self._said = Queue()
        self._waiting: deque[Strip] = deque()

    def ask(self, strip: Strip, x: Tensor) -> Iterator[Strip]:
        """Pushes what the strip shows; the strips all of whose rows are there then, with them."""
        self._waiting.append(strip)
        for said in self._pieces(x, strip.last):
            self._said.put(said)
            del said
            while self._waiting and self._said.count >= self._waiting[0].rows:
                ready = self._waiting.popleft()
                ready.answers.append(self._said.take(ready.rows))
                yield ready

    def _pieces(self, x: Tensor, last: bool) -> Iterator[Tensor]:
        """What the streams say then, (1, c, rows, w), their mean; all are late by as much."""
        streams = [self._stepped(stream.push(x, last)) for stream in self._streams]
        if not last:  # one after another: no more than one is at work
            streams = [iter(list(stream)) for stream in streams]
        for parts in zip(*streams, strict=True):
            yield parts[0] if len(parts) == 1 else torch.stack(parts).mean(0)
            if last:
                give_freed_memory_back()

    def _stepped(self, pieces: Iterator[Tensor]) -> Iterator[Tensor]:
        """The same pieces. What is done with them between two of them is left as it is."""
        while True:
            with torch.inference_mode(), autocast(self._sampler.device, self._sampler.dtype):
                piece = next(pieces, None)
            if piece is None:
                return
            yield piece
            del piece


class Strips:
    """All strips of a plan on their way through a task."""

    def __init__(self, plan: Plan, work: Work, network: LocalNAFNet):
        self.plan, self.work = plan, work
        work.sampler = self.sampler = StripSampler.of(work.sampler)
        turns = ELEMENTS[: self.sampler.choice.symmetries]
        self._networks = [seeing_turned(network, turn) for turn in turns]
        self._calls: list[Call] = []

    def parts(self) -> Iterator[Part]:
        """The strips, restored, from the top."""
        for number, down in enumerate(self.plan.down, 1):
            yield from self._advanced(self._strip(down))
            if number % _TIDY == 0:  # holes add up
                give_freed_memory_back()

    def _strip(self, down: Window) -> Strip:
        plan = self.plan
        (across,) = plan.across
        pixels, _ = plan.pixels(down, across, plan.band(down))
        start, low, high = (plan.at(edge, 0) for edge in (down.start, down.low, down.high))
        whole = (False, False, False, False)
        place = Place((low, 0), whole, slice(low - start, high - start))
        return Strip(down, place, high - low, down.high == plan.sheet.height, pixels)

    def _advanced(self, strip: Strip) -> Iterator[Part]:
        """What is done as soon as the strip has come as far as it can."""
        self.sampler.begin(strip.answers, strip.draws)
        found, asked = self._attempted(strip)
        if asked is not None:
            yield from self._asked(strip, asked)
        elif found is not None:
            down, (across,) = strip.down, self.plan.across
            kept = slice(down.low - down.start, down.high - down.start), slice(None)
            yield Part(down, across, strip.pixels, found, kept, (slice(None),) * 2, None)

    def _attempted(self, strip: Strip) -> tuple[Tensor | None, Unanswered | None]:
        """The strip restored, or the call it waits for."""
        try:
            return self.work(strip.pixels, strip.place), None
        except Unanswered as asked:
            return None, asked.with_traceback(None)  # which would hold all that was made

    def _asked(self, strip: Strip, asked: Unanswered) -> Iterator[Part]:
        number = len(strip.answers)
        if number == len(self._calls):
            self._calls.append(Call(self._networks, asked, self.sampler))
        x = asked.x
        del asked
        for ready in self._calls[number].ask(strip, x):
            yield from self._advanced(ready)


def parts(plan: Plan, work: Work) -> Iterator[Part]:
    """All strips, or windows, from the top and the left, restored by `work`."""
    if plan.streamed is None:
        return plan.parts(work)
    return Strips(plan, work, plan.streamed).parts()
