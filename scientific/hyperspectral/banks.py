"""Noisy, true and guessed coefficients of simulated scenes, made once and kept as files.

A scene is seen by a sensor of its own, gets noise of a kind drawn with it, and goes through the
same turns as a user's cube (`evened`, `low_rank.separate`), with the prior of pictures for the
images. So the pairs hold what is left of stripes and impulses there, not ideal noise alone. The
truth is the true cube in the subspace that the noisy one gave; the guess is what the prior makes of
each noisy image by itself. Names of folders are hashes of what settles their content.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from undrift.common.config import Strict
from undrift.common.errors import InputError
from undrift.common.files import fingerprint, write_atomically
from undrift.common.posterior.priors import read_prior
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.eigen_images import by_prior
from undrift.scientific.hyperspectral.evened import evened, evened_truth
from undrift.scientific.hyperspectral.low_rank import TURNS, separate
from undrift.scientific.hyperspectral.noise.cases import CASES, add_case, add_gaussian
from undrift.scientific.hyperspectral.noise.estimate import noise_report
from undrift.scientific.hyperspectral.noise.pushbroom import Pushbroom, photons, sweep
from undrift.scientific.hyperspectral.scenes.scene import Landscape, scene
from undrift.scientific.hyperspectral.scenes.sensors import Sensor

TRAINING_SEEDS = 800  # seeds from here on are for validation, from 900 on for the test
LAST_SEED = 899  # of validation
VERSION = 5  # of what the simulators make; another one makes new banks
Single = npt.NDArray[np.float32]
Half = npt.NDArray[np.float16]
# Ranges in nm, fewest and most bands, width over spacing, and how often.
_KINDS = (
    ((400, 720), (24, 48), 0.25),
    ((420, 900), (60, 130), 0.35),
    ((400, 1000), (30, 80), 0.15),
    ((410, 2460), (120, 230), 0.25),
)


@dataclass(frozen=True)
class Bank:
    """Files of arrays; `bank[k]` maps that of scene k, see `pairs` and `voxels.boxes`."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, k: int) -> Any:
        return np.load(self.paths[k], mmap_mode="r")


class PairSettings(Strict):
    """Scenes first, first + 1, ...; side: rows and columns; channels, least: of the subspace.

    guess: a prior of pictures."""

    count: int = 160
    first: int = 0
    side: int = 80
    channels: int = 12
    least: int = 8
    guess: str = "photos-prior"


def open_bank(
    settings: PairSettings,
    place: Path,
    training: bool = True,
    kind: str = "coefficients",
    make: Callable[[int, PairSettings], Any] | None = None,
) -> Bank:
    """The bank below `place`, made as far as it is missing.

    make: of a seed, what is kept of its scene, `pairs` by default; kind: its name. Raises
    InputError for `training` on seeds that are kept for validation and test.
    """
    last = settings.first + settings.count - 1
    if training and not 0 <= settings.first <= last < TRAINING_SEEDS:
        raise InputError(
            f"seeds {settings.first} to {last}: training has those from 0 to {TRAINING_SEEDS - 1}"
        )
    content = {"kind": kind, "version": VERSION, **settings.model_dump(exclude={"count"})}
    folder = place / f"{kind}-{fingerprint(content)}"
    paths = tuple(folder / f"{n:05d}.npy" for n in range(settings.count))
    for n, path in enumerate(paths):
        if not path.is_file():
            _save(path, (make or pairs)(settings.first + n, settings))
    return Bank(paths)


def pairs(seed: int, settings: PairSettings) -> Single:
    """(3, channels, rows, columns) float32 of one scene: noisy, true, guessed."""
    rng = np.random.default_rng([seed, 31])
    clean = drawn_scene(seed, settings.side, rng)
    noisy = drawn_noise(clean, seed, rng)
    level, even = evened(noisy, noise_report(noisy))
    prior = read_prior(settings.guess)

    def guesses(images: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return by_prior(prior, images)

    found = separate(level, guesses, TURNS, settings.channels, settings.least)
    kept = np.zeros((3, settings.channels, settings.side, settings.side), np.float32)
    truth = found.subspace.coefficients(evened_truth(clean.array, even))
    kept[:, : found.subspace.rank] = found.noisy, truth, guesses(found.noisy)
    return kept


def drawn_scene(seed: int, side: int, rng: np.random.Generator) -> Cube:
    """A scene of a landscape and a sensor of its own."""
    kind = _KINDS[int(rng.choice(len(_KINDS), p=[share for *_, share in _KINDS]))]
    (low, high), (fewest, most), _ = kind
    bands = int(rng.integers(fewest, most + 1))
    ends = low + rng.uniform(0, 0.1) * (high - low), high - rng.uniform(0, 0.1) * (high - low)
    wavelengths = np.linspace(*ends, bands)
    width = max(2.5, rng.uniform(0.8, 1.4) * float(wavelengths[1] - wavelengths[0]))
    land = Landscape(
        families=int(rng.integers(3, 8)),
        variability=float(rng.uniform(0.03, 0.12)),
        spot=float(rng.uniform(0.5, 1.0)),
        leaves=float(rng.uniform(2, 9)),
        texture=float(rng.uniform(0.05, 0.25)),
    )
    return scene(side, side, Sensor(wavelengths, np.full(bands, width)), seed, land)


def drawn_noise(clean: Cube, seed: int, rng: np.random.Generator) -> Cube:
    """The cube with noise: of a case of the literature, a pushbroom sensor, photons, or white."""
    which = rng.random()
    if which < 0.5:
        case = CASES[int(rng.integers(len(CASES)))]
        convention = "train" if rng.random() < 0.5 else "test"
        array = add_case(clean.array, case, seed, convention).cube
    elif which < 0.78 and clean.wavelengths is not None:
        sensor = Pushbroom(
            snr=float(np.exp(rng.uniform(np.log(40), np.log(300)))),
            reading=float(rng.uniform(0.1, 0.6)),
            gain=float(rng.uniform(0.003, 0.02)),
            offset=float(rng.uniform(0.001, 0.006)),
            common=float(rng.uniform(0.1, 0.6)),
        )
        array = sweep(clean.array, clean.wavelengths, sensor, seed).cube
    elif which < 0.9:
        array = photons(clean.array, float(np.exp(rng.uniform(5.7, 9.2))), seed)
    else:
        array = add_gaussian(clean.array, float(np.exp(rng.uniform(0.5, 4.3))), seed).cube
    return Cube(array, clean.wavelengths, clean.fwhm)


def _save(path: Path, array: Any) -> None:
    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.save(file, array)

    write_atomically(path, write)
