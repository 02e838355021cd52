"""Recordings inside packages, by the `members` of their card: decoded, a folder a speaker.

`undrift data make` writes DIR/<speaker>/<item>.wav, 16 kHz, one channel, 16 bits (see `decode`).
What counts is the hash over a group's files as they lie in the package, so that a package of
another version serves as well if the recordings in it are the same.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from undrift.common.card_files import FileCheck
from undrift.common.card_members import Members, digest
from undrift.common.card_schema import File
from undrift.common.cards import DataCard
from undrift.common.debian import archives_folder, deb_at_hand, read_where
from undrift.common.errors import InputError, nearest
from undrift.common.files import write_atomically
from undrift.speech.datasets.decode import RATE, check_decoders, decode


def make_recordings(
    card: DataCard, folder: Path, options: Mapping[str, Any], overwrite: bool = False
) -> dict[Path, str]:
    """Writes the recordings of `card` below `folder`: file -> "written" or "skipped".

    options: `items` (names of speakers, default all) and `archives`, a folder that holds the
    packages (default: `apt-get download` fetches them, to be thrown away afterwards). A speaker
    whose folder holds the right number of files is skipped, unless `overwrite`.

    Raises:
        MissingExtraError: a decoder is not installed; nothing is written.
        InputError: an unknown speaker; a package that cannot be got, or whose recordings are not
            the card's. Speakers written before stay.
    """
    archives = archives_folder(options)
    chosen = _pick(card, options.get("items"))
    todo = [g for g in chosen if overwrite or len(_files(folder / g.name)) != g.items]
    check_decoders({group.suffix for group in todo})
    done = {path: "skipped" for g in chosen if g not in todo for path in _files(folder / g.name)}
    for archive in card.front.undrift.files:
        groups = [group for group in todo if group.archive == archive.name]
        if groups:
            done |= _unpack(archive, archives, groups, folder, overwrite)
    return done


def _pick(card: DataCard, names: list[str] | None) -> list[Members]:
    groups = {group.name: group for group in card.front.undrift.members}
    for name in names or ():
        if name not in groups:
            raise InputError(
                f"{card.id} has no item {name!r}{nearest(name, groups)}; its items are the "
                f"speakers {', '.join(groups)}"
            )
    return [group for name, group in groups.items() if names is None or name in names]


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.wav"))


def _unpack(
    archive: File, archives: Path | None, groups: list[Members], folder: Path, overwrite: bool
) -> dict[Path, str]:
    """Reads a package once, for all groups in it, and writes them one after the other."""
    found: dict[str, dict[str, bytes]] = {group.name: {} for group in groups}
    done: dict[Path, str] = {}
    with deb_at_hand(archive, archives) as deb:
        zips = {str(above) for g in groups for above in PurePosixPath(g.folder).parents}
        for member, content in read_where(
            deb, lambda name: any(g.item(name) for g in groups), zips
        ):
            for group in groups:
                if item := group.item(member):
                    found[group.name][item] = content
        for group in groups:
            decoded = _decoded(group, found.pop(group.name), deb)
            for item, samples in decoded.items():
                path = folder / group.name / f"{item}.wav"
                done[path] = "skipped" if path.exists() and not overwrite else "written"
                if done[path] == "written":
                    _write(path, samples)
    return done


def _decoded(group: Members, members: dict[str, bytes], deb: Path) -> dict[str, np.ndarray]:
    """Item -> its samples; InputError where the members are not the card's."""
    hashes = {item: hashlib.sha256(content).hexdigest() for item, content in members.items()}
    if len(members) != group.items or digest(hashes) != group.sha256:
        raise InputError(
            f"{deb} holds other recordings of {group.name} than the card means ({len(members)} "
            f"files, expected {group.items}); it is another version of {group.archive}"
        )
    decoded = {}
    for item, content in members.items():
        try:
            decoded[item] = decode(content, group.suffix, group.sample_rate_hz)
        except InputError as error:
            raise InputError(f"{deb}: {group.folder}: {item}: {error}") from error
    if problem := _different(group, decoded):
        raise InputError(f"{deb}: {group.name} {problem}; the decoder is at fault: update it")
    return decoded


def _different(group: Members, decoded: Mapping[str, np.ndarray]) -> str:
    """How decoded recordings differ from the card's: "" if in nothing the card states."""
    if len(decoded) != group.items:
        return f"has {len(decoded)} recordings; the card says {group.items}"
    seconds = sum(len(samples) for samples in decoded.values()) / RATE
    if group.seconds is not None and abs(seconds - group.seconds) > 0.001:
        return f"has {seconds:.3f} s; the card says {group.seconds:.3f} s"
    hashes = {name: hashlib.sha256(found.tobytes()).hexdigest() for name, found in decoded.items()}
    if group.decoded is not None and digest(hashes) != group.decoded:
        return "has other samples than the card's, with as many recordings and seconds"
    return ""


def _write(path: Path, samples: np.ndarray) -> None:
    import soundfile

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(
        path, lambda part: soundfile.write(part, samples, RATE, subtype="PCM_16", format="WAV")
    )


def check_recordings(card: DataCard, root: Path) -> list[FileCheck]:
    """One line a speaker: whether the recordings below `root` are those of the card.

    Reads every file. A speaker whose `decoded` the card leaves open is checked by number and
    duration, since decoders may round its samples differently.
    """
    checks = []
    for group in card.front.undrift.members:
        problem = _wrong(group, root / group.name)
        hashed = group.decoded is not None
        checks.append(FileCheck(group.name, root / group.name, problem, hashed))
    return checks


def _wrong(group: Members, folder: Path) -> str:
    import soundfile

    if not folder.is_dir():
        return f"is not there; make it with --items {group.name}"
    decoded = {}
    for path in _files(folder):
        try:
            samples, rate = soundfile.read(path, dtype="int16")
            kind = soundfile.info(path).subtype
        except soundfile.LibsndfileError as error:
            return f"has a damaged file, {path.name} ({error}); make it again with --overwrite"
        if (rate, samples.ndim, kind) != (RATE, 1, "PCM_16"):
            return f"has {path.name}, which is not 16 kHz, one channel, 16 bits; make it again"
        decoded[path.stem] = samples.astype("<i2")
    return _different(group, decoded)
