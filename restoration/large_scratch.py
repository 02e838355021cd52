"""Rows of floats that wait on the disk while a picture is made: a file that nobody else sees."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

_BYTES = 4


class Scratch:
    """Pixels (c, h, w) float32 of a picture in a nameless file of a folder; gone when closed."""

    def __init__(self, folder: Path, shape: tuple[int, int, int]):
        self.shape = shape
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def put(self, part: Tensor, top: int, left: int) -> None:
        """Writes a window (1, c, rows, columns); pixels lie as (h, w, c), a line in one piece."""
        channels, _, width = self.shape
        numbers = part[0].float().cpu().permute(1, 2, 0).contiguous().numpy()
        if numbers.shape[1] == width:
            self._write(numbers, top * width * channels)
            return
        for row, line in enumerate(numbers, top):
            self._write(line, (row * width + left) * channels)

    def read(self, rows: tuple[int, int], columns: tuple[int, int]) -> Tensor:
        """The window [start, stop) of both axes, (1, c, rows, columns)."""
        channels, _, width = self.shape
        out = np.empty((rows[1] - rows[0], columns[1] - columns[0], channels), np.float32)
        if out.shape[1] == width:
            self._read(out, rows[0] * width * channels)
        else:
            for row, line in enumerate(out, rows[0]):
                self._read(line, (row * width + columns[0]) * channels)
        return torch.from_numpy(out).permute(2, 0, 1)[None].contiguous()

    def _read(self, numbers: np.ndarray, place: int) -> None:
        view, at = numbers.data.cast("B"), place * _BYTES
        while view:
            self._file.seek(at)
            count = self._file.readinto(view)
            if not count:
                raise OSError("the scratch file ends before the picture does")
            view, at = view[count:], at + count

    def _write(self, numbers: np.ndarray, place: int) -> None:
        view, at = numbers.data.cast("B"), place * _BYTES
        while view:
            self._file.seek(at)
            count = self._file.write(view) or 0
            view, at = view[count:], at + count


def free_bytes(folder: Path) -> int:
    """Room on the disk of a folder."""
    return shutil.disk_usage(folder).free
