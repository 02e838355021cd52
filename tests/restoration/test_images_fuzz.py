"""200 drawn files through `undrift denoise --sigma 0`, which changes no pixel: what comes back?

Every file is a recipe, a function of its number: format, compression, depth, channels, alpha,
palette, profile, EXIF, orientation, resolution. The tool runs once over the folder; another reader
judges the outputs. Integers come back within one unit, floats within 1e-6 of their range. A JPEG
is coded again: in each block of 8 x 8 the error of its luma is at most that of its own rounding,
half a step in every coefficient, sqrt(mean q^2) / 2 (the DCT is orthonormal), and of pixels, 1.
Colour under full transparency is nobody's and is not compared.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from undrift.cli import main

COUNT, QUICK = 200, 56
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
KINDS = {  # (format, storage): modes
    ("png", "plain"): ("1", "L", "LA", "RGB", "RGBA", "P", "PA", "L16"),
    ("png", "few"): ("P2", "P4"),
    ("jpg", "95"): ("L", "RGB"),
    ("jpg", "75"): ("L", "RGB"),
    ("jpg", "progressive"): ("L", "RGB"),
    ("tif", "none"): ("1", "L", "RGB", "RGBA", "P", "L16", "RGB16", "RGBA16", "F", "RGBF"),
    ("tif", "zlib"): ("L", "LA", "RGB", "L16", "RGB16", "F", "RGBF"),
    ("tif", "tiff_lzw"): ("L", "RGB", "RGBA", "P"),
    ("tif", "packbits"): ("1", "L", "RGB"),
    ("tif", "planes"): ("RGB", "RGB16"),
    ("tif", "tiles"): ("L", "RGB16", "F"),
    ("tif", "white"): ("L", "L16"),
    ("webp", "lossless"): ("RGB", "RGBA"),
    ("webp", "80"): ("RGB", "RGBA"),
    ("bmp", "plain"): ("1", "L", "RGB", "P"),
}
ALL = [(kind, mode) for kind, modes in KINDS.items() for mode in modes]
BY_TIFFFILE = ("none", "zlib", "planes", "tiles", "white")


@dataclass(frozen=True)
class Recipe:
    """All there is to know of a file but its pixels, which follow from the number."""

    number: int
    format: str
    storage: str
    mode: str
    size: tuple[int, int]
    icc: bool
    make: bool
    orientation: int
    dpi: int

    @property
    def name(self) -> str:
        return f"{self.number:03d}.{self.format}"


def drawn(number: int) -> Recipe:
    rng = np.random.default_rng([29, number])
    (format, storage), mode = ALL[number % len(ALL)]
    holds = format != "bmp"
    make = bool(holds and rng.random() < 0.5)
    return Recipe(
        number, format, storage, mode,
        (int(rng.integers(8, 41)), int(rng.integers(8, 41))),
        bool(holds and rng.random() < 0.4), make,
        int(rng.integers(1, 9)) if make else 1,
        int(rng.choice([0, 72, 300])) if format != "webp" else 0,
    )  # fmt: skip


def pixels(recipe: Recipe) -> np.ndarray:
    """(h, w) or (h, w, c) in the numbers of the mode; palettes as indices."""
    rng = np.random.default_rng([31, recipe.number])
    height, width = recipe.size
    mode = recipe.mode
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "F": 1, "RGBF": 3}.get(mode.rstrip("16"), 1)
    rows, columns = np.mgrid[:height, :width][..., None] / 40
    wave = 0.5 + 0.4 * np.sin(rng.uniform(0, 6, channels) + 3 * rows + 4 * columns)
    wave = np.clip(wave + rng.normal(0, 0.02, wave.shape), 0, 1)
    if channels in (2, 4):
        wave[..., -1] = np.where(wave[..., -1] < 0.3, 0, wave[..., -1])
    wave = wave[..., 0] if channels == 1 else wave
    if mode.endswith("F"):
        low, high = ((0, 1), (-3, 900))[recipe.number % 2]
        return (low + (high - low) * wave).astype(np.float32)
    if mode == "1":
        return wave > 0.5
    if mode.startswith("P"):
        return (wave * {"P2": 3, "P4": 15}.get(mode, 255)).astype(np.uint8)
    wide = mode.endswith("16")
    return np.rint(wave * (65535 if wide else 255)).astype(np.uint16 if wide else np.uint8)


def exif(recipe: Recipe) -> bytes:
    block = Image.Exif()
    block[0x010F], block[0x0112] = "Undrift Optics", recipe.orientation
    if recipe.format != "tif":  # libtiff takes no directories from pillow
        block.get_ifd(0x8769)[0x829A] = 0.125
    return block.tobytes()


def make_file(recipe: Recipe, path: Path) -> None:
    if recipe.format == "tif" and recipe.storage in BY_TIFFFILE and recipe.mode != "P":
        make_tiff(recipe, path)
        return
    mode, array = recipe.mode, pixels(recipe)
    image = Image.fromarray(array)
    if mode.startswith("P"):
        image = Image.fromarray(array).convert("L")
        image.putpalette(
            bytes(np.random.default_rng(recipe.number).integers(0, 256, 768, np.uint8))
        )
    options: dict[str, Any] = {}
    if mode == "PA":
        options["transparency"] = bytes(range(256))
    if mode in ("P2", "P4"):
        options["bits"] = int(mode[1])
    if recipe.icc:
        options["icc_profile"] = SRGB
    if recipe.make:
        options["exif"] = exif(recipe)
    if recipe.dpi:
        options["dpi"] = (recipe.dpi, recipe.dpi)
    if recipe.format == "tif" and recipe.storage != "none":
        options["compression"] = recipe.storage
    if recipe.format == "jpg":
        options |= {"quality": 95 if recipe.storage == "95" else 75}
        options["progressive"] = recipe.storage == "progressive"
    if recipe.format == "webp":
        lossless = recipe.storage == "lossless"
        options |= {"lossless": True, "exact": True} if lossless else {"quality": 80}
    image.save(path, **options)


def make_tiff(recipe: Recipe, path: Path) -> None:
    array, mode = pixels(recipe), recipe.mode
    options: dict[str, Any] = {}
    tags: list[Any] = [(34675, 7, len(SRGB), SRGB, True)] if recipe.icc else []
    if recipe.make:
        tags += [(271, 2, 0, "Undrift Optics", True), (274, 3, 1, recipe.orientation, True)]
    if recipe.dpi:
        options |= {"resolution": (recipe.dpi, recipe.dpi), "resolutionunit": "INCH"}
    if mode.rstrip("16") in ("LA", "RGBA"):
        options["extrasamples"] = ["unassalpha"]
    if recipe.storage == "zlib":
        options |= {"compression": "zlib", "predictor": not mode.endswith("F") and mode != "1"}
    if recipe.storage == "tiles":
        options["tile"] = (16, 16)
    planes = recipe.storage == "planes"
    if array.ndim == 3:
        options["planarconfig"] = "separate" if planes else "contig"
    white = recipe.storage == "white"
    tifffile.imwrite(
        path, np.moveaxis(array, -1, 0) if planes else array, metadata=None, extratags=tags,
        photometric="rgb" if mode.startswith("RGB") else "miniswhite" if white else "minisblack",
        byteorder=">" if recipe.number % 2 else "<", **options,
    )  # fmt: skip


def load(path: Path, recipe: Recipe) -> tuple[np.ndarray, dict[str, Any]]:
    """Numbers (h, w, c) as another reader sees them, and its metadata."""
    deep = recipe.mode.endswith(("16", "F")) or recipe.mode == "LA"
    if recipe.format == "tif" and (recipe.storage in BY_TIFFFILE or deep):
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            tags = {tag.code: tag.value for tag in page.tags}
            array = page.asarray()
            if page.colormap is not None:  # where pillow turns pictures of orientation 7 wrongly
                array = np.moveaxis((page.colormap >> 8).astype(np.uint8)[:, array], 0, -1)
            if page.planarconfig == 2:
                array = np.moveaxis(array, 0, -1)
            found = {"icc": tags.get(34675), "make": tags.get(271), "turn": tags.get(274, 1)}
            found["dpi"] = page.get_resolution("INCH") if tags.get(296) == 2 else None
            found["white"] = int(page.photometric) == 0
            return array.reshape(page.imagelength, page.imagewidth, -1), found
    with Image.open(path) as image:
        image.load()
        block = image.getexif()
        found = {"icc": image.info.get("icc_profile"), "make": block.get(0x010F)}
        found |= {"turn": block.get(0x0112, 1), "dpi": image.info.get("dpi")}
        if recipe.format == "jpg":
            found["tables"] = image.quantization  # type: ignore[attr-defined]
        clear = "transparency" in image.info
        if image.mode in ("P", "PA"):
            image = image.convert("RGBA" if clear else "RGB")
        array = np.asarray(image)
        return array[..., None] if array.ndim == 2 else array, found


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turned by pillow, through a picture of its pixel numbers."""
    height, width = array.shape[:2]
    numbers = Image.fromarray(np.arange(height * width, dtype=np.int32).reshape(height, width))
    numbers.getexif()[0x0112] = orientation
    return array.reshape(height * width, -1)[np.asarray(ImageOps.exif_transpose(numbers))]


