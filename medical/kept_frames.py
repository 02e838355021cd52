"""Frames of a series that are done, from which a killed run goes on; see `checkpoint`.

Each is a file of the folder beside the output, with what was said of it; `state.json` says whose
they are. The steps of the frame at work lie in a folder inside. Frames are kept once the series is
expected to take as long as a run has to that keeps its steps.
"""

import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.files import write_text
from undrift.medical.checkpoint import Checkpoint, found
from undrift.medical.intensity import Values
from undrift.medical.workspace import Unkept

log = logging.getLogger("undrift")


@dataclass
class KeptFrames:
    """count: frames of the series that are wanted."""

    checkpoint: Checkpoint
    count: int
    _on: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        if not isinstance(self.checkpoint, Unkept) and self._state.is_file():
            self._on = bool(found(self.checkpoint.folder, self.checkpoint.identity))

    def steps(self, number: int) -> Checkpoint:
        """Of the steps of a frame."""
        return self.checkpoint.part(f"frame-{number:04d}")

    def load(self, number: int) -> tuple[list[Values], dict[str, Any]] | None:
        """The arrays of a frame that is done and what was said of it; None where it is not."""
        if not self._on or not self._file(number).is_file():
            return None
        with np.load(self._file(number)) as file:
            told = json.loads(str(file["told"]))
            return [file[f"array_{k}"] for k in range(told["arrays"])], told["info"]

    def save(
        self, number: int, arrays: list[Values], info: Mapping[str, Any], seconds: float
    ) -> None:
        """Takes down a frame that took so many seconds."""
        if isinstance(self.checkpoint, Unkept):
            return
        self._on = self._on or seconds * self.count >= self.checkpoint.least
        if self._on:
            try:
                self._put(number, arrays, info)
            except OSError as error:  # a disk that is full ends no run
                folder = self.checkpoint.folder
                log.warning("undrift: %s: frames that are done are not kept: %s", folder, error)
                self._on, self.checkpoint = False, Unkept()
                shutil.rmtree(folder, ignore_errors=True)
        self.steps(number).remove()

    def _put(self, number: int, arrays: list[Values], info: Mapping[str, Any]) -> None:
        if not self._state.is_file():
            whose = {"identity": dict(self.checkpoint.identity)}
            write_text(self._state, json.dumps(whose, indent=1))
        told = json.dumps({"arrays": len(arrays), "info": info})
        part = self._file(number).with_suffix(".part.npz")
        named = {f"array_{k}": array for k, array in enumerate(arrays)}
        np.savez(part, allow_pickle=False, told=np.array(told), **named)
        os.replace(part, self._file(number))

    @property
    def _state(self) -> Path:
        return self.checkpoint.folder / "state.json"

    def _file(self, number: int) -> Path:
        return self.checkpoint.folder / f"frame-{number:04d}.npz"
