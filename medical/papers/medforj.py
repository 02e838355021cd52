"""medforj (arXiv 2510.26834): whole heads by diffusion of voxels, and which target trains."""

from undrift.common.reproduce.paper import Paper
from undrift.common.reproduce.tables import closed, lacking
from undrift.medical.papers.tables import smoke

PAPER = Paper(
    id="medforj",
    title="Diffusion-Driven Generation of Minimally Preprocessed Brain MRI (medforj)",
    domain="medical",
    citation="medforj",
    claim="3D diffusion of raw heads trains with velocity and flow targets and beats sample "
    "prediction in FID; eps does not converge; all differ from real data in regional volumes",
    protocol="80 675 T1-weighted volumes of 38 public data sets, 192 x 224 x 192, [-1, 1] each; "
    "U-Net of 41 M; variance preserving, linear betas, 1000 steps; 64 DDIM steps from index 945. "
    "FID needs the authors' feature network and data, neither of which is at hand.",
    measure="undrift.medical.papers.measure:medforj",
    trains=True,
    tables=[
        closed("fid", "FID of the three targets", "the paper's table",
               [lacking("features", "the feature network of the FID")]),
        smoke(3.4, {
            ("flow target", "error of x0 at index 999"): ("near", 0, 1e-6),
            ("schedule", "first index of 64 published steps"): ("near", 945, 0),
        }, "identities of the targets; the published program's list; fall: of flow prediction on "
           "balls, half of what was measured (7.0)"),
    ],
)  # fmt: skip
