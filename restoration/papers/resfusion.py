"""Resfusion, prior residual noise (Shi et al., NeurIPS 2024): shadow, low light, drops.

The numbers are those of Tables 1 to 3 of the paper (arXiv 2311.14900).
"""

from undrift.common.reproduce.paper import Paper, Table
from undrift.restoration.papers.picture_tables import PERCEPTION, restored, scored, smoke
from undrift.restoration.papers.rddm import (
    DROPS,
    INPUT,
    ISTD,
    LOL,
    REGION_SCORES,
    by_region,
    input_tables,
)

ROW = "Resfusion"
_SOURCE = "Table {} of the paper (arXiv 2311.14900)"
_HOW = (
    "restored pictures of the authors are linked in the README of github.com/nkicsl/Resfusion (CC "
    "BY-NC-SA 4.0); weights are not published"
)


def _needs(table: str) -> list:
    card = {"istd": ISTD, "lol": LOL, "raindrop": DROPS}[table.partition("-")[0]]
    return [card, restored("resfusion", table, _HOW)]


def _inputs() -> list[Table]:
    shadowed = by_region((22.34, 0.935, 33.23), (26.45, 0.947, 7.25), (20.33, 0.874, 11.35))
    return [
        *input_tables(),
        scored("istd-input", "ISTD as it comes", _SOURCE.format(1), [ISTD], {INPUT: shadowed}),
        scored("lol-input", "LOL as it comes", _SOURCE.format(2), [LOL],
               {INPUT: {"PSNR": 7.77, "SSIM": 0.191}}),
        scored("raindrop-input", "Raindrop A as it comes, luma", _SOURCE.format(3), [DROPS],
               {INPUT: {"PSNR": 25.40, "SSIM": 0.882}}),
    ]  # fmt: skip


def _tables() -> list[Table]:
    small = by_region((37.51, 0.990, 6.49), (34.26, 0.978, 4.48), (31.81, 0.965, 4.81))
    large = by_region((36.45, 0.985, 7.08), (32.08, 0.950, 5.02), (30.09, 0.932, 5.34))
    rows: dict[str, tuple[str, int, dict[str, float]]] = {
        "istd-256": ("Shadow removal, ISTD, 256 pixels", 1, small),
        "istd": ("Shadow removal, ISTD", 1, large),
        "lol-256": ("Low light, LOL, 256 pixels, luma", 2, {"PSNR": 30.02, "SSIM": 0.954}),
        "lol": ("Low light, LOL", 2, {"PSNR": 24.63, "SSIM": 0.860}),
        "raindrop-256": ("Drops, Raindrop A, 256 pixels, luma", 3, {"PSNR": 34.40, "SSIM": 0.975}),
        "raindrop": ("Drops, Raindrop A, luma", 3, {"PSNR": 32.61, "SSIM": 0.938}),
    }
    tables = [
        scored(name, title, _SOURCE.format(number), _needs(name), {ROW: values})
        for name, (title, number, values) in rows.items()
    ]
    for name, value in (("lol-256", 0.070), ("lol", 0.107)):
        tables.append(
            scored(f"{name}-perception", f"{rows[name][0]}, by a perceptual score",
                   _SOURCE.format(2), [*_needs(name), PERCEPTION], {ROW: {"LPIPS": value}})
        )  # fmt: skip
    return tables


SCORES = {
    "luma": {"PSNR": 30.4513558, "SSIM": 0.8561219},
    "luma at 256": {"PSNR": 31.6802215, "SSIM": 0.8380478},
    "RGB": {"PSNR": 28.6641193, "SSIM": 0.9096739},
    "regions": REGION_SCORES,
}

PAPER = Paper(
    id="resfusion",
    title="Resfusion: Denoising Diffusion Probabilistic Models for Image Restoration Based on "
    "Prior Residual Noise",
    domain="restoration",
    citation="resfusion",
    claim="a diffusion that begins half-way from the degraded picture needs five steps and one "
    "U-Net, and keeps the noise schedules of DDPM",
    protocol="linear schedule of 12 steps, cut where nothing of x0 is left, so that 5 remain; the "
    "network predicts the weighted sum of residual and noise, MSE; AdamW, rate 8.8e-4 a batch of "
    "256, cosine to 3e-5 over 5000 epochs; crops of 256; samples at the size of the picture by "
    "the posterior. Two settings: resized to 256 x 256 as for RDDM, and at full size, where LOL is "
    "scored on RGB with scikit-image's default SSIM, drops on luma rounded to 8 bits, ISTD by "
    'region. No brightness is taken from the clean picture (no "GT-mean"). The smoke run trains '
    "a small network with this process and loss on low light.",
    measure="undrift.restoration.papers.resfusion_protocol:measure",
    trains=True,
    tables=[
        *_inputs(),
        *_tables(),
        smoke(
            3.7,
            SCORES,
            [("low light", 3.2, "at least")],
            "training and sampling: two thirds of the fall that was measured (5.5), half of the "
            "gain (6.5 dB)",
        ),
    ],
)
