"""The recipe of a model: a strict YAML file from which training can be repeated.

Everything here is general; the sections `data` and `validation` belong to the domain, which
checks them itself (see `undrift.<domain>.training`).
"""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from undrift.common.config import Strict
from undrift.common.training.times import Times
from undrift.common.weights.settings import Named, Preset, ScalingSettings, Settings


class Loss(Strict):
    """kind of the norm ("nll" with a variance head); weighting: see `undrift.common.losses`."""

    kind: Literal["l2", "l1", "charbonnier", "nll"] = "l2"
    weighting: Literal["unit", "x0", "min-snr"] = "unit"
    immiscible: bool = False


class Schedule(Strict):
    """Optimisation: AdamW, linear warm-up, constant rate, linear decay to zero at the end."""

    iterations: int = Field(gt=0)
    batch: int = Field(16, gt=0)
    accumulate: int = Field(1, gt=0)
    rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    warmup: int = Field(100, ge=0)
    decay: int = Field(0, ge=0)
    clip: float = Field(1.0, gt=0)
    ema: float = Field(0.999, ge=0, lt=1)
    precision: Literal["no", "bf16", "fp16"] = "no"
    seed: int = Field(0, ge=0)
    workers: int = Field(0, ge=0)
    log_every: int = Field(50, gt=0)
    validate_every: int = Field(1000, gt=0)
    save_every: int = Field(500, gt=0)

    @field_validator("precision", mode="before")
    @classmethod
    def _word(cls, value: object) -> object:
        return "no" if value is False else value  # YAML reads a bare no as false


class Recipe(Strict):
    """See the module's docstring and the recipes shipped in `<domain>/recipes`."""

    id: str
    domain: Literal["restoration", "medical", "speech", "scientific"]
    task: str
    process: Named
    prediction: str = "balanced"
    variance: bool = False
    scaling: ScalingSettings
    signal: dict[str, object] = Field(default_factory=dict)
    network: Named
    sampler: Named | None = Field(None, description="of published methods; the domain reads it")
    levels: list[str] = Field(default_factory=list)
    ranges: dict[str, tuple[float, float]] = Field(default_factory=dict)
    start: str = Field("", description="model id or weight file to begin from; empty: at random")
    times: Times
    loss: Loss = Loss()
    schedule: Schedule
    data: dict[str, object]
    validation: dict[str, object] = Field(default_factory=dict)
    presets: dict[Literal["fast", "balanced", "best"], Preset]

    @model_validator(mode="after")
    def _heads(self) -> "Recipe":
        if self.variance != (self.loss.kind == "nll"):
            raise ValueError(
                f"variance is {self.variance} and loss.kind {self.loss.kind!r}; a variance head is "
                "trained with loss kind nll, and only that one needs it"
            )
        return self

    def settings(self, record: dict[str, object]) -> Settings:
        """The header for weights trained by this recipe."""
        shared = set(Settings.model_fields) & set(Recipe.model_fields)
        return Settings(**{name: getattr(self, name) for name in shared}, record=record)
