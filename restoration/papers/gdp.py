"""GDP, a generative diffusion prior for restoration and enhancement (Fei et al., CVPR 2023)."""

from undrift.common.reproduce.paper import Paper
from undrift.restoration.papers.posterior_parts import (
    FITTED,
    IMAGENET,
    ON_THE_PICTURE,
    PERCEPTION,
    closed,
    pictures,
    smoke,
)

_SOURCE = "the tables of the paper (arXiv 2304.01247)"
_LINEAR = [
    IMAGENET,
    pictures(
        "imagenet-256",
        "1000 validation pictures of ImageNet",
        "image-net.org; the list is that of github.com/XingangPan/deep-generative-prior",
    ),
    PERCEPTION,
]
_BLIND = [
    IMAGENET,
    pictures("gdp", "the low-light pictures and exposures of its test sets", "named in the paper"),
    PERCEPTION,
]

PAPER = Paper(
    id="gdp",
    title="Generative Diffusion Prior for Unified Image Restoration and Enhancement",
    domain="restoration",
    citation="gdp",
    claim="one pretrained network restores by gradients at its estimate of x0, also where the "
    "parameters of the degradation are unknown and estimated on the way",
    protocol="1000 ancestral steps; the gradient of the mean squared residual at the estimate is "
    "added to the state, times a scale (x4 2000, blur and colour 6000, inpainting 4000, low light "
    "and HDR 80000); blind problems have y = f x + M with f and M moved by the same gradient; "
    "large pictures by patches of 256 at a stride of 128. The smoke run: distance to a known "
    "posterior at two numbers of steps, since the push does not follow the step, and one picture.",
    measure="undrift.restoration.papers.posterior_smoke:gdp",
    trains=False,
    tables=[
        closed("linear", "x4, deblurring, inpainting and colour of ImageNet", _SOURCE, _LINEAR),
        closed("blind", "Low light and HDR", _SOURCE, _BLIND),
        smoke(
            [
                ("field, 20 steps, weight .1", "distance", 1.04, 0.05, "near"),
                ("field, 20 steps, weight .1", "deviation ratio", 1.23, 0.03, "near"),
                ("field, 100 steps, weight .1", "distance", 0.61, 0.05, "near"),
                ("field, 100 steps, weight .1", "deviation ratio", 1.19, 0.03, "near"),
                *ON_THE_PICTURE,
            ],
            FITTED,
        ),
    ],
)
