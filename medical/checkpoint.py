"""Finished steps of the sampling of one volume, from which a killed run goes on to the same bytes.

A folder beside the output holds the states and estimates that the next step looks at, the samples
that are done, and `state.json`, which says of which step they are and whose: what the result
depends on must be the same, else the run begins anew. Noise is a function of seed and place, so
nothing else is needed. New files come first, then the line that names them, by one rename; old
ones go last. Short runs keep nothing: sampling has to take `least` seconds, judged by its first
call, and `pause` seconds lie between two steps that are kept.
"""

import json
import logging
import math
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.files import write_text
from undrift.medical.stores import Kept, Room, slabs
from undrift.medical.volumes.on_disk import let_go

log = logging.getLogger("undrift")
LEAST, PAUSE = 60.0, 10.0  # seconds
_BYTES = 4


@dataclass
class Point:
    """Where a sample is: steps that are done, and what the next looks at, newest first."""

    step: int
    states: Sequence[Kept]
    values: Sequence[Kept]
    disagreement: float | None = None


@dataclass
class Checkpoint:
    """identity: what the result depends on, as JSON holds it. folder: made when needed.

    Whoever makes one removes it when the output is whole.
    """

    folder: Path
    identity: Mapping[str, Any]
    least: float = LEAST
    pause: float = PAUSE
    _told: dict[str, Any] = field(default_factory=dict, init=False)
    _calls: int = field(default=1, init=False)
    _on: bool = field(default=False, init=False)
    _last: float = field(default_factory=time.monotonic, init=False)

    def part(self, name: str) -> "Checkpoint":
        """That of a part of the work, such as one frame of a series."""
        identity = {**self.identity, "part": name}
        return Checkpoint(self.folder / name, identity, self.least, self.pause)

    def begin(self, calls: int, shape: tuple[int, ...]) -> list[int] | None:
        """Looks for what an earlier run left; the size of its tiles, or None where there is none.

        calls: of the network, of all samples. shape: of an array, (c, *space).
        """
        self._calls, self._last = calls, time.monotonic()
        self._told = found(self.folder, self.identity)
        names = [*self._told.get("samples", {}).values(), *self._told.get("states", ()),
                 *self._told.get("values", ())]  # fmt: skip
        size = _BYTES * math.prod(shape)
        if any(not _is_whole(self.folder / name, size) for name in names):
            log.warning("undrift: %s: damaged; the volume is begun anew", self.folder)
            shutil.rmtree(self.folder)
            self._told = {}
        if not self._told:
            return None
        self._on = True
        whole, steps = len(self._told["samples"]), self._told["step"]
        told = "undrift: %s: going on (whole samples: %d, steps of the next: %d)"
        log.warning(told, self.folder, whole, steps)
        tile: list[int] = self._told["tile"]
        return tile

    def sample(self, number: int, shape: tuple[int, ...], room: Room) -> Kept | None:
        """A sample that is done; None where it is not."""
        name = self._told.get("samples", {}).get(str(number))
        return None if name is None else _read(self.folder / name, shape, room)

    def point(self, number: int, shape: tuple[int, ...], room: Room) -> Point | None:
        """Where sample `number` goes on; None where it begins."""
        told = self._told
        if told.get("sample") != number or not told["step"]:
            return None
        states, values = (
            [_read(self.folder / name, shape, room) for name in told[kind]]
            for kind in ("states", "values")
        )
        return Point(told["step"], states, values, told["disagreement"])

    def called(self, seconds: float) -> None:
        """Is told how long a call took."""
        self._on = self._on or seconds * self._calls >= self.least

    def keep(self, number: int, point: Point, tile: Sequence[int]) -> None:
        """Takes down a finished step of sample `number`, where it is time for it."""
        if not self._on or time.monotonic() - self._last < self.pause:
            return
        serial = self._told.get("serial", 0) + 1
        kinds = {"states": point.states, "values": point.values}
        files = {
            kind: {f"{serial}-{kind}-{k}.f32": one for k, one in enumerate(kept)}
            for kind, kept in kinds.items()
        }
        names = {kind: list(own) for kind, own in files.items()}
        self._note({**files["states"], **files["values"]}, {
            **names, "serial": serial, "sample": number, "step": point.step, "tile": list(tile),
            "disagreement": point.disagreement,
        })  # fmt: skip

    def finish(self, number: int, sample: Kept, tile: Sequence[int]) -> None:
        """Takes down a whole sample."""
        if not self._on or str(number) in self._told.get("samples", {}):
            return
        name = f"sample-{number}.f32"
        samples = {**self._told.get("samples", {}), str(number): name}
        self._note({name: sample}, {
            "samples": samples, "sample": number + 1, "step": 0, "tile": list(tile),
            "states": [], "values": [], "disagreement": None,
        })  # fmt: skip

    def remove(self) -> None:
        """Forgets everything, once the output is whole."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _note(self, files: Mapping[str, Kept], told: Mapping[str, Any]) -> None:
        """Writes files, then the line that names them; a disk that is full ends no run."""
        try:
            for name, one in files.items():
                self._write(name, one)
            self._put(told)
        except OSError as error:
            log.warning("undrift: %s: finished steps are not kept: %s", self.folder, error)
            self._on, self.least, self._told = False, math.inf, {}
            self.remove()

    def _put(self, told: Mapping[str, Any]) -> None:
        old = {*self._told.get("states", ()), *self._told.get("values", ())}
        new = {"identity": dict(self.identity), "samples": {}, "serial": 0, **self._told, **told}
        write_text(self.folder / "state.json", json.dumps(new, indent=1))
        for name in old - {*new["states"], *new["values"]}:
            (self.folder / name).unlink(missing_ok=True)
        self._told, self._last = new, time.monotonic()

    def _write(self, name: str, kept: Kept) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / name).open("wb") as file:
            for channel in kept.array:
                for part in slabs(channel.shape):
                    file.write(np.ascontiguousarray(channel[part]).data)
                    let_go(kept.array)
            os.fsync(file.fileno())


def found(folder: Path, identity: Mapping[str, Any]) -> dict[str, Any]:
    """What `state.json` of a folder says; nothing, and no folder any more, where it is another's.

    Where it was made for something else, a warning says what differs.
    """
    try:
        told: dict[str, Any] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        shutil.rmtree(folder, ignore_errors=True)
        return {}
    theirs, mine = told["identity"], json.loads(json.dumps(identity))
    if theirs == mine:
        return told
    other = ", ".join(key for key in {**theirs, **mine} if theirs.get(key) != mine.get(key))
    log.warning("undrift: %s: finished steps of another run (%s); begun anew", folder, other)
    shutil.rmtree(folder, ignore_errors=True)
    return {}


def _is_whole(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _read(path: Path, shape: tuple[int, ...], room: Room) -> Kept:
    kept = room.take(shape)
    with path.open("rb") as file:
        for channel in kept.array:
            for part in slabs(channel.shape):
                here = channel[part]
                here[...] = np.fromfile(file, np.float32, here.size).reshape(here.shape)
                let_go(kept.array)
    return kept
