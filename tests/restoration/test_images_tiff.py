"""TIFF in all its shapes, written by tifffile and pillow, read back by them."""

import struct

import numpy as np
import pytest
import tifffile
from PIL import Image

from undrift.common.errors import InputError
from undrift.restoration.images import Picture, read_picture, write_picture

RNG = np.random.default_rng(5)
COLOUR = RNG.integers(0, 65536, (50, 60, 3)).astype(np.uint16)
UNIT = np.moveaxis(COLOUR / np.float32(65535), -1, 0)


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 32)},
        {"bigtiff": True},
        {"byteorder": ">", "compression": "zlib"},
        {"rowsperstrip": 7, "compression": "zlib", "predictor": True},
    ],
    ids=str,
)
def test_storage_does_not_matter(options, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", COLOUR, photometric="rgb", metadata=None, **options)
    picture = read_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.pixels, UNIT)
    write_picture(tmp_path / "b.tif", picture)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), COLOUR)


def test_separate_planes(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", np.moveaxis(COLOUR, -1, 0), photometric="rgb", planarconfig="separate"
    )
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels, UNIT)


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg", "packbits"])
def test_8_bit_compressions_of_pillow(compression, tmp_path):
    smooth = np.add.outer(np.arange(50), np.arange(60)).astype(np.uint8)
    array = np.stack([smooth, smooth[::-1], 255 - smooth], -1)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(array).save(tmp_path / "a.tif", compression=compression, exif=exif)
    picture = read_picture(tmp_path / "a.tif")
    expected = np.moveaxis(np.rot90(array, -1), -1, 0) / 255  # orientation 6: turn clockwise
    np.testing.assert_allclose(picture.pixels, expected, atol=0.04 if compression == "jpeg" else 0)
    assert picture.metadata.size == (50, 60)


def test_16_bit_grey_in_lzw(tmp_path):
    Image.fromarray(COLOUR[..., 0]).save(tmp_path / "a.tif", compression="tiff_lzw")
    picture = read_picture(tmp_path / "a.tif")
    assert picture.depth == "uint16"
    np.testing.assert_array_equal(picture.pixels, UNIT[:1])


@pytest.mark.parametrize("depth", ["bool", "uint8", "uint16", "float32"])
def test_miniswhite_is_turned_and_kept(depth, tmp_path):
    array = RNG.random((9, 11)).astype(np.float32)
    if depth != "float32":
        array = np.rint(array * {"bool": 1, "uint8": 255, "uint16": 65535}[depth]).astype(depth)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="miniswhite")
    picture = read_picture(tmp_path / "a.tif")
    top = {"uint8": 255, "uint16": 65535}.get(depth, 1)
    np.testing.assert_allclose(picture.pixels[0], 1 - array / top, atol=1e-7)
    write_picture(tmp_path / "b.tif", picture)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages.first.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        np.testing.assert_allclose(file.asarray(), array, atol=1e-7)
    write_picture(tmp_path / "b.tif", Picture(picture.pixels, depth=depth))
    np.testing.assert_allclose(tifffile.imread(tmp_path / "b.tif"), top - array * 1.0, atol=1e-7)


@pytest.mark.parametrize("depth", ["float16", "float32", "float64", "int16", "int32", "uint32"])
def test_other_ranges_are_recorded_and_inverted(depth, tmp_path):
    array = (RNG.random((20, 30)) * 4095 - (0 if depth == "uint32" else 1024)).astype(depth)
    tifffile.imwrite(tmp_path / "a.tif", array)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.value_range == (array.min(), array.max())
    assert (picture.pixels.min(), picture.pixels.max()) == (0, 1)
    write_picture(tmp_path / "b.tif", picture)
    back = tifffile.imread(tmp_path / "b.tif")
    assert back.dtype == depth
    error = np.abs(back.astype(float) - array.astype(float)).max()
    assert error == 0 if back.dtype.kind != "f" else error < 5119 * 2**-22
    higher = picture.with_pixels(picture.pixels + 0.1)  # floats are not clipped
    write_picture(tmp_path / "c.tif", higher)
    rise = tifffile.imread(tmp_path / "c.tif").astype(float) - array
    np.testing.assert_allclose(rise, 0.1 * np.ptp(array.astype(float)), atol=2.5)


