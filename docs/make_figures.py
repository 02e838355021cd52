"""Draws docs/images/before_after.png from the shipped models and two photographs under CC0.

    python docs/make_figures.py

The pictures, the degradations and the numbers are the benchmark's own (undrift.restoration.
benchmark), so each caption is what `undrift benchmark skimage-photos ... --items NAME -v` prints.
Photographs and crops were chosen before the final weights existed and are not chosen by result.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from undrift.common.metrics.score_table import ItemScore  # noqa: E402
from undrift.restoration.benchmark import benchmark  # noqa: E402

SIDE, ZOOM, GAP, LINE = 144, 2, 8, 26
CARD = "skimage-photos"
Panel = tuple[str, np.ndarray]


def panels(
    task: str, item: str, plain: str, label: str, corner: tuple[int, int], **condition: Any
) -> list[Panel]:
    """Crops of what the method `plain` makes, of what the model makes, and of the original."""
    top, left = corner
    made: list[Panel] = []
    truth: list[np.ndarray] = []

    def watch(entry: ItemScore, clean: np.ndarray, _: np.ndarray, out: np.ndarray | None) -> None:
        if out is None:
            raise SystemExit(f"{entry.method} failed: {entry.error}")
        name = label if entry.method == plain else entry.method
        made.append((f"{name}: {entry.scores['psnr']:.2f} dB", out))
        truth.append(clean)

    benchmark(CARD, task, methods=(plain, "model"), items=[item], watch=watch, **condition)
    return [
        (text, pixels[:, top : top + SIDE, left : left + SIDE])
        for text, pixels in [*made, ("original", truth[0])]
    ]


def sheet(rows: list[list[Panel]]) -> Image.Image:
    """All panels on white, a caption below each."""
    side = SIDE * ZOOM
    width = max(map(len, rows)) * (side + GAP) + GAP
    page = Image.new("RGB", (width, len(rows) * (side + LINE + GAP) + GAP), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=16)
    for i, row in enumerate(rows):
        for j, (label, pixels) in enumerate(row):
            x, y = GAP + j * (side + GAP), GAP + i * (side + LINE + GAP)
            eight = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
            crop = Image.fromarray(eight).resize((side, side), Image.Resampling.BICUBIC)
            page.paste(crop, (x, y))
            draw.text((x, y + side + 3), label, fill="black", font=font)
    return page


def main() -> None:
    """Draws and saves the picture."""
    path = ROOT / "docs" / "images" / "before_after.png"
    path.parent.mkdir(exist_ok=True)
    rows = [
        panels("denoise", "chelsea", "identity", "noise, sigma 25", (72, 136), sigmas=(25,)),
        panels("sr", "coffee", "bicubic", "bicubic, x4", (88, 268), scale=4),
    ]
    sheet(rows).save(path, optimize=True)
    print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
