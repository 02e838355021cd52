"""Bridges against a plain regression network of the same size and training: the measurements.

    python docs/bridges_and_regression.py train jpeg10 ir-sde     # one training, resumable
    python docs/bridges_and_regression.py measure jpeg10 ir-sde   # prints lines of docs/results

All networks see the same pictures in the same batches, with the same noise; what differs is which
process mixes them, and when. `docs/bridges_and_regression_page.py` makes the tables.
"""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from undrift.common.config import load, read_yaml
from undrift.common.console import Console
from undrift.common.files import cache_folder, write_atomically
from undrift.common.processes import build_process
from undrift.common.resize import bicubic
from undrift.common.training.loop import train
from undrift.common.training.recipe import Recipe
from undrift.common.training.run import prepare
from undrift.common.weights.model import Model, load_model
from undrift.restoration.chains.steps import Compressed
from undrift.restoration.contest.contest import choose
from undrift.restoration.contest.drawing import ONE_CALL, SOLVERS, Item, Way, draw
from undrift.restoration.contest.scores import scored
from undrift.restoration.degrade import quantise
from undrift.restoration.leaves import make_bank
from undrift.restoration.photos import load_photos
from undrift.restoration.sources import Bank

PARTS = Path(__file__).parents[1] / "restoration/recipes/parts/processes.yaml"
RUNS = cache_folder() / "bridges"
TASKS = {"jpeg10": 0.05, "sr4": 0.058}  # root mean square of x0 - y, measured by `pairs`
ITEMS, SIDE, WINDOW = 8192, 64, 128
CARDS = {"wheel-photos": 64, "skimage-photos": 128}  # validation and test: pixels a side
STEPS, SAMPLES = (4, 10), 4
# The same network at noise levels that do not depend on the process: one training for all paths.
COMMON = {"bands": [{"share": 0.75, "low": 0.01, "high": 10.0}], "top": 0.25}
SETTINGS: dict[str, Any] = {
    "domain": "restoration",
    "task": "paired",
    "network": {
        "name": "local-nafnet",
        "params": {
            "inputs": 6, "outputs": 3, "unshuffle": 4, "widths": [48, 96], "depths": [2, 4],
            "levels": 0,
        },
    },
    "schedule": {
        "iterations": 1600, "decay": 700, "batch": 16, "rate": 1e-3, "warmup": 200, "ema": 0.998,
        "precision": "bf16", "seed": 0, "save_every": 400,
    },
    "data": {},
    "presets": {"fast": {}, "balanced": {}, "best": {}},
}  # fmt: skip


