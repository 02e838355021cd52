"""Keeping freed memory for the next layer instead of giving it back at once (glibc only).

Every layer of a network takes and frees maps of many megabytes. The C library of Linux maps each of
them anew and unmaps it, and the kernel fills every page with zeros on first touch: on pictures of
a few megapixels a third of the processor time is spent so. Told to keep what was freed, the process
reuses it; its peak memory is about the same, but stays until the process ends. So commands do this
for themselves, and the Python functions leave their host's allocator alone. Where one picture goes
through in windows of many sizes, the holes that are kept add up to twice what is in use. There,
only what is small is kept, and the few large maps are mapped for themselves.
"""

import contextlib
import ctypes
from collections.abc import Iterator
from functools import cache

_TRIM, _MMAP = -1, -3  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD of malloc.h
_MOST = 2**31 - 1  # an int
_LARGE = 2**23  # bytes: smaller maps are kept, since pages cost time


@cache
def keep_freed_memory() -> bool:
    """Tells the allocator of this process, once; False where it is none of glibc's."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # another C library
        return False
    return all(mallopt(what, _MOST) == 1 for what in (_MMAP, _TRIM))


@contextlib.contextmanager
def large_maps_apart() -> Iterator[None]:
    """Within, `keep_freed_memory` holds for small maps only; nothing where it was never called."""
    kept = bool(keep_freed_memory.cache_info().currsize) and keep_freed_memory()
    if kept:
        ctypes.CDLL(None).mallopt(_MMAP, _LARGE)
    try:
        yield
    finally:
        if kept:
            ctypes.CDLL(None).mallopt(_MMAP, _MOST)


def give_freed_memory_back() -> None:
    """Returns what is kept and not in use, where the allocator is glibc's.

    For moments between large pieces of work: parts of many sizes leave holes that add up.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
