"""Open pictures whose rows are read a band at a time, so that nothing holds the whole."""

from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from undrift.common.errors import InputError
from undrift.restoration.pictures import values
from undrift.restoration.pictures.files import decoding
from undrift.restoration.pictures.picture import Metadata, Picture


class Rows(ABC):
    """An open file. sheet: the picture without its pixels, None where it has to be read whole."""

    kind: str
    path: Path
    sheet: Picture | None

    @abstractmethod
    def stored(self, start: int, stop: int) -> np.ndarray:
        """Rows [start, stop) as they are stored, (rows, w, c), alpha last where there is one."""

    @abstractmethod
    def close(self) -> None:
        """Closes the file."""

    def settle(self) -> bool:
        """Whether it can be read in bands after all; what needs a look at all rows is done here."""
        return True

    @property
    def known(self) -> Picture:
        """The sheet of an open picture; raises InputError where there is none."""
        if self.sheet is None:
            raise InputError(f"{self.path} is not read in rows")
        return self.sheet

    def read(self, start: int, stop: int) -> np.ndarray:
        """As `stored`; InputError where the file is damaged."""
        with decoding(self.path, self.kind):
            return self.stored(start, stop)

    def unit(self, band: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Stored numbers (rows, w, c) as pixels (c, rows, w) and alpha (rows, w) in [0, 1]."""
        planes = np.ascontiguousarray(band.transpose(2, 0, 1))
        colours = self.known.channels
        pixels, _ = values.to_unit(planes[:colours], self.known.value_range)
        alpha = values.to_unit(planes[colours])[0] if len(planes) > colours else None
        return pixels, alpha


def sheet_of(
    path: Path, kind: str, size: tuple[int, int], mode: str, depth: str, metadata: Metadata
) -> Picture:
    """A picture of (h, w) whose pixels take no memory; mode: L, LA, RGB or RGBA."""
    return Picture(*blank(mode, size), depth, None, kind, metadata, path)


def blank(mode: str, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels and alpha of a picture of (h, w) that take no memory."""
    zero = np.float32(0)
    colours = 1 if mode.startswith("L") else 3
    alpha = np.broadcast_to(zero, size) if mode.endswith("A") else None
    return np.broadcast_to(zero, (colours, *size)), alpha