def degraded(x: np.ndarray, task: str) -> np.ndarray:
    """y of a clean picture (c, h, w) in [0, 1] with sides that 4 divides."""
    if task == "jpeg10":
        return Compressed(10)(x)
    size = (x.shape[1], x.shape[2])
    low = quantise(bicubic(torch.from_numpy(x), (size[0] // 4, size[1] // 4)))
    return bicubic(low, size).numpy()


def pairs(task: str) -> Path:
    """The training pairs, made once: float16 (items, 2, 3, 64, 64), x0 and y."""
    path = RUNS / f"pairs-{task}.npy"
    if not path.exists():
        bank = Bank(make_bank(3072, 256, 3, cache_folder() / "leaves", 2, True))
        made = np.empty((ITEMS, 2, 3, SIDE, SIDE), np.float16)
        for n in range(ITEMS):
            made[n] = _pair(bank, n, task)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda part: _save(part, made))
    return path


def _save(path: Path, array: np.ndarray) -> None:
    with path.open("wb") as file:
        np.save(file, array)


def _pair(bank: Bank, n: int, task: str) -> np.ndarray:
    rng = np.random.Generator(np.random.Philox(key=np.array([11, n], np.uint64)))
    top, left = (int(v) for v in rng.integers(256 - WINDOW + 1, size=2))
    x = bank.crop(n % len(bank), top, left, WINDOW, WINDOW)
    if rng.random() < 0.1:
        x[:] = x.mean(0)
    across, down = (int(v) for v in rng.integers(5, 12, size=2))  # any JPEG grid
    step = 2 if task == "jpeg10" else 4
    rows, columns = (slice(step * v, step * v + SIDE) for v in (down, across))
    inside = (slice(None), rows, columns)
    return np.stack([x[inside], degraded(x, task)[inside]])


@dataclass
class Items(Dataset[dict[str, Tensor]]):
    """Item n is a function of n alone, whatever the process: a pair turned, noise, and u."""

    path: Path

    def __post_init__(self) -> None:
        self.pairs = np.load(self.path, mmap_mode="r")

    def __len__(self) -> int:
        return 2**31

    def __getitem__(self, n: int) -> dict[str, Tensor]:
        rng = np.random.Generator(np.random.Philox(key=np.array([12, n], np.uint64)))
        x0, y = self.pairs[n % ITEMS].astype(np.float32)
        turn = int(rng.integers(8))
        noise = rng.standard_normal(x0.shape, dtype=np.float32)
        item = {"x0": torch.from_numpy(turned(x0, turn)), "y": torch.from_numpy(turned(y, turn))}
        return {
            **item,
            "noise": torch.from_numpy(noise),
            "u": torch.tensor(rng.random(dtype=np.float32)),
            "level": torch.zeros(0),
        }


def turned(x: np.ndarray, turn: int) -> np.ndarray:
    """One of the eight symmetries of the square."""
    x = np.rot90(x, turn % 4, (1, 2))
    return np.ascontiguousarray(x[:, :, ::-1] if turn >= 4 else x)


def recipe(task: str, name: str) -> Recipe:
    """The recipe of one entrant: a process part by name, or "common"."""
    parts = read_yaml(PARTS)
    part = {**parts["residual-shift"], "times": COMMON} if name == "common" else parts[name]
    scaling = {"sigma_d": TASKS[task]}
    return load(Recipe, {**SETTINGS, **part, "id": f"{task}-{name}", "scaling": scaling}, name)


def run(task: str, name: str) -> Path:
    """Trains one entrant to the end, or goes on where it stopped."""
    torch.set_num_threads(1)
    held = prepare(recipe(task, name), RUNS / f"{task}-{name}", cpu=True)
    return train(held, Items(pairs(task)), console=Console())


def pictures(task: str, card: str, side: int) -> list[Item]:
    """Central `side` pixels of the photographs of a card, and their y."""
    found = []
    for name, picture in load_photos(card):
        top, left = ((n - side) // 2 for n in picture.shape[1:])
        x = np.ascontiguousarray(picture[:, max(0, top) :, max(0, left) :][:, :side, :side])
        y = degraded(x, task)
        x0, y = (torch.from_numpy(v).expand(3, -1, -1)[None].contiguous() for v in (x, y))
        found.append(Item(name, x0, y))
    return found


def measure(task: str, name: str) -> Iterator[dict[str, Any]]:
    """Solvers chosen on validation, then every score of every test picture, line by line."""
    torch.set_num_threads(1)
    held, tested = (pictures(task, card, side) for card, side in CARDS.items())
    if name == "degraded":
        for item in tested:
            yield _line({"task": task, "entrant": name, "calls": 0}, "none", item, item.y)
        return
    for label, model in entrants(task, name):
        head = {"task": task, "entrant": label, "iterations": model.settings.record["iterations"]}
        ways = [ONE_CALL]
        if not model.denoiser.process.is_cold:
            for calls in STEPS:
                several = [Way(calls, solver) for solver in SOLVERS]
                best, found = choose(model, several, held, SAMPLES)
                ways.append(best)
                yield {**head, "part": "validation", "crps": found}
        for way in ways:
            for item in tested:
                drawn = draw(model, way, item, SAMPLES)
                yield _line({**head, "calls": way.calls}, str(way), item, drawn)


def _line(head: dict[str, Any], way: str, item: Item, drawn: Tensor) -> dict[str, Any]:
    scores = {key: float(f"{value:.6g}") for key, value in scored(drawn, item.x0).items()}
    return {**head, "part": "test", "way": way, "item": item.name, **scores}


def entrants(task: str, name: str) -> Iterator[tuple[str, Model]]:
    """The trained model; the common one on the path of each process."""
    model = load_model(RUNS / f"{task}-{name}" / f"{task}-{name}.safetensors")
    if name != "common":
        yield name, model
        return
    for other, part in read_yaml(PARTS).items():
        if other != "regression":
            process = build_process(part["process"]["name"], part["process"].get("params", {}))
            yield f"common, {other}", replace(model, denoiser=model.denoiser.with_process(process))


def main(arguments: Sequence[str]) -> None:
    """See the top of this file."""
    verb, *rest = arguments
    if verb == "pairs":
        for task in TASKS:
            made = np.load(pairs(task), mmap_mode="r")[:1024].astype(np.float32)
            print(task, float(np.sqrt(np.mean((made[:, 0] - made[:, 1]) ** 2))))
    elif verb == "train":
        print(run(*rest))
    else:
        for line in measure(*rest):
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
