"""Counter-based noise: a value is a function of (seed, item, sample, draw) and its coordinates.

Philox4x32-10 (Salmon et al., SC 2011) turns a 64-bit key and a 128-bit counter into four random
words. The key is a hash of seed, item key and sample; the counter is (x, y, z and channel group,
draw); the four words become two Box-Muller pairs, the values of four channels. No state, no order:
the noise of a tile is the tile of the noise, on any device, in any batch.
"""

import hashlib
import math
from dataclasses import dataclass

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_GROUPS = 2**12  # channel groups of four that fit above 2^20 slices in one counter word


def philox(counter: tuple[Tensor, ...], key: tuple[int, int], rounds: int = 10) -> list[Tensor]:
    """Four int64 tensors of 32-bit words from four counter words and a key of two words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        high0, low0 = _multiply(c0, _MULTIPLIERS[0])
        high1, low1 = _multiply(c2, _MULTIPLIERS[1])
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        k0, k1 = (k0 + _WEYL[0]) & _MASK, (k1 + _WEYL[1]) & _MASK
    return [c0, c1, c2, c3]


def _multiply(word: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """High and low words of a 32 x 32-bit product; int64 wraps, its bits are the right ones."""
    product = word * factor
    return (product >> 32) & _MASK, product & _MASK


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
            raise ValueError(f"expected a shape (1, c, *space) with 1 to 3 axes, got {tuple(shape)}")
        origin = origin or (0,) * len(space)
        axes = [torch.arange(o, o + n, device=device) for o, n in zip(origin, space, strict=True)]
        grids = list(torch.meshgrid(*axes, indexing="ij"))[::-1]  # x, y, z
        grids += [torch.zeros_like(grids[0])] * (3 - len(grids))
        groups = [self._group(grids, g, draw, dtype) for g in range(math.ceil(shape[1] / 4))]
        return torch.cat(groups)[None, : shape[1]]

    def _group(self, grids: list[Tensor], group: int, draw: int, dtype: torch.dtype) -> Tensor:
        """Four channels of normals, (4, *space)."""
        x, y, z = grids
        counter = (x & _MASK, y & _MASK, z + group * (2**32 // _GROUPS), torch.full_like(x, draw))
        words = philox(counter, self.key())
        fine = torch.float64 if dtype == torch.float64 else torch.float32
        units = [(word.double() + 0.5) * 2.0**-32 for word in words]
        normals = []
        for first, second in (units[:2], units[2:]):
            radius = torch.sqrt(-2 * torch.log(first)).to(fine)
            turn = (2 * math.pi * second).to(fine)
            normals += [radius * torch.cos(turn), radius * torch.sin(turn)]
        return torch.stack(normals).to(dtype)
