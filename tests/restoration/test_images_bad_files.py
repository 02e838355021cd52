"""Bad files: each names itself, says what is wrong and what to do."""

import io
import struct
import zlib
from importlib.util import find_spec

import numpy as np
import pytest
import tifffile
from PIL import Image

from undrift.common.errors import InputError, MissingExtraError
from undrift.restoration.images import Picture, read_picture, write_picture

NOISE = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def encoded(kind: str, array: np.ndarray = NOISE) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


def refused(path, *words: str, error: type[Exception] = InputError) -> None:
    with pytest.raises(error) as caught:
        read_picture(path)
    for word in (str(path), *words):
        assert word in str(caught.value), str(caught.value)


def test_missing_and_empty(tmp_path):
    refused(tmp_path / "none.png", "No such file")
    refused(tmp_path, "directory")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "empty (0 bytes)")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.95])
def test_truncated(kind, part, tmp_path):
    data = encoded(kind)
    path = tmp_path / f"cut.{kind.lower()}"
    path.write_bytes(data[: max(17, int(part * len(data)))])
    refused(path, "cannot decode" if kind != "PNG" else "truncated")


def test_truncated_tiff_says_how_much_is_missing(tmp_path):
    path = tmp_path / "cut.tif"
    tifffile.imwrite(path, NOISE)
    path.write_bytes(path.read_bytes()[:-100])
    refused(path, "truncated")


@pytest.mark.parametrize(
    ("code", "value", "words"),
    [(257, 60000, "strips or tiles"), (256, 2**30, "fewer bytes than its size needs")],
)
def test_tiff_that_claims_to_be_larger(code, value, words, tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, NOISE[..., 0], rowsperstrip=40, compression="zlib")
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags[code].overwrite(value, dtype="I")
    refused(path, "damaged", words)


def test_truncated_wide_png(tmp_path):
    write_picture(tmp_path / "a.png", Picture(np.zeros((3, 9, 9), np.float32), depth="uint16"))
    data = (tmp_path / "a.png").read_bytes()
    at = data.index(b"IDAT")
    rows = zlib.compress(b"\0" * 100)  # too few, in a chunk that is itself in order
    body = b"IDAT" + rows
    cut = data[: at - 4] + struct.pack(">I", len(rows)) + body + struct.pack(">I", zlib.crc32(body))
    (tmp_path / "a.png").write_bytes(cut + b"\0\0\0\0IEND\xaeB`\x82")
    refused(tmp_path / "a.png", "100 bytes of pixels, more expected")


def test_flipped_bit_in_png(tmp_path):
    data = bytearray(encoded("PNG"))
    data[len(data) // 2] ^= 4
    (tmp_path / "bit.png").write_bytes(data)
    refused(tmp_path / "bit.png", "checksum")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"these are not the pixels you look for", "no picture"),
        (b"GIF89a" + bytes(40), "a GIF"),
        (b"%PDF-1.7" + bytes(40), "a PDF"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        (b"x", "no picture"),
    ],
)
def test_other_content_named_png(data, words, tmp_path):
    path = tmp_path / "named.png"
    path.write_bytes(data)
    refused(path, words, "not supported" if words != "no picture" else ".tif")


def test_not_finite(tmp_path):
    array = np.random.default_rng(0).random((5, 6), dtype=np.float32)
    array[2, 3], array[4, 4], array[4, 5] = np.nan, np.inf, np.nan
    tifffile.imwrite(tmp_path / "nan.tif", array)
    refused(tmp_path / "nan.tif", "3 of 30 values are not finite", "nan at row 2, column 3")


def test_pages_and_frames(tmp_path):
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((4, 30, 30), np.uint8), imagej=True)
    refused(tmp_path / "stack.tif", "4 pages", "undrift.stack")
    tifffile.imwrite(tmp_path / "volume.tif", np.zeros((16, 32, 32), np.uint8), volumetric=True)
    refused(tmp_path / "volume.tif", "16 pages")
    frames = [Image.fromarray(NOISE), Image.fromarray(NOISE[::-1])]
    for kind in ("png", "webp"):
        path = tmp_path / f"moving.{kind}"
        frames[0].save(path, save_all=True, append_images=frames[1:])
        refused(path, "not supported yet", "frames")


