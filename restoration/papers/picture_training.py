"""The smoke runs of papers on picture restoration: their loss, on a very small network.

Synthetic pictures of seed 1 are trained on; others, of seed 2, are for the loss before and after,
and for one picture that is sampled as the paper samples. The network is a compact one of the
package in place of the paper's, shown the angle of the process in place of the step's number.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from undrift.common.metrics.fidelity import psnr
from undrift.common.noise import Noise
from undrift.common.processes.process import angle
from undrift.common.reproduce.paper import FALL, STEPS, Measured
from undrift.restoration.papers.picture_losses import Drawn, Lesson

ITERATIONS = 240
_BATCH, _CROP, _RATE, _HELD_OUT = 8, 32, 3e-3, 64
_PICTURES, _SIDE, _SEED = 24, 96, 1
_SIGMA_D = 0.25
Degrade = Callable[[np.ndarray, int], np.ndarray]  # uint8 (h, w, 3) and its number -> the same kind
Sample = Callable[["Pupil", Tensor, Callable[[int], Tensor]], Tensor]


class Pupil(nn.Module):
    """network(x, y, t) of a lesson: a tensor, or one for each head; t: a number or (b,)."""

    def __init__(self, lesson: Lesson):
        from undrift.common.networks.local_nafnet import LocalNAFNet

        super().__init__()
        self.lesson = lesson
        heads = len(lesson.heads)
        self.bodies = nn.ModuleList(
            LocalNAFNet(6, 3, unshuffle=2, widths=(16, 24), depths=(2, 2)) for _ in range(heads)
        )

    def forward(self, x: Tensor, y: Tensor | None, t: Tensor | float) -> Tensor | list[Tensor]:
        y = cast(Tensor, y)  # these processes all have one
        time = torch.as_tensor(t, dtype=torch.float64).expand(len(x))
        psi = angle(self.lesson.process, time, _SIGMA_D).to(x)
        inputs = self.lesson.inputs(x, y, time).to(x.dtype)
        found = [body(inputs, psi) for body in self.bodies]
        return found[0] if len(found) == 1 else found

    def loss(self, drawn: Drawn) -> Tensor:
        """The lesson's loss of a batch."""
        out = self(drawn.x, drawn.y, drawn.t)
        outputs = [out] if isinstance(out, Tensor) else out
        return self.lesson.loss(self.lesson.process, outputs, drawn)


@dataclass(frozen=True)
class Pairs:
    """clean, degraded: float32 (n, 3, h, w) in [0, 1], all of 8-bit values."""

    clean: Tensor
    degraded: Tensor

    def batch(self, count: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Random windows, turned at random."""
        found = []
        for _ in range(count):
            k, turn = int(rng.integers(len(self.clean))), int(rng.integers(8))
            top, left = (int(rng.integers(n - _CROP + 1)) for n in self.clean.shape[2:])
            window = (k, slice(None), slice(top, top + _CROP), slice(left, left + _CROP))
            pair = torch.stack([self.clean[window], self.degraded[window]])
            pair = torch.rot90(pair, turn % 4, (2, 3))
            found.append(pair.flip(3) if turn > 3 else pair)
        x0, y = torch.stack(found, 1)
        return x0, y


def make_pairs(degrade: Degrade, seed: int, count: int, folder: Path) -> Pairs:
    """Synthetic pictures of a seed, and what `degrade` makes of them."""
    from undrift.restoration.leaves import make_bank

    bank = np.load(make_bank(count, _SIDE, seed, folder))
    spoilt = np.stack([degrade(picture, seed * 10**6 + k) for k, picture in enumerate(bank)])
    clean, degraded = (
        torch.from_numpy(np.ascontiguousarray(v.transpose(0, 3, 1, 2), np.float32) / 255)
        for v in (bank, spoilt)
    )
    return Pairs(clean, degraded)


@dataclass(frozen=True)
class Taught:
    """A network that was trained, with the loss of one fixed batch before and after."""

    pupil: Pupil
    before: float
    after: float

    def measured(self, table: str = "smoke") -> Iterator[Measured]:
        """The two figures of the training."""
        yield Measured(table, *STEPS, ITERATIONS)
        yield Measured(table, *FALL, self.before / self.after)


def teach(lesson: Lesson, pairs: Pairs, fresh: Pairs, device: str, seed: int = 0) -> Taught:
    """Trains from the beginning; the same numbers whatever the device draws."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        pupil = Pupil(lesson).to(device)
    rng = np.random.default_rng([_SEED, seed])
    fixed = _drawn(lesson, fresh, _HELD_OUT, np.random.default_rng(2), device)
    before = _value(pupil, fixed)
    optimiser = torch.optim.Adam(pupil.parameters(), _RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, _RATE, ITERATIONS)
    for _ in range(ITERATIONS):
        loss = pupil.loss(_drawn(lesson, pairs, _BATCH, rng, device))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(pupil.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    return Taught(pupil.requires_grad_(False), before, _value(pupil, fixed))


def gain(taught: Taught, sample: Sample, fresh: Pairs, device: str) -> float:
    """By how many dB a sampled picture is nearer to the clean one than the degraded one is."""
    x0, y = fresh.clean[:1], fresh.degraded[:1].to(device)
    noise = Noise(0, "papers", 0)

    def draw(index: int) -> Tensor:
        return noise(tuple(y.shape), index, device=device)

    unit = taught.pupil.lesson.unit
    with torch.no_grad():
        found = sample(taught.pupil, y if unit else 2 * y - 1, draw)
    found = found if unit else (found + 1) / 2
    scores = [float(psnr(v.cpu().clamp(0, 1)[0], x0[0], data_range=1.0)) for v in (found, y)]
    return scores[0] - scores[1]


def _drawn(
    lesson: Lesson, pairs: Pairs, count: int, rng: np.random.Generator, device: str
) -> Drawn:
    x0, y = pairs.batch(count, rng)
    u = torch.from_numpy((np.arange(count) + rng.random(count)) / count)  # one time in each part
    noise = torch.from_numpy(rng.standard_normal(x0.shape, dtype=np.float32))
    return lesson.draw(*(value.to(device) for value in (x0, y, u, noise)))


@torch.no_grad()
def _value(pupil: Pupil, drawn: Drawn) -> float:
    return float(pupil.loss(drawn))
