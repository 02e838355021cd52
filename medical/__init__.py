"""MRI and CT: volumes in and out, their intensities, and the tasks on them.

The task calls and `Volume` are imported when they are asked for. For research use only.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from undrift.medical.ct.tasks import reconstruct_ct
    from undrift.medical.deformation.tasks import deform
    from undrift.medical.frame_by_frame import series
    from undrift.medical.generation.tasks import generate
    from undrift.medical.lesions.tasks import lesion
    from undrift.medical.mri.acquiring import acquire
    from undrift.medical.mri.tasks import reconstruct_mri
    from undrift.medical.tasks import denoise, translate
    from undrift.medical.thick_slices import super_resolve
    from undrift.medical.volumes import Volume, read_volume, write_volume

LAZY = {
    "Volume": "undrift.medical.volumes",
    "acquire": "undrift.medical.mri.acquiring",
    "deform": "undrift.medical.deformation.tasks",
    "denoise": "undrift.medical.tasks",
    "generate": "undrift.medical.generation.tasks",
    "lesion": "undrift.medical.lesions.tasks",
    "read_volume": "undrift.medical.volumes",
    "reconstruct_ct": "undrift.medical.ct.tasks",
    "reconstruct_mri": "undrift.medical.mri.tasks",
    "series": "undrift.medical.frame_by_frame",
    "super_resolve": "undrift.medical.thick_slices",
    "translate": "undrift.medical.tasks",
    "write_volume": "undrift.medical.volumes",
}

__all__ = [
    "Volume",
    "acquire",
    "deform",
    "denoise",
    "generate",
    "lesion",
    "read_volume",
    "reconstruct_ct",
    "reconstruct_mri",
    "series",
    "super_resolve",
    "translate",
    "write_volume",
]


def __getattr__(name: str) -> object:
    if name in LAZY:
        return getattr(importlib.import_module(LAZY[name]), name)
    raise AttributeError(f"module 'undrift.medical' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
