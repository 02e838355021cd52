"""Made volumes on the disc: the record first, then the volume, which marks the work as done.

The record says that the volume is synthetic, for research only, and how to make it again.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from undrift.common.errors import InputError
from undrift.common.files import full_suffix, temporary_beside
from undrift.medical.volumes.files import write_volume
from undrift.medical.volumes.sidecar import made_of, provenance, write_sidecar
from undrift.medical.volumes.volume import Volume
from undrift.medical.weights_facts import with_weights_facts

SUFFIXES = (".nii", ".nii.gz", ".mha", ".nrrd")


def write_made(
    path: Path,
    result: Volume,
    info: Mapping[str, Any],
    *,
    like: Volume | None = None,
    source: Path | None = None,
    dtype: str = "same",
    name_source: bool = False,
) -> dict[str, Any]:
    """Writes a volume and its record beside it; returns the record.

    like: the volume it was made from, if any, whose file is `source`. info: goes under "Made".
    dtype: of `write_volume`. name_source: see `sidecar`.
    Raises InputError for another suffix than SUFFIXES.
    """
    if full_suffix(path).lower() not in SUFFIXES:
        raise InputError(f"{path}: expected one of {' '.join(SUFFIXES)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = temporary_beside(path)
    try:
        written = write_volume(part, result, dtype)
        facts = provenance(source, like or result, result, written, name_source)
        if like is None:
            del facts["Geometry"]["SameGridAsSource"]
        facts["Warnings"] += list(info.get("warnings", ()))
        facts["Made"] = made_of(with_weights_facts(info), name_source)
        write_sidecar(path, facts)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return facts
