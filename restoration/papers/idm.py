"""IDM, invertible diffusion models for compressed sensing (Chen et al., TPAMI 2025)."""

from undrift.common.reproduce.paper import FALL, STEPS, Need, Paper
from undrift.restoration.papers.posterior_parts import pictures, published, smoke

SETS = ("Set11", "CBSD68", "Urban100", "DIV2K")
COLUMNS = tuple(f"{name}, {rate} %" for name in SETS for rate in (10, 30, 50))
Row = tuple[float | None, ...]

PSNR: dict[str, Row] = {
    "DGUNet+": (30.92, None, 41.24, 27.89, None, 36.86, 27.42, None, 37.13, 30.25, None, 40.33),
    "MR-CCSNet+": (None, None, 39.27, None, None, 35.45, None, None, 34.40, None, None, 38.16),
    "FSOINet": (30.44, 37.00, 41.08, 28.12, 33.15, 37.18, 26.87, 33.29, 37.25, 30.01, 36.03, 40.38),
    "CASNet": (30.31, 36.91, 40.93, 28.16, 33.05, 36.99, 26.85, 32.85, 36.94, 30.01, 35.90, 40.14),
    "TransCS": (29.54, 35.62, 40.50, 27.76, 32.43, 36.65, 25.82, 31.18, 36.64, 29.09, 34.76, 39.75),
    "OCTUF+": (30.70, 37.35, 41.36, 28.18, 33.23, 37.28, 27.28, 33.87, 37.82, 30.17, 36.25, 40.61),
    "CSformer": (30.66, None, 41.04, 28.11, None, 36.75, 27.13, None, 37.04, 29.96, None, 40.04),
    "PRL-PGD+": (
        31.70, 37.89, 41.78, 28.50, 33.41, 37.37, 28.77, 34.73, 38.57, 30.75, 36.64, 40.97,
    ),
    "IDM": (32.92, 38.85, 42.48, 28.69, 34.67, 39.57, 31.41, 36.76, 40.33, 31.07, 36.98, 41.15),
}  # fmt: skip

_NEEDS = [
    Need(
        kind="files",
        name="papers/idm/weight",
        what="the authors' weights, one for each rate",
        how="linked in the README of github.com/Guaishou74851/IDM",
    ),
    pictures(
        "cs-test", "Set11, CBSD68, Urban100 and DIV2K", "github.com/Guaishou74851/SCNet, data"
    ),
    Need(
        kind="code",
        name="Stable Diffusion's U-Net with reversible blocks and injectors",
        what="the authors' network",
        how="not part of undrift; github.com/Guaishou74851/IDM has it",
    ),
]

PAPER = Paper(
    id="idm",
    title="Invertible Diffusion Models for Compressed Sensing",
    domain="restoration",
    citation="idm",
    claim="a few sampling steps, trained end to end for one operator, are up to 10.09 dB above the "
    "same prior used without training (DDNM), and above networks made for the task",
    protocol="3 steps with the measurement put back in each, coupled so that they can be inverted; "
    "L1 loss, Adam; blocks of 32 pixels measured by orthonormal rows; PSNR of the luminance. The "
    "smoke run: the shipped denoiser in 3 steps, 200 of training on synthetic pictures whose "
    "blocks of 8 pixels keep a quarter of their values; then pictures of another seed.",
    measure="undrift.restoration.papers.idm_smoke:measure",
    trains=True,
    tables=[
        published(
            "psnr", "PSNR of the luminance, dB", "Table 1 as shown in figs/res1.png of "
            "github.com/Guaishou74851/IDM; tolerance 1 %", _NEEDS, PSNR, COLUMNS, 0.01,
        ),
        smoke(
            [
                (*STEPS, 200, 0.0, "at least"),
                (*FALL, 1.5, 0.0, "at least"),
                ("trained", "dB above A^+ y", 0.0, 0.0, "at least"),
                ("trained", "dB above DDNM with as many calls", 0.0, 0.0, "at least"),
            ],
            "bounds: the loss falls, and training is worth something (the paper's claim), on "
            "pictures that were not trained on",
        ),
    ],
)  # fmt: skip
