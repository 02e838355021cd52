"""Training samples of medical models: patches of phantoms, each a pure function of (seed, n).

prior   complex images of any contrast with a smooth random phase and a receive field, two channels
        (re, im); every `flat_every`-th batch has single slices, repeated along z with their noise,
        as the network sees a slice that comes alone
pair    x0 the target contrast, y the source with field and noise
magnitudes  the magnitude of any contrast, real, by a map of the volume
scan    x0 the noise-free reconstruction, y the one of few photons; alone: x0 is the phantom itself
"""

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from undrift.common.errors import InputError
from undrift.common.training.drawn import Drawn
from undrift.medical.banks import CLEAN, HU, LOW, PROTOCOLS, TRUTH, Bank
from undrift.medical.received import random_phase, rician, smoothed
from undrift.medical.signal import HuSettings, PercentileSettings, Signal

Array = npt.NDArray[np.float32]
Shape = tuple[int, int, int]
What = Literal["prior", "pair", "magnitudes", "scan", "scan-alone"]
_FLAT = 8  # slices of a patch that is one slice
_CHANNELS = {**{name: n for n, name in enumerate(PROTOCOLS)}, "ct": HU}  # of a bank of brains
_AIR = -1000.0  # HU


class Source(Protocol):
    """Clean patches (c, x, y, z) and degraded ones (None for a prior) of sample n."""

    def flat(self, n: int) -> bool:
        """Whether sample n is one slice, repeated along z."""
        ...

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array | None]: ...


@dataclass
class ComplexImages:
    """Of a bank of brains. gain: deviation of the logarithm of the intensity.

    stripped: share without skull and scalp. blurred: share that is smoothed, as scans of less
    resolution than their voxels and means of several heads are. batch, flat_every: which samples
    are single slices.
    """

    bank: Bank
    patch: Shape
    batch: int = 4
    flat_every: int = 3
    gain: float = 0.2
    bias: float = 0.25
    stripped: float = 0.2
    blurred: float = 0.0

    def flat(self, n: int) -> bool:
        return bool(self.flat_every) and (n // self.batch) % self.flat_every == 0

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array | None]:
        whole = self.bank[int(rng.integers(len(self.bank)))]
        channel = int(rng.integers(len(PROTOCOLS)))
        flat = self.flat(n)
        axes = tuple(int(a) for a in rng.permutation(3))
        if flat:
            wide = 2 * self.patch[0]
            shape = (min(wide, whole.shape[1]), min(wide, whole.shape[3]), 1)
        else:
            shape = self.patch
        cut = _cut(whole, (channel, -2, -1), shape, axes, rng)
        picture, field, mask = cut
        if rng.random() < self.stripped:
            picture = picture * mask
        if self.blurred and rng.random() < self.blurred:
            picture = smoothed(picture, rng)
        size = picture * np.exp(np.float32(rng.normal(0, self.gain)))
        size = size * np.exp(np.float32(self.bias * rng.random()) * field)
        z = size * np.exp(1j * random_phase(size.shape, rng))
        x0 = np.stack([z.real, z.imag]).astype(np.float32)
        return (np.repeat(x0, _FLAT, axis=-1) if flat else x0), None


@dataclass
class Contrasts:
    """Pairs of a bank of brains: y is `source`, x0 `target`, both by their own volume's map.

    hu: HU that become -1 and 1, of the target "ct".
    """

    bank: Bank
    patch: Shape
    source: str
    target: str
    percentiles: PercentileSettings = field(
        default_factory=lambda: PercentileSettings.model_validate({"kind": "percentiles"})
    )
    noise: float = 0.03
    bias: float = 0.1
    stripped: float = 0.2
    hu: tuple[float, float] | None = None

    def flat(self, n: int) -> bool:
        return False

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array | None]:
        k = int(rng.integers(len(self.bank)))
        whole, stripped = self.bank[k], bool(rng.random() < self.stripped)
        chosen = tuple(_CHANNELS[name] for name in (self.source, self.target))
        y, x0, field, mask = _cut(whole, (*chosen, -2, -1), self.patch, (0, 1, 2), rng)
        if stripped:
            air = np.float32(0 if self.hu is None else _AIR)
            y, x0 = y * mask, air + (x0 - air) * mask
        y = y * np.exp(np.float32(self.bias * rng.random()) * field)
        y = rician(y, self.noise * float(rng.random()), rng)
        maps = [self._map(k, channel, stripped) for channel in chosen]
        jitter = np.float32(1 + 0.03 * rng.standard_normal())
        given, wanted = (
            2 * (v - low) / (high - low) - 1
            for v, (low, high) in zip((y * jitter, x0), maps, strict=True)
        )
        return wanted[None].astype(np.float32), given[None].astype(np.float32)

    def _map(self, k: int, channel: int, stripped: bool) -> tuple[float, float]:
        if channel == HU and self.hu is not None:
            return self.hu
        return bank_map(self.bank, k, channel, stripped, self.percentiles)


@dataclass
class Magnitudes:
    """Of a bank of brains: the magnitude of any contrast by the map of its volume.

    spread: deviation of the map's ends, which noise and shading move, in halves of its width.
    """

    bank: Bank
    patch: Shape
    percentiles: PercentileSettings
    bias: float = 0.25
    stripped: float = 0.2
    spread: float = 0.08

    def flat(self, n: int) -> bool:
        return False

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array | None]:
        k = int(rng.integers(len(self.bank)))
        channel, stripped = int(rng.integers(len(PROTOCOLS))), bool(rng.random() < self.stripped)
        axes = tuple(int(a) for a in rng.permutation(3))
        x0, field, mask = _cut(self.bank[k], (channel, -2, -1), self.patch, axes, rng)
        x0 = (x0 * mask if stripped else x0) * np.exp(np.float32(self.bias * rng.random()) * field)
        low, high = bank_map(self.bank, k, channel, stripped, self.percentiles)
        moved = 0.5 * (high - low) * self.spread * rng.standard_normal(2)
        low, high = low + float(moved[0]), high + float(moved[1])
        return (2 * (x0 - low) / (high - low) - 1)[None].astype(np.float32), None


