"""HIR-Diff (Pang et al., CVPR 2024): a cube as three of its bands, which a prior of pictures knows.

The tables of the paper could not be read; the three figures are of the authors' README, where they
show what the schedule does. A user who ran the published files measured "around 36 dB" (issue 12 of
LiPang/HIRDiff). They are the best on the way, by a look at the truth.
"""

from undrift.common.reproduce.paper import Figure, Need, Paper, Table
from undrift.common.reproduce.tables import closed, data, smoke_table

BEST, LAST = "MPSNR, the best on the way", "MPSNR, the last state"
WEIGHTS = "papers/hir-diff/I190000_E97_gen.pth"
_NEEDS = [
    data("hirdiff-cubes", "the authors' test cubes"),
    Need(
        kind="files",
        name=WEIGHTS,
        what="the prior of ddpm-cd, 391 million parameters",
        how=f"get I190000_E97_gen.pth where the README of LiPang/HIRDiff says (a Dropbox folder of "
        f"ddpm-cd), and put it at {WEIGHTS} below the cache",
    ),
]
_README = "README of github.com/LiPang/HIRDiff, comparison with other schedules"

PAPER = Paper(
    id="hir-diff",
    title="HIR-Diff: Unsupervised Hyperspectral Image Restoration Via Improved Diffusion Models",
    domain="scientific",
    citation="hirdiff",
    claim="three bands of a cube, restored by a prior of pictures with a total variation of the "
    "whole cube, restore all bands; an exponential schedule saves four steps of five",
    protocol="bands by strong RRQR (bound 1.2) of the first three singular vectors; E of Eq. (14); "
    "20 DDIM steps of 1000, eta 0, each pulled by the gradient of misfit and total variation "
    "through the network, told abar. Houston with noise of 50/255: 16 x 256 x 64 and 10 x 8 x 64, "
    "exponential, k 8; 20 and 1 for other schedules. WDC by 4 after a Gaussian blur of 9 x 9: 500, "
    "12, k 8. Salinas with 20 % of the values: 8, 6, k 5. MPSNR with peak 1. The published figure "
    "is the best X of all steps, which needs the truth; the last state, which a user would have, "
    "is measured beside it. Noise at the start is drawn otherwise here.",
    measure="undrift.scientific.papers.measure:hir_diff",
    trains=True,
    tables=[
        Table(
            name="denoise-houston",
            title="Noise of 50/255, Houston",
            source=_README,
            needs=_NEEDS,
            figures=[
                Figure(row=row, column=BEST, value=value, tolerance=0.3)
                for row, value in (("exponential", 36.01), ("cosine", 34.61), ("linear", 34.33))
            ],
        ),
        closed("equal-steps-houston", "The same without RRQR", "the paper's ablation", _NEEDS),
        closed("sr-wdc", "x4 after blur, WDC", "the paper's table", _NEEDS),
        closed("inpainting-salinas", "80 % missing, Salinas", "the paper's table", _NEEDS),
        smoke_table(
            "Training, band choice, chain and score on a made-up scene", 2.2,
            {
                ("pure bands", "found, of 3"): ("near", 3, 0),
                ("pure bands", "error of all others"): ("near", 0, 1e-9),
                ("fixed pair", "MPSNR"): ("near", 20.0, 1e-9),
                ("sampled", "dB nearer than noisy"): ("at least", 5.7, 0),
            },
            "pure bands: a cube made of three of its bands; fixed pair: an offset of a tenth of "
            "the peak; the others: half of what was measured (4.5, 11.6 dB)",
        ),
    ],
)  # fmt: skip
