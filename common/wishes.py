"""What a caller may ask of sampling, and how it is settled against the presets of a model."""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from undrift.common.errors import UsageError, nearest
from undrift.common.solvers import build_solver
from undrift.common.weights.model import Model
from undrift.common.weights.settings import Preset

SEVERAL = "auto"  # samples with starts of their own need no other noise (docs/few_steps.md)
POSTERIOR = "auto-sde"  # samples of one given state differ only if the solver draws noise
STEPS_OF_SAMPLES = 5


@dataclass(frozen=True)
class Wishes:
    """What a caller asks for; None means the preset's value. See `RunOptions` for the meaning.

    tile: "auto", "off", pixels, or pixels along each axis. pad: what lies beyond the borders for
    the network, "none", "wrap" or "reflect", for all axes or, as "reflect,wrap", for each.
    """

    preset: str | None = None
    steps: int | None = None
    solver: str | None = None
    samples: int | None = None
    seed: int = 0
    item: str = ""
    device: str = "auto"
    dtype: str = "auto"
    tile: str | int | Sequence[int] = "auto"
    max_memory: int | None = None
    batch: str | int = "auto"
    pad: str | Sequence[str] = "none"

    @property
    def preset_name(self) -> str:
        """The preset that is meant."""
        return self.preset or "balanced"

    def check(self) -> None:
        """Raises UsageError for a tile, batch, pad or seed that cannot be."""
        self.batch_size()
        self.tile_sizes()
        self.pad_modes()
        counted("seed", self.seed, least=0)

    def batch_size(self) -> int:
        """Tiles at a time; raises UsageError."""
        return 1 if self.batch == "auto" else counted("batch", self.batch)

    def pad_modes(self) -> tuple[str, ...] | None:
        """The mode of each axis, or None where nothing is padded; raises UsageError."""
        from undrift.common.pad_modes import pad_modes

        modes = pad_modes(self.pad)
        return None if set(modes) == {"none"} else modes

    def tile_sizes(self) -> str | tuple[int, ...]:
        """The tile as "auto", "off", or one or more numbers; raises UsageError."""
        if isinstance(self.tile, str):
            if self.tile not in ("auto", "off"):
                raise UsageError(f"tile {self.tile!r}: expected 'auto', 'off', 512 or (512, 256)")
            return self.tile
        sizes = self.tile if isinstance(self.tile, Sequence) else [self.tile]
        return tuple(counted("tile", size) for size in sizes)


def wishes_of(given: dict[str, Any]) -> Wishes:
    """Wishes from keywords; raises UsageError that names unknown ones and the nearest."""
    known = Wishes.__dataclass_fields__
    for name in given:
        if name not in known:
            names = ", ".join(known)
            raise UsageError(f"unknown keyword {name!r}; there are {names}{nearest(name, known)}")
    return Wishes(**given)


def choose(model: Model, wishes: Wishes) -> Preset:
    """The preset with the explicit wishes on top; raises UsageError for unknown names.

    With several samples, and no solver named, "auto" is taken; it draws noise where they need it.
    """
    presets: dict[str, Preset] = {str(k): v for k, v in model.settings.presets.items()}
    name = wishes.preset_name
    if name not in presets:
        raise UsageError(
            f"preset {name!r} is not one of {', '.join(presets)}{nearest(name, presets)}"
        )
    wanted: dict[str, object] = {
        key: counted(key, value)
        for key in ("steps", "samples")
        if (value := getattr(wishes, key)) is not None
    }
    if wishes.solver is not None:
        wanted.update(solver=wishes.solver, options={})
    if wishes.steps is not None:
        wanted["times"] = None  # a preset's own times are for its own number of steps
    chosen = presets[name].model_copy(update=wanted)
    draws = getattr(build_solver(chosen.solver), "eta", 0.0) > 0
    if chosen.samples == 1:
        return chosen
    several: dict[str, object] = {"symmetries": 1}  # samples average by themselves
    if wishes.solver is None and not draws:
        several.update(solver=SEVERAL, options={}, grid="auto", times=None)
        if wishes.steps is None:
            several["steps"] = max(chosen.steps, STEPS_OF_SAMPLES)
    return chosen.model_copy(update=several)


def counted(name: str, value: object, least: int = 1) -> int:
    """A whole number from `least`; raises UsageError that says which wish is not."""
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise UsageError(f"{name} {value!r}: expected a whole number from {least}")
    return number
