"""The keys of a model card's head: the Hugging Face Hub's own, and one block of ours, `undrift:`.

Every key without a default has to be written, with `null` or an empty list where there is nothing
to say.  Process, prediction, network and presets repeat the header of the weight file, so that the
card can be read alone; `undrift models verify` compares the two.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from undrift.common.card_schema import Task
from undrift.common.front_matter import CardId, Count, Exact, One, Positive, Sha256, Text, Words

Pair = Annotated[list[float], Field(min_length=2, max_length=2)]
Prediction = Literal[
    "x0", "eps", "eps-scaled", "residual", "displacement", "velocity", "balanced"
]  # fmt: skip


class Named(Exact):
    """A process or a network: its name and the settings it was built with."""

    name: Words
    params: dict[str, Any]


class Latent(Exact):
    """The autoencoder in whose space the process runs."""

    autoencoder: CardId
    scale: float


class ModelInput(Exact):
    """What the model takes."""

    axes: Words
    channels: list[Positive]  # the numbers of channels it accepts
    multiple_of: Positive  # sizes are padded to this
    range: Pair
    unit: Text | None = None
    sample_rate_hz: Positive | None = None
    spacing: dict[str, float] | None = None


class Preset(Exact):
    """What `--preset` sets; explicit flags win over it."""

    solver: Words
    options: dict[str, object] | None = None  # of the solver
    steps: Positive
    grid: Text | None
    times: list[float] | None = None  # in place of the grid
    samples: Positive
    back_projections: Count = 0
    symmetries: Positive = 1


class Presets(Exact):
    """The three presets every model has."""

    fast: Preset
    balanced: Preset
    best: Preset


class WeightFile(Exact):
    """The weights; `name` lies beside the card."""

    name: Words
    url: Text | None
    bytes: Count
    sha256: Sha256


class PortedFrom(Exact):
    """Where converted weights come from."""

    repo: Words
    commit: Words
    license: Words
    file: Words
    key_map: Words


class Parity(Exact):
    """One number of the official code, ours, and how far apart they may be."""

    case: Words
    official: float
    ours: float
    tolerance: float


class Measured(Exact):
    """One measured mean, with what is needed to measure it again."""

    data: CardId  # a data card
    split: Text | None
    case: Words  # "sigma 25", "x4", ...
    metric: Words
    value: float
    ci: Pair | None  # 95 %, over items
    n: Positive  # items
    device: Words
    seconds_per_item: float | None
    peak_mb: float | None
    commit: Text | None


class ModelBlock(Exact):
    """The `undrift:` block."""

    schema_: One = Field(alias="schema")
    id: CardId
    version: Words
    task: Task
    process: Named
    prediction: Prediction
    network: Named
    latent: Latent | None
    input: ModelInput
    scale: list[Positive] | None  # the enlargements it makes; null where sizes stay
    conditioning: list[Words]
    presets: Presets
    files: Annotated[list[WeightFile], Field(min_length=1)]
    ported_from: PortedFrom | None
    trained_on: list[CardId]  # data cards
    parity: list[Parity]
    measured: list[Measured]
    intended: list[Words]
    not_for: list[Words]
    risks: list[Words]


class ModelFront(Exact):
    """The whole head: the Hub's keys, and our block."""

    license: Words
    library_name: Literal["undrift"]
    undrift: ModelBlock
    license_name: Text | None = None
    license_link: Text | None = None
    language: list[Text] = Field(default_factory=list)
    pipeline_tag: Text | None = None
    model_name: Text | None = None
    tags: list[Text] = Field(default_factory=list)
    datasets: list[Text] = Field(default_factory=list)
    metrics: list[Text] = Field(default_factory=list)
    base_model: Text | None = None
