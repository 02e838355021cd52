"""Published networks of guided diffusion, and what their files do not say.

Settings as in the README of github.com/openai/guided-diffusion (commit 22e0df8) and in
configs/model_config.yaml of github.com/DPS2022/diffusion-posterior-sampling (ffhq_10m).
"""

from dataclasses import dataclass

from undrift.common.errors import UsageError, nearest
from undrift.common.weights.adm import Heads, Structure

_ALL = (8, 16, 32)  # sides at which the networks attend


@dataclass(frozen=True)
class Published:
    """size: side of the training pictures. The rest describes the network as `Structure` does."""

    size: int
    heads: Heads
    features: int
    factors: tuple[float, ...]
    depth: int = 2
    attends: tuple[int, ...] = _ALL
    classes: int = 0
    schedule: str = "linear"
    licence: str = "mit"
    home: str = "github.com/openai/guided-diffusion"

    def structure(self) -> Structure:
        """What the file's names and shapes have to say."""
        sides = [self.size >> level for level in range(len(self.factors))]
        return Structure(
            inputs=3,
            outputs=6,
            features=self.features,
            widths=tuple(int(factor * self.features) for factor in self.factors),
            depth=self.depth,
            attention=tuple(side in self.attends for side in sides),
            resampling="resnet",
            scale_shift=True,
            classes=self.classes,
        )


_LARGE = (1, 1, 2, 2, 4, 4)
_OPEN = Published(256, Heads(width=64), 256, _LARGE)
PUBLISHED = {
    "64x64_diffusion": Published(
        64, Heads(width=64, new_order=True), 192, (1, 2, 3, 4), depth=3, classes=1000,
        schedule="cosine",
    ),
    "128x128_diffusion": Published(128, Heads(count=4), 256, (1, 1, 2, 3, 4), classes=1000),
    "256x256_diffusion": Published(256, Heads(width=64), 256, _LARGE, classes=1000),
    "256x256_diffusion_uncond": _OPEN,
    "512x512_diffusion": Published(
        512, Heads(width=64), 256, (0.5, 1, 1, 2, 2, 4, 4), classes=1000
    ),
    "lsun_bedroom": _OPEN,
    "lsun_cat": _OPEN,
    "lsun_horse": _OPEN,
    "ffhq_10m": Published(
        256, Heads(width=64), 128, _LARGE, depth=1, attends=(16,), licence="unknown",
        home="github.com/DPS2022/diffusion-posterior-sampling",
    ),
}  # fmt: skip


def find_published(name: str) -> Published:
    """One of the table; raises UsageError, with the nearest name, for another."""
    if name not in PUBLISHED:
        known = ", ".join(PUBLISHED)
        raise UsageError(f"no published network {name!r}; known: {known}{nearest(name, PUBLISHED)}")
    return PUBLISHED[name]