def luma(array: np.ndarray) -> np.ndarray:
    if array.shape[2] == 1:
        return array[..., 0].astype(float)
    return array.astype(float) @ [0.299, 0.587, 0.114]


def problems(recipe: Recipe, source: Path, target: Path) -> list[str]:
    if not target.exists():
        return ["no output"]
    before, told = load(source, recipe)
    after, found = load(target, recipe)
    turned = recipe.storage in ("tiff_lzw", "packbits")  # by libtiff, when pillow loads it
    expected = before if turned else upright(before, recipe.orientation)
    wrong = []
    if after.shape != expected.shape or after.dtype != expected.dtype:
        return [f"{expected.dtype} {expected.shape} became {after.dtype} {after.shape}"]
    if recipe.format == "jpg":
        wrong += jpeg_problems(luma(after) - luma(expected), found["tables"][0])
    else:
        seen = np.ones(expected.shape[:2], bool)
        if expected.shape[2] in (2, 4):
            seen = expected[..., -1] > 0
        error = np.abs(after.astype(float) - expected.astype(float))[seen].max(initial=0)
        bound = 1e-6 * np.ptp(expected.astype(float)) if expected.dtype.kind == "f" else 1
        if error > bound:
            wrong.append(f"pixels differ by {error:g}")
    if found["icc"] != told["icc"]:
        wrong.append("profile changed")
    if recipe.make and found["make"] != "Undrift Optics":
        wrong.append(f"maker is {found['make']!r}")
    if found["turn"] != 1:
        wrong.append(f"orientation is {found['turn']}")
    if recipe.dpi and found["dpi"] != pytest.approx((recipe.dpi, recipe.dpi), rel=1e-3):
        wrong.append(f"resolution {recipe.dpi} became {found['dpi']}")
    if found.get("white") != told.get("white"):
        wrong.append("black and white changed places")
    return wrong


