"""ScoreDVI, a picture and its noise from one photograph (Cheng et al., ICCV 2023)."""

from undrift.common.reproduce.paper import Paper, Table
from undrift.restoration.papers.self_supervised_parts import BLIND, CC, SIDD, smoke

_SOURCE = (
    "the tables of the paper (ICCV 2023); its numbers are not entered here, since its page was not "
    "at hand"
)

PAPER = Paper(
    id="score-dvi",
    title="Score Priors Guided Deep Variational Inference for Unsupervised Real-World Single Image "
    "Denoising",
    domain="restoration",
    citation="scoredvi",
    claim="a variational posterior of one real photograph, with the score of Gaussian denoisers as "
    "its prior, restores it and tells the noise of each pixel",
    protocol="400 steps of Adam at 1e-3 on each picture; 3 Gaussians, 5 draws a step; Gamma prior "
    "(1, .02) for SIDD, (1, .01) for CC, (1, .005) for PolyU; strength .5, 1 or 2 by the noise of "
    "sub-pictures; average over the last steps, memory .9. Here the score is that of the shipped "
    "denoiser, told the noise, not of a bias-free network that guesses it; one draw, strength 1, "
    "and a weak Gamma prior at the noise found in blocks. The smoke run: 200 steps with one "
    "Gaussian on a synthetic picture of 48 pixels whose halves have noise of 10 and 30.",
    measure="undrift.restoration.papers.score_dvi_smoke:measure",
    trains=False,
    tables=[
        Table(
            name="real", title="SIDD, CC, PolyU and others", source=_SOURCE,
            needs=[SIDD, CC, BLIND],
        ),
        smoke(
            [
                ("picture", "steps of the fit", 200, 0.0, "at least"),
                ("picture", "dB above the noisy picture", 4.2, 0.7, "near"),
                ("left half", "noise found", 10.0, 3.0, "near"),
                ("right half", "noise found", 30.0, 6.0, "near"),
            ],
            None,
            "the noise that was added, give or take the tolerance; the gain was measured here once",
        ),
    ],
)  # fmt: skip
