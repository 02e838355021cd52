"""A file restored from file to file in windows and as a whole, and how they are compared."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from undrift.restoration import large, large_plan, large_streams
from undrift.restoration.images import Picture, read_picture, write_picture
from undrift.restoration.pictures.values import stored
from undrift.restoration.verbs import VERBS

RNG = np.random.default_rng(3)
WAYS = ("windows", "strips")


def in_small_parts(monkeypatch: pytest.MonkeyPatch, way: str, side: int = 32) -> None:
    """Results above 1000 pixels are large; windows keep `side` of them, strips half as many rows.

    Strips are taken where they can be, or nowhere.
    """
    monkeypatch.setattr(large, "LARGE", 1000)
    monkeypatch.setattr(large_plan, "automatic_tile", lambda *_: side)
    monkeypatch.setattr(large_streams, "strip_height", lambda *_: side // 2)
    if way == "windows":
        for module in (large, large_streams):
            monkeypatch.setattr(module, "streams", lambda *_: False)


def both(
    verb: str, source: Path, target: Path, /, **settings: Any
) -> tuple[Picture, Picture, dict[str, Any], dict[str, Any]]:
    """The pictures in windows and as a whole, and what each says of itself."""
    told = large.restore_large(verb, source, target, source.name, settings, True)
    assert told is not None
    whole = VERBS[verb].function(source, **settings)
    write_picture(target.with_name(f"whole{target.suffix}"), whole.value)
    return (
        read_picture(target),
        read_picture(target.with_name(f"whole{target.suffix}")),
        told,
        dict(whole.info),
    )


def check(ours: Picture, whole: Picture, steps: int = 1) -> None:
    """Equal to rounding where alpha shows anything; integers now and then by `steps` of theirs."""
    assert (ours.depth, ours.mode) == (whole.depth, whole.mode)
    seen = np.ones(ours.pixels.shape[1:], bool)
    if ours.alpha is not None and whole.alpha is not None:
        np.testing.assert_allclose(ours.alpha, whole.alpha, atol=1e-5)
        seen = ours.alpha > 0
        assert seen.mean() > 0.1
    numbers = [
        stored(p.pixels, None, p.depth, p.value_range).astype(np.float64)[seen]
        for p in (ours, whole)
    ]
    gap = np.abs(numbers[0] - numbers[1])
    if np.dtype(ours.depth).kind == "f":
        assert gap.max() <= 1e-5 * np.ptp(numbers[1])
    else:
        assert gap.max() <= steps
        assert (gap > 0).mean() < (2e-3 if ours.depth == "uint8" else 0.05)


def picture(path: Path, mode: str, depth: str, size: tuple[int, int] = (75, 90)) -> Path:
    """A file of noise on waves; with alpha that hides a corner and half shows a band."""
    rows, columns = np.mgrid[: size[0], : size[1]]
    wave = 0.5 + 0.3 * np.sin(rows / 7 + columns / 9)[..., None] + RNG.normal(0, 0.08, (*size, 3))
    wave = wave[..., :1] if mode.startswith("L") else wave
    if mode.endswith("A"):
        clear = np.where((rows < 30) & (columns < 45), 0.0, np.where(rows > 60, 0.5, 1.0))
        wave = np.concatenate([wave, clear[..., None]], -1)
    if depth.startswith("float"):
        numbers = (wave * 3 - 0.5 if mode == "L" else wave.clip(0, 1)).astype(depth)
    else:
        numbers = np.rint(wave.clip(0, 1) * np.iinfo(depth).max).astype(depth)
    numbers = numbers[..., 0] if mode == "L" else numbers
    if path.suffix == ".tif":
        colour = "minisblack" if mode.startswith("L") else "rgb"
        extra = ["unassalpha"] if mode.endswith("A") else None
        tifffile.imwrite(
            path, numbers, photometric=colour, extrasamples=extra, planarconfig="contig",
            metadata=None, description="a wave", resolution=(200, 200), resolutionunit="INCH",
        )  # fmt: skip
    elif depth == "uint8":
        about = PngInfo()
        about.add_text("Author", "a wave")
        Image.fromarray(numbers).save(path, pnginfo=about, dpi=(300, 300))
    else:
        planes = np.atleast_3d(numbers).transpose(2, 0, 1).astype(np.float32) / 65535
        alpha = planes[-1] if mode.endswith("A") else None
        write_picture(path, Picture(planes[: 1 if mode[0] == "L" else 3].copy(), alpha, depth))
    return path