def jpeg_problems(error: np.ndarray, table: list[int]) -> list[str]:
    height, width = (side // 8 * 8 for side in error.shape)
    blocks = error[:height, :width].reshape(height // 8, 8, width // 8, 8)
    worst = float(np.sqrt((blocks**2).mean((1, 3)).max()))
    bound = float(np.sqrt(np.mean(np.square(table, dtype=float)))) / 2 + 1
    return [f"a block differs by {worst:.2f}, its quantisation by {bound:.2f}"] * (worst > bound)


def round_trip(numbers: range, folder: Path) -> list[str]:
    recipes = [drawn(number) for number in numbers]
    (folder / "in").mkdir()
    for recipe in recipes:
        make_file(recipe, folder / "in" / recipe.name)
    main(["denoise", str(folder / "in"), "-o", str(folder / "out"), "--sigma", "0", "-q"])
    failures = []
    for recipe in recipes:
        wrong = problems(recipe, folder / "in" / recipe.name, folder / "out" / recipe.name)
        failures += [f"{what}: {asdict(recipe)}" for what in wrong]
    return failures


def test_the_first_come_back(tmp_path: Path) -> None:
    failures = round_trip(range(QUICK), tmp_path)
    assert not failures, "\n".join(failures)


@pytest.mark.slow
def test_all_come_back(tmp_path: Path) -> None:
    failures = round_trip(range(COUNT), tmp_path)
    assert not failures, "\n".join(failures)


def test_recipes_cover_what_they_claim() -> None:
    recipes = [drawn(number) for number in range(COUNT)]
    assert {((r.format, r.storage), r.mode) for r in recipes} == set(ALL)
    assert {r.orientation for r in recipes} == set(range(1, 9))
    for name in ("icc", "make", "dpi"):
        assert sum(bool(getattr(r, name)) for r in recipes) > 50
