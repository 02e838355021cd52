"""`deblur`, `inpaint`, `colourise`, `restore` and their benchmark from flags to files."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pictures import pixels
from PIL import Image

from undrift.cli import main
from undrift.restoration.degrade_operators import Compressed, Diffracted
from undrift.restoration.images import read_picture
from undrift.restoration.masks import drawn_mask
from undrift.restoration.measurements import save_measurement
from undrift.restoration.psf import read_psf


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two pictures below in/ and their masks below masks/."""
    monkeypatch.chdir(tmp_path)
    for name, shape in {"a.png": (40, 50, 3), "s/b.tif": (33, 30)}.items():
        image, mask = Path("in", name), Path("masks", name).with_suffix(".png")
        for path in (image, mask):
            path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((pixels(*shape) * 255).astype(np.uint8)).save(image, dpi=(200, 200))
        gone = drawn_mask("random:0.3", (shape[0], shape[1]), seed=0, item=name)
        Image.fromarray((gone * 255).astype(np.uint8)).save(mask)
    return tmp_path


def test_folders_are_inpainted_with_masks_of_their_stems(place: Path, denoise_model: str) -> None:
    command = ["inpaint", "in", "-o", "out", "--mask", "masks", "--model", denoise_model]
    assert main([*command, "--steps", "2"]) == 0
    for name in ("a.png", "s/b.tif"):
        before, after = read_picture(Path("in", name)), read_picture(Path("out", name))
        known = read_picture(Path("masks", name).with_suffix(".png")).pixels[0] < 0.5
        np.testing.assert_array_equal(before.pixels[:, known], after.pixels[:, known])
        assert after.depth == "uint8"
        assert after.metadata.dpi == pytest.approx((200, 200), abs=0.1)


def test_a_missing_mask_fails_one_item(place: Path, denoise_model: str) -> None:
    Path("masks/a.png").unlink()
    command = ["inpaint", "in", "-o", "out", "--mask", "masks", "--model", denoise_model]
    assert main([*command, "--steps", "1"]) == 4
    assert not Path("out/a.png").exists()
    assert Path("out/s/b.tif").exists()


def test_unknown_blurs_leave_their_kernel(place: Path, denoise_model: str) -> None:
    command = ["deblur", "in/a.png", "-o", "out/a.png", "--psf", "auto", "--psf-size", "7"]
    assert main([*command, "--steps", "1", "--model", denoise_model]) == 0
    kernel = read_psf("out/a.psf.tif")
    assert max(kernel.shape) <= 7
    assert float(kernel.sum()) == pytest.approx(1)
    again = ["deblur", "in/a.png", "-o", "again.png", "--psf", "out/a.psf.tif", "--steps", "1"]
    assert main([*again, "--model", denoise_model]) == 0
    assert read_picture("again.png").pixels.shape == (3, 40, 50)


def test_bad_kernels_and_masks_stop_before_any_work(
    place: Path, denoise_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.csv").write_text("0,0\n0,nan\n")
    tail = ["-o", "out", "--model", denoise_model]
    assert main(["deblur", "in", "--psf", "bad.csv", *tail]) == 3
    assert main(["deblur", "in", "--psf", "in/a.png", *tail]) == 3  # in colour
    assert main(["inpaint", "in", "--mask", "nowhere", *tail]) == 3
    assert main(["deblur", "in", "--psf", "disk:2", "--noise", "-1", *tail]) == 2
    assert main(["sr", "in", "--kernel", "average", *tail]) == 2
    assert main(["restore", "in", "--task", "lowlight", "--starts", "3", *tail]) == 2
    assert "starts does not belong to the task lowlight" in capsys.readouterr().err
    assert not Path("out").exists()


def test_measurements_become_pictures(place: Path, denoise_model: str) -> None:
    x = torch.from_numpy(pixels(16, 16))[None]
    save_measurement("few.npz", Compressed(0.5, seed=2)(x), size=(16, 16), pattern_seed=2)
    save_measurement("phase.npz", Diffracted()(x), oversample=2.0)
    tail = ["--steps", "1", "--model", denoise_model]
    assert main(["restore", "few.npz", "-o", "o", "--task", "compressed-sensing", *tail]) == 0
    more = ["--task", "phase", "--starts", "2"]
    assert main(["restore", "phase.npz", "-o", "o/p.tif", *more, *tail]) == 0
    assert read_picture("o/few.tif").pixels.shape == (1, 16, 16)
    assert read_picture("o/p.tif").depth == "float32"


def test_colour_and_light(place: Path, denoise_model: str) -> None:
    tail = ["--steps", "1", "--model", denoise_model]
    assert main(["colourise", "in/s/b.tif", "-o", "o/b.png", *tail]) == 0
    assert main(["restore", "in", "-o", "o", "--task", "lowlight", *tail]) == 0
    assert (
        main(["sr", "in/a.png", "-o", "o/l.png", "--method", "operator", "--scale", "2", *tail])
        == 0
    )
    assert read_picture("o/b.png").pixels.shape == (3, 33, 30)
    assert read_picture("o/l.png").pixels.shape == (3, 80, 100)


@pytest.mark.parametrize(
    ("flags", "settings"),
    [
        (
            ["--task", "deblur", "--psf", "disk:2", "--noise", "2,5"],
            ["disk:2, noise 2", "disk:2, noise 5"],
        ),
        (["--task", "inpaint", "--mask", "random:0.5"], ["random:0.5"]),
    ],
)
def test_the_benchmark_knows_the_tasks(
    flags: list[str], settings: list[str], denoise_model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["benchmark", "wheel-photos", *flags, "--crop", "48", "--items", "coins", "--json"]
    assert main([*command, "--model", denoise_model, "--steps", "1", "-q"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    methods = {r["method"]: r["kind"] for r in records if r["record"] == "method"}
    assert sorted(set(methods.values())) in (["baseline", "model"], ["baseline", "model", "oracle"])
    assert list(dict.fromkeys(r["setting"] for r in records if r["record"] == "method")) == settings


def test_the_benchmark_refuses_flags_of_other_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    for flags in (
        ["--task", "sr", "--psf", "disk:2"],
        ["--task", "deblur", "--mask", "text"],
        ["--task", "denoise", "--noise", "3"],
        ["--task", "deblur", "--psf", "dsk:2"],
        ["--task", "inpaint", "--mask", "txt"],
        ["--task", "inpaint", "--method", "wiener"],
    ):
        assert main(["benchmark", "wheel-photos", *flags]) == 2
    assert "did you mean" in capsys.readouterr().err
