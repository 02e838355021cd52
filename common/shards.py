"""Which part of a run an item belongs to, when several machines share the work.

The part follows from a hash of the item's key alone, so that adding files later moves no other
item to another machine.
"""

import hashlib
import os
from collections.abc import Mapping

from undrift.common.errors import UsageError


def in_shard(key: str, shard: tuple[int, int]) -> bool:
    """Whether the item `key` belongs to shard i of n, `shard = (i, n)` with i from 1."""
    index, count = shard
    digest = hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count == index - 1


def parse_shard(text: str, environment: Mapping[str, str] = os.environ) -> tuple[int, int]:
    """(i, n) from `i/n`, or from the variables of a Slurm job array for `slurm`."""
    if text == "slurm":
        try:
            first, here, step, count = (
                int(environment.get(f"SLURM_ARRAY_TASK_{name}", default))
                for name, default in (("MIN", ""), ("ID", ""), ("STEP", "1"), ("COUNT", ""))
            )
        except ValueError:
            raise UsageError(
                "--shard slurm: not in a Slurm job array (sbatch --array=1-8)"
            ) from None
        return (here - first) // step + 1, count
    index, slash, count = text.partition("/")
    if not (slash and index.isdigit() and count.isdigit() and 1 <= int(index) <= int(count)):
        raise UsageError(f"--shard {text}: expected i/n with 1 <= i <= n, such as 3/8, or slurm")
    return int(index), int(count)
