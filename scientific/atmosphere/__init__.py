"""Atmospheric fields and series of sensors: simulators, formats, downscaling, gaps, scores.

`downscale`, `impute` and `anomalies` are imported when they are asked for.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from undrift.scientific.atmosphere.series.task import anomalies, impute
    from undrift.scientific.atmosphere.tasks import downscale

_HERE = "undrift.scientific.atmosphere"
LAZY = {
    "anomalies": f"{_HERE}.series.task",
    "downscale": f"{_HERE}.tasks",
    "impute": f"{_HERE}.series.task",
}

__all__ = ["anomalies", "downscale", "impute"]


def __getattr__(name: str) -> object:
    if name in LAZY:
        return getattr(importlib.import_module(LAZY[name]), name)
    raise AttributeError(f"module 'undrift.scientific.atmosphere' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
