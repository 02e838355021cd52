"""Memory and seconds a megapixel of `undrift denoise` and `undrift sr`, against the size.

    python docs/memory_and_time.py 1 10 100 --task denoise --kind png

Each run is a process of its own, on one thread, on a generated picture (8-bit colour, smooth waves
and noise), into a file of the same kind: its peak resident memory above that of a run on 64 x 64
pixels, and its wall and processor time beyond that run, divided by the megapixels of the output.
`sr` doubles the sides. Pictures are made by a process of their own: Linux counts the memory of
the process that starts a command to the peak of the command.
"""

import argparse
import json
import math
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

BAND = 64  # rows made at a time


def make_picture(path: Path, side: int) -> None:
    """Writes side x side pixels of 8-bit colour, as the suffix says."""
    rng = np.random.default_rng(side)

    def bands() -> Iterator[np.ndarray]:
        columns = np.arange(side) / 40
        for top in range(0, side, BAND):
            rows = np.arange(top, min(side, top + BAND))[:, None, None] / 30
            wave = 0.5 + 0.3 * np.sin(rows + columns[None, :, None] + np.arange(3))
            noise = rng.normal(0, 0.06, wave.shape)
            yield np.rint(255 * (wave + noise).clip(0, 1)).astype(np.uint8)

    held = path.with_suffix(".npy")
    page = np.lib.format.open_memmap(held, "w+", np.uint8, (side, side, 3))
    for number, band in enumerate(bands()):
        page[number * BAND : number * BAND + len(band)] = band
    if path.suffix == ".tif":
        tifffile.imwrite(path, page, photometric="rgb", rowsperstrip=BAND, metadata=None)
    else:
        Image.fromarray(page).save(path)
    del page
    held.unlink()


def made_apart(path: Path, side: int) -> None:
    """`make_picture` in a process that ends before the measurement begins."""
    maker = multiprocessing.get_context("spawn").Process(target=make_picture, args=(path, side))
    maker.start()
    maker.join()
    if maker.exitcode:
        raise SystemExit(f"{path} could not be made: exit code {maker.exitcode}")


def measured(task: str, source: Path, target: Path, flags: list[str]) -> dict[str, float]:
    """Peak MiB, wall and processor seconds of one run."""
    own = ["--sigma", "15"] if task == "denoise" else ["--scale", "2", "--preset", "fast"]
    command = [sys.executable, "-m", "undrift.cli", task, str(source), "-o", str(target), *own]
    command += ["--threads", "1", "--overwrite", "-q", *flags]
    single = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    began = time.monotonic()
    process = subprocess.Popen(command, env=single)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}")
    per_mib = 2**20 if sys.platform == "darwin" else 2**10
    return {
        "peak_mib": usage.ru_maxrss / per_mib,
        "wall": wall,
        "processor": usage.ru_utime + usage.ru_stime,
    }


def rows(
    sizes: list[float], task: str, kind: str, flags: list[str], folder: Path
) -> Iterator[dict[str, Any]]:
    """One row a size, in megapixels of the output."""
    start, source, target = (folder / f"{name}.{kind}" for name in ("start", "a", "out"))
    made_apart(start, 64)
    base = measured(task, start, target, flags)
    for size in sizes:
        scale = 1 if task == "denoise" else 2
        side = round(math.sqrt(size * 1e6) / scale / 8) * 8
        made_apart(source, side)
        found = measured(task, source, target, flags)
        real = (side * scale) ** 2 / 1e6
        yield {
            "task": task, "kind": kind, "megapixels": round(real, 3), "flags": " ".join(flags),
            "mib_above_start": round(found["peak_mib"] - base["peak_mib"]),
            "start_mib": round(base["peak_mib"]),
            "seconds_per_megapixel": round((found["wall"] - base["wall"]) / real, 3),
            "processor_per_megapixel": round((found["processor"] - base["processor"]) / real, 3),
        }  # fmt: skip


def main() -> None:
    """Prints a JSON line a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="+", type=float, help="megapixels of the output")
    parser.add_argument("--task", choices=["denoise", "sr"], default="denoise")
    parser.add_argument("--kind", choices=["tif", "png", "jpg"], default="tif")
    parser.add_argument("--flags", default="", help="more flags of the command, in one string")
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(given.sizes, given.task, given.kind, given.flags.split(), Path(folder)):
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
