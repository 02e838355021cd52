"""The record beside an output volume, as JSON: how it was made, and what was done to its values.

`x.nii.gz` gets `x.json` (BIDS's way). The source is named by the hash of its content, since paths
of clinical files hold names of patients; `name_source` adds its base name. The item that made the
noise is such a path too, so its hash stands in its place. Whoever finds the file alone must see
that it is synthetic and for research only.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from undrift.common.errors import InputError
from undrift.common.files import sha256_of, stem, write_text
from undrift.medical.notice import NOTICE
from undrift.medical.volumes.nifti import Written
from undrift.medical.volumes.volume import Volume


def sidecar_path(output: Path) -> Path:
    """The place of the record of `output`, a file or a folder."""
    return output.with_name(f"{stem(output)}.json")


def provenance(
    source: Path | None, given: Volume, result: Volume, written: Written, name_source: bool = False
) -> dict[str, Any]:
    """What is known without the model: source, grid, storage, and what was clipped.

    source: the input file, whose content is hashed; a folder's files by their sorted hashes.
    """
    facts: dict[str, Any] = {"Synthetic": True, "Notice": NOTICE}
    if source is not None:
        facts["SourceHash"] = hash_of(source)
        if name_source:
            facts["Sources"] = [source.name]
    storage = written.storage
    facts["Geometry"] = {
        "Affine": result.affine.tolist(),
        "SpacingMillimetres": list(result.spacing),
        "Orientation": result.orientation,
        "SameGridAsSource": given.grid == result.grid
        and bool(np.array_equal(given.affine, result.affine)),
    }
    facts["Values"] = {
        "Units": result.units,
        "StoredAs": str(storage.dtype),
        "Slope": storage.slope,
        "Intercept": storage.inter,
        "ClippedVoxels": written.clipped,
        "Voxels": int(result.array.size),
    }
    facts["Warnings"] = list(given.notes)
    return facts


def made_of(info: Mapping[str, Any], name_source: bool = False) -> dict[str, Any]:
    """What goes under "Made": all but warnings, which have a place of their own.

    "item" becomes "item_sha256", of its UTF-8, unless sources may be named.
    """
    told = {name: value for name, value in info.items() if name != "warnings"}
    if told.get("item") and not name_source:
        digest = hashlib.sha256(str(told["item"]).encode()).hexdigest()
        told = {("item_sha256" if name == "item" else name): value for name, value in told.items()}
        told["item_sha256"] = digest
    return told


def write_sidecar(output: Path, facts: Mapping[str, Any]) -> Path:
    """Writes the record of `output`, whole or not at all; returns its path.

    Raises InputError for a record without "Synthetic" and "Notice", or with numbers JSON lacks.
    """
    if facts.get("Synthetic") is not True or not facts.get("Notice"):
        raise InputError("the record of a made volume says 'Synthetic': true and has a 'Notice'")
    _finite(facts, "")
    path = sidecar_path(output)
    write_text(path, json.dumps(facts, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
    return path


def hash_of(source: Path) -> str:
    """`sha256:` and digits of the bytes of a file, or of the sorted hashes of those of a folder."""
    if source.is_file():
        return sha256_of(source)
    hashes = sorted(sha256_of(path) for path in source.rglob("*") if path.is_file())
    return f"sha256:{hashlib.sha256(chr(10).join(hashes).encode()).hexdigest()}"


def _finite(value: object, where: str) -> None:
    if isinstance(value, Mapping):
        for key, one in value.items():
            _finite(one, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for one in value:
            _finite(one, where)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"the record holds {value} at '{where.strip('.')}'")
