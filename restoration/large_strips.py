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

    def __init__(self, networks: list[LocalNAFNet], asked: Unanswered):
        self._streams = [NAFNetRows(network, asked.psi, asked.level) for network in networks]
        self._said = Queue()
        self._waiting: deque[Strip] = deque()

    def ask(self, strip: Strip, x: Tensor) -> None:
        """Pushes what the strip shows."""
        self._waiting.append(strip)
        said = [stream.push(x, strip.last) for stream in self._streams]
        parts = [part for part in said if part is not None]
        if parts:
            mean = parts[0] if len(parts) == 1 else torch.stack(parts).mean(0)
            self._said.put(mean)

    def answered(self) -> Strip | None:
        """The next strip all of whose rows are there, with them."""
        if not self._waiting or self._said.count < self._waiting[0].rows:
            return None
        strip = self._waiting.popleft()
        strip.answers.append(self._said.take(strip.rows))
        return strip


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
        for down in self.plan.down:
            yield from self._advanced(self._strip(down))

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
        with torch.inference_mode(), autocast(self.sampler.device, self.sampler.dtype):
            if number == len(self._calls):
                self._calls.append(Call(self._networks, asked))
            call = self._calls[number]
            call.ask(strip, asked.x)
        del asked
        while (ready := call.answered()) is not None:
            yield from self._advanced(ready)


def parts(plan: Plan, work: Work) -> Iterator[Part]:
    """All strips, or windows, from the top and the left, restored by `work`."""
    if plan.streamed is None:
        return plan.parts(work)
    return Strips(plan, work, plan.streamed).parts()
