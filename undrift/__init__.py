"""Undrift: diffusion-based restoration for science.

>>> import undrift
>>> picture = undrift.sr("scan.png", scale=4).value  # doctest: +SKIP
"""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# In a checkout the subpackages are this folder's neighbours; in a wheel they lie inside it.
_checkout = Path(__file__).resolve().parents[1]
if (_checkout / "pyproject.toml").is_file() and (_checkout / "common" / "__init__.py").is_file():
    __path__.insert(0, str(_checkout))

if TYPE_CHECKING:
    from undrift import common, medical, restoration, scientific, speech
    from undrift.common.cite import cite
    from undrift.common.denoisers import Denoiser
    from undrift.common.operators.check import check_adjoint
    from undrift.common.results import Restored
    from undrift.common.solve import solve
    from undrift.common.weights.model import load_model
    from undrift.restoration.deblurring import deblur
    from undrift.restoration.degrading import degrade
    from undrift.restoration.denoising import denoise
    from undrift.restoration.inpainting import inpaint
    from undrift.restoration.linear_tasks import colourise
    from undrift.restoration.restoring import restore
    from undrift.restoration.stacks import stack
    from undrift.restoration.tasks import sr
    from undrift.speech.tasks import enhance

# Where each lazy name lives: `undrift.NAME` is the attribute NAME of that module.
LAZY = {
    "Denoiser": "undrift.common.denoisers",
    "Restored": "undrift.common.results",
    "check_adjoint": "undrift.common.operators.check",
    "cite": "undrift.common.cite",
    "colourise": "undrift.restoration.linear_tasks",
    "deblur": "undrift.restoration.deblurring",
    "degrade": "undrift.restoration.degrading",
    "denoise": "undrift.restoration.denoising",
    "enhance": "undrift.speech.tasks",
    "inpaint": "undrift.restoration.inpainting",
    "load_model": "undrift.common.weights.model",
    "restore": "undrift.restoration.restoring",
    "solve": "undrift.common.solve",
    "sr": "undrift.restoration.tasks",
    "stack": "undrift.restoration.stacks",
}

__all__ = [
    "Denoiser",
    "Restored",
    "check_adjoint",
    "cite",
    "colourise",
    "common",
    "deblur",
    "degrade",
    "denoise",
    "enhance",
    "inpaint",
    "load_model",
    "medical",
    "restoration",
    "restore",
    "scientific",
    "solve",
    "speech",
    "sr",
    "stack",
]


def __getattr__(name: str) -> object:
    if name in LAZY:
        return getattr(importlib.import_module(LAZY[name]), name)
    if name in __all__:
        return importlib.import_module(f"undrift.{name}")
    raise AttributeError(f"module 'undrift' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
