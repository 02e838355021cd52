"""What stands where a `Sampler` does for methods without a shipped network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from undrift.common.errors import UsageError
from undrift.common.wishes import Wishes


def check_unlearned(name: str, wishes: Wishes) -> None:
    """Raises UsageError for wishes that mean nothing to a method that neither draws nor learns."""
    if (wishes.samples or 1) > 1:
        raise UsageError(f"{name} draws nothing: its samples would be equal; ask for one")
    for wish in ("steps", "solver", "preset"):
        if getattr(wishes, wish) is not None:
            raise UsageError(f"{wish} belongs to a network, which {name} has not; leave it out")
    if wishes.pad_modes() is not None:
        raise UsageError(f"pad belongs to a network, which {name} has not; leave it out")


def check_no_model(name: str, model: str | None, default: str = "") -> None:
    """Raises UsageError if a model is named beside a method that has none."""
    if model not in (None, default):
        raise UsageError(f"a model is for networks, which {name} has not; leave it out")


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
