"""Every kind of file in windows gives what the task gives for the whole, and keeps what it says."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import png
import pytest
import tifffile
from in_windows import WAYS, both, check, in_small_parts, picture
from PIL import Image

from undrift.restoration import large

RNG = np.random.default_rng(3)


@pytest.fixture(autouse=True, params=WAYS)
def small_parts(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Every test in windows and in strips."""
    in_small_parts(monkeypatch, request.param)


@pytest.mark.parametrize(("suffix", "mode", "depth"), [
    (".tif", "RGBA", "uint8"), (".tif", "LA", "uint16"), (".tif", "L", "float32"),
    (".tif", "RGB", "float64"), (".tif", "L", "int16"),
    (".png", "RGB", "uint8"), (".png", "L", "uint8"), (".png", "RGBA", "uint8"),
    (".png", "RGB", "uint16"), (".png", "LA", "uint16"), (".png", "RGBA", "uint16"),
])  # fmt: skip
def test_kinds(suffix: str, mode: str, depth: str, denoise_model: str, tmp_path: Path) -> None:
    source = picture(tmp_path / f"a{suffix}", mode, depth)
    target = tmp_path / f"b{suffix}"
    ours, whole, told, info = both("denoise", source, target, sigma=25, model=denoise_model)
    check(ours, whole)
    assert ours.metadata.dpi == whole.metadata.dpi
    assert ours.metadata.text == whole.metadata.text
    assert ours.metadata.exif == whole.metadata.exif
    assert '"sigma": 25.0' in ours.metadata.history[0]
    if "A" not in mode:
        assert told["chi"] == pytest.approx(info["chi"], abs=2e-4)
        assert told["residual_rms"] == pytest.approx(info["residual_rms"], rel=1e-4)


def test_a_transparent_colour(denoise_model: str, tmp_path: Path) -> None:
    array = RNG.integers(0, 4, (60, 60, 3), dtype=np.uint8) * 60
    Image.fromarray(array).save(tmp_path / "a.png", transparency=(60, 120, 0))
    clear = (array == (60, 120, 0)).all(-1)
    assert 0 < clear.mean() < 0.1
    ours, whole, _, _ = both(
        "denoise", tmp_path / "a.png", tmp_path / "b.png", sigma=25, model=denoise_model
    )
    check(ours, whole)
    assert ours.alpha is not None
    np.testing.assert_array_equal(ours.alpha == 0, clear)


@pytest.mark.parametrize("turn", range(1, 9))
def test_jpeg_of_any_orientation(turn: int, denoise_model: str, tmp_path: Path) -> None:
    image = Image.open(picture(tmp_path / "a.png", "RGB", "uint8", (48, 64)))
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = turn, "a wave"
    image.save(tmp_path / "a.jpg", quality=95, exif=exif)
    ours, whole, _, _ = both(
        "denoise", tmp_path / "a.jpg", tmp_path / "b.png", sigma=25, model=denoise_model
    )
    check(ours, whole)
    assert ours.pixels.shape[1:] == ((48, 64) if turn < 5 else (64, 48))
    assert ours.metadata.exif == whole.metadata.exif


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp"])
def test_files_that_pillow_writes(suffix: str, denoise_model: str, tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png", "RGB", "uint8")
    ours, whole, _, _ = both(
        "denoise", source, tmp_path / f"b{suffix}", sigma=25, model=denoise_model
    )
    assert ours.format == whole.format
    gap = np.abs(ours.pixels - whole.pixels)
    assert np.median(gap) == 0
    assert (gap > 0).mean() < 0.01  # a JPEG block may turn with one of its numbers


@pytest.mark.parametrize("said", [
    {}, {"gain": 4.0, "read_noise": 2.0}, {"noise": "poisson-gaussian"},
    {"sigma": 20, "fidelity": 2.0}, {"sigma": 20, "fidelity": 0.5},
    {"sigma": 20, "solver": "auto-sde", "steps": 2},
], ids=str)  # fmt: skip
def test_noise_of_every_kind(said: dict[str, Any], denoise_model: str, tmp_path: Path) -> None:
    """One block holds the picture, so that estimates are those of the whole."""
    source = picture(tmp_path / "a.tif", "L", "uint16")
    ours, whole, told, info = both(
        "denoise", source, tmp_path / "b.tif", model=denoise_model, **said
    )
    check(ours, whole, 2)
    for name in ("sigma", "gain", "read_noise", "fidelity", "nfe"):
        assert (name in told) == (name in info)
        assert told.get(name, 0.0) == pytest.approx(info.get(name, 0.0), rel=1e-6)
    assert told["chi"] == pytest.approx(info["chi"], abs=2e-4)


def test_files_that_are_read_whole(denoise_model: str, tmp_path: Path) -> None:
    grey = RNG.integers(0, 256, (64, 64), dtype=np.uint8)
    Image.fromarray(grey).convert("P").save(tmp_path / "palette.png")
    laced = io.BytesIO()
    options: Any = {"greyscale": True, "interlace": True}
    png.Writer(64, 64, **options).write_array(laced, grey.ravel())
    (tmp_path / "laced.png").write_bytes(laced.getvalue())
    tifffile.imwrite(tmp_path / "nan.tif", np.where(grey == 3, np.nan, grey).astype(np.float32))
    tifffile.imwrite(tmp_path / "planes.tif", np.stack([grey] * 3), photometric="rgb",
                     planarconfig="separate")  # fmt: skip
    tifffile.imwrite(tmp_path / "two.tif", np.stack([grey] * 2), photometric="minisblack")
    Image.fromarray(grey).save(tmp_path / "lzw.tif", compression="tiff_lzw")
    Image.fromarray(grey).convert("CMYK").save(tmp_path / "print.jpg")
    settings = {"sigma": 25, "model": denoise_model}
    for path in sorted(tmp_path.iterdir()):
        found = large.restore_large("denoise", path, tmp_path / "o.tif", "", settings, True)
        assert found is None, path
    plain = picture(tmp_path / "plain.tif", "L", "uint8")
    for more in ({"pad": "wrap"}, {"samples": 2}, {"tile": "off"}, {"method": "blind-spot"}):
        wanted = {**settings, **more}
        assert (
            large.restore_large("denoise", plain, tmp_path / "o.tif", "", wanted, True) is None
        ), more
    assert not (tmp_path / "o.tif").exists()
