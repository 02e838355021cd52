"""Pairs from clean pictures alone: each is degraded once, by a chain drawn for its name.

The degraded pictures are kept as PNG, 8 bits, beside a line of JSON with the chain's record, so
that they can be looked at and made again.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.common.files import write_atomically, write_text
from undrift.restoration.chains.recipes import find_recipe
from undrift.restoration.contest.split import joined, place
from undrift.restoration.sources import Folder, Pairs, is_paired


def open_pairs(folder: Path, out: Path, degradation: str | None, seed: int) -> Pairs:
    """The pairs of a folder with clean/ and degraded/, or made of clean/ (or of the folder itself).

    Raises InputError for a folder without degraded/ and no degradation, and for one with both.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; expected clean/ and degraded/ in it")
    if is_paired(folder):
        if degradation is not None:
            raise InputError(
                f"{folder} holds degraded/ already; leave --degradation out, or name {folder}/clean"
            )
        return Pairs(folder)
    if degradation is None:
        raise InputError(
            f"{folder} has no clean/ and degraded/; add them, or name a --degradation of clean "
            "pictures, such as rain"
        )
    clean = Folder(folder / "clean" if (folder / "clean").is_dir() else folder)
    return _made(clean, out, degradation, seed)


def _made(clean: Folder, out: Path, degradation: str, seed: int) -> Pairs:
    recipe = find_recipe(degradation)
    files: list[Path] = []
    for k, file in enumerate(clean.files):
        name = file.relative_to(clean.folder).with_suffix("").as_posix()
        target = out / "degraded" / f"{name}.png"
        if target in files:
            raise InputError(f"{file} and another picture share the name {name}; rename one")
        files.append(target)
        rng = np.random.default_rng(int(2**53 * place(f"{degradation}\0{name}", seed)))
        chain = recipe.draw(clean.size(k), rng)
        record = json.dumps({"degradation": degradation, "seed": seed, "chain": chain.record()})
        if target.is_file() and _text(target.with_suffix(".json")) == record:
            continue
        pixels = chain(clean.pixels(k))
        write_atomically(target, lambda part, pixels=pixels: _save(part, pixels))
        write_text(target.with_suffix(".json"), record)
    return joined(clean, Folder(out / "degraded", files))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _save(path: Path, pixels: np.ndarray) -> None:
    from PIL import Image

    whole = (np.clip(pixels, 0, 1) * 255).round().astype(np.uint8)
    shown: Any = whole[0] if len(whole) == 1 else whole.transpose(1, 2, 0)
    Image.fromarray(shown).save(path, format="PNG")
