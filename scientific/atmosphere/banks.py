"""States of the simulated atmosphere, made once and kept: a folder of arrays, one file a group.

A group is eight members of a flow that are stepped together, with seeds 8 g ... 8 g + 7; after the
spin-up, in which the flow forgets its start, each gives a state every few days. A flow is chaotic:
the last bit decides on its weather after some weeks, so a group is made as a whole, whatever its
place in the bank. Seeds below 100 000 are for training, from there on for validation, from 200 000
on for the test. The folder's name is a hash of what settles the content; a file is whole or absent,
so an interrupted bank goes on where it stopped.

    surface    `channels.surface_flow`, forced at four waves a side: much of its variance is small
    two-layer  `channels.layered_flow`: jets and storms, smooth

Arrays are float16, (members times states, channels, n, n), in K and m/s.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from pydantic import Field

from undrift.common.config import Strict
from undrift.common.errors import InputError
from undrift.common.files import cache_folder, fingerprint, write_atomically
from undrift.common.noise import Noise
from undrift.scientific.atmosphere.channels import (
    SURFACE_CHANNELS,
    fields,
    layered_flow,
    surface_flow,
)
from undrift.scientific.atmosphere.flows.forcing import RingForcing
from undrift.scientific.atmosphere.flows.models import SurfaceQG, TwoLayer
from undrift.scientific.atmosphere.flows.run import Run

Half = npt.NDArray[np.float16]
GROUP = 8  # members that are stepped together
FIRST_SEED = {"train": 0, "validation": 100_000, "test": 200_000}
LAST_SEED = {"train": 99_999, "validation": 100_999, "test": 200_999}
VERSION = 1  # of what the simulator makes; another one makes new banks
SOURCE = "synthetic (made up), undrift {flow} flow v{version}, seed {seed}"
_DAY = 86400.0
_STEP = {"surface": 340.0 * 64, "two-layer": 450.0 * 64}  # s times points: dt of 340 s on 64 points
_START = {"surface": 10.0, "two-layer": 5e-6}  # deviation at the start, m/s and 1/s
_WAVES = {"surface": 4.0, "two-layer": 6.0}  # around which it lies
_RATE, _FORCED = 2.7e-4, 4.0  # m^2/s^3 of half the variance; waves a side


class StateSettings(Strict):
    """Groups first // 8, first // 8 + 1, ... of a flow on n x n points.

    count: of members, rounded up to whole groups. first: the first seed, a multiple of 8. states:
    of each member, `apart` days from one to the next, after `spin_up` days (two layers: 80).
    """

    count: int = Field(default=24, gt=0)
    first: int = Field(default=0, ge=0, multiple_of=GROUP)
    n: int = Field(default=64, ge=16)
    states: int = Field(default=80, gt=0)
    apart: float = Field(default=1.75, gt=0)
    spin_up: float = Field(default=20.0, ge=0)
    channels: tuple[str, ...] = SURFACE_CHANNELS

    @property
    def flow(self) -> Literal["surface", "two-layer"]:
        """The one that has the channels."""
        return "surface" if set(self.channels) <= set(SURFACE_CHANNELS) else "two-layer"

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
    """The bank below `place` (the cache), made as far as it is missing: 20 s of a core a group
    of 640 states on 64 points. Raises InputError for seeds of another split."""
    found = split_of(settings.first, settings.groups * GROUP)
    if found != split:
        raise InputError(f"seeds from {settings.first} on are of the split {found}, not {split}")
    own = settings.model_dump(exclude={"count", "first"})
    content = {"version": VERSION, "flow": settings.flow, **own}
    folder = (place or cache_folder() / "atmosphere") / f"states-{fingerprint(content)}"
    numbers = [settings.first // GROUP + k for k in range(settings.groups)]
    paths = tuple(folder / f"{number:06d}.npy" for number in numbers)
    for number, path in zip(numbers, paths, strict=True):
        if not path.is_file():
            _save(path, group_states(number, settings))
    return Bank(paths)


def group_states(number: int, settings: StateSettings) -> Half:
    """States of the members with seeds 8 number ... 8 number + 7, member by member."""
    run = group_run(number, settings)
    run.advance(round(settings.spin_up * _DAY / run.dt))
    found = []
    for _ in range(settings.states):
        run.advance(round(settings.apart * _DAY / run.dt))
        found.append(fields(flow_of(settings), run.spectrum, settings.channels))
    return torch.stack(found, 1).flatten(0, 1).numpy().astype(np.float16)


def group_run(number: int, settings: StateSettings) -> Run:
    """The members of a group at their start: weak random waves, float32."""
    flow, kind = flow_of(settings), settings.flow
    square, seeds = flow.square, range(GROUP * number, GROUP * (number + 1))
    shape = torch.exp(-(((square.number - _WAVES[kind]) / 2) ** 2))
    size = (1, flow.levels, square.n, square.n)
    drawn = torch.cat([Noise(seed, f"{kind} start")(size) for seed in seeds])
    q = square.field(torch.fft.rfft2(drawn.double()) * shape)
    q = (q * (_START[kind] / q.std((1, 2, 3), keepdim=True))).float()
    forcing = None
    if kind == "surface":
        forcing = RingForcing(square, _RATE, _FORCED, of="variance", seed=number)
    return Run(flow, q, _STEP[kind] / square.n, forcing)


def flow_of(settings: StateSettings) -> SurfaceQG | TwoLayer:
    """The flow of a bank, on its grid."""
    return surface_flow(settings.n) if settings.flow == "surface" else layered_flow(settings.n)


def _save(path: Path, array: Half) -> None:
    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.save(file, array)

    write_atomically(path, write)
