"""Measures what docs/noise.md tells, on the validation photographs, and fills its tables.

    python docs/noise.py            # some minutes on one core
    python docs/noise.py maps       # that table alone

Pictures are those of the card `wheel-photos`; networks see their central `SIDE` pixels.
"""

import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import undrift
from undrift.common.metrics.fidelity import psnr
from undrift.restoration.denoising import sampled
from undrift.restoration.noise_models import KnownNoise
from undrift.restoration.noise_models_removal import at_levels, behind_transform
from undrift.restoration.photos import centre_crop, load_photos
from undrift.restoration.sigma import estimate_sigma
from undrift.restoration.verbs import DENOISER

PAGE = Path(__file__).with_name("noise.md")
BLOCK = re.compile(r"(<!-- noise:(\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SIDE, SEEDS, LUMA = 192, 3, (0.299, 0.587, 0.114)
CAMERAS = ((1, 2), (4, 2), (4, 8), (12, 4), (40, 2))
FIDELITIES = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)


def white(x: np.ndarray, sigma: float, seed: int = 0) -> np.ndarray:
    """x with white noise of the 0..255 scale."""
    rng = np.random.default_rng(seed)
    return (x + sigma / 255 * rng.standard_normal(x.shape)).astype(np.float32)


def counted(x: np.ndarray, gain: float, read: float) -> np.ndarray:
    """x as a camera counts it; gain and read on the 0..255 scale."""
    rng = np.random.default_rng(3)
    light = gain / 255 * rng.poisson(x * 255 / gain)
    return (light + read / 255 * rng.standard_normal(x.shape)).astype(np.float32)


def denoiser(x: np.ndarray) -> Callable[[Tensor, float], Tensor]:
    """The shipped network at one level, for pictures with the channels of x (c, h, w)."""
    from undrift.common.sampling import make_sampler
    from undrift.common.wishes import Wishes
    from undrift.restoration.channels import GreyAsColour

    sampler = make_sampler(DENOISER, "denoise", Wishes())
    sampler.model = GreyAsColour.around(sampler.model, torch.from_numpy(x)[None])
    return lambda picture, sigma: sampled(picture, sigma, sampler)


def by_variances(at: Callable, y: Tensor, known: KnownNoise) -> Tensor:
    """Two rounds of a map of deviations from the estimate before, beginning at one level."""
    found = at(y, known.sigma)
    for _ in range(2):
        found = at_levels(at, y, known.deviation(found))
    return found


def crops() -> list[np.ndarray]:
    """The central parts of all pictures."""
    return [np.ascontiguousarray(centre_crop(x, SIDE)) for _, x in load_photos("wheel-photos")]


