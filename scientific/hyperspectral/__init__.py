"""Hyperspectral cubes: formats, noise, scenes and sensors in numbers, and their denoiser.

`denoise`, `Cube`, `open_cube` and `save_cube` are imported when they are asked for.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from undrift.scientific.hyperspectral.cubes.cube import Cube
    from undrift.scientific.hyperspectral.cubes.files import open_cube, save_cube
    from undrift.scientific.hyperspectral.noise.estimate import noise_report
    from undrift.scientific.hyperspectral.tasks import denoise

_HERE = "undrift.scientific.hyperspectral"
LAZY = {
    "Cube": f"{_HERE}.cubes.cube",
    "denoise": f"{_HERE}.tasks",
    "noise_report": f"{_HERE}.noise.estimate",
    "open_cube": f"{_HERE}.cubes.files",
    "save_cube": f"{_HERE}.cubes.files",
}

__all__ = ["Cube", "denoise", "noise_report", "open_cube", "save_cube"]


def __getattr__(name: str) -> object:
    if name in LAZY:
        return getattr(importlib.import_module(LAZY[name]), name)
    raise AttributeError(f"module 'undrift.scientific.hyperspectral' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
