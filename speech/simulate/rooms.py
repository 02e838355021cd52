"""Room impulse responses of shoe-box rooms by the image method, with a diffuse tail.

Image method (Allen and Berkley 1979, Eq. 10): a source in a box with walls of reflection factor b
acts like image sources at 2 n L +- s, each giving b^(number of reflections) / (4 pi r) at the time
r / c. Every image is placed between the samples by a windowed sinc, so the direct path has its
exact time and amplitude. From the mixing time on there are more images than samples; they are
replaced by Gaussian noise ("random-phase tail") of the energy that the images would have, which is
known: there are 4 pi r^2 dr / V of them, and in the direction u one at r has been reflected
r (|u_x| / L_x + |u_y| / L_y + |u_z| / L_z) times. Sabine's and Eyring's formulas miss the decay of
such a room by half, so b is found by bisection on the measured decay of the response itself.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import signal

from undrift.common.errors import InputError
from undrift.speech.metrics.rooms import t60 as measured_t60

SPEED = 343.0  # metres a second, air at 20 degrees Celsius
_HALF = 40  # samples of the windowed sinc on either side
_MIXED = 0.5  # images a sample at the mixing time
_RUMBLE = 50.0  # Hz: below, reflections that are all positive pile up; they are filtered


@dataclass(frozen=True)
class Room:
    """A box with a corner at the origin. size, source, microphone: (x, y, z) in metres.

    t60: seconds, 0 for an anechoic room. seed: of the diffuse tail. reflection: the walls' pressure
    factor in [0, 1); None to find it from t60.
    """

    size: tuple[float, float, float]
    source: tuple[float, float, float]
    microphone: tuple[float, float, float]
    t60: float
    seed: int = 0
    reflection: float | None = None

    def __post_init__(self) -> None:
        """Raises InputError unless both points lie inside and apart, and t60 is possible."""
        for name in ("source", "microphone"):
            point = getattr(self, name)
            if not all(0 < p < side for p, side in zip(point, self.size, strict=True)):
                raise InputError(f"the {name} at {point} is not inside the room of {self.size} m")
        if self.distance < 0.01:
            raise InputError("source and microphone are in one place; move one by 1 cm or more")
        if not 0 <= self.t60 <= 10:
            raise InputError(f"t60 is {self.t60}; expected 0 (anechoic) to 10 seconds")

    @property
    def distance(self) -> float:
        """Metres from the source to the microphone."""
        return float(np.linalg.norm(np.subtract(self.source, self.microphone)))

    @property
    def volume(self) -> float:
        """Cubic metres."""
        return float(np.prod(self.size))


@dataclass(frozen=True)
class Response:
    """h: float64 (samples,), sound at the microphone of a unit impulse at the source at time 0.

    direct: the same with the direct path alone. room: with the reflection factor that was found.
    delay: of the direct path, in samples (not a whole number unless aligned).
    """

    h: np.ndarray
    direct: np.ndarray
    room: Room
    delay: float


def impulse_response(room: Room, rate: int, *, aligned: bool = False) -> Response:
    """The response of a room at `rate` Hz, long enough for a decay of 60 dB.

    aligned: shift time so that the direct path arrives at sample 0, and scale it to 1; what is
    convolved with h then stays in step with the dry sound, which is the direct path itself.
    Raises InputError when no walls give the asked t60 (a large room cannot be that dead, nor a
    short-lived one that lively).
    """
    parts = _Parts(room, rate, aligned)
    factor = room.reflection if room.reflection is not None else _calibrated(parts, room, rate)
    h = parts.direct + parts.reflections(factor)
    scale = 4 * np.pi * room.distance if aligned else 1.0
    return Response(h * scale, parts.direct * scale, replace(room, reflection=factor), parts.delay)


def _calibrated(parts: "_Parts", room: Room, rate: int) -> float:
    """The reflection factor whose response without its direct path decays in room.t60 seconds."""
    if room.t60 == 0:
        return 0.0

    def excess(factor: float) -> float:
        try:
            tail = parts.reflections(factor)[parts.first :]
            return measured_t60(tail, rate, limits=(-5, -35)) / room.t60 - 1
        except InputError:  # the tail has not fallen by 35 dB where it is cut, or fell at once
            return 1.0 if factor > 0.5 else -1.0

    low, high = 0.02, 0.9995
    middle = (low + high) / 2
    for _ in range(16):
        off = excess(middle)
        if abs(off) < 2e-3:
            return middle
        low, high = (low, middle) if off > 0 else (middle, high)
        middle = (low + high) / 2
    if abs(excess(middle)) > 0.05:
        raise InputError(
            f"no walls make a room of {room.size} m decay in {room.t60:g} s; ask for another t60"
        )
    return middle


class _Parts:
    """What does not depend on the walls: places and orders of images, noise of the tail."""

    def __init__(self, room: Room, rate: int, aligned: bool) -> None:
        self.rate = rate
        density = 4 * np.pi * SPEED**3 / room.volume / rate  # images a sample are this times t^2
        lead = room.distance / SPEED
        mixing = max(np.sqrt(_MIXED / density), lead + 0.02)
        radius, orders = _images(room, SPEED * mixing * 1.25)
        self.length = int(np.ceil((lead + max(1.1 * room.t60, 0.02)) * rate)) + 2 * _HALF
        self.delay = 0.0 if aligned else lead * rate
        shift = lead * rate if aligned else 0.0
        places = radius / SPEED * rate - shift
        near = int(np.argmin(radius))
        self.direct = np.zeros(self.length)
        at, kernel = _kernels(places[near : near + 1])
        inside = (at[0] >= 0) & (at[0] < self.length)
        self.direct[at[0][inside]] = (kernel[0] / (4 * np.pi * radius[near]))[inside]
        others = np.arange(len(radius)) != near
        radius, orders, places = radius[others], orders[others], places[others]
        self._place(room, radius, orders, places, mixing)
        self._diffuse(room, mixing, shift)
        self.first = max(0, int(places.min()) if len(places) else 0)
        self._rumble = signal.butter(2, _RUMBLE, "highpass", fs=rate, output="sos")

    def _place(
        self,
        room: Room,
        radius: np.ndarray,
        orders: np.ndarray,
        places: np.ndarray,
        mixing: float,
    ) -> None:
        fade = np.cos(np.pi / 2 * _ramp(radius / SPEED, 0.75 * mixing, 1.25 * mixing))
        self.orders, self.amplitudes = orders, fade / (4 * np.pi * radius)
        at, self.kernels = _kernels(places)
        keep = (at >= 0) & (at < self.length)
        self.kernels = np.where(keep, self.kernels, 0.0)
        self.at = np.where(keep, at, 0).ravel()

    def _diffuse(self, room: Room, mixing: float, shift: float) -> None:
        """Noise, and the rates at which its parts in 64 directions lose reflections."""
        rng = np.random.default_rng(room.seed)
        t = (np.arange(self.length) + shift) / self.rate
        density = SPEED / (4 * np.pi * room.volume * self.rate)  # energy a sample with hard walls
        fade = np.sin(np.pi / 2 * _ramp(t, 0.75 * mixing, 1.25 * mixing))
        self.noise = rng.standard_normal(self.length) * np.sqrt(density) * fade
        self.hits = SPEED * np.abs(_directions(64)) @ (1 / np.array(room.size))  # a second
        self.coarse = np.linspace(t[0], t[-1], 128)
        self.t = t

    def reflections(self, factor: float) -> np.ndarray:
        """The response without its direct path for one reflection factor: (length,)."""
        if factor == 0:
            return np.zeros(self.length)
        weights = self.amplitudes * factor**self.orders
        values = (weights[:, None] * self.kernels).ravel()
        early = np.bincount(self.at, values, self.length)[: self.length]
        left = np.exp(2 * np.log(factor) * self.coarse[:, None] * self.hits).mean(1)
        envelope = np.exp(0.5 * np.interp(self.t, self.coarse, np.log(np.maximum(left, 1e-200))))
        return np.asarray(signal.sosfilt(self._rumble, early + envelope * self.noise))


def _images(room: Room, reach: float) -> tuple[np.ndarray, np.ndarray]:
    """Distances in metres and numbers of reflections of all images within `reach` metres."""
    offsets, counts = [], []
    for side, s, m in zip(room.size, room.source, room.microphone, strict=True):
        n = np.arange(-int(reach / (2 * side)) - 1, int(reach / (2 * side)) + 2)
        offsets.append(np.concatenate([2 * n * side + s - m, 2 * n * side - s - m]))
        counts.append(np.concatenate([np.abs(2 * n), np.abs(2 * n - 1)]))
    dx, dy, dz = (o**2 for o in offsets)
    flat = (dx[:, None] + dy)[:, :, None] + dz
    kept = np.nonzero(flat <= reach**2)
    orders = counts[0][kept[0]] + counts[1][kept[1]] + counts[2][kept[2]]
    return np.sqrt(flat[kept]), orders


def _kernels(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sample positions (n, 2 half + 1) and Hann-windowed sincs centred at fractional places."""
    whole = np.round(places).astype(np.int64)
    offset = np.arange(-_HALF, _HALF + 1)
    distance = offset - (places - whole)[:, None]
    window = 0.5 * (1 + np.cos(np.pi * distance / (_HALF + 1)))
    return whole[:, None] + offset, np.sinc(distance) * window


def _directions(count: int) -> np.ndarray:
    """Even directions (count, 3) of unit length on the sphere, by the golden spiral."""
    n = np.arange(count) + 0.5
    z = 1 - 2 * n / count
    turn = np.pi * (1 + 5**0.5) * n
    flat = np.sqrt(1 - z * z)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], 1)


def _ramp(t: np.ndarray, start: float, end: float) -> np.ndarray:
    return ((t - start) / (end - start)).clip(0, 1)
