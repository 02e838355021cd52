"""What the task functions are asked for, checked once: wishes, numbers, noise."""

import math
from pathlib import Path
from typing import Any

from torch import Tensor

from undrift.common.errors import UsageError
from undrift.common.wishes import Wishes, wishes_of
from undrift.restoration.consistency import rounding_noise
from undrift.restoration.images import Picture
from undrift.restoration.sigma import estimate_sigma

FAINTEST = 0.2 / 255  # noise that every measurement has


def is_number(value: object) -> bool:
    """Whether it reads as a number; text and truth values do not."""
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return not isinstance(value, str | bool)


def wishes_for(image: Any, given: dict[str, Any]) -> Wishes:
    """A file has the noise that the command line gives it: its name is the item."""
    if isinstance(image, str | Path):
        given = {"item": Path(image).name, **given}
    return wishes_of(given)


def check_noise(noise: object) -> None:
    """Raises UsageError unless noise is "auto", or 0 or more on the 0..255 scale."""
    if noise == "auto":
        return
    if not is_number(noise) or not 0 <= float(noise) < math.inf:  # type: ignore[arg-type]
        raise UsageError(f"noise {noise!r}: expected 'auto', or 0 or more on the 0..255 scale")


def noise_of(picture: Picture, pixels: Tensor, noise: float | str) -> float:
    """Noise in the unit of the pixels: as given, or estimated; never below the rounding's."""
    least = max(FAINTEST, rounding_noise(picture) or 0.0)
    given = estimate_sigma(pixels) if isinstance(noise, str) else float(noise) / 255
    return max(given, least)


def check_fidelity(fidelity: object) -> None:
    """Raises UsageError unless it is a number above 0."""
    if not is_number(fidelity) or not 0 < float(fidelity) < math.inf:  # type: ignore[arg-type]
        raise UsageError(
            f"fidelity {fidelity!r}: expected a number above 0; 1 trusts the measurement as its "
            "noise says, 2 as if the noise were half of that, 0.5 as if it were double"
        )
