"""Names of BIDS: what a file's name says, and where its derivative goes.

A name is `sub-01_ses-1_acq-x_T1w.nii.gz`: entities, a suffix and an extension. A derivative keeps
the entities of its source and adds `desc-`, and lies in `derivatives/undrift`, with a
`dataset_description.json` of its own: a synthetic image never lies among raw ones, nor without
`desc-` in its name.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undrift.common.errors import InputError
from undrift.common.files import write_text

VERSION = "1.9.0"  # of BIDS
DESCRIPTION = "dataset_description.json"
_NAME = re.compile(r"^((?:[A-Za-z]+-[A-Za-z0-9+]+_)+)([A-Za-z0-9]+)(\.[A-Za-z0-9.]+)$")
_DESC = re.compile(r"^[A-Za-z0-9]+$")
_FOLDERS = ("anat", "func", "dwi", "fmap", "perf", "pet", "ct")
_LAST = ("desc",)  # the entity that BIDS puts last
_UNKNOWN = ("ct",)  # suffixes that BIDS does not have yet


@dataclass(frozen=True)
class BidsName:
    """A file's name, taken apart.  folder: of the modality, such as "anat"."""

    entities: Mapping[str, str]
    suffix: str
    extension: str
    folder: str = "anat"

    @property
    def name(self) -> str:
        """The name again."""
        order = sorted(self.entities, key=lambda key: key in _LAST)  # stable: the others stay
        return "_".join([*(f"{key}-{self.entities[key]}" for key in order), self.suffix]) + (
            self.extension
        )

    @property
    def path(self) -> Path:
        """The path below the root of the data set."""
        folders = [f"{key}-{self.entities[key]}" for key in ("sub", "ses") if key in self.entities]
        return Path(*folders, self.folder, self.name)


def parse_bids(path: Path) -> BidsName:
    """Takes a path apart. Raises InputError where the name is none of BIDS."""
    match = _NAME.match(path.name)
    entities = dict(p.split("-", 1) for p in match[1].strip("_").split("_")) if match else {}
    if match is None or next(iter(entities)) != "sub":
        raise InputError(f"{path}: no name of BIDS, expected such as sub-01_ses-1_T1w.nii.gz")
    folder = path.parent.name if path.parent.name in _FOLDERS else "anat"
    return BidsName(entities, match[2], match[3], folder)


def derivative(
    source: BidsName, desc: str, suffix: str | None = None, allow_ct: bool = False
) -> BidsName:
    """The name of what is made of `source`: `desc-` added, the suffix perhaps another.

    Raises InputError for a `desc` that is not letters and digits, and for the suffix `ct`, which
    BIDS does not have, unless `allow_ct`.
    """
    if not _DESC.match(desc):
        raise InputError(f"desc-{desc}: expected letters and digits only")
    suffix = suffix or source.suffix
    if suffix in _UNKNOWN and not allow_ct:
        raise InputError(f"BIDS has no suffix '{suffix}' yet; allow it, or write without BIDS")
    return BidsName({**source.entities, "desc": desc}, suffix, source.extension, source.folder)


def start_derivatives(
    root: Path, version: str, name: str = "undrift", folder: Path | None = None
) -> Path:
    """The folder of derivatives of the data set at `root`, with its description.

    folder: another than derivatives/NAME below the root.
    Raises InputError where `root` is no data set of BIDS, or `folder` one of raw images.
    """
    if not (root / DESCRIPTION).is_file():
        raise InputError(f"{root}: no data set of BIDS (it has no {DESCRIPTION})")
    folder = folder or root / "derivatives" / name
    if folder.resolve() == root.resolve():
        raise InputError(f"{folder}: made images never lie among raw ones; name another folder")
    source = os.path.relpath(root, folder)
    description: dict[str, Any] = {
        "Name": f"{name} derivatives",
        "BIDSVersion": VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "undrift", "Version": version}],
        "SourceDatasets": [{"URL": source}],
        "DatasetLinks": {"raw": source},
    }
    path = folder / DESCRIPTION
    if not path.is_file():
        write_text(path, json.dumps(description, indent=2) + "\n")
    return folder


def find_raw(root: Path, participants: tuple[str, ...] = (), suffix: str = "") -> list[Path]:
    """Images of the raw data set, sorted; of some participants ("01" or "sub-01") and a suffix."""
    wanted = {label.removeprefix("sub-") for label in participants}
    found = []
    for path in sorted(root.glob("sub-*/**/*.nii*")):
        try:
            name = parse_bids(path)
        except InputError:
            continue
        if (not wanted or name.entities["sub"] in wanted) and suffix in ("", name.suffix):
            found.append(path)
    missing = wanted - {parse_bids(path).entities["sub"] for path in found}
    if missing:
        what = f"{suffix} image" if suffix else "image"
        raise InputError(f"{root}: no {what} of participant {', '.join(sorted(missing))}")
    return found


def find_pairs(
    root: Path, first: str, second: str, participants: tuple[str, ...] = ()
) -> list[tuple[Path, Path]]:
    """Images of two suffixes, such as T1w and T2w, whose names have the same subject and session.

    Other entities (acq, run, ...) have to agree where both have them. Raises InputError where an
    image has several partners; those without one are left out.
    """
    others = find_raw(root, (), second)
    pairs = []
    for path in find_raw(root, participants, first):
        fitting = [other for other in others if _belong(parse_bids(path), parse_bids(other))]
        if len(fitting) > 1:
            named = ", ".join(str(one.relative_to(root)) for one in fitting)
            raise InputError(f"{path}: {len(fitting)} images of suffix {second} fit it: {named}")
        pairs += [(path, other) for other in fitting]
    return pairs


def _belong(one: BidsName, other: BidsName) -> bool:
    mine, its = one.entities, other.entities
    both = set(mine) & set(its)
    return mine.get("ses") == its.get("ses") and all(mine[key] == its[key] for key in both)
