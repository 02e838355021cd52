"""Counter-based noise: a value is a function of (seed, item, sample, draw) and its coordinates.

Philox4x32-10 (Salmon et al., SC 2011) turns a 64-bit key and a 128-bit counter into four random
words. The key is a hash of seed, item key and sample; the counter is (x, y, z and channel group,
draw); the four words become two Box-Muller pairs, the values of four channels. No state, no order:
the noise of a tile is the tile of the noise, on any device, in any batch.
"""

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_GROUPS = 2**12  # channel groups of four that fit above 2^20 slices in one counter word
_BLOCK = 2**15  # values a thread works on at a time: what a processor's cache holds


def philox(counter: tuple[Tensor, ...], key: tuple[int, int], rounds: int = 10) -> list[Tensor]:
    """Four int64 tensors of 32-bit words from four counter words and a key of two; they broadcast.

    A product of two words wraps around in int64, but its 64 bits are the right ones. Its low word
    keeps the high one above it until the next round masks their sum.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        low0, low1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c2 = ((low0 >> 32) ^ c3).bitwise_xor_(k1).bitwise_and_(_MASK)
        c0 = ((low1 >> 32) ^ c1).bitwise_xor_(k0).bitwise_and_(_MASK)
        c1, c3 = low1, low0
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return [c0, c1 & _MASK, c2, c3 & _MASK]


@dataclass(frozen=True)
class Noise:
    """Standard normal noise of one item; `sample` numbers the posterior samples of the item."""

    seed: int
    item: str = ""
    sample: int = 0

    def key(self) -> tuple[int, int]:
        """The Philox key: 64 bits of a hash of seed, item and sample."""
        text = f"{self.seed}\0{self.item}\0{self.sample}".encode()
        words = hashlib.blake2b(text, digest_size=8).digest()
        return int.from_bytes(words[:4], "little"), int.from_bytes(words[4:], "little")

    def __call__(
        self,
        shape: tuple[int, ...] | torch.Size,
        draw: int = 0,
        origin: tuple[int, ...] = (),
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> Tensor:
        """Draws noise of `shape` (1, c, *space), one to three spatial axes.

        origin: absolute coordinates of the first spatial element (default zeros), so that a window
        of the noise can be drawn alone. Raises ValueError for another number of axes.
        """
        space = tuple(shape[2:])
        if not 1 <= len(space) <= 3 or shape[0] != 1:
            raise ValueError(f"expected (1, c, *space) with 1 to 3 axes, got {tuple(shape)}")
        origin = origin or (0,) * len(space)
        axes = [torch.arange(o, o + n, device=device) for o, n in zip(origin, space, strict=True)]
        zero = torch.zeros(1, dtype=torch.int64, device=device)
        z, y, x = [zero] * (3 - len(space)) + axes
        rows_z, rows_y = (v.reshape(-1, 1) for v in torch.meshgrid(z, y, indexing="ij"))
        out = torch.empty((shape[1], len(rows_y), len(x)), dtype=dtype, device=device)
        for rows, columns in _blocks(len(rows_y), len(x), out.device):
            counter = (x[columns] & _MASK, rows_y[rows] & _MASK, rows_z[rows])
            for group in range(math.ceil(shape[1] / 4)):
                self._fill(out[4 * group : 4 * group + 4, rows, columns], counter, group, draw)
        return out.reshape(tuple(shape))

    def _fill(self, out: Tensor, xyz: tuple[Tensor, ...], group: int, draw: int) -> None:
        """Writes normals into `out`: (c, rows, columns), the c <= 4 channels of a group."""
        x, y, z = xyz
        counter = (x, y, z + group * (2**32 // _GROUPS), torch.full_like(y, draw))
        units = [u.double().add_(0.5).mul_(2.0**-32) for u in philox(counter, self.key())]
        fine = torch.float64 if out.dtype == torch.float64 else torch.float32
        for first in range(0, out.shape[0], 2):
            radius = units[first].log_().mul_(-2).sqrt_().to(fine)
            turn = units[first + 1].mul_(2 * math.pi).to(fine)
            out[first] = radius * torch.cos(turn)
            if first + 1 < out.shape[0]:
                out[first + 1] = radius * torch.sin(turn)


def _blocks(rows: int, columns: int, device: torch.device) -> Iterator[tuple[slice, slice]]:
    """Pieces of a table: few enough values for the cache on a processor, all on a GPU."""
    size = _BLOCK * torch.get_num_threads() if device.type == "cpu" else max(1, rows * columns)
    wide = min(columns, size)
    high = max(1, size // max(1, wide))
    for top in range(0, rows, high):
        for left in range(0, columns, wide):
            yield slice(top, top + high), slice(left, left + wide)
