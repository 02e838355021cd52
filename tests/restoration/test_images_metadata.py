"""Metadata that need care: orientation, maker notes, thumbnails, comments, CMYK, JPEG quality."""

import io
import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from undrift.restoration.images import Metadata, Picture, read_picture, write_picture
from undrift.restoration.pictures import exif as blocks
from undrift.restoration.pictures import provenance
from undrift.restoration.pictures.orientation import upright

SMOOTH = np.stack(
    [np.add.outer(np.arange(40) * 2, np.arange(48) * 3) % 200 + i for i in (5, 20, 50)], -1
).astype(np.uint8)


def camera_block(order: str, comment: bytes = b"") -> bytes:
    """An EXIF block as a camera writes it: a maker note with an absolute offset, a thumbnail."""
    note_at, thumb_at = 110, 150

    def entry(code: int, kind: int, count: int, value: int) -> bytes:
        value_bytes = struct.pack(order + ("Hxx" if kind == 3 else "I"), value)
        return struct.pack(order + "HHI", code, kind, count) + value_bytes

    outer = entry(274, 3, 1, 6) + entry(34665, 4, 1, 38)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8)
    block = head + struct.pack(order + "H", 2) + outer + struct.pack(order + "I", thumb_at)
    block = block.ljust(38, b"\0")
    inner = entry(37500, 7, 8, note_at) + entry(40962, 4, 1, 999)
    count = 2
    if comment:
        inner = entry(37500, 7, 8, note_at) + entry(37510, 7, len(comment), 180)
        inner += entry(40962, 4, 1, 999)
        count = 3
    block += struct.pack(order + "H", count) + inner + bytes(4)
    block = block.ljust(note_at, b"\0") + struct.pack(order + "I", note_at + 4) + b"NOTE"
    block = block.ljust(thumb_at, b"\0") + struct.pack(order + "H", 1) + entry(513, 4, 1, 170)
    return block.ljust(180, b"\0") + comment


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_as_pillow(orientation):
    numbers = np.arange(12, dtype=np.int32).reshape(3, 4)
    image = Image.fromarray(numbers)
    image.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(
        upright(numbers, orientation), np.asarray(ImageOps.exif_transpose(image))
    )


@pytest.mark.parametrize("order", ["<", ">"])
def test_maker_notes_stay_where_their_offsets_point(order, tmp_path):
    block = camera_block(order)
    Image.fromarray(SMOOTH).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + block)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.pixels.shape == (3, 48, 40)
    write_picture(tmp_path / "b.jpg", picture, provenance={"seed": 0})
    with Image.open(tmp_path / "b.jpg") as image:
        after = image.info["exif"][6:]
        exif = image.getexif()
        assert exif[274] == 1
        inner = exif.get_ifd(34665)
        assert inner[40962] == 40  # the width after turning
        assert inner[37510] == b'ASCII\0\0\0undrift: {"seed": 0}'
        assert exif.get_ifd(1) == {}  # the thumbnail showed the old picture, sideways
    note = inner[37500]
    pointed = struct.unpack(order + "I", note[:4])[0]
    assert after[pointed : pointed + 4] == b"NOTE"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("unicode", [False, True])
def test_the_photographers_comment_stays(order, unicode, tmp_path):
    text = "Zoë am Fluß" if unicode else "at the river"
    codec = "utf-16-le" if order == "<" else "utf-16-be"
    raw = b"UNICODE\0" + text.encode(codec) if unicode else b"ASCII\0\0\0" + text.encode()
    Image.fromarray(SMOOTH).save(
        tmp_path / "0.jpg", exif=b"Exif\0\0" + camera_block(order, raw), quality=95
    )
    for n in range(3):
        picture = read_picture(tmp_path / f"{n}.jpg")
        assert blocks.get_comment(picture.metadata.exif) == text
        assert len(picture.metadata.history) == n
        write_picture(tmp_path / f"{n + 1}.jpg", picture, provenance={"step": n})
    assert read_picture(tmp_path / "3.jpg").metadata.history == tuple(
        f'{{"step": {n}}}' for n in range(3)
    )


