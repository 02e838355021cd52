"""`undrift speech simulate` on files: pairs in clean/ and noisy/, and the record of every one.

`mixtures.jsonl` has a line a mixture: the speech with its hash, and all drawn numbers. A replay
checks the hash and makes the same bits from the record.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from undrift.common.errors import InputError, nearest
from undrift.common.files import sha256_of, write_text
from undrift.common.items import Item
from undrift.common.json_lines import read_lines
from undrift.common.manifest import Manifest
from undrift.speech.audio import Audio, Stored, read_audio, write_audio
from undrift.speech.simulate.conditions import Conditions
from undrift.speech.simulate.noise_files import Noises
from undrift.speech.simulate.recording import Simulated, simulate

MIXTURES = "mixtures.jsonl"
CLEAN, NOISY = "clean", "noisy"
_STORED = Stored("WAV", "FLOAT")


@dataclass(frozen=True)
class SimulateFile:
    """The work on one file of speech; travels to worker processes.

    output: the folder of clean/ and noisy/. count: mixtures of the file. records: of a replay, the
    mixtures by item.
    """

    output: Path
    conditions: Conditions
    noises: Noises
    seed: int
    count: int = 1
    overwrite: bool = False
    records: Mapping[str, Sequence[Mapping[str, Any]]] | None = None

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Makes all mixtures of one file; `target`, the first noisy one, comes last.

        Raises InputError for what is no speech of one channel, and for a replay of other speech.
        """
        audio = read_audio(item.source)
        if audio.channels != 1:
            raise InputError(
                f"{item.source} has {audio.channels} channels; expected speech in one, at the "
                "place of one microphone; take one channel out of it"
            )
        digest = sha256_of(item.source)
        asked = self._asked(item, digest)
        mixtures = []
        for number in reversed(range(len(asked))):
            made = self._make(item, audio, number, asked[number])
            noisy = _numbered(target, number)
            place = noisy.relative_to(self.output / NOISY)
            self._write(self.output / CLEAN / place, made.clean, audio.rate, self.overwrite)
            self._write(noisy, made.noisy, audio.rate, self.overwrite or number == 0)
            mixtures.append({"file": place.as_posix(), "number": number, **made.record})
        shape = [1, audio.frames]
        return {
            "item": item.key, "sha256": digest, "rate": audio.rate, "mixtures": mixtures[::-1],
            "shape_in": shape, "shape_out": shape,
        }  # fmt: skip

    def _asked(self, item: Item, digest: str) -> Sequence[Mapping[str, Any] | None]:
        if self.records is None:
            return [None] * self.count
        if item.key not in self.records:
            raise InputError(
                f"{item.source}: the record has no item {item.key!r}"
                f"{nearest(item.key, list(self.records))} ({len(self.records)} items)"
            )
        found = self.records[item.key]
        if found[0]["sha256"] != digest:
            raise InputError(
                f"{item.source} is not the speech that the record names: its hash is {digest}, "
                f"expected {found[0]['sha256']}"
            )
        return found

    def _make(
        self, item: Item, audio: Audio, number: int, record: Mapping[str, Any] | None
    ) -> Simulated:
        key = f"{item.key}#{number}" if number else item.key
        return simulate(
            audio.samples[0], audio.rate, self.conditions, seed=self.seed, item=key,
            noises=self.noises, record=record,
        )  # fmt: skip

    def _write(self, path: Path, wave: np.ndarray, rate: int, overwrite: bool) -> None:
        audio = Audio(wave[None], rate, _STORED)
        if path.exists() and not overwrite and not _holds(path, audio):
            raise InputError(f"{path} exists and is another sound; give --overwrite to replace it")
        write_audio(path, audio)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}~{number + 1}{path.suffix}") if number else path


def _holds(path: Path, audio: Audio) -> bool:
    try:
        found = read_audio(path)
    except InputError:
        return False
    return found.rate == audio.rate and np.array_equal(found.samples, audio.samples)


def save_mixtures(output: Path) -> int:
    """Writes `mixtures.jsonl` in `output` from the manifest of its noisy files; how many lines."""
    lines = []
    records = Manifest(output / NOISY).written
    for name in sorted(records):  # whatever the order of the workers
        written = records[name]
        for mixture in written.get("mixtures") or ():
            said = {"v": 1, "item": written["item"], "sha256": written["sha256"]}
            lines.append(json.dumps({**said, "rate": written["rate"], **mixture}))
    if lines:
        write_text(output / MIXTURES, "\n".join(lines) + "\n")
    return len(lines)


def read_mixtures(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Item -> its mixtures, of a record that `save_mixtures` wrote. Raises InputError."""
    found: dict[str, list[dict[str, Any]]] = {}

    def take(record: dict[str, Any]) -> None:
        for name in ("sha256", "number", "room", "noise", "snr", "snr_by", "tail", "peak"):
            record[name]
        found.setdefault(PurePosixPath(record["item"]).as_posix(), []).append(record)

    read_lines(path, take, "record of `undrift speech simulate`")
    if not found:
        raise InputError(f"{path}: holds no record")
    return {key: sorted(records, key=lambda r: r["number"]) for key, records in found.items()}
