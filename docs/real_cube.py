"""Denoises a real cube as it is, without anything put on, and draws and measures what was removed.

    undrift data make indian-pines -o scene --archives packages
    python docs/real_cube.py scene/indian-pines.hdr                   # a minute or so of one core
    python docs/real_cube.py scene/indian-pines.hdr --method low-rank --nm 1100,1412,1943

Nobody knows the clean cube. What was removed, y - x, should be white in each band, as large as the
noise that the other bands tell, and have nothing in common with the picture. Numbers go to
docs/results/real_cube.jsonl, a line a method and group of bands: all, the noisy ones (noise above
2 % of the range of values) and the clear ones (below 1 %); pictures of the first method to
docs/images/real_cube.png (composites, then bands before, after, and the residual on one scale) and
docs/images/real_cube_spectra.png. The cube may miss no values.
"""

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import undrift
from undrift.common.files import stem
from undrift.restoration.self_supervised.whiteness import Whiteness, whiteness
from undrift.scientific.hyperspectral import denoise
from undrift.scientific.hyperspectral.benchmark import baselines, suite
from undrift.scientific.hyperspectral.benchmark.cases import Case
from undrift.scientific.hyperspectral.cubes.cube import Cube
from undrift.scientific.hyperspectral.cubes.files import open_cube
from undrift.scientific.hyperspectral.noise.estimate import NoiseReport, noise_report
from undrift.scientific.hyperspectral.pictures import COLOURS, Line, composite, grey, lines

ROOT = Path(__file__).resolve().parent
RESULTS, IMAGES = ROOT / "results" / "real_cube.jsonl", ROOT / "images"
METHODS = "model,low-rank,turns nlm,filled fasthyde,pca"
EDGES = "1100,1412,1943"  # nm; bands of AVIRIS at the edges of water vapour
NOISY, CLEAR = 0.02, 0.01  # deviation of the noise, of the range of values
ZOOM, GAP, LINE = 2, 4, 18
PIXELS = ((0.2, 0.3), (0.5, 0.55), (0.8, 0.7))  # of the spectra, as shares of rows and columns


def restored(cube: Cube, method: str, item: str) -> np.ndarray:
    """The estimate (bands, rows, columns) of one of the benchmark's methods."""
    if method in suite.OURS:
        return denoise(cube, method=suite.OURS[method], item=item).value.array
    case = Case("as it is", "sensor", item, cube, cube.array)
    return baselines.restore(method, case).astype(cube.array.dtype)


def groups(cube: Cube, report: NoiseReport) -> dict[str, np.ndarray]:
    """Name -> (bands,) bool."""
    flat = cube.array.reshape(cube.bands, -1)
    share = report.sigma / np.ptp(flat, 1)
    return {"all": np.ones(cube.bands, bool), "noisy": share > NOISY, "clear": share < CLEAR}


def measured(cube: Cube, x: np.ndarray, report: NoiseReport) -> Iterator[dict[str, Any]]:
    """Medians over the bands of each group. removed: deviation of the residual over the noise."""
    each = [
        whiteness(before[None], after[None]) if (before != after).any() else None
        for before, after in zip(cube.array, x, strict=True)
    ]
    for name, bands in groups(cube, report).items():
        pairs = [(one, s) for one, s, here in zip(each, report.sigma, bands, strict=True) if here]
        found = [(one, one.deviation / s) for one, s in pairs if one is not None]
        if not found:
            continue
        told = {key: _median(found, key) for key in ("flatness", "common", "detail")}
        lags = np.median([one.lags[:4] for one, _ in found], 0).round(4).tolist()
        removed = round(float(np.median([share for _, share in found])), 4)
        yield {"bands": name, "n": len(pairs), "removed": removed, **told, "lags": lags}


def _median(found: list[tuple[Whiteness, float]], key: str) -> float:
    return round(float(np.median([getattr(one, key) for one, _ in found])), 4)


def sheet(cube: Cube, x: np.ndarray, wavelengths: list[float]) -> Image.Image:
    """Composites, then for each wavelength its band before, after, and the residual."""
    after = cube.with_array(x)
    rows: list[dict[str, np.ndarray]] = [
        {"as it is": composite(cube), "denoised": composite(after, like=cube)}
    ]
    for nm in wavelengths:
        band = _nearest(cube, nm)
        y, z = cube.array[band], x[band]
        low, high = np.percentile(y, [2, 98])
        left = (y - z) / (high - low) + 0.5
        wave = "" if cube.wavelengths is None else f", {cube.wavelengths[band]:.0f} nm"
        rows.append({
            f"band {band}{wave}": grey(y)[None], "denoised": grey(z, like=y)[None],
            "removed, same scale": left[None],
        })  # fmt: skip
    height, width = (ZOOM * n for n in cube.array.shape[1:])
    page = Image.new("RGB", (3 * (width + GAP), len(rows) * (height + LINE)), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=13)
    for number, row in enumerate(rows):
        for column, (name, picture) in enumerate(row.items()):
            place = column * (width + GAP), number * (height + LINE)
            draw.text((place[0], place[1] + 1), name, "black", font)
            page.paste(_drawn(picture), (place[0], place[1] + LINE))
    return page


def _drawn(picture: np.ndarray) -> Image.Image:
    eight = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    image = Image.fromarray(eight[..., 0] if eight.shape[2] == 1 else eight)
    return image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.NEAREST)


def _nearest(cube: Cube, nm: float) -> int:
    if cube.wavelengths is None:
        return min(int(nm), cube.bands - 1)
    return int(abs(cube.wavelengths - nm).argmin())


def spectra(cube: Cube, x: np.ndarray) -> Image.Image:
    """Spectra of three pixels, dots before and lines after."""
    plain = np.arange(cube.bands, dtype=np.float64)
    bands = plain if cube.wavelengths is None else cube.wavelengths
    order = np.argsort(bands, kind="stable")  # spectrometers overlap
    shown = []
    for (row, column), colour in zip(PIXELS, COLOURS, strict=False):
        r, c = int(row * cube.array.shape[1]), int(column * cube.array.shape[2])
        y, z = (values[order, r, c].astype(np.float64) for values in (cube.array, x))
        shown += [Line("", y, colour, dots=True), Line(f"row {r}, column {c}", z, colour)]
    drawn = lines("dots: as it is, lines: denoised", bands[order], shown, "nm", size=(900, 320))
    return Image.fromarray(np.ascontiguousarray(drawn.transpose(1, 2, 0)))


def main(words: list[str] | None = None) -> None:
    """Measures all methods, draws the first."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("cube", type=Path)
    parser.add_argument("--method", default=METHODS)
    parser.add_argument("--nm", default=EDGES)
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--images", type=Path, default=IMAGES)
    asked = parser.parse_args(words)
    cube, name = open_cube(asked.cube), stem(asked.cube)
    report, records = noise_report(cube), list[Mapping[str, Any]]()
    for number, method in enumerate(asked.method.split(",")):
        began = time.process_time()
        x = restored(cube, method, name)
        seconds = round(time.process_time() - began, 1)
        told = {"cube": name, "method": method, "seconds": seconds, "version": undrift.__version__}
        for row in measured(cube, x, report):
            records.append({**told, **row})
            print(json.dumps(records[-1]), flush=True)
        if number == 0:
            page = sheet(cube, x, [float(nm) for nm in asked.nm.split(",")])
            page.save(asked.images / "real_cube.png", optimize=True)
            spectra(cube, x).save(asked.images / "real_cube_spectra.png", optimize=True)
    asked.results.write_text("".join(json.dumps(row) + "\n" for row in records))


if __name__ == "__main__":
    main()
