"""Stacks: every page as if it were alone, and files that say what they said before."""

import json
import re
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import undrift
from undrift.cli import main
from undrift.common.errors import InputError, UsageError
from undrift.restoration.images import read_picture
from undrift.restoration.pictures.stacks import chosen_pages, open_stack
from undrift.restoration.tasks import denoise

RNG = np.random.default_rng(11)
CELLS = RNG.integers(0, 65536, (6, 24, 20)).astype(np.uint16)


def run(*args: Any) -> int:
    return main([str(arg) for arg in args])


@pytest.fixture
def own(denoise_model: str) -> dict[str, Any]:
    return {"sigma": 25, "model": denoise_model, "solver": "sde-multistep-2", "steps": 2}


def flags(own: dict[str, Any]) -> list[str]:
    return [part for key, value in own.items() for part in (f"--{key}", str(value))]


def test_frames_of_an_array_are_pictures_of_their_own(own: dict[str, Any]) -> None:
    frames = RNG.random((3, 16, 18, 3), dtype=np.float32)
    result = undrift.stack("denoise", frames, item="film", **own)
    assert result.value.shape == frames.shape
    for number, frame in enumerate(frames):
        alone = denoise(frame, item=f"film#{number}", **own)
        np.testing.assert_array_equal(result.value[number], alone.value)
        assert result.info["chi"][number] == alone.info["chi"]
    chosen = undrift.stack("denoise", frames, item="film", pages="1:", **own)
    np.testing.assert_array_equal(chosen.value, result.value[1:])
    assert chosen.info["pages"] == [1, 2]
    turned = torch.from_numpy(np.moveaxis(frames, -1, 1))
    tensor = undrift.stack("denoise", turned, item="film", **own).value
    np.testing.assert_array_equal(np.moveaxis(tensor.numpy(), 1, -1), result.value)


def test_the_command_the_function_and_a_picture_agree(own: dict[str, Any], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", CELLS, photometric="minisblack", metadata=None)
    args = ["denoise", tmp_path / "a.tif", *flags(own)]
    assert run(*args, "-o", tmp_path / "b.tif") == 0
    result = undrift.stack("denoise", tmp_path / "a.tif", **own)
    result.save(tmp_path / "c.tif")
    assert (tmp_path / "b.tif").read_bytes() == (tmp_path / "c.tif").read_bytes()
    written = tifffile.imread(tmp_path / "b.tif")
    assert (written.dtype, written.shape) == (np.uint16, CELLS.shape)
    alone = denoise(CELLS[4], item="a.tif#4", **own).value
    np.testing.assert_array_equal(written[4], alone)
    with open_stack(tmp_path / "b.tif") as stack:
        note = json.loads(stack[4].metadata.history[0])
    assert note["item"] == "a.tif#4"
    assert run(*args, "-o", tmp_path / "d.tif", "--pages", "4") == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "d.tif"), alone)
    assert run(*args, "-o", tmp_path / "e.tif", "--pages", "0:9:2") == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "e.tif"), written[::2])


