"""`undrift medical translate|denoise|sr` on files: records, resume, faults, interruption."""

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from dicom_series import axial_series
from killed_runs import killed_after, run_again
from signals import hear_ctrl_c
from tiny_medical import body, head, oblique, write_three

from undrift.cli import main
from undrift.common.manifest import read
from undrift.medical.notice import NOTICE


def loaded(path: Path) -> Any:
    return nib.load(path)


def save(path: Path, array: np.ndarray, spacing: tuple[float, float, float] = (1, 1, 1)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(array, oblique(spacing))
    image.header.set_xyzt_units("mm")
    nib.save(image, path)
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with models and two scans, current."""
    monkeypatch.chdir(tmp_path)
    write_three(tmp_path)
    save(tmp_path / "in" / "a.nii.gz", body().astype(np.int16))
    save(tmp_path / "in" / "b.nii", body(seed=1).astype(np.int16))
    return tmp_path


CT = ["medical", "denoise", "in", "-o", "out", "--kind", "ct", "--model", "ct.safetensors"]


def records(folder: str = "out") -> dict[str, dict[str, Any]]:
    return {record["file"]: record for record in read(Path(folder) / "undrift.jsonl")}


def test_a_folder_is_denoised_recorded_and_resumed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(CT) == 0
    for name in ("a.nii.gz", "b.nii"):
        one, other = loaded(Path("in", name)), loaded(Path("out", name))
        assert other.get_data_dtype() == np.int16
        assert one.header.binaryblock == other.header.binaryblock
        assert records()[name]["nfe"] == 2
        facts = json.loads(Path("out", name.split(".")[0] + ".json").read_text())
        assert facts["Synthetic"] is True
        assert facts["Notice"] == NOTICE
        assert facts["SourceHash"].startswith("sha256:")
        assert "Sources" not in facts
        assert facts["Made"]["model"] == "tiny-low-dose"
        assert facts["Made"]["process"] == "residual-shift"
        assert facts["Made"]["weights_licence"] == "unknown"  # no card beside them
        assert facts["Made"]["intensity"]["kind"] == "hu-window"
        assert "Components" in facts["Findings"]
    before = {p: p.stat().st_mtime_ns for p in Path("out").iterdir() if p.suffix != ".jsonl"}
    capsys.readouterr()
    assert main(CT) == 0
    assert "2 skipped" in capsys.readouterr().err
    assert before == {p: p.stat().st_mtime_ns for p in before}


def test_equal_runs_give_equal_bytes(place: Path) -> None:
    assert main([*CT, "--no-findings"]) == 0
    again = [*CT[:4], "again", *CT[5:], "--no-findings"]
    assert main(again) == 0
    for name in ("a.nii.gz", "b.nii", "a.json", "b.json"):
        assert Path("out", name).read_bytes() == Path("again", name).read_bytes()


def test_dry_run_says_sizes_and_calls(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CT, "--dry-run", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["shape_in"], line["nfe"], line["status"]) for line in lines] == [
        ([22, 26, 20], 2, "planned")
    ] * 2
    assert not Path("out").exists()


def test_samples_are_written_beside(place: Path) -> None:
    save(place / "t1.nii.gz", head())
    command = ["medical", "translate", "t1.nii.gz", "-o", "t2.nii.gz", "--model", "t2.safetensors",
               "--samples", "2", "--keep-samples", "--name-source", "--target", "t2"]  # fmt: skip
    assert main(command) == 0
    both = np.stack([loaded(place / f"t2.sample-{k}.nii.gz").get_fdata() for k in (1, 2)])
    result = loaded(place / "t2.nii.gz")
    assert result.get_data_dtype() == np.float32
    np.testing.assert_allclose(result.get_fdata(), both.mean(0), atol=1e-5)
    std = loaded(place / "t2.std.nii.gz").get_fdata()
    np.testing.assert_allclose(std, both.std(0, ddof=1), atol=1e-5)
    facts = json.loads((place / "t2.json").read_text())
    assert facts["Sources"] == ["t1.nii.gz"]
    assert facts["Values"]["Units"] == "arbitrary"


def test_thick_slices(place: Path) -> None:
    array = head((20, 22, 32)).reshape(20, 22, 8, 4).mean(-1)
    save(place / "thick.nii.gz", array, (1, 1, 4))
    command = ["medical", "sr", "thick.nii.gz", "-o", "fine.nii.gz", "--model", "prior.safetensors",
               "--steps", "2", "--spacing", "1,1,2"]  # fmt: skip
    assert main(command) == 0
    fine = loaded(place / "fine.nii.gz")
    assert fine.shape == (20, 22, 16)
    np.testing.assert_allclose(np.linalg.norm(fine.affine[:3, :3], axis=0), (1, 1, 2), atol=1e-5)


def faulty(folder: Path) -> dict[str, str]:
    """One file a fault, with what is said of each."""
    array = body()
    broken = array.copy()
    broken[1, 2, 3] = np.nan
    save(folder / "nan.nii.gz", broken)
    save(folder / "zero.nii.gz", np.zeros(array.shape, np.int16))
    save(folder / "slice.nii.gz", array[:, :, :1])
    save(folder / "series.nii.gz", np.stack([array] * 3, -1))
    save(folder / "units.nii.gz", (array + 1024) / 4095)
    whole = save(folder / "cut.nii.gz", array).read_bytes()
    (folder / "cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    (folder / "text.nii").write_text("not a volume")
    raw = gzip.decompress(whole)
    (folder / "short.nii").write_bytes(raw[:5000])
    return {
        "nan.nii.gz": "1 of 11440 voxels are no finite numbers",
        "zero.nii.gz": "all voxels are 0",
        "slice.nii.gz": "a single slice is no volume",
        "series.nii.gz": "3 time points, expected 1",
        "units.nii.gz": "expected Hounsfield units",
        "cut.nii.gz": "cut off",
        "text.nii": "text.nii",
        "short.nii": "cut off",
    }


def test_faults_are_told_and_the_others_done(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = faulty(place / "in")
    assert main(CT) == 4
    told = capsys.readouterr().err
    assert "Traceback" not in told
    found = records()
    for name, text in said.items():
        assert found[name]["status"] == "failed"
        assert text in found[name]["error"]
        assert name in found[name]["error"]
        assert not Path("out", name).exists()
    assert {name for name, record in found.items() if record["status"] == "written"} == {
        "a.nii.gz", "b.nii"
    }  # fmt: skip
    kept = {path.name for path in Path("out").iterdir()}
    assert kept == {"a.nii.gz", "b.nii", "a.json", "b.json", "undrift.jsonl"}


def series(folder: Path, count: int = 8, uid: str = "1.2.3", first: int = 0) -> None:
    """An axial CT series of 24 x 20 pixels, 3 mm apart."""
    axial_series(folder, body((24, 20, count)), uid, first)


def test_dicom_folders_are_one_item_each(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    series(place / "in" / "good")
    series(place / "in" / "two")
    series(place / "in" / "two", uid="1.2.4", first=100)
    assert main(CT) == 4
    found = records()
    assert found["good.nii.gz"]["status"] == "written"
    assert found["two.nii.gz"]["status"] == "failed"
    assert "2 series" in found["two.nii.gz"]["error"]
    assert loaded(Path("out", "good.nii.gz")).shape == (24, 20, 8)
    assert {name for name, r in found.items() if r["status"] == "written"} == {
        "a.nii.gz", "b.nii", "good.nii.gz"
    }  # fmt: skip


def test_a_single_series_may_be_named(place: Path) -> None:
    series(place / "scan")
    command = ["medical", "denoise", "scan", "-o", "one.nii.gz", *CT[5:], "--no-findings"]
    assert main(command) == 0
    assert loaded(Path("one.nii.gz")).shape == (24, 20, 8)


def test_no_memory_is_exit_6(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*CT, "--max-memory", "50MB"]) == 6
    assert "--max-memory" in capsys.readouterr().err
    assert not list(Path("out").glob("*.nii*"))


def test_wrong_commands(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command, code, said in [
        (["medical", "denoise", "in", "-o", "out"], 2, "--kind"),
        ([*CT[:-1], "t2.safetensors"], 3, "is a model for translate"),
        ([*CT[:-1], "gone.safetensors"], 3, "no such weight file"),
        (["medical", "translate", "in", "-o", "out"], 2, "name a target"),
        (["medical", "sr", "in", "-o", "o", "--method", "interpolation", "--samples", "2"], 2,
         "draws nothing"),
        (["medical", "denoice", "in"], 2, "did you mean 'denoise'"),
    ]:  # fmt: skip
        assert main(command) == code
        assert said in capsys.readouterr().err


def test_killed_among_its_steps_it_goes_on_to_the_same_bytes(
    place: Path, environment: dict[str, str]
) -> None:
    """A real process and SIGKILL, after 5 of 2 x 4 network calls; then with another setting."""
    words = [*CT[:2], "in/a.nii.gz", *CT[5:], "--steps", "4", "--samples", "2", "--checkpoint"]
    assert main([*words, "-o", "whole/a.nii.gz"]) == 0
    killed_after(5, [*words, "-o", "killed/a.nii.gz"], environment)
    kept = Path("killed/.a.nii.gz.checkpoint")
    assert {path.suffix for path in kept.iterdir()} == {".json", ".f32"}
    assert not [path for path in Path("killed").glob("*.nii.gz")]
    told = run_again([*words, "-o", "killed/a.nii.gz"], environment)
    assert "going on (whole samples: 1, steps of the next: 1)" in told
    for name in ("a.nii.gz", "a.std.nii.gz", "a.json"):
        assert Path("killed", name).read_bytes() == Path("whole", name).read_bytes()
    assert not kept.exists()
    killed_after(5, [*words, "-o", "other/a.nii.gz"], environment)
    told = run_again([*words, "-o", "other/a.nii.gz", "--seed", "1"], environment)
    assert "finished steps of another run (settings); begun anew" in told
    assert not Path("other/.a.nii.gz.checkpoint").exists()


def test_ctrl_c_leaves_nothing_half_written(place: Path, environment: dict[str, str]) -> None:
    """A real process and a real signal, in the middle of the second of three volumes."""
    large = np.tile(body(), (4, 4, 4)).astype(np.int16)
    save(place / "in" / "c.nii.gz", large)
    save(place / "in" / "d.nii.gz", large)
    command = [sys.executable, "-m", "undrift.cli", *CT, "--steps", "40", "--no-findings"]
    process = subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=hear_ctrl_c
    )
    deadline = time.monotonic() + 120
    done = [Path("out", name) for name in ("a.nii.gz", "b.nii")]
    while not all(path.exists() for path in done) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.3)  # into the third
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on" in told
    written = {path.name for path in Path("out").iterdir() if ".nii" in path.name}
    assert {"a.nii.gz", "b.nii"} <= written
    assert "d.nii.gz" not in written
    assert not [path.name for path in Path("out").iterdir() if path.name.startswith(".undrift")]
    for name in written:
        assert np.isfinite(loaded(Path("out", name)).get_fdata()).all()
    assert all(record["status"] == "written" for record in records().values())
