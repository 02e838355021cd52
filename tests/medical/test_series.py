"""Series (x, y, z, t): frame by frame what each gives alone, with the head of the whole."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from killed_runs import killed_after, run_again
from tiny_medical import TRANSLATE, body, head, oblique, write_three

from undrift.cli import main
from undrift.common.errors import InputError, UsageError
from undrift.medical import series
from undrift.medical.checkpoint import Checkpoint
from undrift.medical.frame_by_frame import said_of_frames
from undrift.medical.kept_frames import KeptFrames
from undrift.medical.volumes import write_volume
from undrift.medical.volumes.nifti_series import (
    chosen_frames,
    count_frames,
    open_series,
    timed,
)  # fmt: skip
from undrift.medical.workspace import Workspace


def loaded(path: str | Path) -> Any:
    return nib.load(path)


def save(path: str | Path, frames: list[np.ndarray], tr: float = 2.25) -> None:
    image = nib.Nifti1Image(np.stack(frames, -1), oblique())
    image.header.set_xyzt_units("mm", "sec")
    image.header["pixdim"][4] = tr
    image.header["descrip"] = b"run 3"
    nib.save(image, path)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with models, current, with a run of MR and one of CT."""
    monkeypatch.chdir(tmp_path)
    write_three(tmp_path)
    save("bold.nii.gz", [head(seed=k, noise=3.0) * (1 + k / 10) for k in range(4)])
    save("dynamic.nii", [body(seed=k).astype(np.int16) for k in range(3)])
    return tmp_path


CT = ["medical", "denoise", "dynamic.nii", "--kind", "ct", "--model", "ct.safetensors", "-q"]
MR = ["medical", "denoise", "bold.nii.gz", "--kind", "mr", "--model", "prior.safetensors", "-q"]


def test_frames_are_what_each_is_alone_under_the_head_of_the_series(place: Path) -> None:
    assert main([*CT, "-o", "out.nii", "--frames", "all", "--seed", "3"]) == 0
    one, other = loaded("dynamic.nii"), loaded("out.nii")
    assert other.header.binaryblock == one.header.binaryblock
    from undrift.medical import denoise

    for k in range(3):
        nib.save(nib.Nifti1Image(np.asarray(one.dataobj[..., k]), one.affine), f"{k}.nii")
        alone = denoise(f"{k}.nii", kind="ct", model="ct.safetensors", seed=3,
                        item=f"dynamic.nii#{k}")  # fmt: skip
        wanted = np.rint(alone.value.array).clip(-1024, 3071)  # what is stored of HU
        np.testing.assert_array_equal(np.asarray(other.dataobj[..., k]), wanted)
    told = json.loads(Path("out.json").read_text())
    assert [len(told["Findings"]["Frames"]), told["Made"]["frames"]] == [3, [0, 1, 2]]
    assert [one["Frame"] for one in told["Findings"]["Frames"]] == [0, 1, 2]
    assert "FlickerIndex" in told["Findings"]["Frames"][2]
    assert len(told["Made"]["residual_rms"]) == 3
    assert told["Made"]["nfe"] == 6
    assert told["Made"]["shape_in"] == [22, 26, 20, 3]
    assert told["Geometry"]["SameGridAsSource"] is True
    assert told["Values"]["Voxels"] == 3 * 22 * 26 * 20


def test_samples_deviations_and_maps_of_a_run(place: Path) -> None:
    assert main([*MR, "-o", "out.nii.gz", "--frames", "1:3", "--samples", "2", "--keep-samples",
                 "--sigma", "3", "--no-findings"]) == 0  # fmt: skip
    whole = loaded("out.nii.gz")
    assert whole.shape == (22, 26, 20, 2)
    assert whole.header["pixdim"][4] == 2.25
    assert whole.header["toffset"] == 2.25  # one frame was left out
    both = np.stack([loaded(f"out.sample-{k}.nii.gz").get_fdata() for k in (1, 2)])
    np.testing.assert_allclose(whole.get_fdata(), both.mean(0), rtol=1e-4, atol=1e-3)
    std = loaded("out.std.nii.gz")
    assert std.shape == whole.shape
    np.testing.assert_allclose(std.get_fdata(), both.std(0, ddof=1), rtol=1e-3, atol=1e-3)
    maps = json.loads(Path("out.json").read_text())["Made"]["intensity"]
    assert maps[1]["scale"] == pytest.approx(1.2 / 1.1 * maps[0]["scale"], rel=0.1)


def test_one_map_for_the_frames_of_a_translation(place: Path) -> None:
    """So a brighter frame stays brighter in the numbers of the network."""
    found = series("translate", "bold.nii.gz", model="t2.safetensors")
    maps = found.info["intensity"]
    assert all(one == maps[0] for one in maps)
    from undrift.medical.signal import read_signal

    signal = read_signal(TRANSLATE["signal"])
    frames = loaded("bold.nii.gz").get_fdata().astype(np.float32)
    alone: list[Any] = [signal.intensity_map(frames[..., k]) for k in range(4)]
    assert maps[0]["low"] == pytest.approx(np.median([one.low for one in alone]), rel=1e-6)
    assert maps[0]["high"] == pytest.approx(np.median([one.high for one in alone]), rel=1e-6)


