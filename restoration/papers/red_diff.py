"""RED-Diff, a posterior as one optimised picture (Mardani et al., ICLR 2024)."""

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

_SOURCE = "the tables of the paper (arXiv 2305.04391)"
_NEEDS = [
    IMAGENET,
    pictures(
        "imagenet-256",
        "the 1000 validation pictures of ImageNet of the Palette protocol, 256 pixels a side",
        "image-net.org; github.com/NVlabs/RED-diff says which",
    ),
    PERCEPTION,
]

PAPER = Paper(
    id="red-diff",
    title="A Variational Perspective on Solving Inverse Problems with Diffusion Models",
    domain="restoration",
    citation="reddiff",
    claim="optimising one picture against a pretrained network beats samplers on linear and "
    "non-linear restoration, without a derivative of the network",
    protocol="one Adam step (rate .1, betas .9 and .99) at each of the times, from noisy to clean; "
    "lambda .25, weights s/a; inpainting, x4, blurs, HDR and phase retrieval of 256-pixel "
    "photographs. The authors' code takes means over measurements and pixels and no noise: that "
    "balance is run on the field; on the picture sums and the noise are used. The smoke run: "
    "distance to a known posterior, whose truth shows what is lost (a single picture has no "
    "spread, and what is left of it is jitter of the optimiser), and one picture.",
    measure="undrift.restoration.papers.posterior_smoke:red_diff",
    trains=False,
    tables=[
        closed("linear", "Inpainting, x4 and deblurring of ImageNet", _SOURCE, _NEEDS),
        closed("nonlinear", "Phase retrieval, HDR and non-linear deblurring", _SOURCE, _NEEDS),
        smoke(
            [
                ("field, 20 steps", "distance", 0.80, 0.05, "near"),
                ("field, 20 steps", "deviation ratio", 0.24, 0.03, "near"),
                ("field, 100 steps", "distance", 0.60, 0.05, "near"),
                ("field, 100 steps", "deviation ratio", 0.43, 0.03, "near"),
                *ON_THE_PICTURE,
            ],
            FITTED,
        ),
    ],
)
