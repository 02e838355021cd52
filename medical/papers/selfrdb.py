"""SelfRDB (Arslan et al., Medical Image Analysis 2025), beside BBDM: bridges between contrasts."""

from undrift.common.reproduce.paper import Paper
from undrift.common.reproduce.tables import closed, data, results
from undrift.medical.papers.tables import smoke

PAPER = Paper(
    id="selfrdb",
    title="Self-Consistent Recursive Diffusion Bridge for Medical Image Translation",
    domain="medical",
    citation="selfrdb",
    claim="a bridge from the target to the noisy source, with noise that grows to its end and a "
    "recursion to self-consistency, translates contrasts better than bridges with pinned ends",
    protocol="2D slices of IXI and BraTS, each slice to [0, 1] alone and padded to 256; T = 10, "
    "gamma = 1, R = 2 recursions; NCSN++ with an adversarial loss. PSNR and SSIM of slices after "
    "division by their means. BBDM: the same pairs, pinned ends, 200 steps.",
    measure="undrift.medical.papers.measure:selfrdb",
    trains=True,
    tables=[
        closed("ixi", "T1 to T2, IXI", "the paper's table",
               [data("ixi", "registered pairs of IXI"),
                results("selfrdb", "ixi", "translated volumes")]),
        closed("brats", "T1 to T2, BraTS", "the paper's table",
               [data("brats", "BraTS 2021"), results("selfrdb", "brats", "translated volumes")]),
        smoke(5.8, {
            ("fixed pair", "PSNR"): ("near", 20.0, 1e-9),
            ("sampled", "dB nearer than the source"): ("at least", 10.0, 0),
        }, "fixed pair: an offset of a tenth of the range; the others: half of what was "
           "measured (11.7, 20.7 dB)"),
    ],
)  # fmt: skip
