"""DRDM (Zheng et al., Medical Image Analysis 2026): deformations by recovery of random ones."""

from undrift.common.reproduce.paper import Figure, Paper, Table
from undrift.common.reproduce.tables import closed, data, lacking, results
from undrift.medical.papers.tables import smoke

PAPER = Paper(
    id="drdm",
    title="Deformation-Recovery Diffusion Model (DRDM): Instance Deformation for Image "
    "Manipulation and Synthesis",
    domain="medical",
    citation="drdm",
    claim="a network that undoes random deformations, composed step by step, gives many shapes of "
    "one scan that barely fold and help segmentation and registration from few scans",
    protocol="random velocities over four scales composed up to 195 times, T = 80; recursive U-Net "
    "(0.44 M in 2D, 1.31 M in 3D) trained by relative distance, angle and smoothness; sampling "
    "from t = 48 (cardiac MR) or 64 (lung CT), all 80 steps. The forward fields of the published "
    "2D settings fold in up to 36 % of the pixels; here every composition is checked.",
    measure="undrift.medical.papers.measure:drdm",
    trains=True,
    tables=[
        Table(name="folding", title="Share of folding voxels of made fields",
              source="abstract of the second version of the paper: below 1 %",
              needs=[results("drdm", "folding", "displacement fields (x, y, z, 3) in mm")],
              figures=[Figure(row="DRDM", column="det J <= 0, %", value=1, kind="at most")]),
        closed("segmentation", "Segmentation and registration with made shapes", "the paper's "
               "tables", [data("lidc", "lung CT"), lacking("nnU-Net", "segmentation networks")]),
        smoke(1.35, {
            ("fixed field", "angle to its inverse"): ("near", -1, 1e-6),
            ("fixed field", "distance to its inverse"): ("near", 0, 1e-9),
            ("sampled", "det J <= 0, %"): ("near", 0, 0),
        }, "fixed field: a shift, whose inverse is minus itself; fall: half of the gain that was "
           "measured (1.7)"),
    ],
)  # fmt: skip
