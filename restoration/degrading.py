"""`degrade`: makes degraded pictures from clean ones, and keeps every drawn number.

The chain of an item is drawn from (seed, item), so that neither order nor workers change it; its
record makes the same picture again, to the last bit (`--replay`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.items import Item
from undrift.common.json_lines import read_lines
from undrift.common.noise import Noise
from undrift.common.resize import bicubic
from undrift.restoration.chains.chain import Chain, replayed
from undrift.restoration.chains.recipes import inline_recipe
from undrift.restoration.images import Picture, to_pixels, write_picture

PARAMETERS = "degradations.jsonl"
LOSSY = (".jpg", ".jpeg", ".webp")


@dataclass(frozen=True)
class Degraded:
    """value: of the kind that came. chain: all parameters, `replayed` makes it again.

    mask: (h, w) float32, 1 where a shadow or a scratch lies, None where damage is everywhere.
    """

    value: Any
    chain: list[dict[str, Any]]
    mask: np.ndarray | None


def degrade(
    image: Any,
    *,
    recipe: str | Mapping[str, Any] | None = None,
    seed: int = 0,
    item: str | None = None,
    chain: list[dict[str, Any]] | None = None,
) -> Degraded:
    """Degrades a picture by a recipe, or again by the chain of an earlier result.

    recipe: a name (`undrift degrade --list`), a YAML file, or the mapping such a file holds. item:
    names the picture whose chain is drawn; of a path its name. Pictures are taken as values from 0
    to 1. Raises InputError for bad pictures and recipes, UsageError unless one of recipe and chain
    is given.
    """
    if (recipe is None) == (not chain):
        raise UsageError("degrade takes a recipe, or the chain of an earlier result")
    picture, back = to_pixels(image)
    if picture.pixels.min() < 0 or picture.pixels.max() > 1:
        raise InputError(
            f"{picture.path or 'the picture'} has values from {picture.pixels.min():g} to "
            f"{picture.pixels.max():g}; degradations are of pictures from 0 to 1; rescale it first"
        )
    if item is None:
        item = Path(image).name if isinstance(image, str | Path) else ""
    size = (picture.height, picture.width)
    made = replayed(chain) if chain else drawn_chain(recipe, size, seed=seed, item=item)
    y = made(picture.pixels)
    alpha = picture.alpha
    if alpha is not None and y.shape[1:] != alpha.shape:
        small = bicubic(torch.from_numpy(alpha.copy())[None], (y.shape[1], y.shape[2]))
        alpha = small[0].clamp(0, 1).numpy()
    return Degraded(back(y, alpha), made.record(), made.mask((y.shape[1], y.shape[2])))


def drawn_chain(recipe: Any, size: tuple[int, int], *, seed: int, item: str) -> Chain:
    """The chain of an item; equal arguments give equal chains."""
    rng = np.random.default_rng(Noise(seed, f"degrade/{item}").key())
    return inline_recipe(recipe).draw(size, rng)


def read_parameters(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Item -> chain of a record that `degrade` wrote. Raises InputError."""
    found: dict[str, list[dict[str, Any]]] = {}

    def take(record: dict[str, Any]) -> None:
        if record.get("status", "written") == "written":
            found[record["item"]] = record["chain"]

    read_lines(path, take, "record of `undrift degrade` (expected item and chain)")
    if not found:
        raise InputError(f"{path}: holds no record")
    return found


@dataclass(frozen=True)
class DegradeFile:
    """The work on one file; travels to worker processes. chains: of a replay, by item."""

    recipe: str | None
    seed: int
    provenance: bool
    masks: Path | None
    chains: Mapping[str, list[dict[str, Any]]] | None = None

    def __call__(self, item: Item, target: Path) -> Mapping[str, Any]:
        """Degrades one file. The mask comes before the target, which marks the item done."""
        if target.suffix.lower() in LOSSY:
            raise UsageError(
                f"{target}: {target.suffix} would add losses that no record holds; name a .png "
                "or a .tif"
            )
        result = degrade(
            item.source, recipe=self.recipe, seed=self.seed, item=item.key, chain=self._chain(item)
        )
        said = {"item": item.key, "recipe": self.recipe, "chain": result.chain}
        if self.masks is not None and result.mask is not None:
            place = self.masks / Path(item.key).with_suffix(".png")
            place.parent.mkdir(parents=True, exist_ok=True)
            write_picture(place, Picture(np.clip(result.mask, 0, 1)[None], None, "uint8"))
        info = {"task": "degrade", "seed": self.seed, **said} if self.provenance else None
        write_picture(target, result.value, provenance=info)
        return {**said, "shape_out": list(result.value.pixels.shape)}

    def _chain(self, item: Item) -> list[dict[str, Any]] | None:
        if self.chains is None:
            return None
        if item.key not in self.chains:
            raise InputError(
                f"{item.source}: the record has no item {item.key!r}"
                f"{nearest(item.key, list(self.chains))} ({len(self.chains)} items)"
            )
        return self.chains[item.key]
