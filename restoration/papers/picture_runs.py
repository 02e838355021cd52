"""Whole runs of papers on picture restoration: data of a card, restored, scored by a protocol.

See `picture_tables` for the folders. Means over all items come with half of a 95 % interval.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from undrift.common.cards import card_paths
from undrift.common.errors import InputError
from undrift.common.files import cache_folder
from undrift.common.reproduce.paper import Measured, Task
from undrift.common.view_files import Entry
from undrift.restoration.datasets.dataset import CardData, Item
from undrift.restoration.papers.picture_scores import Protocol
from undrift.restoration.papers.shadow_scores import shadow_scores
from undrift.restoration.pictures.files import SUFFIXES

Restore = Callable[[Item], np.ndarray]  # an item to uint8 (3, h, w)


@dataclass(frozen=True)
class Run:
    """How a table is measured. row: of the table; degraded: of the degraded pictures themselves.

    card: its data card, or the name of a folder of `Loose` pictures.

    A protocol of None scores by region of the mask (`shadow_scores`), at `side` pixels.
    """

    card: str
    row: str
    protocol: Protocol | None
    split: str = "test"
    view: str | None = None
    degraded: bool = False
    side: int | None = 256


def measure_tables(task: Task, paper: str, runs: Mapping[str, Run]) -> Iterator[Measured]:
    """The tables that are at hand, each by its run."""
    for name in task.tables:
        if name not in runs:
            continue
        run, root = runs[name], cache_folder() / "papers"
        data = _opened(run, root / run.card)
        restore = _as_is if run.degraded else _restorer(root / paper / name, data, task.device)
        task.say(f"{paper}, {name}: {len(data)} items")
        found = [_scores(run, restore(item), item) for item in data]
        for column in found[0]:
            values = np.array([scores[column] for scores in found])
            yield Measured(name, run.row, column, float(values.mean()), _half(values))


@dataclass(frozen=True)
class Loose:
    """Pictures without a card: `clean/`, and `degraded/` under equal names where there is one."""

    root: Path

    @property
    def entries(self) -> list[Entry]:
        """One for each clean picture, sorted by name."""
        paths = sorted((self.root / "clean").glob("*"))
        files = [path for path in paths if path.suffix.lower() in SUFFIXES]
        if not files:
            raise InputError(f"{self.root / 'clean'} holds no picture; put the clean ones there")
        return [Entry(path.stem, None, {"clean": path}) for path in files]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Item]:
        from undrift.restoration.pictures.files import read_picture

        for entry in self.entries:
            clean = entry.files["clean"]
            other = self.root / "degraded" / clean.name
            degraded = read_picture(other).pixels if other.is_file() else None
            yield Item(entry.name, read_picture(clean).pixels, degraded, None, None)


def _opened(run: Run, root: Path) -> CardData | Loose:
    if run.card in card_paths():
        return CardData(run.card, root, run.split, run.view)
    return Loose(root)


def _scores(run: Run, picture: np.ndarray, item: Item) -> dict[str, float]:
    if item.clean is None:
        raise InputError(f"{item.name} of {run.card} has no clean picture to compare with")
    clean = as_bytes(item.clean)
    if run.protocol is not None:
        return run.protocol.scores(picture, clean)
    if item.mask is None:
        raise InputError(f"{item.name} of {run.card} has no mask; this table is by region")
    return shadow_scores(picture, clean, np.where(item.mask, 255, 0).astype(np.uint8), run.side)


def as_bytes(picture: np.ndarray) -> np.ndarray:
    """float (1 or 3, h, w) in [0, 1] to uint8 (3, h, w), clipped and rounded."""
    values = np.rint(255 * np.clip(np.asarray(picture, np.float64), 0, 1)).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(values, (3, *values.shape[1:])))


def _as_is(item: Item) -> np.ndarray:
    if item.degraded is None:
        raise InputError(f"{item.name} has no degraded picture")
    return as_bytes(item.degraded)


def _restorer(folder: Path, data: CardData | Loose, device: str) -> Restore:
    """By `results/` or `model.safetensors`; raises InputError where there is neither, or both."""
    results, model = folder / "results", folder / "model.safetensors"
    if results.is_dir() == model.is_file():
        there = "both" if model.is_file() else "neither"
        raise InputError(f"{folder} holds {there} of results/ and model.safetensors; keep one")
    return _by_model(model, device) if model.is_file() else _by_results(results, data)


def _by_results(folder: Path, data: CardData | Loose) -> Restore:
    """Pictures named like the items, or like their clean or degraded files."""
    from undrift.restoration.pictures.files import read_picture

    files: dict[str, list[Path]] = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
        inside = path.relative_to(folder).with_suffix("").as_posix()
        for name in {inside, path.stem}:
            files.setdefault(name, []).append(path)
    places: dict[str, Path] = {}
    for entry in data.entries:
        names = [entry.name, *(entry.name.replace("/", mark) for mark in "_-")]
        names += [path.stem for path in entry.files.values()]
        found = [files[name][0] for name in names if len(files.get(name, ())) == 1]
        if found:
            places[entry.name] = found[0]
    missing = [entry.name for entry in data.entries if entry.name not in places]
    if missing:
        shown = ", ".join(missing[:8]) + (", ..." if len(missing) > 8 else "")
        raise InputError(f"{folder} has no picture of {len(missing)} items: {shown}")
    if len({*places.values()}) < len(places):
        raise InputError(f"{folder}: one picture fits two items; name them like the items")
    return lambda item: as_bytes(read_picture(places[item.name]).pixels)


def _by_model(path: Path, device: str) -> Restore:
    """One sample by the model's own preset; a smaller degraded picture is enlarged first."""
    import torch

    from undrift.common.resize import bicubic
    from undrift.common.sampling import make_sampler
    from undrift.common.weights.files import read_settings
    from undrift.common.wishes import Wishes

    settings = read_settings(path)

    def restore(item: Item) -> np.ndarray:
        if item.degraded is None or item.clean is None:
            raise InputError(f"{item.name} lacks a side")
        sampler = make_sampler(str(path), settings.task, Wishes(device=device, item=item.name))
        y = torch.from_numpy(as_bytes(item.degraded) / np.float32(255))
        size = item.clean.shape[1:]
        scale = size[0] / y.shape[1]
        if scale != 1:
            y = bicubic(y, (size[0], size[1]))
        level = torch.full((1, len(settings.levels)), math.log2(max(scale, 1)) / 2)
        found = sampler.draw_samples((1, *y.shape), y=y[None].float(), level=level)
        return as_bytes(found[0].float().cpu().numpy())

    return restore


def _half(values: np.ndarray) -> float | None:
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    return 1.96 * float(values.std(ddof=1)) / math.sqrt(len(values))
