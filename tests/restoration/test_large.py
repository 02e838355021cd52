"""From file to file in windows: the same picture, and memory that depends on the window alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from undrift.cli import main
from undrift.restoration import large
from undrift.restoration.images import read_picture
from undrift.restoration.pictures.tiff_rows import TiffRows
from undrift.restoration.tasks import denoise

RNG = np.random.default_rng(8)


def run(*args: Any) -> int:
    return main([str(arg) for arg in args])


@pytest.fixture
def small_windows(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Pictures above 1000 pixels are large, and windows keep 32 pixels; the sizes they see."""
    monkeypatch.setattr(large, "LARGE", 1000)
    monkeypatch.setattr(large, "automatic_tile", lambda *_: 32)
    seen: list[tuple[int, int]] = []
    pixels = large.Plan.pixels

    def noted(self: large.Plan, *window: Any) -> np.ndarray:
        found = pixels(self, *window)
        seen.append(found.shape[1:])
        return found

    monkeypatch.setattr(large.Plan, "pixels", noted)
    return seen


@pytest.mark.parametrize("storage", [
    {}, {"tile": (16, 32)}, {"compression": "zlib", "rowsperstrip": 7}, {"byteorder": ">"},
], ids=str)  # fmt: skip
@pytest.mark.parametrize(("depth", "shape"), [("uint8", (101, 83, 3)), ("uint16", (70, 131))])
def test_windows_give_the_picture_restored_at_once(
    storage: dict[str, Any], depth: str, shape: tuple[int, ...], denoise_model: str,
    tmp_path: Path, small_windows: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    top = np.iinfo(depth).max
    array = RNG.integers(0, top, shape, endpoint=True).astype(depth)
    colour = "rgb" if len(shape) == 3 else "minisblack"
    tifffile.imwrite(
        tmp_path / "a.tif", array, photometric=colour, metadata=None, description="a sky",
        resolution=(300, 300), resolutionunit="INCH", **storage,
    )  # fmt: skip
    args = ["denoise", tmp_path / "a.tif", "--sigma", "25", "--model", denoise_model]
    args += [] if storage else ["--preset", "best"]  # one call, or the mean of eight turned ones
    assert run(*args, "-o", tmp_path / "b.tif") == 0
    assert len(small_windows) == -(-shape[0] // 32) * -(-shape[1] // 32)
    monkeypatch.setattr(large, "LARGE", 10**9)
    assert run(*args, "-o", tmp_path / "c.tif", "--tile", "off") == 0
    ours, whole = (tifffile.imread(tmp_path / name).astype(int) for name in ("b.tif", "c.tif"))
    assert np.abs(ours - whole).max() <= (1 if depth == "uint8" else 2)  # of the last bit
    assert (ours != whole).mean() < (1e-3 if depth == "uint8" else 0.05)
    picture, other = read_picture(tmp_path / "b.tif"), read_picture(tmp_path / "c.tif")
    assert picture.depth == depth
    assert picture.metadata.dpi == other.metadata.dpi == (300, 300)
    assert picture.metadata.exif == other.metadata.exif
    assert '"sigma": 25.0' in picture.metadata.history[0]


def test_the_record_and_the_noise_found(
    denoise_model: str, tmp_path: Path, small_windows: list[tuple[int, int]]
) -> None:
    noise = RNG.normal(128, 20, (96, 96)).clip(0, 255).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", noise)
    args = ["denoise", tmp_path / "a.tif", "--model", denoise_model, "-o", tmp_path / "b.tif"]
    assert run(*args) == 0
    found = denoise(noise, model=denoise_model).info["sigma"]  # one block holds it all
    from undrift.common.manifest import read

    (record,) = read(tmp_path / "undrift.jsonl")
    assert record["sigma"] == found
    assert (record["shape_in"], record["nfe"], record["tile"]) == ([1, 96, 96], 1, [32, 32])
    assert record["chi"] > 0


def test_what_needs_the_whole_picture_gets_it(
    denoise_model: str, tmp_path: Path, small_windows: list[tuple[int, int]]
) -> None:
    rgba = RNG.integers(0, 256, (64, 64, 4), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    tifffile.imwrite(tmp_path / "f.tif", rgba[..., 0].astype(np.float32) / 255)
    tifffile.imwrite(tmp_path / "g.tif", rgba[..., 0])
    base = ["--sigma", "25", "--model", denoise_model, "--overwrite", "-o"]
    for name in ("a.tif", "f.tif"):
        assert run("denoise", tmp_path / name, *base, tmp_path / "o.tif") == 0
    for more in (["--pad", "wrap"], ["--samples", "2"]):
        assert run("denoise", tmp_path / "g.tif", *base, tmp_path / "o.tif", *more) == 0
    assert run("denoise", tmp_path / "g.tif", *base, tmp_path / "o.png") == 0
    assert small_windows == []


def test_rows_of_any_storage(tmp_path: Path) -> None:
    array = RNG.integers(0, 256, (50, 45, 3), dtype=np.uint8)
    kinds: list[Any] = [{}, {"tile": (16, 16)}, {"rowsperstrip": 3}]
    for number, storage in enumerate(kinds):
        path = tmp_path / f"{number}.tif"
        tifffile.imwrite(path, array, photometric="rgb", compression="zlib", **storage)
        rows = TiffRows(path)
        try:
            for start, stop in ((0, 50), (7, 8), (15, 33), (49, 50)):
                np.testing.assert_array_equal(rows.read(start, stop), array[start:stop])
        finally:
            rows.close()


def test_a_truncated_file_leaves_nothing(
    denoise_model: str, tmp_path: Path, small_windows: list[tuple[int, int]]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RNG.integers(0, 256, (64, 64), dtype=np.uint8))
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[:-100])
    args = ["denoise", tmp_path / "a.tif", "--sigma", "25", "--model", denoise_model]
    assert run(*args, "-o", tmp_path / "b.tif") == 4
    assert not (tmp_path / "b.tif").exists()
