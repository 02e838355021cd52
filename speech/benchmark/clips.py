"""The clean speech that is mixed, 16 kHz, and which of it belongs to which split.

`test`: recordings of Debian packages of which nothing was ever trained on, each as it is (the card
`debian-speech-heldout`). `validation`: four speakers of the training packages who are kept out of
training; their prompts and syllables are joined, in an order that only their names decide, to clips
of 4 s and more. Half a second of silence before and after each gives every method noise to hear.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.files import cache_folder

RATE = 16_000
LEAD = 0.5  # seconds of silence on either side
JOINED, PAUSE, CLIPS = 4.0, 0.3, 6  # seconds of a joined clip, between its parts, clips a speaker
Voices = dict[str, list[np.ndarray]]  # speaker -> utterances


@dataclass(frozen=True)
class Source:
    """card: id of the data card. speakers: folders below its own; none means all.

    joined: whether short files become clips of `JOINED` seconds.
    """

    card: str
    speakers: tuple[str, ...] = ()
    joined: bool = False


SOURCES = {
    "test": Source("debian-speech-heldout"),
    "validation": Source(
        "debian-speech", ("asterisk-ru", "klettres-fr", "klettres-he", "klettres-uk"), True
    ),
}


@dataclass(frozen=True, eq=False)
class Clip:
    """samples: float64 (n,) at 16 kHz with silence on both sides; name: path below the folder."""

    name: str
    speaker: str
    samples: np.ndarray


def source_of(split: str) -> Source:
    """Raises UsageError for an unknown split."""
    if split not in SOURCES:
        raise UsageError(
            f"no split '{split}'{nearest(split, SOURCES)} (there are: {', '.join(SOURCES)})"
        )
    return SOURCES[split]


def load_clips(split: str, root: Path | None = None) -> list[Clip]:
    """The clips of a split, from `root` or where `undrift data make` puts its card by default.

    Raises:
        UsageError: an unknown split. InputError: the folder is missing or a file is no speech at
            16 kHz; the message says how to make it.
    """
    source = source_of(split)
    folder = root or cache_folder() / "speech" / source.card
    speakers = source.speakers or sorted(p.name for p in folder.glob("*") if p.is_dir())
    clips = []
    for speaker in speakers:
        files = sorted((folder / speaker).rglob("*.wav"))
        if not files:
            raise _missing(folder, source, speaker)
        clips += _joined(files, folder, speaker) if source.joined else _single(files, folder)
    if not clips:
        raise _missing(folder, source, "*")
    return clips


def voices_of(clips: Sequence[Clip]) -> Voices:
    """The utterances of each speaker without the silence around them, float32."""
    lead = round(LEAD * RATE)
    found: Voices = {}
    for clip in clips:
        found.setdefault(clip.speaker, []).append(clip.samples[lead:-lead].astype(np.float32))
    return found


def _single(files: Sequence[Path], folder: Path) -> list[Clip]:
    return [
        Clip(path.relative_to(folder).as_posix(), path.parent.name, _led(_read(path)))
        for path in files
    ]


def _joined(files: Sequence[Path], folder: Path, speaker: str) -> list[Clip]:
    order = sorted(files, key=lambda path: hashlib.blake2b(path.name.encode()).digest())
    pause, clips, at = np.zeros(round(PAUSE * RATE)), [], 0
    while len(clips) < CLIPS and at < len(order):
        first, parts = order[at], []
        while at < len(order) and sum(map(len, parts)) < JOINED * RATE:
            parts += [_read(order[at])[: round(3 * JOINED * RATE)], pause]
            at += 1
        name = first.relative_to(folder).as_posix()
        clips.append(Clip(name, speaker, _led(np.concatenate(parts[:-1]))))
    return clips


def _led(samples: np.ndarray) -> np.ndarray:
    return np.pad(samples, round(LEAD * RATE))


def _read(path: Path) -> np.ndarray:
    from undrift.speech.audio import read_audio

    audio = read_audio(path)
    if audio.rate != RATE or audio.channels != 1 or not audio.samples.any():
        raise InputError(
            f"{path}: {audio.rate} Hz, {audio.channels} channels; the benchmark takes mono speech "
            f"at {RATE} Hz"
        )
    return audio.samples[0].astype(np.float64)


def _missing(folder: Path, source: Source, speaker: str) -> InputError:
    return InputError(
        f"no speech below {folder / speaker}; make it by `undrift data make {source.card} "
        f"-o {folder}`, or name its folder by --root"
    )
