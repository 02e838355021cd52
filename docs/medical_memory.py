"""Memory and time of volumes in tiles against volumes at once, and whether results are equal.

    python docs/medical_memory.py --sizes 128,256 --json docs/results/medical-memory.jsonl
    python docs/medical_memory.py --sizes 128 --models mine.safetensors --limits 1GB,2GB
    python docs/medical_memory.py --sizes 512 --models ct-low-dose --limits 1GB --corner 256 \\
        --more '--dtype bfloat16 --tile 64,64,48'

For each size a head-like volume of int16 is made, of millimetre voxels; every way (at once, then
within each `--max-memory`) runs `undrift medical translate` or `denoise` on it in a process of its
own, with one call of the network (preset `fast`), on one thread. Memory is the peak resident size
of the process, `start` what it had when everything was imported and the weights were loaded; time
is that of the processor, reading and writing included. Pages of mapped files count as resident too:
`anonymous` and `mapped` are the most there was of memory of its own and of pages of files (Linux;
looked at ten times a second), libraries among them. `difference` is the largest of a voxel to the
result at once, as a share of the range of values; null where that did not fit. What would not fit
is compared in its `--corner`: the first voxels of each axis are a volume of their own, restored at
once, and count but for the last 48, as far as the shipped networks see. `--more` are words for the
command.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from subprocess import PIPE
from typing import Any

import numpy as np

MARGIN = 48  # voxels that a shipped network sees around each
MODELS = ("brain-t1-t2", "ct-low-dose")
LIMITS = ("1GB", "2GB", "4GB")


def make_volume(path: Path, side: int, hounsfield: bool) -> None:
    """An ellipsoid with waves in it and noise, written plane by plane into memory once."""
    import nibabel as nib

    random = np.random.default_rng(side)
    x, y = np.meshgrid(*(np.linspace(-1.2, 1.2, side),) * 2, indexing="ij")
    array = np.empty((side, side, side), np.int16)
    for index, z in enumerate(np.linspace(-1.2, 1.2, side)):
        inside = x**2 + y**2 + z**2 < 1
        tissue = (
            600 + 150 * np.sin(9 * x) * np.cos(7 * y + 5 * z) + 30 * random.normal(size=x.shape)
        )
        air = np.abs(20 * random.normal(size=x.shape))
        values = np.where(inside, tissue, air)
        array[..., index] = np.where(inside, values - 560, -1000) if hounsfield else values
    image = nib.Nifti1Image(array, np.diag([1.0, 1.0, 1.0, 1.0]))
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


def peak_mib() -> float:
    """Most resident memory this process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def child(model: str, source: Path, target: Path, limit: str, more: str) -> None:
    """One run here; prints what it cost as JSON."""
    import undrift.medical.tasks  # noqa: F401
    from undrift.cli import main
    from undrift.common.manifest import read
    from undrift.common.weights.model import load_model

    task = load_model(model).settings.task
    words = ["medical", task, str(source), "-o", str(target), "--model", model, "-q"]
    words += [
        "--preset",
        "fast",
        "--threads",
        "1",
        "--no-findings",
        "--overwrite",
        "--store",
        "float32",
    ]
    words += ["--kind", "ct"] if task == "denoise" else []
    words += more.split()
    words += ["--tile", "off"] if limit == "off" else ["--max-memory", limit]
    start, wall, used = peak_mib(), time.perf_counter(), time.process_time()
    code = main(words)
    told = {
        "code": code, "start": start, "peak": peak_mib(),
        "cpu": time.process_time() - used, "wall": time.perf_counter() - wall,
    }  # fmt: skip
    records = read(target.parent / "undrift.jsonl")
    if code == 0:
        told.update({name: records[-1][name] for name in ("tile", "scratch", "nfe")})
    print(json.dumps(told))


def difference(one: Path, other: Path) -> float | None:
    """The largest of a voxel, as a share of the range of `one`; None where a file is missing.

    Where `one` is a corner of `other`, the voxels that see what was cut away do not count.
    """
    if not (one.is_file() and other.is_file()):
        return None
    import nibabel as nib

    first: Any = nib.load(one)
    second: Any = nib.load(other)
    cut = MARGIN * (first.shape != second.shape)
    inner = tuple(slice(side - cut) for side in first.shape)
    kept = np.asarray(first.dataobj[inner], np.float32)
    return float(np.abs(kept - np.asarray(second.dataobj[inner], np.float32)).max() / np.ptp(kept))


def write_corner(source: Path, path: Path, side: int) -> None:
    """The first `side` voxels of each axis; the name of the file stays, on which noise depends."""
    import nibabel as nib

    path.parent.mkdir()
    whole: Any = nib.load(source)
    nib.save(whole.slicer[:side, :side, :side], path)


def watched(process: "subprocess.Popen[str]") -> dict[str, float]:
    """The most MiB of its own and of pages of files that a process had; nothing but on Linux."""
    most: dict[str, float] = {}
    names = {"RssAnon": "anonymous", "RssFile": "mapped"}
    while process.poll() is None:
        try:
            text = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:  # not Linux, or it has just ended
            text = ""
        for line in text.splitlines():
            name, _, rest = line.partition(":")
            if name in names:
                now = int(rest.split()[0]) / 2**10
                most[names[name]] = max(now, most.get(names[name], 0.0))
        time.sleep(0.1)
    return most


def measured(source: Path, target: Path, told: dict[str, Any]) -> dict[str, Any]:
    """One way, in a process of its own. told: model, side, limit, more."""
    words = [sys.executable, __file__, "--child", told["model"], str(source), str(target)]
    words += [told["limit"], told["more"]]
    line = dict(told)
    with subprocess.Popen(words, stdout=PIPE, stderr=PIPE, text=True) as process:
        line.update(watched(process))
        out, err = process.communicate()
    try:
        line.update(json.loads(out.splitlines()[-1]))
    except (IndexError, ValueError):  # killed, as for lack of memory
        line.update(code=process.returncode, error=err[-300:])
    return line


def measure(model: str, side: int, folder: Path, asked: argparse.Namespace) -> list[dict[str, Any]]:
    """All ways for one size: at once, or a corner of it, and within each limit."""
    from undrift.common.weights.files import read_settings
    from undrift.common.weights.model import find_weights

    source, found = folder / f"{side}.nii", []
    make_volume(source, side, read_settings(find_weights(model)).task == "denoise")
    once = source
    if asked.corner:
        once = folder / "corner" / source.name
        write_corner(source, once, asked.corner)
    whole = folder / f"{side}-off" / "out.nii"
    for limit in ["off", *asked.limits.split(",")]:
        told: dict[str, Any] = {"model": model, "side": side, "limit": limit, "more": asked.more}
        if limit == "off":
            told["side"] = asked.corner or side
            line = measured(once, whole, told)
        else:
            target = folder / f"{side}-{limit}" / "out.nii"
            line = measured(source, target, told)
            line["difference"] = difference(whole, target)
        found.append(line)
        print(json.dumps(line), flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--sizes", default="128,256")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--limits", default=",".join(LIMITS))
    parser.add_argument("--corner", type=int, help="voxels a side at once, where all do not fit")
    parser.add_argument("--more", default="", help="of the command, as '--dtype bfloat16'")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=5)
    asked = parser.parse_args()
    if asked.child:
        model, source, target, limit, more = asked.child
        child(model, Path(source), Path(target), limit, more)
        return
    lines = []
    for model in asked.models.split(","):
        for side in map(int, asked.sizes.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                lines += measure(model, side, Path(folder), asked)
    if asked.json:
        asked.json.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


if __name__ == "__main__":
    main()
