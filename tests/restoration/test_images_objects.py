"""Arrays, tensors and PIL images in and out, the picture itself, and colour under alpha."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial import KDTree

from undrift.common.errors import InputError
from undrift.restoration.images import SUFFIXES, Picture, bleed, read_picture, to_pixels

RNG = np.random.default_rng(11)


@pytest.mark.parametrize(
    "dtype", ["bool", "uint8", "uint16", "float16", "float32", "float64", ">u2"]
)
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 2), (5, 7, 3), (5, 7, 4), (1, 1)])
def test_array_comes_back_as_it_was(dtype, shape):
    unit = RNG.random(shape)
    kind = np.dtype(dtype)
    array = (unit > 0.5) if dtype == "bool" else unit.astype(kind)
    if kind.kind == "u":
        array = np.rint(unit * np.iinfo(kind).max).astype(kind)
    picture, back = to_pixels(array)
    assert picture.pixels.dtype == np.float32
    assert picture.channels == (3 if shape[-1] in (3, 4) and len(shape) == 3 else 1)
    out = back(picture.pixels)
    assert out.dtype == array.dtype and out.shape == array.shape
    np.testing.assert_allclose(out.astype(float), array.astype(float), atol=1e-7)


def test_array_may_change_size_but_alpha_must_come_along():
    array = RNG.integers(0, 256, (4, 6, 4), dtype=np.uint8)
    picture, back = to_pixels(array)
    assert picture.alpha is not None
    larger = picture.pixels.repeat(2, 1).repeat(2, 2)
    with pytest.raises(InputError, match=r"alpha \(4, 6\).*\(8, 12\); pass alpha resized"):
        back(larger)
    out = back(larger, picture.alpha.repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(out, array.repeat(2, 0).repeat(2, 1))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float16, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("shape", [(5, 7), (1, 5, 7), (3, 5, 7), (4, 5, 7)])
def test_tensor_comes_back_as_it_was(dtype, shape):
    tensor = torch.from_numpy(RNG.random(shape))
    tensor = (tensor * 255).to(dtype) if dtype == torch.uint8 else tensor.to(dtype)
    picture, back = to_pixels(tensor.requires_grad_(dtype.is_floating_point))
    out = back(picture.pixels)
    assert out.dtype == dtype and out.shape == tensor.shape
    torch.testing.assert_close(out, tensor.detach(), atol=1e-7, rtol=0)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA", "I;16", "F"])
def test_pil_comes_back_as_it_was(mode):
    if mode in ("I;16", "F"):
        array = RNG.random((5, 7), dtype=np.float32)
        array = array if mode == "F" else (array * 65535).astype(np.uint16)
        image = Image.fromarray(array)
    else:
        image = Image.fromarray(RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)).convert(mode)
    image.info = {"dpi": (300, 300), "comment": "kept"}
    picture, back = to_pixels(image)
    out = back(picture.pixels)
    assert out.mode == mode and out.info == image.info
    np.testing.assert_array_equal(np.asarray(out), np.asarray(image))


def test_pil_palette_and_orientation(tmp_path):
    image = Image.fromarray(RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    palette = image.convert("P")
    _, back = to_pixels(palette)
    assert back(np.zeros((3, 5, 7), np.float32)).mode == "RGB"
    exif = Image.Exif()
    exif[0x0112] = 8
    image.save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as turned:
        picture, back = to_pixels(turned)
        out = back(picture.pixels)
    np.testing.assert_array_equal(np.asarray(out), np.rot90(np.asarray(image)))
    assert out.getexif()[0x0112] == 1


def test_path_and_picture(tmp_path):
    image = Image.fromarray(RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8))
    image.save(tmp_path / "a.png")
    for obj in (tmp_path / "a.png", str(tmp_path / "a.png"), read_picture(tmp_path / "a.png")):
        picture, back = to_pixels(obj)
        out = back(1 - picture.pixels)
        assert isinstance(out, Picture) and out.path == tmp_path / "a.png"
        np.testing.assert_array_equal(out.pixels, 1 - picture.pixels)


@pytest.mark.parametrize(
    ("obj", "words"),
    [
        (np.full((4, 4), 200.0), r"float64 from 200 to 200; expected 0 to 1: divide .* x / 255"),
        (torch.full((3, 4, 4), 99.0), "float32 from 99 to 99"),
        (np.zeros((4, 4), int), "cannot tell the value range of int64"),
        (np.zeros((3, 40, 40)), r"moveaxis\(x, 0, -1\)"),
        (np.zeros((2, 40, 40, 3)), "one at a time"),
        (np.zeros((40, 40, 7)), r"expected an array \(h, w\)"),
        (torch.zeros(40, 40, 3), r"x.permute\(2, 0, 1\)"),
        (torch.zeros(2, 3, 8, 8), "each x"),
        (np.zeros((0, 4)), "empty"),
        (np.array([[0.0, np.nan]]), "1 of 2 values are not finite .* row 0, column 1"),
        (Image.new("I", (4, 4)), "int32"),
        ([[0, 1]], "cannot take a list; expected a path"),
    ],
)
def test_refusals_say_what_to_do(obj, words):
    with pytest.raises(InputError, match=words):
        to_pixels(obj)


def test_noise_may_leave_the_range():
    noisy = RNG.normal(0.5, 0.6, (30, 30))
    picture, back = to_pixels(noisy)
    np.testing.assert_allclose(back(picture.pixels), noisy, atol=1e-6)


def test_picture_checks_itself():
    good = np.zeros((3, 4, 5), np.float32)
    for bad in (good[0], good[:2], good[:, :0]):
        with pytest.raises(InputError, match=r"expected pixels \(c, h, w\)"):
            Picture(bad)
    with pytest.raises(InputError, match="float64"):
        Picture(good.astype(float))
    with pytest.raises(InputError, match=r"expected alpha \(4, 5\)"):
        Picture(good, np.zeros((5, 4), np.float32))
    with pytest.raises(InputError, match="unknown depth 'uint12'"):
        Picture(good, depth="uint12")
    picture = Picture(good, np.zeros((4, 5), np.float32))
    assert (picture.mode, picture.height, picture.width) == ("RGBA", 4, 5)
    assert {".png", ".jpg", ".jpeg", ".tif", ".tiff"} <= set(SUFFIXES)


def test_bleed_takes_the_nearest_visible_colour():
    alpha = (RNG.random((30, 40)) > 0.8) * RNG.random((30, 40)).astype(np.float32)
    rgb = RNG.random((3, 30, 40), dtype=np.float32)
    rgb[:, alpha == 0] = 0
    filled = bleed(rgb, alpha)
    np.testing.assert_array_equal(filled[:, alpha > 0], rgb[:, alpha > 0])
    visible = np.argwhere(alpha > 0)
    tree = KDTree(visible)
    for row, column in np.argwhere(alpha == 0)[::7]:
        distance = tree.query([row, column])[0]
        nearest = visible[tree.query_ball_point([row, column], distance + 1e-9)]
        colours = rgb[:, nearest[:, 0], nearest[:, 1]].T
        assert (colours == filled[:, row, column]).all(axis=1).any()


def test_bleed_with_nothing_to_do():
    rgb = RNG.random((3, 4, 5), dtype=np.float32)
    for alpha in (np.ones((4, 5)), np.zeros((4, 5))):
        np.testing.assert_array_equal(bleed(rgb, alpha), rgb)
