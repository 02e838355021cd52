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
        """Writes a part (1, c, rows, columns); lines of a channel lie in one piece (h, c, w)."""
        channels, _, width = self.shape
        lines = np.ascontiguousarray(part[0].float().cpu().numpy().transpose(1, 0, 2))
        if lines.shape[2] == width:
            self._write(lines, top * channels * width)
            return
        for row, planes in enumerate(lines):
            for channel, line in enumerate(planes):
                self._write(line, ((top + row) * channels + channel) * width + left)

    def read(self, start: int, stop: int) -> Tensor:
        """Rows [start, stop), (1, c, rows, w)."""
        channels, _, width = self.shape
        out = np.empty((stop - start, channels, width), np.float32)
        self._file.seek(start * channels * width * _BYTES)
        view = out.data.cast("B")
        while view:
            count = self._file.readinto(view)
            if not count:
                raise OSError("the scratch file ends before the picture does")
            view = view[count:]
        return torch.from_numpy(np.ascontiguousarray(out.transpose(1, 0, 2)))[None]

    def _write(self, numbers: np.ndarray, place: int) -> None:
        view, at = numbers.data.cast("B"), place * _BYTES
        while view:
            self._file.seek(at)
            count = self._file.write(view) or 0
            view, at = view[count:], at + count


def free_bytes(folder: Path) -> int:
    """Room on the disk of a folder."""
    return shutil.disk_usage(folder).free