def mean(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"


def estimates() -> list[str]:
    """How the estimate of sigma lies to the truth."""
    lines = ["| stored | channels | sigma | n | least | median | most | below 0.97 |",
             "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    pictures = [x for _, x in load_photos("wheel-photos")]
    colour = [x for x in pictures if len(x) == 3]
    grey = [np.tensordot(LUMA, x, 1)[None] if len(x) == 3 else x for x in pictures]
    for stored in (False, True):
        for kind, group in (("colour", colour), ("grey", grey)):
            for sigma in (5, 15, 25, 50):
                ratios = []
                for x in group:
                    for seed in range(SEEDS):
                        y = white(x, sigma, seed)
                        y = np.rint(255 * np.clip(y, 0, 1)) / 255 if stored else y
                        found = estimate_sigma(torch.from_numpy(y)[None])
                        ratios.append(255 * found / sigma)
                least, middle, most = np.quantile(ratios, (0, 0.5, 1))
                low = sum(ratio < 0.97 for ratio in ratios)
                lines.append(
                    f"| {'8 bits' if stored else 'floats'} | {kind} | {sigma} | {len(ratios)} | "
                    f"{least:.2f} | {middle:.2f} | {most:.2f} | {low} |"
                )
    return lines


def cameras() -> list[str]:
    """Ways with noise that grows with the light."""
    ways = ("one level", "map of variances", "transform", "transform, estimated")
    lines = [f"| gain | reading | {' | '.join(ways)} |", "|---|---|---|---|---|---|"]
    for gain, read in CAMERAS:
        scores: dict[str, list[float]] = {way: [] for way in ways}
        for x in crops():
            y = counted(x, gain, read)
            light = float(np.sqrt(gain / 255 * x.mean() + (read / 255) ** 2))
            known = KnownNoise(light, gain=gain / 255, read=read / 255)
            at, t = denoiser(x), torch.from_numpy(y)[None]
            scores[ways[0]].append(scored(at(t, light), x))
            scores[ways[1]].append(scored(by_variances(at, t, known), x))
            scores[ways[2]].append(scored(behind_transform(at, t, known), x))
            blind = undrift.denoise(y.transpose(1, 2, 0), noise="poisson-gaussian")
            found = torch.from_numpy(blind.value).permute(2, 0, 1)[None]
            scores[ways[3]].append(scored(found, x))
        lines.append(f"| {gain} | {read} | {' | '.join(map(mean, scores.values()))} |")
    return lines


def maps() -> list[str]:
    """A ramp of noise over the picture, told as a map and as one level."""
    lines = ["| noise, left to right | one level | map |", "|---|---|---|"]
    for low, high in ((5, 20), (5, 50), (15, 75)):
        ramp = np.tile(np.linspace(low, high, SIDE, dtype=np.float32), (SIDE, 1))
        one, told = [], []
        for x in crops():
            field = ramp[: x.shape[1], : x.shape[2]]
            y = torch.from_numpy(x + field / 255 * (white(x, 255, 5) - x))[None]
            at, deviation = denoiser(x), torch.from_numpy(field)[None, None] / 255
            one.append(scored(at(y, float(deviation.square().mean().sqrt())), x))
            told.append(scored(at_levels(at, y, deviation), x))
        lines.append(f"| {low} to {high} | {mean(one)} | {mean(told)} |")
    return lines


def fidelities(sigma: float = 25.0) -> list[str]:
    """Less or more than the noise taken for noise, against a blend that keeps as much of it."""
    lines = ["| fidelity | noise kept | PSNR | PSNR of a blend |", "|---|---|---|---|"]
    for fidelity in FIDELITIES:
        kept, tempered, blended = [], [], []
        for x in crops():
            y = white(x, sigma)
            at, t = denoiser(x), torch.from_numpy(y)[None]
            found, plain = at(t, sigma / 255 / fidelity), at(t, sigma / 255)
            shares = [share_of_noise(z, x, y) for z in (found, plain)]
            weight = (shares[0] - shares[1]) / (1 - shares[1])
            kept.append(shares[0])
            tempered.append(scored(found, x))
            blended.append(scored((1 - weight) * plain + weight * t, x))
        lines.append(f"| {fidelity:g} | {np.mean(kept):.1%} | {mean(tempered)} | {mean(blended)} |")
    return lines


def share_of_noise(found: Tensor, x: np.ndarray, y: np.ndarray) -> float:
    """Part of the noise y - x that is left in the result."""
    noise = torch.from_numpy(y - x)[None].double()
    return float(
        ((found - torch.from_numpy(x)[None]).double() * noise).sum() / noise.square().sum()
    )


def scored(found: Tensor, x: np.ndarray) -> float:
    """PSNR in dB of (1, c, h, w), clipped."""
    return float(psnr(found[0].clamp(0, 1).numpy(), x, data_range=1.0))


def main(names: Sequence[str]) -> None:
    """Fills the blocks of the page that are named, or all."""
    tables = {"estimates": estimates, "cameras": cameras, "maps": maps, "fidelities": fidelities}
    for name in names or tables:
        lines = "\n".join(tables[name]())
        print(lines, flush=True)
        page = BLOCK.sub(
            lambda m, name=name, lines=lines: f"{m[1]}{lines}\n{m[3]}" if m[2] == name else m[0],
            PAGE.read_text(),
        )
        PAGE.write_text(page)


if __name__ == "__main__":
    main(sys.argv[1:])
