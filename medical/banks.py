"""Phantoms that are made once and kept: a folder of arrays, one file a subject.

Making a subject takes seconds, reading a patch of it milliseconds. The folder's name is a hash of
everything that settles its content, so a bank of other settings is another folder; a file is whole
or absent, so an interrupted bank goes on where it stopped.

    brains   channels of each protocol in units of its robust maximum (`signal.robust_maximum`),
             then CT in HU, a bias field of variance 1, and the mask of the brain; float16
    scans    HU of the phantom, of its noise-free and of its low-dose reconstructions; float16
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from undrift.common.config import Strict
from undrift.common.errors import InputError
from undrift.common.files import fingerprint, write_atomically
from undrift.medical.simulate.fields import grid_axes, random_field, stream

TRAINING_SEEDS = 100_000  # seeds from here on are for validation, from 200 000 on for the test
PROTOCOLS = ("mprage", "t1-se", "t2-se", "pd-se", "flair")
HU = len(PROTOCOLS)  # the channel of a brain that is its CT
TRUTH, CLEAN, LOW = 0, 1, 2  # channels of a scan; from LOW on, one a draw
# of what the simulators make; another one makes new banks
VERSIONS = {"brains": 2, "scans": 1}
Half = npt.NDArray[np.float16]
_BRAIN = ("gm", "wm", "deep", "ventricle", "lesion", "tumour", "oedema")


@dataclass(frozen=True)
class Bank:
    """Files of subjects; `bank[k]` maps the array (c, x, y, z) of subject k from the disc."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, k: int) -> Half:
        return np.load(self.paths[k], mmap_mode="r")


class BrainSettings(Strict):
    """Subjects first, first + 1, ... of the training law, each with its own spacing and place.

    grid: voxels. spacing: mm, from and to. shift: of the grid's middle from the head's, mm.
    """

    count: int = 48
    first: int = 0
    grid: tuple[int, int, int] = (80, 96, 80)
    spacing: tuple[float, float] = (1.0, 2.3)
    shift: float = 25.0
    tesla: tuple[float, ...] = (1.5, 1.5, 3.0)


def brain_bank(settings: BrainSettings, place: Path, training: bool = True) -> Bank:
    """The bank of brains below `place`, made as far as it is missing.

    Raises InputError for `training` on seeds that are kept for validation and test.
    """
    if training:
        _check(settings.first, settings.count)
    return _bank("brains", settings, place, settings.count, lambda n: brain_arrays(n, settings))


def brain_arrays(number: int, settings: BrainSettings) -> Half:
    """Subject `first + number`: protocols, HU, bias and mask, (8, x, y, z)."""
    from undrift.medical.signal import robust_maximum
    from undrift.medical.simulate.anatomy import brain
    from undrift.medical.simulate.brain_ct import brain_ct
    from undrift.medical.simulate.mr_signal import contrast_arrays

    seed = settings.first + number
    rng = stream(seed, "bank")
    step = float(np.exp(rng.uniform(*np.log(settings.spacing))))
    steps = (step, step, step)
    room = [max(0.0, 110.0 - n * step / 2) for n in settings.grid]  # the head stays around it
    x, y, z = (float(rng.uniform(-1, 1)) * min(settings.shift, mm) for mm in room)
    phantom = brain(seed, settings.grid, steps, centre=(x, y, z))
    tesla = settings.tesla[number % len(settings.tesla)]
    pictures = contrast_arrays(phantom, *PROTOCOLS, tesla=tesla)
    scaled = [picture / robust_maximum(picture) for picture in pictures]
    bias = random_field(seed, "receive", 70.0).on(grid_axes(settings.grid, steps, (x, y, z)))
    mask = sum(phantom.memberships[name] for name in _BRAIN)
    return np.stack([*scaled, brain_ct(phantom).array, bias, mask]).astype(np.float16)


class ScanSettings(Strict):
    """Patients first, first + 1, ... of the training law of CT.

    grid: voxels; doses: shares of a full dose, from and to; draws: low-dose scans a patient.
    """

    count: int = 60
    first: int = 0
    grid: tuple[int, int, int] = (96, 96, 24)
    doses: tuple[float, float] = (0.05, 0.5)
    draws: int = 2


def scan_bank(settings: ScanSettings, place: Path, training: bool = True) -> Bank:
    """The bank of CT scans below `place`, made as far as it is missing.

    Raises InputError for `training` on seeds that are kept for validation and test.
    """
    if training:
        _check(settings.first, settings.count)
    return _bank("scans", settings, place, settings.count, lambda n: scan_arrays(n, settings))


def scan_arrays(number: int, settings: ScanSettings) -> Half:
    """Patient `first + number`: truth, noise-free and low-dose images, HU, (2 + draws, x, y, z)."""
    from undrift.medical.ct.fbp import filtered_back_projection
    from undrift.medical.ct.geometry import Parallel, evenly
    from undrift.medical.ct.units import mu_to_hu
    from undrift.medical.simulate.ct_noise import Exposure
    from undrift.medical.simulate.ct_pairs import PHOTONS, VIEWS
    from undrift.medical.simulate.ct_scan import from_rows, scan_phantom

    seed = settings.first + number
    scan = scan_phantom(seed, Parallel(evenly(VIEWS)), settings.grid)
    rng = stream(seed, "doses")
    integrals = [scan.integrals]
    for draw in range(settings.draws):
        dose = float(np.exp(rng.uniform(*np.log(settings.doses))))
        exposure = Exposure(PHOTONS[scan.phantom.region], dose)
        integrals.append(exposure.noisy(scan.integrals, 1000 * seed + draw)[0])
    images = [from_rows(mu_to_hu(filtered_back_projection(p, scan.geometry))) for p in integrals]
    return np.stack([scan.truth, *images]).astype(np.float16)


def _check(first: int, count: int) -> None:
    if first < 0 or count < 1 or first + count > TRAINING_SEEDS:
        raise InputError(
            f"seeds {first} to {first + count - 1}: training has those from 0 to "
            f"{TRAINING_SEEDS - 1}; the others are kept for validation and test"
        )


def _bank(
    kind: str, settings: Strict, place: Path, count: int, make: Callable[[int], Half]
) -> Bank:
    content = {"kind": kind, "version": VERSIONS[kind], **settings.model_dump(exclude={"count"})}
    folder = place / f"{kind}-{fingerprint(content)}"
    paths = tuple(folder / f"{n:05d}.npy" for n in range(count))
    for n in missing(paths):
        _save(paths[n], make(n))
    return Bank(paths)


def missing(paths: Sequence[Path]) -> list[int]:
    """Numbers of the files that are not there."""
    return [n for n, path in enumerate(paths) if not path.is_file()]


def _save(path: Path, array: Half) -> None:
    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.save(file, array)

    write_atomically(path, write)
