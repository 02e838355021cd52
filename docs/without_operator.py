"""Rain, shadow, unknown blur: what the shipped networks do to photographs they never saw.

    python docs/without_operator.py skimage-photos derain shadow deblur

Every picture of the card (its central 768 pixels at most) is spoilt by the degradation of the
task's recipe, with draws of seed 1 that training never makes, three times over (a draw that leaves
the picture as it was is left out, and the next taken). A line a method: PSNR and SSIM, mean and
spread over the pictures (their three draws averaged), how much it gains on what came, in how many
pictures.
"""

import argparse
from collections.abc import Callable, Iterator
from itertools import count, islice
from typing import Any

import numpy as np

import undrift
from undrift.common.metrics.fidelity import psnr, ssim
from undrift.restoration.degrading import degrade
from undrift.restoration.photos import centre_crop, load_photos

SIDE, DRAWS, SEED = 768, 3, 1
RECIPES = {"derain": "rain", "shadow": "shadow", "deblur": "blur"}
Method = Callable[[np.ndarray], np.ndarray]


def methods(task: str) -> dict[str, Method]:
    """What answers a task; pictures are (h, w) or (h, w, c) in [0, 1]."""

    def value(result: Any) -> np.ndarray:
        return np.asarray(result.value)

    found: dict[str, Method] = {
        "as it came": lambda y: y,
        "the task's model": lambda y: value(undrift.restore(y, task=task)),
        "photos-restore": lambda y: value(undrift.restore(y, task="blind")),
    }
    if task == "deblur":
        found["deblur --psf auto"] = lambda y: value(undrift.deblur(y, psf="auto"))
    return found


def scored(made: np.ndarray, picture: np.ndarray) -> tuple[float, float]:
    """PSNR and SSIM of (c, h, w)."""
    return float(psnr(made, picture, data_range=1.0)), float(ssim(made, picture, data_range=1.0))


def spoilings(shown: np.ndarray, photo: str, task: str) -> Iterator[np.ndarray]:
    """Draws that change the picture."""
    for draw in count():
        made = degrade(shown, recipe=RECIPES[task], seed=SEED, item=f"{photo}/{draw}").value
        if np.abs(made - shown).max() > 1 / 255:
            yield made


def scores(card: str, task: str) -> Iterator[tuple[str, str, float, float]]:
    """(picture, method, PSNR, SSIM), the draws averaged."""
    answers = methods(task)
    for photo, clean in load_photos(card):
        picture = centre_crop(clean, SIDE)
        shown = picture[0] if len(picture) == 1 else np.moveaxis(picture, 0, -1)
        rows: dict[str, list[tuple[float, float]]] = {name: [] for name in answers}
        for spoilt in islice(spoilings(shown, photo, task), DRAWS):
            for name, method in answers.items():
                made = np.clip(method(spoilt), 0, 1)
                made = made[None] if made.ndim == 2 else np.moveaxis(made, -1, 0)
                rows[name].append(scored(made, picture))
        for name, found in rows.items():
            db, like = np.mean(found, 0)
            yield photo, name, float(db), float(like)


def table(card: str, task: str) -> Iterator[str]:
    """Lines of Markdown."""
    found = list(scores(card, task))
    before = {picture: db for picture, name, db, _ in found if name == "as it came"}
    for name in methods(task):
        own = {picture: (db, like) for picture, method, db, like in found if method == name}
        db, like = np.array(list(own.values())).T
        gain = db - np.array([before[picture] for picture in own])
        ahead = f"{(gain > 0).sum()} of {len(gain)}"
        yield (
            f"| {task} | {name} | {db.mean():.2f} ± {db.std(ddof=1):.2f} | {like.mean():.3f} "
            f"| {gain.mean():+.2f} ± {gain.std(ddof=1):.2f} | {ahead} |"
        )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("card", help="data card of photographs")
    parser.add_argument("tasks", nargs="+", choices=list(RECIPES))
    given = parser.parse_args()
    print(
        "| task | method | PSNR | SSIM | gain | better than what came |\n|---|---|---|---|---|---|"
    )
    for task in given.tasks:
        for line in table(given.card, task):
            print(line, flush=True)


if __name__ == "__main__":
    main()
