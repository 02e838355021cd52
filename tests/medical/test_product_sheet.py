"""What clinical researchers were promised, line by line, through the command they type.

Geometry in is geometry out; types, units and what was cut; the same seed, the same volume; a record
that says how; research use only. Parts have tests of their own beside them: order of slices
(`test_volumes_dicom`), every header (`test_volumes_nifti`), maps and storage
(`test_volumes_values`), tiles (`test_tiles`), memory (`test_tasks_memory`), resuming and faults
(`test_tasks_cli`), spread, chi, residual and null space (`test_honesty_numbers`), what went and
came (`test_honesty_components`), inputs unlike training (`test_honesty_guards`).
"""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner
from dicom_series import axial_series
from tiny_medical import DENOISE_CT, TRANSLATE, body, head, oblique, write_medical

from undrift.cli import main
from undrift.medical.cli import COMMANDS, medical
from undrift.medical.notice import NOTICE


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_medical(tmp_path / "t2.safetensors", TRANSLATE)
    write_medical(tmp_path / "ct.safetensors", DENOISE_CT)
    return tmp_path


def loaded(path: str | Path) -> Any:
    return nib.load(path)


def facts(path: str | Path) -> dict[str, Any]:
    return json.loads(Path(path).read_text())


def denoise(source: str, target: str, *more: str) -> int:
    return main(["medical", "denoise", source, "-o", target, "--kind", "ct", "--model",
                 "ct.safetensors", "-q", *more])  # fmt: skip


def translate(source: str, target: str, *more: str) -> int:
    return main(["medical", "translate", source, "-o", target, "--model", "t2.safetensors", "-q",
                 *more])  # fmt: skip


def save(path: str, array: np.ndarray, slope: float = 1.0, inter: float = 0.0) -> None:
    image = nib.Nifti1Image(array, oblique())
    image.header.set_slope_inter(slope, inter)
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, path)


def test_integers_of_ct_stay_integers_and_what_was_cut_is_counted(place: Path) -> None:
    """1.2: int16 HU with slope 1, kept within a scanner's range; the record counts the rest."""
    values = body().astype(np.int16)
    values[3, 3, 3] = 3071
    save("ct.nii.gz", values)
    assert denoise("ct.nii.gz", "out/ct.nii.gz", "--report", "out/page.html") == 0
    result = loaded("out/ct.nii.gz")
    numbers = np.asarray(result.dataobj)
    assert result.get_data_dtype() == np.int16
    assert (result.dataobj.slope, result.dataobj.inter) == (1, 0)
    assert numbers[3, 3, 3] == 3071  # beyond the window: from the input
    assert numbers.min() >= -1024 and numbers.max() <= 3071
    told = facts("out/ct.json")["Values"]
    assert told["Units"] == "HU"
    assert told["ClippedVoxels"] == facts("out/ct.json")["Made"]["clipped"]
    assert "clipped" in Path("out/page.html").read_text()


def test_values_of_mr_keep_their_unit_in_every_type(place: Path) -> None:
    """1.2: slope and intercept are applied on reading, and written anew or left out."""
    real = 3.0 + 0.25 * np.rint(4 * head())
    save("t1.nii.gz", np.rint((real - 3) / 0.25).astype(np.int16), 0.25, 3.0)
    np.testing.assert_allclose(loaded("t1.nii.gz").get_fdata(), real, atol=1e-4)
    found = {}
    for store, kind in (("float32", "f"), ("int16", "i")):
        assert translate("t1.nii.gz", f"{store}.nii.gz", "--store", store) == 0
        found[store] = loaded(f"{store}.nii.gz")
        assert found[store].get_data_dtype().kind == kind
    exact = found["float32"].get_fdata()
    step = found["int16"].dataobj.slope
    assert np.abs(found["int16"].get_fdata() - exact).max() <= 0.51 * step
    assert step == pytest.approx(np.abs(exact).max() / 32767, rel=0.01)
    assert facts("int16.json")["Values"]["Units"] == "arbitrary"


