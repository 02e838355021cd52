"""From file to file in windows: the same picture, and memory that depends on the window alone."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from in_windows import WAYS, in_small_parts

from undrift.cli import main
from undrift.restoration import large, large_plan
from undrift.restoration.images import read_picture
from undrift.restoration.pictures import png_stream
from undrift.restoration.pictures.png_chunks import SIGNATURE, chunk
from undrift.restoration.pictures.png_stream import PngRows
from undrift.restoration.pictures.tiff_rows import TiffRows
from undrift.restoration.tasks import denoise

RNG = np.random.default_rng(8)


def run(*args: Any) -> int:
    return main([str(arg) for arg in args])


@pytest.fixture(params=WAYS)
def small_parts(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> list[tuple[int, int]]:
    """Pictures above 1000 pixels are large, in windows and in strips; the sizes that are seen."""
    in_small_parts(monkeypatch, request.param)
    seen: list[tuple[int, int]] = []
    pixels = large_plan.Plan.pixels

    def noted(self: large_plan.Plan, *window: Any) -> Any:
        found = pixels(self, *window)
        seen.append((found[0].shape[2], found[0].shape[3]))
        return found

    monkeypatch.setattr(large_plan.Plan, "pixels", noted)
    return seen


@pytest.mark.parametrize("storage", [
    {}, {"tile": (16, 32)}, {"compression": "zlib", "rowsperstrip": 7}, {"byteorder": ">"},
], ids=str)  # fmt: skip
@pytest.mark.parametrize(("depth", "shape"), [("uint8", (101, 83, 3)), ("uint16", (70, 131))])
def test_parts_give_the_picture_restored_at_once(
    storage: dict[str, Any], depth: str, shape: tuple[int, ...], denoise_model: str,
    tmp_path: Path, small_parts: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch,
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
    strips, windows = -(-shape[0] // 16), -(-shape[0] // 32) * -(-shape[1] // 32)
    assert len(small_parts) in (strips, windows)
    if len(small_parts) == strips:
        assert sum(rows for rows, _ in small_parts) == shape[0]  # without margins
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
    denoise_model: str, tmp_path: Path, small_parts: list[tuple[int, int]]
) -> None:
    noise = RNG.normal(128, 20, (96, 96)).clip(0, 255).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", noise)
    args = ["denoise", tmp_path / "a.tif", "--model", denoise_model, "-o", tmp_path / "b.tif"]
    assert run(*args) == 0
    found = denoise(noise, model=denoise_model).info["sigma"]  # one block holds it all
    from undrift.common.manifest import read

    (record,) = read(tmp_path / "undrift.jsonl")
    assert record["sigma"] == found
    assert (record["shape_in"], record["nfe"]) == ([1, 96, 96], 1)
    assert record["tile"] in ([32, 32], [16, 96])
    assert record["chi"] > 0


def test_rows_of_any_storage(tmp_path: Path) -> None:
    array = RNG.integers(0, 256, (50, 45, 3), dtype=np.uint8)
    packed = {"compression": "zlib"}
    kinds: list[Any] = [
        packed, {**packed, "tile": (16, 16)}, {**packed, "rowsperstrip": 3},
        {}, {"tile": (16, 16)}, {"rowsperstrip": 7},
    ]  # fmt: skip
    for number, storage in enumerate(kinds):
        path = tmp_path / f"{number}.tif"
        tifffile.imwrite(path, array, photometric="rgb", **storage)
        rows = TiffRows(path)
        try:
            for start, stop in ((0, 50), (7, 8), (15, 33), (49, 50)):
                np.testing.assert_array_equal(rows.read(start, stop), array[start:stop])
        finally:
            rows.close()


@pytest.mark.parametrize(("colour", "bits"), [(0, 8), (2, 8), (4, 8), (6, 8), (0, 16), (2, 16),
                                              (4, 16), (6, 16)])  # fmt: skip
def test_rows_of_png_with_every_filter(
    colour: int, bits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is written row by row with filters 0 to 4 in turn, in small chunks."""
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    array = RNG.integers(0, 2**bits, (50, 23, channels)).astype(f">u{bits // 8}")
    body = array.reshape(50, -1).view(np.uint8)
    step = channels * bits // 8
    rows = [
        filtered(body[row], body[row - 1] if row else np.zeros_like(body[0]), row % 5, step)
        for row in range(50)
    ]
    data = zlib.compress(b"".join(rows))
    parts = [chunk(b"IDAT", data[at : at + 700]) for at in range(0, len(data), 700)]
    head = struct.pack(">IIBBBBB", 23, 50, bits, colour, 0, 0, 0)
    file = [SIGNATURE, chunk(b"IHDR", head), *parts, chunk(b"IEND", b"")]
    (tmp_path / "a.png").write_bytes(b"".join(file))
    monkeypatch.setattr(png_stream, "_BAND", 7 * body.shape[1])  # seven rows at a time
    found = PngRows(tmp_path / "a.png")
    try:
        for start, stop in ((0, 50), (0, 3), (2, 20), (19, 21), (40, 50), (30, 31), (49, 50)):
            np.testing.assert_array_equal(found.read(start, stop), array[start:stop])
    finally:
        found.close()


