"""What `lesion` is asked for besides the volume and its mask, checked before anything is read."""

from dataclasses import dataclass
from typing import Any

from undrift.common.errors import UsageError
from undrift.common.wishes import counted


@dataclass(frozen=True)
class Asked:
    """The own keywords of `lesion`; see there. Raises UsageError for what cannot be."""

    histogram: Any = "solid"
    texture_of: Any = None
    vary: float = 0.0
    model: str | None = None
    preset: str = "balanced"
    steps: int | None = None
    jump: int = 2
    times: int = 2
    edge: float = 1.0
    context: int = 16
    samples: int = 1
    seed: int = 0
    item: str = ""
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("jump", "times", "samples"):
            counted(name, getattr(self, name))
        for name in ("seed", "context"):
            counted(name, getattr(self, name), least=0)
        if self.steps is not None:
            counted("steps", self.steps)
        for name, high in (("vary", 1.0), ("edge", 100.0)):
            value = getattr(self, name)
            if isinstance(value, str | bool) or not 0 <= value <= high:
                raise UsageError(f"{name} {value!r}: expected 0 to {high:g}")
