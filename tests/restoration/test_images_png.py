"""PNG against independent readers and writers: filters, interlace, keys, texts, colour chunks."""

import struct
import zlib
from typing import Any

import numpy as np
import png
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from undrift.restoration.images import Metadata, Picture, read_picture, write_picture
from undrift.restoration.pictures.png_chunks import SIGNATURE, chunk, read_chunks

CHANNELS = {0: 1, 2: 3, 4: 2, 6: 4}


def scalar_filter(raw: np.ndarray, kinds: np.ndarray, step: int) -> bytes:
    """The definition, byte by byte: raw (h, n) uint8 with one filter kind a row."""
    out = bytearray()
    for i, row in enumerate(raw):
        out.append(int(kinds[i]))
        for j in range(len(row)):
            a = int(row[j - step]) if j >= step else 0
            b = int(raw[i - 1, j]) if i else 0
            c = int(raw[i - 1, j - step]) if i and j >= step else 0
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            out.append((int(row[j]) - (0, a, b, (a + b) // 2, nearest)[kinds[i]]) % 256)
    return bytes(out)


def wide_png(array: np.ndarray, colour: int, kinds: np.ndarray, key: bytes = b"") -> bytes:
    h, w = array.shape[:2]
    raw = array.astype(">u2").reshape(h, -1).view(np.uint8)
    data = zlib.compress(scalar_filter(raw, kinds, raw.shape[1] // w))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 16, colour, 0, 0, 0))
    transparent = chunk(b"tRNS", key) if key else b""
    half = len(data) // 2
    body = chunk(b"IDAT", data[:half]) + chunk(b"IDAT", data[half:])
    return SIGNATURE + head + transparent + body + chunk(b"IEND", b"")


def draw(h: int, w: int, c: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    steps = rng.integers(-900, 900, (h, w, c)).cumsum(0).cumsum(1) + 30000
    return np.clip(steps, 0, 65535).astype(np.uint16)


def from_unit(picture: Picture) -> np.ndarray:
    planes = picture.pixels if picture.alpha is None else [*picture.pixels, picture.alpha]
    return np.rint(np.stack(list(planes), -1) * 65535.0).astype(np.uint16)


def by_pypng(path) -> np.ndarray:
    with path.open("rb") as stream:
        w, h, rows, info = png.Reader(file=stream).read()
        return np.array([list(row) for row in rows], np.uint16).reshape(h, w, info["planes"])


@pytest.mark.parametrize("colour", CHANNELS)
@pytest.mark.parametrize("size", [(11, 7), (1, 1), (1, 60), (60, 1), (2, 33)])
def test_every_filter_against_its_definition(colour, size, tmp_path):
    array = draw(size[0], size[1], CHANNELS[colour])
    kinds = np.random.default_rng(1).integers(0, 5, size[0])
    path = tmp_path / "a.png"
    path.write_bytes(wide_png(array, colour, kinds))
    np.testing.assert_array_equal(from_unit(read_picture(path)), array)
    np.testing.assert_array_equal(by_pypng(path), array)  # our definition is pypng's too


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(13, 21), (1, 1), (5, 2), (3, 4), (1, 4000)])
def test_interlaced(channels, size, tmp_path):
    array = draw(size[0], size[1], channels)
    writer = png.Writer(
        size[1], size[0], greyscale=channels < 3, alpha=channels % 2 == 0, bitdepth=16,
        interlace=True,
    )  # fmt: skip
    with (tmp_path / "a.png").open("wb") as stream:
        writer.write_array(stream, array.reshape(-1).tolist())
    np.testing.assert_array_equal(from_unit(read_picture(tmp_path / "a.png")), array)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(40, 30), (1, 1), (1, 4000), (4000, 1)])
def test_written_16_bit_is_read_by_others(channels, size, tmp_path):
    array = draw(size[0], size[1], channels)
    unit = np.moveaxis(array / np.float32(65535), -1, 0).astype(np.float32)
    colours = channels - (channels + 1) % 2
    alpha = unit[-1] if channels % 2 == 0 else None
    path = tmp_path / "a.png"
    write_picture(path, Picture(unit[:colours], alpha, "uint16"))
    np.testing.assert_array_equal(by_pypng(path), array)
    with Image.open(path) as image:  # pillow keeps the upper 8 bits of colour
        if channels == 3:
            np.testing.assert_array_equal(np.asarray(image), array >> 8)


def test_filters_pay(tmp_path):
    ramp = np.arange(200)[:, None] * 150 + np.arange(300) * 90
    unit = (np.stack([ramp, ramp, ramp]) / 65535).astype(np.float32)
    write_picture(tmp_path / "a.png", Picture(unit, depth="uint16"))
    assert (tmp_path / "a.png").stat().st_size < 0.02 * unit.size * 2


@pytest.mark.parametrize("colour", [0, 2])
def test_transparent_colour_of_16_bits(colour, tmp_path):
    array = draw(6, 8, CHANNELS[colour])
    array[2, 3] = array[5, 7] = array[0, 0]
    key = array[0, 0].astype(">u2").tobytes()
    (tmp_path / "a.png").write_bytes(wide_png(array, colour, np.zeros(6, int), key))
    picture = read_picture(tmp_path / "a.png")
    assert picture.alpha is not None
    np.testing.assert_array_equal(picture.alpha == 0, (array == array[0, 0]).all(-1))
    write_picture(tmp_path / "b.png", picture)
    np.testing.assert_array_equal(by_pypng(tmp_path / "b.png")[..., :-1], array)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("key", [None, 1])
def test_narrow_grey(bits, key, tmp_path):
    array = np.random.default_rng(0).integers(0, 2**bits, (9, 10))
    options: dict[str, Any] = {"greyscale": True, "bitdepth": bits, "transparent": key}
    writer = png.Writer(10, 9, **options)
    with (tmp_path / "a.png").open("wb") as stream:
        writer.write(stream, array.tolist())
    picture = read_picture(tmp_path / "a.png")
    assert picture.depth == ("bool" if bits == 1 else "uint8")
    np.testing.assert_allclose(picture.pixels[0], array / (2**bits - 1), atol=1e-7)
    assert (picture.alpha is None) == (key is None)
    if picture.alpha is not None:
        np.testing.assert_array_equal(picture.alpha, array != key)


@pytest.mark.parametrize("transparent", [False, True])
def test_palette_becomes_colour(transparent, tmp_path):
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 4, (7, 8), dtype=np.uint8)).convert("P")
    image.putpalette(rng.integers(0, 256, 12, dtype=np.uint8).tobytes())
    options: dict[str, Any] = {"transparency": bytes([0, 255, 128, 255])} if transparent else {}
    image.save(tmp_path / "a.png", **options)
    picture = read_picture(tmp_path / "a.png")
    mode = "RGBA" if transparent else "RGB"
    assert (picture.mode, picture.depth) == (mode, "uint8")
    write_picture(tmp_path / "b.png", picture)
    with Image.open(tmp_path / "a.png") as before, Image.open(tmp_path / "b.png") as after:
        assert after.mode == mode
        np.testing.assert_array_equal(np.asarray(after), np.asarray(before.convert(mode)))