def filtered(row: np.ndarray, above: np.ndarray, kind: int, step: int) -> bytes:
    """A row by the definition of its filter, byte by byte."""
    out = bytearray([kind])
    for j, value in enumerate(row.astype(int)):
        a = int(row[j - step]) if j >= step else 0
        b, c = int(above[j]), int(above[j - step]) if j >= step else 0
        nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
        out.append((value - (0, a, b, (a + b) // 2, nearest)[kind]) % 256)
    return bytes(out)


def test_a_truncated_file_leaves_nothing(
    denoise_model: str, tmp_path: Path, small_parts: list[tuple[int, int]]
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RNG.integers(0, 256, (64, 64), dtype=np.uint8))
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[:-100])
    args = ["denoise", tmp_path / "a.tif", "--sigma", "25", "--model", denoise_model]
    assert run(*args, "-o", tmp_path / "b.tif") == 4
    assert not (tmp_path / "b.tif").exists()


@pytest.mark.parametrize("what", ["few rows", "no deflate", "filter 9"])
def test_a_png_that_is_damaged_within(
    what: str, denoise_model: str, tmp_path: Path, small_parts: list[tuple[int, int]],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Every checksum is right, the pixels are not: found when a band comes to it."""
    rows = RNG.integers(0, 256, (64, 65), dtype=np.uint8)
    rows[:, 0] = 0
    rows[50, 0] = 9 if what == "filter 9" else 0
    data = zlib.compress(rows[: 50 if what == "few rows" else 64].tobytes())
    data = data[:2000] + b"\xff" * 1000 + data[3000:] if what == "no deflate" else data
    head = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", data), chunk(b"IEND", b"")]
    (tmp_path / "a.png").write_bytes(SIGNATURE + b"".join(parts))
    args = ["denoise", tmp_path / "a.png", "--sigma", "25", "--model", denoise_model]
    assert run(*args, "-o", tmp_path / "b.tif") == 4
    assert "a.png: cannot decode this PNG" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.tif"))


def test_what_has_to_be_read_whole_and_does_not_fit(
    denoise_model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Told before any work is done: 3 x 200 x 300 numbers, 50 bytes each, are 9 MB."""
    rgb = RNG.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", rgb, photometric="rgb")
    args = ["denoise", tmp_path / "a.tif", "--sigma", "25", "--model", denoise_model]
    assert run(*args, "-o", tmp_path / "b.tif", "--max-memory", "8MB") == 6
    told = capsys.readouterr().err
    assert "300 x 200 pixels are restored whole by denoise" in told
    assert "takes about 9 MB, and --max-memory says 8 MB" in told
    assert not (tmp_path / "b.tif").exists()
    assert run(*args, "-o", tmp_path / "b.tif", "--max-memory", "10MB") == 0
