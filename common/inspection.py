"""What `undrift info` shows: of the installation, or of one file."""

import contextlib
import importlib
import json
import os
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from undrift.common import inspection_fields, inspection_volumes
from undrift.common.errors import InputError, MissingExtraError
from undrift.common.files import cache_folder, full_suffix

Facts = dict[str, Any]

_PACKAGES = (
    "torch",
    "torchaudio",
    "numpy",
    "scipy",
    "scikit-image",
    "monai",
    "diffusers",
    "nibabel",
    "h5py",
    "pillow",
    "tifffile",
    "soundfile",
)


def inspect_system() -> Facts:
    """Versions, devices and folders of this installation."""
    import torch

    from undrift import __version__

    facts: Facts = {
        "undrift": __version__,
        "python": f"{platform.python_version()} ({platform.platform()})",
    }
    for name in _PACKAGES:
        try:
            facts[name] = version(name)
        except PackageNotFoundError:
            facts[name] = "not installed"
    devices = [f"cpu ({os.cpu_count()} cores, {torch.get_num_threads()} threads)"]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            memory = torch.cuda.get_device_properties(index).total_memory / 2**30
            name = torch.cuda.get_device_name(index)
            devices.append(f"cuda:{index} ({name}, {memory:.0f} GiB)")
    if torch.backends.mps.is_available():
        devices.append("mps")
    facts["devices"] = ", ".join(devices)
    facts["cache"] = cache_folder()
    facts["offline"] = os.environ.get("UNDRIFT_OFFLINE") == "1"
    return facts


def inspect_file(path: Path) -> Facts:
    """Size and contents of `path`. Raises InputError when it cannot be read."""
    suffix = full_suffix(path).lower()
    if not path.is_file() and not (suffix == ".zarr" and path.is_dir()):
        raise InputError(f"{path}: no such file")
    facts: Facts = {"file": path, "bytes": _bytes(path)}
    reader = _READERS.get(suffix) or _READERS.get(path.suffix.lower())
    if reader is None:
        known = " ".join(sorted(_READERS))
        raise InputError(f"{path}: unknown suffix '{suffix}'; known: {known}")
    try:
        facts.update(reader(path))
    except MissingExtraError:
        raise
    except Exception as error:  # every library has its own errors for a broken file
        text = " ".join(str(error).split())
        raise InputError(f"{path}: cannot be read: {text or type(error).__name__}") from error
    return facts


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else (path,)
    return sum(file.stat().st_size for file in files if file.is_file())


def _picture(path: Path) -> Facts:
    from PIL import Image

    with Image.open(path) as picture:
        picture.load()
        return {
            "kind": f"picture ({picture.format})",
            "width, height": f"{picture.width} x {picture.height}",
            "mode": picture.mode,
            "range": picture.getextrema(),
            "colour profile": "yes" if "icc_profile" in picture.info else "no",
        }


def _tiff(path: Path) -> Facts:
    import tifffile

    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        return {
            "kind": "picture (TIFF)",
            "shape": series.shape,
            "axes": series.axes,
            "type": series.dtype,
            "pages": len(file.pages),
        }


def _numpy(path: Path) -> Facts:
    import numpy as np

    value = np.load(path, allow_pickle=False)
    if not isinstance(value, np.ndarray):
        arrays = {name: f"{value[name].shape} {value[name].dtype}" for name in value.files}
        return {"kind": "numpy archive", "arrays": arrays}
    facts: Facts = {"kind": "numpy array", "shape": value.shape, "type": value.dtype}
    if value.size and value.dtype.kind in "biuf":
        facts["range"] = (value.min().item(), value.max().item())
    return facts


def _sound(path: Path) -> Facts:
    found = importlib.import_module("soundfile").info(str(path))
    return {
        "kind": f"sound ({found.format}, {found.subtype})",
        "rate": found.samplerate,
        "channels": found.channels,
        "seconds": round(found.duration, 3),
    }


def _hdf5(path: Path) -> Facts:
    import h5py

    found: dict[str, str] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            found[name] = f"{node.shape} {node.dtype}"

    with h5py.File(path) as file:
        file.visititems(visit)
    return {"kind": "HDF5", "arrays": found}


def _weights(path: Path) -> Facts:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        names = list(file.keys())
        sizes = (file.get_slice(name).get_shape() for name in names)
        count = sum(_product(size) for size in sizes)
        header = file.metadata() or {}
    return {"kind": "weights", "tensors": len(names), "parameters": count, **header}


def _product(sizes: list[int]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result


def _manifest(path: Path) -> Facts:
    from undrift.common.manifest import read

    records = read(path)
    facts: Facts = {"kind": "manifest of runs", "lines": len(records)}
    for key in ("status", "task", "model"):
        values = [str(record.get(key)) for record in records]
        facts[key] = ", ".join(f"{value}: {values.count(value)}" for value in sorted({*values}))
    with contextlib.suppress(IndexError):
        facts["last"] = json.dumps(records[-1])
    return facts


_READERS: dict[str, Callable[[Path], Facts]] = {
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"), _picture),
    **dict.fromkeys((".tif", ".tiff"), _tiff),
    **dict.fromkeys((".npy", ".npz"), _numpy),
    **dict.fromkeys((".nc", ".nc4", ".cdf"), inspection_fields.netcdf),
    **dict.fromkeys((".grib", ".grib2", ".grb", ".grb2"), inspection_fields.grib),
    ".zarr": inspection_fields.zarr,
    ".mat": inspection_fields.matlab,
    ".hdr": inspection_fields.envi,
    **dict.fromkeys((".nii", ".nii.gz"), inspection_volumes.nifti),
    **dict.fromkeys((".mha", ".mhd", ".nrrd", ".nhdr"), inspection_volumes.itk),
    **dict.fromkeys((".dcm", ".ima"), inspection_volumes.dicom),
    **dict.fromkeys((".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".w64", ".rf64"), _sound),
    **dict.fromkeys((".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".sph"), _sound),
    **dict.fromkeys((".h5", ".hdf5"), _hdf5),
    ".safetensors": _weights,
    ".jsonl": _manifest,
}