def test_floats_in_the_unit_range_stay_as_they_are(tmp_path):
    array = RNG.random((8, 9), dtype=np.float32) * 0.5
    tifffile.imwrite(tmp_path / "a.tif", array)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.value_range is None
    np.testing.assert_array_equal(picture.pixels[0], array)


def test_premultiplied_alpha_becomes_straight(tmp_path):
    alpha = np.array([[0.0, 0.5], [0.25, 1.0]], np.float32)
    straight = RNG.random((2, 2, 3), dtype=np.float32)
    stored = np.dstack([straight * alpha[..., None], alpha])
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"])
    picture = read_picture(tmp_path / "a.tif")
    straight[0, 0] = 0
    np.testing.assert_allclose(picture.pixels, np.moveaxis(straight, -1, 0), atol=1e-6)
    write_picture(tmp_path / "b.tif", picture)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert tuple(file.pages.first.extrasamples) == (2,)  # unassociated


def test_alpha_of_floats_must_be_a_share(tmp_path):
    array = np.full((3, 3, 4), 200, np.float32)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="rgb", extrasamples=["unassalpha"])
    with pytest.raises(InputError, match="alpha runs from 200 to 200"):
        read_picture(tmp_path / "a.tif")


def test_palette(tmp_path):
    table = RNG.integers(0, 256, (3, 256))
    index = RNG.integers(0, 256, (12, 13), dtype=np.uint8)
    tifffile.imwrite(
        tmp_path / "a.tif", index, photometric="palette", colormap=(table * 257).astype(np.uint16)
    )
    picture = read_picture(tmp_path / "a.tif")
    assert picture.depth == "uint8"
    np.testing.assert_allclose(picture.pixels, table[:, index] / 255, atol=1e-7)


def test_previews_are_not_pages(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(COLOUR, photometric="rgb")
        writer.write(COLOUR[::4, ::4], photometric="rgb", subfiletype=1)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.tif").pixels, UNIT)


def test_tags_survive(tmp_path):
    tags = [
        (315, 2, 0, "A. Author", True),
        (33432, 2, 0, "CC0", True),
        (34377, 7, 6, b"8BIMxx", True),
        (42113, 2, 0, "-9999", True),
        (65000, 12, 2, (1.5, -2.5), True),
        (65001, 3, 3, (1, 2, 3), True),
    ]
    description = "Überblick µm".encode()
    tifffile.imwrite(
        tmp_path / "a.tif", COLOUR, photometric="rgb", extratags=tags, description=description,
        metadata=None, byteorder=">", datetime="2020:01:02 03:04:05", software="microscope",
    )  # fmt: skip
    write_picture(tmp_path / "b.tif", read_picture(tmp_path / "a.tif"), provenance={"seed": 1})
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        found = {tag.code: tag.value for tag in file.pages.first.tags}
    expected = {
        315: "A. Author", 33432: "CC0", 34377: b"8BIMxx", 42113: "-9999", 65000: (1.5, -2.5),
        65001: (1, 2, 3), 305: "microscope", 306: "2020:01:02 03:04:05",
        270: 'Überblick µm\nundrift: {"seed": 1}',
    }  # fmt: skip
    assert {code: found[code] for code in expected} == expected
    again = read_picture(tmp_path / "b.tif")
    assert again.metadata.history == ('{"seed": 1}',)
    write_picture(tmp_path / "c.tif", again, provenance={"seed": 2})
    assert read_picture(tmp_path / "c.tif").metadata.history == ('{"seed": 1}', '{"seed": 2}')


def test_xml_descriptions_stay_readable(tmp_path):
    xml = '<?xml version="1.0"?><OME/>'
    tifffile.imwrite(tmp_path / "a.tif", COLOUR[..., 0], description=xml, metadata=None)
    write_picture(tmp_path / "b.tif", read_picture(tmp_path / "a.tif"), provenance={"seed": 1})
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        assert file.pages.first.description == xml
    assert read_picture(tmp_path / "b.tif").metadata.history == ('{"seed": 1}',)


@pytest.mark.parametrize("big", [False, True])
def test_exif_and_gps_directories_travel(big, tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Undrift Optics"
    exif[0x8769] = {0x829A: 0.125, 0x9286: b"ASCII\0\0\0by hand", 0xA002: 999}
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 12.5)}
    name = tmp_path / "a.tif"
    Image.new("RGB", (20, 10), "red").save(name, exif=exif.tobytes(), big_tiff=big)
    for target in ("b.tif", "b.png", "b.jpg", "b.webp"):
        write_picture(tmp_path / target, read_picture(name), provenance={"seed": 1})
        with Image.open(tmp_path / target) as image:
            found = image.getexif()
            assert found[0x010F] == "Undrift Optics"
            inner = found.get_ifd(0x8769)
            assert inner[0x829A] == 0.125
            assert inner[0xA002] == 20  # the recorded width follows the picture
            assert inner[0x9286].startswith(b"ASCII\0\0\0by hand")
            assert found.get_ifd(0x8825)[2] == (52.0, 31.0, 12.5)
        assert read_picture(tmp_path / target).metadata.history == ('{"seed": 1}',)


