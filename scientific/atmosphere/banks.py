"""States of the simulated atmosphere, made once and kept: a folder of arrays, one file a group.

A group is eight members of the two-layer flow, stepped together, with seeds 8 g ... 8 g + 7;
after the spin-up, in which the jets break up and the flow forgets its start, each gives a state
every few days. A flow is chaotic: the last bit decides on its weather after some weeks, so a group
is made as a whole, whatever its place in the bank. Seeds below 100 000 are for training, from there
on for validation, from 200 000 on for the test. The folder's name is a hash of what settles the
content; a file is whole or absent, so an interrupted bank goes on where it stopped.

Arrays are float16, (members times states, channels, n, n), in K and m/s.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from undrift.common.config import Strict
from undrift.common.errors import InputError
from undrift.common.files import cache_folder, fingerprint, write_atomically
from undrift.common.noise import Noise
from undrift.scientific.atmosphere.channels import DEFAULT, atmosphere, fields
from undrift.scientific.atmosphere.flows.models import TwoLayer
from undrift.scientific.atmosphere.flows.run import Run

Half = npt.NDArray[np.float16]
GROUP = 8  # members that are stepped together
FIRST_SEED = {"train": 0, "validation": 100_000, "test": 200_000}
LAST_SEED = {"train": 99_999, "validation": 100_999, "test": 200_999}
VERSION = 1  # of what the simulator makes; another one makes new banks
SOURCE = "synthetic (made up), undrift two-layer flow v{version}, seed {seed}"
_DAY = 86400.0
_STEP = 450.0 * 64  # s times points: dt of 450 s on 64 points a side
_START, _WAVES = 5e-6, 6.0  # vorticity (1/s) and its wavenumber at the start


class StateSettings(Strict):
    """Groups first // 8, first // 8 + 1, ... of the flow on n x n points.

    count: of members, rounded up to whole groups. first: the first seed, a multiple of 8. states:
    of each member, `apart` days from one to the next, after `spin_up` days.
    """

    count: int = Field(24, gt=0)
    first: int = Field(0, ge=0, multiple_of=GROUP)
    n: int = Field(64, ge=16)
    states: int = Field(80, gt=0)
    apart: float = Field(2.0, gt=0)
    spin_up: float = Field(80.0, ge=0)
    channels: tuple[str, ...] = DEFAULT

    @property
    def groups(self) -> int:
        """Files of the bank."""
        return -(-self.count // GROUP)


@dataclass(frozen=True)
class Bank:
    """Files of states; `bank[g]` maps the array (members times states, c, n, n) of a group."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, group: int) -> Half:
        return np.load(self.paths[group], mmap_mode="r")

    def whole(self) -> Half:
        """All states, (states, c, n, n), in memory."""
        return np.concatenate([self[g] for g in range(len(self))])


def split_of(first: int, count: int) -> str:
    """The split of seeds first ... first + count - 1; raises InputError if they are not in one."""
    for split, low in FIRST_SEED.items():
        if low <= first and first + count - 1 <= LAST_SEED[split]:
            return split
    ranges = ", ".join(f"{s} {FIRST_SEED[s]} to {LAST_SEED[s]}" for s in FIRST_SEED)
    raise InputError(f"seeds {first} to {first + count - 1} are not in one split; {ranges}")


def state_bank(settings: StateSettings, split: str = "train", place: Path | None = None) -> Bank:
    """The bank below `place` (the cache), made as far as it is missing: 20 s of a core a group of
    80 states on 64 points. Raises InputError for seeds of another split."""
    found = split_of(settings.first, settings.groups * GROUP)
    if found != split:
        raise InputError(f"seeds from {settings.first} on are of the split {found}, not {split}")
    content = {"version": VERSION, **settings.model_dump(exclude={"count", "first"})}
    folder = (place or cache_folder() / "atmosphere") / f"states-{fingerprint(content)}"
    numbers = [settings.first // GROUP + k for k in range(settings.groups)]
    paths = tuple(folder / f"{number:06d}.npy" for number in numbers)
    for number, path in zip(numbers, paths, strict=True):
        if not path.is_file():
            _save(path, group_states(number, settings))
    return Bank(paths)


def group_states(number: int, settings: StateSettings) -> Half:
    """States of the members with seeds 8 number ... 8 number + 7, member by member."""
    flow = atmosphere(settings.n)
    dt = _STEP / settings.n
    run = Run(flow, starts(flow, [GROUP * number + k for k in range(GROUP)]), dt)
    run.advance(round(settings.spin_up * _DAY / dt))
    found = []
    for _ in range(settings.states):
        run.advance(round(settings.apart * _DAY / dt))
        found.append(fields(flow, run.spectrum, settings.channels))
    return torch.stack(found, 1).flatten(0, 1).numpy().astype(np.float16)


def starts(flow: TwoLayer, seeds: list[int]) -> torch.Tensor:
    """Weak random vorticity (members, 2, n, n), float32, around six waves a side."""
    square = flow.square
    shape = torch.exp(-(((square.number - _WAVES) / 2) ** 2))
    drawn = [Noise(seed, "two-layer start")((1, 2, square.n, square.n)) for seed in seeds]
    q = square.field(torch.fft.rfft2(torch.cat(drawn).double()) * shape)
    return (q * (_START / q.std((1, 2, 3), keepdim=True))).float()


def _save(path: Path, array: Half) -> None:
    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.save(file, array)

    write_atomically(path, write)
