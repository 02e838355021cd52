"""Freed memory is kept for reuse: large maps made again cost no new pages."""

import platform
import subprocess
import sys

import pytest

CODE = """
import resource
import torch
from undrift.common.allocator import keep_freed_memory
if {kept}:
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(16):  # until the heap is wide enough
    torch.ones(2**24)
before = faults()
for _ in range(10):
    torch.ones(2**24)
print(faults() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator only")
def test_pages_are_reused() -> None:
    pages = [
        int(subprocess.run([sys.executable, "-c", CODE.format(kept=kept)], capture_output=True,
                           check=True, text=True).stdout)
        for kept in (False, True)
    ]  # fmt: skip
    assert pages[1] * 10 < pages[0]


BACK = """
import resource
from pathlib import Path
import torch
from undrift.common.allocator import give_freed_memory_back, keep_freed_memory
keep_freed_memory()
def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20
empty = held()
large = torch.ones(2**26)  # 256 MiB
small = torch.ones(2**10)  # above it, so that the heap cannot shrink from its end
del large
kept = held()
give_freed_memory_back()
print(kept - empty, held() - empty)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator only")
def test_pages_are_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", BACK], capture_output=True, check=True, text=True)
    kept, left = map(int, done.stdout.split())
    assert kept > 200
    assert left < 50


APART = """
import contextlib
import resource
from pathlib import Path
import torch
from undrift.common.allocator import keep_freed_memory, large_maps_apart
def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() >> 20
if {kept}:
    keep_freed_memory()
empty = held()
with large_maps_apart():
    large = torch.ones(2**26)  # 256 MiB
    small = torch.ones(2**10)
    del large
    print(held() - empty)
large = torch.ones(2**26)
small = torch.ones(2**10)
del large
print(held() - empty)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator only")
def test_large_maps_are_kept_only_outside() -> None:
    kept, plain = (
        [int(line) for line in subprocess.run(
            [sys.executable, "-c", APART.format(kept=kept)], capture_output=True, check=True,
            text=True,
        ).stdout.split()]
        for kept in (True, False)
    )  # fmt: skip
    assert kept[0] < 50 < 200 < kept[1]
    assert max(plain) < 50  # an allocator that was left alone is left alone