@pytest.mark.parametrize(("point", "tie"), [(False, (0.0, 0.0)), (True, (0.5, 0.5))])
def test_map_coordinates_follow_a_change_of_size(point, tie, tmp_path):
    keys = (1, 1, 0, 1, 1025, 0, 1, 2 if point else 1)
    tags = [
        (33550, 12, 3, (10.0, 20.0, 0.0), True),
        (33922, 12, 6, (0.0, 0.0, 0.0, 500.0, 900.0, 0.0), True),
        (34735, 3, 8, keys, True),
    ]
    tifffile.imwrite(tmp_path / "a.tif", COLOUR, photometric="rgb", extratags=tags)
    picture = read_picture(tmp_path / "a.tif")
    write_picture(tmp_path / "b.tif", picture.with_pixels(np.repeat(picture.pixels, 2, 1)))
    write_picture(tmp_path / "c.tif", picture)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        found = file.pages.first.tags
        assert found[33550].value == (10.0, 10.0, 0.0)
        assert found[33922].value == (0.0, tie[1], 0.0, 500.0, 900.0, 0.0)
    with tifffile.TiffFile(tmp_path / "c.tif") as file:
        assert file.pages.first.tags[33550].value == (10.0, 20.0, 0.0)


def test_matrix_keeps_every_corner_on_the_ground(tmp_path):
    matrix = np.array([[3.0, 1.0, 0, 70], [-1.0, -2.0, 0, 40], [0, 0, 0, 0], [0, 0, 0, 1]])
    tags = [(34264, 12, 16, tuple(matrix.ravel()), True)]
    tifffile.imwrite(tmp_path / "a.tif", COLOUR, photometric="rgb", extratags=tags)
    picture = read_picture(tmp_path / "a.tif")
    doubled = picture.with_pixels(picture.pixels.repeat(2, 1).repeat(4, 2))
    write_picture(tmp_path / "b.tif", doubled)
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        new = np.array(file.pages.first.tags[34264].value).reshape(4, 4)
    for i, j in [(0, 0), (60, 0), (0, 50), (60, 50)]:
        np.testing.assert_allclose(new @ [4 * i, 2 * j, 0, 1], matrix @ [i, j, 0, 1])


def test_a_tag_beyond_the_file_does_no_harm(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", COLOUR[..., 0], extratags=[(65000, 2, 0, "x" * 20, True)])
    data = bytearray((tmp_path / "a.tif").read_bytes())
    at = data.index(struct.pack("<HHI", 65000, 2, 21)) + 8
    data[at : at + 4] = struct.pack("<I", 2**31)
    (tmp_path / "a.tif").write_bytes(data)
    picture = read_picture(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.pixels[0], UNIT[0])
    assert all(tag.code != 65000 for tag in picture.metadata.tags)
