"""`undrift info FILE` reads back what was written."""

from pathlib import Path

import h5py
import nibabel as nib
import numpy as np
import pytest
import soundfile
import tifffile
from PIL import Image
from safetensors.numpy import save_file

from undrift.common.errors import InputError
from undrift.common.inspection import inspect_file

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)


def make(path: Path) -> None:
    match path.name.partition(".")[2]:
        case "png":
            Image.fromarray(GREY).save(path)
        case "tif":
            tifffile.imwrite(path, GREY.astype(np.float32))
        case "npy":
            np.save(path, GREY)
        case "npz":
            np.savez(path, a=GREY)
        case "nii.gz":
            nib.save(nib.Nifti1Image(GREY[None], np.diag([2.0, 1, 1, 1])), path)
        case "wav" | "caf" | "mp3":
            soundfile.write(path, np.zeros((800, 2)), 8000)
        case "h5":
            with h5py.File(path, "w") as file:
                file["k/space"] = GREY
        case "safetensors":
            save_file({"w": GREY.astype(np.float32)}, path, metadata={"process": "flow"})


@pytest.mark.parametrize(
    ("suffix", "key", "value"),
    [
        ("png", "width, height", "4 x 3"),
        ("png", "range", (0, 11)),
        ("tif", "shape", (3, 4)),
        ("npy", "range", (0, 11)),
        ("npz", "arrays", {"a": "(3, 4) uint8"}),
        ("nii.gz", "spacing", (2.0, 1.0, 1.0)),
        ("wav", "seconds", 0.1),
        ("wav", "channels", 2),
        ("caf", "rate", 8000),
        ("mp3", "kind", "sound (MP3, MPEG_LAYER_III)"),
        ("h5", "arrays", {"k/space": "(3, 4) uint8"}),
        ("safetensors", "parameters", 12),
        ("safetensors", "process", "flow"),
    ],
)
def test_facts(tmp_path: Path, suffix: str, key: str, value: object) -> None:
    path = tmp_path / f"x.{suffix}"
    make(path)
    facts = inspect_file(path)
    assert facts[key] == value
    assert facts["bytes"] == path.stat().st_size


@pytest.mark.parametrize("suffix", ["png", "tif", "npy", "nii.gz", "wav", "h5", "safetensors"])
def test_a_truncated_file_is_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    make(path)
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(InputError, match=r"x\..*cannot be read"):
        inspect_file(path)
