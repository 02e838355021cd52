"""Where training speech comes from: folders of speakers, made into banks once and cached.

A folder holds one folder a speaker with wav, flac or ogg files in it (files at its top are one
speaker more). `cache:` at the beginning of a path means this program's cache, where
`undrift data make` puts a card's recordings. Noises and rooms are drawn by `simulate`, of the
training families only.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from undrift.common.errors import InputError
from undrift.common.files import cache_folder, fingerprint
from undrift.speech.simulate.banks import (
    Bank,
    SpeechBank,
    load_bank,
    load_speech_bank,
    make_noise_bank,
    make_room_bank,
    save_speech_bank,
    speech_bank,
)
from undrift.speech.simulate.noise_recorded import make_recorded_bank
from undrift.speech.simulate.noise_voices import Voices

SUFFIXES = (".wav", ".flac", ".ogg")


def speech_folder(path: str) -> Path:
    """The folder that a recipe means; raises InputError, with the command that makes it."""
    inside = path.removeprefix("cache:")
    folder = cache_folder() / inside if inside != path else Path(inside).expanduser()
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder; make it first, for a data card with "
            f"`undrift data make {folder.name} -o {folder}`"
        )
    return folder


def speakers_of(folder: Path) -> dict[str, list[Path]]:
    """Speaker -> files, both sorted; raises InputError for a folder without recordings."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES:
            inside = path.relative_to(folder).parts
            found.setdefault(inside[0] if len(inside) > 1 else "", []).append(path)
    if not found:
        raise InputError(f"{folder} holds no {', '.join(SUFFIXES)}")
    return found


def open_speech(
    folders: Sequence[Path], rate: int, place: Path, only: Sequence[str], without: Sequence[str]
) -> SpeechBank:
    """The speech of `folders`, of the speakers `only` (all if empty) but not `without`.

    Raises InputError for a file of another rate, or if nobody is left.
    """
    chosen = {
        f"{folder.name}/{name}" if len(folders) > 1 else name: paths
        for folder in folders
        for name, paths in speakers_of(folder).items()
        if (not only or name in only) and name not in without
    }
    if not chosen:
        raise InputError(f"{folders} hold no speaker of {list(only)} without {list(without)}")
    return _open(chosen, rate, place, "speech")


def _open(chosen: dict[str, list[Path]], rate: int, place: Path, kind: str) -> SpeechBank:
    """Recordings by group; `kind` speech is trimmed. The samples of all are read only once."""
    listed = [[name, [[str(p), p.stat().st_size] for p in paths]] for name, paths in chosen.items()]
    kept = place / f"{kind}-{fingerprint([listed, rate]).removeprefix('sha256:')[:16]}"
    if not (kept / "speech.json").exists():
        waves = [(name, _read(path, rate)) for name, paths in chosen.items() for path in paths]
        names = [name for name, _ in waves]
        bank = speech_bank([wave for _, wave in waves], rate, names, trim=kind == "speech")
        save_speech_bank(kept, bank)
    return load_speech_bank(kept)


def open_recorded(
    folders: Sequence[Path], rate: int, place: Path, count: int, seconds: float, seed: int
) -> Bank:
    """A bank of `count` rows of the recorded noises in `folders`, a folder a group or at the top.

    Raises InputError for a file of another rate, or recordings that are silent.
    """
    groups = {
        f"{folder.name}/{name}": paths
        for folder in folders
        for name, paths in speakers_of(folder).items()
    }
    listed = [[n, [[p.name, p.stat().st_size] for p in paths]] for n, paths in groups.items()]
    mark = fingerprint([count, seconds, seed, rate, listed]).removeprefix("sha256:")[:16]
    kept = place / f"recorded-{mark}"
    if not (kept / "noise.json").exists():
        sounds = _open(groups, rate, place, "sounds")
        make_recorded_bank(kept, count, seconds, seed, sounds)
    return load_bank(kept, "noise")


def open_noises(place: Path, count: int, seconds: float, seed: int, speech: SpeechBank) -> Bank:
    """Noises of the training families; babble is made of voices of `speech`."""
    mark = fingerprint([count, seconds, seed, speech.rate, list(speech.speakers)])
    kept = place / f"noise-{mark.removeprefix('sha256:')[:16]}"
    if not (kept / "noise.json").exists():
        voices: Voices = speech
        make_noise_bank(kept, count, seconds, speech.rate, seed, voices=voices)
    return load_bank(kept, "noise")


def open_rooms(place: Path, count: int, rate: int, seed: int) -> Bank:
    """Responses of random rooms with a decay time of .2 to 1 s."""
    kept = place / f"rooms-v1-{rate}hz-seed{seed}-{count}"
    if not (kept / "rooms.json").exists():
        make_room_bank(kept, count, rate, seed)
    return load_bank(kept, "rooms")


def _read(path: Path, rate: int) -> np.ndarray:
    import soundfile

    samples, found = soundfile.read(path, dtype="int16", always_2d=True)
    if found != rate:
        raise InputError(f"{path} has {found} Hz; expected {rate}, resample it first")
    if not len(samples):
        raise InputError(f"{path} holds no samples; remove it")
    return samples[:, 0]
