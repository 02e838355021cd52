"""How much memory there is for a volume: what lies on the disk, and how large tiles may be.

`max_memory` bounds the whole process: what it holds already (libraries, the volume), the arrays of
sampling, and the activations of a tile. Arrays that would take more than half of what is left wait
on the disk: those of sampling, and before them the volume with what is made of it (`where_for`).
Without a bound, a third of the free memory of the device is for activations and half of the free
main memory for arrays.
"""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undrift.common.allocator import give_freed_memory_back
from undrift.common.devices import free_memory
from undrift.common.errors import OutOfMemoryError
from undrift.common.wishes import Wishes
from undrift.medical.stores import Room
from undrift.medical.tile_plan import Reach, Tiles, cut, fewest, fitting
from undrift.medical.volumes.nifti import Where

_LEAST = (
    64.0  # bytes a voxel of a call: state, volume, estimate and their copies, without a network
)
_SLABS = 2**26  # bytes of the slabs that are at work beside a tile, and of the libraries' own


@dataclass(frozen=True)
class Needs:
    """What a task will hold. size: voxels; channels: of the state; depth: states and values that a
    step looks at; further: more arrays of that size in memory until the result is written."""

    size: tuple[int, ...]
    channels: int = 1
    depth: int = 1
    further: int = 3

    @property
    def array(self) -> int:
        """Bytes of one array."""
        return 4 * self.channels * math.prod(self.size)

    @property
    def sampling(self) -> int:
        """Bytes of the arrays that may wait on the disk."""
        return self.array * (2 * self.depth + 2)


def where_for(wishes: Wishes, arrays: int, folder: Path) -> Where:
    """Where arrays of a volume lie: shape -> the folder of a file, or None for memory.

    arrays: how many of that shape there will be beside those of sampling, the volume among them.
    """

    def where(shape: tuple[int, ...]) -> Path | None:
        size = 4 * math.prod(shape) * arrays
        if wishes.max_memory is None:
            left = free_memory("cpu")
        else:
            left = wishes.max_memory - resident() - _SLABS
        return None if size <= left / 2 else folder

    return where


def arranged(
    denoise: Any, needs: Needs, wishes: Wishes, device: str, folder: Path
) -> tuple[Tiles, Room]:
    """Tiles and arrays for a denoiser of volumes, as the wishes say. folder: of scratch files.

    Raises UsageError for a tile that does not fit the axes, OutOfMemoryError where `max_memory`, or
    the memory that is free, is less than the volume itself and the smallest tile take.
    """
    multiple, reach = layout_of(denoise)
    memory, room = _shared(needs, wishes, device, folder)
    wanted = wishes.tile_sizes()
    if wanted == "off":
        return cut(needs.size, needs.size, multiple, reach), room
    if not isinstance(wanted, str):
        kept = wanted * 3 if len(wanted) == 1 else wanted
        if len(kept) != 3:
            from undrift.common.errors import UsageError

            raise UsageError(f"tile {wanted} has {len(kept)} numbers for 3 axes")
        return cut(needs.size, kept, multiple, reach), room
    each = wishes.batch_size() * bytes_per_voxel(denoise)
    voxels = math.floor(memory / each)
    least = fewest(needs.size, multiple, reach)
    if least > voxels:
        raise OutOfMemoryError(_too_little(needs, wishes, least * each, memory))
    return fitting(needs.size, multiple, reach, voxels), room


def _too_little(needs: Needs, wishes: Wishes, needed: float, memory: float) -> str:
    size = " x ".join(map(str, needs.size))
    if wishes.max_memory is None:
        return (
            f"{size} voxels: the smallest tile takes {_gb(needed)}, and a third of the memory that "
            f"is free is {_gb(memory)}; close other programs, or use a smaller --batch or network"
        )
    more = wishes.max_memory + needed - memory
    return (
        f"{size} voxels: the smallest tile takes {_gb(needed)}, and of --max-memory "
        f"{_gb(wishes.max_memory)} the program and the volume leave {_gb(max(memory, 0))}; give "
        f"--max-memory {math.ceil(more / 1e7) * 10}MB, or a smaller --batch or network"
    )


def _shared(needs: Needs, wishes: Wishes, device: str, folder: Path) -> tuple[float, Room]:
    """Bytes for the activations of a tile, and where arrays lie."""
    if wishes.max_memory is None:
        fits = needs.sampling <= free_memory("cpu") // 2
        return free_memory(device) / 3, Room(None if fits else folder)
    give_freed_memory_back()
    left = wishes.max_memory - resident() - needs.further * needs.array
    if left <= _SLABS:
        least = wishes.max_memory - left + 2 * _SLABS
        raise OutOfMemoryError(
            f"--max-memory {_gb(wishes.max_memory)} is less than the program and a volume of "
            f"{' x '.join(map(str, needs.size))} voxels take, at least {_gb(least)}; give more"
        )
    on_disk = needs.sampling > left / 2
    left -= _SLABS + (0 if on_disk else needs.sampling)
    if not device.startswith("cpu"):
        left = min(wishes.max_memory, free_memory(device))
    return left, Room(folder if on_disk else None)


def _gb(count: float) -> str:
    return f"{count / 1e9:.2g} GB"


def resident() -> int:
    """Bytes of main memory that this process holds now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):  # not Linux
        return 0


def layout_of(denoise: Any) -> tuple[tuple[int, ...], Reach]:
    """multiple and reach along each axis of a denoiser of volumes; reach None where unbounded."""
    source = denoise if hasattr(denoise, "slices") else denoise.network
    multiple, reach = getattr(source, "multiple", 1), getattr(source, "reach", None)
    if not isinstance(multiple, tuple):
        multiple = (int(multiple),) * 3
    return multiple, reach if isinstance(reach, tuple) else (reach,) * 3


def bytes_per_voxel(denoise: Any) -> float:
    """Memory of a call for each voxel that is seen, 1 KiB where nobody measured."""
    source = denoise if hasattr(denoise, "slices") else denoise.network
    return max(_LEAST, float(getattr(source, "bytes_per_element", 1024)))


def is_bounded(reach: Sequence[int | None]) -> bool:
    """Whether tiles give what the whole gives."""
    return all(far is not None for far in reach)