@pytest.mark.parametrize(
    "block",
    [b"", b"II*\0", b"garbage, not EXIF", b"II*\0\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff"],
)
def test_damaged_exif_does_not_refuse_a_picture(block, tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a.jpg", exif=b"Exif\0\0" + block)
    picture = read_picture(tmp_path / "a.jpg")
    for target in ("b.jpg", "b.png", "b.tif"):
        write_picture(tmp_path / target, picture, provenance={"seed": 0})
        assert read_picture(tmp_path / target).metadata.history == ('{"seed": 0}',)


def test_history_travels_through_every_format(tmp_path):
    picture = Picture(np.zeros((3, 5, 6), np.float32))
    steps = ["a.png", "b.jpg", "c.tif", "d.webp", "e.png"]
    for step in steps:
        write_picture(tmp_path / step, picture, provenance={"to": step, "note": "ü"})
        picture = read_picture(tmp_path / step)
    assert [entry.split('"')[7] for entry in picture.metadata.history] == steps


def test_provenance_takes_what_json_does_not_know():
    line = provenance.line({"path": np.float32(0.5), "b": {"c": (1, 2)}})
    assert line == '{"b": {"c": [1, 2]}, "path": "0.5"}'
    assert provenance.split(provenance.join("two\nlines", [line])) == ("two\nlines", (line,))


def test_cmyk_without_profile(tmp_path):
    ink = np.zeros((16, 16, 4), np.uint8)
    ink[:8, :, 0] = 255  # cyan above, half black below
    ink[8:, :, 3] = 128
    Image.frombytes("CMYK", (16, 16), ink.tobytes()).save(tmp_path / "a.jpg", quality=100)
    picture = read_picture(tmp_path / "a.jpg")
    assert picture.mode == "RGB" and picture.metadata.icc is None
    np.testing.assert_allclose(picture.pixels[:, 2, 2], [0, 1, 1], atol=0.02)
    np.testing.assert_allclose(picture.pixels[:, 13, 2], 0.5, atol=0.02)


def ink_profile() -> bytes:
    """A small CMYK profile (ICC.1, lut8Type): cyan is Lab (60, -10, -15), others darken."""
    corners = np.indices((2, 2, 2, 2)).reshape(4, -1).T
    dark = 1 - 0.3 * corners[:, 1:].sum(1)
    light = np.where(corners[:, 0] == 1, 60, 100) * dark
    lab = np.stack([light * 2.55, 128 - 10 * corners[:, 0] * dark, 128 - 15 * corners[:, 0] * dark])
    ramp = bytes(range(256))
    table = (
        b"mft1"
        + struct.pack(">4xBBBx", 4, 3, 2)
        + struct.pack(">9i", *(np.eye(3) * 65536).astype(int).ravel())
    )
    table += ramp * 4 + np.rint(lab.T).astype(np.uint8).tobytes() + ramp * 3
    tags = [(b"A2B0", table), (b"wtpt", b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061))]
    index, body, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, data in tags:
        index += name + struct.pack(">II", at + len(body), len(data))
        body += data + b"\0" * (-len(data) % 4)
    head = struct.pack(
        ">I4sI4s4s4s", at + len(body), b"test", 0x02100000, b"prtr", b"CMYK", b"Lab "
    )
    head += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061)
    return head.ljust(128, b"\0") + index + body


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_through_its_profile(suffix, tmp_path):
    from skimage.color import lab2rgb

    ink = np.zeros((16, 16, 4), np.uint8)
    ink[:8, :, 0] = 255
    options: dict[str, Any] = {"quality": 100} if suffix == ".jpg" else {}
    path = tmp_path / f"a{suffix}"
    Image.frombytes("CMYK", (16, 16), ink.tobytes()).save(
        path, icc_profile=ink_profile(), **options
    )
    picture = read_picture(path)
    expected = lab2rgb(np.array([60.0, -10.0, -15.0]))
    np.testing.assert_allclose(picture.pixels[:, 2, 2], expected, atol=0.02)
    np.testing.assert_allclose(picture.pixels[:, 13, 2], 1, atol=0.02)
    recorded = ImageCms.ImageCmsProfile(io.BytesIO(picture.metadata.icc or b""))
    assert "sRGB" in ImageCms.getProfileDescription(recorded)


def test_lab_becomes_srgb_and_says_so(tmp_path):
    profile = ImageCms.createProfile("LAB")
    srgb = ImageCms.createProfile("sRGB")
    lab = ImageCms.profileToProfile(Image.fromarray(SMOOTH), srgb, profile, outputMode="LAB")
    assert lab is not None
    lab.save(tmp_path / "a.tif")
    picture = read_picture(tmp_path / "a.tif")
    np.testing.assert_allclose(picture.pixels, np.moveaxis(SMOOTH, -1, 0) / 255, atol=0.03)
    assert picture.metadata.icc is not None
    name = ImageCms.getProfileDescription(
        ImageCms.ImageCmsProfile(io.BytesIO(picture.metadata.icc))
    )
    assert "sRGB" in name


@pytest.mark.parametrize(("quality", "kept"), [(50, False), (94, False), (97, True), (100, True)])
def test_jpeg_is_never_coarser_than_95_nor_than_it_was(quality, kept, tmp_path):
    Image.fromarray(SMOOTH).save(tmp_path / "a.jpg", quality=quality)
    picture = read_picture(tmp_path / "a.jpg")
    write_picture(tmp_path / "b.jpg", picture)
    Image.fromarray(SMOOTH).save(tmp_path / "95.jpg", quality=95)
    with (
        JpegImageFile(tmp_path / "a.jpg") as a,
        JpegImageFile(tmp_path / "b.jpg") as b,
        JpegImageFile(tmp_path / "95.jpg") as reference,
    ):
        assert b.quantization == (a if kept else reference).quantization
        assert get_sampling(b) == 0  # 4:4:4
        error = np.mean((np.asarray(a, float) - np.asarray(b, float)) ** 2)
    assert 10 * np.log10(255**2 / max(error, 1e-3)) > 40


def test_texts_of_a_png_reach_other_formats(tmp_path):
    pixels = np.zeros((1, 4, 4), np.float32)
    picture = Picture(pixels, metadata=Metadata(text=(("Title", "Fluß"), ("Author", "Z"))))
    write_picture(tmp_path / "a.jpg", picture)
    assert read_picture(tmp_path / "a.jpg").metadata.comment == "Title: Fluß\nAuthor: Z".encode()
    write_picture(tmp_path / "a.tif", picture)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.pages.first.description == "Title: Fluß\nAuthor: Z"


def test_a_picture_without_metadata_is_bare(tmp_path):
    Image.fromarray(SMOOTH).save(
        tmp_path / "a.jpg", exif=b"Exif\0\0" + camera_block("<"), dpi=(300, 300)
    )
    bare = replace(read_picture(tmp_path / "a.jpg"), metadata=Metadata())
    write_picture(tmp_path / "b.png", bare)
    with Image.open(tmp_path / "b.png") as image:
        assert image.info == {}
