"""HSI-Diffusion (Vyse et al., 2024): denoising and destriping of cubes for the FINCH mission.

Of the paper its first page could be read. The public program (utat-ss/FINCH-destriping) has no
autoencoder, no latents, no stages and no degraded cube in its loss, and imports modules that are
not there; so what is repeated is the outline, and what fills it is this package's (`learned`).
"""

from undrift.common.reproduce.paper import Paper
from undrift.common.reproduce.tables import closed, lacking, results, smoke_table

PAPER = Paper(
    id="hsi-diffusion",
    title="Beyond the Visible: Jointly Attending to Spectral and Spatial Dimensions with "
    "HSI-Diffusion for the FINCH Spacecraft",
    domain="scientific",
    citation="hsidiffusion",
    claim="a 3D latent diffusion model of cubes, trained in three stages on real and made-up data, "
    "removes noise, stripes and dead pixels of EnMAP-like cubes and keeps their spectra",
    protocol="outline: autoencoder; diffusion of its codes; fine-tuning to a sensor. Here: the "
    "linear autoencoder of the cube's own subspace (any number of bands), a bridge of its codes "
    "under generic noise (recipe hsi-subspace), and fine-tuning on the user's scene without clean "
    "data (recipe hsi-own-scene). Degradation: the stripes, noise and impulses of the authors' "
    "augmentation, hyperspectral.noise.finch. Scores: MPSNR, MSSIM with a Gaussian window, SAM.",
    measure="undrift.scientific.papers.measure:hsi_diffusion",
    trains=True,
    tables=[
        closed("finch", "Made-up faults of FINCH", "the paper's tables",
               [results("hsi-diffusion", "truth", "clean cubes"),
                results("hsi-diffusion", "restored", "restored cubes")]),
        closed("authors", "The authors' own model", "the paper's tables",
               [lacking("model", "the authors' weights and the program that made the tables")]),
        smoke_table(
            "Three stages, degradation and scores on made-up scenes", 1.7,
            {
                ("stage 1", "codes and back, error"): ("near", 0, 1e-9),
                ("stage 2", "squared error over the guess's"): ("at most", 0.78, 0),
                ("stage 3", "error on held rows over the start's"): ("at most", 0.985, 0),
                ("fixed pair", "MPSNR"): ("near", 26.020599913279625, 1e-9),
                ("fixed pair", "SAM"): ("near", 0, 1e-7),
            },
            "stage 1: a cube of three spectra; fixed pair: a quarter of the columns off by a tenth "
            "of the peak, all bands alike: 20 dB and 10 lg 4; others: half of what was "
            "gained (2.39, .566, .970)",
        ),
    ],
)  # fmt: skip