def test_npy_stacks(own: dict[str, Any], tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", CELLS)
    args = ["denoise", tmp_path / "a.npy", *flags(own), "--samples", "2", "--keep-samples"]
    assert run(*args, "-o", tmp_path / "b.npy") == 0
    result = undrift.stack("denoise", tmp_path / "a.npy", samples=2, **own)
    np.testing.assert_array_equal(np.load(tmp_path / "b.npy"), result.value)
    np.testing.assert_array_equal(np.load(tmp_path / "b.sample-2.npy"), result.samples[1])
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.std.tif"), result.std)
    assert result.value.dtype == np.uint16


def test_tags_of_every_page_come_back(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif", byteorder=">") as writer:
        for number, page in enumerate(CELLS[:3]):
            writer.write(
                page, description=f"plane {number} µm".encode(), metadata=None, software="scope",
                compression="zlib", resolution=(5 + number, 7), resolutionunit="CENTIMETER",
                extratags=[(65000, 12, 2, (1.5, number), True), (65001, 3, 1, number, True)],
            )  # fmt: skip
    args = ["denoise", tmp_path / "a.tif", "--sigma", "0", "--no-provenance"]
    assert run(*args, "-o", tmp_path / "b.tif") == 0
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert (file.byteorder, len(file.pages)) == (">", 3)
        for number, page in enumerate(file.pages):
            page = page.aspage()
            found = {tag.code: tag.value for tag in page.tags}
            assert found[270] == f"plane {number} µm"
            assert (found[305], found[65000], found[65001]) == ("scope", (1.5, number), number)
            assert page.get_resolution("CENTIMETER") == (5 + number, 7)
            assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
            np.testing.assert_array_equal(page.asarray(), CELLS[number])


def test_exif_of_every_page_and_pages_of_all_kinds(tmp_path: Path) -> None:
    pages = []
    for number, mode in enumerate(("RGB", "L", "RGB")):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x829A] = number + 0.5
        picture = Image.new(mode, (10 + number, 8 + number))
        picture.info["exif"] = exif.tobytes()
        pages.append(picture)
    first, *others = pages
    first.save(tmp_path / "a.tif", save_all=True, append_images=others, exif=first.info["exif"])
    args = ["denoise", tmp_path / "a.tif", "--sigma", "0"]
    assert run(*args, "-o", tmp_path / "b.tif") == 0
    with Image.open(tmp_path / "b.tif") as image, Image.open(tmp_path / "a.tif") as before:
        assert getattr(image, "n_frames", 1) == 3
        for number, mode in enumerate(("RGB", "L", "RGB")):
            image.seek(number)
            before.seek(number)
            assert (image.mode, image.size) == (mode, (10 + number, 8 + number))
            ours, theirs = (x.getexif().get_ifd(0x8769) for x in (image, before))
            assert ours.get(0x829A) == theirs.get(0x829A)
            assert number or ours[0x829A] == 0.5


def test_ome_follows_sizes(plain_sr_model: str, tmp_path: Path) -> None:
    settings = {
        "axes": "TCYX", "PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": 0.2,
        "Channel": {"Name": ["dapi", "gfp"]}, "Plane": {"PositionX": [0.5] * 6},
    }  # fmt: skip
    source = tmp_path / "a.ome.tif"
    tifffile.imwrite(source, CELLS.reshape(3, 2, 24, 20), metadata=settings, ome=True)
    with tifffile.TiffFile(source) as file:
        before = file.ome_metadata
    assert run("denoise", source, "-o", tmp_path / "b.ome.tif", "--sigma", "0") == 0
    with tifffile.TiffFile(tmp_path / "b.ome.tif") as file:
        assert file.ome_metadata == before
        assert (file.series[0].shape, file.series[0].axes) == ((3, 2, 24, 20), "TCYX")
        np.testing.assert_array_equal(file.asarray().reshape(CELLS.shape), CELLS)
    own = ["--scale", "2", "--model", plain_sr_model]
    assert run("sr", source, "-o", tmp_path / "c.ome.tif", *own) == 0
    with tifffile.TiffFile(tmp_path / "c.ome.tif") as file:
        text = file.ome_metadata or ""
        assert file.series[0].shape == (3, 2, 48, 40)
    for name, value in (("SizeX", "40"), ("SizeY", "48"), ("PhysicalSizeX", "0.05")):
        assert re.search(rf'\b{name}="([^"]*)"', text)[1] == value  # type: ignore[index]
    rest = re.compile(r'\b(Physical)?Size[XY]="[^"]*"')
    assert rest.sub("", text) == rest.sub("", before or "")


def test_chosen_pages_of_ome_are_a_series_in_time(tmp_path: Path) -> None:
    source = tmp_path / "a.ome.tif"
    settings = {"axes": "TCYX", "Channel": {"Name": ["dapi", "gfp"]}, "Plane": {"TheT": [0] * 6}}
    tifffile.imwrite(source, CELLS.reshape(3, 2, 24, 20), metadata=settings, ome=True)
    args = ["denoise", source, "--sigma", "0", "--pages", "1::2"]
    assert run(*args, "-o", tmp_path / "b.ome.tif") == 0
    with tifffile.TiffFile(tmp_path / "b.ome.tif") as file:
        assert (file.series[0].shape, file.series[0].axes) == ((3, 24, 20), "TYX")
        np.testing.assert_array_equal(file.asarray(), CELLS[1::2])


@pytest.mark.parametrize("order", ["<", ">"])
def test_imagej_follows_sizes(order: Any, plain_sr_model: str, tmp_path: Path) -> None:
    settings = {"axes": "TCYX", "unit": "um", "spacing": 0.3, "Labels": [f"s{k}" for k in range(6)]}
    settings["LUTs"] = [np.tile(np.arange(256, dtype=np.uint8), (3, 1))] * 2
    tifffile.imwrite(
        tmp_path / "a.tif", CELLS.reshape(3, 2, 24, 20), imagej=True, byteorder=order,
        resolution=(5.0, 5.0), metadata=settings,
    )  # fmt: skip
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        before = file.imagej_metadata or {}
    own = ["--scale", "2", "--model", plain_sr_model]
    assert run("sr", tmp_path / "a.tif", "-o", tmp_path / "b.tif", *own) == 0
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        found = file.imagej_metadata or {}
        assert file.series[0].shape == (3, 2, 48, 40)
        assert file.pages.first.tags["XResolution"].value == (10, 1)
    for key in ("images", "channels", "frames", "unit", "spacing", "Labels"):
        assert found[key] == before[key]
    np.testing.assert_array_equal(found["LUTs"], before["LUTs"])
    args = ["denoise", tmp_path / "a.tif", "--sigma", "0", "--pages", "0:4"]
    assert run(*args, "-o", tmp_path / "c.tif") == 0
    with tifffile.TiffFile(tmp_path / "c.tif") as file:
        assert (file.imagej_metadata or {})["frames"] == 4
        np.testing.assert_array_equal(file.asarray(), CELLS[:4])


def test_stacks_that_list_one_page_only(tmp_path: Path) -> None:
    """As ImageJ writes them beyond 4 GiB."""
    tifffile.imwrite(tmp_path / "a.tif", CELLS, imagej=True)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        first = file.pages.first
        place = first.offset + 2 + 12 * len(first.tags)
    data[place : place + 4] = bytes(4)  # the directory of the first page is the last
    (tmp_path / "a.tif").write_bytes(data)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 1
    args = ["denoise", tmp_path / "a.tif", "--sigma", "0"]
    assert run(*args, "-o", tmp_path / "b.tif") == 0
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert len(file.pages) == 6
        np.testing.assert_array_equal(file.asarray(), CELLS)


def test_axes_that_tifffile_notes(plain_sr_model: str, tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", CELLS.reshape(3, 2, 24, 20), metadata={"axes": "TCYX"})
    own = ["--scale", "2", "--model", plain_sr_model]
    assert run("sr", tmp_path / "a.tif", "-o", tmp_path / "b.tif", *own) == 0
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert (file.series[0].shape, file.series[0].axes) == ((3, 2, 48, 40), "TCYX")


@pytest.mark.parametrize("depth", ["float32", "int16"])
def test_one_range_for_all_pages(depth: str, tmp_path: Path) -> None:
    pages = np.array([[[0, 500]], [[100, 1000]]]).astype(depth).repeat(9, 1).repeat(6, 2)
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    with open_stack(tmp_path / "a.tif") as stack:
        stack.share_range([0, 1])
        assert {stack[k].value_range for k in (0, 1)} == {(0.0, 1000.0)}
        assert stack[0].pixels.max() == 0.5
    assert run("denoise", tmp_path / "a.tif", "-o", tmp_path / "b.tif", "--sigma", "0") == 0
    np.testing.assert_allclose(tifffile.imread(tmp_path / "b.tif"), pages, atol=1e-4)


def test_memory_does_not_grow_with_pages(tmp_path: Path) -> None:
    peaks = {}
    for count in (4, 32):
        source = tmp_path / f"{count}.tif"
        pages = (np.full((256, 256), k, np.uint8) for k in range(count))
        tifffile.imwrite(
            source, pages, shape=(count, 256, 256), dtype=np.uint8, photometric="minisblack"
        )
        run("denoise", source, "-o", tmp_path / "warm.tif", "--sigma", "0", "--overwrite")
        tracemalloc.start()
        assert run("denoise", source, "-o", tmp_path / f"o{count}.tif", "--sigma", "0") == 0
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        np.testing.assert_array_equal(
            tifffile.imread(tmp_path / f"o{count}.tif")[:, 0, 0], range(count)
        )
    assert peaks[32] < 1.2 * peaks[4] + 2**17


def test_a_bad_page_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    pages = np.zeros((3, 16, 16), np.float32)
    pages[2, 3, 4] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="minisblack")
    assert run("denoise", tmp_path / "a.tif", "-o", tmp_path / "b.tif", "--sigma", "5") == 4
    assert "page 2" in capsys.readouterr().err
    tifffile.imwrite(tmp_path / "c.tif", CELLS, photometric="minisblack", metadata=None)
    data = (tmp_path / "c.tif").read_bytes()
    (tmp_path / "c.tif").write_bytes(data[:-900])
    assert run("denoise", tmp_path / "c.tif", "-o", tmp_path / "d.tif", "--sigma", "0") == 4
    assert sorted(path.name for path in tmp_path.glob("*.tif")) == ["a.tif", "c.tif"]
    assert not list(tmp_path.glob(".undrift-*.tif"))


def test_what_cannot_be(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    tifffile.imwrite(tmp_path / "a.tif", CELLS, photometric="minisblack")
    base = ["denoise", tmp_path / "a.tif", "--sigma", "0"]
    assert run(*base, "-o", tmp_path / "b.png") == 4
    assert "6 pages do not fit into .png" in capsys.readouterr().err
    assert run(*base, "-o", tmp_path / "b.tif", "--pages", "7:9") == 4
    assert "the stack has 6, from 0 to 5" in capsys.readouterr().err
    with pytest.raises(InputError, match="expected such as 0:10"):
        chosen_pages("first", 6)
    with pytest.raises(InputError, match="one picture with channels"):
        undrift.stack("denoise", np.zeros((20, 20, 3), np.uint8), sigma=0)
    with pytest.raises(UsageError, match="did you mean 'deblur'"):
        undrift.stack("debur", CELLS)
    with pytest.raises(UsageError, match="sr has no warm start"):
        undrift.stack("sr", CELLS, warm_start=True)
    with pytest.raises(InputError, match="6 pages where one picture"):
        read_picture(tmp_path / "a.tif")
    Image.new("L", (9, 9)).save(tmp_path / "c.png")
    assert run("denoise", tmp_path / "c.png", "-o", tmp_path / "d.png", "--pages", "0") == 4
    assert "one picture has no pages" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "expected"), [
    (None, [0, 1, 2, 3]), ("1:3", [1, 2]), ("-1", [3]), ("::-2", [3, 1]), (slice(2), [0, 1]),
    ([0, -1], [0, 3]),
])  # fmt: skip
def test_spellings_of_pages(text: Any, expected: list[int]) -> None:
    assert chosen_pages(text, 4) == expected


def test_a_report_shows_the_first_page(own: dict[str, Any], tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", CELLS, photometric="minisblack")
    args = ["denoise", tmp_path / "a.tif", *flags(own), "--report", tmp_path / "r.html"]
    assert run(*args, "-o", tmp_path / "b.tif") == 0
    assert "<img" in (tmp_path / "r.html").read_text()
