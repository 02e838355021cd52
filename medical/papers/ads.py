"""Active diffusion subsampling (Nolan et al., TMLR 2025): which columns of k-space to measure."""

from undrift.common.reproduce.paper import Paper
from undrift.common.reproduce.tables import closed, data, lacking
from undrift.medical.papers.tables import smoke

PAPER = Paper(
    id="ads",
    title="Active Diffusion Subsampling",
    domain="medical",
    citation="ads",
    claim="columns of k-space chosen while sampling, where particles disagree most, reconstruct "
    "better than fixed masks of as many columns",
    protocol="fastMRI knee, 128 x 128, 16 particles, 10 000 steps of DPS (1000 where light), "
    "32 columns of which one is there at the start, chosen between steps 50 and 2500; sigma 50, "
    "omega .85. The published rule adds exponentials that grow with distance; here the entropy of "
    "the mixture, whose exponentials fall, is the default.",
    measure="undrift.medical.papers.measure:ads",
    trains=False,
    tables=[
        closed("fastmri", "SSIM at 4x, fastMRI knee", "the paper's table",
               [data("fastmri", "the knee volumes of fastMRI"),
                lacking("network", "the authors' network, in keras")]),
        smoke(None, {
            ("two particles", "columns chosen right, of 8"): ("near", 8, 0),
        }, "particles that differ in one column alone"),
    ],
)  # fmt: skip
