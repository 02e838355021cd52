"""Ways to remove noise without the shipped network, by name.

Each is a function of (pixels, known, wishes):

    pixels   (1, c, h, w) float32, c = 1 or 3, nominally in [0, 1]
    known    `KnownNoise`, in the unit of the pixels; a method may use less than it says
    wishes   `Wishes`: seed, item, device, steps, samples, ... as far as they mean something to it

Those in `WITH_MODEL` also take `model`, a model id or weight file, or None.
It returns `Found`: samples (k, c, h, w) float32 on the processor, one or as many as were asked
for, and what a record should tell. A wish that it cannot fulfil is a UsageError.
The table is the only place that knows the names; modules are imported when they are used.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from torch import Tensor

from undrift.common.errors import UsageError, nearest

MODEL = "model"

# name -> "module:function"
METHODS: dict[str, str] = {
    "tv": "undrift.restoration.classical_denoise:tv",
    "wavelet": "undrift.restoration.classical_denoise:wavelet",
    "nlm": "undrift.restoration.classical_denoise:nlm",
    "bm3d": "undrift.restoration.classical_denoise:bm3d",
    "blind-spot": "undrift.restoration.self_supervised.methods:blind_spot",
    "score-vi": "undrift.restoration.self_supervised.methods:score_vi",
}
WITH_MODEL = ("blind-spot", "score-vi")


@dataclass(frozen=True, eq=False)
class Found:
    """samples: (k, c, h, w). info: what the record tells besides, such as {"nfe": 12}.

    noise: (1, c, h, w), the standard deviation of the noise where the method found it.
    """

    samples: Tensor
    info: Mapping[str, Any] = field(default_factory=dict)
    noise: Tensor | None = None


Method = Callable[..., Found]


def denoise_method(name: str) -> Method:
    """The function behind a name; raises UsageError for an unknown one, with the nearest."""
    if name not in METHODS:
        names = (MODEL, *METHODS)
        raise UsageError(
            f"method {name!r}{nearest(name, names)} (for denoise there are: {', '.join(names)})"
        )
    module, _, function = METHODS[name].partition(":")
    return getattr(import_module(module), function)