@dataclass
class Scans:
    """Of a bank of scans, in the numbers of a window of HU. alone: the phantom without y."""

    bank: Bank
    patch: Shape
    low: float
    high: float
    alone: bool = False

    def flat(self, n: int) -> bool:
        return False

    def draw(self, n: int, rng: np.random.Generator) -> tuple[Array, Array | None]:
        whole = self.bank[int(rng.integers(len(self.bank)))]
        which = LOW + int(rng.integers(len(whole) - LOW))
        chosen = (TRUTH, TRUTH) if self.alone else (CLEAN, which)
        x0, y = _cut(whole, chosen, self.patch, (0, 1, 2), rng)
        offset = np.float32(8 * rng.standard_normal())  # no scanner is exact
        x0, y = (
            2 * (np.clip(v + offset, self.low, self.high) - self.low) / (self.high - self.low) - 1
            for v in (x0, y)
        )
        return x0[None].astype(np.float32), (None if self.alone else y[None].astype(np.float32))


@dataclass
class Patches(Drawn):
    """Map-style dataset of training items.

    `self[n]` is a dict of float32 tensors: x0, noise and, of pairs, y, all (c, x, y, z); u ()
    uniform in [0, 1). Flat patches (z constant) have noise that is constant as well.
    """

    source: Source
    seed: int = 0
    length: int = 2**31 - 1

    def draw(self, n: int, rng: np.random.Generator) -> dict[str, Tensor]:
        x0, y = self.source.draw(n, rng)
        flat = self.source.flat(n)
        shape = (*x0.shape[:-1], 1) if flat else x0.shape
        noise = rng.standard_normal(shape, dtype=np.float32)
        item = {"x0": x0, "noise": np.repeat(noise, _FLAT, -1) if flat else noise}
        if y is not None:
            item["y"] = y
        made = {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in item.items()}
        made["u"] = torch.tensor(rng.random(dtype=np.float32))
        return made


def _cut(
    whole: npt.NDArray[np.float16], channels: tuple[int, ...], shape: Shape, axes: tuple[int, ...],
    rng: np.random.Generator,
) -> list[Array]:  # fmt: skip
    """A random patch of several channels with its axes in the order `axes`, flipped by chance."""
    sides = [0, 0, 0]
    for place, axis in enumerate(axes):
        sides[axis] = min(shape[place], whole.shape[1 + axis])
    first = [int(rng.integers(n - s + 1)) for n, s in zip(whole.shape[1:], sides, strict=True)]
    box = tuple(slice(f, f + s) for f, s in zip(first, sides, strict=True))
    flips = [-1 if rng.random() < 0.5 else 1 for _ in range(3)]
    if axes == (0, 1, 2):
        flips[1:] = [1, 1]  # bodies are alike from left and right alone
    step = tuple(slice(None, None, f) for f in flips)
    cut = [np.asarray(whole[c][box], np.float32).transpose(axes)[step] for c in channels]
    if cut[0].shape != shape:
        raise InputError(f"patches of {shape} do not fit a bank of {whole.shape[1:]} voxels")
    return cut


_MAPS: dict[Any, tuple[float, float]] = {}


def bank_map(
    bank: Bank, k: int, channel: int, stripped: bool, percentiles: PercentileSettings
) -> tuple[float, float]:
    """Ends of the map of one channel of a subject over its foreground; remembered."""
    key = (bank.paths[k], channel, stripped, percentiles.model_dump_json())
    if key not in _MAPS:
        whole = bank[k]
        values = np.asarray(whole[channel], np.float32)
        if stripped:
            values = values * np.asarray(whole[-1], np.float32)
        found = percentiles.measure(values)
        _MAPS[key] = (found.low, found.high)
    return _MAPS[key]


def open_source(
    kind: What, bank: Bank, signal: Signal, patch: Shape, batch: int, **more: Any
) -> Source:
    """The source of a kind. Raises InputError where the signal does not fit it."""
    if kind == "prior":
        return ComplexImages(bank, patch, batch, **more)
    given = signal.intensity
    if kind == "pair":
        return _contrasts(bank, signal, patch, more)
    if kind == "magnitudes":
        if not isinstance(given, PercentileSettings):
            raise InputError("magnitudes need signal.intensity of kind percentiles")
        return Magnitudes(bank, patch, given, **more)
    if not isinstance(given, HuSettings):
        raise InputError("scans need signal.intensity of kind hu-window")
    return Scans(bank, patch, given.low, given.high, kind == "scan-alone", **more)


def _contrasts(bank: Bank, signal: Signal, patch: Shape, more: dict[str, Any]) -> Contrasts:
    given, known = signal.intensity, signal.source in PROTOCOLS and signal.target in _CHANNELS
    if not isinstance(given, PercentileSettings) or not known:
        raise InputError(
            f"a pair of contrasts needs signal.intensity of kind percentiles, and source and "
            f"target among {', '.join(PROTOCOLS)}, the target also ct; got {signal.source!r}, "
            f"{signal.target!r}"
        )
    if signal.target == "ct":
        if signal.scale is None:
            raise InputError("signal.target ct needs signal.scale, the HU of -1 and of 1")
        more = {**more, "hu": (signal.scale.low, signal.scale.high)}
    return Contrasts(bank, patch, signal.source, signal.target, given, **more)
