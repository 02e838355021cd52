"""Pairs of clean and noisy recordings on disc: training windows, or whole recordings to score.

A data set is found by its card (VoiceBank-DEMAND, WSJ0-REVERB, ...), or is a folder with clean/ and
noisy/ that hold files of equal names. Windows are cut as SGMSE's loader cuts them: at random, and a
shorter recording lies in the middle of zeros.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from undrift.common.errors import InputError
from undrift.common.files import cache_folder
from undrift.common.open_views import open_view
from undrift.speech.audio.reading import read_audio
from undrift.speech.data import Pair
from undrift.speech.resample import resample


@dataclass(frozen=True)
class Named:
    """Two files of one name."""

    name: str
    clean: Path
    noisy: Path


def pairs_root(path: str) -> Path:
    """The folder of a data set; `cache:` at the beginning is this program's cache.

    Raises InputError if it is not there.
    """
    inside = path.removeprefix("cache:")
    folder = cache_folder() / inside if inside != path else Path(inside).expanduser()
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder; `undrift data show CARD` says where a data set is and how "
            "its files lie; put it, or a link to it, there, or name another root"
        )
    return folder


def card_pairs(
    card: str, root: str | Path, split: str | None = None, view: str | None = None
) -> list[Named]:
    """The pairs of a view of a card below `root`, sorted by name.

    Raises InputError for an unknown card, missing files, or a view without both sides; UsageError
    for a split or view that the card does not have.
    """
    opened = open_view(card, root, split, view)
    if not {"clean", "degraded"} <= opened.view.patterns.keys():
        raise InputError(f"{card}: the view {opened.view.name} has not both sides")
    return [Named(e.name, e.files["clean"], e.files["degraded"]) for e in opened.entries]


def folder_pairs(folder: str | Path) -> list[Named]:
    """Files of equal names in folder/clean and folder/noisy.

    Raises InputError if there are none, or if one side has files that the other lacks.
    """
    folder = Path(folder).expanduser()
    clean, noisy = (
        {p.relative_to(folder / side).as_posix(): p for p in (folder / side).rglob("*")
         if p.is_file() and not p.name.startswith(".")}
        for side in ("clean", "noisy")
    )  # fmt: skip
    alone = sorted(clean.keys() ^ noisy.keys())
    if not clean or alone:
        found = f"no partner for {', '.join(alone[:8])}" if alone else "no files"
        raise InputError(f"{folder}: expected clean/ and noisy/ with files of equal names; {found}")
    return [Named(name, clean[name], noisy[name]) for name in sorted(clean)]


@dataclass
class PairFiles:
    """Windows of `samples` at `rate`, from pairs of files; see the module."""

    pairs: Sequence[Named]
    rate: int
    samples: int

    def pair(self, n: int, rng: np.random.Generator) -> Pair:
        """One window; raises InputError for files that do not fit together."""
        clean, noisy = read_pair(self.pairs[int(rng.integers(len(self.pairs)))], self.rate)
        spare = len(clean) - self.samples
        if spare >= 0:
            start = int(rng.integers(spare + 1))
            return clean[start : start + self.samples], noisy[start : start + self.samples]
        before = -spare // 2
        sides = (before, -spare - before)
        return np.pad(clean, sides), np.pad(noisy, sides)


def read_pair(pair: Named, rate: int) -> Pair:
    """Both recordings whole, one channel, at `rate`: float32 (samples,).

    Raises InputError for several channels, rates or lengths that differ.
    """
    sounds = [read_audio(path) for path in (pair.clean, pair.noisy)]
    for path, sound in zip((pair.clean, pair.noisy), sounds, strict=True):
        if sound.samples.shape[0] != 1:
            raise InputError(f"{path} has {sound.samples.shape[0]} channels; expected one")
    first, second = sounds
    if (first.rate, first.samples.shape) != (second.rate, second.samples.shape):
        told = [f"{s.samples.shape[1]} samples at {s.rate} Hz" for s in sounds]
        raise InputError(f"{pair.clean} has {told[0]}, {pair.noisy} {told[1]}; expected the same")
    waves = np.concatenate([s.samples for s in sounds])
    if first.rate != rate:
        waves = resample(torch.from_numpy(waves), first.rate, rate).numpy()
    return waves[0], waves[1]
