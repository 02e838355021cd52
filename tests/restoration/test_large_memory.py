"""Peak memory of a real process from file to file stays below --max-memory, beyond the program."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from undrift.common.manifest import read
from undrift.common.networks.local_nafnet_rows import line_elements
from undrift.common.solvers.plan import calls
from undrift.common.wishes import Wishes
from undrift.restoration import large_memory, large_plan
from undrift.restoration.pictures.picture import Metadata
from undrift.restoration.pictures.rows import sheet_of
from undrift.restoration.pictures.tiff_rows import TiffRows
from undrift.restoration.verbs import DENOISER, VERBS

BOUND = 400 * 10**6
SCRIPT = """
import resource, sys
from undrift.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
sys.exit(code)
"""


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_windows_leave_room_for_their_bands(dtype: str, denoise_model: str) -> None:
    """What wide bands take is taken from windows: both are below the bound at any width."""
    bound = 300 * 10**6
    wishes = Wishes(dtype=dtype, preset="fast", max_memory=bound)
    sampler: Any = VERBS["denoise"].sampler(denoise_model, "denoise", wishes, {"sigma": 15.0})
    network = sampler.model.denoiser.network
    over = large_memory._RESIDENT[dtype == "float32"]
    sides = []
    for width in (1_800, 10_000, 40_000):
        rows = TiffRows.__new__(TiffRows)  # no file: a plan asks for nothing but its sheet
        rows.sheet = sheet_of(Path("a.tif"), "TIFF", (90_000, width), "RGB", "uint8", Metadata())
        plan = large_plan.plan_for(rows, sampler)
        assert plan is not None
        down, across = plan.down[1], plan.across[1]
        seen = (down.stop - down.start) * (across.stop - across.start)
        bands = 3 * width * (down.stop - down.start + down.high - down.low)
        assert seen * network.bytes_per_element * over + bands < bound
        sides.append(plan.tile[0])
    assert sides[0] > sides[1] > sides[2]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_windows_and_bands_of_wide_pictures_take_no_more(dtype: str) -> None:
    """With no bound in the way, all take what the largest window and 30 MB of bands take."""
    wishes = Wishes(dtype=dtype, preset="fast", max_memory=20 * 10**9)
    sampler: Any = VERBS["denoise"].sampler(DENOISER, "denoise", wishes, {"sigma": 15.0})
    network = sampler.model.denoiser.network
    over = large_memory._RESIDENT[dtype == "float32"]
    largest = network.bytes_per_element * (large_plan.KEPT + 2 * network.reach) ** 2
    for side in (3_160, 10_000, 14_400):
        rows = TiffRows.__new__(TiffRows)
        rows.sheet = sheet_of(Path("a.tif"), "TIFF", (side, side), "RGB", "uint8", Metadata())
        plan = large_plan.plan_for(rows, sampler)
        assert plan is not None
        down, across = plan.down[1], plan.across[1]
        seen = (down.stop - down.start) * (across.stop - across.start)
        bands = 3 * side * (down.stop - down.start + down.high - down.low)
        taken = seen * network.bytes_per_element * over + bands
        assert 0.6 * largest * over < taken < 1.02 * (largest * over + 3e7)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("preset", ["fast", "balanced"])
@pytest.mark.parametrize(("verb", "model"), [("denoise", DENOISER), ("sr", None)])
def test_strips_and_what_waits_take_as_much_at_any_width(
    dtype: str, preset: str, verb: str, model: str | None
) -> None:
    """Lines grow with the width, and strips are lower by as much; None where not even one fits."""
    wishes = Wishes(dtype=dtype, preset=preset, max_memory=2 * 10**9)
    sampler: Any = VERBS[verb].sampler(model, verb, wishes, {"sigma": 15.0, "scale": 2.0})
    network = sampler.model.denoiser.network
    a_pixel = network.bytes_per_element * large_memory._STREAMED[dtype == "float32"]
    lines = line_elements(network) * sampler.dtype.itemsize * sampler.choice.symmetries
    a_column = calls(sampler.plan()) * (network.reach * large_memory._WAITING + lines)
    taken, seen = [], []
    for width in (500, 1_000, 3_160, 10_000):
        rows = large_memory.strip_height(sampler, network, width)
        assert rows is not None
        assert rows % network.multiple == 0
        seen.append(rows)
        taken.append((rows * a_pixel + a_column) * width)
    assert seen[0] > seen[1] > seen[2] > seen[3]
    assert max(taken) < 1.15 * min(taken)
    sampler.wishes = replace(wishes, max_memory=500 * 10**6)
    for width in (500, 1_000, 3_160):
        rows = large_memory.strip_height(sampler, network, width)
        assert rows is None or (rows * a_pixel + a_column) * width < 500 * 10**6
    assert large_memory.strip_height(sampler, network, 300_000) is None


def peak(source: Path, target: Path, *words: str) -> int:
    command = [sys.executable, "-c", SCRIPT, words[0], str(source), "-o", str(target), *words[1:]]
    command += ["--preset", "fast", "--threads", "1", "--max-memory", str(BOUND)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss in KiB")
@pytest.mark.parametrize(
    ("words", "side"), [(("denoise", "--sigma", "15"), 2080), (("sr", "--scale", "2"), 1040)]
)
def test_peak_beyond_the_program(words: tuple[str, ...], side: int, tmp_path: Path) -> None:
    """More than four megapixels of the result in float32, which at once would take 1.4 or .9 GB."""
    noise = np.random.default_rng(1).integers(0, 256, (side, side, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "small.tif", noise[:64, :64], photometric="rgb")
    tifffile.imwrite(tmp_path / "large.tif", noise, photometric="rgb")
    start = peak(tmp_path / "small.tif", tmp_path / "a" / "small.tif", *words)
    found = peak(tmp_path / "large.tif", tmp_path / "b" / "large.tif", *words)
    assert found - start < BOUND
    assert min(read(tmp_path / "b" / "undrift.jsonl")[-1]["tile"]) < 2080  # in parts
