"""The standard deviations of spectrograms as a .npy, written block by block."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from torch import Tensor

from undrift.common.files import replacing
from undrift.speech.passage import Passage


@contextmanager
def spread_file(path: Path, passage: Passage) -> Iterator[Callable[[Tensor], None]]:
    """Yields a function that takes blocks (channels, bins, m), which follow one another.

    The file holds float32 (channels, bins, frames); it is whole after the `with`, or absent.
    """
    shape = (passage.channels, passage.method.spectrogram.bins, passage.spectrum_frames)
    with replacing(path) as part:
        values = np.lib.format.open_memmap(part, mode="w+", dtype=np.float32, shape=shape)
        done = 0

        def write(block: Tensor) -> None:
            nonlocal done
            kept = block[..., : shape[-1] - done].numpy()
            values[..., done : done + kept.shape[-1]] = kept
            done += kept.shape[-1]

        yield write
        values.flush()
