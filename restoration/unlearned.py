"""What stands where a `Sampler` does for methods without a shipped network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from undrift.common.wishes import Wishes


@dataclass(frozen=True)
class Named:
    """Stands where a model does: nothing but a name."""

    id: str
    sha256: str = ""


@dataclass
class Unlearned:
    """A method by name, and the wishes it is to follow. info: what it told, once run."""

    method: str
    wishes: Wishes
    info: Mapping[str, Any] = field(default_factory=dict, init=False)

    @property
    def model(self) -> Named:
        """The name, where that of a model is recorded."""
        return Named(self.method)

    def record(self) -> dict[str, object]:
        """Everything that is needed to repeat the call."""
        import torch

        import undrift

        return {
            "undrift": undrift.__version__,
            "torch": torch.__version__,
            "model": None,
            "weights": None,
            "method": self.method,
            "samples": self.wishes.samples or 1,
            "nfe": 0,
            "seed": self.wishes.seed,
            "item": self.wishes.item,
            **self.info,
        }

    def planned_calls(self) -> int:
        """Network calls for one item."""
        return 0

    def about(self) -> str:
        """A line that says what will be used."""
        return f"{self.method}, without a shipped network"
