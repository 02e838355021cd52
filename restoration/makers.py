"""`undrift data make` for pictures: writes a data card's pictures into a folder as 8-bit PNG.

Photographs are copied from installed packages (see `photos`), synthetic pictures are drawn anew.
On request they are degraded just as the benchmark degrades them (see `protocols`), except that a
PNG file clips noise to [0, 1] and rounds it to 8 bits.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.card_files import FileCheck
from undrift.common.cards import DataCard, find_card
from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.files import write_atomically
from undrift.restoration.datasets.archived import is_archived, make_archived
from undrift.restoration.datasets.check import check_views
from undrift.restoration.photos import load_photos

DRAWN = "leaves"  # the card whose pictures are synthetic
OPTIONS = {
    "photographs": ("items", "noise", "downscale", "seed"),
    "drawn": ("count", "size", "seed", "noise", "downscale"),
    "archived": ("items", "archives"),
}
Named = Iterator[tuple[str, np.ndarray]]


def make(
    card_id: str, folder: Path, options: Mapping[str, Any] | None = None, overwrite: bool = False
) -> dict[Path, str]:
    """Writes the pictures of `card_id` as `folder/<item>.png`: file -> "written" or "skipped".

    Options: `items` (names), `count`, `size` (pixels a side), `seed` (default 0), and one of
    `noise` (sigma on the 0..255 scale) and `downscale` (bicubic, a whole factor); for pictures
    inside archives `items` and `archives` (see `datasets.archived`), which are copied as they are.
    A file that is already there is skipped, unless `overwrite`.

    Raises:
        UsageError: an option this card does not take, or both degradations.
        InputError: an unknown card or item, or a value out of range.
        MissingExtraError: the package that brings the photographs is not installed.
    """
    options = dict(options or {})
    card = find_card(card_id)
    archived = is_archived(card)
    known = OPTIONS["drawn" if card_id == DRAWN else "archived" if archived else "photographs"]
    for name in options:
        if name not in known:
            raise UsageError(f"{card_id} takes no {name!r}{nearest(name, known)}; it takes {known}")
    if archived:
        return make_archived(card, Path(folder), options, overwrite)
    if card_id == DRAWN:
        pictures = _drawn(options)
    elif card.front.undrift.domain == "restoration":
        pictures = load_photos(card_id, options.get("items"))
    else:
        raise InputError(f"{card_id} holds no pictures")
    return _write_all(_degraded(pictures, options), Path(folder), overwrite)


def check(card: DataCard, root: Path) -> list[FileCheck]:
    """Whether the pictures below `root` are what the card's views say."""
    return check_views(card, root)


def _drawn(options: Mapping[str, Any]) -> Named:
    from undrift.restoration.leaves.bank import picture

    count, size, seed = options.get("count", 8), options.get("size", 256), options.get("seed", 0)
    if count < 1 or size < 16 or seed < 0:
        raise InputError(
            f"got count {count}, size {size}, seed {seed}; "
            "expected count >= 1, size >= 16 and seed >= 0"
        )
    for index in range(count):
        pixels = picture(index, size, seed)
        yield f"leaves-{index:05d}", pixels.transpose(2, 0, 1).astype(np.float32) / 255


def _degraded(pictures: Named, options: Mapping[str, Any]) -> Named:
    from undrift.restoration.protocols import Condition

    noise, downscale = options.get("noise"), options.get("downscale")
    if noise is not None and downscale is not None:
        raise UsageError("choose one of noise and downscale")
    if noise is None and downscale is None:
        return pictures
    if (noise is not None and not noise > 0) or (downscale is not None and downscale < 2):
        raise UsageError(f"noise must be above 0 and downscale 2 or more, got {noise, downscale}")
    condition = (
        Condition("denoise", sigma=float(noise))
        if noise is not None
        else Condition("sr", scale=downscale)
    )
    seed = options.get("seed", 0)
    return (
        (name, condition.degrade(condition.clean(picture), seed=seed, item=name))
        for name, picture in pictures
    )


def _write_all(pictures: Named, folder: Path, overwrite: bool) -> dict[Path, str]:
    from PIL import Image

    done: dict[Path, str] = {}
    for name, picture in pictures:
        path = folder / f"{name}.png"
        done[path] = "skipped" if path.exists() and not overwrite else "written"
        if done[path] == "skipped":
            continue
        pixels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
        image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
        write_atomically(path, lambda part, image=image: image.save(part, format="PNG"))
    return done