def test_finer_frames(place: Path) -> None:
    save("thick.nii.gz", [head((20, 22, 8), seed=k) for k in range(2)], tr=1.5)
    assert main(["medical", "sr", "thick.nii.gz", "-o", "fine.nii.gz", "--method", "interpolation",
                 "--spacing", "1,1.2,0.55", "--frames", "all", "-q"]) == 0  # fmt: skip
    fine = loaded("fine.nii.gz")
    assert fine.shape == (20, 22, 16, 2)
    assert fine.header["pixdim"][4] == 1.5
    np.testing.assert_allclose(np.linalg.norm(fine.affine[:3, :3], axis=0), (1, 1.2, 0.55), 1e-5)
    assert json.loads(Path("fine.json").read_text())["Geometry"]["SameGridAsSource"] is False


def test_one_frame_is_a_volume(place: Path) -> None:
    assert main([*CT, "-o", "one.nii", "--frames", "-1", "--no-findings"]) == 0
    one = loaded("one.nii")
    assert one.shape == (22, 26, 20)
    assert one.header["toffset"] == 4.5
    assert main([*CT, "-o", "all.nii", "--frames", "all", "--no-findings"]) == 0
    last = np.asarray(loaded("all.nii").dataobj[..., 2])
    np.testing.assert_array_equal(np.asarray(one.dataobj), last)


def test_tables_of_diffusion_weighting_follow_the_frames(place: Path) -> None:
    Path("bold.bval").write_text("0 1000 995.5 2000\n")
    Path("bold.bvec").write_text("0 1 0 .5\n0 0 1 .5\n0 0 0 -.7071\n")
    assert main([*MR, "-o", "out/", "--frames", "1::2", "--no-findings"]) == 0
    assert Path("out/bold.bval").read_text() == "1000 2000\n"
    assert Path("out/bold.bvec").read_text() == "1 .5\n0 .5\n0 -.7071\n"
    Path("bold.bval").write_text("0\n1000\n995.5\n2000\n")
    Path("bold.bvec").write_text("0 1 0\n")
    assert main([*MR, "-o", "on.nii", "--frames", "1:3", "--no-findings"]) == 0
    assert Path("on.bval").read_text() == "1000\n995.5\n"
    assert not Path("on.bvec").exists()
    said = json.loads(Path("on.json").read_text())["Warnings"]
    assert "bold.bvec has 1 x 3 numbers for 4 frames and was not copied" in said


def test_the_report_shows_the_frame_in_the_middle(place: Path) -> None:
    words = ["--frames", "0:3:2", "--samples", "2", "--report"]
    assert main([*CT, "-o", "out.nii", *words, "a.html"]) == 0
    page = Path("a.html").read_text()
    assert "out.nii, frame 2" in page and page.count("data:image/") == 3
    assert main([*CT, "-o", "one.nii", "--frames", "1", "--no-findings", "--report", "c.html"]) == 0
    assert "one.nii, frame 1" in Path("c.html").read_text()


