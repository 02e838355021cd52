"""Files of measurements that are no pictures: .npy, or .npz with the settings beside.

An .npz holds `y` and, as far as the task needs them, noise, oversample (phase), size, patterns,
pattern_seed (compressed sensing). `save_measurement` writes one from a degradation of
`degrade_operators`, so that a file says all that its restoration needs.
"""

from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError, nearest
from undrift.common.files import write_atomically

SUFFIXES = (".npz", ".npy")
KEYS = ("noise", "oversample", "size", "patterns", "pattern_seed")


def read_measurement(given: Any) -> tuple[np.ndarray, dict[str, Any]]:
    """(y, settings) of a path, an array or a tensor; raises InputError for anything else."""
    if not isinstance(given, str | Path):
        return np.asarray(given.cpu() if hasattr(given, "cpu") else given), {}
    path = Path(given)
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path}: cannot be read as .npy or .npz: {error}") from error
    if isinstance(found, np.ndarray):
        return _numbers(found, path), {}
    with found as arrays:
        names = list(arrays)
        if "y" not in names:
            raise InputError(f"{path} holds {', '.join(names) or 'nothing'}; expected y")
        for name in names:
            if name not in ("y", *KEYS):
                raise InputError(
                    f"{path}: unknown entry {name!r}{nearest(name, KEYS)} "
                    f"(there are: y, {', '.join(KEYS)})"
                )
        settings = {name: arrays[name].tolist() for name in names if name != "y"}
        return _numbers(arrays["y"], path), settings


def save_measurement(path: str | Path, y: Any, **settings: Any) -> None:
    """Writes y and its settings as .npz, whole or not at all. Raises InputError for other keys."""
    for name in settings:
        if name not in KEYS:
            raise InputError(f"unknown entry {name!r}{nearest(name, KEYS)}")
    values: dict[str, Any] = {"y": np.asarray(y), **settings}

    def write(part: Path) -> None:
        with part.open("wb") as file:
            np.savez(file, **values)

    write_atomically(Path(path), write)


def _numbers(y: np.ndarray, path: Path) -> np.ndarray:
    if y.dtype.kind not in "biuf" or y.size == 0:
        raise InputError(f"{path} holds {y.dtype} {y.shape}; expected real numbers")
    return y
