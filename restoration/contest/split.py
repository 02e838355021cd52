"""Which pairs train, which choose settings, and which are only scored.

A pair's place in [0, 1) is a hash of its name and the seed, so that pictures added later move no
other from one part to another: a run that goes on never tests on what it was trained on.
"""

import hashlib
from collections.abc import Sequence

from undrift.common.errors import InputError
from undrift.restoration.sources import Folder, Pairs

PARTS = ("train", "validation", "test")


def place(name: str, seed: int) -> float:
    """The name's number in [0, 1)."""
    words = hashlib.blake2b(f"{seed}\0{name}".encode(), digest_size=8).digest()
    return int.from_bytes(words, "little") / 2**64


def split(
    names: Sequence[str], seed: int, shares: tuple[float, float, float]
) -> dict[str, list[int]]:
    """Part -> numbers of its names. shares: of train, validation and test; they sum to 1.

    Raises InputError for shares that do not, and for a part that got no name.
    """
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise InputError(f"shares are {shares}; expected three positive numbers that sum to 1")
    parts: dict[str, list[int]] = {part: [] for part in PARTS}
    for number, name in enumerate(names):
        at = place(name, seed)
        chosen = 0 if at < shares[0] else 1 if at < shares[0] + shares[1] else 2
        parts[PARTS[chosen]].append(number)
    empty = [part for part in PARTS if not parts[part]]
    if empty:
        counts = ", ".join(f"{part} {len(found)}" for part, found in parts.items())
        raise InputError(
            f"of {len(names)} pairs none fell to {' and '.join(empty)} ({counts}); give more "
            "pairs, larger shares, or another split seed"
        )
    return parts


def names_of(pairs: Pairs) -> list[str]:
    """The relative names without suffix, in order."""
    clean = pairs.clean
    return [file.relative_to(clean.folder).with_suffix("").as_posix() for file in clean.files]


def subset(pairs: Pairs, numbers: Sequence[int]) -> Pairs:
    """The pairs of these numbers."""
    sides = (pairs.clean, pairs.degraded)
    clean, degraded = (Folder(side.folder, [side.files[k] for k in numbers]) for side in sides)
    return joined(clean, degraded)


def joined(clean: Folder, degraded: Folder) -> Pairs:
    """Pairs of two lists of files, wherever they lie; number k of each belong together."""
    pairs = object.__new__(Pairs)
    pairs.clean, pairs.degraded = clean, degraded
    return pairs