def test_without_frames_a_series_is_refused_before_it_is_read(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*CT, "-o", "out.nii"]) == 4
    assert "3 time points, expected 1; --frames all restores each" in capsys.readouterr().err
    assert main([*CT, "-o", "out.nii", "--frames", "7"]) == 4
    assert "frames 7: there are 3, from 0 to 2" in capsys.readouterr().err
    assert main([*CT, "-o", "out.nii", "--frames", "a-b"]) == 4
    assert "expected all, or such as 0:10" in capsys.readouterr().err
    assert main([*CT, "-o", "out.nii", "--frames", "all", "--dry-run", "--json"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert (line["nfe"], line["frames"]) == (6, [0, 1, 2])
    assert not Path("out.nii").exists()


def test_an_ordinary_volume_is_its_only_frame(place: Path) -> None:
    nib.save(nib.Nifti1Image(body().astype(np.int16), oblique()), "ct.nii")
    words = [word.replace("dynamic", "ct") for word in CT]
    assert main([*words, "-o", "a.nii"]) == 0
    assert main([*words, "-o", "b.nii", "--frames", "all"]) == 0
    assert Path("a.nii").read_bytes() == Path("b.nii").read_bytes()
    assert main([*words, "-o", "c.nii", "--frames", "1"]) == 4


def test_where_the_results_lie_changes_nothing(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [series("denoise", "dynamic.nii", kind="ct", model="ct.safetensors")]
    for module in ("tasks", "frame_by_frame"):
        monkeypatch.setattr(
            f"undrift.medical.{module}.where_for", lambda *_: lambda shape: place, raising=True
        )
    found.append(series("denoise", "dynamic.nii", kind="ct", model="ct.safetensors"))
    from undrift.medical.volumes.on_disk import is_on_disk

    assert [is_on_disk(one.value.array) for one in found] == [False, True]
    for number, one in enumerate(found):
        write_volume(f"{number}.nii.gz", one.value)
    assert Path("0.nii.gz").read_bytes() == Path("1.nii.gz").read_bytes()


def test_a_damaged_frame_is_told(place: Path) -> None:
    raw = gzip.compress(gzip.decompress(Path("bold.nii.gz").read_bytes()), mtime=0)
    Path("bad.nii.gz").write_bytes(raw[:-6] + bytes(6))
    with (
        pytest.raises(InputError, match=r"bad\.nii\.gz.*damaged"),
        open_series(Path("bad.nii.gz")) as opened,
    ):
        opened.frame(3)
    with pytest.raises(UsageError, match=r"no task 'denose'.*denoise"):
        series("denose", "bold.nii.gz")


def test_frames_by_their_words() -> None:
    for text, numbers in {"all": [0, 1, 2, 3], "2": [2], "-1": [3], "1:3": [1, 2], "::2": [0, 2],
                          ":2": [0, 1], "-2:": [2, 3]}.items():  # fmt: skip
        assert list(chosen_frames(text, 4)) == numbers
    for text in ("4", "-5", "3:1", "::-1", "x", "1:2:3:4", "", "0,1"):
        with pytest.raises(InputError):
            chosen_frames(text, 4)


def test_times_follow_the_frames(place: Path) -> None:
    with open_series(Path("bold.nii.gz")) as opened:
        head = timed(opened.head, range(1, 4, 2)).header
        assert (head["toffset"], head["pixdim"][4]) == (2.25, 4.5)
        assert timed(opened.head, range(2)) is opened.head
    assert count_frames(Path("bold.nii.gz")) == 4
    assert count_frames(Path("t2.safetensors")) == 1


def test_sentences_of_frames_are_gathered() -> None:
    said = {0: ["a", "b", "a"], 1: ["a"], 2: ["a", "b"], 4: ["a", "c"], 3: ["a", "b"]}
    found = said_of_frames(dict(sorted(said.items())))
    assert found == ["a", "frame 0, 2 to 3: b", "frame 4: c"]


def test_frames_that_are_done_are_kept_of_long_runs_and_of_the_same_work(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)

    def kept(settings: str = "a", least: float = 60.0) -> KeptFrames:
        return KeptFrames(Checkpoint(tmp_path / "kept", {"settings": settings}, least), 10)

    kept().save(0, [array], {"frame": 0}, seconds=1.0)  # 10 of 10 seconds
    assert not (tmp_path / "kept").exists()
    kept().save(0, [array, 2 * array], {"frame": 0}, seconds=7.0)
    found = kept().load(0)
    assert found is not None
    np.testing.assert_array_equal(found[0][1], 2 * array)
    assert found[1] == {"frame": 0}
    assert kept().load(1) is None
    assert kept("b").load(0) is None
    assert not (tmp_path / "kept").exists()
    nobody = KeptFrames(Workspace().checkpoint, 10)
    nobody.save(0, [array], {}, seconds=1e6)
    assert nobody.load(0) is None


def test_a_full_disk_ends_no_series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("undrift.medical.kept_frames.np.savez", full)
    kept = KeptFrames(Checkpoint(tmp_path / "kept", {}, least=0.0), 2)
    for number in (0, 1):
        kept.save(number, [np.zeros((2, 2, 2), np.float32)], {}, seconds=9.0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("after", [2, 3])
def test_killed_with_frames_done_it_goes_on_to_the_same_bytes(
    after: int, place: Path, environment: dict[str, str]
) -> None:
    """A real process, killed after so many network calls of 3 frames of 2."""
    words = [*CT[:-1], "--frames", "all", "--checkpoint"]
    assert main([*words, "-o", "whole/out.nii", "-q"]) == 0
    killed_after(after, [*words, "-o", "killed/out.nii"], environment)
    assert not Path("killed/out.nii").exists()
    assert Path("killed/.out.nii.checkpoint/frame-0000.npz").exists()
    told = run_again([*words, "-o", "killed/out.nii"], environment)
    assert ("whole samples: 0, steps of the next: 1" in told) == (after == 3)
    for name in ("out.nii", "out.json"):
        assert Path("killed", name).read_bytes() == Path("whole", name).read_bytes()
    assert not Path("killed/.out.nii.checkpoint").exists()


@pytest.mark.slow
def test_memory_is_that_of_a_frame(place: Path, environment: dict[str, str]) -> None:
    """Of 22 frames more, 78 MB as float32, less than half is in memory at any time."""
    peaks = []
    frame = np.random.default_rng(0).integers(0, 900, (96, 96, 48)).astype(np.int16)
    for count in (2, 24):
        save(f"{count}.nii", [frame] * count)
        words = ["medical", "sr", f"{count}.nii", "-o", f"fine-{count}.nii", "--method",
                 "interpolation", "--spacing", "1,1.2,0.55", "--frames", "all", "--no-findings",
                 "--max-memory", "300MB", "-q"]  # fmt: skip
        command = [sys.executable, "-m", "undrift.cli", *words]
        subprocess.run(command, env=environment, check=True)
        peaks.append(json.loads(Path("undrift.jsonl").read_text().splitlines()[-1])["peak_mb"])
    assert loaded("fine-24.nii").shape == (96, 96, 96, 24)
    assert peaks[1] < peaks[0] + 37
