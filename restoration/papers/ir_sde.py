"""IR-SDE, mean-reverting equations for restoration (Luo et al., ICML 2023): four tasks.

The tables of the paper are quoted by GOUB ("Image Restoration Through Generalized
Ornstein-Uhlenbeck Bridge", Yue et al., ICML 2024), which also says that deraining is scored on
luma.
"""

from undrift.common.reproduce.paper import Need, Paper, Table
from undrift.restoration.papers.picture_tables import PERCEPTION, data, restored, scored, smoke

ROW = "IR-SDE"
_LISTED = "paperswithcode.com/paper/image-restoration-with-mean-reverting, which lists it"
_HOW = (
    "weights and restored pictures of the authors are linked in the README of github.com/Algolzw/"
    "image-restoration-sde, which states no licence for them"
)
# table: (title, source, data, PSNR, SSIM, LPIPS, FID)
_FACES = Need(
    kind="files",
    name="papers/celeba-hq",
    what="the 100 test faces of CelebA-HQ, 256 pixels a side, and with the authors' thin masks",
    how="which faces is not written down, but they lie beside the authors' restored pictures "
    "(..._HQ.png, ..._LQ.png); put them into papers/celeba-hq/clean and, to restore them by a "
    "model, papers/celeba-hq/degraded below the cache folder, under equal names",
)
PUBLISHED: dict[str, tuple[str, str, list[Need], tuple[float, float, float, float]]] = {
    "rain100h": (
        "Deraining, 100 pictures of Rain100H, luma",
        f"Table 2 of GOUB, which quotes it; {_LISTED}, too",
        [data("rain100h", "the 100 test pairs of Rain100H")],
        (31.65, 0.9041, 0.047, 18.64),
    ),
    "rain100l": (
        "Deraining, 100 pictures of Rain100L, luma",
        _LISTED,
        [data("rain100l", "the 100 test pairs of Rain100L")],
        (38.30, 0.9805, 0.014, 7.94),
    ),
    "gopro": (
        "Deblurring, 1111 pictures of GoPro",
        _LISTED,
        [data("gopro", "the 1111 test pairs of GoPro")],
        (30.70, 0.901, 0.064, 6.32),
    ),
    "div2k": (
        "Super-resolution x4, 100 pictures of DIV2K, central 256 pixels",
        "Table 3 of GOUB, which quotes it; the central square as the authors say in issue 108 of "
        "their repository",
        [data("div2k", "the 100 validation pictures of DIV2K and their small ones")],
        (25.90, 0.6570, 0.231, 45.36),
    ),
    "celeba-hq": (
        "Inpainting of thin masks, 100 faces of CelebA-HQ, 256 pixels",
        "Table 1 of GOUB, which quotes it",
        [_FACES],
        (28.37, 0.9166, 0.046, 25.13),
    ),
}


def _tables() -> list[Table]:
    tables = []
    for name, (title, source, needs, (psnr, ssim, lpips, fid)) in PUBLISHED.items():
        own = [*needs, restored("ir-sde", name, _HOW)]
        tables.append(scored(name, title, source, own, {ROW: {"PSNR": psnr, "SSIM": ssim}}))
        tables.append(
            scored(f"{name}-perception", "The same, by perceptual scores", source,
                   [*own, PERCEPTION], {ROW: {"LPIPS": lpips, "FID": fid}})
        )  # fmt: skip
    return tables


SCORES = {
    "rain": {"PSNR": 30.4720546, "SSIM": 0.8577469},
    "blur": {"PSNR": 28.6682183, "SSIM": 0.8800275},
    "super-resolution": {"PSNR": 28.7011161, "SSIM": 0.8814507},
    "holes": {"PSNR": 28.6682183, "SSIM": 0.8800275},
}

PAPER = Paper(
    id="ir-sde",
    title="Image Restoration with Mean-Reverting Stochastic Differential Equations",
    domain="restoration",
    citation="irsde",
    claim="one process from the clean to the degraded picture with noise serves rain, blur, "
    "enlarging and holes, with better perceptual scores than regression",
    protocol="T = 100, cosine rate, eps .005, max_sigma 10/255 (rain, blur) or 30/255 (enlarging, "
    "holes); a U-Net of 137 million parameters predicts noise; the loss compares its reverse step "
    "with the most likely state (L1); Adam 1e-4, batch 4, crops of 128, 700 000 iterations. "
    "Scores: 8-bit pictures; a border of 4 pixels is left out in every task, since the programs "
    "take the scale 4 of all configurations for it; rain on luma, the others on RGB; SSIM with the "
    "Gaussian window. The smoke run trains one small network a task with this process and loss, "
    "and samples it by the paper's hundred steps.",
    measure="undrift.restoration.papers.ir_sde_protocol:measure",
    trains=True,
    tables=[
        *_tables(),
        smoke(
            1.7,
            SCORES,
            [],
            "training: two thirds of the least fall that was measured (2.6, for rain). Of the "
            "sampled pictures nothing is asked: the way back multiplies errors by up to "
            "1/eps = 200, which a network of so few steps cannot bear",
        ),
    ],
)