@pytest.mark.parametrize(
    ("shape", "options", "words"),
    [
        ((20, 20, 5), {"photometric": "minisblack", "planarconfig": "contig"}, "5 channels"),
        ((20, 20, 2), {"photometric": "minisblack", "planarconfig": "contig"}, "not marked"),
        (
            (20, 20, 4),
            {"photometric": "rgb", "extrasamples": ["unspecified"]},
            "the last is not marked as alpha",
        ),
    ],
)
def test_unusual_channels(shape, options, words, tmp_path):
    tifffile.imwrite(tmp_path / "c.tif", np.zeros(shape, np.uint8), **options)
    refused(tmp_path / "c.tif", words, "expected grey (1)")


def test_complex_samples(tmp_path):
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((4, 4), np.complex64))
    refused(tmp_path / "c.tif", "complex64", "float32")


@pytest.mark.skipif(find_spec("imagecodecs") is not None, reason="the package is installed")
def test_compression_that_needs_a_package(tmp_path):
    image = Image.fromarray(np.zeros((8, 8), np.float32))
    image.save(tmp_path / "lzw.tif", compression="tiff_lzw")
    refused(tmp_path / "lzw.tif", "lzw", "pip install imagecodecs", error=MissingExtraError)


def test_deep_printing_colours(tmp_path):
    array = np.zeros((8, 8, 4), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="separated")
    refused(tmp_path / "a.tif", "CMYK with 16 bits", "convert it to RGB")


@pytest.mark.parametrize(
    ("suffix", "depth", "alpha", "words"),
    [
        (".jpg", "uint16", False, "write a .png or .tif"),
        (".jpg", "uint8", True, "write a .png, .webp or .tif"),
        (".webp", "float32", False, "write a .tif"),
        (".bmp", "uint8", True, "no transparency"),
        (".png", "float32", False, "write a .tif"),
        (".gif", "uint8", False, "use one of .png"),
    ],
)
def test_what_a_format_cannot_hold(suffix, depth, alpha, words, tmp_path):
    picture = Picture(
        np.zeros((3, 4, 5), np.float32), np.ones((4, 5), np.float32) if alpha else None, depth
    )
    target = tmp_path / f"out{suffix}"
    with pytest.raises(InputError, match=words) as caught:
        write_picture(target, picture)
    assert str(target) in str(caught.value)
    assert not list(tmp_path.iterdir())  # not even a temporary file


def test_sides_beyond_the_format(tmp_path):
    with pytest.raises(InputError, match="16383 pixels a side, not 16384 x 1"):
        write_picture(tmp_path / "a.webp", Picture(np.zeros((1, 1, 16384), np.float32)))


def test_exif_beyond_jpeg(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", NOISE, description="x" * 70000, metadata=None)
    with pytest.raises(InputError, match=r"a.jpg.*too long.*write a .png or .tif"):
        write_picture(tmp_path / "a.jpg", read_picture(tmp_path / "a.tif"))


def test_the_source_is_never_overwritten(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG"))
    with pytest.raises(InputError, match="the input itself"):
        write_picture(tmp_path / "sub" / ".." / "a.png", read_picture(path))
    assert path.read_bytes() == encoded("PNG")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP"])
def test_damage_never_ends_in_another_error(kind, tmp_path):
    """Bytes changed at random either still decode or raise InputError."""
    rng = np.random.default_rng(3)
    path = tmp_path / "x"
    data = encoded(kind, NOISE[:6, :7])
    for _ in range(60):
        broken = bytearray(data)
        for at in rng.integers(4, len(data), 3):
            broken[at] = rng.integers(256)
        path.write_bytes(broken)
        try:
            assert np.isfinite(read_picture(path).pixels).all()
        except (InputError, MissingExtraError) as error:
            assert str(path) in str(error)
