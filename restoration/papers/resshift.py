"""ResShift, residual shifting for super-resolution (Yue, Wang and Loy, NeurIPS 2023; TPAMI 2025).

The rows are those that "One-Step Residual Shifting Diffusion for Image Super-Resolution via
Distillation" (RSD) prints in its Table 2; SinSR prints 24.90, .673, .228, .603 and 53.90 for the
same model on ImageNet-Test, hence the tolerance.
"""

from undrift.common.reproduce.paper import Paper, Table
from undrift.restoration.papers.picture_tables import (
    PERCEPTION,
    closed,
    data,
    restored,
    scored,
    smoke,
)

ROW = "ResShift, 15 steps"
_SOURCE = "Table 2 of RSD (One-Step Residual Shifting Diffusion), which quotes it; SinSR prints "
_HOW = (
    "the authors' weights are linked in the README of github.com/zsyOAOA/ResShift (S-Lab License "
    "1.0, non-commercial): run their program, or train"
)
_TEST = data(
    "imagenet-test",
    "the 3000 pictures of ImageNet-Test and their small ones, made by scripts/"
    "prepare_testing_imagenet.py of the authors",
)
_REAL = data("realsr", "the 100 test pairs of RealSR x4")


def _tables() -> list[Table]:
    imagenet, real = (restored("resshift", name, _HOW) for name in ("imagenet-test", "realsr"))
    other = f"{_SOURCE}24.90 and .673"
    return [
        scored("imagenet-test", "x4 of the 3000 pictures of ImageNet-Test", other,
               [_TEST, imagenet], {ROW: {"PSNR": 25.01, "SSIM": 0.677}}, tolerance=0.15),
        scored("imagenet-test-perception", "The same, by perceptual scores",
               f"{_SOURCE}.228, .603 and 53.90", [_TEST, imagenet, PERCEPTION],
               {ROW: {"LPIPS": 0.231, "CLIPIQA": 0.592, "MUSIQ": 53.66, "FID": 30.3}}),
        scored("realsr", "x4 of the 100 pictures of RealSR", f"{_SOURCE}26.31 there",
               [_REAL, real], {ROW: {"PSNR": 26.49, "SSIM": 0.754}}, tolerance=0.2),
        scored("realsr-perception", "The same, by perceptual scores", _SOURCE + ".596 and 59.87",
               [_REAL, real, PERCEPTION],
               {ROW: {"LPIPS": 0.360, "CLIPIQA": 0.596, "MUSIQ": 59.87}}),
        closed("bicubic", "x4 of bicubic pictures, 4 steps",
               "the tables of the extended paper (TPAMI, arXiv 2403.07319)",
               [_TEST, restored("resshift", "bicubic", _HOW)]),
    ]  # fmt: skip


SCORES = {"rounded luma": {"PSNR": 30.4513558, "SSIM": 0.8561219}}

PAPER = Paper(
    id="resshift",
    title="ResShift: Efficient Diffusion Model for Image Super-resolution by Residual Shifting",
    domain="restoration",
    citation="resshift",
    claim="15 steps (4 in the extended paper) are as good as hundreds of a diffusion that begins "
    "with noise",
    protocol="x4 from 64 to 256 pixels. Process: kappa 2, sqrt(eta) from .02 to .99 with power .3 "
    "in 15 steps, or from .1 in 4; in the latent space of a VQ autoencoder of factor 4; a "
    "Swin-U-Net of 118.6 million parameters predicts x0; MSE, AdamW 5e-5, batch 64, 300 000 or "
    "500 000 iterations, averaged with .999. Scores: 8-bit pictures, PSNR and SSIM (Gaussian "
    "window of 11) of luma rounded to 8 bits, no border left out (SinSR's evaluation, with pyiqa). "
    "The smoke run works on pixels with the same process, loss and sampler, 15 and 4 steps.",
    measure="undrift.restoration.papers.resshift_protocol:measure",
    trains=True,
    tables=[
        *_tables(),
        smoke(
            7.5,
            SCORES,
            [(f"super-resolution, {steps} steps", -1.0, "at least") for steps in (15, 4)],
            "training: two thirds of the fall that was measured (11.6 and 12.0); a picture is as "
            "good as the bicubic one after so few steps, give or take 1 dB",
        ),
    ],
)
