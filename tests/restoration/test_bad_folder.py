"""A folder with all that people put into one: each file a result or an error that names it."""

import json
from pathlib import Path

import numpy as np
import png
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from undrift.cli import main
from undrift.restoration.images import read_picture

RANDOM = np.random.default_rng(11)


def bytes_of(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """`in/` with all that people put into a folder; returns the names that cannot be read."""
    monkeypatch.chdir(tmp_path)
    folder = Path("in")
    folder.mkdir()
    text = PngInfo()
    text.add_text("Author", "somebody")
    Image.fromarray(bytes_of(30, 33, 3)).save(folder / "good.png", dpi=(300, 300), pnginfo=text)
    whole = (folder / "good.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.png").touch()
    (folder / "text.png").write_text("these are words, not pixels")
    Image.fromarray(bytes_of(1, 1, 3)).save(folder / "one.png")
    Image.fromarray(bytes_of(1, 4000)).save(folder / "row.png")
    palette = Image.fromarray(bytes_of(20, 24, 3)).quantize(16)
    palette.save(folder / "palette.png", transparency=3)
    Image.fromarray(bytes_of(26, 22, 4), "CMYK").save(folder / "print.jpg", quality=95)
    wide = RANDOM.integers(0, 65536, (18, 40), dtype=np.uint16)
    with (folder / "deep.png").open("wb") as file:  # grey and alpha side by side
        writer = png.Writer(20, 18, greyscale=True, alpha=True, bitdepth=16)  # pyright: ignore
        writer.write(file, wide.tolist())
    unit = RANDOM.uniform(0.2, 0.8, (21, 23)).astype(np.float32)
    tifffile.imwrite(folder / "float.tif", unit, description="a measurement", resolution=(72, 72))
    tifffile.imwrite(folder / "nan.tif", np.where(unit > 0.7, np.float32(np.nan), unit))
    rgb = RANDOM.integers(0, 65536, (25, 27, 3), dtype=np.uint16)
    tifffile.imwrite(folder / "deep.tif", rgb, photometric="rgb")
    return {"cut.png", "empty.png", "text.png", "nan.tif"}


EXPECTED = {
    "good.png": ("uint8", "RGB", (30, 33)),
    "one.png": ("uint8", "RGB", (1, 1)),
    "row.png": ("uint8", "L", (1, 4000)),
    "palette.png": ("uint8", "RGBA", (20, 24)),
    "print.jpg": ("uint8", "RGB", (26, 22)),
    "deep.png": ("uint16", "LA", (18, 20)),
    "float.tif": ("float32", "L", (21, 23)),
    "deep.tif": ("uint16", "RGB", (25, 27)),
}


def check_outputs(scale: int) -> None:
    assert {path.name for path in Path("out").iterdir()} == {*EXPECTED, "undrift.jsonl"}
    for name, (depth, mode, (height, width)) in EXPECTED.items():
        picture, source = read_picture(f"out/{name}"), read_picture(f"in/{name}")
        assert (picture.depth, picture.mode) == (depth, mode), name
        assert (picture.height, picture.width) == (scale * height, scale * width), name
        assert np.isfinite(picture.pixels).all()
        if scale == 1 and source.alpha is not None:
            assert picture.alpha is not None
            assert np.array_equal(picture.alpha, source.alpha), name
        assert len(picture.metadata.history) == 1, name
    good = read_picture("out/good.png").metadata
    assert good.dpi == pytest.approx((300, 300), abs=0.1)
    assert ("Author", "somebody") in good.text
    with tifffile.TiffFile("out/float.tif") as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        assert page.description.startswith("a measurement")
        assert page.dtype == np.float32


@pytest.mark.parametrize(
    ("task", "flags", "scale"), [("denoise", ["--sigma", "20"], 1), ("sr", ["--scale", "2"], 2)]
)
def test_a_folder_of_everything(
    task: str,
    flags: list[str],
    scale: int,
    mixed: set[str],
    denoise_model: str,
    sr_model: str,
    capsys: pytest.CaptureFixture,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model = denoise_model if task == "denoise" else sr_model
    args = [task, "in", "-o", "out", "--model", model, *flags, "--json"]
    assert main(args) == 4
    out, told = capsys.readouterr()
    records = {Path(r["input"]).name: r for r in map(json.loads, out.splitlines())}
    failed = {name for name, record in records.items() if record["status"] == "failed"}
    assert failed == mixed
    for name in mixed:
        assert f"in/{name}: " in told
        assert records[name]["kind"] == "InputError"
        assert "unexpected" not in records[name]["error"]
    assert "truncated" in records["cut.png"]["error"]
    assert "0 bytes" in records["empty.png"]["error"]
    assert "not finite" in records["nan.tif"]["error"]
    assert "8 written, 0 skipped, 4 failed" in told
    check_outputs(scale)
    assert "tifffile" not in {record.name for record in caplog.records}  # no false shapes
    assert main(args) == 4
    assert "0 written, 8 skipped, 4 failed" in capsys.readouterr().err


def test_pictures_too_small_to_tell_their_noise(
    mixed: set[str], denoise_model: str, capsys: pytest.CaptureFixture
) -> None:
    assert main(["denoise", "in", "-o", "out", "--model", denoise_model]) == 4
    told = capsys.readouterr().err
    assert "in/one.png: 1 x 1 pixels are too few" in told
    assert "in/row.png: 4000 x 1 pixels are too few to tell the noise" in told
    assert "6 written, 0 skipped, 6 failed" in told
