"""200 pictures made by other writers, read and written here, judged by other readers."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import png
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from undrift.restoration.images import read_picture, write_picture

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="%d"/></x:xmpmeta>'
MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
KINDS = {
    "png": (("bool", (1,)), ("uint8", (1, 2, 3, 4)), ("uint16", (1, 2, 3, 4))),
    "jpg": (("uint8", (1, 3)),),
    "tif": (
        ("bool", (1,)),
        *((d, (1, 2, 3, 4)) for d in ("uint8", "uint16", "float32", "float64")),
        *((d, (1, 3)) for d in ("float16", "uint32", "int16")),
    ),
    "webp": (("uint8", (3, 4)),),
    "bmp": (("uint8", (1, 3)),),
}
COMBINATIONS = [(s, d, c) for s, kinds in KINDS.items() for d, counts in kinds for c in counts]


@dataclass
class Case:
    """What the file of one case holds; `array` (h, w, c) as stored, before turning it upright."""

    suffix: str
    depth: str
    array: np.ndarray
    icc: bytes | None
    make: str | None
    orientation: int
    dpi: int | None
    text: str | None


def draw(number: int) -> Case:
    rng = np.random.default_rng([7, number])
    suffix, depth, c = COMBINATIONS[number % len(COMBINATIONS)]
    h, w = int(rng.integers(1, 41)), int(rng.integers(1, 41))
    rows, columns = np.mgrid[:h, :w][..., None] / 40
    smooth = 0.5 + 0.4 * np.sin(rng.uniform(0, 6, c) + 3 * rows + 4 * columns)
    smooth += rng.normal(0, 0.02, (h, w, c))
    smooth = np.clip(smooth, 0, 1)
    smooth.flat[0], smooth.flat[-1] = 0, 1
    if depth.startswith("float"):
        array = smooth.astype(depth)
    elif depth == "bool":
        array = smooth > 0.5
    else:
        array = np.rint(smooth * {"uint8": 255, "uint16": 65535}.get(depth, 30000)).astype(depth)
    exif = suffix in ("png", "jpg", "webp", "tif") and rng.random() < 0.6
    return Case(
        suffix,
        depth,
        array,
        SRGB if suffix != "bmp" and rng.random() < 0.5 else None,
        "Undrift Optics" if exif else None,
        int(rng.integers(1, 9)) if exif else 1,
        int(rng.choice([72, 300, 600])) if rng.random() < 0.5 and suffix != "webp" else None,
        "a garden \u2013 early" if suffix == "png" and rng.random() < 0.5 else None,
    )


def make_exif(case: Case) -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = case.make, case.orientation
    exif.get_ifd(0x8769)[0x829A] = 0.125  # exposure time
    return exif.tobytes()


def make_file(case: Case, path: Path) -> None:
    if case.suffix == "tif":
        make_tiff(case, path)
        return
    if case.depth == "uint16":
        make_wide_png(case, path)
        return
    c = case.array.shape[2]
    image = Image.fromarray(case.array[..., 0] if c == 1 else case.array)
    assert image.mode == ("1" if case.depth == "bool" else MODES[c])
    options: dict = {}
    if case.icc:
        options["icc_profile"] = case.icc
    if case.make:
        options |= {"exif": make_exif(case), "xmp": XMP % case.orientation}
    if case.dpi:
        options["dpi"] = (case.dpi, case.dpi // 2)
    if case.suffix == "png":
        options["pnginfo"] = info = png_info(case)
        if case.make:
            info.add_itxt("XML:com.adobe.xmp", (XMP % case.orientation).decode())
        options.pop("xmp", None)
    if case.suffix == "webp":
        options |= {"lossless": True, "exact": True}
    if case.suffix == "jpg":
        options |= {"quality": 98, "subsampling": 0}
    image.save(path, **options)


def png_info(case: Case):
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    if case.text:
        info.add_text("Title", case.text)
    return info


def make_wide_png(case: Case, path: Path) -> None:
    h, w, c = case.array.shape
    buffer = io.BytesIO()
    writer = png.Writer(w, h, greyscale=c < 3, alpha=c in (2, 4), bitdepth=16)
    writer.write_array(buffer, case.array.reshape(-1).tolist())
    plain = buffer.getvalue()
    small = io.BytesIO()  # pillow writes the metadata chunks of a small file: move them over
    options: dict = {"pnginfo": png_info(case)}
    if case.icc:
        options["icc_profile"] = case.icc
    if case.make:
        options["exif"] = make_exif(case)
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", (XMP % case.orientation).decode())
    if case.dpi:
        options["dpi"] = (case.dpi, case.dpi // 2)
    Image.new("L", (1, 1)).save(small, "PNG", **options)
    chunks = small.getvalue()
    before, after = chunks[33 : chunks.index(b"IDAT") - 4], plain[33:]
    path.write_bytes(plain[:33] + before + after)


def make_tiff(case: Case, path: Path) -> None:
    c = case.array.shape[2]
    tags = [(34675, 7, len(case.icc), case.icc, True)] if case.icc else []
    if case.make:
        tags += [(271, 2, 0, case.make, True), (274, 3, 1, case.orientation, True)]
        xmp = XMP % case.orientation
        tags.append((700, 1, len(xmp), xmp, True))
    options: dict = {"extratags": tags, "software": "a scanner", "metadata": None}
    if case.dpi:
        options |= {"resolution": (case.dpi, case.dpi // 2), "resolutionunit": "inch"}
    if case.array.size % 2 and case.depth != "bool":
        options["compression"] = "zlib"
    tifffile.imwrite(
        path,
        case.array[..., 0] if c == 1 else case.array,
        photometric="rgb" if c > 2 else "minisblack",
        planarconfig="contig" if c > 1 else None,
        extrasamples=["unassalpha"] if c in (2, 4) else None,
        byteorder=">" if case.array.shape[0] % 2 else "<",
        **options,
    )


def load(path: Path) -> tuple[np.ndarray, dict]:
    """(h, w, c) and what another reader finds in the file."""
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            tags = {tag.code: tag.value for tag in page.tags}
            array = page.asarray().reshape(page.imagelength, page.imagewidth, -1)
            resolution = page.get_resolution("inch") if tags[296] == 2 else None
            found = {"icc": tags.get(34675), "make": tags.get(271), "xmp": tags.get(700)}
            found |= {"dpi": resolution, "orientation": tags.get(274, 1), "tags": tags}
            return array, found
    with Image.open(path) as image:
        image.load()
        exif = image.getexif()
        found = {"icc": image.info.get("icc_profile"), "make": exif.get(0x010F)}
        found |= {"orientation": exif.get(0x0112, 1), "dpi": image.info.get("dpi")}
        found |= {"xmp": image.info.get("xmp"), "text": getattr(image, "text", {})}
        found["exposure"] = exif.get_ifd(0x8769).get(0x829A)
        array = np.asarray(image)
        if array.ndim == 2:
            array = array[..., None]
    if path.suffix == ".png":
        with path.open("rb") as stream:
            w, h, rows, info = png.Reader(file=stream).read()
            if info["bitdepth"] == 16:
                array = np.array([list(row) for row in rows], np.uint16).reshape(h, w, -1)
    return array, found


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """(h, w, c) turned by pillow, through a picture of its pixel numbers."""
    h, w = array.shape[:2]
    numbers = Image.fromarray(np.arange(h * w, dtype=np.int32).reshape(h, w))
    numbers.getexif()[0x0112] = orientation
    order = np.asarray(ImageOps.exif_transpose(numbers))
    return array.reshape(h * w, -1)[order]


@pytest.mark.parametrize("number", range(200))
def test_depth_values_and_metadata_come_back(number, tmp_path):
    case = draw(number)
    source, target = tmp_path / f"in.{case.suffix}", tmp_path / "out" / f"o.{case.suffix}"
    make_file(case, source)
    picture = read_picture(source)
    write_picture(target, picture)

    before, _ = load(source)
    after, found = load(target)
    expected = upright(before, case.orientation)
    assert picture.depth == case.depth
    assert picture.mode == MODES[case.array.shape[2]]
    assert (picture.height, picture.width) == expected.shape[:2]
    assert picture.pixels.min() >= 0 and picture.pixels.max() <= 1
    assert after.dtype == before.dtype and after.shape == expected.shape
    if case.suffix == "jpg":
        error = np.mean((after.astype(float) - expected) ** 2)
        assert 10 * np.log10(255**2 / max(error, 1e-3)) > 38
    elif case.depth == "float64":  # pixels are float32 here
        np.testing.assert_allclose(after, expected, atol=1e-7)
    else:
        np.testing.assert_array_equal(after, expected)

    assert found["icc"] == case.icc
    assert found["make"] == case.make
    assert found["orientation"] == 1
    if case.make:
        assert found["xmp"].strip(b"\0") == XMP % 1
        assert case.suffix == "tif" or found["exposure"] == 0.125
    if case.dpi:
        x, y = case.dpi, case.dpi // 2
        dpi = (y, x) if case.orientation > 4 else (x, y)
        assert found["dpi"] == pytest.approx(dpi, rel=1e-3)
    if case.suffix == "png":
        texts = {key: text for key, text in found["text"].items() if not key.startswith("XML")}
        assert texts == ({"Title": case.text} if case.text else {})
    if case.suffix == "tif":
        assert found["tags"][305] == "a scanner"


def test_the_cases_cover_what_they_claim():
    cases = [draw(number) for number in range(200)]
    found = {(case.suffix, case.depth, case.array.shape[2]) for case in cases}
    assert found == set(COMBINATIONS)
    assert sum(case.icc is not None for case in cases) > 60
    assert sum(case.dpi is not None for case in cases) > 60
    assert {case.orientation for case in cases} == set(range(1, 9))
