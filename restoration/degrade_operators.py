"""Degradations that are a known operator and white noise: y = A(x) + noise eps.

Each is a frozen dataclass of words and numbers, so that its record replays it; `operator` builds
the A of `undrift.common.operators` for a shape, which is also what the restoring tasks invert.
`noise` is a standard deviation in the unit of the picture.
"""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import torch
from torch import Tensor

from undrift.common.errors import InputError, nearest
from undrift.common.operators.linear import LinearOperator
from undrift.common.operators.operator import Operator
from undrift.restoration.masks import drawn_mask
from undrift.restoration.psf import read_psf


@dataclass(frozen=True)
class Operated(ABC):
    """Base class. Call it with x (..., c, h, w) and, if noise > 0, standard normal like A(x)."""

    noise: float = field(default=0.0, kw_only=True)
    name: ClassVar[str]

    @abstractmethod
    def operator(self, shape: tuple[int, ...]) -> Operator:
        """A for pictures of this (c, h, w)."""

    def __call__(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """A(x) + noise. Raises InputError for noise that is missing or of another shape."""
        y = self.operator(tuple(x.shape[-3:]))(x)
        if not self.noise:
            return y
        if noise is None or noise.shape != y.shape:
            came = "none" if noise is None else f"shape {tuple(noise.shape)}"
            raise InputError(
                f"{type(self).__name__} got noise of {came}; expected standard normal of "
                f"{tuple(y.shape)}"
            )
        return y + self.noise * noise

    def record(self) -> dict[str, Any]:
        """Name and parameters: all that `replay` needs."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Blurred(Operated):
    """Convolution with a point-spread function, a word of `psf`; only where the scene is known.

    border "valid" loses half a kernel on every side: no assumption about what lies beyond.
    """

    psf: str
    border: str = "valid"
    name = "blur"

    def operator(self, shape: tuple[int, ...]) -> Operator:
        from undrift.common.operators.blur import Blur

        return Blur(read_psf(self.psf), shape, self.border)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Missing(Operated):
    """Pixels that are gone, 0 in y; `mask` is a word of `masks`, drawn by (seed, item)."""

    mask: str
    seed: int = 0
    item: str = ""
    name = "missing"

    def operator(self, shape: tuple[int, ...]) -> Operator:
        from undrift.common.operators.diagonal import Mask

        gone = drawn_mask(self.mask, (shape[-2], shape[-1]), seed=self.seed, item=self.item)
        return Mask(torch.from_numpy(~gone), shape)

    def __call__(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """A(x) + noise, without noise where nothing was measured."""
        return self.operator(tuple(x.shape[-3:]))(super().__call__(x, noise))


@dataclass(frozen=True)
class Reduced(Operated):
    """Shrinking `scale` times by "average" or "bicubic" (antialiased), not rounded."""

    scale: int
    kernel: str = "average"
    name = "reduced"

    def operator(self, shape: tuple[int, ...]) -> Operator:
        return reduction(self.kernel, shape, self.scale)


@dataclass(frozen=True)
class Greyed(Operated):
    """Colour to grey; weights of `common.operators.channels`: "rec601", "rec709", "mean"."""

    weights: str = "rec601"
    name = "grey"

    def operator(self, shape: tuple[int, ...]) -> Operator:
        from undrift.common.operators.channels import Grey

        return Grey(shape, self.weights)


@dataclass(frozen=True)
class Compressed(Operated):
    """Fewer measurements than pixels: `share` of them, "hadamard" (sides powers of 2) or "random".

    Equal seeds give equal patterns. The first coefficient of Hadamard is the mean.
    """

    share: float = 0.25
    patterns: str = "hadamard"
    seed: int = 0
    name = "compressed-sensing"

    def operator(self, shape: tuple[int, ...]) -> Operator:
        return sensing(self.patterns, shape, self.share, self.seed)


@dataclass(frozen=True)
class Diffracted(Operated):
    """The modulus of the Fourier transform, `oversample` times as many samples along each axis."""

    oversample: float = 2.0
    name = "phase"

    def operator(self, shape: tuple[int, ...]) -> Operator:
        from undrift.common.operators.phase import phase_retrieval

        return phase_retrieval(shape, self.oversample)


@dataclass(frozen=True)
class Darkened(Operated):
    """Too little light and the camera's tone curve: gain x^gamma."""

    gain: float = 0.3
    gamma: float = 2.0
    name = "low-light"

    def operator(self, shape: tuple[int, ...]) -> Operator:
        from undrift.common.operators.tone import Gamma

        return Gamma(shape, self.gamma, self.gain)


def reduction(kernel: str, shape: tuple[int, ...], scale: float) -> LinearOperator:
    """The operator that shrinks; "average" needs a whole scale that divides the sides.

    Raises InputError for an unknown kernel or a scale that does not fit.
    """
    from undrift.common.operators.coarse import Average
    from undrift.common.operators.separable import Bicubic, GaussianDownsample

    word, _, number = kernel.partition(":")
    if word == "average":
        if float(scale) != int(scale):
            raise InputError(f"kernel average at scale {scale:g}: expected a whole scale")
        return Average(shape, int(scale))
    if word == "bicubic":
        return Bicubic(shape, scale)
    if word == "gaussian":
        if float(scale) != int(scale):
            raise InputError(f"kernel gaussian at scale {scale:g}: expected a whole scale")
        return GaussianDownsample(shape, int(scale), float(number or 0.5 * scale))
    names = ("average", "bicubic", "gaussian:1.2")
    raise InputError(f"no kernel {kernel!r}{nearest(word, names)} (there are: {', '.join(names)})")


def sensing(patterns: str, shape: tuple[int, ...], share: float, seed: int) -> LinearOperator:
    """Compressed sensing of pictures (c, h, w); see `Compressed`. Raises InputError."""
    if not 0 < share <= 1:
        raise InputError(f"share {share:g}: expected the part of the measurements, above 0 up to 1")
    count = torch.Size(shape[1:]).numel()
    if patterns == "hadamard":
        from undrift.common.operators.hadamard import Hadamard

        return Hadamard(shape, max(1, round(share * count)), seed=seed)
    if patterns == "random":
        from undrift.common.operators.matrix import RandomGaussian

        return RandomGaussian(shape, max(1, round(share * count * shape[0])), seed)
    names = ("hadamard", "random")
    raise InputError(f"no patterns {patterns!r}{nearest(patterns, names)} ({', '.join(names)})")


OPERATED: dict[str, type[Operated]] = {
    kind.name: kind
    for kind in (Blurred, Missing, Reduced, Greyed, Compressed, Diffracted, Darkened)
}
