"""A pool of periodic grey textures, each with zero mean and unit deviation, cropped into leaves.

Families: 1/f^beta noise, oriented noise (fur, grain of wood), ridged or two-level noise (veins,
blotches), micro dead leaves with flat or shaded discs (gravel, foliage), warped stripes and checks.
All are periodic, so a crop of any size has no seam.
"""

import numpy as np


def unit(x: np.ndarray) -> np.ndarray:
    """Float32 x with zero mean and unit deviation."""
    return ((x - x.mean()) / (x.std() + 1e-8)).astype(np.float32)


def power_noise(
    n: int, beta: float, rng: np.random.Generator, stretch: float = 1.0, angle: float = 0.0
) -> np.ndarray:
    """Float32 (n, n) periodic noise with amplitude spectrum 1/f^beta, zero mean, unit deviation.

    `stretch` >= 1 makes it longer along `angle` (radians) by that factor.
    """
    fy = np.fft.fftfreq(n).astype(np.float32)[:, None]
    fx = np.fft.rfftfreq(n).astype(np.float32)[None]
    c, s = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    f = np.hypot((fx * c + fy * s) * np.float32(stretch), fy * c - fx * s)
    f[0, 0] = 1.0
    gain = f ** np.float32(-beta)
    gain[0, 0] = 0.0
    white = rng.standard_normal((2, *f.shape), dtype=np.float32)
    return unit(np.fft.irfft2((white[0] + 1j * white[1]) * gain, s=(n, n)))


def pebbles(n: int, rng: np.random.Generator, shaded: bool) -> np.ndarray:
    """Float32 (n, n) micro dead leaves of discs of radius 1.2 to 6 pixels, on a torus.

    With `shaded` every disc is lit from one common side, like gravel.  All discs are painted by
    one indexed assignment, whose later entries win, sorted by the discs' order.
    """
    count = n * n // 22
    small, large = sorted(rng.uniform(1.2, 6.0, 2))
    radii = np.linspace(small, large, 6)
    which = rng.choice(6, count, p=radii**-2 / np.sum(radii**-2))
    centre, value = rng.integers(0, n, (count, 2)), rng.normal(size=count)
    light = rng.uniform(0, 2 * np.pi)
    places, order, tones = [], [], []
    for k, r in enumerate(radii):
        reach = int(r) + 1
        dy, dx = np.mgrid[-reach : reach + 1, -reach : reach + 1]
        keep = dy * dy + dx * dx <= r * r
        dy, dx = dy[keep], dx[keep]
        members = np.flatnonzero(which == k)
        at = (centre[members, :1] + dy) % n * n + (centre[members, 1:] + dx) % n
        shade = (dy * np.sin(light) + dx * np.cos(light)) / r if shaded else np.zeros(len(dy))
        places.append(at.ravel())
        order.append(np.repeat(members, len(dy)))
        tones.append((0.5 * value[members, None] + 1.2 * shade).ravel())
    rank = np.argsort(np.concatenate(order), kind="stable")
    out = np.zeros(n * n)
    out[np.concatenate(places)[rank]] = np.concatenate(tones)[rank]
    return unit(out.reshape(n, n))


def stripes(n: int, rng: np.random.Generator) -> np.ndarray:
    """Float32 (n, n) periodic stripes or checks of period 3 to 28 pixels."""
    period = np.exp(rng.uniform(np.log(3), np.log(28)))
    angle = rng.uniform(0, np.pi)
    ky, kx = np.rint(n / period * np.array([np.sin(angle), np.cos(angle)]))
    warp = power_noise(n, 1.8, rng) * np.float32(rng.uniform(0, 0.35) * rng.integers(0, 2))
    t = (np.arange(n, dtype=np.float32) / np.float32(n))[:, None]
    wave = np.sin(2 * np.pi * (ky * t + kx * t.T + warp)).astype(np.float32)
    if rng.random() < 0.5:
        wave = np.clip(wave * np.float32(rng.uniform(1.5, 8)), -1, 1)
    if rng.random() < 0.35:
        wave = wave * np.sign(np.sin(2 * np.pi * (kx * t - ky * t.T + warp) + 0.1))
    return unit(wave)


def _broken(n: int, rng: np.random.Generator) -> np.ndarray:
    base = power_noise(n, rng.uniform(1.0, 1.9), rng)
    if rng.random() < 0.5:
        return unit(-(np.abs(base) ** np.float32(rng.uniform(0.4, 1.0))))
    return unit(np.tanh((base - np.float32(rng.uniform(-1, 1))) * np.float32(rng.uniform(2, 12))))


class Textures:
    """A pool of about forty random textures of `n` x `n` pixels drawn from `rng`.

    rich: with those of `flows` besides; the first forty are the same.
    """

    def __init__(self, rng: np.random.Generator, n: int = 384, rich: bool = False) -> None:
        self.n = n
        maps = [power_noise(n, rng.uniform(0.6, 1.9), rng) for _ in range(16)]
        for _ in range(5):
            stretch, angle = rng.uniform(3, 14), rng.uniform(0, np.pi)
            maps.append(power_noise(n, rng.uniform(0.8, 1.5), rng, stretch, angle))
        maps += [_broken(n, rng) for _ in range(5)]
        maps += [pebbles(n, rng, shaded=k % 2 == 1) for k in range(8)]
        maps += [stripes(n, rng) for _ in range(8)]
        if rich:
            from undrift.restoration.leaves.flows import flowing

            maps += flowing(maps, rng)
        self.maps = maps

    def crop(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """Float32 (height, width) piece of a random texture, periodically continued.

        A fifth of the pieces are seen in perspective: rows shrink towards one side.
        """
        texture = self.maps[int(rng.integers(len(self.maps)))]
        y, x = (int(k) for k in rng.integers(self.n, size=2))
        if rng.random() < 0.2 and min(height, width) > 24:
            return self._slanted(texture, height, width, y, x, rng)
        rows, columns = np.arange(y, y + height) % self.n, np.arange(x, x + width) % self.n
        return texture[rows[:, None], columns[None]]

    def _slanted(
        self, texture: np.ndarray, height: int, width: int, y: int, x: int, rng: np.random.Generator
    ) -> np.ndarray:
        v = np.linspace(0, 1, height, dtype=np.float32)[:, None]
        if rng.random() < 0.5:
            v = v[::-1]
        depth = 1 / (1 + np.float32(rng.uniform(0.3, 2.0)) * v)
        u = np.arange(width, dtype=np.float32)[None] - np.float32(width / 2)
        rows = (y + height * 1.6 * depth).astype(np.int64) % self.n
        columns = (x + u * depth * 1.6).astype(np.int64) % self.n
        return texture[rows, columns]
