"""RDDM, residual denoising diffusion (Liu et al., CVPR 2024): shadow, low light, drops, at 256.

The rows are those that Resfusion prints in its Tables 1 to 3.
"""

from undrift.common.reproduce.paper import Paper, Table
from undrift.restoration.papers.picture_tables import PERCEPTION, data, restored, scored, smoke

ROW, RESIDUAL_ROW = "RDDM, residual and noise", "RDDM, residual"
INPUT = "input"
SOURCE = "Table {} of Resfusion (arXiv 2311.14900), which quotes it"
REGIONS = ("shadow", "non-shadow", "all")
_HOW = (
    "restored pictures of the authors are linked in the README of github.com/nachifur/RDDM (no "
    "licence); weights for these tasks are not published"
)
ISTD = data("istd", "the 540 test triplets of ISTD")
LOL = data("lol", "the 15 test pairs of LOL")
DROPS = data("raindrop", "the 58 pairs of Raindrop's test set A")


def by_region(*triples: tuple[float, float, float]) -> dict[str, float]:
    """Columns of PSNR, SSIM and MAE in shadow, outside and all over."""
    scores = ("PSNR", "SSIM", "MAE")
    return {
        f"{score} {region}": value
        for region, values in zip(REGIONS, triples, strict=True)
        for score, value in zip(scores, values, strict=True)
    }


def input_tables() -> list[Table]:
    """The degraded pictures themselves at 256 pixels, which need the data alone."""
    shadowed = by_region((22.40, 0.936, 32.11), (27.32, 0.976, 6.83), (20.56, 0.893, 10.97))
    return [
        scored("istd-256-input", "ISTD as it comes, 256 pixels", SOURCE.format(1), [ISTD],
               {INPUT: shadowed}),
        scored("lol-256-input", "LOL as it comes, 256 pixels, luma", SOURCE.format(2), [LOL],
               {INPUT: {"PSNR": 9.30, "SSIM": 0.377}}),
        scored("raindrop-256-input", "Raindrop A as it comes, 256 pixels, luma", SOURCE.format(3),
               [DROPS], {INPUT: {"PSNR": 25.81, "SSIM": 0.887}}),
    ]  # fmt: skip


def _tables() -> list[Table]:
    shadowed = by_region((36.74, 0.988, 6.67), (33.18, 0.979, 4.27), (30.91, 0.962, 4.67))
    dark = [LOL, restored("rddm", "lol-256", _HOW)]
    both = [LOL, restored("rddm", "lol-256-both", _HOW)]
    return [
        scored("istd-256", "Shadow removal, ISTD, 256 pixels", SOURCE.format(1),
               [ISTD, restored("rddm", "istd-256", _HOW)], {ROW: shadowed}),
        scored("lol-256", "Low light, LOL, 256 pixels, luma", SOURCE.format(2), dark,
               {RESIDUAL_ROW: {"PSNR": 25.39, "SSIM": 0.937}}),
        scored("lol-256-both", "The same, predicting noise as well", SOURCE.format(2), both,
               {ROW: {"PSNR": 23.90, "SSIM": 0.931}}),
        scored("lol-256-perception", "The same, by a perceptual score", SOURCE.format(2),
               [*dark, PERCEPTION], {RESIDUAL_ROW: {"LPIPS": 0.116}}),
        scored("raindrop-256", "Drops, Raindrop A, 256 pixels, luma", SOURCE.format(3),
               [DROPS, restored("rddm", "raindrop-256", _HOW)],
               {ROW: {"PSNR": 32.51, "SSIM": 0.956}}),
    ]  # fmt: skip


REGION_SCORES = {
    "PSNR shadow": 33.3856659, "SSIM shadow": 0.9833627, "MAE shadow": 5.5757135,
    "PSNR non-shadow": 30.4500795, "SSIM non-shadow": 0.9705479, "MAE non-shadow": 5.3345134,
    "PSNR all": 28.6641193, "SSIM all": 0.9529561, "MAE all": 5.4161697,
}  # fmt: skip
SCORES = {
    "luma at 256": {"PSNR": 31.6802215, "SSIM": 0.8380478},
    "regions": REGION_SCORES,
}

PAPER = Paper(
    id="rddm",
    title="Residual Denoising Diffusion Models",
    domain="restoration",
    citation="rddm",
    claim="a diffusion of the residual beside that of the noise lets a plain U-Net with an L1 loss "
    "and batches of one compete in restoration, in five steps or fewer",
    protocol="T = 1000, falling residual and growing noise increments, sum of beta^2 1 (drops) or "
    ".01 (low light); two U-Nets predict residual and noise, L1; Adam 8e-5, batch 1, 120 000 "
    "iterations at 256 x 256; 5 deterministic steps. Everything is resized to 256 x 256, so that "
    "the numbers compare with no other table. Scores (MATLAB): drops and low light on luma rounded "
    "to 8 bits, after imresize of 8-bit pictures; ISTD by region, PSNR and SSIM of RGB resized as "
    "numbers, where SSIM takes the colours for a third axis, and the error in Lab. The program "
    "bounds the residual to [-1, 1], although it reaches 2; the smoke run does so, too.",
    measure="undrift.restoration.papers.rddm_protocol:measure",
    trains=True,
    tables=[
        *input_tables(),
        *_tables(),
        smoke(
            1.25,
            SCORES,
            [("low light", 8.0, "at least")],
            "training and sampling: two thirds of the fall that was measured (1.9), half of the "
            "gain (16.8 dB)",
        ),
    ],
)
