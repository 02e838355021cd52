"""The settings every restoring command shares, as one value.

Some change the result (they enter `options_hash`, and with it the decision to skip an item that is
done); the others only say where, how fast and how loudly.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from undrift.common.files import fingerprint

# Fields on which the values of an output depend. The model is compared by its weights.
CHANGE_THE_RESULT = ("preset", "steps", "solver", "samples", "seed", "dtype", "pad", "provenance")


@dataclass(frozen=True)
class RunOptions:
    """The shared flags; `extras` holds those of the verb, such as `{"scale": 4}`.

    `tile` is "auto", "off", or sizes in pixels (one for all axes, or one each); `max_memory` is in
    bytes; `shard` is (i, n) with i from 1; `scheduler` is the address of a scheduler of dask;
    `batch` is "auto" or a number of tiles.
    """

    inputs: tuple[str, ...]
    output: Path
    task: str = ""
    model: str | None = None
    preset: Literal["fast", "balanced", "best"] | None = None
    steps: int | None = None
    solver: str | None = None
    samples: int = 1
    seed: int = 0
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    tile: Literal["auto", "off"] | tuple[int, ...] = "auto"
    max_memory: int | None = None
    batch: Literal["auto"] | int = "auto"
    pad: str = "none"
    overwrite: bool = False
    dry_run: bool = False
    as_json: bool = False
    report: Path | None = None
    workers: int = 1
    threads: int | None = None
    shard: tuple[int, int] | None = None
    scheduler: str | None = None
    fail_fast: bool = False
    name: str | None = None
    check_hash: bool = False
    provenance: bool = True
    quiet: bool = False
    verbose: bool = False
    extras: Mapping[str, Any] = field(default_factory=dict)

    def options_hash(self) -> str:
        """16 hex digits of the settings that change the result; files and speed do not count."""
        chosen = {key: getattr(self, key) for key in CHANGE_THE_RESULT}
        return fingerprint({**chosen, "extras": dict(self.extras)})


def random_seed() -> int:
    """A seed nobody has chosen, short enough to type."""
    return secrets.randbelow(2**31)
