"""What a picture that is read whole takes, said before it is restored.

Tasks of a prior see the whole picture at once (an operator, a gradient, a transform), as float32
and some dozen times over. Measured at 0.26 and 1 megapixels of colour, bytes a number (a pixel of a
channel) on top of the network's tiles: denoise with samples 53, deblur 133, inpaint 148, deblur by
Wiener's filter 213 (docs/memory_and_time.md).
"""

import logging
from pathlib import Path

from undrift.common.devices import free_memory
from undrift.common.errors import OutOfMemoryError

BYTES = {"denoise": 50, "sr": 50}
OTHERS = 130  # bytes a number of the result
log = logging.getLogger("undrift")


def needed(task: str, numbers: int) -> int:
    """Bytes for a result of so many numbers."""
    return BYTES.get(task, OTHERS) * numbers


def check_fits(task: str, path: Path, shape: list[int] | None, limit: int | None) -> None:
    """Raises OutOfMemoryError where the result (c, H, W) takes more than the limit in bytes.

    shape: None where the head of the file does not tell. Without a limit, a result beyond the
    free memory is warned of.
    """
    if shape is None:
        return
    channels, height, width = shape
    size = needed(task, channels * height * width)
    about = f"{path}: {width} x {height} pixels are restored whole by {task}"
    hint = "restore parts of it, or let denoise, sr or a network of `restore` go from file to file"
    if limit is not None and size > limit:
        raise OutOfMemoryError(
            f"{about}, which takes about {_shown(size)}, and --max-memory says "
            f"{_shown(limit)}; raise it, {hint}"
        )
    if limit is None and size > (free := free_memory("cpu")):
        log.warning(
            "undrift: %s, which takes about %s, and %s are free", about, _shown(size), _shown(free)
        )


def _shown(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size > 1e9 else f"{size / 1e6:.0f} MB"
