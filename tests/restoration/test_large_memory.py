"""Peak memory of a real process from file to file stays below --max-memory, beyond the program."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from undrift.common.manifest import read

BOUND = 400 * 10**6
SCRIPT = """
import resource, sys
from undrift.cli import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
sys.exit(code)
"""


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
    assert max(read(tmp_path / "b" / "undrift.jsonl")[-1]["tile"]) < 2080  # in windows
