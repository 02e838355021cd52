"""Where the noise of a simulated recording comes from: families, or a folder of recordings.

A noise is named by a small record: a family with the seed of its generator, or a file with its
hash, channel and first sample. The record and the same files make the same samples again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from undrift.common.errors import InputError, UsageError
from undrift.common.files import sha256_of
from undrift.speech.simulate.noises import FAMILIES, families, noise

_TRIES = 20  # to find a recording that is as long as the speech
_VOICES = 64  # files of voices that are read


@dataclass(frozen=True)
class Noises:
    """names: of families. folder, files: recordings, by their path below the folder. voices: files
    of speech for the families made of voices; these families are left out without."""

    names: tuple[str, ...] = ()
    folder: Path | None = None
    files: tuple[str, ...] = ()
    voices: tuple[Path, ...] = ()

    def draw(self, rng: np.random.Generator, samples: int, rate: int) -> dict[str, Any]:
        """The record of a random noise of `samples` at `rate` Hz."""
        if self.folder is not None:
            return self._draw_file(self.folder, rng, samples, rate)
        name = self.names[int(rng.integers(len(self.names)))]
        record: dict[str, Any] = {"family": name, "seed": int(rng.integers(2**62))}
        if FAMILIES[name].voiced:
            record["voices"] = _voices_mark(self.voices)
        return record

    def _draw_file(
        self, folder: Path, rng: np.random.Generator, samples: int, rate: int
    ) -> dict[str, Any]:
        name, wave = "", np.zeros((1, 0), np.float32)
        for _ in range(_TRIES):
            name = self.files[int(rng.integers(len(self.files)))]
            wave = _recording(folder / name, rate)
            if wave.shape[1] >= samples:
                break
        return {
            "file": name,
            "sha256": _hash(folder / name),
            "channel": int(rng.integers(len(wave))),
            "start": int(rng.integers(max(1, wave.shape[1] - samples + 1))),
        }

    def wave(self, record: Mapping[str, Any], samples: int, rate: int) -> np.ndarray:
        """The samples (samples,) float32 of a record; a recording that is too short is repeated.

        Raises InputError when its file is missing or another one, UsageError without its folder.
        """
        if "family" in record:
            return self._family(record, samples, rate)
        if self.folder is None:
            raise UsageError(f"the record names the noise {record['file']}; give --noise DIR")
        path = self.folder / str(record["file"])
        if not path.is_file() or _hash(path) != record["sha256"]:
            what = "has changed since" if path.is_file() else "is not there"
            raise InputError(f"{path} {what}; the record was made with {record['sha256']}")
        wave = _recording(path, rate)[int(record["channel"])]
        start = int(record["start"])
        if start + samples <= len(wave):
            return wave[start : start + samples]
        return np.resize(wave[start:], samples)

    def _family(self, record: Mapping[str, Any], samples: int, rate: int) -> np.ndarray:
        voices = None
        if FAMILIES[record["family"]].voiced:
            if _voices_mark(self.voices) != record.get("voices"):
                raise InputError(
                    f"the record of the noise {record['family']!r} was made with other voices; "
                    "give the same --voices DIR"
                )
            voices = [_mono(path, rate) for path in self.voices]
        rng = np.random.default_rng(record["seed"])
        if samples < 16:
            return np.zeros(samples, np.float32)
        return noise(record["family"], samples, rate, rng, voices=voices)


def open_noises(asked: str | tuple[str, ...] | None, voices: Path | None = None) -> Noises:
    """asked: families or "train"/"test" (by commas or as a tuple), a folder of recordings, or None.

    Raises UsageError for an unknown family, or one made of voices without `voices`; InputError for
    a folder without sound files.
    """
    spoken = tuple(_sounds(voices)[1]) if voices is not None else ()
    chosen = spoken[:: max(1, -(-len(spoken) // _VOICES))]
    heard = tuple((voices or Path()) / name for name in chosen)
    if not asked:
        return Noises(voices=heard)
    if isinstance(asked, str) and Path(asked).is_dir():
        folder, files = _sounds(Path(asked))
        return Noises(folder=folder, files=files, voices=heard)
    names: list[str] = []
    for word in asked.split(",") if isinstance(asked, str) else asked:
        if word in ("train", "test"):
            split = families(cast(Literal["train", "test"], word))
            names += [name for name in split if heard or not FAMILIES[name].voiced]
        else:
            names.append(_family_named(word.strip(), bool(heard)))
    return Noises(tuple(dict.fromkeys(names)), voices=heard)


def _family_named(word: str, voiced: bool) -> str:
    from undrift.common.errors import nearest

    if word not in FAMILIES:
        raise UsageError(
            f"--noise {word}: neither a folder nor a family; families: train, test, "
            f"{', '.join(FAMILIES)}{nearest(word, FAMILIES)}"
        )
    if FAMILIES[word].voiced and not voiced:
        raise UsageError(f"--noise {word} is made of voices; give a folder of speech with --voices")
    return word


def _sounds(folder: Path) -> tuple[Path, tuple[str, ...]]:
    from undrift.common.items import collect
    from undrift.speech.audio import SUFFIXES

    return folder, tuple(item.key for item in collect([folder], SUFFIXES))


@lru_cache(maxsize=4)
def _recording(path: Path, rate: int) -> np.ndarray:
    """(channels, n) at `rate`; kept, since recordings of noise are long and many mixtures share."""
    import torch

    from undrift.speech.audio import read_audio
    from undrift.speech.resample import resample

    audio = read_audio(path)
    if not audio.frames:
        raise InputError(f"{path}: holds no samples; take it out of the folder")
    if audio.rate == rate:
        return audio.samples
    return resample(torch.from_numpy(audio.samples), audio.rate, rate).numpy()


@lru_cache(maxsize=_VOICES)
def _mono(path: Path, rate: int) -> np.ndarray:
    return _recording(path, rate)[0]


@lru_cache(maxsize=4096)
def _hash(path: Path) -> str:
    return sha256_of(path)


@lru_cache(maxsize=4)
def _voices_mark(voices: tuple[Path, ...]) -> str:
    """16 hex digits of the voices' samples, whatever the files are called."""
    return hashlib.sha256("".join(sorted(_hash(path) for path in voices)).encode()).hexdigest()[:16]
