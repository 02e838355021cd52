"""Banks on disk: speech, noises and rooms made beforehand, so that drawing a mixture is cheap.

A bank is a folder with one .npy file that is mapped into memory, not read, and a .json file that
says what each row is and how to make it again. Noises are float16 rows at root mean square 1
(float16 keeps their peaks: a keyboard has 50 times its mean level), speech is int16 utterances one
after another, rooms are float16 responses whose direct path is 1 at sample 0.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.common.files import fingerprint, write_atomically, write_text
from undrift.speech.simulate.levels import trimmed
from undrift.speech.simulate.noise_voices import Voices
from undrift.speech.simulate.noises import FAMILIES, families, noise
from undrift.speech.simulate.random_rooms import Rooms, random_room, room_record
from undrift.speech.simulate.rooms import impulse_response


@dataclass(frozen=True)
class SpeechBank(Sequence[np.ndarray]):
    """Utterances of known speakers. samples: int16 (total,); offsets: (n + 1,); speakers: (n,)."""

    samples: np.ndarray
    offsets: np.ndarray
    speakers: tuple[str, ...]
    rate: int

    def __len__(self) -> int:
        """The number of utterances."""
        return len(self.speakers)

    def __getitem__(self, index: Any) -> Any:
        """Utterance `index` as float32 (samples,), full scale 1."""
        start, stop = int(self.offsets[index]), int(self.offsets[index + 1])
        return self.samples[start:stop].astype(np.float32) / np.float32(32768)

    def __iter__(self) -> Iterator[np.ndarray]:
        """All utterances in order."""
        return (self[index] for index in range(len(self)))

    def of(self, speakers: Sequence[str]) -> "SpeechBank":
        """The utterances of these speakers alone, without the others' samples."""
        kept = [i for i, speaker in enumerate(self.speakers) if speaker in speakers]
        pieces = [self.samples[self.offsets[i] : self.offsets[i + 1]] for i in kept]
        return _joined(pieces, [self.speakers[i] for i in kept], self.rate)


def speech_bank(
    waves: Sequence[np.ndarray],
    rate: int,
    speakers: Sequence[str] | None = None,
    *,
    trim: bool = True,
) -> SpeechBank:
    """A bank in memory from utterances: int16, or floats of full scale 1, each (samples,).

    speakers: one name an utterance; None says that each is of a speaker of its own. trim: without
    the silence at both ends (`levels.trimmed`). Raises
    InputError for no utterances, other shapes, or a number of speakers that differs.
    """
    names = [str(i) for i in range(len(waves))] if speakers is None else list(speakers)
    if not len(waves) or len(names) != len(waves):
        raise InputError(
            f"got {len(waves)} utterances and {len(names)} speakers; expected at least one "
            "utterance and a speaker for each"
        )
    pieces = []
    for index, wave in enumerate(waves):
        x = np.asarray(wave)
        if x.ndim != 1 or not x.size:
            raise InputError(f"utterance {index} has shape {x.shape}; expected (samples,)")
        if x.dtype != np.int16:
            x = np.round(np.clip(x, -1, 32767 / 32768) * 32768).astype(np.int16)
        pieces.append(trimmed(x, rate) if trim else x)
    return _joined(pieces, names, rate)


def _joined(pieces: Sequence[np.ndarray], speakers: Sequence[str], rate: int) -> SpeechBank:
    if not pieces:
        raise InputError("none of the utterances is of these speakers; look at bank.speakers")
    offsets = np.concatenate([[0], np.cumsum([len(piece) for piece in pieces])])
    return SpeechBank(np.concatenate(pieces), offsets, tuple(speakers), rate)


def save_speech_bank(folder: Path, bank: SpeechBank) -> None:
    """Writes speech.npy and speech.json into `folder`."""
    _save(folder / "speech.npy", np.asarray(bank.samples))
    about = {"rate": bank.rate, "offsets": bank.offsets.tolist(), "speakers": list(bank.speakers)}
    write_text(folder / "speech.json", json.dumps(about))


def load_speech_bank(folder: Path) -> SpeechBank:
    """The bank of `save_speech_bank`, its samples mapped. Raises InputError when it is not one."""
    samples, about = _load(folder / "speech.npy")
    return SpeechBank(
        samples, np.asarray(about["offsets"]), tuple(about["speakers"]), int(about["rate"])
    )