def test_workers_tiles_and_batches_do_not_change_a_voxel(place: Path) -> None:
    """1.5, 1.6: two files by one process or two, tiles of 8 voxels one or three at a time."""
    Path("in").mkdir()
    for seed in (0, 1):
        save(f"in/{seed}.nii.gz", head(seed=seed))
    assert translate("in", "one", "--samples", "2") == 0
    for name, more in {
        "workers": ("--workers", "2"),
        "tiles": ("--tile", "8"),
        "batch": ("--tile", "8", "--batch", "3"),
    }.items():
        assert translate("in", name, "--samples", "2", *more) == 0
        for seed in (0, 1):
            whole = loaded(f"one/{seed}.nii.gz").get_fdata()
            again = loaded(f"{name}/{seed}.nii.gz").get_fdata()
            limit = 0 if name == "workers" else 1e-5 * np.ptp(whole)
            assert np.abs(again - whole).max() <= limit, name
    assert translate("in", "seed", "--samples", "2", "--seed", "1") == 0
    other = loaded("seed/0.nii.gz").get_fdata()
    assert np.abs(other - loaded("one/0.nii.gz").get_fdata()).max() > 1e-3 * np.ptp(other)


def test_the_record_says_all_that_is_needed_and_no_name(place: Path) -> None:
    """1.8, 5: every field; the source by its hash alone, wherever it lies."""
    folder = Path("in/Doe^Jane")
    folder.mkdir(parents=True)
    save(str(folder / "jane.nii.gz"), head())
    assert translate("in", "out", "--samples", "2", "--seed", "5") == 0
    written = Path("out/Doe^Jane/jane.json").read_text()
    assert "jane" not in written.lower()
    assert "doe" not in written.lower()
    told = json.loads(written)
    assert told["Synthetic"] is True
    assert told["Notice"] == NOTICE
    assert told["SourceHash"].startswith("sha256:")
    assert told["Geometry"]["SameGridAsSource"] is True
    assert {"Units", "StoredAs", "Slope", "Intercept", "ClippedVoxels"} <= set(told["Values"])
    assert isinstance(told["Warnings"], list)
    made = told["Made"]
    for name, value in {"model": "tiny-t1-t2", "process": "brownian-bridge", "samples": 2,
                        "seed": 5}.items():  # fmt: skip
        assert made[name] == value
    assert made["weights_licence"] == made["model_version"] == "unknown"  # they have no card
    assert made["weights"].startswith("sha256:")
    for name in (
        "solver",
        "steps",
        "intensity",
        "target_scale",
        "undrift",
        "torch",
        "orientation",
        "geometry",
    ):
        assert made[name]
    assert len(made["item_sha256"]) == 64
    assert translate("in", "named", "--name-source") == 0
    named = facts("named/Doe^Jane/jane.json")
    assert named["Sources"] == ["jane.nii.gz"]
    assert named["Made"]["item"] == "Doe^Jane/jane.nii.gz"


def test_the_record_of_a_model_of_the_package_has_what_its_card_says(place: Path) -> None:
    """1.8: id, version, hash and licence of the weights; another file has no part in the card."""
    from undrift.common.files import sha256_of
    from undrift.common.weights.model import find_weights
    from undrift.medical.weights_facts import with_weights_facts

    path = find_weights("ct-prior")
    digest = sha256_of(path).removeprefix("sha256:")
    front = path.with_suffix(".md").read_text()
    assert digest in front and "version: '1'" in front and "license: apache-2.0" in front
    told = with_weights_facts({"model": "ct-prior", "weights": f"sha256:{digest}"})
    assert (told["model_version"], told["weights_licence"]) == ("1", "apache-2.0")
    assert told["process"] == "variance-preserving"
    other = with_weights_facts({"model": "ct-prior", "weights": "sha256:" + 64 * "0"})
    assert (other["model_version"], other["weights_licence"]) == ("unknown", "unknown")
    assert with_weights_facts({"model": None}) == {"model": None}  # nothing was learnt


def test_every_command_says_that_it_is_for_research_only() -> None:
    """1.9."""
    runner = CliRunner()
    for words in ([], *([name] for name in COMMANDS)):
        shown = runner.invoke(medical, [*words, "--help"])
        assert shown.exit_code == 0, words
        assert NOTICE in " ".join(shown.output.split()), words


