"""MRS, a fast sampler for mean-reverting diffusion (Li et al., ICLR 2025): quality against calls.

The published numbers are those printed in the figure `figs/score.png` of the authors' repository.
"""

from undrift.common.reproduce.paper import FALL, STEPS, Figure, Kind, Need, Paper, Table

CALLS = (5, 10, 20, 50, 100)
_SOURCE = "figs/score.png of github.com/grrrute/mr-sampler, commit 896764c, "
_TOLERANCE = 0.05  # relative; the authors state no spread

# (data, metric) -> method -> values at CALLS
PUBLISHED: dict[tuple[str, str], dict[str, tuple[float, ...]]] = {
    ("low-light", "FID"): {
        "posterior": (452.97, 432.19, 390.12, 151.33, 34.70),
        "Euler": (447.16, 424.17, 396.82, 176.68, 37.46),
        "MR Sampler-1": (41.81, 41.10, 35.28, 34.45, 32.91),
        "MR Sampler-2": (33.98, 36.53, 32.80, 32.85, 32.91),
    },
    ("low-light", "LPIPS"): {
        "posterior": (1.371, 1.351, 1.288, 0.657, 0.080),
        "Euler": (1.372, 1.354, 1.297, 0.752, 0.101),
        "MR Sampler-1": (0.086, 0.083, 0.079, 0.078, 0.077),
        "MR Sampler-2": (0.078, 0.084, 0.079, 0.079, 0.079),
    },
    ("motion-blurry", "FID"): {
        "posterior": (155.26, 141.90, 117.77, 45.13, 14.48),
        "Euler": (157.28, 143.68, 120.83, 61.21, 16.06),
        "MR Sampler-1": (16.32, 15.65, 14.92, 14.47, 14.61),
        "MR Sampler-2": (14.20, 15.51, 14.82, 14.62, 14.61),
    },
    ("motion-blurry", "LPIPS"): {
        "posterior": (1.228, 1.187, 1.069, 0.511, 0.125),
        "Euler": (1.234, 1.197, 1.089, 0.574, 0.140),
        "MR Sampler-1": (0.142, 0.136, 0.129, 0.124, 0.124),
        "MR Sampler-2": (0.125, 0.130, 0.127, 0.125, 0.125),
    },
}

# (row, calls) -> PSNR in dB of the sampled picture; means over 8 trainings with other seeds
SMOKE_PSNR = {
    ("posterior as published", 5): 9.89,
    ("posterior as published", 10): 10.26,
    ("posterior, whole steps", 5): 16.56,
    ("posterior, whole steps", 10): 15.07,
    ("MR Sampler-1, ODE", 5): 15.41,
    ("MR Sampler-1, ODE", 10): 14.21,
    ("MR Sampler-2, SDE", 5): 16.32,
    ("MR Sampler-2, SDE", 10): 12.25,
}

_NEEDS = [
    Need(
        kind="files",
        name="papers/daclip-uir/universal-ir.pth",
        what="the weights universal-ir.pth and daclip_ViT-B-32.pt",
        how="huggingface.co/weblzw/daclip-uir-ViT-B-32-irsde",
    ),
    Need(
        kind="files",
        name="papers/daclip-uir/test",
        what="the test pictures, folders LQ and GT for each degradation",
        how="the Google Drive link in the README of github.com/Algolzw/daclip-uir",
    ),
    Need(
        kind="code",
        name="DA-CLIP",
        what="the network, a U-Net with text and image contexts of DA-CLIP",
        how="not part of undrift; github.com/Algolzw/daclip-uir has it",
    ),
]


def _published(data: str, metric: str) -> Table:
    figures = [
        Figure(row=row, column=f"{n} calls", value=v, tolerance=round(v * _TOLERANCE, 4))
        for row, values in PUBLISHED[data, metric].items()
        for n, v in zip(CALLS, values, strict=True)
    ]
    return Table(
        name=f"{data}-{metric}".lower(), title=f"{metric} on {data} pictures", figures=figures,
        source=_SOURCE + "which does not say which variant (ODE or SDE) it shows; tolerance 5 %",
        needs=_NEEDS,
    )  # fmt: skip


def _claims() -> Table:
    """What the figure says of the samplers alone, asked of a problem whose answer is known."""
    rows: list[tuple[str, str, Kind, float]] = [
        ("posterior as published", "5 / 100 calls", "at least", 9.8),
        ("Euler as published", "5 / 100 calls", "at least", 8.8),
        ("MR Sampler-2, SDE / posterior as published", "10 / 50 calls", "at most", 1.0),
        ("MR Sampler-2, ODE / posterior as published", "10 / 50 calls", "at most", 1.0),
        ("MR Sampler-2, SDE / MR Sampler-1, SDE", "5 / 5 calls", "at most", 1.0),
        ("MR Sampler-2, ODE / MR Sampler-1, ODE", "5 / 5 calls", "at most", 1.0),
    ]
    figures = [
        Figure(
            row=f"{problem}: {row}", column=column, value=value, tolerance=0.05 * value, kind=kind
        )
        for problem in ("broad", "sharp")
        for row, column, kind, value in rows
    ]
    return Table(
        name="ratios", title="Ratios of distances on the exact problems",
        source="orders and ratios in the figure: at 5 calls the LPIPS of the baselines is at least "
        "9.8 (posterior) and 8.8 (Euler) times that at 100; MR Sampler with 10 calls is below the "
        "baselines with 50, its second order below its first at 5; tolerance 5 %, for the seeds",
        figures=figures,
    )  # fmt: skip


def _exact(problem: str) -> Table:
    return Table(
        name=f"exact-{problem}",
        title=f"Sliced W1 to the exact posterior, problem `{problem}`",
        source="measured here only: nothing was published for problems with a known answer",
    )


def _smoke() -> Table:
    figures = [
        Figure(row=STEPS[0], column=STEPS[1], value=240, kind="at least"),
        Figure(row=FALL[0], column=FALL[1], value=2.5, kind="at least"),
        *(
            Figure(row=row, column=f"{n} calls", value=value, tolerance=0.3)
            for (row, n), value in SMOKE_PSNR.items()
        ),
    ]
    return Table(
        name="smoke", title="PSNR of a darkened picture, restored", when="smoke", figures=figures,
        source="this repository: mean over 8 trainings that differ in their seed, with standard "
        "deviations up to 0.07 dB; the loss fell by 3.77 on average, with standard deviation 0.33. "
        "The tolerances are four such deviations",
    )  # fmt: skip


PAPER = Paper(
    id="mrs",
    title="MRS: A Fast Sampler for Mean Reverting Diffusion Based on ODE and SDE Solvers",
    domain="restoration",
    citation="mrs",
    claim="10 to 20 times fewer calls than posterior sampling or Euler steps, at equal quality",
    protocol="cosine rate, T = 100, max_sigma 50/255, eps .005; nodes at equal steps of t; FID and "
    "LPIPS on the test pictures of daclip-uir. Here: the same process and nodes on two Gaussian "
    "mixtures with exact denoisers, distance of 4096 samples to the exact law, 5 seeds. The "
    "baselines of the authors' code visit n of the 100 steps but move by one step of the hundred "
    "each, so that noise is left over ('as published'); with whole steps they are something else. "
    "The smoke run trains a small network to brighten synthetic pictures, and samples one of them.",
    measure="undrift.restoration.papers.mrs_protocol:measure",
    trains=True,
    tables=[
        *(_published(data, metric) for data, metric in PUBLISHED),
        _exact("broad"),
        _exact("sharp"),
        _claims(),
        _smoke(),
    ],
)
