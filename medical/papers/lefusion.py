"""LeFusion (Zhang et al., ICLR 2025): lesions by a loss and a sampler that see lesions alone."""

from undrift.common.reproduce.paper import Paper
from undrift.common.reproduce.tables import closed, data, lacking
from undrift.medical.papers.tables import smoke

PAPER = Paper(
    id="lefusion",
    title="LeFusion: Controllable Pathology Synthesis via Lesion-Focused Diffusion Models",
    domain="medical",
    citation="lefusion",
    claim="a diffusion trained on lesions alone, with the noised scan as background, makes lesions "
    "that help segmentation; histograms and a channel a class control what is made",
    protocol="LIDC crops of 32 x 64 x 64 (2104 nodules train, 520 test), HU within [-1000, 400]; "
    "EMIDEC 10 x 72 x 72. Variance preserving, 300 steps, cosine; eps inside lesions, l1; 16 bins "
    "told with the time. RePaint's walk, jump and number of walks 2 to 10 (598 calls at 2). The "
    "paper trains nnU-Net and SwinUNETR with and without made lesions and compares their Dice; "
    "segmentation networks are no part of this package.",
    measure="undrift.medical.papers.measure:lefusion",
    trains=True,
    tables=[
        closed("segmentation", "Dice with made lesions, LIDC and EMIDEC", "the paper's tables",
               [data("lidc", "LIDC-IDRI, or the authors' crops"),
                lacking("nnU-Net", "training of segmentation networks")]),
        smoke(6.5, {
            ("fixed lesion", "voxels of the background that change"): ("near", 0, 0),
            ("fixed lesion", "histogram of 8 levels"): ("near", 0, 1e-12),
            ("walk of 300", "calls at (2, 2)"): ("near", 598, 0),
            ("walk of 300", "calls at (5, 5)"): ("near", 1480, 0),
        }, "calls: counted in the authors' program; background and histogram: by construction of "
           "whole numbers; fall: half of what was measured (13.3)"),
    ],
)  # fmt: skip
