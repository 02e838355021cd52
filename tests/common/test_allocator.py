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
