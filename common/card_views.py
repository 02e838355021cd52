"""How the files of a data set lie on disc: the key `views` of a data card.

A data set can be read in several ways (scales, cameras, two editions); each is a view of one split.
Its patterns are paths below the root of the data, in which {word} stands for any text without '/',
the same text wherever the word comes again, and * for any text that does not matter:

    clean: GOPRO_Large/train/{scene}/sharp/{frame}.png
    degraded: GOPRO_Large/train/{scene}/blur/{frame}.png
    item: "{scene}/{frame}"

`item` is the name of an item; files of one item name belong together. A pattern that ends in '/'
means folders: what is one item, as a series of DICOM, lies in many files.
"""

import re
from typing import Literal

from pydantic import model_validator

from undrift.common.front_matter import CardId, Count, Exact, Positive, Text, Words

WORD = re.compile(r"\{(\w+)\}")
SIDES = ("clean", "degraded", "mask")


class View(Exact):
    """One way to read a split."""

    name: CardId
    split: Words
    clean: Text | None = None  # pattern; after '::' the variable of a .mat file
    degraded: Text | None = None
    mask: Text | None = None  # where the degradation is
    item: Words = "{item}"
    group: Text | None = None  # such as "{scene}": one group never falls into two splits
    reader: Literal["files", "blocks", "boxes"] = "files"  # the last two: see `datasets.arrays`
    boxes: Text | None = None  # of the reader "boxes": file::dataset of their corners
    scale: Positive = 1  # side of clean over side of degraded
    size: list[Positive] | None = None  # height and width of a clean picture, where all have one
    numbers: list[Count] | None = None  # first and last {item} of the split, where files share one
    items: Count | None = None  # where it differs from the split's
    sample_rate_hz: Positive | None = None  # where it differs from the signal's

    @property
    def patterns(self) -> dict[str, str]:
        """Side -> pattern, of the sides the view has."""
        sides = {side: getattr(self, side) for side in SIDES}
        return {side: pattern for side, pattern in sides.items() if pattern is not None}

    @model_validator(mode="after")
    def _agree(self) -> "View":
        if self.clean is None and self.degraded is None:
            raise ValueError("a view needs a pattern for clean or degraded")
        asked = set(WORD.findall(self.item + (self.group or "")))
        for side, pattern in self.patterns.items():
            missing = asked - set(WORD.findall(pattern))
            if missing and self.reader == "files":
                raise ValueError(f"{side} lacks {{{min(missing)}}}, which item or group needs")
        for name, pair in (("size", self.size), ("numbers", self.numbers)):
            if pair is not None and len(pair) != 2:
                raise ValueError(f"{name} needs two numbers, got {pair}")
        if (self.boxes is None) == (self.reader == "boxes"):
            raise ValueError("the reader boxes, and no other, needs boxes")
        return self
