"""Memory and time of `undrift hsi denoise` against the size of the cube.

    python docs/hsi_memory.py --sizes 128,256 --json docs/results/hsi-memory.jsonl

For each size a simulated scene of 224 bands with pushbroom noise is written as float32; each method
is run on it in a process of its own, on one thread. Memory is the peak resident size of the process
in MiB, `start` what it had when everything was imported; time is that of the processor, reading and
writing included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

METHODS = ("low-rank", "total-variation")
SENSOR = "shortwave"


def make_cube(path: Path, side: int) -> None:
    """A scene of 224 bands with the noise of a pushbroom sensor."""
    from undrift.scientific.hyperspectral.cubes.files import save_cube
    from undrift.scientific.hyperspectral.noise.pushbroom import Pushbroom, sweep
    from undrift.scientific.hyperspectral.scenes.scene import scene
    from undrift.scientific.hyperspectral.scenes.sensors import sensor

    eye = sensor(SENSOR)
    clean = scene(side, side, eye, seed=side)
    save_cube(clean.with_array(sweep(clean.array, eye.wavelengths, Pushbroom(), side).cube), path)


def child(method: str, source: Path, target: Path) -> None:
    """One run here; prints what it cost as JSON."""
    import undrift.scientific.hyperspectral.tasks  # noqa: F401
    from undrift.cli import main
    from undrift.common.manifest import read
    from undrift.common.peak_memory import peak_mb

    words = ["hsi", "denoise", str(source), "-o", str(target), "--method", method, "-q"]
    start, used = peak_mb(), time.process_time()
    code = main([*words, "--threads", "1", "--overwrite"])
    told: dict[str, Any] = {"code": code, "start": start, "peak": peak_mb()}
    told["cpu"] = round(time.process_time() - used, 1)
    told["nfe"] = read(target.parent / "undrift.jsonl")[-1].get("nfe")
    print(json.dumps(told))


def measure(side: int, methods: list[str], folder: Path) -> list[dict[str, Any]]:
    """All methods for one size."""
    source, found = folder / f"{side}.hdr", []
    make_cube(source, side)
    size = source.with_suffix(".img").stat().st_size / 2**20
    for method in methods:
        target = folder / f"{side}-{method}" / "out.hdr"
        words = [sys.executable, __file__, "--child", method, str(source), str(target)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        line: dict[str, Any] = {"side": side, "file": round(size, 1), "method": method}
        try:
            line.update(json.loads(done.stdout.splitlines()[-1]))
            line["files"] = round(float(np.subtract(line["peak"], line["start"])) / size, 1)
        except (IndexError, ValueError):  # killed, as for lack of memory
            line.update(code=done.returncode, error=done.stderr[-300:])
        found.append(line)
        print(json.dumps(line), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sizes", default="128,256")
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=3)
    asked = parser.parse_args()
    if asked.child:
        method, source, target = asked.child
        child(method, Path(source), Path(target))
        return
    lines = []
    for side in map(int, asked.sizes.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            lines += measure(side, asked.methods.split(","), Path(folder))
    if asked.json:
        asked.json.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


if __name__ == "__main__":
    main()
