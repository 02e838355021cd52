"""`undrift medical simulate` on the disc: subjects as volumes of BIDS-like names, and their record.

    OUTPUT/dataset_description.json
    OUTPUT/simulation.jsonl                      a line a subject: all that makes it again
    OUTPUT/sub-000003/anat/sub-000003_desc-sim_T1w.nii.gz, .json      and T2w, FLAIR, PDw
    OUTPUT/sub-000003/anat/sub-000003_desc-sim_dseg.nii.gz            tissues by number
    OUTPUT/brain_dseg.tsv                        names of these tissues
    OUTPUT/sub-000003/ct/sub-000003_desc-sim_ct.nii.gz                CT of that head, in HU
    OUTPUT/sub-000003/ct/sub-000003_desc-simLow_ct.nii.gz, ...        for CT alone

Made volumes are derivatives in the words of BIDS, and each says so in its name and its record.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from undrift.common.errors import InputError, UsageError, nearest
from undrift.common.files import write_text
from undrift.common.json_lines import read_lines
from undrift.medical.made import write_made
from undrift.medical.simulate.law import LAWS
from undrift.medical.volumes.bids import VERSION
from undrift.medical.volumes.volume import Stored, Volume

if TYPE_CHECKING:
    from undrift.medical.simulate.anatomy import Phantom

RECORD = "simulation.jsonl"
CONTRASTS = {"T1w": "mprage", "T2w": "t2-se", "FLAIR": "flair", "PDw": "pd-se"}
CT = "CT"  # of the same head: a pair, voxel by voxel, with each MR contrast
KINDS = ("brain", "ct")
_CT_LAWS = {"training": "train", "shifted": "test"}
_LABELS = "dseg"


@dataclass(frozen=True)
class Scan:
    """What is simulated of a subject; with its seed, all there is to say.

    kind: "brain" or "ct". grid: voxels; spacing: mm, of CT None for the region's own. law: a name
    in LAWS. contrasts, tesla, snr (None: no noise), bias, thick (slices taken together), lesions:
    of MR; with the contrast "CT" there is CT of the head too, without noise. region (None: the
    seed's turn) and dose (None: the phantom alone): of the kind "ct".

    Raises UsageError for what there is not.
    """

    kind: str = "brain"
    grid: tuple[int, int, int] = (96, 112, 96)
    spacing: tuple[float, float, float] | None = (2.0, 2.0, 2.0)
    law: str = "training"
    contrasts: tuple[str, ...] = tuple(CONTRASTS)
    tesla: float = 1.5
    snr: float | None = None
    bias: float = 0.2
    thick: int = 1
    lesions: bool = True
    region: str | None = None
    dose: float | None = None

    def __post_init__(self) -> None:
        _choose("kind", self.kind, KINDS)
        _choose("law", self.law, tuple(_CT_LAWS) if self.kind == "ct" else tuple(LAWS))
        for contrast in self.contrasts:
            _choose("contrast", contrast, (*CONTRASTS, CT))
        if self.snr is not None and not self.snr > 0:
            raise UsageError(f"--snr {self.snr:g}: expected a number above 0")
        if self.thick < 1 or self.grid[2] < self.thick:
            raise UsageError(f"--thick {self.thick}: expected from 1 to {self.grid[2]} slices")

    def record(self, seed: int) -> dict[str, Any]:
        """A line of the record."""
        return {"v": 1, "seed": seed, **asdict(self)}


def make(scan: Scan, seed: int) -> dict[str, Volume]:
    """Name in BIDS, such as "anat/desc-sim_T1w", -> volume of subject `seed`."""
    return _make_ct(scan, seed) if scan.kind == "ct" else _make_brain(scan, seed)


def _make_brain(scan: Scan, seed: int) -> dict[str, Volume]:
    from undrift.medical.simulate.anatomy import brain
    from undrift.medical.simulate.mr_acquisition import bias_field, rician, thick_slices
    from undrift.medical.simulate.mr_signal import signal

    phantom = brain(seed, scan.grid, scan.spacing or 2.0, LAWS[scan.law], with_lesions=scan.lesions)
    shading = bias_field(phantom.grid, phantom.affine, seed, scan.bias)
    white = phantom.memberships["wm"] > 0.9
    made = {}
    for contrast in scan.contrasts:
        if contrast == CT:
            made.update(_ct_of_head(phantom, scan.thick))
            continue
        volume = signal(phantom, CONTRASTS[contrast], scan.tesla)
        level = float(volume.array[white].mean()) if white.any() else float(volume.array.max())
        volume = volume.with_array(volume.array * shading)
        for name, factor in {"sim": 1, "simThick": scan.thick}.items():
            if name == "sim" or factor > 1:
                seen = thick_slices(volume, factor)
                if scan.snr is not None:
                    seen = rician(seen, level / scan.snr, seed, f"{name} {contrast}")
                made[f"anat/desc-{name}_{contrast}"] = seen
    labels = Volume(phantom.labels.astype(np.float32), phantom.affine, stored=Stored(dtype="uint8"))
    return {**made, f"anat/desc-sim_{_LABELS}": labels}


def _ct_of_head(phantom: "Phantom", thick: int) -> dict[str, Volume]:
    from undrift.medical.simulate.brain_ct import brain_ct
    from undrift.medical.simulate.mr_acquisition import thick_slices

    whole = brain_ct(phantom)
    made = {"ct/desc-sim_ct": whole}
    return made if thick == 1 else {**made, "ct/desc-simThick_ct": thick_slices(whole, thick)}


def _make_ct(scan: Scan, seed: int) -> dict[str, Volume]:
    from undrift.medical.simulate.ct import ct_phantom
    from undrift.medical.simulate.ct_law import LAWS as CT_LAWS

    law = CT_LAWS[_CT_LAWS[scan.law]]
    phantom = ct_phantom(seed, scan.grid, scan.spacing, scan.region, law)
    whole = replace(phantom.volume(), stored=Stored(dtype="int16"))
    made = {"ct/desc-simTruth_ct": whole}
    if scan.dose is not None:
        from undrift.medical.simulate.ct_pairs import low_dose_pair

        pair = low_dose_pair(seed, scan.grid, scan.spacing, scan.region, law, scan.dose)
        made = {
            "ct/desc-simTruth_ct": whole.with_array(pair.truth),
            "ct/desc-simClean_ct": whole.with_array(pair.clean),
            "ct/desc-simLow_ct": whole.with_array(pair.low),
        }
    labels = Volume(phantom.label.astype(np.float32), whole.affine, stored=Stored(dtype="uint8"))
    return {**made, f"ct/desc-sim_{_LABELS}": labels}


def write_subject(scan: Scan, seed: int, output: Path, overwrite: bool = False) -> dict[str, str]:
    """Makes a subject and writes it below `output`: file -> "written" or "kept".

    A file that is there is kept, unless `overwrite`. Raises InputError where the record says that
    the subject was made in another way, since its files and the record would then differ.
    """
    name, record = f"sub-{seed:06d}", output / RECORD
    before = read_record(record).get(seed) if record.is_file() else None
    if before not in (None, scan) and not overwrite:
        raise InputError(
            f"{output} has subject {seed} as {before}, asked for {scan}; give another folder, or "
            "--overwrite to make it anew"
        )
    done: dict[str, str] = {}
    for key, volume in make(scan, seed).items():
        folder, _, tail = key.partition("/")
        path = output / name / folder / f"{name}_{tail}.nii.gz"
        told = path.relative_to(output).as_posix()
        done[told] = "kept" if path.exists() and not overwrite else "written"
        if done[told] == "written":
            write_made(path, volume, {"by": "undrift medical simulate", **scan.record(seed)})
    return done


def start_folder(output: Path, scan: Scan) -> None:
    """Describes the data set in `output`, and the numbers of its labels."""
    from undrift import __version__

    description = {
        "Name": "Simulated volumes of undrift",
        "BIDSVersion": VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "undrift", "Version": __version__}],
    }
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / "dataset_description.json", json.dumps(description, indent=2) + "\n")
    lines = [f"{number}\t{name}" for number, name in labels(scan.kind).items()]
    write_text(output / f"{scan.kind}_{_LABELS}.tsv", "\n".join(["index\tname", *lines]) + "\n")


def labels(kind: str) -> dict[int, str]:
    """Number -> name of the tissues in a volume of labels."""
    if kind == "ct":
        from undrift.medical.simulate.ct_law import LABELS

        return {number: name for name, number in LABELS.items()}
    from undrift.medical.simulate.anatomy import TISSUES

    return {0: "air", **{number: name for number, name in enumerate(TISSUES, 1)}}


def save_record(output: Path, records: Mapping[int, Scan]) -> Path:
    """Writes the record of `output`; subjects of earlier calls stay in it."""
    path = output / RECORD
    known = read_record(path) if path.is_file() else {}
    merged = {**known, **records}
    lines = [json.dumps(merged[seed].record(seed)) for seed in sorted(merged)]
    write_text(path, "\n".join(lines) + "\n")
    return path


def read_record(path: Path) -> dict[int, Scan]:
    """Seed -> what was simulated of it. Raises InputError for a file that is no record."""
    found: dict[int, Scan] = {}
    names = {field.name for field in fields(Scan)}

    def take(line: Mapping[str, Any]) -> None:
        values = {name: line[name] for name in names}
        for name in ("grid", "spacing", "contrasts"):
            values[name] = None if values[name] is None else tuple(values[name])
        found[int(line["seed"])] = Scan(**values)

    read_lines(path, take, "record of `undrift medical simulate`")
    if not found:
        raise InputError(f"{path}: holds no record")
    return found


def _choose(what: str, name: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise UsageError(
            f"unknown {what} {name!r}{nearest(name, known)}; known: {', '.join(known)}"
        )
