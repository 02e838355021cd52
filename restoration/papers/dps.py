"""DPS, diffusion posterior sampling (Chung et al., ICLR 2023)."""

from undrift.common.reproduce.paper import Paper, Table
from undrift.restoration.papers.posterior_parts import (
    FACES,
    FIELD,
    IMAGENET,
    PERCEPTION,
    PICTURE,
    pictures,
    published,
    smoke,
)

TASKS = ("SR x4", "box", "random", "Gaussian blur", "motion blur")
COLUMNS = tuple(f"{task}, {metric}" for task in TASKS for metric in ("FID", "LPIPS"))
Row = tuple[float | None, ...]

FFHQ: dict[str, Row] = {
    "DPS": (39.35, 0.214, 33.12, 0.168, 21.19, 0.212, 44.05, 0.257, 39.92, 0.242),
    "DDRM": (62.15, 0.294, 42.93, 0.204, 69.71, 0.587, 74.92, 0.332, None, None),
    "MCG": (87.64, 0.520, 40.11, 0.309, 29.26, 0.286, 101.2, 0.340, 310.5, 0.702),
    "PnP-ADMM": (66.52, 0.353, 151.9, 0.406, 123.6, 0.692, 90.42, 0.441, 89.08, 0.405),
    "Score-SDE": (96.72, 0.563, 60.06, 0.331, 76.54, 0.612, 109.0, 0.403, 292.2, 0.657),
    "ADMM-TV": (110.6, 0.428, 68.94, 0.322, 181.5, 0.463, 186.7, 0.507, 152.3, 0.508),
}
PHOTOGRAPHS: dict[str, Row] = {
    "DPS": (50.66, 0.337, 38.82, 0.262, 35.87, 0.303, 62.72, 0.444, 56.08, 0.389),
    "DDRM": (59.57, 0.339, 45.95, 0.245, 114.9, 0.665, 63.02, 0.427, None, None),
    "MCG": (144.5, 0.637, 39.74, 0.330, 39.19, 0.414, 95.04, 0.550, 186.9, 0.758),
    "PnP-ADMM": (97.27, 0.433, 78.24, 0.367, 114.7, 0.677, 100.6, 0.519, 89.76, 0.483),
    "Score-SDE": (170.7, 0.701, 54.07, 0.354, 127.1, 0.659, 120.3, 0.667, 98.25, 0.591),
    "ADMM-TV": (130.9, 0.523, 87.69, 0.319, 189.3, 0.510, 155.7, 0.588, 138.8, 0.525),
}
PHASE: dict[str, Row] = {
    "DPS": (55.61, 0.399),
    "OSS": (137.7, 0.635),
    "HIO": (96.40, 0.542),
    "ER": (214.1, 0.738),
}
BENT: dict[str, Row] = {
    "DPS": (41.86, 0.278),
    "BKS-styleGAN2": (63.18, 0.407),
    "BKS-generic": (141.0, 0.640),
    "MCG": (180.1, 0.695),
}
_SOURCE = "Table {} of the paper (openreview.net/forum?id=OnD9zGAGT0k); tolerance 5 %"
_FFHQ = pictures("ffhq-256", "the first 1000 faces of FFHQ, 256 pixels a side", "github.com/NVlabs/"
                 "ffhq-dataset, reduced to 256 pixels")  # fmt: skip
_IMAGENET = pictures("imagenet-256", "1000 validation pictures of ImageNet, 256 pixels a side",
                     "image-net.org; the paper does not say which")  # fmt: skip


def _tables() -> list[Table]:
    faces, photographs = [FACES, _FFHQ, PERCEPTION], [IMAGENET, _IMAGENET, PERCEPTION]
    both = ("FID", "LPIPS")
    return [
        published("ffhq", "FFHQ, 1000 faces", _SOURCE.format(1), faces, FFHQ, COLUMNS),
        published("imagenet", "ImageNet, 1000 photographs", _SOURCE.format(2), photographs,
                  PHOTOGRAPHS, COLUMNS),
        published("phase", "Phase retrieval on FFHQ", _SOURCE.format(3), faces, PHASE, both),
        published("deblur", "Deblurring by a network, on FFHQ", _SOURCE.format(4), faces, BENT,
                  both),
    ]  # fmt: skip


PAPER = Paper(
    id="dps",
    title="Diffusion Posterior Sampling for General Noisy Inverse Problems",
    domain="restoration",
    citation="dps",
    claim="better FID and LPIPS than projections and other priors on noisy linear and non-linear "
    "problems, with one pretrained network",
    protocol="1000 ancestral steps with the learned variance, each followed by a step of length "
    "zeta along the gradient of the residual's norm through the network: zeta .3 for blurs and "
    "super-resolution, .5 for inpainting, 1 for phase retrieval; noise .05 of the range [-1, 1]. "
    "x4 is bicubic, blurs have 61 pixels (Gaussian of deviation 3, motion of intensity .5), the "
    "box has 128 pixels, random masks hide 92 %. Phase retrieval takes the best of 4. The smoke "
    "run: distance to a known posterior, whose truth shows that the sampler depends on its number "
    "of steps, and one picture, with zeta scaled to as long a way in fewer steps.",
    measure="undrift.restoration.papers.posterior_smoke:dps",
    trains=False,
    tables=[
        *_tables(),
        smoke(
            [
                ("field, 20 steps, zeta .3", "distance", 0.93, 0.05, "near"),
                ("field, 20 steps, zeta .3", "deviation ratio", 1.16, 0.03, "near"),
                ("field, 100 steps, zeta .3", "distance", 0.18, 0.06, "at most"),
                ("field, 100 steps, zeta .3", "deviation ratio", 0.96, 0.03, "near"),
                ("super-resolution x4", "dB above A^+ y", -3.01, 0.0, "at least"),
                ("half the pixels", "dB above A^+ y", 0.0, 0.0, "at least"),
            ],
            f"field: {FIELD}. Picture: {PICTURE}; no bound for chi, since steps of a given "
            "length do not know the noise",
        ),
    ],
)
