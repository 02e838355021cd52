"""A denoiser behind a move of the signal that is drawn anew at every call, g^-1 D(g x).

What a prior holds as likely it holds as likely mirrored, turned, or of another phase, where its
training says so, and wherever the cells of its network lie. The exact denoiser commutes with such
moves; a trained one does so roughly, and what it gets wrong differs from move to move. In a sampler
of many calls a move a call stands for the mean over all of them (equivariant plug-and-play, Terris
et al., CVPR 2024), at the cost of none.

    shifts  the cells of the network begin elsewhere      mirror  the first axis is turned round
    flips   each axis is, or is not                       turns   the first two change places
    phases  complex signals (re, im) are turned by any angle and conjugated
"""

import cmath
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from undrift.common.denoisers import Estimate
from undrift.common.errors import UsageError, nearest
from undrift.common.noise import Noise
from undrift.common.solvers.loop import Denoise

MOVES = ("shifts", "mirror", "flips", "turns", "phases")


def read_moves(text: str) -> tuple[str, ...]:
    """Names of moves joined by +; none of an empty text. Raises UsageError for an unknown one."""
    names = tuple(name for name in text.split("+") if name)
    for name in names:
        if name not in MOVES:
            raise UsageError(
                f"move {name!r} is not one of {', '.join(MOVES)}{nearest(name, MOVES)}; join "
                "several with +"
            )
    return names


@dataclass(frozen=True)
class Move:
    """One element g: axes in another order, flips, cells shifted, phase turned and conjugated."""

    axes: tuple[int, ...]
    flips: tuple[int, ...] = ()
    shifts: tuple[int, ...] = ()
    turn: complex | None = None
    conjugated: bool = False

    def apply(self, x: Tensor) -> Tensor:
        """g x, of (b, c, *space); shifts fill up with the first planes."""
        x = x.permute(0, 1, *(2 + a for a in self.axes)).flip([2 + a for a in self.flips])
        x = self._turned(x, self.turn, self.conjugated, False)
        pads = [side for shift in reversed(self.shifts) for side in (shift, 0)]
        return F.pad(x, pads, mode="replicate") if any(pads) else x

    def undo(self, x: Tensor) -> Tensor:
        """g^-1 x."""
        if any(self.shifts):
            x = x[(..., *(slice(shift, None) for shift in self.shifts))]
        turn = None if self.turn is None else self.turn.conjugate()
        x = self._turned(x, turn, self.conjugated, True).flip([2 + a for a in self.flips])
        back = [self.axes.index(a) for a in range(len(self.axes))]
        return x.permute(0, 1, *(2 + a for a in back))

    @staticmethod
    def _turned(x: Tensor, turn: complex | None, conjugated: bool, first: bool) -> Tensor:
        if turn is None:
            return x
        z = torch.complex(x[:, 0], x[:, 1])
        z = z.conj() if conjugated and first else z
        z = z * turn
        z = z.conj() if conjugated and not first else z
        return torch.stack([z.real, z.imag], 1)


@dataclass
class Moved:
    """Wraps a denoiser of (b, c, *space) for one run; call k makes the k-th move of `noise`.

    moves: of `MOVES`. multiple: side of the cells of the network, pixels. Raises UsageError for
    phases of signals that have other channels than two.
    """

    denoise: Denoise
    moves: Sequence[str]
    noise: Noise
    multiple: int = 1
    calls: int = field(default=0, init=False)

    def __call__(
        self, x: Tensor, t: float, y: Tensor | None = None, level: Tensor | None = None
    ) -> Estimate:
        """As the denoiser; of its estimates x0 alone."""
        if "phases" in self.moves and x.shape[1] != 2:
            raise UsageError(f"phases are of signals (re, im), two channels; got {x.shape[1]}")
        move = self._drawn(self.calls, x.ndim - 2)
        self.calls += 1
        given = None if y is None else move.apply(y)
        return Estimate(move.undo(self.denoise(move.apply(x), t, given, level).x0))

    def _drawn(self, number: int, axes: int) -> Move:
        """The move of a call; every kind has numbers of its own, asked for or not."""
        noise = Noise(self.noise.seed, f"{self.noise.item}\0moves", self.noise.sample)
        normals = noise((1, 1, 2 * axes + 3), number, dtype=torch.float64).flatten().tolist()
        u = [0.5 * (1 + math.erf(value / math.sqrt(2))) for value in normals]
        flips, shifts, (swap, angle, mirror) = u[:axes], u[axes : 2 * axes], u[2 * axes :]
        may = dict.fromkeys(MOVES, False) | dict.fromkeys(self.moves, True)
        turnable = range(axes if may["flips"] else int(may["mirror"]))
        order = list(range(axes))
        if may["turns"] and axes > 1 and swap < 0.5:
            order[:2] = [1, 0]
        return Move(
            tuple(order),
            tuple(a for a in turnable if flips[a] < 0.5),
            tuple(int(v * self.multiple) for v in shifts) if may["shifts"] else (),
            cmath.exp(2j * math.pi * angle) if may["phases"] else None,
            mirror < 0.5,
        )
