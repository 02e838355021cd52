"""Measures and draws docs/real_noise.md: real noisy pictures, restored without anything clean.

    python docs/real_noise.py [hubble] [clock] [mri]      # about two minutes of one core each

Pictures come with installed packages; nothing is downloaded. Everything is printed as JSON lines
and written to docs/results/real_noise.jsonl; sheets go to docs/images/real_noise_NAME.png.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

import undrift
from undrift.restoration.baselines import BASELINES
from undrift.restoration.self_supervised.denoiser import BlindSpotDenoiser
from undrift.restoration.self_supervised.whiteness import whiteness
from undrift.restoration.sigma import SAFETY, estimate_sigma

ROOT = Path(__file__).resolve().parent
RESULTS = ROOT / "results" / "real_noise.jsonl"
ITERATIONS, WIDTH, DEPTH = 300, 16, 3
SIDE, ZOOM, GAP, LINE = 96, 2, 4, 18


@dataclass(frozen=True)
class Real:
    """Pixels (c, h, w) in [0, 1]. stride: of the training. corner: of the piece that is drawn."""

    pixels: np.ndarray
    stride: int
    corner: tuple[int, int]


def _of_skimage(name: str) -> np.ndarray:
    import skimage.data

    x = np.asarray(Image.open(Path(skimage.data.__file__).with_name(name)), np.float32) / 255
    return np.atleast_3d(x).transpose(2, 0, 1)


def hubble() -> Real:
    """A piece of the Hubble deep field: correlated noise of stacking and resampling, JPEG."""
    return Real(_of_skimage("hubble_deep_field.jpg")[:, 300:556, 300:556], 2, (80, 80))


def clock() -> Real:
    """A clock, photographed with a moving camera: white noise of about one unit of 255."""
    return Real(_of_skimage("clock_motion.png"), 1, (100, 130))


def mri() -> Real:
    """One slice of a diffusion-weighted scan of a head."""
    import nibabel

    path = Path(nibabel.__file__).parent / "tests" / "data" / "example4d.nii.gz"
    volume = np.asarray(nibabel.load(path).dataobj, np.float32)  # type: ignore[attr-defined]
    x = np.rot90(volume[:, :, 12, 0])
    return Real(np.ascontiguousarray(x / x.max())[None], 1, (0, 16))


PICTURES = {"hubble": hubble, "clock": clock, "mri": mri}


def restored(real: Real) -> dict[str, tuple[np.ndarray, float]]:
    """Name -> estimate (c, h, w) and seconds."""
    y = real.pixels
    sigma = estimate_sigma(torch.from_numpy(y)[None]) / SAFETY

    def default() -> np.ndarray:
        found = undrift.denoise(
            y.transpose(1, 2, 0)[..., 0] if len(y) == 1 else y.transpose(1, 2, 0)
        )
        return np.atleast_3d(found.value).transpose(2, 0, 1)

    def blind_spot(method: str, again: bool = False) -> np.ndarray:
        fitted = BlindSpotDenoiser.fit(
            [y], method=method, stride=real.stride, iterations=ITERATIONS, width=WIDTH,
            depth=DEPTH, again=again, device="cpu",
        )  # fmt: skip
        return fitted(torch.from_numpy(y)[None])[0].numpy()

    ways = {
        "wavelet": lambda: BASELINES["wavelet"](y, sigma=sigma),
        "NLM": lambda: BASELINES["nlm"](y, sigma=sigma),
        "default, sigma auto": default,
        "C-BSN": lambda: blind_spot("c-bsn"),
        "SDAP": lambda: blind_spot("sdap"),
    }
    found = {}
    for name, way in ways.items():
        began = time.monotonic()
        found[name] = way(), time.monotonic() - began
    return found


def sheet(real: Real, found: dict[str, tuple[np.ndarray, float]]) -> Image.Image:
    """The noisy piece and its restorations above, four times the residuals below."""
    panels = {"as it is": real.pixels, **{name: x for name, (x, _) in found.items()}}
    top, left = real.corner
    height, width = (min(SIDE, n) for n in real.pixels.shape[1:])
    cut = (slice(None), slice(top, top + height), slice(left, left + width))
    low, high = np.percentile(real.pixels[cut], [0.5, 99.5])
    page = Image.new(
        "RGB", (len(panels) * (width * ZOOM + GAP), 2 * (height * ZOOM + GAP) + LINE), "white"
    )
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=13)
    for k, (name, x) in enumerate(panels.items()):
        place = k * (width * ZOOM + GAP)
        draw.text((place, 1), name, "black", font)
        left_over = (real.pixels - x)[cut] * 4 / (high - low) + 0.5
        for row, piece in enumerate(((x[cut] - low) / (high - low), left_over)):
            if k or not row:
                page.paste(_drawn(piece), (place, LINE + row * (height * ZOOM + GAP)))
    return page


def _drawn(piece: np.ndarray) -> Image.Image:
    eight = np.rint(np.clip(piece, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    image = Image.fromarray(eight[..., 0] if eight.shape[2] == 1 else eight)
    return image.resize((image.width * ZOOM, image.height * ZOOM), Image.Resampling.NEAREST)


def main(names: list[str]) -> None:
    """Measures and draws the pictures named."""
    kept = (
        [json.loads(line) for line in RESULTS.read_text().splitlines()] if RESULTS.exists() else []
    )
    for name in names or list(PICTURES):
        real = PICTURES[name]()
        found = restored(real)
        kept = [row for row in kept if row["picture"] != name]
        for method, (x, seconds) in found.items():
            measured = asdict(whiteness(255 * real.pixels, 255 * x))
            row = {"picture": name, "method": method, "seconds": round(seconds, 1), **measured}
            row = {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}
            row["lags"] = [round(v, 4) for v in measured["lags"]]
            kept.append(row)
            print(json.dumps(row), flush=True)
        sheet(real, found).save(ROOT / "images" / f"real_noise_{name}.png", optimize=True)
    RESULTS.write_text("".join(json.dumps(row) + "\n" for row in kept))


if __name__ == "__main__":
    main(sys.argv[1:])
