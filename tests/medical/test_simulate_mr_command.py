"""`undrift medical simulate`: trees that other programs read, repeated from their record."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nibabel.nifti1 import load as open_nifti

from undrift.cli import main
from undrift.common.errors import InputError, UsageError
from undrift.medical.simulate.anatomy import brain
from undrift.medical.simulate.brain_ct import brain_ct
from undrift.medical.simulate.mr_signal import signal
from undrift.medical.simulate.simulating import Scan, labels, make, read_record, write_subject
from undrift.medical.volumes.bids import parse_bids

SMALL = ("--grid", "24,28,20", "--spacing", "8,8,8")


def simulate(output: Path, *more: str) -> int:
    return main(["medical", "simulate", "-o", str(output), *SMALL, *more])


def load(path: Path) -> tuple[np.ndarray, np.ndarray, Any]:
    """Values, affine and header, by nibabel alone."""
    image: Any = open_nifti(path)
    return np.asarray(image.dataobj), image.affine, image.header


def volumes(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in folder.rglob("*.nii.gz"):
        values, affine, _ = load(path)
        found[path.relative_to(folder).as_posix()] = values.tobytes() + affine.tobytes()
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("simulated") / "brains"
    assert simulate(folder, "--count", "2", "--seed", "3", "--snr", "20", "--thick", "4") == 0
    return folder


def test_the_tree_has_names_of_bids_and_a_description(made: Path) -> None:
    description = json.loads((made / "dataset_description.json").read_text())
    assert description["DatasetType"] == "derivative"  # made volumes are never raw ones
    names = [parse_bids(path) for path in made.rglob("*.nii.gz")]
    assert {name.entities["sub"] for name in names} == {"000003", "000004"}
    assert {name.suffix for name in names} == {"T1w", "T2w", "FLAIR", "PDw", "dseg"}
    assert all(name.folder == "anat" and "sim" in name.entities["desc"] for name in names)
    rows = (made / "brain_dseg.tsv").read_text().splitlines()
    assert rows == ["index\tname", *(f"{n}\t{t}" for n, t in labels("brain").items())]


def test_volumes_have_the_grid_the_affine_and_the_tissues(made: Path) -> None:
    values, affine, header = load(made / "sub-000003/anat/sub-000003_desc-sim_dseg.nii.gz")
    phantom = brain(3, (24, 28, 20), 8.0)
    assert values.dtype == np.uint8
    np.testing.assert_array_equal(values, phantom.labels)
    np.testing.assert_allclose(affine, phantom.affine)
    assert header.get_xyzt_units()[0] == "mm"
    thin, affine, _ = load(made / "sub-000003/anat/sub-000003_desc-sim_T1w.nii.gz")
    thick, thicker, header = load(made / "sub-000003/anat/sub-000003_desc-simThick_T1w.nii.gz")
    assert thick.shape == (24, 28, 5) and header.get_zooms() == (8, 8, 32)
    np.testing.assert_allclose(thicker @ [1, 1, 1, 1], affine @ [1, 1, 5.5, 1])
    white = phantom.memberships["wm"] > 0.9
    level = signal(phantom, "mprage").array[white].mean()
    air = np.array(thin)[:2, :2, -2:]
    assert 0 < air.mean() < 3 * level / 20


def test_the_record_makes_the_same_bits_again(made: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    arguments = ["medical", "simulate", "-o", str(again)]
    assert main([*arguments, "--replay", str(made / "simulation.jsonl")]) == 0
    assert volumes(again) == volumes(made)
    side = json.loads((made / "sub-000004/anat/sub-000004_desc-sim_T2w.json").read_text())
    assert side["Synthetic"] is True and side["Made"]["seed"] == 4 and side["Made"]["snr"] == 20


def test_what_is_there_is_kept_and_never_made_otherwise(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = volumes(made)
    same = ("--seed", "3", "--snr", "20", "--thick", "4")
    assert simulate(made, *same, "--json") == 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["status"] for line in told} == {"kept"} and len(told) == 9
    assert simulate(made, *same, "--law", "shifted") == 3
    assert "--overwrite" in capsys.readouterr().err
    assert volumes(made) == before
    assert set(read_record(made / "simulation.jsonl")) == {3, 4}


def test_lesions_and_laws_are_those_asked_for() -> None:
    small = Scan(grid=(24, 28, 20), spacing=(8.0, 8.0, 8.0), contrasts=("FLAIR",))
    healthy, sick = (make(replace(small, lesions=told), 11) for told in (False, True))
    shifted = make(replace(small, law="shifted"), 11)
    flair = "anat/desc-sim_FLAIR"
    assert set(healthy) == set(sick) == set(shifted) == {flair, "anat/desc-sim_dseg"}
    changed = np.abs(sick[flair].array - healthy[flair].array) > 1e-3
    assert 0 < changed.mean() < 0.1
    assert np.abs(shifted[flair].array - sick[flair].array).mean() > 0.01


def test_a_head_comes_in_mr_and_in_ct_voxel_by_voxel(tmp_path: Path) -> None:
    output = tmp_path / "pairs"
    wanted = ("--contrasts", "T1w,CT", "--seed", "6", "--thick", "2", "--snr", "20")
    assert simulate(output, *wanted) == 0
    folder = output / "sub-000006"
    ct, affine, _ = load(folder / "ct/sub-000006_desc-sim_ct.nii.gz")
    mr, other, _ = load(folder / "anat/sub-000006_desc-sim_T1w.nii.gz")
    assert ct.dtype == np.int16 and ct.shape == mr.shape
    np.testing.assert_array_equal(affine, other)
    phantom = brain(6, (24, 28, 20), 8.0)
    np.testing.assert_allclose(ct, brain_ct(phantom).array, atol=0.51)  # whole HU
    thick, _, _ = load(folder / "ct/sub-000006_desc-simThick_ct.nii.gz")
    halves = brain_ct(phantom).array.reshape(24, 28, 10, 2).mean(-1)
    np.testing.assert_allclose(thick, halves, atol=0.51)
    facts = json.loads((folder / "ct/sub-000006_desc-sim_ct.json").read_text())
    assert facts["Values"]["Units"] == "HU" and facts["Made"]["contrasts"] == ["T1w", "CT"]
    assert parse_bids(folder / "ct/sub-000006_desc-sim_ct.nii.gz").suffix == "ct"


def test_ct_comes_as_truth_clean_and_low_dose(tmp_path: Path) -> None:
    scan = Scan(kind="ct", grid=(24, 24, 2), spacing=None, region="head", dose=0.1)
    assert set(write_subject(scan, 5, tmp_path).values()) == {"written"}
    stored = {path.name: load(path)[0] for path in tmp_path.rglob("*.nii.gz")}
    truth, low, clean = (
        stored[f"sub-000005_desc-sim{n}_ct.nii.gz"] for n in ("Truth", "Low", "Clean")
    )
    assert truth.dtype == np.int16 and truth.min() == -1000 and truth.max() > 500
    assert np.abs(low - clean.astype(float)).std() > 5
    assert set(np.unique(stored["sub-000005_desc-sim_dseg.nii.gz"])) <= set(labels("ct"))


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--contrasts", "T1"), 2, "T1w"),
        (("--law", "shiftd"), 2, "shifted"),
        (("--snr", "0"), 2, "above 0"),
        (("--thick", "21"), 2, "1 to 20"),
        (("--grid", "4,4"), 2, "three numbers"),
        (("--tesla", "7"), 3, "up to 3 T"),
        (("--replay", "missing.jsonl"), 3, "missing.jsonl"),
    ],
)
def test_impossible_wishes_are_refused(
    arguments: tuple[str, ...], code: int, told: str, tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert simulate(tmp_path, *arguments) == code
    assert told in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.nii.gz"))


def test_other_files_are_no_record(tmp_path: Path) -> None:
    path = tmp_path / "simulation.jsonl"
    path.write_text('{"seed": 1}\n')
    with pytest.raises(InputError, match=r"line 1 is no record of `undrift medical simulate`"):
        read_record(path)
    with pytest.raises(UsageError, match="brain, ct"):
        Scan(kind="cat")
