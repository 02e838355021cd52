"""Peak memory of a real process stays below --max-memory, and the result is that of the whole."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from tiny_medical import NETWORK, TRANSLATE, head, write_medical

from undrift.common.manifest import read

BOUND = "500MB"
SCRIPT = """
import json, resource, sys
from undrift.cli import main
from undrift.common.manifest import read
code = main(sys.argv[1:])
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps([code, peak]))
"""


def run(environment: dict[str, str], words: list[str]) -> tuple[int, int]:
    command = [sys.executable, "-c", SCRIPT, *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    code, peak = json.loads(done.stdout.splitlines()[-1])
    return code, peak


@pytest.mark.slow
def test_peak_memory_is_below_the_bound(tmp_path: Path, environment: dict[str, str]) -> None:
    """128^3 voxels by a network whose whole needs more."""
    params: dict[str, Any] = {**NETWORK, "widths": [48], "inputs": 2, "outputs": 1}
    network = {"name": "local-nafnet3d", "params": params}
    model = write_medical(tmp_path / "m.safetensors", TRANSLATE, network=network)
    array = np.tile(head((64, 64, 64)), (2, 2, 2))
    nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / "t1.nii")
    found: dict[str, np.ndarray] = {}
    peaks: dict[str, int] = {}
    for name, extra in (("whole", ["--tile", "off"]), ("tiles", ["--max-memory", BOUND])):
        target = tmp_path / name / "t2.nii"
        code, peaks[name] = run(environment, [
            "medical", "translate", str(tmp_path / "t1.nii"), "-o", str(target), "--model", model,
            "--no-findings", "--threads", "1", "--steps", "1", "--solver", "ddim", *extra,
        ])  # fmt: skip
        assert code == 0
        loaded: Any = nib.load(target)
        found[name] = loaded.get_fdata()
    print(peaks)
    assert peaks["tiles"] <= float(BOUND.removesuffix("MB")) * 1e6 < peaks["whole"]
    assert np.abs(found["tiles"] - found["whole"]).max() < 1e-5 * np.ptp(found["whole"])
    record = read(tmp_path / "tiles" / "undrift.jsonl")[-1]
    assert max(record["tile"]) < 128
    assert record["tiled_equals_whole"]
