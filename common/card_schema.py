"""The keys of a data card's head: the Hugging Face Hub's own, and one block of ours, `undrift:`.

Every key without a default has to be written, with `null` where the source does not say; a key
that is not listed here is refused.  Rules that concern several keys at once are in `cards.py`.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from undrift.common.card_members import Members
from undrift.common.card_views import View
from undrift.common.front_matter import (
    CardId,
    Count,
    Day,
    Exact,
    One,
    Positive,
    Sha256,
    Text,
    Words,
)

DOMAINS = ("restoration", "medical", "speech", "scientific")
Domain = Literal["restoration", "medical", "speech", "scientific"]
Task = Literal[
    "sr", "deblur", "denoise", "inpaint", "mri", "ct", "synthesis", "enhance", "dereverb", "hsi",
    "downscale", "derain", "dehaze", "shadow", "lowlight", "jpeg", "blind", "translate", "prior",
    "lesion", "deform", "hsi-denoise", "atmos-prior", "atmos-mean", "atmos-residual",
]  # fmt: skip


class Signal(Exact):
    """What one item is, as an array."""

    axes: Words  # einops words, e.g. "c h w" or "band y x"
    shape: list[Positive | None]  # null where items differ
    dtype: Words
    range: Annotated[list[float], Field(min_length=2, max_length=2)] | None  # of the stored values
    unit: Text | None  # "HU", "K", "W m-2 sr-1 um-1"; null if unitless
    spacing: dict[str, float] | None = None  # axis -> step, in `spacing_unit`
    spacing_unit: Text | None = None
    sample_rate_hz: Positive | None = None
    wavelength_nm: list[float] | None = None  # first and last band centre

    @model_validator(mode="after")
    def _agree(self) -> "Signal":
        axes = self.axes.split()
        if len(axes) != len(self.shape):
            raise ValueError(f"axes {self.axes!r} and shape {self.shape} differ in length")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"range {self.range} must be [lowest, highest]")
        if self.spacing is not None and self.spacing_unit is None:
            raise ValueError("spacing needs spacing_unit")
        for axis in self.spacing or {}:
            if axis not in axes:
                raise ValueError(f"spacing of {axis!r}, which is not in axes {self.axes!r}")
        return self


class Split(Exact):
    """Items that are used together."""

    name: Words
    use: Literal["train", "val", "test"]
    items: Count | None
    groups: Count | None = None  # number of subjects, speakers, scenes, ...


class Debian(Exact):
    """Which Debian package a .deb file is."""

    package: Words
    version: Words  # with its epoch, "4:5.27.5-2"
    architecture: Words


class File(Exact):
    """One file: an archive to download, one inside it, or one that an installed package brings."""

    name: Words  # below the data root; for a packaged file, below site-packages
    url: Text | None
    bytes: Count | None
    sha256: Sha256 | None
    encoding: Words  # MIME type
    package: Text | None = None  # the pip package that brings the file
    split: Text | None = None
    shape: list[Positive] | None = None  # of the item in it, in the order of signal.axes
    debian: Debian | None = None  # of a .deb file
    archive: Text | None = None  # the name of the entry that this file lies in
    member: Text | None = None  # its path in there
    creator: Text | None = None  # as the source states it, where files have several
    license: Text | None = None  # the same

    @model_validator(mode="after")
    def _inside(self) -> "File":
        if (self.archive is None) != (self.member is None):
            raise ValueError("archive and member go together; write both or none")
        return self

    @property
    def item(self) -> str:
        """The item's short name: the file's, without folder and suffix."""
        return Path(self.name).stem


class People(Exact):
    """Whether persons can be recognised in the data, and on what footing."""

    present: bool
    deidentified: bool | None = None
    consent: Text | None = None
    ethics: Text | None = None


class Verified(Exact):
    """What the authors of the card have really checked."""

    checked: Day
    how: Words
    fields: list[Words]  # dotted keys of this card

    @field_validator("checked")
    @classmethod
    def _past(cls, value: date) -> date:
        if value > date.today() + timedelta(days=1):  # a day's grace for time zones
            raise ValueError(f"{value} is in the future")
        return value


class Block(Exact):
    """The `undrift:` block."""

    schema_: One = Field(alias="schema")
    id: CardId
    domain: Domain
    tasks: list[Task]
    homepage: Text | None
    version: Text | None
    released: Day | None
    creators: list[Words]
    paper: Text | None  # DOI or arXiv URL
    citation: Words  # BibTeX
    access: Literal["open", "registration", "request", "synthetic"]
    redistribution: Literal["allowed", "forbidden", "unclear"]
    signal: Signal
    pairing: Literal["paired", "unpaired", "synthetic", "clean-only"]
    group_by: Text | None  # never let one group fall into two splits
    splits: list[Split]
    files: list[File]
    members: list[Members] = Field(default_factory=list)  # whole folders inside those files
    leave_out: list[Words] = Field(default_factory=list)  # globs of items, of every group
    layout: list[Words]  # globs below the data root that prove it is there
    views: list[View] = Field(default_factory=list)  # how its files pair up
    people: People
    verified: list[Verified]

    @model_validator(mode="after")
    def _left_out_everywhere(self) -> "Block":
        for group in self.members:
            group.leave_out.extend(self.leave_out)
        return self


class Front(Exact):
    """The whole head: the Hub's keys, and our block."""

    pretty_name: Words
    license: Words
    undrift: Block
    license_name: Text | None = None
    license_link: Text | None = None
    language: list[Text] = Field(default_factory=list)
    tags: list[Text] = Field(default_factory=list)
    task_categories: list[Text] = Field(default_factory=list)
    size_categories: list[Text] = Field(default_factory=list)
    source_datasets: list[Text] = Field(default_factory=list)