def test_texts_of_every_kind_and_colour_chunks(tmp_path):
    info = PngInfo()
    info.add_text("Title", "plain")
    info.add_text("Comment", "packed " * 50, zip=True)
    info.add_itxt("Author", "Zoë 宮崎", zip=True)
    info.add(b"gAMA", struct.pack(">I", 45455))
    info.add(b"cHRM", struct.pack(">8I", *range(1000, 1008)))
    Image.new("RGB", (3, 3)).save(tmp_path / "a.png", pnginfo=info)
    picture = read_picture(tmp_path / "a.png")
    write_picture(tmp_path / "b.png", picture, provenance={"model": "leaves", "seed": 3})
    with PngImageFile(tmp_path / "b.png") as image:
        image.load()
        assert image.text == {
            "Title": "plain",
            "Comment": "packed " * 50,
            "Author": "Zoë 宮崎",
            "undrift": '{"model": "leaves", "seed": 3}',
        }
        assert image.info["gamma"] == pytest.approx(0.45455)
    before, after = (dict(read_chunks((tmp_path / n).read_bytes())) for n in ("a.png", "b.png"))
    assert after[b"cHRM"] == before[b"cHRM"]


def test_resolution_is_exact_and_may_have_no_unit(tmp_path):
    for number, resolution in enumerate([(11811 * 0.0254, 5906 * 0.0254, "inch"), (2, 1, "none")]):
        path = tmp_path / f"{number}.png"
        pixels = np.zeros((1, 2, 2), np.float32)
        write_picture(path, Picture(pixels, metadata=Metadata(resolution=resolution)))
        found = read_picture(path).metadata.resolution
        assert found is not None
        assert found[:2] == pytest.approx(resolution[:2], rel=1e-12)
        assert found[2] == resolution[2]
    chunks = dict(read_chunks((tmp_path / "0.png").read_bytes()))
    assert struct.unpack(">IIB", chunks[b"pHYs"]) == (11811, 5906, 1)


def test_integers_are_clipped_and_rounded(tmp_path):
    row = np.array([-0.5, 0.0, 0.5 / 255 - 1e-4, 0.5 / 255 + 1e-4, 1.0, 3.0], np.float32)
    write_picture(tmp_path / "a.png", Picture(row[None, None]))
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image).tolist() == [[0, 0, 0, 1, 255, 255]]
