"""Rows of the benchmark whose truth is a real cube that the user has.

After the convention of papers (LRMR: Zhang et al. 2014, and those that followed): bands that are
nearly free of noise, each brought to [0, 1] by its own range, are taken for the truth, and noise is
put on. Here a band counts if the deviation of its own noise, as the other bands tell it (the noise
report), is at most a fifth of the least that the cases add. Four pieces of the scene are the items.

A measured truth has noise that an estimate should not have: `ceiling` is the MPSNR of the scene
without it against the truth, which no method is expected to exceed. What the sensor of simulated
rows adds to a bright band is no more than that, so here its noise, gains and offsets are `STRONGER`
times as large.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from undrift.common.errors import InputError
from undrift.common.files import stem
from undrift.scientific.hyperspectral.benchmark.cases import FIRST, FULL, NOISES, SIDE, Case, Row
from undrift.scientific.hyperspectral.cubes.cube import Axis, Cube
from undrift.scientific.hyperspectral.cubes.files import open_cube
from undrift.scientific.hyperspectral.noise.cases import CASES, SIGMAS, add_case
from undrift.scientific.hyperspectral.noise.estimate import noise_report
from undrift.scientific.hyperspectral.noise.pushbroom import Pushbroom, photons, sweep

CLEAN = SIGMAS[0] / 255 / 5  # most deviation of a band's own noise, of its range
STRONGER = 4.0
_USUAL = Pushbroom()
SENSOR = Pushbroom(
    snr=_USUAL.snr / STRONGER, gain=STRONGER * _USUAL.gain, offset=STRONGER * _USUAL.offset
)
PHOTONS = FULL / STRONGER**2  # at 1
_LEAST_BANDS, _LEAST_SIDE = 10, 32
_VISIBLE = 600.0  # nm: how bright all bands are where their wavelengths are unknown


@dataclass(frozen=True, eq=False)
class Scene:
    """A truth. name: the file's. array: (bands, rows, columns) float32, each band from 0 to 1.
    wavelengths: (bands,) in nm or None. own: (bands,) deviation of its own noise. all_bands: of the
    file."""

    name: str
    array: npt.NDArray[np.float32]
    wavelengths: Axis | None
    own: npt.NDArray[np.float64]
    all_bands: int

    @property
    def ceiling(self) -> float:
        """MPSNR in dB of the scene without its own noise against this."""
        return float(-20 * np.log10(self.own).mean())

    @property
    def sha256(self) -> str:
        """Of the truth's numbers."""
        return hashlib.sha256(np.ascontiguousarray(self.array, "<f4").tobytes()).hexdigest()

    @property
    def about(self) -> str:
        """A line for the head of a table."""
        return (
            f"{self.name}: {len(self.array)} of {self.all_bands} bands taken for the truth, whose "
            f"own noise allows an mpsnr of {self.ceiling:.1f} dB; sensor noise {STRONGER:g} times "
            "as strong as in simulated rows"
        )


def real_scene(path: Path | str, key: str | None = None, axes: str | None = None) -> Scene:
    """The truth that a file of a cube gives. key, axes: see `open_cube`.

    Raises InputError for a file that is no cube, and where fewer than ten bands are nearly free of
    noise, without gaps and not called bad.
    """
    cube = open_cube(Path(path), key=key, axes=axes)
    report = noise_report(cube)
    flat = cube.array.reshape(cube.bands, -1)
    least, most = np.fmin.reduce(flat, axis=1), np.fmax.reduce(flat, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = report.sigma / (most - least)
    good = (own > 0) & (own <= CLEAN) & ~report.bad & ~report.dead.any(1) & (report.missing == 0)
    if cube.good is not None:
        good &= cube.good
    if good.sum() < _LEAST_BANDS:
        raise InputError(
            f"{path}: {int(good.sum())} of {cube.bands} bands have noise of at most {CLEAN:.2%} of "
            f"their range and no gaps; a truth needs {_LEAST_BANDS} or more"
        )
    array = (cube.array[good] - least[good, None, None]) / (most - least)[good, None, None]
    waves = None if cube.wavelengths is None else cube.wavelengths[good]
    return Scene(stem(Path(path)), array.astype(np.float32), waves, own[good], cube.bands)


def pieces(rows: int, columns: int) -> list[tuple[slice, slice]]:
    """Four squares, one in the middle of each quarter, of 64 pixels a side or what there is.

    Raises InputError for quarters of fewer than 32 pixels a side.
    """
    side = min(SIDE, rows // 2, columns // 2)
    if side < _LEAST_SIDE:
        raise InputError(
            f"a scene of {rows} x {columns} pixels; expected {2 * _LEAST_SIDE} a side or more, for "
            "four pieces that share no pixel"
        )
    starts = [[k * size // 2 + (size // 2 - side) // 2 for k in (0, 1)] for size in (rows, columns)]
    return [(slice(r, r + side), slice(c, c + side)) for r in starts[0] for c in starts[1]]


def real_rows(scene: Scene) -> list[Row]:
    """A row for each kind of noise, of four pieces; only for the split `test`."""
    bands, windows = len(scene.array), pieces(*scene.array.shape[1:])

    def row(noise: str) -> Row:
        name = f"{noise}, {scene.name}, {bands} bands"
        kind = "case" if noise in CASES else "sensor"
        return Row(name, kind, bands, len(windows), _maker(scene, windows, noise, name, kind))

    return [row(noise) for noise in NOISES]


def _maker(
    scene: Scene, windows: list[tuple[slice, slice]], noise: str, name: str, kind: str
) -> Callable[[str, int], Case]:
    def make(split: str, n: int) -> Case:
        truth = np.ascontiguousarray(scene.array[:, *windows[n]])
        values = noisy(truth, scene.wavelengths, noise, FIRST[split] + n)
        item = f"{scene.name}-{n + 1}"
        return Case(name, kind, item, Cube(values, scene.wavelengths), truth)

    return make


def noisy(
    truth: npt.NDArray[np.float32], wavelengths: Axis | None, noise: str, seed: int
) -> npt.NDArray[np.float32]:
    """A truth (bands, rows, columns) with one of `NOISES`."""
    if noise == "pushbroom":
        waves = np.full(len(truth), _VISIBLE) if wavelengths is None else wavelengths
        return sweep(truth, waves, SENSOR, seed).cube
    if noise == "poisson":
        return photons(truth, PHOTONS, seed)
    return add_case(truth, noise, seed).cube