def test_a_series_in_time_frame_by_frame(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """1.7: refused with words, and done when asked for; time and header stay (`test_series`)."""
    save("series.nii.gz", np.stack([body()] * 3, -1).astype(np.int16))
    assert denoise("series.nii.gz", "out.nii.gz") != 0
    told = capsys.readouterr().err
    assert "3 time points, expected 1" in told
    assert "--frames all restores each of them" in told
    assert denoise("series.nii.gz", "out.nii.gz", "--frames", "all", "--samples", "2") == 0
    assert loaded("out.nii.gz").header.binaryblock == loaded("series.nii.gz").header.binaryblock
    assert loaded("out.std.nii.gz").shape == (22, 26, 20, 3)
    assert len(facts("out.json")["Findings"]["Frames"]) == 3


def test_volumes_that_do_not_fit_lie_on_the_disk_in_the_folder_asked_for(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.7: out of core, to the same voxels; nothing is left of it (`test_out_of_core`)."""
    save("ct.nii.gz", body().astype(np.int16))
    assert denoise("ct.nii.gz", "inside.nii.gz", "--samples", "2") == 0
    folders = []

    def told(wishes: Any, arrays: int, folder: Path) -> Any:
        folders.append(folder)
        return lambda shape: folder

    monkeypatch.setattr("undrift.medical.tile_memory.where_for", told)
    Path("scratch").mkdir()
    assert denoise("ct.nii.gz", "outside.nii.gz", "--samples", "2", "--scratch", "scratch") == 0
    assert folders == [Path("scratch")]
    one, other = (np.asarray(loaded(f"{n}side.nii.gz").dataobj, int) for n in ("in", "out"))
    assert np.abs(one - other).max() <= 1  # HU, rounded
    assert not list(Path("scratch").iterdir())
    first, second = (facts(f"{n}side.json")["Warnings"] for n in ("in", "out"))
    assert first == second


def test_what_cannot_fit_is_refused_with_the_memory_that_is_needed(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.7: before anything is begun, exit 6; with what is needed, what there is, what to do."""
    save("ct.nii.gz", body().astype(np.int16))
    assert denoise("ct.nii.gz", "out.nii.gz", "--max-memory", "50MB") == 6
    told = capsys.readouterr().err
    assert "--max-memory 0.05 GB is less than the program and a volume of 26 x 20 x 22" in told
    assert "at least" in told and "give more" in told
    monkeypatch.setattr("undrift.medical.tile_memory.bytes_per_voxel", lambda _: 1e6)
    monkeypatch.setattr("undrift.medical.tile_memory.resident", lambda: 10**8)
    assert denoise("ct.nii.gz", "out.nii.gz", "--max-memory", "400MB") == 6
    told = capsys.readouterr().err
    assert "the smallest tile takes" in told and "give --max-memory" in told
    monkeypatch.setattr("undrift.medical.tile_memory.free_memory", lambda _: 9 * 10**8)
    assert denoise("ct.nii.gz", "out.nii.gz") == 6
    told = capsys.readouterr().err
    assert "a third of the memory that is free is 0.3 GB; close other programs" in told
    assert not list(place.glob("out*"))


def test_findings_are_left_out_where_they_do_not_fit(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1.7: the bound is for all that a command does."""
    save("ct.nii.gz", body().astype(np.int16))
    monkeypatch.setattr("undrift.medical.volume_output.examining", lambda *_: (2e9, 1e9))
    assert denoise("ct.nii.gz", "out.nii.gz") == 0
    told = facts("out.json")
    assert "Findings" not in told
    assert "that takes 2 GB, and 1 GB are left; undrift medical check" in told["Warnings"][-1]


def data_set(root: Path) -> None:
    """Two participants with T1w, one with two sessions, and T2w of one."""
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.9.0"}')
    for name in ("sub-01/anat/sub-01_T1w.nii.gz", "sub-01/anat/sub-01_T2w.nii.gz",
                 "sub-02/ses-a/anat/sub-02_ses-a_acq-mp_T1w.nii.gz",
                 "sub-02/ses-b/anat/sub-02_ses-b_T1w.nii.gz"):  # fmt: skip
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        save(str(path), head((16, 16, 16)))


def test_participants_of_a_bids_data_set(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """3: derivatives in a folder of their own, names with desc-, sources as BIDS has them."""
    data_set(place / "bids")
    out = Path("bids/derivatives/undrift")
    assert translate("bids", str(out), "--participant-label", "sub-02") == 0
    made = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.nii.gz"))
    assert made == [
        "sub-02/ses-a/anat/sub-02_ses-a_acq-mp_desc-synth_T2w.nii.gz",
        "sub-02/ses-b/anat/sub-02_ses-b_desc-synth_T2w.nii.gz",
    ]
    described = facts(out / "dataset_description.json")
    assert described["DatasetType"] == "derivative"
    assert described["GeneratedBy"][0]["Name"] == "undrift"
    assert described["SourceDatasets"] == [{"URL": "../.."}]
    told = facts(out / made[1].replace(".nii.gz", ".json"))
    assert told["Sources"] == ["bids:raw:sub-02/ses-b/anat/sub-02_ses-b_T1w.nii.gz"]
    assert told["SpatialReference"] == "orig"
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.nii.gz")}
    assert translate("bids", str(out), "--participant-label", "02") == 0
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert translate("bids", str(out), "--participant-label", "09") == 3
    assert "no T1w image of participant 09" in capsys.readouterr().err
    assert translate("bids", "bids", "--participant-label", "01") == 3
    assert "never lie among raw ones" in capsys.readouterr().err


def named_series(folder: Path) -> None:
    """Ten axial slices of CT with a patient, dates and a sequence that names both."""
    pydicom = pytest.importorskip("pydicom")

    def name(one: Any) -> None:
        one.PatientName, one.PatientID, one.PatientBirthDate = "Doe^Jane", "4711", "19700102"
        one.StudyDate, one.StudyTime, one.AccessionNumber = "20260102", "101112", "A-4711"
        one.InstitutionName, one.ReferringPhysicianName = "Doe Clinic", "Doe^Doctor"
        asked = pydicom.Dataset()
        asked.ReferencedSOPClassUID = pydicom.uid.CTImageStorage
        asked.ReferencedSOPInstanceUID, asked.StudyDate = "1.2.9", "20260103"
        one.ReferencedImageSequence = [asked]

    axial_series(folder, body((24, 20, 10)), more=name)


def test_derived_dicom_with_and_without_names(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """1.9, 2, 5: a series that says what it is; names and dates can be replaced."""
    pydicom = pytest.importorskip("pydicom")
    named_series(place / "scan")
    words = ["medical", "denoise", "scan", "--kind", "ct", "--model", "ct.safetensors", "--dicom",
             "--no-findings"]  # fmt: skip
    assert main([*words, "-o", "kept"]) == 0
    assert "PatientName and PatientID" in capsys.readouterr().err
    assert main([*words, "-o", "bare", "--anonymize-minimal"]) == 0
    assert "PatientName" not in capsys.readouterr().err
    series = {name: [pydicom.dcmread(path) for path in sorted(Path(name, "scan").iterdir())]
              for name in ("kept", "bare")}  # fmt: skip
    assert [len(found) for found in series.values()] == [10, 10]
    for kept, bare in zip(series["kept"], series["bare"], strict=True):
        for one in (kept, bare):
            assert NOTICE in one.DerivationDescription
            assert one.SeriesDescription == "SYNTHETIC denoise"
        assert (kept.PatientName, kept.StudyInstanceUID) == ("Doe^Jane", "1.2")
        np.testing.assert_array_equal(kept.pixel_array, bare.pixel_array)
        text = f"{bare}\n{bare.file_meta}"
        for word in (
            "Doe",
            "4711",
            "19700102",
            "20260102",
            "20260103",
            "101112",
            "1.2.3.",
            "1.2.9",
        ):
            assert word not in text, word
        assert bare.file_meta.MediaStorageSOPInstanceUID == bare.SOPInstanceUID
        assert bare.SOPClassUID == pydicom.uid.CTImageStorage
    for name in ("SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert len({one[name].value for one in series["bare"]}) == 1
    assert len({one.SOPInstanceUID for one in series["bare"]}) == 10
    before = {path: path.stat().st_mtime_ns for path in Path("bare/scan").iterdir()}
    assert main([*words, "-o", "bare", "--anonymize-minimal"]) == 0  # done already
    assert before == {path: path.stat().st_mtime_ns for path in Path("bare/scan").iterdir()}
    assert main([*words, "-o", "bare", "--overwrite"]) == 0
    assert pydicom.dcmread(Path("bare/scan/00001.dcm")).PatientName == "Doe^Jane"


def test_faces_are_told_before_samples_leave() -> None:
    """5: a head with a face in front below; one without, and one too large, are quiet."""
    from undrift.medical.honesty.faces import shows_face
    from undrift.medical.volumes import Volume

    axes = np.meshgrid(*[np.arange(-128, 128, 4.0)] * 3, indexing="ij")
    x, y, z = axes
    skull = (x / 75) ** 2 + (y / 95) ** 2 + ((z - 10) / 90) ** 2 < 1
    face = (np.abs(x) < 60) & (y > 20) & (y < 100) & (z > -110) & (z < 0)
    affine = np.diag([4.0, 4, 4, 1])
    whole, bare = (
        Volume((100 * mask).astype(np.float32), affine) for mask in (skull | face, skull)
    )
    assert shows_face(whole)
    assert not shows_face(bare)
    flipped = np.diag([-4.0, -4, 4, 1])
    assert shows_face(Volume(np.ascontiguousarray(whole.array[::-1, ::-1]), flipped))
    wide = Volume(whole.array, np.diag([8.0, 8, 8, 1]))
    assert not shows_face(wide)


def test_pairs_of_a_bids_data_set(place: Path) -> None:
    """3: by entities; several that fit are named."""
    from undrift.common.errors import InputError
    from undrift.medical.volumes.bids import find_pairs

    data_set(place / "bids")
    (pair,) = find_pairs(Path("bids"), "T1w", "T2w")
    assert [path.name for path in pair] == ["sub-01_T1w.nii.gz", "sub-01_T2w.nii.gz"]
    again = Path("bids/sub-01/anat/sub-01_acq-b_T2w.nii.gz")
    again.write_bytes(Path(pair[1]).read_bytes())
    with pytest.raises(InputError, match="2 images of suffix T2w fit"):
        find_pairs(Path("bids"), "T1w", "T2w")


def test_a_reference_gives_its_scale(place: Path) -> None:
    """1.3: landmarks of the result become those of the reference; the record says so."""
    save("t1.nii.gz", head())
    save("ref.nii.gz", (40 + 7 * head((30, 30, 30), seed=3)).astype(np.float32))
    assert translate("t1.nii.gz", "plain.nii.gz") == 0
    assert translate("t1.nii.gz", "out.nii.gz", "--reference", "ref.nii.gz") == 0
    plain, out, ref = (loaded(f"{n}.nii.gz").get_fdata() for n in ("plain", "out", "ref"))
    shares = [1, *range(10, 100, 10), 99]
    marks = [np.percentile(v[v > 0.1 * np.percentile(v, 99.9)], shares) for v in (plain, ref)]
    told = facts("out.json")["Made"]["reference"]
    np.testing.assert_allclose(told["target"], marks[1], rtol=1e-4)
    within = (plain > marks[0][0]) & (plain < marks[0][-1])
    wanted = np.interp(plain[within], marks[0], marks[1])
    np.testing.assert_allclose(out[within], wanted, rtol=1e-3, atol=1e-3 * np.ptp(ref))


def test_landmarks_of_a_scaled_volume_are_matched_exactly() -> None:
    from undrift.medical.matching import landmark_map

    values = head(noise=0.0)
    found = landmark_map(values, 3 * values)
    np.testing.assert_allclose(found.forward(values), 3 * values, rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found.slope(values), 3, rtol=1e-5)
    beyond = np.array([-50, 1e4], np.float32)
    np.testing.assert_allclose(found.forward(beyond), 3 * beyond, rtol=1e-4)


def test_scores_of_a_task_in_hounsfield_units(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """4: errors of bone, air and body are what was put there; Dice of a bone half found is 2/3."""
    truth = np.full((20, 20, 20), -1000.0)
    truth[4:16, 4:16, 4:16] = 40
    truth[8:12, 8:12, 8:12] = 700
    after = truth + np.where(truth < -500, 10, np.where(truth > 250, -30, 20))
    after[8:10, 8:12, 8:12] = 100  # half of the bone is lost: 600 off
    for name, array in (("truth", truth), ("after", after)):
        save(f"{name}.nii.gz", array.astype(np.float32))
    std = np.full(truth.shape, 25, np.float32)
    save("std.nii.gz", std)
    words = ["medical", "check", "truth.nii.gz", "after.nii.gz", "--units", "HU", "--truth",
             "truth.nii.gz", "--std", "std.nii.gz", "--samples", "4"]  # fmt: skip
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["Truth"]
    assert told["MaeAir"] == pytest.approx(10, abs=1e-3)
    assert told["MaeBone"] == pytest.approx((30 + 600) / 2, abs=1e-3)
    soft, bone = 12**3 - 4**3, 4**3
    assert told["MaeBody"] == pytest.approx((20 * soft + 315 * bone) / (soft + bone), rel=1e-5)
    assert told["DiceBone"] == pytest.approx(2 / 3, rel=1e-5)
    half = bone / 2 / (soft + bone)  # beyond 2.353 sqrt(1.25) 25 = 66 HU
    assert told["Calibration"]["coverage"] == pytest.approx(1 - half, abs=1e-6)
    assert main(words) == 0
    assert "against the truth, DiceBone: 0.6667" in capsys.readouterr().out
    assert main([*words[:7], "--samples", "4"]) == 2


def test_copies_of_training_volumes_are_found(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """5: a noisy copy mirrored left to right is; a head of its own is not."""
    rng = np.random.default_rng(0)

    def subject(seed: int, side: int = 36) -> np.ndarray:
        grain = np.kron(np.random.default_rng(seed).normal(size=(9, 9, 9)), np.ones((4, 4, 4)))
        return (head((side, side, side), seed) + 15 * grain).astype(np.float32)

    known = [subject(seed) for seed in range(5)]
    Path("train").mkdir()
    Path("drawn").mkdir()
    for seed, array in enumerate(known):
        save(f"train/{seed}.nii.gz", array)
    image = nib.Nifti1Image((known[3] + rng.normal(0, 2, known[3].shape))[::-1], np.eye(4))
    nib.save(image, "drawn/copy.nii.gz")
    nib.save(nib.Nifti1Image(known[3], np.eye(4)), "train/3.nii.gz")
    save("drawn/own.nii.gz", subject(77))
    assert main(["medical", "nearest", "drawn", "--training", "train", "--json"]) == 0
    copy, own = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert copy["nearest"].endswith("3.nii.gz")
    assert copy["correlation"] > 0.98
    assert copy["suspicious"]
    assert not own["suspicious"] or own["correlation"] < copy["correlation"]
    assert main(["medical", "nearest", "drawn", "--training", "train"]) == 0
    assert "copy.nii.gz" in capsys.readouterr().out
    assert main(["medical", "nearest", "drawn", "--training", "train/1.nii.gz"]) == 3


def test_slices_that_flicker_between_contrasts_are_told() -> None:
    """1.5: of a translation, what the input does not explain is looked at."""
    from undrift.medical.honesty import examine
    from undrift.medical.volumes import Volume

    before = Volume(head((24, 24, 24)), np.eye(4))
    other = (300 - 2 * before.array).astype(np.float32)
    steady = examine(before, before.with_array(other), same_contrast=False)
    jumps = np.random.default_rng(0).normal(0, 30, 24).astype(np.float32)
    uneven = examine(before, before.with_array(other + jumps), same_contrast=False)
    assert steady.flicker is not None
    assert not [text for text in steady.warnings if "flicker" in text]
    assert [text for text in uneven.warnings if "axis z flicker" in text]
    assert uneven.record()["FlickerIndex"][2] > 1.5


@pytest.mark.parametrize("axes", ["RAS", "LPI", "SLA"])
def test_borders_of_tiles_are_found_in_the_axes_of_the_file(axes: str) -> None:
    """1.5: a step across plane 5 of the model's first axis is where it is said to be."""
    from undrift.medical.volumes.geometry import turn_to

    affine = np.linalg.inv(nib.orientations.inv_ornt_aff(
        nib.orientations.axcodes2ornt(tuple(axes)), (12, 12, 12)))  # fmt: skip
    turn = turn_to(affine)
    seen = np.zeros((12, 12, 12), np.float32)
    seen[5:] = 1
    array = turn.undo(seen)
    ((axis, (plane,)),) = turn.borders_back({0: [5]}, (12, 12, 12)).items()
    steps = np.abs(np.diff(array, axis=axis)).sum(axis=tuple(a for a in range(3) if a != axis))
    assert np.flatnonzero(steps).tolist() == [plane - 1]
