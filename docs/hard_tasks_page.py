"""Tables of docs/hard_tasks.md from docs/results/hard-tasks.jsonl, and the strip of pictures."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results" / "hard-tasks.jsonl"
PAGE = ROOT / "docs" / "hard_tasks.md"
PICTURE = ROOT / "docs" / "images" / "hard_tasks.png"
BLOCK = re.compile(r"(<!-- hard-tasks:(\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
MISSING = "*Not measured yet.*\n"
PANEL, GAP, LINE, ACROSS = 96, 4, 16, 3  # pixels of a crop, between crops, of a caption; columns
Records = list[dict[str, Any]]


class Shown(Protocol):
    """Pictures (c, h, w) in [0, 1]."""

    clean: np.ndarray
    seen: np.ndarray
    result: np.ndarray


def read(path: Path = RESULTS) -> Records:
    """The records of a file; none if there is no file."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def grouped(records: Records, need: str = "psnr") -> dict[str, Records]:
    """Runs that have a value of that name by task, tasks by name and photographs as they came."""
    found: dict[str, Records] = {}
    for record in records:
        if record["record"] == "run" and need in record:
            found.setdefault(record["task"], []).append(record)
    return dict(sorted(found.items(), key=lambda pair: pair[0].casefold()))


def spread(values: list[float], digits: int, sign: str = "") -> str:
    """Mean and standard deviation over the photographs."""
    column = np.array(values, dtype=float)
    deviation = column.std(ddof=1) if len(column) > 1 else 0.0
    return f"{column.mean():{sign}.{digits}f} ± {deviation:.{digits}f}"


def column(rows: Records, name: str) -> list[float]:
    """The values of one name."""
    return [float(row[name]) for row in rows]


def scores(records: Records) -> str:
    """Result and simple alternative, their paired difference, and where the result is below."""
    lines = ["| task | n | simple: PSNR | simple: SSIM | PSNR | SSIM | difference, dB | below on "
             "| chi | s |", "|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for task, rows in grouped(records).items():
        gaps = [row["psnr"] - row["plain_psnr"] for row in rows]
        lost = [row["photo"] for row, gap in zip(rows, gaps, strict=True) if gap < 0]
        cells = [
            spread(column(rows, "plain_psnr"), 2), spread(column(rows, "plain_ssim"), 3),
            spread(column(rows, "psnr"), 2), spread(column(rows, "ssim"), 3),
            spread(gaps, 2, "+"), f"{len(lost)}" + (f": {', '.join(lost)}" if lost else ""),
            spread(column(rows, "chi"), 2), f"{np.mean(column(rows, 'seconds')):.1f}",
        ]  # fmt: skip
        lines.append(f"| {task} | {len(rows)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def phase(records: Records) -> str:
    """How many pictures were found, and those that were not."""
    lines = [
        "| task | found | PSNR of the found | correlation of the others |",
        "|---|---|---|---|",
    ]
    for task, rows in grouped(records, "found").items():
        good = [row for row in rows if row["found"]]
        others = [f"{row['photo']} {row['correlation']:.3f}" for row in rows if not row["found"]]
        mean = spread(column(good, "psnr"), 2) if good else "none"
        lines.append(
            f"| {task} | {len(good)} of {len(rows)} | {mean} | {', '.join(others) or 'none'} |"
        )
    return "\n".join(lines) + "\n"


def kernels(records: Records) -> str:
    """Errors of the kernels, and the result beside that with the kernel told."""
    titles = ("task", "n", "kernel error", "correlation", "blurred: PSNR", "PSNR", "moved: PSNR",
              "kernel known: PSNR", "kernel known: SSIM")  # fmt: skip
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for task, rows in grouped(records, "kernel_error").items():
        names = {"kernel_error": 2, "kernel_correlation": 2, "plain_psnr": 2, "psnr": 2,
                 "moved_psnr": 2, "known_psnr": 2, "known_ssim": 3}  # fmt: skip
        cells = [spread(column(rows, name), digits) for name, digits in names.items()]
        lines.append(f"| {task} | {len(rows)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def photographs(records: Records) -> str:
    """PSNR of the simple alternative and of the result for each photograph."""
    found = grouped(records)
    photos = list(dict.fromkeys(row["photo"] for rows in found.values() for row in rows))
    lines = [f"| photograph | {' | '.join(found)} |", "|---" * (len(found) + 1) + "|"]
    for photo in photos:
        cells = []
        for rows in found.values():
            row = next((row for row in rows if row["photo"] == photo), None)
            cells.append(f"{row['plain_psnr']:.1f} → {row['psnr']:.1f}" if row else "")
        lines.append(f"| {photo} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


TABLES = {"scores": scores, "phase": phase, "kernels": kernels, "photographs": photographs}


def filled(text: str, records: Records) -> str:
    """The page with its tables."""
    done = bool(grouped(records))

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}\n{TABLES[match[2]](records) if done else MISSING}\n{match[3]}"

    return BLOCK.sub(table, text)


def write_page() -> None:
    """Puts the tables of what was measured into the page."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), read()), encoding="utf-8")


def draw(made: Mapping[str, Shown], path: Path) -> None:
    """Truth, measurement and result of each task, with its name above, in 256 colours."""
    from PIL import Image, ImageDraw, ImageFont

    wide, tall = 3 * PANEL + 2 * GAP, PANEL + LINE + GAP
    rows = -(-len(made) // ACROSS)
    page = Image.new("RGB", (ACROSS * (wide + 3 * GAP), rows * tall), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=11)
    for place, (task, shown) in enumerate(made.items()):
        x, y = place % ACROSS * (wide + 3 * GAP), place // ACROSS * tall
        draw.text((x, y + 1), task, fill="black", font=font)
        for number, pixels in enumerate((shown.clean, shown.seen, shown.result)):
            page.paste(panel(pixels), (x + number * (PANEL + GAP), y + LINE))
    path.parent.mkdir(exist_ok=True)
    page.quantize(256).save(path, optimize=True)


def panel(pixels: np.ndarray) -> Any:
    """The middle of a picture in 8 bits, pixel by pixel."""
    from PIL import Image

    top, left = ((n - PANEL) // 2 for n in pixels.shape[1:])
    crop = pixels[:, top : top + PANEL, left : left + PANEL]
    eight = np.rint(np.clip(crop, 0, 1) * 255).astype(np.uint8)
    return Image.fromarray(np.broadcast_to(eight, (3, PANEL, PANEL)).transpose(1, 2, 0).copy())