@dataclass(frozen=True)
class Rows:
    """Rows of several banks one after another, none of them copied: rows[i, start:stop]."""

    parts: tuple[np.ndarray, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, samples)."""
        return len(self), self.parts[0].shape[1]

    def __len__(self) -> int:
        """The number of rows."""
        return sum(len(part) for part in self.parts)

    def __getitem__(self, at: Any) -> Any:
        """Samples of one row."""
        row, cut = at
        for part in self.parts:
            if row < len(part):
                return part[row, cut]
            row -= len(part)
        raise IndexError(f"row {at[0]} of {len(self)}")


@dataclass(frozen=True)
class Bank:
    """rows: float16 (n, samples), mapped. about: one dictionary a row. mark: of how it was made."""

    rows: np.ndarray | Rows
    about: tuple[dict[str, Any], ...]
    rate: int
    mark: str


def load_bank(folder: Path, kind: str) -> Bank:
    """The bank of noises (`kind` "noise") or rooms ("rooms") in `folder`. Raises InputError."""
    rows, about = _load(folder / f"{kind}.npy")
    return Bank(rows, tuple(about["rows"]), int(about["rate"]), str(about["mark"]))


def joined(banks: Sequence[Bank]) -> Bank:
    """The rows of several banks as one; raises InputError where rates or lengths differ."""
    kinds = sorted({(bank.rate, bank.rows.shape[1]) for bank in banks})
    if len(kinds) != 1:
        raise InputError(f"the banks have rates and lengths {kinds}; expected one of each")
    rows = Rows(tuple(np.asanyarray(bank.rows) for bank in banks))
    about = tuple(row for bank in banks for row in bank.about)
    return Bank(rows, about, banks[0].rate, fingerprint([bank.mark for bank in banks]))


def make_noise_bank(
    folder: Path,
    count: int,
    seconds: float,
    rate: int,
    seed: int,
    *,
    names: Sequence[str] | None = None,
    voices: Voices | None = None,
) -> Bank:
    """Makes `count` noises of the families `names` in turn; row i is a function of (seed, i).

    names: default the training families, without those made of voices when none are given.
    """
    if names is None:
        wanted = families("train")
        names = [name for name in wanted if voices is not None or not FAMILIES[name].voiced]
    samples = round(seconds * rate)
    rows = np.empty((count, samples), np.float16)
    about = []
    for index in range(count):
        family = names[index % len(names)]
        rng = np.random.default_rng([seed, index])
        rows[index] = noise(family, samples, rate, rng, voices=voices).clip(-6e4, 6e4)
        about.append({"family": family, "seed": [seed, index]})
    return write_bank(folder, "noise", rows, about, rate)


def make_room_bank(
    folder: Path,
    count: int,
    rate: int,
    seed: int,
    *,
    t60: tuple[float, float] = (0.2, 1.0),
    distance: tuple[float, float] = (0.3, 4.0),
) -> Bank:
    """Makes `count` responses of random rooms, row i a function of (seed, i).

    t60: seconds, from and to. distance: metres between source and microphone, log-uniform, as far
    as the room allows. Rows are cut or padded to the longest decay.
    """
    samples = round((t60[1] * 1.0 + 0.05) * rate)
    rows = np.zeros((count, samples), np.float16)
    about = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        made = None
        while made is None:
            room = random_room(rng, Rooms(t60=t60, distance=distance))
            with contextlib.suppress(InputError):  # a hall asked to be dead, or the reverse
                made = impulse_response(room, rate, aligned=True)
        h = made.h[:samples].astype(np.float16)
        rows[index, : len(h)] = h
        about.append(room_record(made.room))
    return write_bank(folder, "rooms", rows, about, rate)


def write_bank(
    folder: Path, kind: str, rows: np.ndarray, about: list[dict[str, Any]], rate: int
) -> Bank:
    """Writes rows (n, samples) float16 and what each is as `folder`/`kind`.npy and .json."""
    _save(folder / f"{kind}.npy", rows)
    said = {"rate": rate, "samples": rows.shape[1], "rows": about}
    said["mark"] = fingerprint(said)
    write_text(folder / f"{kind}.json", json.dumps(said))
    return load_bank(folder, kind)


def _save(path: Path, rows: np.ndarray) -> None:
    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.save(file, rows)

    write_atomically(path, write)


def _load(path: Path) -> tuple[np.ndarray, dict[str, Any]]:
    try:
        about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        return np.load(path, mmap_mode="r"), about
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path.parent} holds no bank {path.stem}: {error}; make it with "
            "undrift.speech.simulate.banks"
        ) from error
